"""How much each car gives in each window of the peak hours: the lowest line the cars can hold, shared fairly."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.simulate.fleet import GAIN_WH

UNIT_WH = GAIN_WH  # what leaves a charger in one unit; the battery gives 25 Wh for it


@dataclass(frozen=True)
class Plan:
    """Units of 23 Wh by car and window, and the load that is held [Wh a window]."""

    units: list[dict[int, int]]
    target_wh: int


def plan_discharge(
    load_wh: Mapping[int, int],
    budgets: Sequence[int],
    there: Sequence[range],
    cap: int,
    cut_wh: int,
    *,
    follow_load: bool = False,
) -> Plan:
    """Return the plan that brings the highest window down by `cut_wh` [Wh], or by as much as the cars can.

    `budgets` are units a car may give, `there` the windows it is plugged in for, `cap` the units a window allows.
    Each car's total is a multiple of 23 units, so that it can be charged full again in whole Wh. With `follow_load`
    all cars together give no more than the load in any window.
    """
    highest = max(load_wh.values())
    most = {window: load // UNIT_WH if follow_load else cap * len(budgets) for window, load in load_wh.items()}
    low, high = highest - cut_wh, highest
    while low < high:
        target = (low + high) // 2
        reached = _within(_share(load_wh, budgets, there, cap, target), most)
        low, high = (low, target) if reached else (target + 1, high)
    units = _within(_share(load_wh, budgets, there, cap, low), most) or [{} for _ in budgets]
    _make_whole(units, budgets, there, cap, most)
    return Plan(units, low)


def _share(
    load_wh: Mapping[int, int], budgets: Sequence[int], there: Sequence[range], cap: int, target: int
) -> list[dict[int, int]] | None:
    """Units by car and window that hold the target; None where the cars cannot."""
    left, units = list(budgets), [dict[int, int]() for _ in budgets]
    for window, load in load_wh.items():
        wanted = -(-max(0, load - target) // UNIT_WH)
        if wanted == 0:
            continue
        room = {car: left[car] for car in range(len(left)) if window in there[car]}
        given = _level(room, cap, wanted)
        if given is None:
            return None
        for car, count in given.items():
            units[car][window] = count
            left[car] -= count
    return units


def _within(units: list[dict[int, int]] | None, most: Mapping[int, int]) -> list[dict[int, int]] | None:
    """A plan in which no window is given more than it may; None for another."""
    if units is None or any(sum(car.get(window, 0) for car in units) > most[window] for window in most):
        return None
    return units


def _level(room: Mapping[int, int], cap: int, wanted: int) -> dict[int, int] | None:
    """Take `wanted` units from those with most left, so that what remains is as even as the cap allows."""
    if sum(min(cap, left) for left in room.values()) < wanted or not room:
        return None
    low, high = 0, max(room.values())
    while low < high:
        line = (low + high + 1) // 2
        enough = sum(min(cap, max(0, left - line)) for left in room.values()) >= wanted
        low, high = (line, high) if enough else (low, line - 1)
    given = {car: min(cap, max(0, left - low)) for car, left in room.items()}
    surplus = sum(given.values()) - wanted
    for car, count in given.items():
        less = min(surplus, count)
        given[car] -= less
        surplus -= less
    return given


def _make_whole(
    units: list[dict[int, int]], budgets: Sequence[int], there: Sequence[range], cap: int, most: Mapping[int, int]
) -> None:
    """Move units between cars, then add a few, until each car gives a multiple of 23 units."""
    for car, other in itertools.pairwise(range(len(units))):
        for window in sorted(units[car]):
            over = sum(units[car].values()) % GAIN_WH
            room = min(cap - units[other].get(window, 0), budgets[other] - sum(units[other].values()))
            moved = min(over, units[car][window], room) if window in there[other] else 0
            units[car][window] -= moved
            units[other][window] = units[other].get(window, 0) + moved
    for car in range(len(units)):
        given = {window: sum(other.get(window, 0) for other in units) for window in there[car]}
        left = {window: min(cap - units[car].get(window, 0), most[window] - given[window]) for window in there[car]}
        _top_up(units[car], there[car], left)


def _top_up(units: dict[int, int], there: range, room: Mapping[int, int]) -> None:
    missing = -sum(units.values()) % GAIN_WH
    if sum(room.values()) < missing:
        missing -= GAIN_WH
    for window in reversed(there):
        more = min(missing, room[window]) if missing > 0 else max(missing, -units.get(window, 0))
        if more:
            units[window] = units.get(window, 0) + more
            missing -= more
