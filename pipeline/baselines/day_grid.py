"""Windows of one load as a table of days x slots of the local clock, which is how baselines look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DayGrid:
    """`kw[day, slot]` [kW] of consecutive local `days`; NaN where nothing was measured or the hour does not exist.

    The hour that runs twice when summer time ends is the mean of its two runs.
    """

    days: tuple[date, ...]
    slot_min: int
    kw: Floats

    @property
    def slots(self) -> int:
        """Slots of a day."""
        return int(self.kw.shape[1])

    def index(self, day: date) -> int:
        """Return the row of a day; may lie outside the table."""
        return (day - self.days[0]).days if self.days else 0


def day_grid(windows: pl.DataFrame, slot_min: int) -> DayGrid:
    """Return the mean power of windows by local day and slot.

    `windows`: local_start (naive wall clock), duration_s [s], energy_wh [Wh], null where not known. Windows that do not
    lie on the slots (a day's last window where clocks change by half an hour) count by their share of time.
    """
    known = windows.drop_nulls("energy_wh")
    if known.is_empty():
        return DayGrid((), slot_min, np.empty((0, 1440 // slot_min)))
    start = pl.col("local_start")
    sums = (
        known.with_columns(
            day=start.dt.date(),
            slot=(start.dt.hour().cast(pl.Int64) * 60 + start.dt.minute().cast(pl.Int64)) // slot_min,
        )
        .group_by("day", "slot")
        .agg(pl.col("energy_wh").sum(), pl.col("duration_s").sum())
    )
    first, last = sums.select(first=pl.col("day").min(), last=pl.col("day").max()).row(0)
    days = tuple(first + timedelta(days=step) for step in range((last - first).days + 1))
    kw = np.full((len(days), 1440 // slot_min), np.nan)
    at_day = sums.select((pl.col("day") - first).dt.total_days()).to_series().to_numpy()
    kw[at_day, sums.get_column("slot").to_numpy()] = sums.select(
        pl.col("energy_wh") * 3.6 / pl.col("duration_s")
    ).to_series()
    return DayGrid(days, slot_min, kw)


def aligned(grid: DayGrid, days: Sequence[date]) -> Floats:
    """Return the rows of a grid for other days; NaN for days it does not hold."""
    rows = np.full((len(days), grid.slots), np.nan)
    for number, day in enumerate(days):
        if 0 <= (at := grid.index(day)) < len(grid.days):
            rows[number] = grid.kw[at]
    return rows
