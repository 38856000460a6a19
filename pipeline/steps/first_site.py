"""A first portfolio from a person's own files: what they hold goes into the site file, what they cannot tell is asked.

Every line that rests on a guess ends in `DECIDE:` and what to look up; the folder loads and runs as it is.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Final, get_args
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.domain import RECORDS, InputError
from pipeline.ingest import Records, localised, read_file
from pipeline.ingest.nem12 import sniff as is_nem12
from pipeline.portfolio import load_portfolio
from pipeline.portfolio.load import load_site
from pipeline.portfolio.models import DemandWindow
from pipeline.steps.loading import copy_to_landing

SITE_ID: Final = "my-building"
_HEAD_BYTES: Final = 1 << 20
_OFFSET: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::\d\d(?:\.\d+)?)?([+-]\d\d:?\d\d)")
_ESPI_OFFSET: Final = re.compile(rb"[<:]tzOffset>\s*(-?\d{1,6})\s*<")
_ESPI_SUMMER: Final = re.compile(rb"[<:]dstOffset>\s*(-?\d{1,6})\s*<")
_ZONES: Final = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "Asia/Tokyo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Adelaide",
    "Australia/Perth",
    "Pacific/Auckland",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Seoul",
    "America/Sao_Paulo",
)
_PLACEHOLDER_ZONE: Final = "Europe/Berlin"
_PLACEHOLDER_WINDOW_MIN: Final = 60
_PLACEHOLDER_KW: Final = 11.0
_PLACEHOLDER_KWH: Final = 40.0
_SHORTEST_S: Final = 60  # a register's step over less time says little about power


@dataclass
class FirstSite:
    """What the files hold, and what a person has to decide."""

    files: list[tuple[str, str]] = field(default_factory=list)  # path, what it is
    meters: list[str] = field(default_factory=list)
    interval_s: int | None = None
    span: tuple[datetime, datetime] | None = None
    chargers: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)  # seen in and out [kW]
    vehicles: list[str] = field(default_factory=list)
    stations: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)  # all that fit the offsets in the files, likeliest first
    decisions: list[str] = field(default_factory=list)


def make_first_site(folder: Path, paths: Sequence[Path]) -> FirstSite:
    """Make a portfolio in `folder` with a site file written from `paths`, and copy the files to `landing/`.

    Raises InputError, before anything is written, for a path that is not there and where no file holds meter readings.
    """
    found = look_into(paths)
    template = resources.files("pipeline") / "examples" / "template"
    with resources.as_file(template) as source:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / "landing").mkdir(exist_ok=True)
    site_file = folder / "sites" / f"{SITE_ID}.toml"
    site_file.write_text(site_text(found), encoding="utf-8")
    load_site(site_file)
    tariff = folder / "tariffs" / "my-tariff.toml"
    tariff.write_text(_with_window(tariff.read_text(encoding="utf-8"), _window_min(found)), encoding="utf-8")
    copy_to_landing(load_portfolio(folder), paths)
    return found


def look_into(paths: Sequence[Path]) -> FirstSite:
    """Return what some files hold; raises InputError for a missing path and where none holds meter readings."""
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        raise InputError(str(missing), "path", missing.name, "an existing file")
    found = FirstSite()
    read = [(path, read_file(path, [path.stem])) for path in paths]
    found.zones = likely_zones(paths)
    zone = found.zones[0] if found.zones else _PLACEHOLDER_ZONE
    frames: dict[str, list[pl.DataFrame]] = {kind: [] for kind in RECORDS}
    for path, records in read:
        parts = _frames(records, zone)
        for kind, frame in parts:
            frames[kind].append(frame)
        found.files.append((str(path), _told(records, parts)))
    kinds = {kind: pl.concat([pl.DataFrame(schema=dict(RECORDS[kind])), *parts]) for kind, parts in frames.items()}
    if kinds["meter"].is_empty():
        told = "; ".join(f"{path}: {what}" for path, what in found.files)
        raise InputError("v2b init", "--from", told, "at least one file with meter readings (docs/formats.md)")
    _take_meters(found, kinds["meter"])
    _take_chargers(found, kinds["charger"], kinds["session"])
    found.stations = _names(kinds["weather"], "station_id")
    return found


def _frames(records: Records, zone: str) -> list[tuple[str, pl.DataFrame]]:
    parts = list(records.frames.items())
    names: dict[str, str | None] = {"meter_id": "main", "charger_id": "CP1", "station_id": "station"}
    for local in records.local:
        parts += localised(local, zone, names)[0].items()
    return [(kind, frame.select(RECORDS[kind].keys())) for kind, frame in parts]


def _told(records: Records, parts: Sequence[tuple[str, pl.DataFrame]]) -> str:
    rows = ", ".join(f"{frame.height} {kind} records" for kind, frame in parts if frame.height)
    refused = ""
    if records.rejects.height:
        first = records.rejects.row(0, named=True)
        refused = f"{records.rejects.height} refused, first: {first['position']}, {first['field']}: {first['value']!r}"
        refused += f" is not allowed; allowed: {first['allowed']}"
    return "; ".join(part for part in (rows, refused) if part) or "nothing"


def _take_meters(found: FirstSite, meter: pl.DataFrame) -> None:
    found.meters = _names(meter, "meter_id")
    longest = meter.group_by("duration_s").len().sort("len", "duration_s").item(-1, "duration_s")
    found.interval_s = int(longest)
    first, last = meter.select(first=pl.col("interval_start").min(), last=pl.col("interval_start").max()).row(0)
    found.span = (first, last + timedelta(seconds=found.interval_s))


def _take_chargers(found: FirstSite, readings: pl.DataFrame, sessions: pl.DataFrame) -> None:
    """Note chargers and cars, and the highest power seen each way: as logged, else by the registers' rise."""
    for name in sorted({*_names(readings, "charger_id"), *_names(sessions, "charger_id")}):
        mine = readings.filter(pl.col("charger_id") == name).sort("measured_at")
        found.chargers[name] = (_seen_kw(mine, "energy_import_wh", 1), _seen_kw(mine, "energy_export_wh", -1))
    found.vehicles = sorted({*_names(readings, "vehicle_id"), *_names(sessions, "vehicle_id")})


