"""Energy per window: registers interpolated at the windows' edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.charging.order import in_order
from pipeline.domain import CHARGER_INTERVAL

Integers = np.ndarray[Any, np.dtype[np.int64]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_FEWEST_RISES: Final = 3
_SHORTEST_PIECE_MS: Final = 30_000
_TELLING_STEPS: Final = 10  # of the register: a rise of so many tells power to a tenth
_SHIFTS: Final = 4  # tried to either side of a clock, within its bound
_NEVER: Final = 2**62  # [ms]


def interval_energy(readings: pl.DataFrame, grid: pl.DataFrame, *, clock_bound_s: int = 0) -> pl.DataFrame:
    """Return each charger's energy per window, in the shape of `domain.CHARGER_INTERVAL`.

    `readings`: charger_id, measured_at, energy_import_wh, energy_export_wh [Wh] of one site, in any order, with one
    reading before and after the grid where there is one; `grid`: interval_start and duration_s [s] of
    `calendars.window_grid`.
    The registers are interpolated and rounded at the windows' edges, so that windows sum exactly to the registers'
    difference. `covered`: at both edges each register is known, by a reading on the edge, by two readings around it at
    most one window apart, or by two equal readings around it however far apart. A register that falls was reset:
    nothing is counted across the fall and the windows it touches are not covered. A charger whose readings never hold
    an export register gives back nothing. Chargers without readings have no rows.
    `error_wh` bounds the error of the energy in and of the energy out together, null where not covered: one step of
    each register, and how far a window's rise may be from the interpolated one if the clock is at most `clock_bound_s`
    [s] off, both edges alike, and the register runs between its readings as the highest power seen allows.
    """
    charger_ids = readings.get_column("charger_id").unique().sort().to_list()
    return registers_of(readings).by_window(charger_ids, grid, clock_bound_s=clock_bound_s)


class Registers(NamedTuple):
    """Both registers of every charger that states them, by charger."""

    imported: Mapping[str, Counter]
    exported: Mapping[str, Counter]

    def through(self, charger_id: str, edges: Integers) -> tuple[Integers, Integers]:
        """Return energy into the car and out of it between edges [Wh], nothing where a register is not stated."""
        charge, discharge = (
            np.diff(known[charger_id].at(edges)) if charger_id in known else np.zeros(len(edges) - 1, dtype=np.int64)
            for known in self
        )
        return charge, discharge

    def by_window(self, charger_ids: Sequence[str], grid: pl.DataFrame, *, clock_bound_s: int = 0) -> pl.DataFrame:
        """Return the `interval_energy` of some chargers, in their order."""
        if not charger_ids:
            return pl.DataFrame(schema=dict(CHARGER_INTERVAL))
        windows = _Windows.of(grid)
        into = [windows.energy(self.imported.get(name), clock_bound_s) for name in charger_ids]
        out_of = [windows.energy(self.exported.get(name), clock_bound_s) for name in charger_ids]
        both = [name in self.exported for name in charger_ids]
        covered = [
            one.known & (other.known | (not states)) for one, other, states in zip(into, out_of, both, strict=True)
        ]
        columns = {
            "charger_id": pl.Series(charger_ids, dtype=pl.String).repeat_by(grid.height).explode(),
            **{
                name: pl.concat([grid.get_column(name)] * len(charger_ids)) for name in ("interval_start", "duration_s")
            },
            "charge_wh": np.concatenate([one.wh for one in into]),
            "discharge_wh": np.concatenate([one.wh for one in out_of]),
            "covered": np.concatenate(covered),
            "error_wh": np.concatenate(
                [one.error_wh + other.error_wh for one, other in zip(into, out_of, strict=True)]
            ),
        }
        found = pl.DataFrame(columns, schema=dict(CHARGER_INTERVAL))
        return found.with_columns(error_wh=pl.when("covered").then("error_wh"))


def registers_of(readings: pl.DataFrame) -> Registers:
    """Return the registers of all chargers; `readings` as of `interval_energy`.

    Of readings at one instant the highest counts.
    """
    names = ("energy_import_wh", "energy_export_wh")
    ordered = in_order(readings.select("charger_id", pl.col("measured_at").dt.epoch("ms"), *names))
    times, ids = ordered.get_column("measured_at").to_numpy(), ordered.get_column("charger_id")
    begins = [*ids.ne_missing(ids.shift()).arg_true(), len(ids)]
    found: list[dict[str, Counter]] = []
    for column in map(ordered.get_column, names):
        known, values = column.is_not_null().to_numpy(), column.fill_null(0).to_numpy()
        counted = {}
        for first, until in pairwise(begins):
            inside = known[first:until]
            if inside.any():
                at, wh = times[first:until][inside], values[first:until][inside]
                new = np.flatnonzero(np.diff(at, prepend=at[0] - 1))
                counted[str(ids[first])] = Counter.of(at[new], np.maximum.reduceat(wh, new))
        found.append(counted)
    return Registers(*found)


class _Rise(NamedTuple):
    """A register's rise in each window [Wh], whether it is known, and the bound of its error [Wh]."""

    wh: Integers
    known: Flags
    error_wh: Integers


