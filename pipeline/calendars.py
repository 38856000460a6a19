"""Local days, DST, holidays, bill periods and the window grid. Everything here follows an IANA zone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC as UTC_ZONE
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import holidays as holiday_calendars
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.domain import UTC, BillPeriod

Ints = NDArray[np.int64]
_SECOND_US: Final = 1_000_000
_DAY_S: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC_ZONE)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROS: Final = np.dtype("datetime64[us]")
_THURSDAY: Final = 3  # 1970-01-01, counted from Monday
_MINUTE_US: Final = 60 * _SECOND_US


def month_of(day: date) -> str:
    """Return the month 'YYYY-MM' a day lies in."""
    return f"{day.year:04d}-{day.month:02d}"


def first_day(month: str) -> date:
    """Return the first day of a month 'YYYY-MM'; raises ValueError for anything else."""
    return date.fromisoformat(f"{month}-01")


@lru_cache(maxsize=4096)
def add_months(month: str, count: int) -> str:
    """Return the month `count` months after (before, if negative) a month 'YYYY-MM'."""
    day = first_day(month)
    index = day.year * 12 + day.month - 1 + count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def months_between(first: str, last: str) -> list[str]:
    """Return all months from `first` to `last`, both included; empty when `last` comes before `first`."""
    months = []
    while first <= last:
        months.append(first)
        first = add_months(first, 1)
    return months


def calendar_month(month: str) -> BillPeriod:
    """Return the bill period that is exactly one calendar month."""
    return BillPeriod(month, first_day(month), first_day(add_months(month, 1)))


@lru_cache(maxsize=4096)
def local_midnight_utc(day: date, zone: str) -> datetime:
    """Return the instant a local day begins [UTC]; where midnight does not exist, the first instant after the gap."""
    naive = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return naive.astimezone(UTC_ZONE)


def period_utc(period: BillPeriod, zone: str) -> tuple[datetime, datetime]:
    """Return a bill period as a half-open span of UTC instants."""
    return local_midnight_utc(period.read_from, zone), local_midnight_utc(period.read_to, zone)


@lru_cache(maxsize=64)
def window_grid(period: BillPeriod, zone: str, window_min: int) -> pl.DataFrame:
    """Return every demand window of a bill, aligned to the local clock.

    Columns: interval_start (UTC), duration_s [s] and those of `with_local_time`. A DST day has 23 or 25 hours of
    windows; where clocks change by a part of a window, the day's last window is shorter. One frame for all sites of a
    zone: not to be changed.
    """
    starts = grid_starts(period.read_from, period.read_to, zone, window_min * 60)
    durations_s = np.diff(starts, append=instant_us(local_midnight_utc(period.read_to, zone))) // _SECOND_US
    grid = [pl.Series("interval_start", starts, dtype=UTC), pl.Series("duration_s", durations_s)]
    return pl.DataFrame([*grid, *_local_calendar(starts, zone)])


def grid_starts(first: date, until: date, zone: str, window_s: int) -> Ints:
    """Return the starts [µs UTC] of all windows of some local days, aligned to the local clock."""
    days = [first + timedelta(days=step) for step in range((until - first).days + 1)]
    midnights = [instant_us(local_midnight_utc(day, zone)) for day in days]
    step = window_s * _SECOND_US
    spans = list(pairwise(midnights))
    if all((end - start) % step == 0 for start, end in spans):
        return np.arange(midnights[0], midnights[-1], step, dtype=np.int64)
    return np.concatenate([np.arange(start, end, step, dtype=np.int64) for start, end in spans])


def with_local_time(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add the local calendar of `interval_start`.

    Adds local_start (naive wall clock), local_day, local_month (1-12), local_weekday (ISO, Monday 1), local_minute
    (minute of the wall-clock day, 0-1439).
    """
    return frame.with_columns(_local_calendar(instants_us(frame.get_column("interval_start")), zone))


def _local_calendar(instants: Ints, zone: str) -> list[pl.Series]:
    local_us = wall_clock_us(instants, zone)
    day, of_day_us = np.divmod(local_us, _DAY_S * _SECOND_US)
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return [
        pl.Series("local_start", local_us, dtype=pl.Datetime("us")),
        pl.Series("local_day", day, dtype=pl.Date),
        pl.Series("local_month", month),
        pl.Series("local_weekday", (day + _THURSDAY) % 7 + 1),
        pl.Series("local_minute", of_day_us // _MINUTE_US),
    ]


@lru_cache(maxsize=256)
def _clock_changes(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """From when on [µs UTC] the wall clock is how far ahead of UTC [µs], from the beginning of a year [UTC] on."""
    wall = ZoneInfo(zone)

    def ahead_s(at_s: int) -> int:
        return round((datetime.fromtimestamp(at_s, wall).utcoffset() or timedelta()).total_seconds())

    def changed_s(day: range) -> int:
        before = ahead_s(day[0])
        return day[bisect_left(day, x=True, key=lambda at_s: ahead_s(at_s) != before)]

    first, until = (round(datetime(begun, 1, 1, tzinfo=UTC_ZONE).timestamp()) for begun in (year, year + 1))
    days = [range(at, at + _DAY_S + 1) for at in range(first, until, _DAY_S)]
    changes = [first, *(changed_s(day) for day in days if ahead_s(day[0]) != ahead_s(day[-1]))]
    return tuple((at_s * _SECOND_US, ahead_s(at_s) * _SECOND_US) for at_s in changes)


def instant_us(at: datetime) -> int:
    """Return an instant as µs UTC since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instants_us(column: pl.Series) -> Ints:
    """Return a column of instants as µs UTC since 1970."""
    return column.to_numpy().astype(_MICROS, copy=False).view(np.int64)


def wall_clock_us(instants: Ints, zone: str) -> Ints:
    """Return what the wall clock shows at instants [µs UTC], as microseconds since its own 1970-01-01 00:00."""
    if not instants.size:
        return instants
    rising = bool((instants[1:] >= instants[:-1]).all())
    ends = instants[[0, -1]] if rising else (instants.min(), instants.max())
    first, last = (datetime.fromtimestamp(int(at) // _SECOND_US, UTC_ZONE).year for at in ends)
    changes = [change for year in range(first, last + 1) for change in _clock_changes(zone, year)]
    begun, ahead = np.array(changes, dtype=np.int64).T
    if rising:  # few changes are looked for among many instants, not the other way round
        until = np.append(np.searchsorted(instants, begun[1:]), instants.size)
        return np.asarray(instants + np.repeat(ahead, np.diff(until, prepend=0)))
    return np.asarray(instants + ahead[np.searchsorted(begun, instants, side="right") - 1])


@lru_cache(maxsize=256)
def _national_holidays(code: str, year: int) -> frozenset[date]:
    country, _, subdivision = code.partition("-")
    return frozenset(holiday_calendars.country_holidays(country, subdiv=subdivision or None, years=year).keys())


def holiday_dates(code: str | None, years: Iterable[int]) -> frozenset[date]:
    """Return the public holidays of `holidays` library code `code` ('JP', 'US-CA'); none without a code.

    Raises NotImplementedError (of the library) for an unknown code.
    """
    if not code:
        return frozenset()
    return frozenset(day for year in years for day in _national_holidays(code, year))