def _seen_kw(readings: pl.DataFrame, register: str, sign: int) -> float | None:
    logged = readings.select((sign * pl.col("power_w")).max()).item()
    rises = readings.drop_nulls(register).select(
        seconds=pl.col("measured_at").diff().dt.total_seconds(), risen=pl.col(register).diff()
    )
    power = rises.filter((pl.col("seconds") >= _SHORTEST_S) & (pl.col("risen") > 0))
    by_register = power.select((pl.col("risen") * 3600 / pl.col("seconds")).quantile(0.99)).item()
    watts = max(logged or 0, by_register or 0)
    return math.ceil(watts / 500) / 2 if watts > 0 else None


def _names(frame: pl.DataFrame, column: str) -> list[str]:
    return [name for name in frame.get_column(column).drop_nulls().unique().sort() if name]


def likely_zones(paths: Iterable[Path]) -> list[str]:
    """Return the zones of a short list whose clocks fit all that the files tell of theirs, likeliest first.

    They tell by the offsets in their stamps, by the LocalTimeParameters of Green Button, or by being NEM12. Files in
    UTC (Z, +00:00 throughout) tell nothing, so nothing is returned for them.
    """
    ends = [_ends(path) for path in paths]
    clues = [clue for clue in (_shown_offsets(ends), _stated_clocks(ends), _australian(ends)) if clue is not None]
    return [name for name in _ZONES if all(clue(name) for clue in clues)] if clues else []


_Clue = Callable[[str], bool]
"""Whether the clock of a zone, by name, fits what the files tell."""


def _ends(path: Path) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        stream.seek(max(len(head), path.stat().st_size - _HEAD_BYTES))
        return head + b"\n" + stream.read(_HEAD_BYTES)


def _shown_offsets(ends: Sequence[bytes]) -> _Clue | None:
    stamps = {(at.decode()[:13], offset.decode()) for text in ends for at, offset in _OFFSET.findall(text)}
    instants = {at for at in map(_instant, stamps) if at is not None}
    if all(at.utcoffset() == timedelta(0) for at in instants):
        return None
    return lambda name: all(at.astimezone(ZoneInfo(name)).utcoffset() == at.utcoffset() for at in instants)


def _stated_clocks(ends: Sequence[bytes]) -> _Clue | None:
    """What the LocalTimeParameters of ESPI state: the offset without summer time, and whether there is summer time."""
    offsets = {int(seconds) for text in ends for seconds in _ESPI_OFFSET.findall(text)}
    summers = {int(seconds) != 0 for text in ends for seconds in _ESPI_SUMMER.findall(text)}
    if not offsets:
        return None

    def fits(name: str) -> bool:
        clock = {datetime(2024, month, 1, tzinfo=ZoneInfo(name)).utcoffset() for month in (1, 7)}
        standard = min(offset.total_seconds() for offset in clock if offset is not None)
        return offsets == {standard} and summers <= {len(clock) > 1}

    return fits


def _australian(ends: Sequence[bytes]) -> _Clue | None:
    return (lambda name: name.startswith("Australia/")) if any(map(is_nem12, ends)) else None


def _instant(stamp: tuple[str, str]) -> datetime | None:
    hour, offset = stamp
    try:
        return datetime.fromisoformat(f"{hour}:00{offset}")
    except ValueError:
        return None


