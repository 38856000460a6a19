"""What a meter cannot have measured: zeros that mean missing, stuck values, overlaps, the same data twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl

from pipeline.calendars import instants_us, wall_clock_us
from pipeline.quality.findings import (
    ENDS,
    HOUR_S,
    SECOND_US,
    Finding,
    Flags,
    Whole,
    nearest_quantile,
    rounded,
    table,
    wall_time,
)

ZERO_RUN_INTERVALS: Final = 2
"""One zero may be a switching operation; two in a row are no load."""
NEVER_ZERO_SHARE: Final = 0.1
"""A load whose lowest hundredth stays above a tenth of its mean has a base that does not vanish."""
NEVER_ZERO_STEPS: Final = 10
"""Below ten steps of the meter's resolution a zero may be a small load, rounded."""
ZERO_RUNS_PER_DAY: Final = 0.5
"""A load that is zero more often than every other day is switched off by habit."""
STUCK_S: Final = 6 * 3600
STUCK_INTERVALS: Final = 6
"""Six hours and six intervals of one value: real loads of some kWh seldom repeat twice."""
STUCK_ELSEWHERE: Final = 0.1
"""A load that repeats its last value in more than a tenth of its other intervals is simply steady or coarse."""
TWIN_INTERVALS: Final = 24
VARIED_VALUES: Final = 10
"""Equal series prove a copy only where they vary."""
COPY_CHANCE: Final = 0.01
"""An hour like the one before it is a copy where the meter's other hours would make it so less often than this."""
_DAY_US: Final = 86_400 * SECOND_US
_FIRST_DAY: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Meter:
    """The intervals of one meter in order of time: begins and ends [µs UTC], energies [Wh].

    `wall` is what the local clock shows at their begins [µs since its 1970]; `measured`: not estimated.
    """

    meter_id: str
    starts: Whole
    ends: Whole
    import_wh: Whole
    export_wh: Whole
    wall: Whole
    measured: Flags

    @cached_property
    def lengths_s(self) -> Whole:
        """Lengths of the intervals [s]."""
        return (self.ends - self.starts) // SECOND_US

    @cached_property
    def days(self) -> Whole:
        """The local day of each interval, in days since 1970."""
        return self.wall // _DAY_US

    @cached_property
    def day_begins(self) -> Whole:
        """Where each local day begins."""
        return np.flatnonzero(np.diff(self.days, prepend=self.days[:1] - 1))

    def day(self, place: int) -> date:
        """Return the local day of an interval."""
        return _FIRST_DAY + timedelta(days=int(self.days[place]))

    def runs(self, values: Whole | Flags) -> tuple[Whole, Whole]:
        """Return where unbroken runs of one value begin and where they end; a gap between intervals ends a run."""
        broken = (self.starts[1:] != self.ends[:-1]) | (values[1:] != values[:-1])
        turns = np.concatenate([[0], np.flatnonzero(broken) + 1, [len(values)]])
        return turns[:-1], turns[1:]

    def finding(self, name: str, first: int, until: int, value: float, unit: str, sentence: str) -> Finding:
        """Return a finding about the intervals from `first` on, up to `until`."""
        return Finding(
            name, self.meter_id, int(self.starts[first]), int(self.ends[until - 1]), float(value), unit, sentence
        )


def meters_of(
    records: pl.DataFrame, meter_ids: Sequence[str], span: tuple[datetime, datetime], zone: str
) -> list[Meter]:
    """Return the meters that have intervals in a half-open span, by name; `records` as `domain.METER_RECORD`."""
    ids, starts = records.get_column("meter_id"), instants_us(records.get_column("interval_start"))
    lengths_us = records.get_column("duration_s").to_numpy() * SECOND_US
    begin, end = (at.timestamp() * SECOND_US for at in span)
    inside = (starts >= begin) & (starts < end)
    found = []
    for meter_id in sorted(set(meter_ids)):
        places = np.flatnonzero((ids == meter_id).to_numpy() & inside)
        order = places[np.lexsort((lengths_us[places], starts[places]))]
        if len(order):
            into, out_of = (records.get_column(f"{way}_wh").to_numpy()[order] for way in ("import", "export"))
            measured = (records.get_column("quality") == "measured").to_numpy()[order]
            own = starts[order]
            wall = wall_clock_us(own, zone)
            found.append(Meter(meter_id, own, own + lengths_us[order], into, out_of, wall, measured))
    return found


