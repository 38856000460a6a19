"""What can be off in a rebuilt world, by how much, and the rows of energy whose weighted sum is one draw's deviation.

Every source is drawn once for a programme's life, by site, charger and name; only what the registers do between two
readings is drawn anew every month. The metered load itself is the billing quantity and is never drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.charging import Counter
from pipeline.uncertainty.draws import DRAWS, Reals, bell, even, even_of, signed

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLOCK_KNOTS: Final = 5
"""Offsets at which a charger's register is differenced anew; a drawn offset lies between two of them."""

DC_LOSS: Final = (0.04, 0.07)
"""What a conversion between a register and the grid takes [1]."""
_NORMAL_95: Final = 1.96
_EVEN_95: Final = 0.95
"""Half of what holds 95 of 100 offsets: in standard errors of a bell, in bounds of evenly spread ones."""


@dataclass(frozen=True)
class Clock:
    """What is known of a charger's clock: within `bound_s` [s]; nearer to 0 by `error_s` where the meter tells it."""

    bound_s: float
    error_s: float | None = None

    def draws_s(self, *name: object) -> Reals:
        """Return drawn offsets [s], positive ahead: bell-shaped where measured, else all of the bound alike."""
        if self.error_s is None:
            return self.bound_s * signed(*name)
        return np.clip(self.error_s * bell(*name), -self.bound_s, self.bound_s)

    @property
    def reach_s(self) -> float:
        """Return half the range that holds the offset in 95 of 100 cases [s]."""
        return _EVEN_95 * self.bound_s if self.error_s is None else min(self.bound_s, _NORMAL_95 * self.error_s)


@dataclass(frozen=True)
class Axis:
    """A model parameter: what chargers draw per window with it at the low and high end of its range [Wh].

    `position` tells where each draw lies, -1 at the low end, 0 at the figure used, 1 at the high end.
    """

    low: Mapping[str, Ints]
    high: Mapping[str, Ints]
    position: Reals

    def changed(self, charger_id: str, drawn: Ints) -> tuple[tuple[Ints, Reals], ...]:
        """Return how both ends differ from what a charger `drawn` has [Wh], each with the weight it has in a draw."""
        ends = ((self.low, -self.position), (self.high, self.position))
        return tuple((end.get(charger_id, drawn) - drawn, np.maximum(0, weight)) for end, weight in ends)


@dataclass(frozen=True)
class ChargerSource:
    """One charger: its registers, class [1], half the range of a configured DC conversion [1], and clock."""

    charger_id: str
    accuracy: float
    conversion: float
    clock: Clock
    imported: Counter | None
    exported: Counter | None

    def through(self, edges: Ints, offset_s: float) -> tuple[Reals, Reals]:
        """Return energy in and out of the car between edges [Wh], by a clock that is `offset_s` ahead."""
        shift = round(offset_s * 1000)

        def rise(counter: Counter | None) -> Reals:
            if counter is None:
                return np.zeros(len(edges) - 1)
            return np.diff(counter.at(edges + shift)).astype(np.float64)

        return rise(self.imported), rise(self.exported)