@dataclass(frozen=True)
class _Windows:
    """Windows by the instants they begin and end at [ms], every instant once: neighbours share their edge."""

    instants: Integers
    first: Integers
    last: Integers
    lengths: Integers

    @classmethod
    def of(cls, grid: pl.DataFrame) -> _Windows:
        """Return the windows of a grid."""
        starts = grid.get_column("interval_start").dt.epoch("ms").to_numpy()
        lengths = grid.get_column("duration_s").to_numpy() * 1000
        instants, places = np.unique(np.concatenate([starts, starts + lengths]), return_inverse=True)
        return cls(instants, places[: len(starts)], places[len(starts) :], lengths)

    def energy(self, counter: Counter | None, clock_bound_s: int) -> _Rise:
        """Return what a register counts in each window; nothing is known without a reading."""
        if counter is None:
            nothing = np.zeros_like(self.lengths)
            return _Rise(nothing, np.zeros(len(nothing), dtype=np.bool_), nothing)
        total, apart = counter.at(self.instants), counter.apart(self.instants)
        close = (apart[self.first] <= self.lengths) & (apart[self.last] <= self.lengths)
        starts, ends = self.instants[self.first], self.instants[self.last]
        error = counter.error_between(starts, ends, clock_bound_s * 1000)
        return _Rise(total[self.last] - total[self.first], close & ~counter.reset_between(starts, ends), error)


