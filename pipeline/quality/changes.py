"""The meter's changes from window to window, and those that the chargers' registers must have caused.

Each change is taken less its usual value at that time of a working or free day, so that what is left is what happened
on some days and not on others: cars, mostly, on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline import charging
from pipeline.calendars import instants_us
from pipeline.quality.findings import in_time

LEAST_WINDOWS: Final = 200
ALL_CHARGERS: Final = "chargers"
"""Stands for the chargers added up, where a charger is named."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Register:
    """Net energy of one charger [Wh] at instants [s]."""

    charger_id: str
    instants: Numbers
    energy_wh: Numbers

    def at(self, instants: Numbers) -> Numbers:
        """Return what the register counts up to some instants [Wh]."""
        return np.interp(instants, self.instants, self.energy_wh)

    def shifted(self, edges: Numbers, offset_s: float) -> Numbers:
        """Return the energy between edges [s] as a clock that is `offset_s` ahead has filed it [Wh]."""
        return np.diff(self.at(edges + offset_s))

    def is_coarse(self, longest_s: float) -> bool:
        """Tell whether most energy flowed in pieces longer than `longest_s` [s]: when it flowed is then unknown."""
        moved, lengths_s = self._pieces
        return float(moved[lengths_s > longest_s].sum()) > float(moved.sum()) / 2

    @cached_property
    def _pieces(self) -> tuple[Numbers, Numbers]:
        """How much flowed between its instants [Wh], and how long they lie apart [s]."""
        return np.abs(np.diff(self.energy_wh)), np.diff(self.instants)

    def into_and_out_of(self) -> tuple[Register, Register]:
        """Return what went into cars and, negative, what came out of them, as two registers."""
        steps = np.diff(self.energy_wh, prepend=self.energy_wh[:1])
        into, out_of = (np.cumsum(part) for part in (np.maximum(steps, 0), np.minimum(steps, 0)))
        return replace(self, energy_wh=into), replace(self, energy_wh=out_of)

    @cached_property
    def flows(self) -> tuple[Numbers, Numbers]:
        """Return when energy begins to flow and when it stands still again [s]."""
        flowing = np.concatenate([[False], np.diff(self.energy_wh) != 0, [False]])
        turns = self.instants[np.flatnonzero(flowing[1:] != flowing[:-1])]
        return turns[::2], turns[1::2]


@dataclass(frozen=True)
class Usual:
    """The changes between windows that share a time of day, by number: working and free days apart."""

    group: Whole

    @cached_property
    def sizes(self) -> Whole:
        """How many changes each group has."""
        return np.bincount(self.group)

    def removed(self, changes: Numbers) -> Numbers:
        """Take the mean of the same time of day out of each change."""
        means = np.bincount(self.group, weights=changes) / self.sizes
        without: Numbers = changes - means[self.group]
        return without


@dataclass(frozen=True)
class Busy:
    """The changes in which chargers can have a part, less the usual ones: of all others only the mean is known.

    `edges` [s] hold the windows of each stretch of them, one after the other; between two stretches nothing flows.
    """

    edges: Numbers
    places: Whole
    changes: Changes

    @cached_property
    def _groups(self) -> tuple[Whole, Whole, Whole]:
        """These changes by time of day, where each time of day begins among them, and how many the bill has of it."""
        group = self.changes.usual.group[self.places]
        order = np.argsort(group, kind="stable")
        begins = np.flatnonzero(np.diff(group[order], prepend=-1))
        return order, begins, self.changes.usual.sizes[group[order[begins]]]

    def caused(self, totals: Numbers) -> Numbers:
        """Return the changes by what registers count up to every edge [Wh], the edges along the last axis."""
        twice: Numbers = np.diff(totals, n=2, axis=-1)
        return twice

    def normal(self, caused: Numbers) -> tuple[Numbers, Numbers]:
        """Return the normal equations of the meter's changes on some caused ones, a row each: matrix and right side.

        The means of each time of day are taken out of the products, where they need no column of their own.
        """
        order, begins, sizes = self._groups
        sums = np.add.reduceat(caused[:, order], begins, axis=1)
        return caused @ caused.T - (sums / sizes) @ sums.T, caused @ self.changes.target[self.places]

    def explained(self, offsets_s: Numbers) -> Numbers:
        """Return the squares [Wh^2] of the meter's changes that all chargers explain, at each common offset [s] ahead.

        Their gain is free and may be negative: a meter may see a charger turned round.
        """
        order, begins, sizes = self._groups
        places = self.places[order]
        caused = self.changes.caused_at(offsets_s, places)
        sums = np.add.reduceat(caused, begins, axis=1)
        told, size = caused @ self.changes.target[places], np.einsum("ij,ij->i", caused, caused)
        size -= (sums**2) @ (1 / sizes)
        explained: Numbers = np.divide(told**2, size, out=np.zeros_like(size), where=size > 0)
        return explained

    def whole(self, caused: Numbers) -> Numbers:
        """Return all changes of the bill less the usual ones, a column for each row of `caused`."""
        everywhere = np.zeros((len(caused), len(self.changes.target)))
        everywhere[:, self.places] = caused
        return np.column_stack([self.changes.usual.removed(row) for row in everywhere])


