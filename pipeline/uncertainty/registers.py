"""What one register says of a bill's windows: by its own clock, by clocks that are off, and between its readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.charging.counter import Counter, Placed
from pipeline.uncertainty.draws import Reals, even_of

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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
        shifts = np.array([round(offset_s * 1000) for offset_s in offsets_s], dtype=np.int64)
        near = self._near(int(np.abs(shifts).max(initial=0)))
        above = np.zeros((len(shifts), len(self.edges)), dtype=np.int64)
        above[:, near] = self.counter.at(np.add.outer(shifts, self.edges[near])) - self.totals[near]
        return np.diff(above, axis=1)

    def _near(self, reach_ms: int) -> Ints:
        """Number the edges at which a clock so far off can tell another total: those near a rise."""
        times, count = self.counter.times, len(self.edges)
        rises = np.append(False, np.append(np.diff(self.counter.totals) > 0, False))
        begins, ends = np.flatnonzero(rises[1:] & ~rises[:-1]), np.flatnonzero(rises[:-1] & ~rises[1:])
        first = np.searchsorted(self.edges, times[begins] - reach_ms)
        until = np.searchsorted(self.edges, times[ends] + reach_ms, side="right")
        around = np.cumsum(np.bincount(first, minlength=count + 1) - np.bincount(until, minlength=count + 1))
        return np.flatnonzero(around[:count])

    def left_open(self, live: Flags, *name: object) -> tuple[Ints, Reals]:
        """Return the numbers of `live` windows it rises in, and by how much more or less in each draw [Wh].

        What it counted before or after an edge lies between two readings, in steps. Between them it runs somewhere
        between the latest and the earliest that its highest power allows, and never falls: one number tells where, for
        all edges between them. What a coarse register holds back is another.
        """
        moving = np.flatnonzero((self.told != 0) & live)
        among = np.zeros(len(self.edges), dtype=np.bool_)
        among[moving] = among[moving + 1] = True
        used = np.flatnonzero(among)
        low, high = self.counter.limits(self.edges[used])
        where = _numbers(self.before, used, *name, "between")
        off = (low - self.totals[used]) + where * (high - low)
        if self.counter.step_wh > 1:
            off += self.counter.step_wh * _numbers(self.totals, used, *name, "step")
        before = np.searchsorted(used, moving)
        return moving, off[:, before + 1] - off[:, before]


def _numbers(kinds: Ints, used: Ints, *name: object) -> Reals:
    """Return (DRAWS, len(used)) even numbers for some of many edges, the same for all of one kind; kinds never fall."""
    group = np.append(0, np.cumsum(kinds[1:] != kinds[:-1]))
    return even_of(group[used], *name, count=int(group[-1]) + 1)
