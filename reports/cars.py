"""The cars on the peak day as plain numbers: each stay with its states of charge, its target and when it was ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from reports.facts import Facts
from reports.peak_day import PeakDay

SHOWN = 40


@dataclass(frozen=True)
class Stay:
    """One car's stay: plug-in and departure in hours since the day began, cut at its ends; states of charge [%]."""

    name: str
    from_h: float
    to_h: float
    left_at: datetime | None
    charge: tuple[tuple[float, float], ...]
    target_pct: float
    left_pct: float | None
    ready_h: float | None
    ready_at: datetime | None

    @property
    def lowest_pct(self) -> float | None:
        """The lowest state of charge on the day [%]."""
        return min((pct for _, pct in self.charge), default=None)

    @property
    def ready(self) -> bool | None:
        """Whether the car left at its target or above; None where it has not left or its charge is not known."""
        if self.left_pct is None:
            return None
        return self.left_pct >= self.target_pct - 1e-6


@dataclass(frozen=True)
class CarsDay:
    """The stays of a day in order of arrival, the hours drawn, and how many stays are left out."""

    day: date
    stays: tuple[Stay, ...]
    from_h: float
    to_h: float
    left_out: int

    @property
    def departed(self) -> tuple[Stay, ...]:
        """The stays that ended on the day with a known charge."""
        return tuple(stay for stay in self.stays if stay.ready is not None)


def find_cars(facts: Facts, day: PeakDay | None) -> CarsDay | None:
    """Return the cars of the peak day; None where no stay has a state of charge on it."""
    if day is None or facts.data.stays.is_empty():
        return None
    begin: datetime = facts.data.load.filter(pl.col("local_day") == day.day)["interval_start"].min()  # type: ignore[assignment]
    end_h = day.windows[-1].end_h
    stays = [_stay(row, facts, begin, end_h) for row in facts.data.stays.sort("plugged_in_at").iter_rows(named=True)]
    known = [stay for stay in stays if stay and len(stay.charge) > 1]
    if not known:
        return None
    drawn = sorted(known, key=lambda s: (_spare(s), s.from_h, s.name))[:SHOWN]
    shown = tuple(sorted(drawn, key=lambda s: (s.from_h, s.name)))
    from_h, to_h = min(s.from_h for s in shown), max(s.to_h for s in shown)
    return CarsDay(day.day, shown, float(int(from_h)), min(float(int(to_h)) + 1, end_h), len(known) - len(shown))


def _spare(stay: Stay) -> float:
    """Order stays by what they left with beyond their target: where not all are drawn, the short ones are."""
    return 0.0 if stay.left_pct is None else stay.left_pct - stay.target_pct


def _stay(row: Mapping[str, Any], facts: Facts, begin: datetime, end_h: float) -> Stay | None:
    def hours(at: datetime) -> float:
        return (at - begin).total_seconds() / 3600

    out: datetime | None = row["plugged_out_at"]
    from_h, to_h = max(hours(row["plugged_in_at"]), 0.0), min(hours(out) if out else end_h, end_h)
    if to_h <= from_h:
        return None
    samples = facts.data.charge.filter(pl.col("session_id") == row["session_id"]).sort("measured_at")
    charge = tuple((hours(at), pct) for at, pct in samples.select("measured_at", "soc_pct").iter_rows())
    inside = tuple((h, pct) for h, pct in charge if 0 <= h <= end_h)
    target = 100.0 if row["target_soc_pct"] is None else float(row["target_soc_pct"])
    left = row["soc_out_pct"] if out and hours(out) <= end_h else None
    ready_h = _ready_h(inside, target) if left is not None and left >= target - 1e-6 else None
    return Stay(
        name=row["name"],
        from_h=from_h,
        to_h=to_h,
        left_at=_wall(facts, begin, to_h) if left is not None else None,
        charge=inside,
        target_pct=target,
        left_pct=left,
        ready_h=ready_h,
        ready_at=None if ready_h is None else _wall(facts, begin, ready_h),
    )


def _wall(facts: Facts, begin: datetime, hours: float) -> datetime:
    """Return the site's wall clock, hours after an instant."""
    return (begin + timedelta(hours=hours)).astimezone(ZoneInfo(facts.site.timezone)).replace(tzinfo=None)


def _ready_h(charge: tuple[tuple[float, float], ...], target: float) -> float | None:
    """Return from when on a car stayed at its target or above, hours since the day began."""
    since = None
    for hour, pct in reversed(charge):
        if pct < target - 1e-6:
            break
        since = hour
    return since
