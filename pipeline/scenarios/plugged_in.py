"""What the same cars would have drawn had each charged from plug-in: one account of energy a car, stay after stay."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.charging import ChargePower, RoundTrip
from pipeline.scenarios.worlds import Wh

_SECOND: Final = 1_000_000
_SOC_STEPS: Final = (0.0, 0.80, 0.85, 0.90, 0.95)
_SOC_ENDS: Final = (*_SOC_STEPS[1:], 1.0)


@dataclass(frozen=True)
class Battery:
    """What the unmanaged world must know of one car: capacity [Wh] and default target [%]."""

    usable_wh: float
    target_soc_pct: float


@dataclass(frozen=True)
class PlugIns:
    """The sessions of every account in their order, and the edges of the windows they charge in [s since 1970]."""

    stays: Mapping[str, Sequence[_Stay]]
    edges: Sequence[float]

    @classmethod
    def of(cls, sessions: pl.DataFrame, grid: pl.DataFrame) -> PlugIns:
        """Read them once, to be charged again with any power and losses.

        `sessions`: every session since the programme began, in the shape of `domain.CHARGING_SESSION`; `grid` of
        `calendars.window_grid`.
        """
        return cls(_stays(sessions), _edges(grid))


def unmanaged_by_charger(
    plug_ins: PlugIns,
    *,
    batteries: Mapping[str, Battery],
    curve: Callable[[str, str], ChargePower],
    round_trip: RoundTrip,
) -> dict[str, Wh]:
    """Return what the same cars would have drawn at each charger per window had each charged from plug-in [Wh].

    `curve(charger_id, vehicle_id)`: the measured charging power. With states of charge, each car has a second energy
    account: it arrives with what this world left in it minus the driving between, and fills to the higher of its actual
    departure energy and its target if reachable. Without, a running stock of energy owed is kept per car; never a clip
    per session, which would inflate the driving. One number per window.
    """
    edges, drawn = plug_ins.edges, dict[str, Wh]()
    for stay, profile in _charged(plug_ins, batteries, curve, round_trip):
        if stay.charger_id not in drawn:
            drawn[stay.charger_id] = np.zeros(len(edges) - 1, dtype=np.int64)
        if stay.end > edges[0] and stay.begin < edges[-1]:
            _add(drawn[stay.charger_id], profile.between(stay), edges)
    return drawn


def unfit_by_charger(
    plug_ins: PlugIns,
    *,
    batteries: Mapping[str, Battery],
    curve: Callable[[str, str], ChargePower],
    round_trip: RoundTrip,
) -> dict[str, float]:
    """Return what charging from plug-in wanted and could not draw before plug-out, per charger [Wh].

    Of the stays that end within the windows; arguments as of `unmanaged_by_charger`. The cars did charge it there, so a
    rating, a state of charge or a clock is wrong where it is more than a little.
    """
    edges, unfit = plug_ins.edges, dict[str, float]()
    for stay, profile in _charged(plug_ins, batteries, curve, round_trip):
        if edges[0] < stay.end <= edges[-1]:
            left = profile.energies[-1] - profile.by(stay.end - stay.begin)
            unfit[stay.charger_id] = unfit.get(stay.charger_id, 0.0) + left
    return unfit


def _charged(
    plug_ins: PlugIns,
    batteries: Mapping[str, Battery],
    curve: Callable[[str, str], ChargePower],
    round_trip: RoundTrip,
) -> Iterator[tuple[_Stay, Profile]]:
    """Every stay and what it wanted from plug-in, account by account."""
    for account, stays in plug_ins.stays.items():
        battery = batteries.get(account)
        ahead, owed = 0.0, 0.0
        for stay in stays:
            power = curve(stay.charger_id, account)
            if battery and stay.soc_in_pct is not None and stay.soc_out_pct is not None:
                profile, ahead = _from_account(stay, battery, power, round_trip, ahead)
            else:
                profile, owed = _from_stock(stay, power, round_trip, owed)
            yield stay, profile


class _Stay(NamedTuple):
    """One session: `begin` and `end` [s since 1970], states of charge and target [%], energies [Wh]."""

    charger_id: str
    begin: float
    end: float
    soc_in_pct: float | None
    soc_out_pct: float | None
    target_soc_pct: float | None
    charge_wh: int
    discharge_wh: int


def _stays(sessions: pl.DataFrame) -> dict[str, list[_Stay]]:
    """Return the sessions of every account in their order."""
    columns = [sessions.get_column(name) for name in ("account", "charger_id", "plugged_in_at", "plugged_out_at")]
    columns += [sessions.get_column(name) for name in _Stay._fields[3:]]
    listed = [(column.dt.epoch("us") if column.dtype.is_temporal() else column).to_list() for column in columns]
    found: dict[str, list[_Stay]] = {}
    for row in sorted(zip(*listed, strict=True), key=itemgetter(2)):
        account, charger_id, begin_us, end_us, *rest = row
        found.setdefault(str(account), []).append(_Stay(charger_id, begin_us / _SECOND, end_us / _SECOND, *rest))
    return found


class Profile(NamedTuple):
    """Cumulative charge of one stay: seconds since plug-in and energy drawn until then [Wh], straight in between."""

    seconds: list[float]
    energies: list[float]

    def by(self, second: float) -> float:
        """Return the energy drawn by a second [Wh]."""
        last = bisect_right(self.seconds, second) - 1
        if last == len(self.seconds) - 1 or self.seconds[last] == second:
            return self.energies[last]
        slope = (self.energies[last + 1] - self.energies[last]) / (self.seconds[last + 1] - self.seconds[last])
        return slope * (second - self.seconds[last]) + self.energies[last]

    def between(self, stay: _Stay) -> tuple[list[float], list[float]]:
        """Return instants [s since 1970] and energies until then [Wh], cut at plug-out."""
        most = self.by(stay.end - stay.begin)
        return [min(stay.begin + at, stay.end) for at in self.seconds], [min(wh, most) for wh in self.energies]


def _edges(grid: pl.DataFrame) -> list[float]:
    starts = grid.get_column("interval_start").dt.epoch("us").to_numpy()
    ends = starts[-1:] + grid.get_column("duration_s").to_numpy()[-1:] * _SECOND
    edges: list[float] = (np.append(starts, ends) / _SECOND).tolist()
    return edges


def _add(total: Wh, profile: tuple[list[float], list[float]], edges: Sequence[float]) -> None:
    """Difference the rounded running total, so that the windows sum exactly to what was drawn inside the grid."""
    instants, energies = profile
    first = max(0, bisect_right(edges, instants[0]) - 1)
    last = min(len(edges) - 1, bisect_left(edges, instants[-1]))
    if last > first:
        drawn = np.rint(np.interp(edges[first : last + 1], instants, energies)).astype(np.int64)
        total[first:last] += np.diff(drawn)


def _fill(power: ChargePower, span: tuple[float, float], battery_wh: float, charge_wh_per_battery_wh: float) -> Profile:
    """Return the charging from one state of charge (0-1) to another."""
    begin, end = span
    seconds, energies = [0.0], [0.0]
    second = energy = 0.0
    for low, high, step_w in zip(_SOC_STEPS, _SOC_ENDS, (power.power_w, *power.taper_w), strict=True):
        if low >= end:
            break
        part = min(high, end) - max(low, begin)
        if part > 0:
            drawn = part * battery_wh * charge_wh_per_battery_wh
            second += drawn * 3600 / step_w
            energy += drawn
            seconds.append(second)
            energies.append(energy)
    return Profile(seconds, energies)


def _from_account(
    stay: _Stay, battery: Battery, power: ChargePower, round_trip: RoundTrip, ahead: float
) -> tuple[Profile, float]:
    """Charge one session from plug-in; `ahead` is this world's battery energy minus the actual one [Wh]."""
    usable, per_stored = battery.usable_wh, round_trip.charge_wh_per_battery_wh
    arrived = min(max((stay.soc_in_pct or 0.0) / 100 * usable + ahead, 0.0), usable)
    actual_departure = (stay.soc_out_pct or 0.0) / 100 * usable
    wanted_pct = battery.target_soc_pct if stay.target_soc_pct is None else stay.target_soc_pct
    target = wanted_pct / 100 * usable
    profile = _fill(power, (arrived / usable, target / usable), usable, per_stored)
    reachable = stay.begin + profile.seconds[-1] <= stay.end
    goal = max(actual_departure, target if reachable else 0.0)
    if goal != target:
        profile = _fill(power, (arrived / usable, goal / usable), usable, per_stored)
    left_with = arrived + profile.by(stay.end - stay.begin) / per_stored
    return profile, left_with - actual_departure


def _from_stock(stay: _Stay, power: ChargePower, round_trip: RoundTrip, owed: float) -> tuple[Profile, float]:
    """Charge one session by its net energy; `owed` is the (negative) stock carried from session to session [Wh]."""
    net = stay.charge_wh - stay.discharge_wh / round_trip.efficiency
    wanted = max(0.0, owed + net)
    profile = Profile([0.0, wanted * 3600 / power.power_w], [0.0, wanted])
    return profile, min(0.0, owed + net) + wanted - profile.by(stay.end - stay.begin)
