"""A register as a line through its readings: its total at any instant, and how far that can be off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from pipeline.charging.columns import Flags, Integers, Reals

_FEWEST_RISES: Final = 3
_SHORTEST_PIECE_MS: Final = 30_000
_TELLING_STEPS: Final = 10  # of the register: a rise of so many tells power to a tenth
_SHIFTS: Final = 4  # tried to either side of a clock, within its bound
_NEVER: Final = 2**62  # [ms]


class Placed(NamedTuple):
    """Instants laid between the times of readings [ms]: `piece` is the last reading at or before each.

    Outside them it is the first, or the last but one: the reading before the nearest piece of the line.
    """

    edges: Integers
    piece: Integers

    @classmethod
    def of(cls, times: Integers, edges: Integers) -> Placed:
        """Lay instants between times."""
        last = np.searchsorted(times, edges, side="right") - 1
        return cls(edges, np.minimum(np.maximum(last, 0), max(len(times) - 2, 0)))


class _Along(NamedTuple):
    """Instants inside pieces: the length of each piece, what of it has passed [ms], and its rise [Wh]."""

    length: Reals
    passed: Reals
    rise: Reals

    @property
    def straight(self) -> Reals:
        return self.rise * self.passed / self.length


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
        changes = np.diff(values)
        rising = np.flatnonzero(changes > 0)
        step_wh = int(np.gcd.reduce(changes[rising])) if len(rising) >= _FEWEST_RISES else 1
        totals = np.concatenate(([0], np.cumsum(np.maximum(changes, 0))))
        return cls(times, totals, changes < 0, step_wh, _steepest(times, totals, rising, step_wh))

    @cached_property
    def _rises(self) -> Integers:
        return np.diff(self.totals)

    @cached_property
    def _lengths(self) -> Integers:
        return np.diff(self.times)

    def at(self, edges: Integers) -> Integers:
        """Return the interpolated total, rounded half up in integers; flat before the first and after the last."""
        return self.total(Placed.of(self.times, edges))

    def total(self, placed: Placed) -> Integers:
        """Return the total `at` instants that are laid between its times."""
        total: Integers = self.totals[placed.piece]
        if len(self.times) == 1:
            return total
        flowing = np.nonzero(self._rises[placed.piece])
        piece = placed.piece[flowing]
        length = self._lengths[piece]
        passed = np.minimum(np.maximum(placed.edges[flowing] - self.times[piece], 0), length)
        # rise = quotient * length + rest keeps the products small enough for 64 bits.
        quotient, rest = np.divmod(self._rises[piece], length)
        total[flowing] += quotient * passed + (2 * rest * passed + length) // (2 * length)
        return total

    def stepped(self, edges: Integers) -> Reals:
        """Return the total at each edge [Wh] had power changed but once between the readings around it.

        Before the change the register runs on as steeply as before the reading, after it as steeply as after the next:
        the two lines cross where power changed. Where they do not cross in between, power changed more than once, and
        the line is straight as in `at`. Never beyond `limits`.
        """
        placed = Placed.of(self.times, edges)
        along = self._along(placed)
        before, after, growing, falling = (values[placed.piece] for values in self._powers)
        on, back = before * along.passed, along.rise - after * (along.length - along.passed)
        bent = np.where(growing, np.maximum(on, back), np.where(falling, np.minimum(on, back), along.straight))
        low, high = self._limits(along)
        return np.asarray(self.totals[placed.piece] + np.clip(bent, low, high))

    @cached_property
    def _powers(self) -> tuple[Reals, Reals, Flags, Flags]:
        """The power in the pieces before and after each [Wh/ms], its own at the ends, and where it grows or falls."""
        power = self._rises / self._lengths.astype(np.float64)
        before: Reals = np.concatenate((power[:1], power[:-1]))
        after: Reals = np.concatenate((power[1:], power[-1:]))
        return before, after, (before <= power) & (power <= after), (before >= power) & (power >= after)

    def apart(self, placed: Placed) -> Integers:
        """Return how far apart the readings lie that tell each total [ms]: 0 on a reading and where nothing flowed."""
        on_reading = (self.times[placed.piece] == placed.edges) | (self.times[-1] == placed.edges)
        if len(self.times) == 1:
            return np.where(on_reading, 0, _NEVER)
        level = (self._rises == 0) & ~self.resets
        length = np.where(level, 0, self._lengths)[placed.piece]
        return np.where(on_reading, 0, np.where(self._inside(placed.edges), length, _NEVER))

    def reset_between(self, starts: Integers, ends: Integers) -> Flags:
        """Tell in which windows, in part or whole, a piece across a reset lies."""
        if not self.resets.any():
            return np.zeros(len(starts), dtype=np.bool_)
        before = np.concatenate(([0], np.cumsum(self.resets)))
        first = np.clip(np.searchsorted(self.times, starts, side="right") - 1, 0, len(self.times) - 1)
        last = np.clip(np.searchsorted(self.times, ends, side="left"), 0, len(self.times) - 1)
        return np.asarray(before[last] > before[first])

    def moves_between(self, starts: Placed, ends: Placed) -> Flags:
        """Tell in which spans it rises, from the reading before them to the one after."""
        if len(self.times) == 1:
            return np.zeros(len(starts.edges), dtype=np.bool_)
        return np.asarray(self.totals[ends.piece + 1] != self.totals[starts.piece])

    def off_by(self, edges: Integers, first: Integers, last: Integers, told: Integers, clock_bound_ms: int) -> Integers:
        """Return how far rises between edges, from `first` to `last`, can be from those `told` [Wh], rounded up."""
        steepest = np.maximum(self.most_wh_per_ms * (edges[last] - edges[first]), told)
        shifts = sorted({clock_bound_ms * part // _SHIFTS for part in range(-_SHIFTS, _SHIFTS + 1)})
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
        placed = Placed.of(self.times, edges)
        along = self._along(placed)
        lowest, highest = self._limits(along)
        inside, base = self._inside(edges), self.totals[placed.piece]
        straight = along.straight
        return np.where(inside, lowest, straight) + base, np.where(inside, highest, straight) + base

    def _along(self, placed: Placed) -> _Along:
        length = self._lengths[placed.piece].astype(np.float64)
        passed = np.minimum(np.maximum(placed.edges - self.times[placed.piece], 0), length)
        return _Along(length, passed, self._rises[placed.piece].astype(np.float64))

    def _limits(self, along: _Along) -> tuple[Reals, Reals]:
        """The least and the most it can have risen since the reading before each instant."""
        straight = along.straight
        highest = np.maximum(np.minimum(along.rise, self.most_wh_per_ms * along.passed), straight)
        to_come = np.minimum(along.rise, self.most_wh_per_ms * (along.length - along.passed))
        return np.minimum(along.rise - to_come, straight), highest

    def _inside(self, edges: Integers) -> Flags:
        """Tell which instants lie between two readings, or on one that another follows."""
        return np.asarray((edges >= self.times[0]) & (edges < self.times[-1]))


def _steepest(times: Integers, totals: Integers, rising: Integers, step_wh: int) -> float:
    """Return the highest power a register can have shown [Wh/ms], from the shortest spans that tell it to a tenth.

    Where none rises by ten steps, single pieces have to do, each up to a step more than it says. Spans begin where it
    is about to rise: those that begin before are longer.
    """
    last = np.searchsorted(totals, totals[rising] + _TELLING_STEPS * step_wh)
    first = rising[last < len(totals)]
    last = last[last < len(totals)] if len(first) else rising + 1
    first = first if len(first) else rising
    apart = np.maximum(times[last] - times[first], _SHORTEST_PIECE_MS)
    return float(np.max((totals[last] - totals[first] + step_wh) / apart, initial=0.0))


UNHEARD: Final = Counter.of(np.array([-_NEVER]), np.array([0]))
"""A register that no reading states: it counts nothing, and nothing of it is known."""
