"""What charger logs lack, and what had to be done to their registers before a window's energy could be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.order import Log, Readings
from pipeline.quality.findings import (
    SECOND_US,
    Finding,
    joined,
    local_time,
    nothing_found,
    rounded,
    table,
)

REGULAR_SHARE: Final = 0.8
"""A log that keeps its usual step less often than this samples on change: nothing tells what it lacks."""
LATE: Final = 1.5
"""A sample this many steps late stands for at least one that is lost."""
LOST_SHARE: Final = 0.02
FEWEST_LOST: Final = 3
"""Three samples and one in fifty: below that a charger was merely slow now and then."""

_WAYS: Final = {"energy_import_wh": ("into", "charge_wh"), "energy_export_wh": ("out of", "discharge_wh")}
_WHOLE: Final[Mapping[str, str]] = {
    "session": "Charger {}: its register of energy {} cars counts every session from 0, so one counter was rebuilt.",
    "mixed": "Charger {}: its register of energy {} cars counts now a lifetime and now a session, so one counter was "
    "rebuilt.",
    "integrated": "Charger {} has no register of energy {} cars: its power was integrated, which knows nothing of the "
    "power between two samples.",
}
_EVENTS: Final[Mapping[str, str]] = {
    "ignored": "Charger {charger}: {count} values of its register of energy {way} cars were ignored, the first of {at} "
    "local time: no counter can have shown them.",
    "reset": "Charger {charger}: {count} resets or leaps of its register of energy {way} cars, the first at {at} local "
    "time: nothing is claimed across them.",
    "rollover": "Charger {charger}: {count} times its register of energy {way} cars passed its highest value, the "
    "first at {at} local time: the count goes on.",
}


def register_repairs(
    repairs: pl.DataFrame, charger_windows: pl.DataFrame, span: tuple[datetime, datetime], zone: str
) -> pl.DataFrame:
    """Return what was done to registers inside `span` (UTC), a finding per charger, direction and kind of repair.

    `repairs` in the shape of `charging.REPAIR`; `charger_windows` in that of `domain.CHARGER_INTERVAL`. The value is
    the bill's energy that rests on a rebuilt or integrated register [kWh], and the number of values, resets or
    rollovers otherwise.
    """
    if repairs.is_empty():
        return nothing_found()
    begin, end = span
    ours = repairs.filter((pl.col("span_from") < end) & (pl.col("span_to") >= begin))
    energies = charger_windows.group_by("charger_id").agg(pl.col(column).sum() / 1000 for _, column in _WAYS.values())
    kwh = {row["charger_id"]: row for row in energies.rows(named=True)}
    found = []
    for register, (way, column) in _WAYS.items():
        mine = ours.filter(pl.col("register") == register)
        done = {kind: _Repairs.of(mine.filter(pl.col("repair") == kind)) for kind in (*_WHOLE, *_EVENTS)}
        found += [table(_whole(done[kind], kind, (way, column), kwh, span)) for kind in _WHOLE]
        found += [table(_counted(done[kind], kind, way, zone)) for kind in _EVENTS]
    return joined(found)


class _Repairs(NamedTuple):
    """Repairs of one kind: the chargers, and from when until when [µs UTC]."""

    charger_ids: list[str]
    begins: list[int]
    ends: list[int]

    @classmethod
    def of(cls, repairs: pl.DataFrame) -> _Repairs:
        begins, ends = (instants_us(repairs.get_column(f"span_{side}")).tolist() for side in ("from", "to"))
        return cls(repairs.get_column("charger_id").to_list(), begins, ends)


def _whole(
    repairs: _Repairs,
    kind: str,
    way: tuple[str, str],
    kwh: Mapping[str, Mapping[str, float]],
    span: tuple[datetime, datetime],
) -> Iterator[Finding]:
    begin, end = (round(at.timestamp() * SECOND_US) for at in span)
    for charger_id, first, last in zip(*repairs, strict=True):
        moved = kwh[charger_id][way[1]] if charger_id in kwh else 0.0
        sentence = _WHOLE[kind].format(charger_id, way[0])
        name = f"charger.register_{kind}"
        yield Finding(name, charger_id, max(first, begin), min(last, end), moved, "kWh", sentence)


def _counted(repairs: _Repairs, kind: str, way: str, zone: str) -> Iterator[Finding]:
    for charger_id in dict.fromkeys(repairs.charger_ids):
        mine = [(begin, end) for owner, begin, end in zip(*repairs, strict=True) if owner == charger_id]
        first, last = min(begin for begin, _ in mine), max(end for _, end in mine)
        told = {"charger": charger_id, "count": len(mine), "way": way, "at": local_time(first, zone)}
        sentence = _EVENTS[kind].format(**told)
        yield Finding(f"charger.register_{kind}", charger_id, first, last, float(len(mine)), "1", sentence)


def missing_samples(readings: Readings, span: tuple[datetime, datetime]) -> pl.DataFrame:
    """Return chargers whose log lacks samples while energy flowed; the value is the share of samples lost [%].

    `readings` in the shape of `domain.CHARGER_RECORD`. Counted inside sessions and `span` (UTC) only, where a register
    rose between two readings, and only of logs that keep a usual step.
    """
    return table(_missing_samples(Log.of(readings), span))


def _missing_samples(log: Log, span: tuple[datetime, datetime]) -> Iterator[Finding]:
    begin, end = (round(at.timestamp()) * SECOND_US for at in span)
    inside = (log.at_us >= begin) & (log.at_us <= end)
    registers = [log.readings.get_column(name).to_numpy() for name in _WAYS]
    rose = np.logical_or(*(values[1:] > values[:-1] for values in registers))
    within = ~(log.marks.new_session | log.marks.idle)
    flowing = np.flatnonzero(rose & within[1:] & inside[1:] & inside[:-1]) + 1
    steps_s = (log.at_us[flowing] - log.at_us[flowing - 1]) // 1000 / 1000
    flowing, steps_s = flowing[steps_s > 0], steps_s[steps_s > 0]
    bounds = np.searchsorted(flowing, log.bounds)
    for charger_id, first, until in zip(log.charger_ids, bounds[:-1], bounds[1:], strict=True):
        heard, steps = flowing[first:until], steps_s[first:until]
        usual = np.median(steps) if len(heard) else 0.0
        late = steps >= LATE * usual
        regular = len(heard) - late.sum() >= REGULAR_SHARE * len(heard)
        lost = int(np.round(steps[late] / usual - 1).sum()) if len(heard) else 0
        share = lost / max(1, lost + len(heard))
        if regular and lost >= FEWEST_LOST and share >= LOST_SHARE:
            percent = rounded(100 * share, 1)
            sentence = (
                f"The log of charger {charger_id} lacks about {lost} samples ({percent} %) while energy flowed, at one "
                f"every {round(usual)} s: energies are whole, but when it flowed is known less well."
            )
            begun, ended = (int(log.at_us[place]) for place in heard[late][[0, -1]])
            yield Finding("charger.samples_missing", charger_id, begun, ended, percent, "%", sentence)


def incomplete_sessions(sessions: pl.DataFrame, readings: Readings) -> pl.DataFrame:
    """Return a finding per charger with sessions that lack begin, end or a message; the value is their number.

    `sessions` in the shape of `domain.CHARGING_SESSION`. One that the charger's last reading still belongs to is not
    over, and none; nor is any of a charger whose log never marks a begin or an end (a table of registers).
    """
    if sessions.get_column("complete").all():
        return nothing_found()
    return table(_incomplete(sessions, Log.of(readings)))


def _incomplete(sessions: pl.DataFrame, log: Log) -> Iterator[Finding]:
    marked = log.readings.get_column("context").is_in(["begin", "end"]).to_numpy()
    last = log.readings.get_column("session_id")[log.bounds[1:] - 1].to_list()
    for charger_id, first, until, current in zip(log.charger_ids, log.bounds[:-1], log.bounds[1:], last, strict=True):
        mine = sessions.filter((pl.col("charger_id") == charger_id) & pl.col("session_id").ne_missing(pl.lit(current)))
        lacking = mine.filter(~pl.col("complete"))
        if marked[first:until].any() and not lacking.is_empty():
            begins, ends = (instants_us(lacking.get_column(f"plugged_{way}_at").drop_nulls()) for way in ("in", "out"))
            sentence = (
                f"Charger {charger_id}: of {lacking.height} of its {mine.height} sessions the begin, the end or a "
                "message between them is missing."
            )
            end = int(ends.max()) if len(ends) else None
            yield Finding(
                "session.incomplete", charger_id, int(begins.min()), end, float(lacking.height), "1", sentence
            )
