"""A load frame as matrices: one row per load (site, world), one column per window. No copy where the frame is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.domain import TariffError
from pipeline.tariff.clock import Flags, Ints

REACTIVE: Final = "reactive_varh"


@dataclass(frozen=True, eq=False)
class Matrix:
    """Loads over windows; `present` is None where no window is missing, `reactive` None where none is metered.

    What is missing counts 0 in `imported`, `exported` and `reactive` [Wh, varh]; `reactive_present` tells the windows
    with both energies.
    """

    imported: Ints
    exported: Ints
    present: Flags | None
    reactive: Ints | None = None
    reactive_present: Flags | None = None

    def changed(self, numbers: Callable[[Ints], Ints], flags: Callable[[Flags], Flags]) -> Matrix:
        """Return the same loads with every array of energies and of flags changed by a function."""
        return Matrix(
            numbers(self.imported),
            numbers(self.exported),
            None if self.present is None else flags(self.present),
            None if self.reactive is None else numbers(self.reactive),
            None if self.reactive_present is None else flags(self.reactive_present),
        )

    def columns(self, first: int, until: int) -> Matrix:
        """Return the windows of one bill."""
        return self.changed(lambda values: values[:, first:until], lambda flags: flags[:, first:until])

    def picked(self, windows: Ints) -> Matrix:
        """Return some of the windows, by number."""
        return self.changed(lambda values: values[:, windows], lambda flags: flags[:, windows])

    def rows(self, chosen: Ints) -> Matrix:
        """Return some of the loads, by number."""
        return self.changed(lambda values: values[chosen], lambda flags: flags[chosen])

    def without_missing(self) -> Matrix:
        """Count 0 in windows that are not whole."""
        if self.present is None:
            return self
        whole = self.present
        return replace(self, imported=np.where(whole, self.imported, 0), exported=np.where(whole, self.exported, 0))

    @property
    def loads(self) -> int:
        """Number of loads."""
        return len(self.imported)

    @property
    def counted(self) -> Ints:
        """Windows present of each load."""
        loads, windows = self.imported.shape
        if self.present is None:
            return np.full(loads, windows, dtype=np.int64)
        counted: Ints = self.present.sum(axis=1, dtype=np.int64)
        return counted


@dataclass(frozen=True, eq=False)
class Moved:
    """Loads that differ in some windows only, by number: `base` is one load, `moved` all of them in those windows."""

    base: Matrix
    moved: Matrix
    windows: Ints

    @property
    def loads(self) -> int:
        """Number of loads."""
        return len(self.moved.imported)

    @property
    def alike(self) -> tuple[Matrix, Ints]:
        """Return the one load in the windows that all have alike, and their numbers."""
        among = np.ones(self.base.imported.shape[1], dtype=np.bool_)
        among[self.windows] = False
        numbers = np.flatnonzero(among)
        return self.base.picked(numbers), numbers

    @property
    def whole(self) -> Matrix:
        """Return every load in all windows."""

        def spread(base: Any, moved: Any) -> Any:
            if base is None:
                return None
            every = np.repeat(base, self.loads, axis=0)
            every[:, self.windows] = moved
            return every

        names = [field.name for field in fields(Matrix)]
        return Matrix(*(spread(getattr(self.base, name), getattr(self.moved, name)) for name in names))


@dataclass(frozen=True, eq=False)
class Blocks:
    """A load frame in blocks of rows, one block a load, rising in time; `keys` are the loads' values of `names`."""

    frame: pl.DataFrame
    names: tuple[str, ...]
    keys: list[tuple[Any, ...]]
    bounds: Ints
    starts: Ints
    duration_s: int

    def all_over(self, columns: Ints) -> bool:
        """Return whether every load has exactly the windows that start at `columns` [µs UTC]."""
        whole = bool((np.diff(self.bounds) == len(columns)).all())
        return whole and bool((self.starts.reshape(len(self.keys), -1) == columns).all())

    @cached_property
    def seen(self) -> Ints:
        """Return every window start of any load, rising."""
        return np.unique(self.starts)


def blocks_of(load: pl.DataFrame, names: Sequence[str]) -> Blocks:
    """Return a load frame by load; raises TariffError for windows of two lengths or a window stated twice."""
    duration_s = _duration(load)
    frame, bounds, starts = load, _bounds(load, names), _starts(load)
    keys = frame.select(names)[bounds[:-1]].rows() if names else [()]
    if len(set(keys)) != len(keys) or not _rising(starts, bounds):
        first_seen = load.select(names).unique(maintain_order=True).with_row_index("_load") if names else None
        numbered = load.with_columns(_load=0) if first_seen is None else load.join(first_seen, on=list(names))
        frame = numbered.sort("_load", "interval_start").drop("_load")
        bounds, starts = _bounds(frame, names), _starts(frame)
        keys = frame.select(names)[bounds[:-1]].rows() if names else [()]
        if not _rising(starts, bounds):
            twice = frame.filter(frame.select(*names, "interval_start").is_duplicated())
            raise TariffError("load", "interval_start", str(twice.item(0, "interval_start")), "each window once a load")
    return Blocks(frame, tuple(names), keys, bounds, starts, duration_s)


