"""Stays of cars as rows and columns of a linear programme: what each can take and give in every window.

Energies in kWh, so that the solver sees numbers of one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Terms = list[tuple[int, float]]


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
class Losses:
    """AC energy into the car per kWh stored, and battery energy per kWh given back [1], both 1 or more."""

    charge_per_stored: float
    battery_per_given: float


@dataclass
class Programme:
    """Columns (their cost and bounds) and rows of a linear programme while they are collected."""

    cost: list[float] = field(default_factory=list)
    bounds: list[tuple[float, float | None]] = field(default_factory=list)
    equal: list[tuple[Terms, float]] = field(default_factory=list)
    below: list[tuple[Terms, float]] = field(default_factory=list)

    def column(self, low: float, high: float | None, cost: float = 0.0) -> int:
        """Add a variable between two bounds, `high` None without one; returns its number."""
        self.bounds.append((low, None if high is None else max(low, high)))
        self.cost.append(cost)
        return len(self.cost) - 1

    def equation(self, terms: Terms, value: float) -> None:
        """Demand that the terms (column, factor) sum to a value."""
        self.equal.append((terms, value))

    def limit(self, terms: Terms, value: float) -> None:
        """Demand that the terms (column, factor) sum to no more than a value."""
        self.below.append((terms, value))

    def solve(self) -> Floats | None:
        """Return the cheapest values of all columns; None where the solver finds none."""
        size = len(self.cost)
        rows = {"A_ub": _sparse(self.below, size), "b_ub": [value for _, value in self.below] or None}
        rows |= {"A_eq": _sparse(self.equal, size), "b_eq": [value for _, value in self.equal] or None}
        solved = linprog(self.cost, **rows, bounds=self.bounds, method="highs")
        return np.asarray(solved.x) if solved.status == 0 else None


def _sparse(rows: Sequence[tuple[Terms, float]], size: int) -> Any:
    if not rows:
        return None
    row, column, value = zip(*((n, c, f) for n, (terms, _) in enumerate(rows) for c, f in terms), strict=True)
    return coo_matrix((value, (row, column)), shape=(len(rows), size)).tocsr()


@dataclass(frozen=True)
class Flow:
    """What one car may move in one window [kWh at the charger]: the columns of its charge and its discharge."""

    charge: int
    discharge: int
    most_given: float


def add_stay(
    programme: Programme, edges_s: Floats, windows: Sequence[int], stay: Stay, losses: Losses
) -> dict[int, Flow]:
    """Add a stay's battery to a programme; returns its flow in each of the `windows` it touches.

    Energy after a window = before + charge / charge_per_stored - discharge * battery_per_given, within the car's
    limits; at the end it holds its departure energy, or what full power reaches of it.
    """
    mine = [w for w in windows if edges_s[w] < stay.end_s and edges_s[w + 1] > stay.begin_s]
    hours = [(min(edges_s[w + 1], stay.end_s) - max(edges_s[w], stay.begin_s)) / 3600 for w in mine]
    arrival = min(max(stay.arrival_wh, 0.0), stay.most_wh) / 1000
    reachable = arrival + sum(hours) * stay.charge_w / 1000 / losses.charge_per_stored
    wanted = min(stay.departure_wh / 1000, stay.most_wh / 1000, max(reachable - 1e-9, 0.0))
    before, flows = programme.column(arrival, arrival), {}
    for window, length in zip(mine, hours, strict=True):
        most_given = stay.discharge_w * length / 1000
        flow = Flow(programme.column(0.0, stay.charge_w * length / 1000), programme.column(0.0, most_given), most_given)
        floor = wanted if window == mine[-1] else min(stay.least_wh / 1000, arrival)
        after = programme.column(floor, stay.most_wh / 1000)
        stored, given = (flow.charge, -1 / losses.charge_per_stored), (flow.discharge, losses.battery_per_given)
        programme.equation([(after, 1.0), (before, -1.0), stored, given], 0.0)
        flows[window] = flow
        before = after
    return flows
