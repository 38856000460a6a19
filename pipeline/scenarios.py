"""The worlds a bill is computed for: actual, no_ev, unmanaged and managed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.charging import ChargePower, RoundTrip
from pipeline.domain import SCENARIOS, V2BError

_SECOND: Final = 1_000_000
Wh = np.ndarray[Any, np.dtype[np.int64]]
_SOC_STEPS: Final = (0.0, 0.80, 0.85, 0.90, 0.95)


def metered_windows(meter: pl.DataFrame, meter_ids: list[str], grid: pl.DataFrame) -> pl.DataFrame:
    """Sum the billing meters' intervals onto the demand windows.

    `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh]; `grid` of `calendars.window_grid`.
    Returns the grid with actual_import_wh, actual_export_wh and metered (every meter measured the whole window; the
    energies are 0 where not even a part was measured).
    Raises V2BError for intervals longer than the window or lying across its edge: a window's power is then unknown.
    """
    edges = grid.select(window_start="interval_start", window_s="duration_s").sort("window_start")
    rows = (
        meter.filter(pl.col("meter_id").is_in(meter_ids))
        .sort("interval_start")
        .join_asof(edges, left_on="interval_start", right_on="window_start")
        .drop_nulls("window_start")
        .with_columns(offset_s=(pl.col("interval_start") - pl.col("window_start")).dt.total_seconds())
        .filter(pl.col("offset_s") < pl.col("window_s"))
    )
    _refuse_straddling(rows)
    sums = rows.group_by("window_start").agg(
        actual_import_wh=pl.col("import_wh").sum(),
        actual_export_wh=pl.col("export_wh").sum(),
        measured_s=pl.col("duration_s").sum(),
    )
    return (
        grid.join(sums, left_on="interval_start", right_on="window_start", how="left")
        .with_columns(
            metered=pl.col("measured_s").fill_null(0) == pl.col("duration_s") * len(meter_ids),
            actual_import_wh=pl.col("actual_import_wh").fill_null(0),
            actual_export_wh=pl.col("actual_export_wh").fill_null(0),
        )
        .drop("measured_s")
        .sort("interval_start")
    )


def reactive_windows(reactive: pl.DataFrame, meter_ids: list[str], windows: pl.DataFrame) -> pl.DataFrame:
    """Add reactive_varh [varh] to demand windows: what all billing meters measured, null where any lacks a part.

    `reactive`: meter_id, interval_start, duration_s [s], reactive_varh. Intervals across windows count in none.
    """
    edges = windows.select(window_start="interval_start", window_s="duration_s").sort("window_start")
    offset = (pl.col("interval_start") - pl.col("window_start")).dt.total_seconds()
    inside = (
        reactive.filter(pl.col("meter_id").is_in(meter_ids))
        .sort("interval_start")
        .join_asof(edges, left_on="interval_start", right_on="window_start")
        .filter(offset + pl.col("duration_s") <= pl.col("window_s"))
    )
    sums = inside.group_by("window_start").agg(pl.col("reactive_varh").sum(), measured_s=pl.col("duration_s").sum())
    whole = pl.col("measured_s") == pl.col("duration_s") * len(meter_ids)
    return (
        windows.join(sums, left_on="interval_start", right_on="window_start", how="left", maintain_order="left")
        .with_columns(reactive_varh=pl.when(whole).then("reactive_varh"))
        .drop("measured_s")
    )


def is_reactive_metered(windows: pl.DataFrame) -> bool:
    """Tell whether any window has its reactive energy."""
    return "reactive_varh" in windows.columns and windows.get_column("reactive_varh").count() > 0


def _refuse_straddling(rows: pl.DataFrame) -> None:
    across = rows.filter(pl.col("offset_s") + pl.col("duration_s") > pl.col("window_s"))
    if across.is_empty():
        return
    first: dict[str, Any] = across.row(0, named=True)
    raise V2BError(
        f"meter {first['meter_id']}: the interval at {first['interval_start'].isoformat()} is {first['duration_s']} s "
        f"long and does not lie inside one demand window of {first['window_s']} s; allowed: intervals that divide the "
        "window (set demand_window_min to the meter's own interval, or ask the utility for finer data)"
    )


def no_ev(windows: pl.DataFrame) -> pl.DataFrame:
    """Take the cars out of the metered load: adds no_ev_import_wh and no_ev_export_wh [Wh].

    With x = discharge - charge per window: what cars gave is first taken back from the export, and what they took is
    first taken from the import, so that neither side of the meter ever goes below zero (IPMVP Option B, metered flows).
    """
    given = pl.col("discharge_wh") - pl.col("charge_wh")
    imported, exported = pl.col("actual_import_wh"), pl.col("actual_export_wh")
    zero = pl.lit(0, dtype=pl.Int64)
    adding = given >= 0
    return windows.with_columns(
        no_ev_import_wh=pl.when(adding)
        .then(imported + pl.max_horizontal(zero, given - exported))
        .otherwise(pl.max_horizontal(zero, imported + given)),
        no_ev_export_wh=pl.when(adding)
        .then(pl.max_horizontal(zero, exported - given))
        .otherwise(exported + pl.max_horizontal(zero, -given - imported)),
    )


def _with_charging(windows: pl.DataFrame, world: str) -> pl.DataFrame:
    """Add a world's charging to the world without cars: surplus is used up first, the rest is bought."""
    zero = pl.lit(0, dtype=pl.Int64)
    added, surplus = pl.col(f"{world}_charge_wh"), pl.col("no_ev_export_wh")
    return windows.with_columns(
        (pl.col("no_ev_import_wh") + pl.max_horizontal(zero, added - surplus)).alias(f"{world}_import_wh"),
        pl.max_horizontal(zero, surplus - added).alias(f"{world}_export_wh"),
    )


def unmanaged(windows: pl.DataFrame) -> pl.DataFrame:
    """Add plug-in charging to the world without cars: adds unmanaged_import_wh and unmanaged_export_wh [Wh]."""
    return _with_charging(windows, "unmanaged")


def managed(windows: pl.DataFrame) -> pl.DataFrame:
    """Add charging without what it gave back to the world without cars: adds managed_import_wh, managed_export_wh."""
    return _with_charging(windows, "managed")


def modelled_as_metered(windows: pl.DataFrame) -> pl.DataFrame:
    """Let the modelled worlds be what was metered: before the programme cars charged as they came."""
    return windows.with_columns(
        column
        for world in ("unmanaged", "managed")
        for column in (
            (pl.col("charge_wh") - pl.col("discharge_wh")).alias(f"{world}_charge_wh"),
            *[pl.col(f"actual_{side}_wh").alias(f"{world}_{side}_wh") for side in ("import", "export")],
        )
    )


def as_metered(windows: pl.DataFrame) -> pl.DataFrame:
    """Let every world be what was metered: so bills before the programme are priced, and ratchets start equal."""
    return windows.with_columns(
        pl.col(f"actual_{side}_wh").alias(f"{world}_{side}_wh")
        for world in SCENARIOS
        if world != "actual"
        for side in ("import", "export")
    )


def long_load(windows: pl.DataFrame) -> pl.DataFrame:
    """Return the worlds one under the other, in the shape of `domain.LOAD`; all with the metered reactive energy."""
    return pl.concat(
        windows.select(
            pl.lit(world).alias("scenario"),
            "interval_start",
            "duration_s",
            pl.col(f"{world}_import_wh").alias("import_wh"),
            pl.col(f"{world}_export_wh").alias("export_wh"),
            *(["reactive_varh"] if is_reactive_metered(windows) else []),
        )
        for world in SCENARIOS
    )


@dataclass(frozen=True)
class Battery:
    """What the unmanaged world must know of one car: capacity [Wh] and default target [%]."""

    usable_wh: float
    target_soc_pct: float


def unmanaged_by_charger(
    sessions: pl.DataFrame,
    grid: pl.DataFrame,
    *,
    batteries: Mapping[str, Battery],
    curve: Callable[[str, str], ChargePower],
    round_trip: RoundTrip,
) -> dict[str, Wh]:
    """Return what the same cars would have drawn at each charger per window had each charged from plug-in [Wh].

    `sessions`: every session since the programme began, in the shape of `domain.CHARGING_SESSION`; `curve(charger_id,
    vehicle_id)` the measured charging power. With states of charge, each car has a second energy account: it arrives
    with what this world left in it minus the driving between, and fills to the higher of its actual departure energy
    and its target if reachable. Without, a running stock of energy owed is kept per car; never a clip per session,
    which would inflate the driving. One number per window of `grid`.
    """
    edges = _edges(grid)
    drawn: dict[str, Wh] = {}
    for car in sessions.sort("plugged_in_at").partition_by("account", maintain_order=True):
        battery = batteries.get(str(car.item(0, "account")))
        ahead, owed = 0.0, 0.0
        for session in car.iter_rows(named=True):
            power = curve(session["charger_id"], session["account"])
            if battery and session["soc_in_pct"] is not None and session["soc_out_pct"] is not None:
                profile, ahead = _from_account(session, battery, power, round_trip, ahead)
            else:
                profile, owed = _from_stock(session, power, round_trip, owed)
            total = drawn.setdefault(session["charger_id"], np.zeros(len(edges) - 1, dtype=np.int64))
            total += _onto(profile, edges)
    return drawn


Energy = Callable[[str, pl.DataFrame], pl.DataFrame]
"""(charger_id, spans with interval_start and duration_s) -> those spans with charge_wh and discharge_wh."""


def managed_charge(
    sessions: pl.DataFrame, grid: pl.DataFrame, *, energy: Energy, round_trip: RoundTrip
) -> pl.DataFrame:
    """Return what the cars would have drawn per window at the times they did, had they given nothing back [Wh].

    What a car gave is a debt of discharge / eta; what it takes afterwards repays it and is left out, in time order
    within the session. What a session leaves unrepaid is taken off its own charging, the latest first, and the rest
    off the car's next session. So per car: drawn here = charged - discharged / eta + what is still owed, exactly.
    `sessions` as of `unmanaged_by_charger`; a session owns its charger until the next one begins. `grid`: the windows
    with charge_wh of all chargers; `energy` measures any span of one charger.
    Returns interval_start and managed_charge_wh, one row per window of `grid`.
    """
    edges = _epoch_s(grid)
    owned = _owned(sessions, int(edges[-1]))
    flows = _flows(owned.filter((pl.col("out_s") > edges[0]) & (pl.col("begin_s") < edges[-1])), edges, energy)
    repaid = np.zeros(len(edges) - 1, dtype=np.int64)
    for car in owned.partition_by("account", maintain_order=True):
        owed = 0
        for session in car.iter_rows(named=True):
            if session["out_s"] <= edges[0]:
                owed = max(0, owed + _debt(session["discharge_wh"], round_trip) - session["charge_wh"])
            elif session["begin_s"] < edges[-1] and (owed or session["discharge_wh"]):
                starts, taken, given = flows[session["charger_id"]].between(session["begin_s"], session["until_s"])
                kept, owed = match_debt(taken, given, owed, round_trip)
                places = np.searchsorted(edges, starts, side="right") - 1
                inside = (places >= 0) & (places < len(repaid))
                np.add.at(repaid, places[inside], (taken - kept)[inside])
    return grid.select("interval_start", managed_charge_wh=pl.col("charge_wh") - pl.Series(repaid))


def match_debt(charge: Wh, discharge: Wh, owed: int, round_trip: RoundTrip) -> tuple[Wh, int]:
    """Return what one session still draws per span without repaying its discharges, and what it leaves owed [Wh].

    `owed` comes from the car's sessions before. The debts are differences of a rounded running total, so that
    sum(drawn) = sum(charge) - owed before - sum(discharge) / eta + owed after holds to the Wh.
    """
    debts = np.diff(np.rint(np.cumsum(discharge) / round_trip.efficiency).astype(np.int64), prepend=0)
    kept = charge.astype(np.int64)
    for place, debt in enumerate(debts):
        owed += int(debt)
        repaid = min(int(kept[place]), owed)
        kept[place] -= repaid
        owed -= repaid
    for place in reversed(range(len(kept))):
        removed = min(int(kept[place]), owed)
        kept[place] -= removed
        owed -= removed
    return kept, owed


def _debt(discharge_wh: int, round_trip: RoundTrip) -> int:
    return round(discharge_wh / round_trip.efficiency)


def _epoch_s(grid: pl.DataFrame) -> Wh:
    starts = grid.get_column("interval_start").dt.epoch("s").to_numpy()
    return np.append(starts, starts[-1:] + grid.get_column("duration_s").to_numpy()[-1:])


def _owned(sessions: pl.DataFrame, end_s: int) -> pl.DataFrame:
    """Add the seconds [since 1970] in which a session owns its charger: from plug-in until the next one's."""
    following = pl.col("begin_s").shift(-1).over("charger_id")
    return (
        sessions.sort("plugged_in_at", maintain_order=True)
        .with_columns(begin_s=pl.col("plugged_in_at").dt.epoch("s"), out_s=pl.col("plugged_out_at").dt.epoch("s"))
        .with_columns(until_s=pl.coalesce(following, pl.max_horizontal("out_s", pl.lit(end_s))))
    )


@dataclass(frozen=True)
class _Flows:
    """What flowed through one charger in consecutive pieces of time: their starts [s since 1970] and energies [Wh]."""

    starts: Wh
    charge: Wh
    discharge: Wh

    def between(self, begin: int, until: int) -> tuple[Wh, Wh, Wh]:
        """Return the pieces of one session, which begins and ends on an edge of a piece."""
        first, last = np.searchsorted(self.starts, [begin, until])
        return self.starts[first:last], self.charge[first:last], self.discharge[first:last]


def _flows(sessions: pl.DataFrame, edges: Wh, energy: Energy) -> dict[str, _Flows]:
    """Measure every charger in pieces that neither cross an edge of a window, also beyond the grid, nor a plug-in."""
    width, found = int(edges[1] - edges[0]), {}
    for own in sessions.partition_by("charger_id"):
        bounds = own.select("begin_s", "until_s").to_numpy().ravel()
        first, last = int(bounds.min()), int(bounds.max())
        cuts = np.concatenate([np.arange(edges[0], first, -width), edges, np.arange(edges[-1], last, width)])
        pieces = np.unique(np.concatenate([bounds, cuts[(cuts > first) & (cuts < last)]]))
        starts = pl.Series("begin_s", pieces[:-1])
        spans = pl.DataFrame({"begin_s": starts, "duration_s": np.diff(pieces)}).with_columns(
            interval_start=pl.from_epoch("begin_s", time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        )
        charger_id = str(own.item(0, "charger_id"))
        measured = energy(charger_id, spans)
        columns = (measured.get_column(name).to_numpy() for name in ("charge_wh", "discharge_wh"))
        found[charger_id] = _Flows(pieces[:-1], *columns)
    return found


Profile = tuple[list[float], list[float]]
"""Cumulative charge: instants [s since 1970] and energy drawn until then [Wh], both rising, straight in between."""


def _edges(grid: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    ends = grid.select(pl.col("interval_start").dt.epoch("us") + pl.col("duration_s") * _SECOND).to_series()
    starts = grid.get_column("interval_start").dt.epoch("us")
    return np.append(starts.to_numpy(), ends.to_numpy()[-1:]) / _SECOND


def _onto(profile: Profile, edges: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Difference the rounded running total, so that the windows sum exactly to what was drawn inside the grid."""
    instants, energies = profile
    drawn: np.ndarray[Any, np.dtype[np.int64]] = np.rint(np.interp(edges, instants, energies)).astype(np.int64)
    return np.diff(drawn)


def _fill(power: ChargePower, span: tuple[float, float], battery_wh: float, charge_wh_per_battery_wh: float) -> Profile:
    """Seconds since plug-in and energy drawn [Wh] while charging from one state of charge (0-1) to another."""
    seconds, energies = [0.0], [0.0]
    steps_w = (power.power_w, *power.taper_w)
    for low, high, step_w in zip(_SOC_STEPS, (*_SOC_STEPS[1:], 1.0), steps_w, strict=True):
        part = min(span[1], high) - max(span[0], low)
        if part > 0:
            drawn = part * battery_wh * charge_wh_per_battery_wh
            seconds.append(seconds[-1] + drawn * 3600 / step_w)
            energies.append(energies[-1] + drawn)
    return seconds, energies


def _seconds(at: datetime) -> float:
    return at.timestamp()


def _from_account(
    session: Mapping[str, Any], battery: Battery, power: ChargePower, round_trip: RoundTrip, ahead: float
) -> tuple[Profile, float]:
    """Charge one session from plug-in; `ahead` is this world's battery energy minus the actual one [Wh]."""
    usable, per_stored = battery.usable_wh, round_trip.charge_wh_per_battery_wh
    arrived = min(max(session["soc_in_pct"] / 100 * usable + ahead, 0.0), usable)
    actual_departure = session["soc_out_pct"] / 100 * usable
    wanted_pct = battery.target_soc_pct if session["target_soc_pct"] is None else session["target_soc_pct"]
    target = wanted_pct / 100 * usable
    begin, end = _seconds(session["plugged_in_at"]), _seconds(session["plugged_out_at"])
    to_target = _fill(power, (arrived / usable, target / usable), usable, per_stored)
    reachable = begin + to_target[0][-1] <= end
    goal = max(actual_departure, target if reachable else 0.0)
    seconds, energies = _fill(power, (arrived / usable, goal / usable), usable, per_stored)
    drawn_by_end = float(np.interp(end - begin, seconds, energies))
    instants = [begin + second for second in seconds]
    left_with = arrived + drawn_by_end / per_stored
    capped = [(min(at, end), min(energy, drawn_by_end)) for at, energy in zip(instants, energies, strict=True)]
    return ([at for at, _ in capped], [energy for _, energy in capped]), left_with - actual_departure


def _from_stock(
    session: Mapping[str, Any], power: ChargePower, round_trip: RoundTrip, owed: float
) -> tuple[Profile, float]:
    """Charge one session by its net energy; `owed` is the (negative) stock carried from session to session [Wh]."""
    net = session["charge_wh"] - session["discharge_wh"] / round_trip.efficiency
    wanted = max(0.0, owed + net)
    begin, end = _seconds(session["plugged_in_at"]), _seconds(session["plugged_out_at"])
    needed_s = wanted * 3600 / power.power_w
    fits_s = min(needed_s, end - begin)
    drawn = fits_s * power.power_w / 3600
    return ([begin, begin + fits_s], [0.0, drawn]), min(0.0, owed + net) + wanted - drawn
