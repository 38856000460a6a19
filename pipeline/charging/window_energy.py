"""Energy per window: registers interpolated at the windows' edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.domain import CHARGER_INTERVAL

Integers = np.ndarray[Any, np.dtype[np.int64]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_FEWEST_RISES: Final = 3
_SHORTEST_PIECE_MS: Final = 30_000
_TELLING_STEPS: Final = 10  # of the register: a rise of so many tells power to a tenth
_SHIFTS: Final = 4  # tried to either side of a clock, within its bound


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
    starts = grid.get_column("interval_start").dt.epoch("ms").to_numpy()
    lengths = grid.get_column("duration_s").to_numpy() * 1000
    charger_ids = readings.get_column("charger_id").unique().sort().to_list()
    imported, exported = registers_of(readings)
    frames = [pl.DataFrame(schema=dict(CHARGER_INTERVAL))]
    for charger_id in charger_ids:
        charged, known, error = _window_energy(imported.get(charger_id), starts, lengths, clock_bound_s)
        discharged, gave, off = _window_energy(exported.get(charger_id), starts, lengths, clock_bound_s)
        covered = known & gave if charger_id in exported else known
        columns = {
            "charger_id": pl.repeat(charger_id, len(starts), eager=True),
            "interval_start": grid.get_column("interval_start"),
            "duration_s": grid.get_column("duration_s"),
            "charge_wh": charged,
            "discharge_wh": discharged,
            "covered": covered,
            "error_wh": pl.Series(error + off).set(pl.Series(~covered), None),
        }
        frames.append(pl.DataFrame(columns, schema=dict(CHARGER_INTERVAL)))
    return pl.concat(frames)


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


def registers_of(readings: pl.DataFrame) -> Registers:
    """Return the registers of all chargers; `readings` as of `interval_energy`.

    Of readings at one instant the highest counts.
    """
    names = ("energy_import_wh", "energy_export_wh")
    in_order = readings.lazy().select("charger_id", pl.col("measured_at").dt.epoch("ms"), *names)
    ordered = in_order.sort("charger_id", "measured_at").collect()
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


def _window_energy(
    counter: Counter | None, starts: Integers, lengths: Integers, clock_bound_s: int
) -> tuple[Integers, Flags, Integers]:
    """Return a register's rise in each window [Wh], whether it is known, and the bound of its error [Wh].

    Nothing is known without a reading.
    """
    if counter is None:
        return np.zeros_like(starts), np.zeros(len(starts), dtype=np.bool_), np.zeros_like(starts)
    ends = starts + lengths
    energy = counter.at(ends) - counter.at(starts)
    close = counter.close_to(starts, lengths) & counter.close_to(ends, lengths)
    error = counter.error_between(starts, ends, clock_bound_s * 1000)
    return energy, close & ~counter.reset_between(starts, ends), error


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
        return np.clip(last, 0, max(len(self.times) - 2, 0)), inside

    def at(self, edges: Integers) -> Integers:
        """Return the interpolated total, rounded half up in integers; flat before the first and after the last."""
        if len(self.times) == 1:
            return np.zeros_like(edges)
        piece, _ = self._piece(edges)
        length = self.times[piece + 1] - self.times[piece]
        passed = np.clip(edges - self.times[piece], 0, length)
        # rise = quotient * length + rest keeps the products small enough for 64 bits.
        quotient, rest = np.divmod(self.totals[piece + 1] - self.totals[piece], length)
        total: Integers = self.totals[piece] + quotient * passed + (2 * rest * passed + length) // (2 * length)
        return total

    def close_to(self, edges: Integers, window_ms: Integers) -> Flags:
        """Tell at which edges the total is known well enough."""
        on_reading = np.isin(edges, self.times)
        if len(self.times) == 1:
            return on_reading
        piece, inside = self._piece(edges)
        near = self.times[piece + 1] - self.times[piece] <= window_ms
        flat = (self.totals[piece + 1] == self.totals[piece]) & ~self.resets[piece]
        known: Flags = on_reading | (inside & (near | flat))
        return known

    def reset_between(self, starts: Integers, ends: Integers) -> Flags:
        """Tell in which windows, in part or whole, a piece across a reset lies."""
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
        told = self.at(ends) - self.at(starts)
        worst = np.zeros(len(starts))
        for shift in sorted({clock_bound_ms * part // _SHIFTS for part in range(-_SHIFTS, _SHIFTS + 1)}):
            # The truth lies between the limits at both edges, moved the same way.
            (low_start, high_start), (low_end, high_end) = self.limits(starts + shift), self.limits(ends + shift)
            most = np.minimum(high_end - low_start, np.maximum(self.most_wh_per_ms * (ends - starts), told))
            least = np.maximum(low_end - high_start, 0)
            worst = np.maximum(worst, np.maximum(most - told, told - least))
        rounding = 1
        return np.ceil(worst).astype(np.int64) + np.where((worst > 0) | (told > 0), rounding, 0)

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
