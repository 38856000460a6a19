"""The cheapest bill the same cars could have reached with perfect foresight, each within its own limits.

Energy at the price of each window, demand charges above what earlier peaks carry already, and wear of the batteries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.fleet.programme import Flags, Floats, Flows, Losses, Numbers, Programme, Stay, Terms, add_stay


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
    programme = Programme()
    flows = Flows.joined([add_stay(programme, edges_s, _near(edges_s, stay), stay, losses) for stay in stays])
    touched = _Touched.by(flows)
    _price_energy(programme, touched, no_ev_wh, prices)
    for demand in prices.demands:
        _price_demand(programme, edges_s, no_ev_wh, touched, demand)
    solved = programme.solve()
    if solved is None:
        return None
    net_wh = no_ev_wh.astype(np.float64)
    np.add.at(net_wh, flows.windows, 1000 * (solved[flows.charge] - solved[flows.discharge]))
    return Plan(net_wh, 1000 * float(sum(solved[flows.discharge].tolist())))


def _near(edges_s: Floats, stay: Stay) -> Numbers:
    first, last = np.searchsorted(edges_s, [stay.begin_s, stay.end_s])
    return np.arange(max(int(first) - 1, 0), min(int(last) + 1, edges_s.size - 1))


@dataclass(frozen=True)
class _Touched:
    """The windows that some flows touch, in the order they are met in, and for each flow its place among them."""

    flows: Flows
    windows: Numbers
    place: Numbers

    @staticmethod
    def by(flows: Flows) -> _Touched:
        windows, first, sorted_place = np.unique(flows.windows, return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        return _Touched(flows, windows[order], place[sorted_place])

    def net_of(self, among: Flags) -> Terms:
        """A row for each window `among` them: charge less discharge."""
        rows = np.cumsum(among) - 1
        return self.flows.net(among[self.place], rows[self.place])


def _price_energy(programme: Programme, touched: _Touched, no_ev_wh: Floats, prices: Prices) -> None:
    """A kWh that goes in costs its import price and one that comes out saves it, but for what is fed in."""
    flows, load_kwh = touched.flows, no_ev_wh[touched.windows] / 1000
    bought = prices.per_import_kwh[touched.windows]
    sold = np.minimum(prices.per_export_kwh[touched.windows], bought)  # else feeding in and drawing at once would pay
    feeds_in = load_kwh < np.bincount(touched.place, weights=flows.most_given, minlength=touched.windows.size)
    price = np.where(feeds_in, sold, bought)[touched.place]
    programme.price(flows.charge, price)
    programme.price(flows.discharge, prices.wear_per_kwh - price)
    count = int(feeds_in.sum())
    drawn = programme.columns(np.zeros(count), np.full(count, np.inf))
    programme.price(drawn, (bought - sold)[feeds_in])
    programme.limits(
        Terms.joined(touched.net_of(feeds_in), Terms.of((np.arange(count), drawn, -1.0))), -load_kwh[feeds_in]
    )


def _price_demand(
    programme: Programme, edges_s: Floats, no_ev_wh: Floats, touched: _Touched, demand: DemandPrice
) -> None:
    hours = np.diff(edges_s) / 3600
    alone = demand.windows.copy()
    alone[touched.windows] = False
    floor = max(demand.floor_kw, float(np.max(no_ev_wh[alone] / hours[alone] / 1000, initial=0.0)))
    peak = programme.column(floor, np.inf, cost=demand.per_kw)
    among = demand.windows[touched.windows]
    mine = touched.windows[among]
    lengths = Terms.of((np.arange(mine.size), np.repeat(peak, mine.size), -hours[mine]))
    programme.limits(Terms.joined(touched.net_of(among), lengths), -no_ev_wh[mine] / 1000)
