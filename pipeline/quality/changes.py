"""The meter's changes from window to window, and those that the chargers' registers must have caused.

Each change is taken less its usual value at that time of a working or free day, so that what is left is what happened
on some days and not on others: cars, mostly, on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

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

    def shifted(self, edges: Numbers, offset_s: float) -> Numbers:
        """Return the energy between edges [s] as a clock that is `offset_s` ahead has filed it [Wh]."""
        return np.diff(np.interp(edges + offset_s, self.instants, self.energy_wh))

    def is_coarse(self, longest_s: float) -> bool:
        """Tell whether most energy flowed in pieces longer than `longest_s` [s]: when it flowed is then unknown."""
        moved = np.abs(np.diff(self.energy_wh))
        long = np.diff(self.instants) > longest_s
        return float(moved[long].sum()) > float(moved.sum()) / 2

    def into_and_out_of(self) -> tuple[Register, Register]:
        """Return what went into cars and, negative, what came out of them, as two registers."""
        steps = np.diff(self.energy_wh, prepend=self.energy_wh[:1])
        into, out_of = (np.cumsum(part) for part in (np.maximum(steps, 0), np.minimum(steps, 0)))
        return replace(self, energy_wh=into), replace(self, energy_wh=out_of)

    def slope(self, edges: Numbers, offset_s: float) -> Numbers:
        """How the window energies change per second of offset [Wh/s], over a minute to either side."""
        return (self.shifted(edges, offset_s + 60) - self.shifted(edges, offset_s - 60)) / 120


@dataclass(frozen=True)
class Usual:
    """The changes between windows that share a time of day, by number: working and free days apart."""

    group: Whole

    @cached_property
    def _sizes(self) -> Whole:
        return np.bincount(self.group)

    @cached_property
    def _sorted(self) -> tuple[Whole, Whole]:
        """The changes in order of their groups, and where each group begins there."""
        return np.argsort(self.group, kind="stable"), np.cumsum(self._sizes) - self._sizes

    def removed(self, changes: Numbers) -> Numbers:
        """Take the mean of the same time of day out of each change."""
        means = np.bincount(self.group, weights=changes) / self._sizes
        without: Numbers = changes - means[self.group]
        return without

    def removed_of_rows(self, changes: Numbers) -> tuple[Numbers, Whole]:
        """Do the same to every row of a table; returned in the order of groups, which is told."""
        order, begins = self._sorted
        ordered = changes[:, order]
        means = np.add.reduceat(ordered, begins, axis=1) / self._sizes
        return ordered - np.repeat(means, self._sizes, axis=1), order


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

    def caused(self, energy_wh: Numbers) -> Numbers:
        """Return the changes between windows that hold `energy_wh` [Wh], less the usual ones."""
        return self.usual.removed(np.diff(energy_wh))

    def as_one(self, registers: Sequence[Register]) -> Changes:
        """Return the same with some registers added up to one."""
        instants = np.unique(np.concatenate([register.instants for register in registers]))
        total = np.sum([np.interp(instants, register.instants, register.energy_wh) for register in registers], axis=0)
        name = registers[0].charger_id if len(registers) == 1 else ALL_CHARGERS
        return replace(self, registers=(Register(name, instants, total),))

    def moved_s(self, offset_s: float) -> Changes:
        """Return the same, the chargers' registers read `offset_s` [s] later."""
        return replace(self, edges=self.edges + offset_s)

    def unexplained(self, offsets_s: Sequence[float]) -> Numbers:
        """Return the squares left [Wh^2] of the meter's changes after all chargers, at each common offset [s] ahead.

        Their gain is free and may be negative: a meter may see a charger turned round.
        """
        energy = np.diff(self._read_at(offsets_s), axis=1)
        caused, order = self.usual.removed_of_rows(np.diff(energy, axis=1))
        told, size = caused @ self.target[order], np.einsum("ij,ij->i", caused, caused)
        whole = float(self.target @ self.target)
        explained: Numbers = np.divide(told**2, size, out=np.zeros_like(size), where=size > 0)
        return whole - explained

    def _read_at(self, offsets_s: Sequence[float]) -> Numbers:
        """Return what all registers count up to every edge [Wh], a row an offset.

        Edges and offsets lie on one grid of whole steps [ms], so that every register is read once for all offsets.
        """
        edges, offsets = (np.rint(np.multiply(times, 1000)).astype(np.int64) for times in (self.edges, offsets_s))
        first = edges[0] + offsets.min()
        step = int(np.gcd.reduce(np.concatenate([np.diff(edges), offsets - offsets.min()])))
        instants = np.arange(first, edges[-1] + offsets.max() + 1, step) / 1000
        total = np.sum([np.interp(instants, one.instants, one.energy_wh) for one in self.registers], axis=0)
        read: Numbers = total[(np.add.outer(offsets, edges) - first) // step]
        return read


def changes_of(windows: pl.DataFrame, readings: pl.DataFrame) -> Changes | None:
    """Return the meter beside every charger whose register moved; None without one, and where the meter has gaps.

    `windows` as in `quality.levels`; `readings` charger_id, measured_at, energy_import_wh, energy_export_wh [Wh].
    """
    ordered = windows.sort("interval_start")
    registers = _registers(readings)
    if ordered.height < LEAST_WINDOWS or not registers or not bool(ordered.get_column("metered").all()):
        return None
    starts = ordered.get_column("interval_start").dt.epoch("ms").to_numpy() / 1000
    edges = np.append(starts, starts[-1] + ordered.item(-1, "duration_s"))
    usual = _time_of_day(ordered)
    meter = (ordered.get_column("actual_import_wh") - ordered.get_column("actual_export_wh")).to_numpy()
    target = usual.removed(np.diff(meter.astype(np.float64)))
    moving = tuple(register for register in registers if np.ptp(register.shifted(edges, 0.0)) > 0)
    return Changes(target, moving, edges, usual) if moving else None


def _registers(readings: pl.DataFrame) -> list[Register]:
    """Net energy with falls taken out: a register that falls was reset."""
    net = []
    for part in readings.partition_by("charger_id", maintain_order=True):
        ordered = part.sort("measured_at")
        seconds = ordered.get_column("measured_at").dt.epoch("ms").to_numpy() / 1000
        total = np.zeros(ordered.height)
        for column, sign in (("energy_import_wh", 1.0), ("energy_export_wh", -1.0)):
            stated = ordered.get_column(column).is_not_null().to_numpy()
            if stated.any():
                known = ordered.get_column(column).drop_nulls().to_numpy()
                counter = np.cumsum(np.clip(np.diff(known, prepend=known[:1]), 0, None))
                total += sign * np.interp(seconds, seconds[stated], counter)
        bends = _bends(total)
        net.append(Register(str(part.item(0, "charger_id")), seconds[bends], total[bends]))
    return net


def _bends(total: Numbers) -> Whole:
    """The places that a line is made of: those inside a level stretch say nothing."""
    level = np.diff(total) == 0
    inside = np.zeros(len(total), dtype=np.bool_)
    inside[1:-1] = level[1:] & level[:-1]
    return np.flatnonzero(~inside)


def _time_of_day(windows: pl.DataFrame) -> Usual:
    """Group each change between windows by its local minute, working and free days apart."""
    free = (pl.col("local_weekday") >= 6).cast(pl.Int64)
    minutes = windows.select(pl.col("local_minute") + 1440 * free).to_series().to_numpy()[1:]
    return Usual(np.unique(minutes, return_inverse=True)[1])
