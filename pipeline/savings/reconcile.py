"""Our own bill of the metered load beside the utility's: how far apart, and what that comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from pipeline.domain import BillPeriod
from pipeline.portfolio import UtilityBill
from pipeline.savings.facts import Comparison, LineKey, line_of
from pipeline.tariff import Bill

CAUSES: Final[Mapping[str, str]] = {
    "dates": "its bill has other dates than ours: state its read dates in bill_cycles.csv",
    "coverage": "meter data of this bill is missing",
    "estimated": "part of the meter data is estimated",
    "charge": "our tariff file has no such charge",
    "meter": "it measured other energy: another meter, a multiplier, or values of another unit",
    "window": "the energy agrees: the demand is measured over another window, or carried from an earlier peak",
    "partial": "our tariff file leaves charges unpriced",
    "quantities": "the billed quantities differ already",
    "rate": "the billed quantities agree: compare the prices of the tariff file with the utility's",
    "unexplained": "it states too little to tell why",
}
"""What a difference comes from, by name, in words that complete 'The utility bills otherwise because ...'."""


@dataclass(frozen=True)
class OurBill:
    """Our side: the actual bill, None where it could not be priced, the energy it is for and the state of its data."""

    period: BillPeriod
    bill: Bill | None
    energy_kwh: Decimal
    demand_line: LineKey | None
    meter_coverage_pct: float
    estimated_intervals: int


def _our_demand(ours: OurBill, charge_id: str | None) -> Decimal | None:
    if charge_id is None:
        line = line_of(ours.bill, ours.demand_line)
        return line.billing_demand_kw if line else None
    lines = [line for line in ours.bill.lines if line.charge_id == charge_id] if ours.bill else []
    return max((line.billing_demand_kw for line in lines if line.billing_demand_kw is not None), default=None)


def _our_energy(ours: OurBill, charge_id: str | None) -> Decimal | None:
    if ours.bill is None or charge_id is None:
        return ours.energy_kwh if ours.bill else None
    parts = [line.quantity for line in ours.bill.lines if line.charge_id == charge_id and line.unit == "kWh"]
    return sum(parts, Decimal(0)) if parts else None


def _our_amount(ours: OurBill, charge_id: str | None) -> Decimal | None:
    if ours.bill is None or charge_id is None:
        return ours.bill.total if ours.bill else None
    parts = [line.amount for line in ours.bill.lines if line.charge_id == charge_id]
    return sum(parts, Decimal(0)) if parts else None


@dataclass(frozen=True)
class _Figure:
    unit: str
    theirs: Callable[[UtilityBill], Decimal | None]
    ours: Callable[[OurBill, str | None], Decimal | None]


_FIGURES: Final[Mapping[str, _Figure]] = {
    "demand": _Figure("kW", lambda row: row.billed_kw, _our_demand),
    "energy": _Figure("kWh", lambda row: row.energy_kwh, _our_energy),
    "amount": _Figure("money", lambda row: row.amount, _our_amount),
}


def reconcile(ours: OurBill, theirs: Sequence[UtilityBill], *, within_pct: float) -> tuple[Comparison, ...]:
    """Return every figure the utility states of this bill beside ours, in the order it states them.

    Figures agree within `within_pct` [%] of the utility's, or half of the last digit it prints. A row without
    charge_id is about the whole bill; its kW is the demand that peaks are read for.
    """
    compared = []
    for row in theirs:
        for name, figure in _FIGURES.items():
            stated = figure.theirs(row)
            if stated is None:
                continue
            mine = figure.ours(ours, row.charge_id)
            same_dates = (row.read_from, row.read_to) == (ours.period.read_from, ours.period.read_to)
            cause = None if same_dates and _agree(mine, stated, within_pct) else _obvious(ours, row, mine)
            compared.append(Comparison(name, figure.unit, row.charge_id, mine, stated, cause))
    return tuple(_explained(ours, entry, compared) for entry in compared)


def _agree(ours: Decimal | None, stated: Decimal, within_pct: float) -> bool:
    if ours is None:
        return False
    printed = Decimal(1).scaleb(int(stated.as_tuple().exponent)) / 2
    return abs(ours - stated) <= max(abs(stated) * Decimal(str(within_pct)) / 100, printed)


def _obvious(ours: OurBill, row: UtilityBill, mine: Decimal | None) -> str:
    """Name a cause that the data or the dates show; "unexplained" where only other figures can tell."""
    causes = {
        "dates": (row.read_from, row.read_to) != (ours.period.read_from, ours.period.read_to),
        "coverage": ours.meter_coverage_pct < 100 or ours.bill is None,
        "charge": mine is None,
        "estimated": ours.estimated_intervals > 0,
    }
    return next((cause for cause, holds in causes.items() if holds), "unexplained")


def _explained(ours: OurBill, entry: Comparison, compared: Sequence[Comparison]) -> Comparison:
    """Tell the cause of a difference from the other figures of the same row, else of the whole bill."""
    if entry.cause != "unexplained":
        return entry
    quantities = [other for other in compared if other.figure != "amount" and other.charge_id == entry.charge_id]
    quantities = quantities or [other for other in compared if other.figure != "amount" and other.charge_id is None]
    energy = [other for other in quantities if other.figure == "energy"]
    causes = {
        "meter": entry.figure == "energy" or (entry.figure == "demand" and any(other.cause for other in energy)),
        "window": entry.figure == "demand" and bool(energy),
        "partial": entry.figure == "amount" and ours.bill is not None and ours.bill.partial,
        "quantities": entry.figure == "amount" and any(other.cause for other in quantities),
        "rate": entry.figure == "amount" and bool(quantities),
    }
    return replace(entry, cause=next((cause for cause, holds in causes.items() if holds), "unexplained"))


def demand_refuted(compared: Sequence[Comparison]) -> bool:
    """Whether the utility bills another demand than we find for the same days: then no peak of ours is proved."""
    return any(entry.figure == "demand" and entry.cause not in (None, "dates", "charge") for entry in compared)
