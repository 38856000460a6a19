"""The exact answers of a simulated site: peaks, energies, bills line by line and readiness, by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pipeline.calendars import add_months, first_day, month_of
from pipeline.domain import STATED_SCENARIOS
from pipeline.simulate.price_list import Band, ListedCharge, PriceList
from pipeline.simulate.world import SimulatedSite

History = dict[str, dict[str, Decimal]]  # charge id -> month -> own peak [kW]


@dataclass
class _Bill:
    """One world's bill of one month while it is added up."""

    prices: PriceList
    month: str
    load: Sequence[tuple[int, tuple[int, int, int]]]  # imported Wh and (month, weekday, minute) of each window
    watts_per_wh: int
    history: Mapping[str, Mapping[str, Decimal]]
    lines: list[dict[str, str]] = field(default_factory=list)
    own_kw: dict[str, Decimal] = field(default_factory=dict)
    billed_kw: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> date:
        return first_day(self.month)

    @property
    def days(self) -> int:
        return (first_day(add_months(self.month, 1)) - self.first).days

    def add(self, charge: ListedCharge, band: Band, quantity: Decimal, divide: int = 1) -> None:
        amount = self.prices.rounded(quantity * band.rate.on(self.first) / divide)
        self.lines.append(
            {"charge_id": charge.charge_id, "band": band.name, "quantity": f"{quantity:f}", "amount": f"{amount:f}"}
        )

    def within(self, band: Band) -> list[int]:
        return [wh for wh, clock in self.load if band.inside(*clock)]

    def fixed(self, charge: ListedCharge) -> None:
        self.add(charge, charge.bands[0], Decimal(self.days if charge.per_day else 1))

    def energy(self, charge: ListedCharge) -> None:
        for band in charge.bands:
            windows = self.within(band)
            if windows:
                self.add(charge, band, Decimal(sum(windows)) / 1000)

    def demand(self, charge: ListedCharge) -> None:
        for band in charge.bands:
            windows = self.within(band)
            if windows:
                own = Decimal(max(windows) * self.watts_per_wh) / 1000
                billed = max([own, charge.floor_kw, *self._carried(charge)])
                self.own_kw[charge.charge_id] = max(own, self.own_kw.get(charge.charge_id, own))
                self.billed_kw[f"{charge.charge_id}/{band.name}"] = f"{billed:f}"
                self.add(charge, band, billed)

    def _carried(self, charge: ListedCharge) -> list[Decimal]:
        past = self.history.get(charge.charge_id, {})
        return [
            past[month] * percent / 100
            for percent, look_back in charge.ratchets
            for back in range(1, look_back + 1)
            if (month := add_months(self.month, -back)) in past
        ]

    def percent(self, charge: ListedCharge) -> None:
        amounts = [Decimal(line["amount"]) for line in self.lines if line["charge_id"] in charge.applies_to]
        self.add(charge, charge.bands[0], sum(amounts, Decimal(0)), 100)

    def total(self) -> dict[str, Any]:
        by_kind = {
            "fixed": self.fixed,
            "energy": self.energy,
            "per_kwh_rider": self.energy,
            "demand": self.demand,
            "percent_rider": self.percent,
            "tax": self.percent,
        }
        for charge in self.prices.charges:
            by_kind[charge.kind](charge)
        return {"lines": self.lines, "total": f"{sum(Decimal(line['amount']) for line in self.lines):f}"}


def _clock(site: SimulatedSite, window: int) -> tuple[int, int, int]:
    local = site.timeline.local[window]
    return local.month, local.isoweekday(), local.hour * 60 + local.minute


