"""What the same cars would have drawn had each charged from plug-in: one account of energy a car, stay after stay.

The stays of all models are computed at once. A stay hangs on the one before by a single number, what that one left, and
few hand it on, since most fill the car. So all are computed with nothing left before; then those again whose
predecessor did leave something, until none changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging import ChargePower, RoundTrip, numbered
from pipeline.scenarios.worlds import Wh

Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_SECOND: Final = 1_000_000
_SOC_STEPS: Final = np.array([[0.0], [0.80], [0.85], [0.90], [0.95]])
_SOC_ENDS: Final = np.array([[0.80], [0.85], [0.90], [0.95], [1.0]])
_LAST: Final = -1
_TOGETHER: Final = 8  # rounds in which all cases that are not settled are charged again


@dataclass(frozen=True)
class Battery:
    """What the unmanaged world must know of one car: capacity [Wh] and default target [%]."""

    usable_wh: float
    target_soc_pct: float


class Model(NamedTuple):
    """How cars charge; `curve(charger_id, vehicle_id)` is the measured charging power."""

    curve: Callable[[str, str], ChargePower]
    round_trip: RoundTrip


class Charged(NamedTuple):
    """What cars drew per window [Wh], and what they wanted in vain in stays that end within the windows [Wh].

    Both by charger. The cars did charge there what is `unfit`, so a rating, a state of charge or a clock is wrong where
    it is more than a little.
    """

    drawn: dict[str, Wh]
    unfit: dict[str, float]


class _Stays(NamedTuple):
    """Sessions, one entry each: numbers of charger and account, begin and end [µs since 1970].

    Energies of the battery [Wh] at arrival, at departure and at the target; `usable_wh` is NaN for a stay without
    states of charge or without a battery to tell them of. Energies in and out of the car [Wh].
    """

    charger: Wh
    account: Wh
    begin_us: Wh
    end_us: Wh
    usable_wh: Reals
    arrived_wh: Reals
    departed_wh: Reals
    target_wh: Reals
    charge_wh: Wh
    discharge_wh: Wh

    def of(self, chosen: Any) -> _Stays:
        """Return some of the sessions."""
        return _Stays(*(column[chosen] for column in self))


@dataclass(frozen=True, eq=False)
class PlugIns:
    """The sessions of every account in their order, and the edges of the windows they charge in [s since 1970]."""

    charger_ids: Sequence[str]
    accounts: Sequence[str]
    stays: _Stays
    edges: Reals

    @classmethod
    def of(cls, sessions: pl.DataFrame, grid: pl.DataFrame, batteries: Mapping[str, Battery]) -> PlugIns:
        """Read them once, to be charged again with any power and losses.

        `sessions`: every session since the programme began, in the shape of `domain.CHARGING_SESSION`, with the
        `account` it belongs to; `grid` of `calendars.window_grid`.
        """
        begin, end = (instants_us(sessions.get_column(f"plugged_{way}_at")) for way in ("in", "out"))
        by_time = np.argsort(begin, kind="stable")
        accounts, account = numbered(sessions.get_column("account")[by_time].to_list())
        by_account = np.argsort(account, kind="stable")
        order = by_time[by_account]
        charger_ids, charger = numbered(sessions.get_column("charger_id")[order].to_list())
        account = account[by_account]
        known = [batteries.get(name) for name in accounts]
        usable = np.array([np.nan if car is None else car.usable_wh for car in known])[account]
        default = np.array([np.nan if car is None else car.target_soc_pct for car in known])[account]
        soc_in, soc_out, stated = (
            sessions.get_column(f"{name}_pct").to_numpy()[order].astype(np.float64)
            for name in ("soc_in", "soc_out", "target_soc")
        )
        usable = np.where(np.isnan(soc_in) | np.isnan(soc_out), np.nan, usable)
        target = np.where(np.isnan(stated), default, stated)
        battery = (usable, *(soc / 100 * usable for soc in (soc_in, soc_out, target)))
        energies = (sessions.get_column(name).to_numpy()[order] for name in ("charge_wh", "discharge_wh"))
        stays = _Stays(charger, account, begin[order], end[order], *battery, *energies)
        return cls(charger_ids, accounts, stays, _edges(grid))

    @property
    def counts_stock(self) -> bool:
        """Whether a stay is modelled by what it took and gave, for want of states of charge."""
        return bool(np.isnan(self.stays.usable_wh).any())

    def ending_within(self, run_up: timedelta) -> PlugIns:
        """Return the stays that end in a time before the windows, or later."""
        since_us = round(self.edges[0] * _SECOND) - run_up // timedelta(microseconds=1)
        return replace(self, stays=self.stays.of(self.stays.end_us >= since_us))


def _edges(grid: pl.DataFrame) -> Reals:
    starts = instants_us(grid.get_column("interval_start"))
    ends = starts[-1:] + grid.get_column("duration_s").to_numpy()[-1:] * _SECOND
    edges: Reals = np.append(starts, ends) / _SECOND
    return edges


def unmanaged_by_charger(plug_ins: PlugIns, models: Sequence[Model]) -> list[Charged]:
    """Return what the same cars would have drawn at each charger had each charged from plug-in, by each of the models.

    With states of charge, each car has a second energy account: it arrives with what this world left in it minus the
    driving between, and fills to the higher of its actual departure energy and its target if reachable. Without, a
    running stock of energy owed is kept per car; never a clip per session, which would inflate the driving. One number
    per window.
    """
    if not len(plug_ins.stays.charger):
        return [Charged({}, {}) for _ in models]
    cases = _Cases.of(plug_ins, models)
    profiles = _settled(cases, _Chains.of(plug_ins.stays, len(models)))
    drawn, unfit = _by_window(plug_ins, cases, profiles), _unfit(plug_ins, cases, profiles)
    names = [(number, plug_ins.charger_ids[number]) for number in dict.fromkeys(plug_ins.stays.charger.tolist())]
    return [
        Charged(
            {name: wh[number] for number, name in names},
            {name: float(left[number]) for number, name in names if not np.isnan(left[number])},
        )
        for wh, left in zip(drawn, unfit, strict=True)
    ]


class _Cases(NamedTuple):
    """Every stay by every model, stays of one model together: its begin and end [s since 1970].

    `power_w` in each step of the state of charge; `net_wh`: energy in less energy out over the round trip.
    """

    begin: Reals
    end: Reals
    usable_wh: Reals
    arrived_wh: Reals
    departed_wh: Reals
    target_wh: Reals
    net_wh: Reals
    charge_wh_per_battery_wh: Reals
    power_w: Reals

    @classmethod
    def of(cls, plug_ins: PlugIns, models: Sequence[Model]) -> _Cases:
        stays, times = plug_ins.stays, len(models)
        pairs, pair = np.unique(stays.charger * len(plug_ins.accounts) + stays.account, return_inverse=True)
        names = [
            (plug_ins.charger_ids[charger], plug_ins.accounts[account])
            for charger, account in zip(*divmod(pairs, len(plug_ins.accounts)), strict=True)
        ]
        powers = [
            np.array([(power.power_w, *power.taper_w) for power in (model.curve(*name) for name in names)])
            for model in models
        ]
        usable, arrived, departed, target = (np.tile(energies, times) for energies in stays[4:8])
        net = [stays.charge_wh - stays.discharge_wh / model.round_trip.efficiency for model in models]
        losses = [model.round_trip.charge_wh_per_battery_wh for model in models]
        return cls(
            np.tile(stays.begin_us / _SECOND, times),
            np.tile(stays.end_us / _SECOND, times),
            usable,
            arrived,
            departed,
            target,
            net_wh=np.concatenate(net),
            charge_wh_per_battery_wh=np.repeat(losses, len(pair)),
            power_w=np.concatenate([power[pair].T for power in powers], axis=1),
        )

    def some(self, chosen: Any) -> _Cases:
        """Return some of the cases."""
        return _Cases(*(column[..., chosen] for column in self))


class _Profile(NamedTuple):
    """Charging of stays: seconds since plug-in and energy drawn until then [Wh], straight in between.

    One row a corner; `drawn_wh` is what was drawn before plug-out, `left_wh` what the account's next stay begins with:
    battery energy ahead of the actual one, or the (negative) stock of energy owed.
    """

    seconds: Reals
    energies: Reals
    drawn_wh: Reals
    left_wh: Reals

    @classmethod
    def of(cls, case: _Cases, before: Reals) -> _Profile:
        """Charge stays from plug-in after what the ones before them left."""
        arrived = np.minimum(np.maximum(case.arrived_wh + before, 0.0), case.usable_wh)
        to_target_s = _corners(_fill(case, arrived, case.target_wh) * 3600 / case.power_w)[_LAST]
        reachable = case.begin + to_target_s <= case.end
        goal = np.maximum(case.departed_wh, np.where(reachable, case.target_wh, 0.0))
        owed, told = before + case.net_wh, ~np.isnan(case.usable_wh)
        wanted = np.where(told, _fill(case, arrived, goal), 0.0)
        wanted[0] += np.where(told, 0.0, np.maximum(0.0, owed))
        seconds, energies = _corners(wanted * 3600 / case.power_w), _corners(wanted)
        plugged_s = case.end - case.begin
        drawn = _at(seconds, energies, plugged_s)
        # a car that was filled holds its goal, whatever it came with
        filled, stored = seconds[_LAST] <= plugged_s, drawn / case.charge_wh_per_battery_wh
        held = np.where(filled, np.maximum(arrived, goal), arrived + stored)
        left = np.where(told, held - case.departed_wh, np.minimum(0.0, owed) + np.maximum(0.0, owed) - drawn)
        return cls(seconds, energies, drawn, left)


def _fill(case: _Cases, begin_wh: Reals, end_wh: Reals) -> Reals:
    """Return what charging from one energy of the battery to another draws in each step of its state of charge [Wh]."""
    begin, end = begin_wh / case.usable_wh, end_wh / case.usable_wh
    part = np.maximum(np.minimum(_SOC_ENDS, end) - np.maximum(_SOC_STEPS, begin), 0.0)
    drawn: Reals = part * case.usable_wh * case.charge_wh_per_battery_wh
    return drawn


def _corners(steps: Reals) -> Reals:
    """Add steps up from 0."""
    corners = np.zeros((len(steps) + 1, *steps.shape[1:]))
    np.cumsum(steps, axis=0, out=corners[1:])
    return corners


def _at(instants: Reals, energies: Reals, wanted: Reals) -> Reals:
    """Read lines at one instant each: a line is a column of rising instants and its energies, flat beyond its ends."""
    place, column = (instants <= wanted).sum(axis=0) - 1, np.arange(len(wanted))
    here, after = np.maximum(place, 0), np.minimum(place + 1, len(instants) - 1)
    begin, base = instants[here, column], energies[here, column]
    length = np.where(after > here, instants[after, column] - begin, 1.0)
    slope = (energies[after, column] - base) / length
    read: Reals = slope * np.maximum(wanted - begin, 0.0) + base
    return read


class _Chains(NamedTuple):
    """The number of the case that takes over what each one left, -1 for none, and the number of each one's chain.

    A chain are an account's stays of one kind by one model.
    """

    following: Wh
    chain: Wh

    @classmethod
    def of(cls, stays: _Stays, models: int) -> _Chains:
        following = np.full(len(stays.account), _LAST)
        told = ~np.isnan(stays.usable_wh)
        for kind in (np.flatnonzero(told), np.flatnonzero(~told)):
            same = stays.account[kind[1:]] == stays.account[kind[:-1]]
            following[kind[:-1][same]] = kind[1:][same]
        model = np.arange(models)[:, None]
        found = np.where(following == _LAST, _LAST, following + model * len(following))
        chain = 2 * stays.account + told
        return cls(found.ravel(), (chain + model * (chain.max(initial=0) + 1)).ravel())


def _settled(cases: _Cases, chains: _Chains) -> _Profile:
    """Charge all cases, and those again whose predecessor turns out to have left something else than thought.

    Most settle together within a few rounds. Of a chain that does not, as of a car that never charges what it should,
    the first such case goes alone: those after it would have to be charged again anyway.
    """
    before, found = np.zeros(len(cases.begin)), _Profile.of(cases, np.zeros(len(cases.begin)))
    now, stale = np.arange(len(before)), np.zeros(len(before), dtype=np.bool_)
    for number in count():
        giving = now[chains.following[now] != _LAST]
        taking = chains.following[giving]
        changed = before[taking] != found.left_wh[giving]
        before[taking] = found.left_wh[giving]
        stale[now] = False
        stale[taking[changed]] = True
        now = np.flatnonzero(stale)
        if number > _TOGETHER:
            now = now[np.unique(chains.chain[now], return_index=True)[1]]
        if not len(now):
            break
        for known, again in zip(found, _Profile.of(cases.some(now), before[now]), strict=True):
            known[..., now] = again
    return found


def _by_window(plug_ins: PlugIns, cases: _Cases, profiles: _Profile) -> Wh:
    """What is drawn by model, charger and window [Wh].

    The running total is rounded and differenced, so that the windows sum exactly to what was drawn inside the grid.
    """
    edges, stays = plug_ins.edges, len(plug_ins.stays.charger)
    total = np.zeros((len(cases.begin) // stays, len(plug_ins.charger_ids), len(edges) - 1), dtype=np.int64)
    inside = np.flatnonzero((cases.end > edges[0]) & (cases.begin < edges[-1]))
    begin, end = cases.begin[inside], cases.end[inside]
    instants = np.minimum(begin + profiles.seconds[:, inside], end)
    energies = np.minimum(profiles.energies[:, inside], profiles.drawn_wh[inside])
    first = np.maximum(np.searchsorted(edges, instants[0], side="right") - 1, 0)
    last = np.minimum(np.searchsorted(edges, instants[_LAST]), len(edges) - 1)
    counts = np.maximum(last - first + 1, 1)
    case = np.repeat(np.arange(len(inside)), counts)
    edge = np.arange(len(case)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    until = np.rint(_at(instants[:, case], energies[:, case], edges[edge])).astype(np.int64)
    window = np.flatnonzero(case[1:] == case[:-1])
    model, stay = divmod(inside[case[window]], stays)
    np.add.at(total, (model, plug_ins.stays.charger[stay], edge[window]), until[window + 1] - until[window])
    return total


def _unfit(plug_ins: PlugIns, cases: _Cases, profiles: _Profile) -> Reals:
    """What was wanted in vain by model and charger [Wh], NaN where no stay of a charger ends within the windows."""
    edges, chargers, stays = plug_ins.edges, len(plug_ins.charger_ids), len(plug_ins.stays.charger)
    models = len(cases.begin) // stays
    ended = np.flatnonzero((edges[0] < cases.end) & (cases.end <= edges[-1]))
    model, stay = divmod(ended, stays)
    group = model * chargers + plug_ins.stays.charger[stay]
    left = profiles.energies[_LAST, ended] - profiles.drawn_wh[ended]
    total = np.bincount(group, weights=left, minlength=models * chargers)
    known = np.bincount(group, minlength=models * chargers) > 0
    return np.where(known, total, np.nan).reshape(models, chargers)
