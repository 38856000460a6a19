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

    def known(self) -> DayGrid:
        """Return the days from the first one with a value to the last."""
        held = np.flatnonzero(np.isfinite(self.table).any(axis=1))
        if not held.size:
            return DayGrid(self.first, self.table[:0])
        return DayGrid(self.first + int(held[0]), self.table[held[0] : held[-1] + 1])


@dataclass(frozen=True, eq=False)
class DaySlots:
    """Where windows lie in a table of local days x slots: `place` counts slots from the day `first` on."""

    first: int
    days: int
    slots: int
    place: Whole

    @classmethod
    def of(cls, day: Whole, minute: Whole, slot_min: int) -> DaySlots:
        """Place windows by their local `day` [days since 1970] and `minute` of the wall-clock day."""
        slots = _MINUTES_OF_DAY // slot_min
        if not day.size:
            return cls(0, 0, slots, day)
        first = int(day.min())
        return cls(first, int(day.max()) - first + 1, slots, (day - first) * slots + minute // slot_min)

    def mean_kw(self, energy_wh: Floats, duration_s: Whole) -> DayGrid:
        """Return the mean power [kW] of windows with an energy [Wh], NaN where not known.

        Windows that do not lie on the slots (a day's last window where clocks change by half an hour) count by their
        share of time; the hour that runs twice when summer time ends is the mean of its two runs.
        """
        return self._mean(energy_wh * 3.6, duration_s)

    def mean(self, value: Floats) -> DayGrid:
        """Return the mean of observations in their own unit, NaN where not known."""
        return self._mean(value, np.ones(value.size, dtype=np.int64))

    def _mean(self, value: Floats, weight: Whole) -> DayGrid:
        known = np.isfinite(value)
        if not known.all():
            value, weight = np.where(known, value, 0.0), np.where(known, weight, 0)
        count = self.days * self.slots
        total, weighs = (np.bincount(self.place, each, minlength=count) for each in (value, weight))
        table = np.divide(total, weighs, out=np.full(count, np.nan), where=weighs > 0)
        return DayGrid(self.first, table.reshape(self.days, self.slots))
