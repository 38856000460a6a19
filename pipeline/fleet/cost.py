"""The cheapest bill the same cars could have reached with perfect foresight, each within its own limits.

Energy at the price of each window, demand charges above what earlier peaks carry already, and wear of the batteries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.fleet.programme import Flags, Floats, Flow, Losses, Programme, Stay, Terms, add_stay


@dataclass(frozen=True)
class DemandPrice:
    """A demand charge: money per kW of the highest of some `windows`, `floor_kw` being billed anyway."""

    windows: Flags
    per_kw: float
    floor_kw: float


@dataclass(frozen=True)
class Prices:
    """What a kWh drawn costs and a kWh fed in earns in each window, demand, and wear per kWh discharged [money]."""

    per_import_kwh: Floats
    per_export_kwh: Floats
    demands: tuple[DemandPrice, ...]
    wear_per_kwh: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The net load of every window [Wh] and all energy discharged [Wh]."""

    net_wh: Floats
    discharge_wh: float


def cheapest_plan(
    edges_s: Floats, no_ev_wh: Floats, stays: Sequence[Stay], prices: Prices, losses: Losses
) -> Plan | None:
    """Return the plan of all stays with the lowest bill; None where the solver finds none.

    `edges_s` [s since 1970] are one more than windows, `no_ev_wh` the net load without these cars [Wh].
    """
    programme, flows = Programme(), list[tuple[int, Flow]]()
    windows = range(no_ev_wh.size)
    for stay in stays:
        first, last = np.searchsorted(edges_s, [stay.begin_s, stay.end_s])
        near = windows[max(int(first) - 1, 0) : int(last) + 1]
        flows += add_stay(programme, edges_s, near, stay, losses).items()
    touched: dict[int, list[Flow]] = {}
    for window, flow in flows:
        touched.setdefault(window, []).append(flow)
    for window, found in touched.items():
        _price_energy(programme, window, found, float(no_ev_wh[window]) / 1000, prices)
    for demand in prices.demands:
        _price_demand(programme, edges_s, no_ev_wh, touched, demand)
    solved = programme.solve()
    if solved is None:
        return None
    net_wh = no_ev_wh.astype(np.float64).copy()
    for window, flow in flows:
        net_wh[window] += 1000 * (solved[flow.charge] - solved[flow.discharge])
    return Plan(net_wh, 1000 * float(sum(solved[flow.discharge] for _, flow in flows)))


def _price_energy(programme: Programme, window: int, flows: Sequence[Flow], load_kwh: float, prices: Prices) -> None:
    """A kWh that goes in costs its import price and one that comes out saves it, but for what is fed in."""
    bought = float(prices.per_import_kwh[window])
    sold = min(float(prices.per_export_kwh[window]), bought)  # else feeding in and drawing at once would pay
    feeds_in = load_kwh < sum(flow.most_given for flow in flows)
    price = sold if feeds_in else bought
    for flow in flows:
        programme.cost[flow.charge] += price
        programme.cost[flow.discharge] += prices.wear_per_kwh - price
    if feeds_in:
        drawn = programme.column(0.0, None, cost=bought - sold)
        programme.limit([*_net(flows), (drawn, -1.0)], -load_kwh)


def _price_demand(
    programme: Programme, edges_s: Floats, no_ev_wh: Floats, touched: dict[int, list[Flow]], demand: DemandPrice
) -> None:
    hours = np.diff(edges_s) / 3600
    alone = demand.windows.copy()
    alone[list(touched)] = False
    floor = max(demand.floor_kw, float(np.max(no_ev_wh[alone] / hours[alone] / 1000, initial=0.0)))
    peak = programme.column(floor, None, cost=demand.per_kw)
    for window, flows in touched.items():
        if demand.windows[window]:
            programme.limit([*_net(flows), (peak, -float(hours[window]))], -float(no_ev_wh[window]) / 1000)


def _net(flows: Sequence[Flow]) -> Terms:
    return [term for flow in flows for term in ((flow.charge, 1.0), (flow.discharge, -1.0))]
