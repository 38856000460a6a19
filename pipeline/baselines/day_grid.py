"""Windows of a load as a table of days x slots of the local clock, which is how baselines look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
_MINUTES_OF_DAY: Final = 1440


@dataclass(frozen=True, eq=False)
class DayGrid:
    """`table[day, slot]` of consecutive local days from `first` [days since 1970] on.

    NaN where nothing was measured or the hour does not exist.
    """

    first: int
    table: Floats

    def over(self, first: int, days: int) -> Floats:
        """Return the rows of `days` days from `first` on; NaN for days the table does not hold."""
        rows = np.full((days, self.table.shape[1]), np.nan)
        begin, end = max(first, self.first), min(first + days, self.first + len(self.table))
        if begin < end:
            rows[begin - first : end - first] = self.table[begin - self.first : end - self.first]
        return rows


@dataclass(frozen=True, eq=False)
class DaySlots:
    """Where values lie in a table of local days x slots: `place` counts slots from the day `first` on.

    `weight` is the sum of the values' weights in each slot.
    """

    first: int
    days: int
    slots: int
    place: Whole
    weight: Floats

    @classmethod
    def of(cls, day: Whole, minute: Whole, weight: Whole, slot_min: int) -> DaySlots:
        """Place values by their local `day` [days since 1970] and `minute` of the wall-clock day."""
        slots = _MINUTES_OF_DAY // slot_min
        if not day.size:
            return cls(0, 0, slots, day, np.empty(0))
        first = int(day.min())
        days, place = int(day.max()) - first + 1, (day - first) * slots + minute // slot_min
        weighs = np.bincount(place, weight, minlength=days * slots)
        return cls(first, days, slots, place, np.asarray(weighs, dtype=np.float64))

    def mean(self, weighed: Floats) -> DayGrid:
        """Return the means of values times their weights.

        Windows that do not lie on the slots (a day's last window where clocks change by half an hour) count by their
        weight, their share of time; the hour that runs twice when summer time ends is the mean of its two runs.
        """
        count = self.days * self.slots
        total = np.bincount(self.place, weighed, minlength=count)
        table = np.divide(total, self.weight, out=np.full(count, np.nan), where=self.weight > 0)
        return DayGrid(self.first, table.reshape(self.days, self.slots))
