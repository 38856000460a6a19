"""Cells: runs of windows of one day that lie in the same slots. Sums and highest windows are taken once for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.tariff.clock import Flags, Ints
from pipeline.tariff.matrix import Matrix, Moved
from pipeline.tariff.peaks import MISSING


def slots_in(flags: Flags, days: Ints, load: Matrix | Moved) -> Cells | Joined:
    """Return what slots come to; `flags` has a row of windows a slot."""
    return Cells.of(flags, days, load) if isinstance(load, Matrix) else Joined.of(flags, days, load)


@dataclass(frozen=True, eq=False)
class Cells:
    """The windows of a bill, cut where `bounds` say; `slots` tells for every slot which cells are its own."""

    matrix: Matrix
    bounds: Ints
    slots: Flags

    @classmethod
    def of(cls, flags: Flags, days: Ints, matrix: Matrix) -> Cells:
        """Cut the windows where a day or the hours of a slot begin or end; `flags` has a row of windows a slot."""
        cut = (days[1:] != days[:-1]) | (flags[:, 1:] != flags[:, :-1]).any(axis=0)
        starts = np.append(0, np.flatnonzero(cut) + 1)[: len(days)]  # no windows, no cells
        return cls(matrix, np.append(starts, len(days)), flags[:, starts])

    def imported(self, number: int) -> Ints:
        """Return the import [Wh] of each load in a slot."""
        return self._in_slot(self._imported, number)

    def exported(self, number: int) -> Ints:
        """Return the export [Wh] of each load in a slot."""
        return self._in_slot(self._exported, number)

    def windows(self, number: int) -> Ints:
        """Return the number of windows present of each load in a slot."""
        if self.matrix.present is not None:
            return self._in_slot(self._summed(self.matrix.present.astype(np.int64)), number)
        return np.full(self.matrix.loads, np.diff(self.bounds)[self.slots[number]].sum())

    def reactive(self, number: int) -> tuple[Ints, Ints]:
        """Return the reactive energy [varh] of each load in a slot, and the windows it was metered in."""
        if self.matrix.reactive is None:
            nothing = np.zeros(len(self.matrix.imported), dtype=np.int64)
            return nothing, nothing
        known = self.matrix.reactive_present
        counted = np.ones_like(self.matrix.reactive) if known is None else known.astype(np.int64)
        return self._in_slot(self._summed(self.matrix.reactive), number), self._in_slot(self._summed(counted), number)

    def highest(self, number: int) -> tuple[Ints, Ints]:
        """Return the highest window [Wh] of each load in a slot, -1 for none, and the number of the earliest."""
        cells = np.flatnonzero(self.slots[number])
        loads = np.arange(len(self.matrix.imported))
        if not len(cells):
            return np.full(len(loads), MISSING, dtype=np.int64), np.zeros(len(loads), dtype=np.int64)
        place = self._highest[:, cells].argmax(axis=1)
        cell = cells[place]
        best = self._highest[loads, cell]
        longest = int(np.diff(self.bounds)[cells].max())
        windows = np.minimum(self.bounds[cell][:, None] + np.arange(longest), self.bounds[cell + 1][:, None] - 1)
        reached = self._known_imports[loads[:, None], windows] == best[:, None]
        return best, self.bounds[cell] + reached.argmax(axis=1)

    def _in_slot(self, by_cell: Ints, number: int) -> Ints:
        inside = self.slots[number]
        total: Ints = by_cell.sum(axis=1) if inside.all() else by_cell[:, inside].sum(axis=1)
        return total

    def _summed(self, values: Ints) -> Ints:
        return np.add.reduceat(values, self.bounds[:-1], axis=1)

    @cached_property
    def _imported(self) -> Ints:
        return self._summed(self.matrix.imported)

    @cached_property
    def _exported(self) -> Ints:
        if not self.matrix.exported.any():
            return np.zeros((len(self.matrix.exported), len(self.bounds) - 1), dtype=np.int64)
        return self._summed(self.matrix.exported)

    @cached_property
    def _known_imports(self) -> Ints:
        present, values = self.matrix.present, self.matrix.imported
        return values if present is None else np.where(present, values, MISSING)

    @cached_property
    def _highest(self) -> Ints:
        return np.maximum.reduceat(self._known_imports, self.bounds[:-1], axis=1)


@dataclass(frozen=True, eq=False)
class Joined:
    """As `Cells` of loads that differ in some windows only: cells of the windows they are alike in, and of the others.

    `numbers` are those of the two kinds of windows.
    """

    alike: Cells
    moved: Cells
    numbers: tuple[Ints, Ints]

    @classmethod
    def of(cls, flags: Flags, days: Ints, load: Moved) -> Joined:
        """Cut both kinds of windows, as `Cells.of`."""
        matrix, numbers = load.alike
        alike = Cells.of(flags[:, numbers], days[numbers], matrix)
        moved = Cells.of(flags[:, load.windows], days[load.windows], load.moved)
        return cls(alike, moved, (numbers, load.windows))

    def imported(self, number: int) -> Ints:
        """Return the import [Wh] of each load in a slot."""
        return self.alike.imported(number) + self.moved.imported(number)

    def exported(self, number: int) -> Ints:
        """Return the export [Wh] of each load in a slot."""
        return self.alike.exported(number) + self.moved.exported(number)

    def windows(self, number: int) -> Ints:
        """Return the number of windows present of each load in a slot."""
        return self.alike.windows(number) + self.moved.windows(number)

    def reactive(self, number: int) -> tuple[Ints, Ints]:
        """Return the reactive energy [varh] of each load in a slot, and the windows it was metered in."""
        (alike, known), (moved, more) = self.alike.reactive(number), self.moved.reactive(number)
        return alike + moved, known + more

    def highest(self, number: int) -> tuple[Ints, Ints]:
        """Return the highest window [Wh] of each load in a slot, -1 for none, and the number of the earliest."""
        (alike, first), (moved, second) = self.alike.highest(number), self.moved.highest(number)
        first, second = _named(first, self.numbers[0]), _named(second, self.numbers[1])
        here = (moved > alike) | ((moved == alike) & (second < first))
        return np.maximum(alike, moved), np.where(here, second, first)


def _named(windows: Ints, numbers: Ints) -> Ints:
    """The numbers of windows among some of them; 0 where there are none."""
    return numbers[windows] if len(numbers) else windows
