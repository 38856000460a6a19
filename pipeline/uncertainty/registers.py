"""What one register says of a bill's windows: by its own clock, by clocks that are off, and between its readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.charging.counter import Counter, Placed
from pipeline.uncertainty.draws import ALL_PAIRS, Ints, Reals, swings

Flags = npt.NDArray[np.bool_]


class LeftOpen(NamedTuple):
    """Windows by number, and by how much more a register may have risen in them [Wh].

    In the first draw it is the middle of what may be. The others lie a swing above it and as much below it, in turn.
    """

    windows: Ints
    middle: Reals
    swings: Reals


@dataclass(frozen=True, eq=False)
class Register:
    """A charger's register over windows in a row; `edges`: where they begin and the last one ends [ms UTC].

    `before`: how many readings come before each edge.
    """

    counter: Counter
    edges: Ints
    before: Ints

    @classmethod
    def of(cls, counter: Counter, edges: Ints, like: Register | None = None) -> Register:
        """Return a register over some windows; the work is less for one read at the same instants as another."""
        shared = like is not None and like.counter.times is counter.times
        return cls(counter, edges, like.before if like and shared else np.searchsorted(counter.times, edges))

    @cached_property
    def totals(self) -> Ints:
        """Return the register at every edge [Wh]."""
        times, count = self.counter.times, len(self.counter.times)
        last = self.before - (times[np.minimum(self.before, count - 1)] != self.edges)
        return self.counter.total(Placed(self.edges, np.clip(last, 0, max(count - 2, 0))))

    @cached_property
    def told(self) -> Ints:
        """Return its rise in every window [Wh]."""
        return np.diff(self.totals)

    def gained(self, offsets_s: Sequence[float]) -> Ints:
        """Return how much more it rises in every window by clocks so far ahead [Wh]: a row a clock."""
        near, moved = self._moved(offsets_s)
        above = np.zeros((len(moved), len(self.edges)), dtype=np.int64)
        above[:, near] = self.counter.at(moved) - self.totals[near]
        return np.diff(above, axis=1)

    def stepped(self, offsets_s: Sequence[float]) -> Reals:
        """Return what windows gain by clocks so far ahead [Wh], as `gained`, had power changed in steps.

        Steps as of `Counter.stepped`.
        """
        near, moved = self._moved(offsets_s)
        above = np.zeros((len(moved), len(self.edges)))
        above[:, near] = self.counter.stepped(moved) - self.totals[near]
        return np.diff(above, axis=1)

    def _moved(self, offsets_s: Sequence[float]) -> tuple[Ints, Ints]:
        """Number the edges that clocks so far ahead can move, and lay them where they do: a row a clock."""
        shifts = np.array([round(offset_s * 1000) for offset_s in offsets_s], dtype=np.int64)
        near = self._near(int(np.abs(shifts).max(initial=0)))
        return near, np.add.outer(shifts, self.edges[near])

    def _near(self, reach_ms: int) -> Ints:
        """Number the edges at which a clock so far off can tell another total: those near a rise."""
        times, count = self.counter.times, len(self.edges)
        rising = np.zeros(len(times) + 1, dtype=np.bool_)
        np.not_equal(self.counter.totals[1:], self.counter.totals[:-1], out=rising[1:-1])
        turns = times[np.flatnonzero(rising[1:] != rising[:-1])]  # where it begins to rise, and where it stands again
        first = np.searchsorted(self.edges, turns[::2] - reach_ms)
        until = np.searchsorted(self.edges, turns[1::2] + reach_ms, side="right")
        around = np.cumsum(np.bincount(first, minlength=count + 1) - np.bincount(until, minlength=count + 1))
        return np.flatnonzero(around[:count])

    def left_open(self, live: Flags, *name: object, pairs: slice = ALL_PAIRS) -> LeftOpen:
        """Return by how much more or less it rises in `live` windows than it tells, in all pairs of draws or some.

        What it counted before or after an edge lies between two readings, in steps. Between them it runs somewhere
        between the latest and the earliest that its highest power allows, and never falls: one number tells where, for
        all edges between them. What a coarse register holds back is another.
        """
        moving = np.flatnonzero((self.told != 0) & live)
        among = np.zeros(len(self.edges), dtype=np.bool_)
        among[moving] = among[moving + 1] = True
        used = np.flatnonzero(among)
        low, high = self.counter.limits(self.edges[used])
        off = self._swings(self.before, used, *name, "between", pairs=pairs) * (high - low)[:, None]
        if self.counter.step_wh > 1:
            off += self.counter.step_wh * self._swings(self.totals, used, *name, "step", pairs=pairs)
        middle, begin = (low + high) / 2 - self.totals[used], np.searchsorted(used, moving)
        return LeftOpen(moving, np.diff(middle)[begin], np.diff(off, axis=0)[begin])

    def _swings(self, kinds: Ints, used: Ints, *name: object, pairs: slice) -> Reals:
        """Draw `swings` for some edges, the same for all of one kind, named by its first edge; kinds never fall."""
        return swings(self.edges[np.searchsorted(kinds, kinds[used])], *name, pairs=pairs)
