"""Every day's highest window as plain numbers: what the chart of daily peaks draws and its data table lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from reports.facts import Facts
from reports.peak_day import DemandAxis, demand_axis, power_kw


@dataclass(frozen=True)
class DayPeaks:
    """One day's highest window in both worlds [kW, None where not all of it is known]; whether any car gave energy."""

    day: date
    baseline_kw: float | None
    actual_kw: float | None
    gave: bool

    @property
    def change_kw(self) -> float | None:
        """The day's peak with V2B minus without [kW]."""
        return None if self.actual_kw is None or self.baseline_kw is None else self.actual_kw - self.baseline_kw


@dataclass(frozen=True)
class Days:
    """All days of a bill, and the axis fitted to the days cars gave energy; others may lie below it."""

    rows: tuple[DayPeaks, ...]
    axis: DemandAxis
    highest_kw: float | None

    @property
    def giving(self) -> tuple[DayPeaks, ...]:
        """The days cars gave energy and both peaks are known."""
        return tuple(row for row in self.rows if row.gave and row.change_kw is not None)


def _highest(world: str) -> pl.Expr:
    """Return a day's highest window; null where one is not known, which may be the highest."""
    return pl.when(pl.col(world).is_not_null().all()).then(pl.col(world).max())


def find_days(facts: Facts) -> Days | None:
    """Return the daily peaks of a bill; None where no day has cars giving energy and both peaks known."""
    baseline = power_kw(f"{facts.headline}_import_wh") if facts.baseline_known else pl.lit(None, pl.Float64)
    frame = (
        facts.data.load.select("local_day", "discharge_wh", baseline=baseline, actual=power_kw("actual_import_wh"))
        .group_by("local_day")
        .agg(_highest("baseline"), _highest("actual"), gave=pl.col("discharge_wh").sum() > 0)
        .sort("local_day")
    )
    rows = tuple(DayPeaks(*values) for values in frame.iter_rows())
    found = Days(rows, demand_axis([]), facts.figure("peak_kw", "actual"))
    powers = [kw for row in found.giving for kw in (row.baseline_kw, row.actual_kw) if kw is not None]
    powers += [found.highest_kw] if found.highest_kw is not None else []
    return Days(rows, demand_axis(powers, room_below=True), found.highest_kw) if found.giving else None
