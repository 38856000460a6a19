"""The tariff's clock: local calendar of demand windows as plain arrays, worked out once per zone, clock and bill.

On a `prevailing` clock tariff hours follow summer time; on a `standard` one they do not, while bills still begin at
civil midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from pipeline.calendars import grid_starts, wall_clock_us
from pipeline.tariff.model import Clock, Mask

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_EPOCH = date(1970, 1, 1)
_EPOCH_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Hours:
    """Windows on a tariff's clock, one entry a window: `starts` [µs UTC], civil `day` [days since 1970], tariff-clock
    `tariff_day`, `month` (1-12), ISO `weekday` and `minute` of the day.
    """

    starts: Ints
    day: Ints
    tariff_day: Ints
    month: Ints
    weekday: Ints
    minute: Ints


def micros(at: datetime) -> int:
    """Return an instant as microseconds since 1970 UTC."""
    return (at - _EPOCH_TIME) // timedelta(microseconds=1)


def day_number(day: date) -> int:
    """Return a day as days since 1970."""
    return (day - _EPOCH).days


def standard_offset(zone: str, day: date) -> timedelta:
    """Return the offset from UTC without summer time in the year of a day: the smaller of winter's and summer's.

    Not `dst()`: Irish law calls summer time standard.
    """
    known = (datetime(day.year, month, 1, 12, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7))
    return min(offset for offset in known if offset is not None)


def hours_of(starts: Ints, zone: str, clock: Clock) -> Hours:
    """Return the tariff-clock calendar of window starts [µs UTC]."""
    civil = local = wall_clock_us(starts, zone)
    if clock == "standard" and len(starts):
        day = _EPOCH + timedelta(days=int(civil[0]) // _DAY_US)
        local = starts + standard_offset(zone, day) // timedelta(microseconds=1)
    tariff_day = local // _DAY_US
    month, weekday = _month_and_weekday(tariff_day)
    return Hours(
        starts=starts,
        day=tariff_day if local is civil else civil // _DAY_US,
        tariff_day=tariff_day,
        month=month,
        weekday=weekday,
        minute=(local - tariff_day * _DAY_US) // (60 * _SECOND_US),
    )


def _month_and_weekday(days: Ints) -> tuple[Ints, Ints]:
    """The month (1-12) and ISO weekday of days since 1970, looked up in the calendar of their span."""
    if not days.size:
        return days, days
    first, last = int(days.min()), int(days.max())
    span = np.arange(first, last + 1)
    months = span.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    weekdays = (span + 3) % 7 + 1
    return months[days - first], weekdays[days - first]


@lru_cache(maxsize=512)
def grid_hours(first: date, until: date, zone: str, clock: Clock, window_s: int) -> Hours:
    """Return the tariff-clock calendar of all windows of some local days; shared by every bill of these days."""
    return hours_of(grid_starts(first, until, zone, window_s), zone, clock)


def billed_weekday(hours: Hours, holidays: Iterable[date], billed_as: int) -> Ints:
    """Return the ISO weekday each window is billed as: holidays like `billed_as`."""
    days = np.array(sorted(day_number(day) for day in holidays), dtype=np.int64)
    return np.where(np.isin(hours.tariff_day, days), np.int64(billed_as), hours.weekday) if len(days) else hours.weekday


def in_masks(hours: Hours, weekday: Ints, masks: Iterable[Mask]) -> Flags:
    """Return which windows begin in any of the masks; `weekday` is the billed one."""
    found = np.zeros(len(hours.starts), dtype=np.bool_)
    for mask in masks:
        inside = np.zeros(len(hours.starts), dtype=np.bool_)
        for start, end in mask.minutes:
            inside |= (hours.minute >= start) & (hours.minute < end)
        found |= inside & _among(hours.month, mask.months) & _among(weekday, mask.weekdays)
    return found


def _among(values: Ints, chosen: Iterable[int]) -> Flags:
    table = np.zeros(13, dtype=np.bool_)
    table[list(chosen)] = True
    flags: Flags = table[values]
    return flags
