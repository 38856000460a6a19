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
    known = windows.drop_nulls("energy_wh")
    kw_s = known.get_column("energy_wh") * 3.6
    return _by_slot(known, kw_s, known.get_column("duration_s"), slot_min)


def hourly_grid(observed: pl.DataFrame, column: str) -> DayGrid:
    """Return the hourly means of a column, in its own unit; `observed` holds local_start (naive wall clock) too."""
    known = observed.drop_nulls(column)
    return _by_slot(known, known.get_column(column), pl.repeat(1, known.height, eager=True), 60)


def _by_slot(frame: pl.DataFrame, value: pl.Series, weight: pl.Series, slot_min: int) -> DayGrid:
    """The sum of a value over that of its weight, by local day and slot."""
    slots = _MINUTES_OF_DAY // slot_min
    if frame.is_empty():
        return DayGrid((), slot_min, np.empty((0, slots)))
    minutes = frame.get_column("local_start").dt.epoch("s").to_numpy() // 60
    day, minute = np.divmod(minutes, _MINUTES_OF_DAY)
    first = int(day.min())
    days = int(day.max()) - first + 1
    place = (day - first) * slots + minute // slot_min
    total, weighs = (np.bincount(place, each.to_numpy(), minlength=days * slots) for each in (value, weight))
    table = np.divide(total, weighs, out=np.full(days * slots, np.nan), where=weighs > 0).reshape(days, slots)
    began = date(1970, 1, 1) + timedelta(days=first)
    return DayGrid(tuple(began + timedelta(days=step) for step in range(days)), slot_min, table)


def aligned(grid: DayGrid, days: Sequence[date]) -> Floats:
    """Return the rows of a grid for other days; NaN for days it does not hold."""
    rows = np.full((len(days), grid.slots), np.nan)
    row_of = {day: row for row, day in enumerate(grid.days)}
    for number, day in enumerate(days):
        if day in row_of:
            rows[number] = grid.kw[row_of[day]]
    return rows
