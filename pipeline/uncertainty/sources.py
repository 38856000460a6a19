"""What can be off in a rebuilt world, by how much, and the rows of energy whose weighted sum is one draw's deviation.

Every source is drawn once for a programme's life, by site, charger and name; only what the registers do between two
readings is drawn for every two anew, and steps of power are looked for in every bill. The metered load itself is the
billing quantity and is never drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from pipeline.charging import Counter
from pipeline.uncertainty.draws import ALL_PAIRS, APART_PAIRS, DRAWS, IN_STEP, Ints, Reals, bell, even, signed
from pipeline.uncertainty.registers import Flags, LeftOpen, Register

CLOCK_KNOTS: Final = 5
"""Offsets at which a charger's register is differenced anew; a drawn offset lies between two of them."""

STEP_OFFSETS: Final = 13
"""Offsets of a clock at which windows are tried for steps of power."""

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
        """Return how ends differ from what a charger `drawn` has [Wh], each with the weight it has in a draw."""
        ends = ((self.low, -self.position), (self.high, self.position))
        return tuple((end[charger_id] - drawn, np.maximum(0, weight)) for end, weight in ends if charger_id in end)


@dataclass(frozen=True)
class ChargerSource:
    """One charger: its registers, class [1], half the range of a configured DC conversion [1], and clock."""

    charger_id: str
    accuracy: float
    conversion: float
    clock: Clock
    imported: Counter | None
    exported: Counter | None


class DrawnSet(NamedTuple):
    """So many draws, of all sources or of some.

    Without `measured` or `modelled` that kind of source is left out; without `noisy` only what registers do between two
    readings, which is drawn for every window anew.
    """

    draws: int = DRAWS
    measured: bool = True
    modelled: bool = True
    noisy: bool = True


class Deviations(NamedTuple):
    """Net energy of drawn worlds less that of the rebuilt one [Wh], a row a draw; 0 in windows not listed."""

    windows: Ints
    wh: Reals


class _Row(NamedTuple):
    """A row of energy by window [Wh] and each draw's share of it.

    `model`: its share by parameters of the model alone, None of a row that the measurement moves, too.
    """

    wh: Reals | Ints
    share: Reals
    model: Reals | None = None

    def of(self, drawn: DrawnSet) -> Reals:
        """Return the shares in the draws of a set; 0 of what it leaves out."""
        if drawn.measured and (drawn.modelled or self.model is None):
            return self.share
        alone = drawn.modelled and not drawn.measured
        return np.zeros_like(self.share) if self.model is None or not alone else self.model


