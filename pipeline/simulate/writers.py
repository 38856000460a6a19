"""The files of a simulated site: meter, charger logs, weather, arming days, and the truth by window."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.domain import STATED_SCENARIOS
from pipeline.simulate.building import hour_stamps
from pipeline.simulate.ocpp_log import message_lines, soc_text
from pipeline.simulate.registers import Reading, SimulationOptions, charger_readings
from pipeline.simulate.timeline import stamp
from pipeline.simulate.world import SimulatedSite

METER_HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"
CHARGER_HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
SESSION_HEADER = (
    "session_id,charger_id,vehicle_id,plugged_in_at,plugged_out_at,soc_in_pct,soc_out_pct,target_soc_pct,departure_at\n"
)
WINDOW_HEADER = "site_id,interval_start,actual_wh,no_ev_wh,unmanaged_wh,charge_wh,discharge_wh\n"


def charger_ids(site: SimulatedSite) -> list[str]:
    """Return the ids of the chargers, one a car."""
    return [f"CP{number + 1}" for number in range(site.recipe.fleet.cars)]


def vehicle_ids(site: SimulatedSite) -> list[str]:
    """Return the ids of the cars."""
    return [f"{site.recipe.fleet.vehicle_prefix}{number + 1}" for number in range(site.recipe.fleet.cars)]


def write_lines(path: Path, header: str, lines: Iterable[str]) -> None:
    """Write a text file with the same bytes on every machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(header)
        stream.writelines(lines)


def kwh_text(wh: int) -> str:
    """Return a whole number of Wh as kWh with three decimals."""
    return f"{wh // 1000}.{wh % 1000:03d}"


def _meter_lines(site: SimulatedSite) -> Iterable[str]:
    duration_s = site.timeline.window_min * 60
    dead = {window for windows in site.dead_windows for window in windows}
    for window, local in enumerate(site.timeline.local):
        if window in dead:
            continue  # a meter without a grid writes nothing
        net = site.world_wh("actual", window)
        yield f"main,{local.isoformat()},{duration_s},{kwh_text(max(0, net))},{kwh_text(max(0, -net))}\n"


def _weather_lines(site: SimulatedSite, station_id: str) -> Iterable[str]:
    for at_s, tenths in zip(hour_stamps(site.timeline), site.weather, strict=True):
        sign = "-" if tenths < 0 else ""
        yield f"{station_id},{stamp(at_s)},{sign}{abs(tenths) // 10}.{abs(tenths) % 10}\n"


def _charger_lines(site: SimulatedSite, readings: Iterable[Reading]) -> Iterable[str]:
    chargers, vehicles = charger_ids(site), vehicle_ids(site)
    for reading in sorted(readings, key=lambda r: (r.at_s, r.charger)):
        charger = chargers[reading.charger]
        soc = "" if reading.soc_millionths is None else soc_text(reading.soc_millionths)
        session = "" if reading.transaction is None else f"{charger}-{reading.transaction}"
        vehicle = "" if reading.vehicle is None else vehicles[reading.vehicle]
        yield (
            f"{charger},{stamp(reading.stamp_s)},{reading.import_wh},{reading.export_wh},,{soc},{session},{vehicle}\n"
        )


def _session_lines(site: SimulatedSite, readings: Iterable[Reading]) -> Iterable[str]:
    chargers, vehicles = charger_ids(site), vehicle_ids(site)
    begins = {reading.transaction: reading for reading in readings if reading.occasion == "begin"}
    for end in sorted((r for r in readings if r.occasion == "end"), key=lambda r: (r.at_s, r.charger)):
        begin = begins.get(end.transaction)
        if begin is None or begin.soc_millionths is None or end.soc_millionths is None:
            continue
        charger, left = chargers[end.charger], stamp(end.stamp_s)
        yield (
            f"{charger}-{end.transaction},{charger},{vehicles[end.charger]},{stamp(begin.stamp_s)},{left},"
            f"{soc_text(begin.soc_millionths)},{soc_text(end.soc_millionths)},100,{left}\n"
        )


def _write_ocpp(folder: Path, site: SimulatedSite, readings: Sequence[Reading]) -> None:
    timeline = site.timeline
    ends = [timeline.start_s + windows.stop * timeline.window_min * 60 for _, windows in timeline.months]
    by_month: list[list[Reading]] = [[] for _ in ends]
    for reading in readings:
        by_month[min(bisect_right(ends, reading.at_s), len(ends) - 1)].append(reading)
    for (month, _), heard in zip(timeline.months, by_month, strict=True):
        write_lines(folder / f"{month}.jsonl", "", message_lines(heard, charger_ids(site), vehicle_ids(site)))


def write_landing(folder: Path, site: SimulatedSite, options: SimulationOptions) -> None:
    """Write a site's meter, charger and weather files below `folder`."""
    write_lines(folder / "meter.csv", METER_HEADER, _meter_lines(site))
    if site.recipe.climate is not None:
        weather = _weather_lines(site, site.recipe.climate.station_id)
        write_lines(folder / "weather.csv", "station_id,observed_at,temperature_c\n", weather)
    ocpp, table = list[Reading](), list[Reading]()
    for charger in range(site.recipe.fleet.cars):
        as_table = options.file_format == "csv" or (options.file_format == "both" and charger % 2 == 1)
        (table if as_table else ocpp).extend(charger_readings(site, options, charger))
    if options.file_format != "csv":
        _write_ocpp(folder / "ocpp", site, ocpp)
    if options.file_format != "ocpp":
        write_lines(folder / "charger.csv", CHARGER_HEADER, _charger_lines(site, table))
        write_lines(folder / "sessions.csv", SESSION_HEADER, _session_lines(site, table))


def arming_lines(site: SimulatedSite) -> list[str]:
    """Return the rows of `arming.csv`: every working day of the programme."""
    return [f"{site.recipe.site_id},{day},{str(armed).lower()}\n" for day, armed in sorted(site.armed.items())]


def outage_lines(site: SimulatedSite) -> list[str]:
    """Return the rows of `outages.csv`."""
    width, start_s = site.timeline.window_min * 60, site.timeline.start_s
    return [
        f"{site.recipe.site_id},{stamp(start_s + dead.start * width)},{stamp(start_s + dead.stop * width)}\n"
        for dead in site.dead_windows
    ]


def window_lines(site: SimulatedSite) -> Iterable[str]:
    """Return the rows of `truth_windows.csv`: the energy of every window in every world [Wh].

    These are the physical worlds of all months; `truth.json` bills what was metered before the programme.
    """
    timeline, width = site.timeline, site.timeline.window_min * 60
    for window in range(timeline.windows):
        worlds = ",".join(str(site.world_wh(world, window)) for world in STATED_SCENARIOS)
        at = stamp(timeline.start_s + window * width)
        yield f"{site.recipe.site_id},{at},{worlds},{site.charge_wh[window]},{site.discharge_wh[window]}\n"
