"""Billed quantities: determinants and earlier own peaks -> the kW a demand charge bills, with the trace of how.

A quantity that cannot be told raises UnpricedError with the reason; it never leaves this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final, NamedTuple, TypeAlias

from pipeline.calendars import add_months, calendar_month, first_day, month_of
from pipeline.domain import BillPeriod
from pipeline.tariff.model import ContractStep, DemandQuantity, PowerFactor, QuantityStep, RoundingMode
from pipeline.tariff.resolve import PricedBand, ResolvedCharge, ResolvedTariff
from pipeline.tariff.slots import POWER_FACTOR

MODES: Final[Mapping[RoundingMode, str]] = {
    "half_even": ROUND_HALF_EVEN,
    "half_up": ROUND_HALF_UP,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}
_THOUSANDTH: Final = Decimal("0.001")
_NEW: Final = tuple.__new__  # as `Billed` makes one, without its checks: the plain demand is most of all
Peaks: TypeAlias = Mapping[str, Decimal]
"""Month -> own peak [kW] of one charge in one world; only months that exist."""
History: TypeAlias = Mapping[tuple[str, str], Peaks]
"""(scenario, charge_id) -> own peaks."""


class UnpricedError(Exception):
    """A quantity that cannot be told, and why."""


class Measured(NamedTuple):
    """One row of determinants without its names."""

    import_wh: int
    export_wh: int
    own_peak_w: int | None
    peak_set_at: datetime | None
    windows: int
    expected: int
    reactive_varh: int | None
    own_peak_low_w: int | None
    own_peak_high_w: int | None


Rows: TypeAlias = Mapping[tuple[str, int, str], Measured]


class Billed(NamedTuple):
    """The demand a price applies to [kW, kVA or kVAr] and its trace; `low` and `high` where it is a range."""

    quantity: Decimal
    own: Decimal | None
    demand: Decimal
    set_at: datetime | None = None
    carried_from: str | None = None
    power_factor_pct: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None


def kilo(value: int) -> Decimal:
    """Return Wh as kWh, or W as kW, exactly."""
    return value * _THOUSANDTH


def stepped(value: Decimal, step: QuantityStep | None) -> Decimal:
    """Return a quantity in whole steps; as it is without a step."""
    if step is None:
        return value
    return (value / step.step).quantize(Decimal(1), rounding=MODES[step.mode]) * step.step


def billing_demand(
    quantity: DemandQuantity,
    month: str,
    own_kw: Decimal,
    history: Peaks,
    others: Mapping[str, tuple[Decimal, Peaks]] | None = None,
) -> tuple[Decimal, str | None]:
    """Return the billed demand [kW] and the month a ratchet carried it from, None where it did not.

    `history` holds the own peaks [kW] of earlier months that exist (NaN: not known, raises UnpricedError), `others`
    those of charges that ratchets name, each with its peak of this bill. Highest of own peak, floor and ratchets,
    the latest month of equals, in whole steps:
    https://www.tepco.co.jp/ep/corporate/charge_c2/decision03.html for 100 % and 11 months.
    """
    demand, carried_from = max(own_kw, quantity.floor_kw), None
    for ratchet in quantity.ratchets:
        own, past = (others or {}).get(ratchet.of, (Decimal(0), {})) if ratchet.of else (own_kw, history)
        for back in range(0 if ratchet.include_current else 1, ratchet.look_back_months + 1):
            at = add_months(month, -back)
            peak = own if back == 0 else past.get(at)
            if peak is None or first_day(at).month not in ratchet.months:
                continue
            if peak.is_nan():
                raise UnpricedError(f"the ratchet looks back to {at}, whose own peak is not known")
            carried = peak * ratchet.percent / 100
            if carried > demand:
                demand, carried_from = carried, at
    return stepped(demand, quantity.step), carried_from


def lacking(row: Measured, what: str, *, reactive: bool = False) -> UnpricedError:
    """Return what is said of a row of which windows are missing, or lack reactive energy."""
    missing = row.expected - row.windows
    lack = "have no metered reactive energy (kVArh)" if reactive else "have no data"
    return UnpricedError(f"{missing} of {row.expected} windows of {what} {lack}")


def complete(row: Measured, what: str, *, reactive: bool = False) -> None:
    """Raise UnpricedError where windows of a row are missing, or lack reactive energy."""
    if row.windows < row.expected:
        raise lacking(row, what, reactive=reactive)


def own_peak(row: Measured, what: str, quantity: DemandQuantity) -> Decimal:
    """Return the own peak of a complete row [kW]; 0 where its hours are not in the bill."""
    if row.windows < row.expected:
        raise lacking(row, what, reactive=quantity.unit != "kW")
    if row.own_peak_w is None:
        raise UnpricedError(f"no load in the hours of {what}")
    return row.own_peak_w * _THOUSANDTH


def power_factor_pct(row: Measured, rule: PowerFactor) -> Decimal:
    """Return the power factor [%] of the hours of a rule: 100 kWh / sqrt(kWh^2 + kVArh^2), cut and rounded."""
    complete(row, "the power factor", reactive=True)
    if row.reactive_varh is None:
        raise UnpricedError("the power factor needs metered reactive energy (kVArh)")
    real, reactive = Decimal(row.import_wh), Decimal(row.reactive_varh)
    apparent = (real * real + reactive * reactive).sqrt()
    measured = 100 * real / apparent if apparent else Decimal(100)
    return stepped(min(measured, rule.best_pct), rule.rounding)


def power_factor_multiple(pct: Decimal, rule: PowerFactor) -> Decimal:
    """Return what a billed demand is multiplied by at a power factor [%]."""
    if rule.rule == "points":
        return 1 + (rule.reference_pct - pct) * rule.percent_per_point / 100
    if pct >= rule.reference_pct:
        return Decimal(1)
    if not pct:
        raise UnpricedError("a power factor of 0 % multiplies the demand without end")
    return rule.reference_pct / pct


def contract_kw(steps: Sequence[ContractStep], scenario: str) -> Decimal:
    """Return the contract demand of a world [kW]: the latest that names it or no world, a named one before."""
    known = [step for step in steps if not step.scenarios or scenario in step.scenarios]
    if not known:
        raise UnpricedError("no contract demand is in force")
    return max(known, key=lambda step: (step.first, bool(step.scenarios))).kw


class Demands(NamedTuple):
    """The demand charges of one world of one bill."""

    resolved: ResolvedTariff
    scenario: str
    period: BillPeriod
    rows: Rows
    history: History

    def past(self, charge_id: str) -> Peaks:
        """Return the own peaks of earlier months of a charge [kW]."""
        return self.history.get((self.scenario, charge_id), {})

    def own_of(self, charge_id: str) -> Decimal:
        """Return the highest own peak of a charge in this bill [kW]."""
        watts = [row.own_peak_w for (name, _, _), row in self.rows.items() if name == charge_id]
        return max((kilo(value) for value in watts if value is not None), default=Decimal(0))

    def billed(self, charge: ResolvedCharge, span: int, band: PricedBand) -> Billed:
        """Return what a demand, coincident or contract charge bills for a band; raises UnpricedError."""
        row, quantity = self.rows[charge.charge_id, span, band.band], charge.spans[span].quantity
        plain = _BILLED[charge.kind](self, charge, quantity, row, band)
        rule = quantity.power_factor
        if rule is None:
            return plain
        pct = power_factor_pct(self.rows[charge.charge_id, span, POWER_FACTOR], rule)
        multiple = power_factor_multiple(pct, rule)
        low, high = (None if end is None else end * multiple for end in (plain.low, plain.high))
        return Billed(
            plain.quantity * multiple, plain.own, plain.demand, plain.set_at, plain.carried_from, pct, low, high
        )

    def highest_billed(self, charge_id: str) -> Decimal:
        """Return the highest billed demand of a charge [kW], for hours of use; raises UnpricedError."""
        charge = next((found for found in self.resolved.charges if found.charge_id == charge_id), None)
        if charge is None:
            raise UnpricedError(f"charge {charge_id!r}, whose demand the tiers count, is not in this bill")
        return max(
            self.billed(charge, number, band).demand for number, span in enumerate(charge.spans) for band in span.bands
        )


_OfKind: TypeAlias = Callable[[Demands, ResolvedCharge, DemandQuantity, Measured, PricedBand], Billed]


def _demand(
    world: Demands, charge: ResolvedCharge, quantity: DemandQuantity, row: Measured, band: PricedBand
) -> Billed:
    own = own_peak(row, band.label, quantity)
    if not (quantity.ratchets or quantity.floor_kw or quantity.step or row.own_peak_high_w):
        return _NEW(Billed, (own, own, own, row.peak_set_at, None, None, None, None))
    others = {r.of: (world.own_of(r.of), world.past(r.of)) for r in quantity.ratchets if r.of}

    def ratcheted(kw: Decimal) -> tuple[Decimal, str | None]:
        return billing_demand(quantity, world.period.month, kw, world.past(charge.charge_id), others)

    demand, carried_from = ratcheted(own)
    if row.own_peak_low_w is None or row.own_peak_high_w is None:
        return Billed(demand, own, demand, row.peak_set_at, carried_from)
    low, high = (ratcheted(kilo(end))[0] for end in (row.own_peak_low_w, row.own_peak_high_w))
    return Billed(demand, own, demand, row.peak_set_at, carried_from, None, low, high)


def _contract(
    world: Demands, _charge: ResolvedCharge, quantity: DemandQuantity, row: Measured, _band: PricedBand
) -> Billed:
    agreed = stepped(contract_kw(quantity.contract, world.scenario), quantity.step)
    if row.own_peak_w is None or row.windows < row.expected:
        return Billed(agreed, None, agreed)
    return Billed(agreed, kilo(row.own_peak_w), agreed, row.peak_set_at)


def _coincident(
    world: Demands, charge: ResolvedCharge, quantity: DemandQuantity, row: Measured, _band: PricedBand
) -> Billed:
    until = quantity.events_known_until
    if until is not None:
        raise UnpricedError(f"provisional: coincident peaks are known until {until.isoformat()} only")
    values = _at_events(world, charge.charge_id, quantity, row)
    if not values:
        return Billed(Decimal(0), Decimal(0), Decimal(0))
    weight = sum(count for count, _ in values)
    mean = sum((count * kw for count, kw in values), Decimal(0)) / weight
    demand = max(kw for _, kw in values) if quantity.statistic == "max" else mean
    demand = stepped(max(demand, quantity.floor_kw), quantity.step)
    return Billed(demand, kilo(row.own_peak_w or 0), demand, row.peak_set_at)


def _at_events(world: Demands, charge_id: str, quantity: DemandQuantity, row: Measured) -> list[tuple[int, Decimal]]:
    """How many events and the load at them [kW], for this bill and each earlier month."""
    period, past = world.period, world.past(charge_id)
    starts = sorted({start for found in quantity.events if found.charges(period) for start in found.starts})
    if any(start.date() >= period.read_to for start in starts):
        raise UnpricedError("provisional: a coincident peak this bill is charged on is still to come")
    inside = [start for start in starts if period.read_from <= start.date()]
    months = [month_of(start.date()) for start in starts if start.date() < period.read_from]
    if months and period != calendar_month(period.month):
        raise UnpricedError("coincident peaks of earlier bills need bills of calendar months")
    complete(row, "the coincident peaks")
    values = [(len(inside), kilo(row.own_peak_w))] if inside and row.own_peak_w is not None else []
    for month in dict.fromkeys(months):
        if month not in past:
            raise UnpricedError(f"the load at the coincident peaks of {month} is not known")
        values.append((months.count(month), past[month]))
    return values


_BILLED: Final[Mapping[str, _OfKind]] = {
    "demand": _demand,
    "contract_demand": _contract,
    "coincident": _coincident,
}
"""What each kind of demand charge bills."""
