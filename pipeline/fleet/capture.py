"""The lowest peak the same cars could have reached with perfect foresight, each within its own limits.

Cars that are never plugged in at the same time do not compete: arrival energies are fixed, so a bill falls apart into
groups of overlapping stays, and the best peak is the highest of the groups' best ones. A group is solved as a linear
programme only while its load as metered lies above what is reached already: that load is one of its possible plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.fleet.programme import Flags, Floats, Flows, Losses, Programme, Stay, Terms, add_stay

_LEAST_GAIN_KW: Final = 1.0  # below it a share of the possible cut says nothing


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


def best_possible_peak_kw(load: PeakLoad, stays: Sequence[Stay], losses: Losses) -> float:
    """Return the lowest own peak [kW] that perfect foresight could have reached with these stays."""
    groups = sorted(_groups(load, stays), key=lambda group: -load.peak_kw(load.actual_wh, group.windows))
    touched = np.zeros(load.no_ev_wh.size, dtype=np.bool_)
    for group in groups:
        touched |= group.windows
    reached = load.peak_kw(load.no_ev_wh, ~touched)
    for group in groups:
        if load.peak_kw(load.actual_wh, group.windows) <= reached:
            break
        reached = max(reached, _lowest(load, group, losses))
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


def _lowest(load: PeakLoad, group: _Group, losses: Losses) -> float:
    """The lowest peak of one group [kW]."""
    billed = np.flatnonzero(group.windows & load.billed)
    if not billed.size:
        return -np.inf
    programme = Programme()
    peak = programme.column(-np.inf, np.inf, cost=1.0)
    windows = np.flatnonzero(group.windows)
    flows = Flows.joined([add_stay(programme, load.edges_s, windows, stay, losses) for stay in group.stays])
    rows = np.full(load.billed.size, -1)
    rows[billed] = np.arange(billed.size)
    row_of_flow = rows[flows.windows]
    programme.limits(
        Terms.joined(
            flows.net(row_of_flow >= 0, row_of_flow),
            Terms.of((rows[billed], np.repeat(peak, billed.size), -load.hours[billed])),
        ),
        -load.no_ev_wh[billed] / 1000,
    )
    solved = programme.solve()
    # the metered load is a plan of this group: where the logs contradict the limits, nothing better is claimed
    metered = load.peak_kw(load.actual_wh, group.windows)
    return metered if solved is None else min(float(solved[peak[0]]), metered)