@dataclass(frozen=True)
class Sources:
    """All that is drawn for one bill of one site.

    `starts` and `ends` of windows [ms UTC]; `live`: windows of the programme whose chargers are known; `drawn`: what
    each charger draws in the modelled world per window [Wh] (empty for the world without cars); `axes` of its model;
    `dc_chance`: of registers that stand on the DC side though the site file says otherwise [1]; `steps`: whether
    in the draws `IN_STEP` power changes between two readings once at most, and most of all where windows begin.
    """

    site_id: str
    starts: Ints
    ends: Ints
    live: Flags
    chargers: Sequence[ChargerSource]
    meter_accuracy: float
    dc_chance: float = 0.0
    steps: bool = True
    drawn: Mapping[str, Ints] = field(default_factory=dict)
    axes: Sequence[Axis] = ()

    def deviations(self, *sets: DrawnSet, also: Reals | None = None) -> Deviations:
        """Return how the drawn worlds of all sets lie beside the rebuilt one, set under set.

        `also`: draws to be listed below them, which are given in all windows [Wh].
        """
        below = np.zeros((0, len(self.starts))) if also is None else also
        shares = np.concatenate([self._shares(drawn) for drawn in sets], axis=1)
        windows = np.flatnonzero(self._moving | below.any(axis=0))
        wh = np.empty((shares.shape[1] + len(below), len(windows)))
        np.matmul(shares.T, self._energies[:, windows], out=wh[: shares.shape[1]])
        wh[shares.shape[1] :] = below[:, windows]
        noise, first = self._noise(windows), 0
        for drawn in sets:
            if drawn.measured and drawn.noisy:
                wh[first : first + drawn.draws] += noise[: drawn.draws]
            first += drawn.draws
        return Deviations(windows, wh)

    def clock_ends(self) -> Reals:
        """Return (3, windows) net energy [Wh] moved by clocks: by none, by all at the low and at the high end."""
        moved = np.zeros((3, len(self.starts)))
        for charger in self.chargers:
            moved[1:] += self._shifted[charger.charger_id][-2:]
        return moved * self.live

    @cached_property
    def _registers(self) -> Mapping[str, tuple[Register | None, Register | None]]:
        """The registers of energy into cars and out of them, by charger."""
        edges, found = np.append(self.starts, self.ends[-1:]), {}
        for charger in self.chargers:
            into = None if charger.imported is None else Register.of(charger.imported, edges)
            out_of = None if charger.exported is None else Register.of(charger.exported, edges, into)
            found[charger.charger_id] = into, out_of
        return found

    @cached_property
    def _rows(self) -> Sequence[_Row]:
        meter = 1 + self._gain(self.meter_accuracy, "meter")
        rows: list[_Row] = []
        for charger in self.chargers:
            gain = 1 + self._gain(charger.accuracy, charger.charger_id, "gain")
            rows += self._flows(charger, gain * meter)
            rows += self._modelled(charger, gain)
        return rows

    @cached_property
    def _energies(self) -> Reals:
        """The energy of every row where it is live [Wh]."""
        found = np.zeros((len(self._rows), len(self.starts)))
        for energies, row in zip(found, self._rows, strict=True):
            np.multiply(row.wh, self.live, out=energies)
        return found

    @cached_property
    def _moving(self) -> Flags:
        """The windows that any source moves."""
        moved: Flags = np.logical_or.reduce(self._energies, axis=0)
        for _, left in self._left_open:
            moved[left.windows] = True
        return moved

    def _shares(self, drawn: DrawnSet) -> Reals:
        """Every row's share in every draw."""
        shares = [row.of(drawn) for row in self._rows]
        return np.array(shares).reshape(len(shares), DRAWS)[:, : drawn.draws]

    def _gain(self, accuracy: float, *name: object) -> Reals:
        return accuracy * signed(self.site_id, *name)

    @cached_property
    def _clocks(self) -> Mapping[str, tuple[Reals, Reals]]:
        """The drawn offsets of chargers' clocks, and those around them at which registers are differenced anew."""
        found = {}
        for charger in self.chargers:
            offsets = charger.clock.draws_s(self.site_id, charger.charger_id, "clock")
            reach = float(np.abs(offsets).max())
            found[charger.charger_id] = offsets, np.linspace(-reach, reach, CLOCK_KNOTS) if reach else np.zeros(0)
        return found

    @cached_property
    def _shifted(self) -> Mapping[str, Ints]:
        """By charger, what its flows gain by clocks at every knot but 0, and at the low and the high end [Wh]."""
        found = {}
        for charger in self.chargers:
            _, knots = self._clocks[charger.charger_id]
            offsets = [*knots[knots != 0].tolist(), -charger.clock.reach_s, charger.clock.reach_s]
            into, out_of = (
                np.zeros((len(offsets), len(self.starts)), dtype=np.int64) if one is None else one.gained(offsets)
                for one in self._registers[charger.charger_id]
            )
            found[charger.charger_id] = out_of - into
        return found

    def _flows(self, charger: ChargerSource, gain: Reals) -> Iterator[_Row]:
        """What the charger really moved, and by how much it differs at clock offsets around those drawn."""
        nothing = np.zeros(len(self.starts), dtype=np.int64)
        into, out_of = (nothing if one is None else one.told for one in self._registers[charger.charger_id])
        if not (into.any() or out_of.any()):
            return
        yield _Row(out_of - into, gain - 1)
        if charger.conversion or self.dc_chance:
            yield _Row(out_of + into, self._conversion(charger))
        offsets, knots = self._clocks[charger.charger_id]
        for knot, gained in zip(knots[knots != 0], self._shifted[charger.charger_id], strict=False):
            near = np.maximum(0, 1 - np.abs(offsets - knot) / (knots[1] - knots[0]))
            yield _Row(gained, gain * near * ~self._in_step)
        if self.steps:
            yield _Row(self._stepped(charger), gain * self._in_step)

    @cached_property
    def _in_step(self) -> Flags:
        return IN_STEP if self.steps else np.zeros_like(IN_STEP)

    def _stepped(self, charger: ChargerSource) -> Reals:
        """What a charger's flows gain had its power changed in steps, most of all where windows begin [Wh].

        A clock that is off mixes the energies of windows with those of their neighbours. Of all it may be off by, that
        which sets them furthest apart, by their squares in shares of the register's highest window, fits such steps
        best; of equal ones the least. Squares are whole numbers, so that no order of adding up decides.
        """
        reach = charger.clock.reach_s
        offsets = sorted(np.linspace(-reach, reach, STEP_OFFSETS).tolist(), key=abs)
        gained, apart = np.zeros((STEP_OFFSETS, len(self.starts))), np.zeros(STEP_OFFSETS)
        for sign, register in zip((-1, 1), self._registers[charger.charger_id], strict=True):
            if register is not None and register.told.any():
                found = register.stepped(offsets)
                wh = np.rint(found).astype(np.int64) + register.told
                apart += np.square(wh[:, self._inner]).sum(axis=1) / int(register.told.max()) ** 2
                gained += sign * found
        best: Reals = gained[np.argmax(apart)]
        return best

    @cached_property
    def _inner(self) -> Ints:
        """Number the live windows whose neighbours are live, too: what moves between them stays among them."""
        beside = np.pad(self.live, 1, constant_values=True)
        return np.flatnonzero(beside[:-2] & self.live & beside[2:])

    @cached_property
    def _hidden(self) -> Reals:
        """Where a site's registers stand, and what a conversion takes: even numbers of each draw."""
        return even(self.site_id, "side", count=2)

    def _conversion(self, charger: ChargerSource) -> Reals:
        """Tell by how much less is given and more taken on the grid's side than the registers say."""
        if charger.conversion:
            return charger.conversion * signed(self.site_id, charger.charger_id, "side")
        hidden, (least, most) = self._hidden, DC_LOSS
        return np.where(hidden[:, 0] < self.dc_chance, -(least + (most - least) * hidden[:, 1]), 0.0)

    def _modelled(self, charger: ChargerSource, gain: Reals) -> Iterator[_Row]:
        """What the car would have drawn, and what a parameter at either end of its range makes of it.

        Energy and power were read off this charger, so they share its gain.
        """
        drawn = self.drawn.get(charger.charger_id)
        if drawn is None:
            return
        yield _Row(drawn, gain - 1)
        for axis in self.axes:
            for changed, weight in axis.changed(charger.charger_id, drawn):
                if changed.any():
                    yield _Row(changed, gain * weight, weight)

    @cached_property
    def _left_open(self) -> Sequence[tuple[int, LeftOpen]]:
        """What every register does between two readings, and with which sign it counts in net energy."""
        return [
            (sign, register.left_open(self.live, self.site_id, charger.charger_id, name, pairs=self._pairs))
            for charger in self.chargers
            for name, sign, register in zip(
                ("import", "export"), (-1, 1), self._registers[charger.charger_id], strict=True
            )
            if register is not None and register.told.any()
        ]

    def _noise(self, windows: Ints) -> Reals:
        """What registers do between two readings, by draw and window of some [Wh]."""
        middle, swings = np.zeros(len(windows)), np.zeros((len(windows), len(range(DRAWS // 2)[self._pairs])))
        for sign, left in self._left_open:
            place = np.searchsorted(windows, left.windows)
            middle[place] += sign * left.middle
            swings[place] += sign * left.swings
        total = np.zeros((DRAWS, len(windows)))
        pairs = total[1:].reshape(DRAWS // 2, 2, len(windows))[self._pairs]
        total[0], pairs[:, 0], pairs[:, 1] = middle, middle + swings.T, middle - swings.T
        return total

    @property
    def _pairs(self) -> slice:
        """The pairs of draws that what registers do between two readings moves."""
        return APART_PAIRS if self.steps else ALL_PAIRS