def _duration(load: pl.DataFrame) -> int:
    durations = load.get_column("duration_s")
    if durations.min() != durations.max():
        raise TariffError("load", "duration_s", sorted(durations.unique()), "windows of one length in one bill")
    return int(durations[0])


def _starts(frame: pl.DataFrame) -> Ints:
    return instants_us(frame.get_column("interval_start"))


def _bounds(frame: pl.DataFrame, names: Sequence[str]) -> Ints:
    """Return where a new load begins, and the end."""
    new = np.zeros(frame.height, dtype=np.bool_)
    new[0] = True
    for name in names:
        column = frame.get_column(name)
        new[1:] |= (column.slice(1) != column.slice(0, frame.height - 1)).to_numpy()
    return np.append(np.flatnonzero(new), frame.height)


def _rising(starts: Ints, bounds: Ints) -> bool:
    rises = starts[1:] > starts[:-1]
    rises[bounds[1:-1] - 1] = True
    return bool(rises.all())


class Spread:
    """Puts columns of a load frame over windows that start at `columns` [µs UTC]; rows of other windows are left out.

    A whole frame is looked at in place.
    """

    def __init__(self, blocks: Blocks, columns: Ints) -> None:
        self.blocks = blocks
        self.shape = (len(blocks.keys), len(columns))
        self.places = None if blocks.all_over(columns) else _places(blocks, columns)

    def column(self, name: str) -> tuple[Ints, Flags | None]:
        """Return the values of a column, 0 where there are none, and which are there (None: all)."""
        column = self.blocks.frame.get_column(name)
        known = None if column.null_count() == 0 else column.is_not_null().to_numpy()
        values = (column if known is None else column.fill_null(0)).to_numpy()
        if self.places is None:
            return values.reshape(self.shape), None if known is None else known.reshape(self.shape)
        source, target = self.places
        size = self.shape[0] * self.shape[1]
        filled, present = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_)
        filled[target] = values[source]
        present[target] = True if known is None else known[source]
        return filled.reshape(self.shape), present.reshape(self.shape)

    def matrix(self, world: str | None = None) -> Matrix:
        """Return the loads of a long frame, or of one world of a wide one (columns `<world>_import_wh` ...)."""
        prefix = "" if world is None else f"{world}_"
        imported, present = self.column(f"{prefix}import_wh")
        exported, _ = self.column(f"{prefix}export_wh")
        frame = self.blocks.frame
        if REACTIVE not in frame.columns or frame.get_column(REACTIVE).null_count() == frame.height:
            return Matrix(imported, exported, present)
        return Matrix(imported, exported, present, *self.column(REACTIVE))


def _places(blocks: Blocks, columns: Ints) -> tuple[Ints, Ints]:
    """Return which rows lie in the matrix, and where in it."""
    if not len(columns):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    column = np.minimum(np.searchsorted(columns, blocks.starts), len(columns) - 1)
    source = np.flatnonzero(columns[column] == blocks.starts)
    load = np.repeat(np.arange(len(blocks.keys)), np.diff(blocks.bounds))
    return source, load[source] * len(columns) + column[source]


def stacked(matrices: Sequence[Matrix]) -> Matrix:
    """Return the loads of several worlds under each other."""
    if len(matrices) == 1:
        return matrices[0]

    def under(parts: Sequence[Any]) -> Any:
        if all(part is None for part in parts):
            return None
        shape = matrices[0].imported.shape
        return np.concatenate([np.ones(shape, dtype=np.bool_) if part is None else part for part in parts])

    return Matrix(*(under([getattr(matrix, field.name) for matrix in matrices]) for field in fields(Matrix)))


def in_windows(matrix: Matrix, columns: Ints, windows: Ints, per_window: int) -> Matrix:
    """Sum finer intervals to demand windows; a window with an interval missing is left out, never billed as whole.

    `columns` and `windows` are starts [µs UTC]; `per_window` intervals make a whole window.
    """
    number = np.searchsorted(windows, columns, side="right") - 1
    bounds = np.searchsorted(number, np.arange(len(windows)))
    filled = np.diff(np.append(bounds, len(columns)))
    some, whole = filled > 0, filled == per_window

    def total(values: Ints) -> Ints:
        summed = np.zeros((len(values), len(windows)), dtype=np.int64)
        if some.any():
            summed[:, some] = np.add.reduceat(values, bounds[some], axis=1)
        return summed

    def complete(present: Flags) -> Flags:
        return np.equal(total(present.astype(np.int64)), per_window)

    if matrix.present is None and not whole.all():
        matrix = replace(matrix, present=np.ones(matrix.imported.shape, dtype=np.bool_))
    return matrix.changed(total, complete).without_missing()


def slid(matrix: Matrix, per_window: int) -> Matrix:
    """Sum every run of `per_window` intervals: sliding windows, one for each interval they can begin at."""

    def total(values: Ints) -> Ints:
        running = np.zeros((len(values), values.shape[1] + 1), dtype=np.int64)
        np.cumsum(values, axis=1, out=running[:, 1:])
        return np.subtract(running[:, per_window:], running[:, :-per_window])

    def complete(present: Flags) -> Flags:
        return np.equal(total(present.astype(np.int64)), per_window)

    return matrix.changed(total, complete).without_missing()
