"""Windows of one load as a table of days x slots of the local clock, which is how baselines look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_MINUTES_OF_DAY: Final = 1440


@dataclass(frozen=True)
class DayGrid:
    """`kw[day, slot]` [kW] of consecutive local `days`; NaN where nothing was measured or the hour does not exist.

    Hourly means hold another unit in the same shape. The hour that runs twice when summer time ends is the mean of its
    two runs.
    """

    days: tuple[date, ...]
    slot_min: int
    kw: Floats

    @property
    def slots(self) -> int:
        """Slots of a day."""
        return int(self.kw.shape[1])


def day_grid(windows: pl.DataFrame, slot_min: int) -> DayGrid:
    """Return the mean power of windows by local day and slot.

    `windows`: local_start (naive wall clock), duration_s [s], energy_wh [Wh], null where not known. Windows that do not
    lie on the slots (a day's last window where clocks change by half an hour) count by their share of time.
    """
    power = pl.col("energy_wh").sum() * 3.6 / pl.col("duration_s").sum()
    return _by_slot(windows.drop_nulls("energy_wh"), power, slot_min)


def hourly_grid(observed: pl.DataFrame, column: str) -> DayGrid:
    """Return the hourly means of a column, in its own unit; `observed` holds local_start (naive wall clock) too."""
    return _by_slot(observed.drop_nulls(column), pl.col(column).mean(), 60)


def _by_slot(frame: pl.DataFrame, value: pl.Expr, slot_min: int) -> DayGrid:
    start = pl.col("local_start")
    minute = start.dt.hour().cast(pl.Int64) * 60 + start.dt.minute().cast(pl.Int64)
    found = frame.group_by(day=start.dt.date(), slot=minute // slot_min).agg(value=value)
    slots = _MINUTES_OF_DAY // slot_min
    if found.is_empty():
        return DayGrid((), slot_min, np.empty((0, slots)))
    first, last = found.select(first=pl.col("day").min(), last=pl.col("day").max()).row(0)
    table = np.full(((last - first).days + 1, slots), np.nan)
    at_day = found.select((pl.col("day") - first).dt.total_days()).to_series().to_numpy()
    table[at_day, found.get_column("slot").to_numpy()] = found.get_column("value").to_numpy()
    return DayGrid(tuple(first + timedelta(days=step) for step in range(table.shape[0])), slot_min, table)


def aligned(grid: DayGrid, days: Sequence[date]) -> Floats:
    """Return the rows of a grid for other days; NaN for days it does not hold."""
    rows = np.full((len(days), grid.slots), np.nan)
    row_of = {day: row for row, day in enumerate(grid.days)}
    for number, day in enumerate(days):
        if day in row_of:
            rows[number] = grid.kw[row_of[day]]
    return rows
