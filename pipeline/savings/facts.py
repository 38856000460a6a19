"""What a result is made of, and money as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from pipeline.domain import REASONS, BillPeriod, Scenario
from pipeline.portfolio import Site
from pipeline.tariff import Bill, BillLine
from pipeline.tariff.model import DEMAND_KINDS

LineKey = tuple[str, str]
"""(charge_id, band) of a bill line."""


@dataclass(frozen=True)
class RollOff:
    """The next bill in which a ratchet lets go of an earlier peak: in which world, from and to what it carries [kW].

    `money`: what that takes off this world's bill where its own peak lies below both, at today's tariff.
    """

    month: str
    world: Scenario
    from_kw: Decimal
    to_kw: Decimal
    money: Decimal


@dataclass(frozen=True)
class Outlook:
    """Figures that look ahead, of `project`; `gaps` are the reason codes of those that are None."""

    locked: Decimal | None = None
    run_rate: Decimal | None = None
    next_roll_off: RollOff | None = None
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One figure of the utility's bill beside ours, of `reconcile`: demand [kW], energy [kWh] or amount [money].

    `cause` is a word of `reconcile.CAUSES` where they differ by more than is allowed; None where they agree.
    """

    figure: str
    unit: str
    charge_id: str | None
    ours: Decimal | None
    utility: Decimal
    cause: str | None

    @property
    def difference_pct(self) -> float | None:
        """Ours minus the utility's, in percent of the utility's [%]; None where it cannot be told."""
        if self.ours is None or not self.utility:
            return None
        return float(100 * (self.ours - self.utility) / abs(self.utility))


@dataclass(frozen=True)
class PriorBill:
    """What an earlier bill of the programme adds to the annual figures."""

    month: str
    saved: Decimal | None
    provable: bool
    billing_reduction_kw: Decimal | None
    low: Decimal | None = None  # the least a bill without a proved saving can have saved, where that is known

    @property
    def counted(self) -> Decimal | None:
        """What the bill adds to the year: its saving where proved, else its lower bound; None without either."""
        return self.saved if self.provable else self.low


@dataclass(frozen=True)
class Ends:
    """A 95 % range of one figure, in its unit."""

    low: Decimal
    high: Decimal

    @property
    def excludes_zero(self) -> bool:
        """Whether the figure certainly has the sign it shows."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Ranges:
    """Within what the headline figures lie; each None where it is not known.

    `parts`: the same ranges had only the measurement, or only the model, been off: figure -> part -> range.
    """

    peak_kw: Ends | None = None
    money: Ends | None = None
    realised: Ends | None = None
    run_rate: Ends | None = None
    parts: Mapping[str, Mapping[str, Ends]] = field(default_factory=dict)


@dataclass(frozen=True)
class Assumption:
    """Something the figures rest on that was not measured exactly: its value, its range and what it means in words."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    sentence: str


@dataclass(frozen=True)
class Energy:
    """Energy of one bill: per world [Wh], in and out of cars [Wh], and per world inside the peak window [Wh]."""

    import_wh: Mapping[Scenario, int]
    charge_wh: int
    discharge_wh: int
    window_import_wh: Mapping[Scenario, int] | None


@dataclass(frozen=True)
class Facts:
    """Everything a summary is made of. `bills` holds only the worlds whose load is known."""

    site: Site
    period: BillPeriod
    state: str
    bills: Mapping[str, Bill]
    demand_line: LineKey | None
    energy: Energy
    fleet: Mapping[str, Any]
    meter_coverage_pct: float
    charger_coverage_pct: float
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    provable: bool
    prior: Sequence[PriorBill]
    estimated_intervals: int = 0
    clock_offset_s: int | None = None
    parts: Mapping[str, Decimal] | None = None  # of `decompose`
    outlook: Outlook = Outlook()
    reconciled: Sequence[Comparison] = ()
    capture: Mapping[str, Any] | None = None  # the capture section; None where what was possible is not known
    check: Mapping[str, Any] | None = None  # the check section; None where V2B days were not compared with others
    beta: float | None = None  # what the meter saw of each kWh the chargers logged [1]
    ranges: Ranges = Ranges()
    assumptions: Sequence[Assumption] = ()
    charging_fits: bool = True  # into the stays, at the power measured or rated
    commissioned: bool = False  # wiring and clocks were told by the meter within a year
    at_baseline_peak_kw: float | None = None  # less drawn than the compared world while that set its peak [kW]
    co2: Mapping[str, Any] | None = None  # the co2 section; None where the site has no marginal factors
    outside: Mapping[str, Any] | None = None  # the outside section; None where the unmanaged world is not known
    outages: Mapping[str, Any] | None = None  # the outages section; None where the bill could not be computed


def with_reasons(facts: Facts, codes: Sequence[str]) -> Facts:
    """Return the facts with more reason codes; raises KeyError for a code `domain.REASONS` does not explain."""
    return replace(facts, reasons=(*facts.reasons, *(code for code in codes if REASONS[code])))


def money_text(amount: Decimal | None, currency: str) -> str | None:
    """Return a decimal string in major units with the currency's own decimals, more only where the amount has them."""
    if amount is None:
        return None
    wanted = Decimal(1).scaleb(-int(get_currency_precision(currency)))
    rounded = amount.quantize(wanted)
    return format((rounded if rounded == amount else amount.normalize()) or abs(rounded), "f")


def line_of(bill: Bill | None, key: LineKey | None) -> BillLine | None:
    """Return one line of a bill by (charge, band); None where bill or key is."""
    if bill is None or key is None:
        return None
    return next((line for line in bill.lines if (line.charge_id, line.band) == key), None)


def main_demand_line(bill: Bill, earlier: Mapping[LineKey, Decimal]) -> LineKey | None:
    """Return the demand line with the largest yearly amount: this bill's plus those of the `earlier` ones."""
    amounts = {
        (line.charge_id, line.band): line.amount + earlier.get((line.charge_id, line.band), Decimal(0))
        for line in bill.lines
        if line.kind in DEMAND_KINDS
    }
    return max(amounts, key=lambda key: (amounts[key], key)) if amounts else None


def difference(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    """Return first - second; None where either is not known."""
    return None if first is None or second is None else first - second


def billing_reduction_kw(facts: Facts) -> Decimal | None:
    """Return the billed demand of the headline world minus the metered one [kW]; None where it cannot be stated."""
    if not facts.provable:
        return None
    baseline = line_of(facts.bills.get(facts.site.headline), facts.demand_line)
    actual = line_of(facts.bills.get("actual"), facts.demand_line)
    return difference(baseline.billing_demand_kw if baseline else None, actual.billing_demand_kw if actual else None)
