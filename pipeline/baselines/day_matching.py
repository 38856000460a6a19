"""Like days -> the baselines of events, for many meters and days at once.

Every rule is a row of `methods.toml`. A case is a meter and an event day: a thousand meters, or the days of a month,
cost one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.baselines.methods import DayMatching, SameDay

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Events:
    """Days with one event window: their rows in the load table, and its half-open slots [start, stop)."""

    days: Whole
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class DayBaselines:
    """`kw[meter, event day, slot of the event]` [kW], NaN where unavailable.

    `days_used` and their mean age [days] are of each meter and event day.
    """

    kw: Floats
    days_used: Whole
    age_days: Floats


def match_days(
    kw: Floats, weekend: Flags, eligible: Flags, events: Events, method: DayMatching, *, slot_min: int
) -> DayBaselines:
    """Return the baseline of every event day for every meter.

    `kw[meter, day, slot]` [kW] is the load without cars, NaN where missing; `weekend[day]` tells weekends and holidays
    from working days; `eligible[meter, day]` the days that may serve. Only earlier days of the same kind with a
    complete event and adjustment window count. Unavailable (NaN) where there are fewer like days than the rule wants,
    where the adjustment window begins before the day does, or where the event day lacks it.
    """
    shape = kw.shape[0], events.days.size
    found = DayBaselines(
        np.full((*shape, events.stop - events.start), np.nan), np.zeros(shape, dtype=np.int64), np.full(shape, np.nan)
    )
    adjust = method.window(events.start, slot_min)
    if adjust.start < 0 or not events.days.size:
        return found
    first = max(0, int(events.days.min()) - method.furthest_day)
    table = _Table.of(kw[:, first:, adjust.start : events.stop], eligible[:, first:], adjust, events.start)
    days, kinds = events.days - first, weekend[first:]
    for of_weekend in (False, True):
        mine = np.flatnonzero(kinds[days] == of_weekend)
        earlier = _like_days(kinds == of_weekend, days[mine], method) if mine.size else mine
        if earlier.size:
            matched = _matched(table, days[mine], earlier, method, weekend=of_weekend)
            found.kw[:, mine], found.days_used[:, mine], found.age_days[:, mine] = matched
    return found


@dataclass(frozen=True, eq=False)
class _Table:
    """The slots of some days from the adjustment window to the end of the event window: `kw[meter, day, slot]` [kW].

    `level[meter, day]` is the mean of the event window, `usable[meter, day]` tells the days that may serve; `morning`
    are the slots of the adjustment window, `in_event` those of the event.
    """

    kw: Floats
    level: Floats
    usable: Flags
    morning: slice
    in_event: slice

    @classmethod
    def of(cls, kw: Floats, eligible: Flags, adjust: slice, start: int) -> _Table:
        morning, in_event = slice(adjust.stop - adjust.start), slice(start - adjust.start, None)
        level = _sum_of_slots(kw[:, :, in_event]) / (kw.shape[2] - in_event.start)
        usable = eligible & np.isfinite(level + _sum_of_slots(kw[:, :, morning]))
        return cls(kw, level, usable, morning, in_event)


def _like_days(alike: Flags, days: Whole, method: DayMatching) -> Whole:
    """The days of one kind before each of some days of that kind, the nearest first; -1 where there are no more."""
    of_kind = np.flatnonzero(alike)
    place = np.searchsorted(of_kind, days)[:, None] - np.arange(1, method.furthest_day + 1)
    earlier = np.where(place < 0, -1, of_kind[np.maximum(place, 0)])
    earlier[days[:, None] - earlier > method.furthest_day] = -1
    return np.asarray(earlier[:, (earlier >= 0).any(axis=0)])


def _matched(
    table: _Table, days: Whole, earlier: Whole, method: DayMatching, *, weekend: bool
) -> tuple[Floats, Whole, Floats]:
    """The load [kW] of each meter, event day and slot, from how many days, and how old they are in the mean [days]."""
    ages = days[:, None] - earlier
    wanted, averaged = method.wanted(weekend=weekend)
    level = table.level[:, earlier]
    chosen = _chosen(level, table.usable[:, earlier] & (earlier >= 0), ages, method, wanted)
    enough = chosen.sum(axis=2) == wanted
    taken, row = _highest(level, chosen, averaged), np.arange(days.size)[:, None]
    like = table.kw[np.arange(len(level))[:, None, None], earlier[row, taken]]
    mean, observed = like.mean(axis=2), table.kw[:, days, table.morning].mean(axis=2)
    baseline = adjusted(mean[:, :, table.in_event], mean[:, :, table.morning].mean(axis=2), observed, method)
    return (
        np.where(enough[:, :, None], baseline, np.nan),
        np.where(enough, averaged, 0),
        np.where(enough, ages[row, taken].mean(axis=2), np.nan),
    )


def _chosen(level: Floats, usable: Flags, ages: Whole, method: DayMatching, wanted: int) -> Flags:
    """The nearest `wanted` days of every case; days of low load are passed over, and the next ones come in.

    The longer look-back is used only by cases that find too few days in the usual one.
    """
    found = _nearest(level, usable & (ages <= method.look_back_days), method, wanted)
    if method.longest_look_back_days:
        short = found.sum(axis=2) < wanted
        if short.any():
            found[short] = _nearest(level[short], usable[short], method, wanted)
    return found


def _nearest(level: Floats, usable: Flags, method: DayMatching, wanted: int) -> Flags:
    while True:
        nearest: Flags = usable & (np.cumsum(usable, axis=-1) <= wanted)
        if method.drop_below_pct is None:
            return nearest
        count = np.maximum(nearest.sum(axis=-1), 1)
        mean = np.where(nearest, level, 0.0).sum(axis=-1) / count
        low = nearest & (level < mean[..., None] * method.drop_below_pct / 100)
        if not low.any():
            return nearest
        usable = usable & ~low


def _sum_of_slots(kw: Floats) -> Floats:
    """The sum over the last axis, which is too short for numpy's own loops to be fast."""
    return np.asarray(np.einsum("mds->md", kw))


def _highest(level: Floats, chosen: Flags, averaged: int) -> Whole:
    """The places of the `averaged` highest chosen days of every case, the nearest of equals; others where too few."""
    return np.argsort(np.where(chosen, -level, np.inf), axis=2, kind="stable")[:, :, :averaged]


def adjusted(mean: Floats, morning: Floats, observed: Floats, method: SameDay) -> Floats:
    """Return baselines `mean[..., slot]` [kW] corrected by the same day, as the rule says.

    `morning` is each baseline's own mean in the adjustment window, `observed` the load's [kW]; NaN where a ratio has
    nothing to stand on.
    """
    if method.adjustment is None:
        return mean
    if method.adjustment == "additive":
        return np.asarray(mean + (observed - morning)[..., None])
    ratio = np.divide(observed, morning, out=np.full(observed.shape, np.nan), where=morning > 0)
    if method.adjust_cap_pct is not None:
        ratio = np.clip(ratio, 1 - method.adjust_cap_pct / 100, 1 + method.adjust_cap_pct / 100)
    return np.asarray(mean * ratio[..., None])
