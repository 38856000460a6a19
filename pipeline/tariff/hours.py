"""Time-of-use hours: do periods overlap, what do they leave open, and what is the rest of a day."""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pipeline.tariff.model import ALL_WEEKDAYS, MINUTES_OF_DAY, Mask, TouPeriod

Span: TypeAlias = tuple[int, int]
DayType: TypeAlias = tuple[int, int]  # month 1-12, ISO weekday 1-7


def clock(minute: int) -> str:
    """Return a minute of the day as HH:MM; 1440 is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _name(day_type: DayType, span: Span) -> str:
    month, weekday = day_type
    return f"{calendar.month_name[month]}, {calendar.day_name[weekday - 1]}, {clock(span[0])}-{clock(span[1])}"


def _spans(periods: Iterable[TouPeriod]) -> dict[DayType, list[tuple[int, int, str]]]:
    found: dict[DayType, list[tuple[int, int, str]]] = {}
    for period in periods:
        for mask in period.when:
            for day_type in itertools.product(mask.months, mask.weekdays):
                found.setdefault(day_type, []).extend((start, end, period.name) for start, end in mask.minutes)
    return {day_type: sorted(spans) for day_type, spans in found.items()}


def overlap(periods: Sequence[TouPeriod]) -> str | None:
    """Return the first hours that two periods (or one twice) claim, in words; None when none do."""
    for day_type, spans in sorted(_spans(periods).items()):
        for (_, end, first), (start, second_end, second) in itertools.pairwise(spans):
            if start < end:
                hours = _name(day_type, (start, min(end, second_end)))
                return f"{hours} in both {first!r} and {second!r}" if first != second else f"{hours} twice in {first!r}"
    return None


def _free(spans: Iterable[tuple[int, int, str]]) -> tuple[Span, ...]:
    free, at = [], 0
    for start, end, _ in spans:
        if start > at:
            free.append((at, start))
        at = max(at, end)
    if at < MINUTES_OF_DAY:
        free.append((at, MINUTES_OF_DAY))
    return tuple(free)


def hole(periods: Sequence[TouPeriod], months: Iterable[int]) -> str | None:
    """Return the first hours of the months that no period claims, in words; None when all are claimed."""
    spans = _spans(periods)
    for day_type in itertools.product(sorted(months), ALL_WEEKDAYS):
        free = _free(spans.get(day_type, []))
        if free:
            return _name(day_type, free[0])
    return None


def masks_of(spans: Iterable[tuple[DayType, tuple[Span, ...]]]) -> tuple[Mask, ...]:
    """Return the fewest masks by day type that say the given spans of each (month, weekday)."""
    by_month: dict[tuple[int, tuple[Span, ...]], list[int]] = {}
    for (month, weekday), minutes in spans:
        if minutes:
            by_month.setdefault((month, minutes), []).append(weekday)
    by_days: dict[tuple[tuple[int, ...], tuple[Span, ...]], list[int]] = {}
    for (month, minutes), weekdays in by_month.items():
        by_days.setdefault((tuple(sorted(weekdays)), minutes), []).append(month)
    return tuple(Mask(tuple(sorted(months)), days, minutes) for (days, minutes), months in by_days.items())


def rest(periods: Sequence[TouPeriod], months: Iterable[int]) -> tuple[Mask, ...]:
    """Return the hours of the months that no period claims; () when nothing is left."""
    spans = _spans(periods)
    day_types = itertools.product(sorted(months), ALL_WEEKDAYS)
    return masks_of((day_type, _free(spans.get(day_type, []))) for day_type in day_types)