def site_text(found: FirstSite) -> str:
    """Return the first site file; notes in `found.decisions` what it leaves to a person."""
    found.decisions.clear()
    zone = ZoneInfo(found.zones[0] if found.zones else _PLACEHOLDER_ZONE)
    span = " to ".join(at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in found.span) if found.span else "nowhere"
    lines = [
        f"# Written by `v2b init --from` from {len(found.files)} files with meter data from {span}.",
        "# Look up what stands behind DECIDE; every other key is explained by the file that a plain `v2b init` writes.",
        "",
        f'site_id = "{SITE_ID}"',
        'name = "My building"',
        _zone_line(found),
        _decide(found, 'currency = "EUR"', "the currency of your bills, the same in tariffs/my-tariff.toml"),
        _decide(found, 'tariff = "my-tariff"', "placeholder prices in tariffs/my-tariff.toml; put in your contract's"),
        *_window_lines(found),
        "# programme_start = 2026-07-01   # the day V2B began; left out: the first day a car discharged",
        *_station_lines(found),
        *_meter_lines(found),
        *_charger_lines(found),
        *_vehicle_lines(found),
    ]
    return "\n".join(lines) + "\n"


def _decide(found: FirstSite, line: str, what: str) -> str:
    found.decisions.append(f"{line}: {what}")
    return f"{line:<34}# DECIDE: {what}"


def _zone_line(found: FirstSite) -> str:
    if not found.zones:
        line = f'timezone = "{_PLACEHOLDER_ZONE}"'
        return _decide(found, line, "the files do not tell; an IANA zone, bills follow its clock")
    line = f'timezone = "{found.zones[0]}"'
    others = ", ".join(found.zones[1:4])
    if others:
        return _decide(found, line, f"its clock fits the files, as do those of {others}")
    return f"{line:<34}# its clock fits the offsets in the files"


def _window_min(found: FirstSite) -> int | None:
    """The meter's interval as a demand window [min]; None where it is none."""
    minutes, rest = divmod(found.interval_s or 0, 60)
    return None if rest or minutes not in get_args(DemandWindow) else minutes


def _with_window(tariff: str, window_min: int | None) -> str:
    """The placeholder tariff billed by the meter's own windows: what the meter cannot show, no bill can be made of."""
    return re.sub(
        r"(?m)^demand_window_min = \d+", f"demand_window_min = {window_min or _PLACEHOLDER_WINDOW_MIN}", tariff
    )


def _window_lines(found: FirstSite) -> list[str]:
    minutes = _window_min(found)
    if minutes is None:
        what = f"the meter's intervals of {found.interval_s} s are no demand window; 5, 10, 15, 20, 30 or 60"
        return [_decide(found, f"demand_window_min = {_PLACEHOLDER_WINDOW_MIN}", what)]
    return [f"{f'demand_window_min = {minutes}':<34}# the meter's interval; your tariff may use a longer one"]


def _station_lines(found: FirstSite) -> list[str]:
    usable = [name for name in found.stations if _is_identifier(name)]
    return [f'weather_station = "{usable[0]}"'] if usable else []


def _meter_lines(found: FirstSite) -> list[str]:
    lines = []
    for name, key_lines in _identified(found.meters, "meter_id", "meter"):
        lines += ["", "[[meters]]", *key_lines]
        if len(found.meters) > 1:
            what = f"billing (all such meters are added up), sub or generation; is {name!r} billed?"
            lines.append(_decide(found, 'role = "billing"', what.replace("\n", " ")))
    return lines


def _charger_lines(found: FirstSite) -> list[str]:
    lines = []
    for name, key_lines in _identified(list(found.chargers), "charger_id", "charger"):
        charged, discharged = found.chargers[name]
        lines += ["", "[[chargers]]", *key_lines]
        if charged is None:
            lines.append(_decide(found, f"rated_charge_kw = {_PLACEHOLDER_KW}", "no charging was seen; its name plate"))
        else:
            lines.append(f"{f'rated_charge_kw = {charged}':<34}# the highest power seen; the name plate knows better")
        if discharged is not None:
            lines.append(f"{f'rated_discharge_kw = {discharged}':<34}# the highest power seen")
    return lines


def _vehicle_lines(found: FirstSite) -> list[str]:
    lines = []
    for _, key_lines in _identified(found.vehicles, "vehicle_id", "vehicle"):
        line = f"usable_kwh = {_PLACEHOLDER_KWH}"
        lines += ["", "[[vehicles]]", *key_lines, f"{line:<34}# DECIDE: usable battery capacity of this car"]
    if lines:
        found.decisions.append(f"usable_kwh of {len(found.vehicles)} cars: their usable battery capacity")
    return lines


def _is_identifier(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name)) and ".." not in name


def _identified(names: Sequence[str], key: str, prefix: str) -> list[tuple[str, list[str]]]:
    """Pair each name with its lines: the name as id, or a made id with the name as its alias."""
    taken = {name for name in names if _is_identifier(name)}
    found = []
    for name in names:
        if name in taken:
            found.append((name, [f'{key} = "{name}"']))
            continue
        made = next(f"{prefix}-{n}" for n in range(1, len(names) + len(taken) + 2) if f"{prefix}-{n}" not in taken)
        taken.add(made)
        found.append((name, [f'{key} = "{made}"', f"aliases = [{_quoted(name)}]"]))
    return found


def _quoted(name: str) -> str:
    """Return a TOML basic string."""
    plain = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain) + '"'