@dataclass(frozen=True)
class Counter:
    """A register as a line that never falls: times [ms], running total [Wh], and which pieces cross a reset.

    `step_wh` is what its values are multiples of, as far as seen; `most_wh_per_ms` the steepest it was seen to rise.
    """

    times: Integers
    totals: Integers
    resets: Flags
    step_wh: int
    most_wh_per_ms: float

    @classmethod
    def of(cls, times: Integers, values: Integers) -> Counter:
        """Return the line through readings [ms, Wh] in order of time."""
        rises = np.diff(values)
        totals = np.concatenate(([0], np.cumsum(np.maximum(rises, 0))))
        risen = rises[rises > 0]
        step_wh = int(np.gcd.reduce(risen)) if len(risen) >= _FEWEST_RISES else 1
        return cls(times, totals, rises < 0, step_wh, _steepest(times, totals, step_wh))

    def _piece(self, edges: Integers) -> tuple[Integers, Flags]:
        """Return the last reading at or before each edge, and whether another one follows it."""
        last = np.searchsorted(self.times, edges, side="right") - 1
        inside = (last >= 0) & (last < len(self.times) - 1)
        return np.minimum(np.maximum(last, 0), max(len(self.times) - 2, 0)), inside

    def at(self, edges: Integers) -> Integers:
        """Return the interpolated total, rounded half up in integers; flat before the first and after the last."""
        if len(self.times) == 1:
            return np.zeros_like(edges)
        piece, _ = self._piece(edges)
        length = self.times[piece + 1] - self.times[piece]
        passed = np.minimum(np.maximum(edges - self.times[piece], 0), length)
        # rise = quotient * length + rest keeps the products small enough for 64 bits.
        quotient, rest = np.divmod(self.totals[piece + 1] - self.totals[piece], length)
        total: Integers = self.totals[piece] + quotient * passed + (2 * rest * passed + length) // (2 * length)
        return total

    def apart(self, edges: Integers) -> Integers:
        """Return how far apart the readings lie that tell each total [ms]: 0 on a reading and where nothing flowed."""
        piece, inside = self._piece(edges)
        on_reading = (self.times[piece] == edges) | (self.times[-1] == edges)
        if len(self.times) == 1:
            return np.where(on_reading, 0, _NEVER)
        after = piece + 1
        flat = (self.totals[after] == self.totals[piece]) & ~self.resets[piece]
        length = np.where(inside, self.times[after] - self.times[piece], _NEVER)
        return np.where(on_reading | (inside & flat), 0, length)

    def reset_between(self, starts: Integers, ends: Integers) -> Flags:
        """Tell in which windows, in part or whole, a piece across a reset lies."""
        if not self.resets.any():
            return np.zeros(len(starts), dtype=np.bool_)
        before = np.concatenate(([0], np.cumsum(self.resets)))
        first = np.clip(np.searchsorted(self.times, starts, side="right") - 1, 0, len(self.times) - 1)
        last = np.clip(np.searchsorted(self.times, ends, side="left"), 0, len(self.times) - 1)
        return np.asarray(before[last] > before[first])

    def error_between(self, starts: Integers, ends: Integers, clock_bound_ms: int) -> Integers:
        """Return the bound of the error of the rise between two edges [Wh], rounded up."""
        if len(self.times) == 1:
            return np.zeros_like(starts)
        error = np.full(len(starts), self.step_wh, dtype=np.int64)
        around = self._piece(starts - clock_bound_ms)[0], self._piece(ends + clock_bound_ms)[0] + 1
        moving = np.flatnonzero(self.totals[around[1]] != self.totals[around[0]])
        error[moving] += self._off_by(starts[moving], ends[moving], clock_bound_ms)
        return error

    def _off_by(self, starts: Integers, ends: Integers, clock_bound_ms: int) -> Integers:
        """Return how far the rise between two edges can be from the interpolated one [Wh], rounded up."""
        edges, places = np.unique(np.concatenate([starts, ends]), return_inverse=True)
        first, last = places[: len(starts)], places[len(starts) :]
        total = self.at(edges)
        told = total[last] - total[first]
        steepest = np.maximum(self.most_wh_per_ms * (ends - starts), told)
        shifts = np.unique(clock_bound_ms * np.arange(-_SHIFTS, _SHIFTS + 1) // _SHIFTS)
        # The truth lies between the limits at both edges, moved the same way.
        low, high = self.limits(np.add.outer(shifts, edges))
        most = np.minimum(high[:, last] - low[:, first], steepest)
        least = np.maximum(low[:, last] - high[:, first], 0)
        worst = np.maximum(most - told, told - least).max(axis=0, initial=0)
        rounding = 1
        return np.asarray(np.ceil(worst).astype(np.int64) + np.where((worst > 0) | (told > 0), rounding, 0))

    def limits(self, edges: Integers) -> tuple[Reals, Reals]:
        """Return the lowest and highest total there may be at each edge [Wh], by the readings around it.

        In the time since the reading before it cannot have risen more than the highest power seen allows, and neither
        can it until the reading after.
        """
        piece, inside = self._piece(edges)
        length = (self.times[piece + 1] - self.times[piece]).astype(np.float64)
        passed = np.clip(edges - self.times[piece], 0, length)
        rise = (self.totals[piece + 1] - self.totals[piece]).astype(np.float64)
        straight = rise * passed / length
        highest = np.where(inside, np.maximum(np.minimum(rise, self.most_wh_per_ms * passed), straight), straight)
        to_come = np.minimum(rise, self.most_wh_per_ms * (length - passed))
        lowest = np.where(inside, np.minimum(rise - to_come, straight), straight)
        return self.totals[piece] + lowest, self.totals[piece] + highest


def _steepest(times: Integers, totals: Integers, step_wh: int) -> float:
    """Return the highest power a register can have shown [Wh/ms], from the shortest spans that tell it to a tenth.

    Where none rises by ten steps, single pieces have to do, each up to a step more than it says.
    """
    first = np.arange(len(totals))
    last = np.searchsorted(totals, totals + _TELLING_STEPS * step_wh)
    if not (last < len(totals)).any():
        first, last = first[:-1], first[1:]
    known = last < len(totals)
    first, last = first[known], last[known]
    rises = totals[last] - totals[first]
    apart = np.maximum(times[last] - times[first], _SHORTEST_PIECE_MS)
    return float(np.max((rises + step_wh)[rises > 0] / apart[rises > 0], initial=0.0))