def _fleet(site: SimulatedSite, windows: range) -> dict[str, int]:
    """A stay belongs to the month it ends in, its last second included."""
    per_window = site.timeline.steps_per_window
    left = [profile for profile in site.actual if (profile.stay.end - 1) // per_window in windows]
    ready = sum(profile.energy_out >= site.limits.target_wh for profile in left)
    return {"departures": len(left), "ready": ready}


def _month(site: SimulatedSite, prices: PriceList, month: str, windows: range, history: dict[str, History]) -> Any:
    seed = month < month_of(site.recipe.programme_start)
    watts_per_wh = 60 // site.timeline.window_min
    worlds: dict[str, dict[str, Any]] = {}
    for world in STATED_SCENARIOS:
        # before the programme there is nothing to compare: every world is what was metered
        net = [site.world_wh("actual" if seed else world, window) for window in windows]
        imported = [max(0, wh) for wh in net]
        highest = max(imported)
        load = [(wh, _clock(site, window)) for wh, window in zip(imported, windows, strict=True)]
        bill = _Bill(prices, month, load, watts_per_wh, history[world])
        worlds[world] = {"bill": bill.total()}
        worlds[world] |= {
            "peak_w": highest * watts_per_wh,
            "peak_at": site.timeline.local[windows[imported.index(highest)]].isoformat(),
            "energy_wh": sum(imported),
            "export_wh": sum(imported) - sum(net),
            "billing_demand_by_line_kw": bill.billed_kw,
        }
        for charge_id, own in bill.own_kw.items():
            history[world].setdefault(charge_id, {})[month] = own
    return _facts(site, windows, worlds, "seed" if seed else "ok")


def _facts(site: SimulatedSite, windows: range, worlds: Mapping[str, Mapping[str, Any]], state: str) -> dict[str, Any]:
    by_fact = {
        fact: {world: worlds[world][fact] for world in STATED_SCENARIOS}
        for fact in ("peak_w", "peak_at", "energy_wh", "export_wh", "billing_demand_by_line_kw")
    }
    bills = {world: worlds[world]["bill"] for world in STATED_SCENARIOS}
    totals = {world: Decimal(bills[world]["total"]) for world in STATED_SCENARIOS}
    return {
        "state": state,
        **by_fact,
        "bills": bills,
        "saved": {world: f"{totals[world] - totals['actual']:f}" for world in ("no_ev", "unmanaged")},
        "fleet": _fleet(site, windows),
        "charged_wh": sum(site.charge_wh[window] for window in windows),
        "discharged_wh": sum(site.discharge_wh[window] for window in windows),
        "served_wh": sum(site.served_wh[window] for window in windows),
        "unmanaged_charge_wh": sum(site.unmanaged_wh[window] for window in windows),
        "armed_days": _armed(site, windows),
    }


def _armed(site: SimulatedSite, windows: range) -> int:
    first, last = (site.timeline.local[window].date() for window in (windows[0], windows[-1]))
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    return sum(site.armed.get(day, False) for day in days)


def _main_demand(prices: PriceList, months: Mapping[str, Any]) -> str | None:
    """The demand charge with the largest amount over all months without cars."""
    lines = [line for month in months.values() for line in month["bills"]["no_ev"]["lines"]]
    demand = [charge.charge_id for charge in prices.charges if charge.kind == "demand"]
    amounts = {name: sum(Decimal(line["amount"]) for line in lines if line["charge_id"] == name) for name in demand}
    return max(amounts, key=lambda name: amounts[name], default=None)


def _billing_demand(month: Mapping[str, Any], charge_id: str | None) -> dict[str, str | None]:
    """The billed kW of the main demand charge in each world; the highest where it has several bands."""
    by_world = {}
    for world, billed in month["billing_demand_by_line_kw"].items():
        found = [Decimal(kw) for line, kw in billed.items() if line.split("/")[0] == charge_id]
        by_world[world] = f"{max(found):f}" if found else None
    return by_world


def site_truth(site: SimulatedSite, prices: PriceList) -> dict[str, Any]:
    """Return the exact answers of every month of a site, ready for `truth.json`; energies in Wh, peaks in W."""
    history: dict[str, History] = {world: {} for world in STATED_SCENARIOS}
    months = {month: _month(site, prices, month, windows, history) for month, windows in site.timeline.months}
    main = _main_demand(prices, months)
    for month in months.values():
        month["billing_demand_kw"] = _billing_demand(month, main)
    return {"headline": "unmanaged", "currency": site.recipe.currency, "demand_line": main, "months": months}
