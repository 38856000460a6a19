"""The lowest peak the same cars could have reached with perfect foresight, each within its own limits.

Cars that are never plugged in at the same time do not compete: arrival energies are fixed, so a bill falls apart into
groups of overlapping stays, and the best peak is the highest of the groups' best ones. A group is solved as a linear
programme only while its load as metered lies above what is reached already: that load is one of its possible plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LEAST_GAIN_KW: Final = 1.0  # below it a share of the possible cut says nothing


@dataclass(frozen=True)
class Stay:
    """One car at one charger, from `begin_s` to `end_s` [s since 1970], energies in the battery [Wh], power [W].

    It arrives with `arrival_wh`, keeps between `least_wh` and `most_wh`, and leaves with `departure_wh` or more.
    """

    begin_s: float
    end_s: float
    arrival_wh: float
    departure_wh: float
    least_wh: float
    most_wh: float
    charge_w: float
    discharge_w: float


@dataclass(frozen=True)
class PeakLoad:
    """A bill's windows: `edges_s` [s since 1970] (one more than windows), net loads [Wh] without cars and as metered.

    `billed`: the windows in which the demand charge looks for its peak.
    """

    edges_s: Floats
    no_ev_wh: Floats
    actual_wh: Floats
    billed: Flags

    @property
    def hours(self) -> Floats:
        """Length of every window [h]."""
        return np.asarray(np.diff(self.edges_s) / 3600)

    def peak_kw(self, energy_wh: Floats, among: Flags) -> float:
        """Return the highest mean power of some billed windows [kW]; minus infinity where there are none."""
        power = energy_wh / self.hours / 1000
        return float(np.max(power[among & self.billed], initial=-np.inf))


def best_possible_peak_kw(
    load: PeakLoad, stays: Sequence[Stay], charge_wh_per_battery_wh: float, battery_wh_per_discharge_wh: float
) -> float:
    """Return the lowest own peak [kW] that perfect foresight could have reached with these stays."""
    groups = sorted(_groups(load, stays), key=lambda group: -load.peak_kw(load.actual_wh, group.windows))
    touched = np.zeros(load.no_ev_wh.size, dtype=np.bool_)
    for group in groups:
        touched |= group.windows
    reached = load.peak_kw(load.no_ev_wh, ~touched)
    for group in groups:
        if load.peak_kw(load.actual_wh, group.windows) <= reached:
            break
        reached = max(reached, _lowest(load, group, charge_wh_per_battery_wh, battery_wh_per_discharge_wh))
    return reached


def capture_pct(baseline_kw: float, actual_kw: float, best_kw: float) -> float | None:
    """Return which share of the possible cut was made [%]; None where no cut of 1 kW was possible."""
    possible = baseline_kw - best_kw
    return 100 * (baseline_kw - actual_kw) / possible if possible >= _LEAST_GAIN_KW else None


@dataclass(frozen=True)
class _Group:
    stays: tuple[Stay, ...]
    windows: Flags


def _groups(load: PeakLoad, stays: Sequence[Stay]) -> Iterator[_Group]:
    """Stays that share windows, directly or through others."""
    edges = load.edges_s
    mine = [stay for stay in stays if stay.end_s > edges[0] and stay.begin_s < edges[-1] and stay.end_s > stay.begin_s]
    current: list[Stay] = []
    first, until = 0, 0
    for stay in sorted(mine, key=lambda stay: stay.begin_s):
        begin = max(int(np.searchsorted(edges, stay.begin_s, side="right")) - 1, 0)
        end = min(int(np.searchsorted(edges, stay.end_s, side="left")), edges.size - 1)
        if current and begin >= until:
            yield _group(current, first, until, edges.size - 1)
            current = []
        if not current:
            first, until = begin, end
        current.append(stay)
        until = max(until, end)
    if current:
        yield _group(current, first, until, edges.size - 1)


def _group(stays: Sequence[Stay], first: int, until: int, count: int) -> _Group:
    windows = np.zeros(count, dtype=np.bool_)
    windows[first:until] = True
    return _Group(tuple(stays), windows)


class _Programme:
    """Rows and columns of a linear programme while they are collected: minimise the peak [kW], variable 0."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float | None]] = [(-np.inf, None)]
        self.entries: list[tuple[int, int, float]] = []
        self.equal: list[float] = []

    def variable(self, low: float, high: float) -> int:
        self.bounds.append((low, max(low, high)))
        return len(self.bounds) - 1

    def equation(self, terms: Sequence[tuple[int, float]], value: float) -> None:
        self.entries.extend((len(self.equal), column, factor) for column, factor in terms)
        self.equal.append(value)


def _lowest(load: PeakLoad, group: _Group, per_stored: float, per_given: float) -> float:
    """The lowest peak of one group [kW]; energies in kWh, so that the solver sees numbers of one size."""
    programme, net = _Programme(), _Programme()
    flows: dict[int, list[tuple[int, float]]] = {int(w): [] for w in np.flatnonzero(group.windows)}
    for stay in group.stays:
        _add_stay(programme, flows, load, stay, per_stored, per_given)
    billed = [window for window in flows if load.billed[window]]
    for window in billed:
        net.equation([*flows[window], (0, -float(load.hours[window]))], -float(load.no_ev_wh[window]) / 1000)
    if not billed:
        return -np.inf
    size = len(programme.bounds)
    solved = linprog(
        [1.0, *[0.0] * (size - 1)],
        A_ub=_sparse(net, size),
        b_ub=net.equal,
        A_eq=_sparse(programme, size),
        b_eq=programme.equal,
        bounds=programme.bounds,
        method="highs",
    )
    # the metered load is a plan of this group: where the logs contradict the limits, nothing better is claimed
    metered = load.peak_kw(load.actual_wh, group.windows)
    return min(float(solved.fun), metered) if solved.status == 0 else metered


def _add_stay(
    programme: _Programme,
    flows: dict[int, list[tuple[int, float]]],
    load: PeakLoad,
    stay: Stay,
    per_stored: float,
    per_given: float,
) -> None:
    """Battery energy after each window = before + charge / per_stored - discharge * per_given."""
    windows = [w for w in flows if load.edges_s[w] < stay.end_s and load.edges_s[w + 1] > stay.begin_s]
    hours = [(min(load.edges_s[w + 1], stay.end_s) - max(load.edges_s[w], stay.begin_s)) / 3600 for w in windows]
    arrival = min(max(stay.arrival_wh, 0.0), stay.most_wh) / 1000
    reachable = arrival + sum(hours) * stay.charge_w / 1000 / per_stored
    wanted = min(stay.departure_wh / 1000, stay.most_wh / 1000, reachable - 1e-9)
    before = programme.variable(arrival, arrival)
    for window, length in zip(windows, hours, strict=True):
        charge = programme.variable(0.0, stay.charge_w * length / 1000)
        discharge = programme.variable(0.0, stay.discharge_w * length / 1000)
        floor = wanted if window == windows[-1] else min(stay.least_wh / 1000, arrival)
        after = programme.variable(floor, stay.most_wh / 1000)
        programme.equation([(after, 1.0), (before, -1.0), (charge, -1 / per_stored), (discharge, per_given)], 0.0)
        flows[window] += [(charge, 1.0), (discharge, -1.0)]
        before = after


def _sparse(rows: _Programme, size: int) -> Any:
    row, column, value = zip(*rows.entries, strict=True)
    return coo_matrix((value, (row, column)), shape=(len(rows.equal), size)).tocsr()