@dataclass(frozen=True)
class Sources:
    """All that is drawn for one bill of one site.

    `starts` and `ends` of windows [ms UTC]; `live`: windows of the programme whose chargers are known; `drawn`: what
    each charger draws in the modelled world per window [Wh] (empty for the world without cars); `axes` of its model;
    `dc_chance`: of registers that stand on the DC side though the site file says otherwise [1].
    """

    site_id: str
    month: str
    starts: Ints
    ends: Ints
    live: Flags
    chargers: Sequence[ChargerSource]
    meter_accuracy: float
    dc_chance: float = 0.0
    drawn: Mapping[str, Ints] = field(default_factory=dict)
    axes: Sequence[Axis] = ()

    @cached_property
    def edges(self) -> Ints:
        """Return where windows begin and the last one ends [ms UTC]."""
        return np.append(self.starts, self.ends[-1:])

    def deviations(self, draws: int, *, measured: bool = True, modelled: bool = True, noisy: bool = True) -> Reals:
        """Return (draws, windows) net energy of the drawn worlds less that of the rebuilt one [Wh].

        Without `measured` or `modelled` that kind of source is left out; without `noisy` only what registers do between
        two readings, which is drawn for every window anew.
        """
        total = np.zeros((draws, len(self.starts)))
        moving = np.flatnonzero(self._rows.any(axis=0))
        if len(moving):
            total[:, moving] = self._weights(measured=measured, modelled=modelled)[:draws] @ self._rows[:, moving]
        if measured and noisy:
            total += self._noise[:draws]
        return total

    @cached_property
    def _rows(self) -> Reals:
        """The energy of every source by window [Wh], in the order of `_weights`."""
        rows = [row for charger in self.chargers for row in (*self._flows(charger), *self._modelled(charger))]
        return np.stack(rows) * self.live if rows else np.zeros((0, len(self.starts)))

    def _weights(self, *, measured: bool, modelled: bool) -> Reals:
        """Every draw's share of every row; 0 of what is left out."""
        meter = 1 + self._gain(self.meter_accuracy, "meter", measured=measured)
        weights: list[Reals] = []
        for charger in self.chargers:
            gain = 1 + self._gain(charger.accuracy, charger.charger_id, "gain", measured=measured)
            weights += self._flow_weights(charger, gain * meter, measured=measured)
            weights += self._model_weights(charger, gain, modelled=modelled)
        return np.stack(weights, axis=1)

    def clock_ends(self) -> Reals:
        """Return (3, windows) net energy [Wh] moved by clocks: by none, by all at the low and at the high end."""
        moved = np.zeros((3, len(self.starts)))
        for charger in self.chargers:
            into, out_of = self._told[charger.charger_id]
            for row, side in ((1, -1), (2, 1)):
                later_in, later_out = charger.through(self.edges, side * charger.clock.reach_s)
                moved[row] += (later_out - later_in) - (out_of - into)
        return moved * self.live

    def _gain(self, accuracy: float, *name: object, measured: bool) -> Reals:
        return (accuracy if measured else 0.0) * signed(self.site_id, *name)

    def _offsets(self, charger: ChargerSource) -> tuple[Reals, Reals]:
        """The drawn offsets of a charger's clock, and those around them at which its register is differenced anew."""
        offsets = charger.clock.draws_s(self.site_id, charger.charger_id, "clock")
        reach = float(np.abs(offsets).max())
        return offsets, np.linspace(-reach, reach, CLOCK_KNOTS) if reach else np.zeros(0)

    def _flows(self, charger: ChargerSource) -> Iterator[Reals]:
        """What the charger really moved, and by how much it differs at clock offsets around those drawn."""
        if not self._moves(charger):
            return
        edges, (charge, discharge) = self.edges, self._told[charger.charger_id]
        yield discharge - charge
        if charger.conversion or self.dc_chance:
            yield discharge + charge
        _, knots = self._offsets(charger)
        for knot in knots[knots != 0]:
            into, out_of = charger.through(edges, knot)
            yield (out_of - into) - (discharge - charge)

    @cached_property
    def _told(self) -> Mapping[str, tuple[Reals, Reals]]:
        """What flowed into cars and out of them by charger and window, by the charger's own clock [Wh]."""
        return {charger.charger_id: charger.through(self.edges, 0.0) for charger in self.chargers}

    def _moves(self, charger: ChargerSource) -> bool:
        return any(flow.any() for flow in self._told[charger.charger_id])

    def _flow_weights(self, charger: ChargerSource, gain: Reals, *, measured: bool) -> Iterator[Reals]:
        if not self._moves(charger):
            return
        yield gain - 1
        if charger.conversion or self.dc_chance:
            yield self._conversion(charger) * measured
        offsets, knots = self._offsets(charger)
        for knot in knots[knots != 0]:
            yield gain * np.maximum(0, 1 - np.abs(offsets - knot) / (knots[1] - knots[0])) * measured

    def _conversion(self, charger: ChargerSource) -> Reals:
        """Tell by how much less is given and more taken on the grid's side than the registers say."""
        if charger.conversion:
            return charger.conversion * signed(self.site_id, charger.charger_id, "side")
        hidden = even(self.site_id, "side", count=2)
        least, most = DC_LOSS
        return np.where(hidden[:, 0] < self.dc_chance, -(least + (most - least) * hidden[:, 1]), 0.0)

    def _modelled(self, charger: ChargerSource) -> Iterator[Reals]:
        """What the car would have drawn, and what a parameter at either end of its range makes of it."""
        drawn = self.drawn.get(charger.charger_id)
        if drawn is None:
            return
        yield drawn.astype(np.float64)
        yield from (changed.astype(np.float64) for changed, _ in self._changes(charger.charger_id, drawn))

    def _changes(self, charger_id: str, drawn: Ints) -> Iterator[tuple[Ints, Reals]]:
        for axis in self.axes:
            yield from (end for end in axis.changed(charger_id, drawn) if end[0].any())

    def _model_weights(self, charger: ChargerSource, gain: Reals, *, modelled: bool) -> Iterator[Reals]:
        """Energy and power were read off this charger, so they share its gain."""
        drawn = self.drawn.get(charger.charger_id)
        if drawn is None:
            return
        yield gain - 1
        yield from (gain * weight * modelled for _, weight in self._changes(charger.charger_id, drawn))

    @cached_property
    def _noise(self) -> Reals:
        """What registers do between two readings, by draw and window [Wh]."""
        total = np.zeros((DRAWS, len(self.starts)))
        for charger in self.chargers:
            for name, counter, sign in (("import", charger.imported, -1), ("export", charger.exported, 1)):
                if counter is not None and len(counter.times) > 1:
                    self._between_readings((self.site_id, charger.charger_id, name, self.month), counter, sign, total)
        return total

    def _between_readings(self, where: tuple[str, ...], counter: Counter, sign: int, total: Reals) -> None:
        """Add what a register may have counted before or after an edge: it lies between two readings, in steps.

        Between two readings it runs somewhere between the latest and the earliest that its highest power allows, and
        never falls: one number tells where, for all edges between them. What a coarse register holds back is another.
        """
        edges = self.edges
        told = counter.at(edges)
        moving = np.flatnonzero((np.diff(told) != 0) & self.live)
        if not len(moving):
            return
        used = np.union1d(moving, moving + 1)
        low, high = counter.limits(edges[used])
        off = (low - told[used]) + _numbers(np.searchsorted(counter.times, edges), used, *where, "between") * (
            high - low
        )
        if counter.step_wh > 1:
            off = off + counter.step_wh * _numbers(told, used, *where, "step")
        before = np.searchsorted(used, moving)
        total[:, moving] += sign * (off[:, before + 1] - off[:, before])


def _numbers(kinds: Ints, used: Ints, *name: object) -> Reals:
    """Return (DRAWS, len(used)) even numbers for some of many edges, the same for all of one kind."""
    found, group = np.unique(kinds, return_inverse=True)
    return even_of(group[used], *name, count=len(found))