@dataclass(frozen=True)
class Changes:
    """A bill's meter laid beside its chargers: `target` are the meter's changes [Wh], `edges` its windows' [s]."""

    target: Numbers
    registers: tuple[Register, ...]
    edges: Numbers
    usual: Usual

    @property
    def window_s(self) -> float:
        """Length of a window [s]."""
        return float(self.edges[1] - self.edges[0])

    def as_one(self, registers: Sequence[Register]) -> Changes:
        """Return the same with some registers added up to one."""
        instants = np.unique(np.concatenate([register.instants for register in registers]))
        total = np.sum([register.at(instants) for register in registers], axis=0)
        name = registers[0].charger_id if len(registers) == 1 else ALL_CHARGERS
        return replace(self, registers=(Register(name, instants, total),))

    def moved_s(self, offset_s: float) -> Changes:
        """Return the same, the chargers' registers read `offset_s` [s] later."""
        return replace(self, edges=self.edges + offset_s)

    def busy(self, offset_s: float, reach_s: float) -> Busy:
        """Return the changes in which chargers have a part, their clocks being `offset_s` ahead, give or take."""
        count = len(self.edges) - 1
        begins, ends = map(np.concatenate, zip(*(register.flows for register in self.registers), strict=True))
        first = np.searchsorted(self.edges, begins - offset_s - reach_s, side="right") - 2
        last = np.searchsorted(self.edges, ends - offset_s + reach_s) + 1  # a window without flow to either side
        opened, closed = (np.bincount(np.clip(at, 0, count), minlength=count + 1) for at in (first, last))
        inside = np.cumsum(opened - closed)[:count] > 0
        edges = np.flatnonzero(np.append(inside, False) | np.append(False, inside))
        return Busy(self.edges[edges], edges[: max(0, len(edges) - 2)], self)

    def unexplained(self, offsets_s: Sequence[float]) -> Numbers:
        """Return the squares left [Wh^2] of the meter's changes after all chargers, at each common offset [s] ahead."""
        offsets = np.array(offsets_s)
        first, last = offsets.min(), offsets.max()
        busy = self.busy((first + last) / 2, (last - first) / 2)
        left: Numbers = float(self.target @ self.target) - busy.explained(offsets)
        return left

    def caused_at(self, offsets_s: Numbers, changes: Whole) -> Numbers:
        """Return some changes as all registers caused them [Wh], a row an offset [s].

        Edges and offsets lie on one grid of whole steps [ms], so that every register is read once for all offsets.
        """
        edges, offsets = (np.rint(np.multiply(times, 1000)).astype(np.int64) for times in (self.edges, offsets_s))
        first = edges[0] + offsets.min()
        step = int(np.gcd.reduce(np.concatenate([np.diff(edges), offsets - offsets.min()])))
        instants = np.arange(first, edges[-1] + offsets.max() + 1, step) / 1000
        total = np.sum([register.at(instants) for register in self.registers], axis=0)
        lengths = np.diff(edges) // step
        kinds, kind = np.unique(lengths[:-1] * (lengths.max() + 1) + lengths[1:], return_inverse=True)
        tables = np.zeros((len(kinds), len(total)))
        for table, (left, right) in zip(tables, (divmod(code, lengths.max() + 1) for code in kinds), strict=True):
            before, after = total[left:] - total[:-left], total[right:] - total[:-right]
            table[: len(total) - left - right] = after[left:] - before[: len(after) - left]
        places = kind * len(total) + (edges[:-2] - edges[0]) // step
        found: Numbers = tables.ravel()[np.add.outer((offsets - offsets.min()) // step, places[changes])]
        return found


def changes_of(windows: pl.DataFrame, registers: charging.Registers) -> Changes | None:
    """Return the meter beside every charger whose register moved; None without one, and where the meter has gaps.

    `windows` as in `quality.levels`.
    """
    if windows.height < LEAST_WINDOWS or not bool(windows.get_column("metered").all()):
        return None
    ordered = in_time(windows)
    starts = instants_us(ordered.get_column("interval_start")) // 1000 / 1000
    edges = np.append(starts, starts[-1] + ordered.item(-1, "duration_s"))
    moving = tuple(one for one in _registers(registers) if np.ptp(one.shifted(edges, 0.0)) > 0)
    if not moving:
        return None
    usual = _time_of_day(ordered)
    into, out_of = (ordered.get_column(f"actual_{side}_wh").to_numpy() for side in ("import", "export"))
    return Changes(usual.removed(np.diff((into - out_of).astype(np.float64))), moving, edges, usual)


def _registers(registers: charging.Registers) -> Iterator[Register]:
    """Net energy by charger."""
    for charger_id in sorted({*registers.imported, *registers.exported}):
        stated = [
            (sign, known[charger_id]) for sign, known in zip((1, -1), registers, strict=True) if charger_id in known
        ]
        times = stated[0][1].times
        read = [sign * counter.totals.astype(np.float64) for sign, counter in stated]
        if not all(np.array_equal(counter.times, times) for _, counter in stated):
            times = np.unique(np.concatenate([counter.times for _, counter in stated]))
            read = [np.interp(times, counter.times, wh) for wh, (_, counter) in zip(read, stated, strict=True)]
        total: Numbers = np.sum(read, axis=0)
        bends = _bends(total)
        yield Register(charger_id, times[bends] / 1000, total[bends])


def _bends(total: Numbers) -> Whole:
    """The places that a line is made of: those inside a level stretch say nothing."""
    level = np.diff(total) == 0
    inside = np.zeros(len(total), dtype=np.bool_)
    inside[1:-1] = level[1:] & level[:-1]
    return np.flatnonzero(~inside)


def _time_of_day(windows: pl.DataFrame) -> Usual:
    """Group each change between windows by its local minute, working and free days apart."""
    weekday, minute = (windows.get_column(f"local_{name}").to_numpy()[1:] for name in ("weekday", "minute"))
    kind = minute + 1440 * (weekday >= 6)
    return Usual((np.cumsum(np.bincount(kind) > 0) - 1)[kind])
