"""Like days -> the baseline of an event, for many meters at once.

Every rule is a row of `methods.toml`. Arrays are meters x days x slots, so that a thousand meters cost one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.baselines.methods import DayMatching, SameDay

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Event:
    """A day's row in the load table, and the half-open slots [start, stop) of its event window."""

    day: int
    start: int
    stop: int


@dataclass(frozen=True)
class DayBaseline:
    """`kw[meter, slot of the event]` [kW], NaN where unavailable; `days_used` and their mean age per meter [days]."""

    kw: Floats
    days_used: Whole
    age_days: Floats


def match_days(
    kw: Floats, weekend: Flags, eligible: Flags, event: Event, method: DayMatching, *, slot_min: int
) -> DayBaseline:
    """Return the baseline of one event for every meter.

    `kw[meter, day, slot]` [kW] is the load without cars, NaN where missing; `weekend[day]` tells weekends and holidays
    from working days; `eligible[meter, day]` the days that may serve. Only earlier days of the same kind with a
    complete event and adjustment window count. Unavailable (NaN) where there are fewer like days than the rule wants,
    where the adjustment window begins before the day does, or where the event day lacks it.
    """
    meters, length = kw.shape[0], event.stop - event.start
    adjust = method.window(event.start, slot_min)
    nothing = DayBaseline(np.full((meters, length), np.nan), np.zeros(meters, dtype=np.int64), np.full(meters, np.nan))
    earlier = _like_days(weekend, event.day, method)
    if adjust.start < 0 or not earlier.size:
        return nothing
    around = kw[:, :, adjust.start : event.stop]
    like = np.take(around, earlier, axis=1)
    in_event = slice(event.start - adjust.start, None)
    level = _sum_of_slots(like[:, :, in_event]) / length
    mornings = _sum_of_slots(like[:, :, : adjust.stop - adjust.start])
    usable = eligible[:, earlier] & np.isfinite(level + mornings)
    ages = event.day - earlier
    wanted, averaged = method.wanted(weekend=bool(weekend[event.day]))
    chosen = _chosen(level, usable, ages, method, wanted)
    enough = chosen.sum(axis=1) == wanted
    taken = _highest(level, chosen, averaged)
    mean = like[np.arange(meters)[:, None], taken].mean(axis=1)
    observed = around[:, event.day, : adjust.stop - adjust.start].mean(axis=1)
    baseline = adjusted(mean[:, in_event], mean[:, : adjust.stop - adjust.start].mean(axis=1), observed, method)
    age_days = np.where(enough, ages[taken].mean(axis=1), np.nan)
    return DayBaseline(np.where(enough[:, None], baseline, np.nan), np.where(enough, averaged, 0), age_days)


def _like_days(weekend: Flags, day: int, method: DayMatching) -> Whole:
    """Earlier days of the same kind, the nearest first."""
    days = np.arange(day - 1, max(-1, day - 1 - method.furthest_day), -1)
    return np.asarray(days[weekend[days] == weekend[day]], dtype=np.int64)


def _chosen(level: Floats, usable: Flags, ages: Whole, method: DayMatching, wanted: int) -> Flags:
    """The nearest `wanted` days of every meter; days of low load are passed over, and the next ones come in.

    The longer look-back is used only by meters that find too few days in the usual one.
    """
    found = _nearest(level, usable & (ages <= method.look_back_days), method, wanted)
    short = found.sum(axis=1) < wanted
    if method.longest_look_back_days and short.any():
        found[short] = _nearest(level[short], usable[short], method, wanted)
    return found


def _nearest(level: Floats, usable: Flags, method: DayMatching, wanted: int) -> Flags:
    usable = usable.copy()
    while True:
        nearest: Flags = usable & (np.cumsum(usable, axis=1) <= wanted)
        if method.drop_below_pct is None:
            return nearest
        count = np.maximum(nearest.sum(axis=1), 1)
        mean = np.where(nearest, level, 0.0).sum(axis=1) / count
        low = nearest & (level < mean[:, None] * method.drop_below_pct / 100)
        if not low.any():
            return nearest
        usable &= ~low


def _sum_of_slots(kw: Floats) -> Floats:
    """The sum over the last axis, which is too short for numpy's own loops to be fast."""
    return np.asarray(np.einsum("mds->md", kw))


def _highest(level: Floats, chosen: Flags, averaged: int) -> Whole:
    """The places of the `averaged` highest chosen days of every meter, the nearest of equals; others where too few."""
    return np.argsort(np.where(chosen, -level, np.inf), axis=1, kind="stable")[:, :averaged]


def adjusted(mean: Floats, morning: Floats, observed: Floats, method: SameDay) -> Floats:
    """Return a baseline `mean[meter, slot]` [kW] corrected by the same day, as the rule says.

    `morning` is the baseline's own mean in the adjustment window, `observed` the load's [kW]; NaN where a ratio has
    nothing to stand on.
    """
    if method.adjustment is None:
        return mean
    if method.adjustment == "additive":
        return np.asarray(mean + (observed - morning)[:, None])
    ratio = np.divide(observed, morning, out=np.full(observed.shape, np.nan), where=morning > 0)
    if method.adjust_cap_pct is not None:
        ratio = np.clip(ratio, 1 - method.adjust_cap_pct / 100, 1 + method.adjust_cap_pct / 100)
    return np.asarray(mean * ratio[:, None])