def zero_runs(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return runs of exact zero in a load that is otherwise never zero; the value is the length [h]."""
    return table(found for meter in meters for found in _zero_runs(meter))


def _zero_runs(meter: Meter) -> Iterator[Finding]:
    zero = (meter.import_wh == 0) & (meter.export_wh == 0)
    first, until = meter.runs(zero)
    empty = zero[first] & (until - first >= ZERO_RUN_INTERVALS)
    habit = max(1.0, ZERO_RUNS_PER_DAY * len(meter.day_begins))
    if not 0 < empty.sum() <= habit or not _is_never_zero(meter.import_wh):
        return
    for begin, end in zip(first[empty], until[empty], strict=True):
        hours = float(meter.lengths_s[begin:end].sum()) / HOUR_S
        sentence = (
            f"Meter {meter.meter_id} reads exactly 0 from {wall_time(meter.wall[begin])} local time for "
            f"{rounded(hours, 2)} h, though its load is never 0: data is probably missing."
        )
        yield meter.finding("meter.zero_run", begin, end, hours, "h", sentence)


def _is_never_zero(load_wh: Whole) -> bool:
    """Whether a load has a base that does not vanish, and that is no rounding of a small one."""
    positive = load_wh[load_wh > 0]
    values = np.unique(positive)
    if len(values) < 2:
        return False
    floor = nearest_quantile(positive, 0.01)
    return bool(floor >= NEVER_ZERO_SHARE * positive.mean() and floor >= NEVER_ZERO_STEPS * np.diff(values).min())


def stuck_values(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return long runs of one non-zero value in a load that otherwise changes; the value is the length [h]."""
    return table(found for meter in meters for found in _stuck(meter))


def _stuck(meter: Meter) -> Iterator[Finding]:
    first, until = meter.runs(meter.import_wh)
    counts, lasted_s = until - first, np.add.reduceat(meter.lengths_s, first)
    long = (lasted_s >= STUCK_S) & (counts >= STUCK_INTERVALS) & (meter.import_wh[first] > 0)
    elsewhere = counts[~long]
    if not long.any() or (elsewhere - 1).sum() >= STUCK_ELSEWHERE * elsewhere.sum():
        return
    for begin, end in zip(first[long], until[long], strict=True):
        hours = float(meter.lengths_s[begin:end].sum()) / HOUR_S
        sentence = (
            f"Meter {meter.meter_id} repeats {meter.import_wh[begin] / 1000} kWh from {wall_time(meter.wall[begin])} "
            f"local time for {rounded(hours, 2)} h: it may have been stuck."
        )
        yield meter.finding("meter.stuck", begin, end, hours, "h", sentence)


def overlaps(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return intervals of one meter that begin before the one before has ended; the value is the shared time [s]."""
    return table(found for meter in meters for found in _overlaps(meter))


def _overlaps(meter: Meter) -> Iterator[Finding]:
    for place in np.flatnonzero(meter.ends[:-1] > meter.starts[1:]) + 1:
        begin, end = int(meter.starts[place]), int(min(meter.ends[place - 1], meter.ends[place]))
        shared_s = (end - begin) // SECOND_US
        sentence = (
            f"Meter {meter.meter_id} has two intervals that share {shared_s} s from {wall_time(meter.wall[place])} "
            "local time."
        )
        yield Finding("meter.overlap", meter.meter_id, begin, end, float(shared_s), "s", sentence)


def twins(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return pairs of meters that measure the same: one meter under two names, billed twice; the value is intervals."""
    return table(found for one, other in combinations(meters, 2) for found in _twins(one, other))


def _twins(one: Meter, other: Meter) -> Iterator[Finding]:
    shared, ours, theirs = np.intersect1d(one.starts, other.starts, return_indices=True)
    loads = one.import_wh[ours]
    if len(shared) < TWIN_INTERVALS or not np.array_equal(loads, other.import_wh[theirs]):
        return
    if len(np.unique(loads)) >= VARIED_VALUES:
        sentence = (
            f"Meters {one.meter_id} and {other.meter_id} read the same in all {len(shared)} intervals: one meter may "
            "be counted twice."
        )
        begin, end = int(shared[0]), int(one.ends[ours].max())
        yield Finding("meter.duplicate", other.meter_id, begin, end, float(len(shared)), "1", sentence)


def repeated_days(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return days whose every interval equals the day before: copied, not measured; the value is intervals."""
    return table(found for meter in meters for found in _repeated_days(meter))


def _repeated_days(meter: Meter) -> Iterator[Finding]:
    edges = [*meter.day_begins.tolist(), len(meter.starts)]
    sums = np.add.reduceat(meter.import_wh, meter.day_begins)
    for day in np.flatnonzero(sums[1:] == sums[:-1]) + 1:
        before, begin, end = edges[day - 1 : day + 2]
        load = meter.import_wh[begin:end]
        if np.array_equal(load, meter.import_wh[before:begin]) and len(np.unique(load)) >= VARIED_VALUES:
            sentence = f"Meter {meter.meter_id} repeats the day before on {meter.day(begin)}, interval by interval."
            yield meter.finding("meter.repeated_day", begin, end, end - begin, "1", sentence)


def copied_hours(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return hours that came twice and were measured the same in both passes; the value is intervals.

    How often the meter's other intervals equal those an hour before tells what chance would do.
    """
    return table(found for meter in meters for found in _copied_hours(meter))


def _copied_hours(meter: Meter) -> Iterator[Finding]:
    if (np.diff(meter.wall) > 0).all():
        return  # no hour came twice
    starts, wall, load = (of[meter.measured] for of in (meter.starts, meter.wall, meter.import_wh))
    _, now, then = np.intersect1d(starts, starts + HOUR_S * SECOND_US, return_indices=True)
    again, equal = wall[now] == wall[then], load[now] == load[then]
    share = ((equal & ~again).sum() + 1) / ((~again).sum() + 1)
    days = meter.days[meter.measured][now]
    for day in np.unique(days[again]):
        chosen = again & (days == day)
        count, places = int(chosen.sum()), np.flatnonzero(meter.measured)[now[chosen]]
        copied = equal[chosen].all() and (load[now[chosen]] > 0).any()
        if copied and share**count <= COPY_CHANCE:
            sentence = (
                f"Meter {meter.meter_id} reads the same in both passes of the hour that came twice on "
                f"{meter.day(places[0])}: the second may be a copy."
            )
            yield meter.finding("meter.dst", places[0], places[-1] + 1, count, "1", sentence)


def without_zero_runs(windows: pl.DataFrame, zero_findings: pl.DataFrame) -> pl.DataFrame:
    """Return the windows with `metered` false wherever a zero run touches them: such zeros are not billed."""
    if zero_findings.is_empty():
        return windows
    spans = zero_findings.select("span_from", "span_to")
    touched = (
        windows.select("interval_start", until=ENDS)
        .join_where(spans, pl.col("interval_start") < pl.col("span_to"), pl.col("until") > pl.col("span_from"))
        .get_column("interval_start")
        .unique()
    )
    return windows.with_columns(metered=pl.col("metered") & ~pl.col("interval_start").is_in(touched.implode()))
