"""Reads the slots of one bill off its windows: sums and peaks of every load at once.

The hours of all plain slots cut a bill's windows into few cells; sums and highest windows are taken once per cell and
the slots put together from there. Rarer peaks (apparent power, means of the top, events) look at their own hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from pipeline.domain import TariffError
from pipeline.tariff.cells import Cells, Joined, slots_in
from pipeline.tariff.clock import (
    Flags,
    Hours,
    Ints,
    billed_weekday,
    day_number,
    grid_hours,
    hours_of,
    in_masks,
    micros,
)
from pipeline.tariff.hours import clock
from pipeline.tariff.matrix import Matrix, Moved, in_windows, slid
from pipeline.tariff.model import ALL_WEEKDAYS, MINUTES_OF_DAY, DemandQuantity
from pipeline.tariff.peaks import MISSING, holds_runs, peak_of, reactive_range, values_of
from pipeline.tariff.resolve import ResolvedTariff
from pipeline.tariff.slots import Slot

Reals = npt.NDArray[np.float64]


class Partial(NamedTuple):
    """Numbers of all loads, one each, 0 or meaningless where they are not `known`."""

    values: Ints
    known: Flags

    def of(self, loads: slice) -> Partial:
        """Return those of some loads."""
        return Partial(self.values[loads], self.known[loads])

    def at(self, load: int) -> int | None:
        """Return that of one load, None where it is not known."""
        return int(self.values[load]) if self.known[load] else None

    @property
    def numbers(self) -> Reals:
        """Return them as real numbers, NaN where one is not known."""
        return np.where(self.known, self.values, np.nan)


@dataclass(frozen=True, eq=False)
class Figures:
    """What one slot measures, one entry a load."""

    imported: Ints
    exported: Ints
    windows: Ints
    expected: Ints
    reactive: Partial
    peak: Partial
    set_at: Partial
    low: Partial
    high: Partial

    @property
    def peak_w(self) -> Ints:
        """Return own peaks [W], 0 where there is none."""
        return np.where(self.peak.known, self.peak.values, 0)

    def of(self, loads: slice) -> Figures:
        """Return what some of the loads measure."""
        sums = (getattr(self, name)[loads] for name in _SUMS)
        return Figures(*sums, *(getattr(self, name).of(loads) for name in _PARTIAL))


_SUMS: Final = ("imported", "exported", "windows", "expected")
_PARTIAL: Final = ("reactive", "peak", "set_at", "low", "high")


def _unknown(loads: int) -> Partial:
    return Partial(np.zeros(loads, dtype=np.int64), np.zeros(loads, dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class BillWindows:
    """One bill of many loads: their windows of `duration_s`, and for each load the row of its metered world."""

    resolved: ResolvedTariff
    zone: str
    holidays: frozenset[date]
    duration_s: int
    hours: Hours
    load: Matrix | Moved
    actual: Ints
    per_window: int = 1  # intervals of the load in a window
    sliding: bool = False

    @cached_property
    def matrix(self) -> Matrix:
        """Return every load in all windows."""
        return self.load if isinstance(self.load, Matrix) else self.load.whole

    @cached_property
    def weekday(self) -> Ints:
        """Return the ISO weekday each window is billed as."""
        return self._weekday(self.hours)

    @cached_property
    def grid(self) -> Hours:
        """Return all windows the bill has, also those of no load."""
        period = self.resolved.period
        return grid_hours(period.read_from, period.read_to, self.zone, self.resolved.clock, self._grid_s)

    @property
    def _grid_s(self) -> int:
        return self.duration_s if self.sliding else self.window_s

    @property
    def window_s(self) -> int:
        """Return the length of a window [s]."""
        return self.duration_s * self.per_window

    def _weekday(self, hours: Hours) -> Ints:
        return billed_weekday(hours, self.resolved.holidays | self.holidays, self.resolved.holidays_billed_as)

    def figures(self, slots: Sequence[Slot]) -> list[Figures]:
        """Return what every slot measures, in their order; raises TariffError for a load too coarse for one."""
        found: dict[int, Figures] = {}
        groups: dict[tuple[int, bool], list[int]] = {}
        for number, slot in enumerate(slots):
            groups.setdefault(self._window_of(slot), []).append(number)
        for (per_window, sliding), numbers in groups.items():
            windows = self._in_windows(per_window, sliding=sliding)
            plain = [number for number in numbers if _is_plain(slots[number])]
            found.update(zip(plain, windows.plain([slots[number] for number in plain]), strict=True))
            found.update({number: windows.special(slots[number]) for number in numbers if number not in found})
        return [found[number] for number in range(len(slots))]

    def _window_of(self, slot: Slot) -> tuple[int, bool]:
        if slot.quantity is None:
            return 1, False
        window_s = (slot.quantity.window_min or 0) * 60 or self.duration_s
        if window_s % self.duration_s or 3600 % window_s:
            place = f"charge {slot.charge_id!r}, demand window"
            allowed = f"windows that fill {window_s} s and an hour"
            raise TariffError("load", place, f"windows of {self.duration_s} s", allowed)
        per_window = window_s // self.duration_s
        return per_window, slot.quantity.sliding and per_window > 1

    def _in_windows(self, per_window: int, *, sliding: bool) -> BillWindows:
        if per_window == 1:
            return self
        if sliding:
            return self._slid(per_window)
        wide = replace(self, per_window=per_window)
        grid = wide.grid
        matrix = in_windows(self.matrix, self.hours.starts, grid.starts, per_window)
        return replace(wide, hours=grid, load=matrix)

    def _slid(self, per_window: int) -> BillWindows:
        steps = np.diff(self.hours.starts)
        if (len(steps) and (steps != steps[0]).any()) or len(self.hours.starts) < per_window:
            raise TariffError("load", "sliding demand window", "intervals on no grid", "intervals without a break")
        starts = self.hours.starts[: len(self.hours.starts) - per_window + 1]
        hours = hours_of(starts, self.zone, self.resolved.clock)
        return replace(self, per_window=per_window, sliding=True, hours=hours, load=slid(self.matrix, per_window))

    def _inside(self, slot: Slot, hours: Hours, weekday: Ints) -> Flags:
        """Which intervals lie in the hours of a slot."""
        flags = in_masks(hours, weekday, slot.masks)
        if slot.days is not None:
            first, until = (day_number(day) for day in slot.days)
            flags &= (hours.day >= first) & (hours.day < until)
        if slot.events is not None:
            zone = ZoneInfo(self.zone)
            events = [micros(start.replace(tzinfo=zone)) for start in slot.events]
            flags &= np.isin(hours.starts, np.array(events, dtype=np.int64))
        return flags

    def _refuse_straddling(self, slot: Slot) -> None:
        """Hours that begin or end inside a window would be billed as the hours of its start."""
        length = self.duration_s if self.sliding else self.window_s
        edges = {edge for mask in slot.masks for span in mask.minutes for edge in span}
        if all(mask.weekdays == ALL_WEEKDAYS for mask in slot.masks):
            edges -= {MINUTES_OF_DAY}
        for edge in edges:
            if ((self._minutes < edge) & (edge < self._minutes + length // 60)).any():
                place = f"charge {slot.charge_id!r}, band {slot.band!r}"
                allowed = "windows that begin and end where its hours do"
                raise TariffError("load", place, f"windows of {length} s across {clock(edge)}", allowed)

    @cached_property
    def _minutes(self) -> Ints:
        return np.unique(self.hours.minute)

    def _flags(self, slot: Slot) -> Flags:
        self._refuse_straddling(slot)
        return self._whole(slot) if self.sliding else self._inside(slot, self.hours, self.weekday)

    def _whole(self, slot: Slot) -> Flags:
        """Which windows of the bill's calendar lie in the hours of a slot."""
        inside = self._inside(slot, self.grid, self._weekday(self.grid))
        return holds_runs(inside, self.per_window) if self.sliding else inside

    def _expected(self, slot: Slot, flags: Flags) -> int:
        if slot.events is not None:
            period = self.resolved.period
            return sum(period.read_from <= event.date() < period.read_to for event in slot.events)
        return int((flags if self.hours is self.grid else self._whole(slot)).sum())

    def plain(self, slots: Sequence[Slot]) -> list[Figures]:
        """Return sums and highest windows of several slots by way of the cells their hours cut."""
        if not slots:
            return []
        flags = np.stack([self._flags(slot) for slot in slots])
        cells = slots_in(flags, self.hours.day, self.load)
        expected = map(self._expected, slots, flags)
        return [
            self._plain(slot, (number, cells), count)
            for number, (slot, count) in enumerate(zip(slots, expected, strict=True))
        ]

    def _plain(self, slot: Slot, place: tuple[int, Cells | Joined], expected: int) -> Figures:
        """The figures of a slot that is a sum or a highest window; `place`: its number among the slots of cells."""
        (number, cells), loads = place, len(self.actual)
        windows = cells.windows(number)
        reactive, metered = cells.reactive(number)
        peak, set_at = _unknown(loads), _unknown(loads)
        if slot.quantity is not None:
            value, window = cells.highest(number)
            peak, set_at = self._peak(value * 3600 // self.window_s, value >= 0, window, expected)
        counted = metered if slot.reactive else windows
        return Figures(
            imported=cells.imported(number),
            exported=cells.exported(number),
            windows=counted,
            expected=np.full(loads, expected, dtype=np.int64),
            reactive=Partial(reactive, metered == expected),
            peak=peak,
            set_at=set_at,
            low=_unknown(loads),
            high=_unknown(loads),
        )

    def _peak(self, watts: Ints, known: Flags, window: Ints, expected: int) -> tuple[Partial, Partial]:
        """A peak and its time; hours that do not occur in the bill have a peak of 0."""
        if not expected:
            return Partial(np.zeros_like(watts), np.ones_like(known)), _unknown(len(watts))
        return Partial(watts, known), Partial(self.hours.starts[window], known)

    def special(self, slot: Slot) -> Figures:
        """Return what a slot measures that no sum or highest window of kWh tells."""
        quantity = slot.quantity or DemandQuantity()
        inside = self._flags(slot)
        expected = self._expected(slot, inside)
        plain = self._plain(slot, (0, Cells.of(inside[None, :], self.hours.day, self.matrix)), expected)
        peak = peak_of(values_of(self.matrix, quantity.unit), inside, self.hours.day, quantity, self.window_s)
        watts, set_at = self._peak(peak.watts, peak.watts >= 0, peak.window, expected)
        if slot.events is not None and not expected:
            watts = _unknown(len(self.actual))
        low, high = self._range(quantity, inside)
        return replace(plain, peak=watts, set_at=set_at, low=low, high=high)

    def _range(self, quantity: DemandQuantity, inside: Flags) -> tuple[Partial, Partial]:
        """The least and the most apparent or reactive power of rebuilt worlds, whose chargers' part is not metered."""
        loads = len(self.actual)
        rebuilt = self.actual != np.arange(loads)
        if quantity.unit == "kW" or self.matrix.reactive is None or not rebuilt.any():
            return _unknown(loads), _unknown(loads)
        ends = []
        for varh in reactive_range(self.matrix, self.matrix.rows(self.actual)):
            values = values_of(self.matrix, quantity.unit, varh)
            watts = peak_of(values, inside, self.hours.day, quantity, self.window_s).watts
            ends.append(Partial(watts, rebuilt & (watts != MISSING)))
        return ends[0], ends[1]


def _is_plain(slot: Slot) -> bool:
    quantity = slot.quantity
    return quantity is None or (slot.events is None and quantity.unit == "kW" and quantity.statistic == "max")
