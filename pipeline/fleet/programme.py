"""Stays of cars as rows and columns of a linear programme: what each can take and give in every window.

Energies in kWh, so that the solver sees numbers of one size. Rows and columns are collected whole arrays at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


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


@dataclass(frozen=True)
class Terms:
    """Parts of rows, in arrays of one length: the row each stands in, its column and its factor."""

    rows: Numbers
    columns: Numbers
    factors: Floats

    @staticmethod
    def of(*parts: tuple[Numbers, Numbers, Floats | float]) -> Terms:
        """Join parts (rows, columns, factors), one factor standing for all of its part."""
        return Terms(
            np.concatenate([rows for rows, _, _ in parts]),
            np.concatenate([columns for _, columns, _ in parts]),
            np.concatenate([np.broadcast_to(factors, rows.size) for rows, _, factors in parts]),
        )

    @staticmethod
    def joined(*terms: Terms) -> Terms:
        """All parts of some terms that share their rows."""
        return Terms.of(*((one.rows, one.columns, one.factors) for one in terms))


@dataclass
class _Rows:
    """Rows of one kind, each with the value its terms are held against."""

    blocks: list[Terms] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, terms: Terms, values: Floats) -> None:
        """Add rows, numbered from 0 within `terms`."""
        self.blocks.append(Terms(terms.rows + self.count, terms.columns, terms.factors))
        self.values.append(values)
        self.count += values.size

    def solver_form(self, size: int) -> tuple[Any, Floats | None]:
        """The matrix of the terms and the values; nothing where there are no rows."""
        from scipy.sparse import coo_matrix  # noqa: PLC0415 - half a second to import, and few commands solve anything

        if not self.count:
            return None, None
        joined = Terms.joined(*self.blocks)
        matrix = coo_matrix((joined.factors, (joined.rows, joined.columns)), shape=(self.count, size))
        return matrix.tocsr(), np.concatenate(self.values)


@dataclass
class Programme:
    """Columns (their cost and bounds) and rows of a linear programme while they are collected."""

    costs: list[tuple[Numbers, Floats]] = field(default_factory=list)
    bounds: list[Floats] = field(default_factory=list)
    size: int = 0
    equal: _Rows = field(default_factory=_Rows)
    below: _Rows = field(default_factory=_Rows)

    def columns(self, low: Floats, high: Floats) -> Numbers:
        """Add variables between two bounds each, infinity where there is none; returns their numbers."""
        numbers = np.arange(self.size, self.size + low.size)
        self.bounds.append(np.column_stack((low, np.maximum(low, high))))
        self.size += low.size
        return numbers

    def column(self, low: float, high: float, cost: float = 0.0) -> Numbers:
        """Add one variable; returns its number as an array of one."""
        number = self.columns(np.array([low]), np.array([high]))
        self.price(number, np.array([cost]))
        return number

    def price(self, columns: Numbers, cost: Floats) -> None:
        """Add to what a unit of some columns costs."""
        self.costs.append((columns, cost))

    def equations(self, terms: Terms, values: Floats) -> None:
        """Demand that the terms of each row sum to its value."""
        self.equal.add(terms, values)

    def limits(self, terms: Terms, values: Floats) -> None:
        """Demand that the terms of each row sum to no more than its value."""
        self.below.add(terms, values)

    def solve(self) -> Floats | None:
        """Return the cheapest values of all columns; None where the solver finds none."""
        from scipy.optimize import linprog  # noqa: PLC0415 - likewise

        cost = np.zeros(self.size)
        for columns, amounts in self.costs:
            np.add.at(cost, columns, amounts)
        above, most = self.below.solver_form(self.size)
        equal, values = self.equal.solver_form(self.size)
        bounds = np.concatenate(self.bounds)
        solved = linprog(cost, A_ub=above, b_ub=most, A_eq=equal, b_eq=values, bounds=bounds, method="highs")
        return np.asarray(solved.x) if solved.status == 0 else None


@dataclass(frozen=True)
class Flows:
    """What cars may move [kWh at the charger], in arrays of one length, a car in a window each.

    The window, the columns of charge and discharge, and the most that can be given.
    """

    windows: Numbers
    charge: Numbers
    discharge: Numbers
    most_given: Floats

    @staticmethod
    def joined(flows: Sequence[Flows]) -> Flows:
        """All flows of some cars, in their order."""
        nothing = np.empty(0, dtype=np.int64)
        return Flows(
            np.concatenate([nothing, *(flow.windows for flow in flows)]),
            np.concatenate([nothing, *(flow.charge for flow in flows)]),
            np.concatenate([nothing, *(flow.discharge for flow in flows)]),
            np.concatenate([np.empty(0), *(flow.most_given for flow in flows)]),
        )

    def net(self, among: Flags, rows: Numbers) -> Terms:
        """Terms that sum charge less discharge of the flows `among` all, each in its row of `rows`."""
        mine = rows[among]
        return Terms.of((mine, self.charge[among], 1.0), (mine, self.discharge[among], -1.0))


def add_stay(programme: Programme, edges_s: Floats, windows: Numbers, stay: Stay, losses: Losses) -> Flows:
    """Add a stay's battery to a programme; returns its flows in the `windows` it touches.

    Energy after a window = before + charge / charge_per_stored - discharge * battery_per_given, within the car's
    limits; at the end it holds its departure energy, or what full power reaches of it.
    """
    mine = windows[(edges_s[windows] < stay.end_s) & (edges_s[windows + 1] > stay.begin_s)]
    hours = (np.minimum(edges_s[mine + 1], stay.end_s) - np.maximum(edges_s[mine], stay.begin_s)) / 3600
    arrival = min(max(stay.arrival_wh, 0.0), stay.most_wh) / 1000
    reachable = arrival + sum(hours.tolist()) * stay.charge_w / 1000 / losses.charge_per_stored
    wanted = min(stay.departure_wh / 1000, stay.most_wh / 1000, max(reachable - 1e-9, 0.0))
    floors = np.full(mine.size, min(stay.least_wh / 1000, arrival))
    floors[-1:] = wanted
    most_given, nothing = stay.discharge_w * hours / 1000, np.zeros(mine.size)
    levels = programme.column(arrival, arrival)
    highs = (stay.charge_w * hours / 1000, most_given, np.full(mine.size, stay.most_wh / 1000))
    added = programme.columns(np.column_stack((nothing, nothing, floors)).ravel(), np.column_stack(highs).ravel())
    charge, discharge, after = added[0::3], added[1::3], added[2::3]
    before, rows = np.concatenate((levels, after))[:-1], np.arange(mine.size)
    stored, given = -1 / losses.charge_per_stored, losses.battery_per_given
    programme.equations(
        Terms.of((rows, after, 1.0), (rows, before, -1.0), (rows, charge, stored), (rows, discharge, given)), nothing
    )
    return Flows(mine, charge, discharge, most_given)
