"""How V2B changed the site's demand by day and hour, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from reports.facts import Facts
from reports.peak_day import power_kw

NOTHING_KW = 0.05  # a change that prints as 0.0 kW


@dataclass(frozen=True)
class Cell:
    """One window: its day's place in the bill, wall-clock hours, change of demand [kW]; `part` of `parts` where the
    clock shows the hour twice.
    """

    place: int
    from_h: float
    to_h: float
    change_kw: float
    part: int
    parts: int


@dataclass(frozen=True)
class DayChange:
    """A day's largest cut and largest addition [kW, 0 where none]; whether both worlds are known all day."""

    day: date
    least_kw: float
    most_kw: float
    known: bool


@dataclass(frozen=True)
class Heat:
    """The cells that differ, the days, the wall-clock hours drawn, and the largest change either way [kW]."""

    cells: tuple[Cell, ...]
    days: tuple[DayChange, ...]
    from_h: float
    to_h: float
    largest_kw: float

    @property
    def hours(self) -> tuple[tuple[float, float], ...]:
        """Mean change per hour of the clock over the days that changed: (hour, kW)."""
        changed = max(len({cell.place for cell in self.cells}), 1)
        sums: dict[float, float] = {}
        for cell in self.cells:
            hour = float(int(cell.from_h))
            sums[hour] = sums.get(hour, 0.0) + cell.change_kw * (cell.to_h - cell.from_h) / changed
        return tuple(sorted(sums.items()))


def find_heat(facts: Facts) -> Heat | None:
    """Return the change of demand of a bill; None where the compared world is not known or nothing changed."""
    if not facts.baseline_known or facts.data.load.is_empty():
        return None
    frame = _changes(facts)
    order = {day: place for place, day in enumerate(frame["local_day"].unique().sort())}
    moved = frame.filter(pl.col("change").abs() >= NOTHING_KW)
    if moved.is_empty():
        return None
    cells = tuple(_cell(row, order) for row in moved.iter_rows(named=True))
    days = tuple(
        DayChange(day, min(low or 0.0, 0.0), max(high or 0.0, 0.0), known)
        for day, low, high, known in frame.group_by("local_day", maintain_order=True)
        .agg(pl.col("change").min(), high=pl.col("change").max(), known=pl.col("change").is_not_null().all())
        .iter_rows()
    )
    from_h, to_h = min(cell.from_h for cell in cells), max(cell.to_h for cell in cells)
    largest = max(abs(cell.change_kw) for cell in cells)
    return Heat(cells, days, float(max(int(from_h) - 1, 0)), float(min(int(to_h + 1.999), 24)), largest)


def _changes(facts: Facts) -> pl.DataFrame:
    """Return each window's change of demand [kW], numbered where the clock shows its hour more than once."""
    same = ["local_day", "local_start"]
    return (
        facts.data.load.sort("interval_start")
        .select(
            "local_day",
            "local_start",
            "duration_s",
            change=power_kw("actual_import_wh") - power_kw(f"{facts.headline}_import_wh"),
        )
        .with_columns(part=pl.int_range(pl.len()).over(same), parts=pl.len().over(same))
    )


def _cell(row: dict[str, Any], order: dict[date, int]) -> Cell:
    at = row["local_start"]
    from_h = at.hour + at.minute / 60
    to_h = from_h + row["duration_s"] / 3600
    return Cell(order[row["local_day"]], from_h, to_h, row["change"], row["part"], row["parts"])
