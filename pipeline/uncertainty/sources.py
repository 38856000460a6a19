"""What can be off in a rebuilt world, by how much, and the rows of energy whose weighted sum is one draw's deviation.

Every source is drawn once for a programme's life, by site, charger and name; only what the registers do between two
readings is drawn anew every month. The metered load itself is the billing quantity and is never drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.charging import Counter
from pipeline.uncertainty.draws import Reals, bell, even, signed

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLOCK_KNOTS: Final = 5
"""Offsets at which a charger's register is differenced anew; a drawn offset lies between two of them."""

DC_LOSS: Final = (0.04, 0.07)
"""What a conversion between a register and the grid takes [1]."""


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


@dataclass(frozen=True)
class Axis:
    """A model parameter: what each charger draws per window with it at the low and high end of its range [Wh].

    `position` tells where each draw lies, -1 at the low end, 0 at the figure used, 1 at the high end.
    """

    low: Mapping[str, Ints]
    high: Mapping[str, Ints]
    position: Reals


@dataclass(frozen=True)
class ChargerSource:
    """One charger: its registers, class [1], half the range of a configured DC conversion [1], and clock."""

    charger_id: str
    accuracy: float
    conversion: float
    clock: Clock
    imported: Counter | None
    exported: Counter | None

    def through(self, starts: Ints, ends: Ints, offset_s: float) -> tuple[Reals, Reals]:
        """Return energy in and out of the car per window [Wh], by a clock that is `offset_s` ahead."""
        shift = round(offset_s * 1000)

        def rise(counter: Counter | None) -> Reals:
            if counter is None:
                return np.zeros(len(starts))
            told: Reals = (counter.at(ends + shift) - counter.at(starts + shift)).astype(np.float64)
            return told

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

    def deviations(self, draws: int, *, measured: bool = True, modelled: bool = True, noisy: bool = True) -> Reals:
        """Return (draws, windows) net energy of the drawn worlds less that of the rebuilt one [Wh].

        Without `measured` or `modelled` that kind of source is left out; without `noisy` only what registers do between
        two readings, which is drawn for every window anew.
        """
        meter = self._gain(self.meter_accuracy, "meter", measured=measured)
        rows: list[Reals] = []
        weights: list[Reals] = []
        for charger in self.chargers:
            gain = 1 + self._gain(charger.accuracy, charger.charger_id, "gain", measured=measured)
            self._flows(charger, gain * (1 + meter), rows, weights, measured=measured)
            self._modelled(charger, gain, rows, weights, modelled=modelled)
        total = np.zeros((draws, len(self.starts)))
        if rows:
            total = np.stack(weights, axis=1)[:draws] @ (np.stack(rows) * self.live)
        if measured and noisy:
            for charger in self.chargers:
                self._between_readings(charger, total)
        return total

    def _gain(self, accuracy: float, *name: object, measured: bool) -> Reals:
        return (accuracy if measured else 0.0) * signed(self.site_id, *name)

    def _flows(
        self, charger: ChargerSource, gain: Reals, rows: list[Reals], weights: list[Reals], *, measured: bool
    ) -> None:
        """Add what the charger really moved, differenced anew at clock offsets around those drawn."""
        charge, discharge = charger.through(self.starts, self.ends, 0.0)
        if not charge.any() and not discharge.any():
            return
        rows.append(discharge - charge)
        weights.append(gain - 1)
        if measured and (charger.conversion or self.dc_chance):
            rows.append(discharge + charge)
            weights.append(self._conversion(charger))
        offsets = charger.clock.draws_s(self.site_id, charger.charger_id, "clock")
        reach = float(np.abs(offsets).max())
        if not measured or reach == 0:
            return
        knots = np.linspace(-reach, reach, CLOCK_KNOTS)
        for knot in knots[knots != 0]:
            into, out_of = charger.through(self.starts, self.ends, knot)
            rows.append((out_of - into) - (discharge - charge))
            weights.append(gain * np.maximum(0, 1 - np.abs(offsets - knot) / (knots[1] - knots[0])))

    def _conversion(self, charger: ChargerSource) -> Reals:
        """Tell by how much less is given and more taken on the grid's side than the registers say."""
        if charger.conversion:
            return charger.conversion * signed(self.site_id, charger.charger_id, "side")
        hidden = even(self.site_id, "side", count=2)
        least, most = DC_LOSS
        return np.where(hidden[:, 0] < self.dc_chance, -(least + (most - least) * hidden[:, 1]), 0.0)

    def _modelled(
        self, charger: ChargerSource, gain: Reals, rows: list[Reals], weights: list[Reals], *, modelled: bool
    ) -> None:
        """Add what the car would have drawn: energy and power were read off this charger, so they share its gain."""
        drawn = self.drawn.get(charger.charger_id)
        if drawn is None:
            return
        rows.append(drawn.astype(np.float64))
        weights.append(gain - 1)
        for axis in self.axes if modelled else ():
            for end, position in ((axis.low, -axis.position), (axis.high, axis.position)):
                changed = end[charger.charger_id] - drawn
                if changed.any():
                    rows.append(changed.astype(np.float64))
                    weights.append(gain * np.maximum(0, position))

    def _between_readings(self, charger: ChargerSource, total: Reals) -> None:
        """Add what a register may have counted before or after an edge: it lies between two readings, in steps.

        Between two readings it runs somewhere between the latest and the earliest that its highest power allows, and
        never falls: one number tells where, for all edges between them. What a coarse register holds back is another.
        """
        for name, counter, sign in (("import", charger.imported, -1), ("export", charger.exported, 1)):
            if counter is None or len(counter.times) < 2:
                continue
            edges = np.append(self.starts, self.ends[-1:])
            told = counter.at(edges)
            moving = np.flatnonzero((np.diff(told) != 0) & self.live)
            if not len(moving):
                continue
            low, high = counter.limits(edges)
            where = (self.site_id, charger.charger_id, name, self.month)
            _, piece = np.unique(np.searchsorted(counter.times, edges), return_inverse=True)
            running = _numbers(len(total), piece, *where, "between")
            off = (low - told) + running * (high - low)
            if counter.step_wh > 1:
                _, value = np.unique(told, return_inverse=True)
                off = off + counter.step_wh * _numbers(len(total), value, *where, "step")
            total[:, moving] += sign * (off[:, moving + 1] - off[:, moving])


def _numbers(draws: int, group: Ints, *name: object) -> Reals:
    """Return (draws, len(group)) even numbers, the same for all of one group."""
    numbers: Reals = even(*name, count=int(group.max()) + 1)[:draws, group]
    return numbers
