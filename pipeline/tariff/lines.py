"""Bill lines: one function per kind of charge turns quantities into lines. Decimals only, each amount rounded once.

Lines of two scenarios of one bill have the same keys (charge_id, band): every band of every charge has its line,
whatever its quantity. `amount` is `quantity` times `rate` before rounding. What a customer gets has a negative rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from pipeline.tariff.model import ChargeKind, DemandQuantity, Refusal, Rounding
from pipeline.tariff.quantities import MODES, Billed, Demands, Rows, UnpricedError, complete, kilo, lacking, own_peak
from pipeline.tariff.resolve import PricedBand, PricedSpan, ResolvedCharge
from pipeline.tariff.slots import HIGHEST_WINDOW
from pipeline.tariff.tiers import by_band, slices

EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_DECIMALS: Final = 12
_QUANTA: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(_DECIMALS + 1))


class BillLine(NamedTuple):
    """One line of a bill with its trace; `unit` is that of `quantity`, money in major units of the currency.

    `quantity_low` and `quantity_high` say how far a demand in kVA can be off in a world whose reactive power is not
    metered.
    """

    scenario: str
    charge_id: str
    band: str
    kind: str
    description: str
    unit: str  # month | day | kWh | kW | kVA | kVArh | kVAr | money
    quantity: Decimal
    rate: Decimal | None
    amount: Decimal
    set_at: datetime | None = None  # the trace begins here
    own_peak_kw: Decimal | None = None
    billing_demand_kw: Decimal | None = None
    carried_from: str | None = None
    power_factor_pct: Decimal | None = None
    quantity_low: Decimal | None = None
    quantity_high: Decimal | None = None


@dataclass(slots=True)
class Case:
    """One scenario of one bill while it is priced; `rounding` is that of the charge in hand."""

    demands: Demands
    rows: Rows
    scenario: str
    days: int
    length: tuple[int, Decimal] | None = None  # days of the bill and of the tariff's month, where they differ
    rounding: Rounding | None = None
    lines: list[BillLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def share(self, value: Decimal, span: PricedSpan) -> Decimal:
        """Return a span's part of a value, by days; the value itself where the span is the whole bill."""
        return value if span.days == self.days else value * span.days / self.days

    def months(self, value: Decimal, span: PricedSpan) -> Decimal:
        """Return a span's part of what a month costs, for a bill that may be longer or shorter than a month."""
        if self.length is not None:
            value = value * self.length[0] / self.length[1]
        return value if span.days == self.days else value * span.days / self.days

    def refuse(self, charge: ResolvedCharge, error: UnpricedError) -> None:
        """Name a charge that is not priced, or not in full."""
        found = Refusal(charge.charge_id, str(error))
        if found not in self.refused:
            self.refused.append(found)


def rounded(amount: Decimal, rounding: Rounding | None) -> Decimal:
    """Return money rounded as stated; to 12 decimals at most without a statement. Needs the context `EXACT`."""
    if rounding is None:
        return shown(amount)
    return amount.quantize(_QUANTA[rounding.digits], MODES[rounding.mode])


def shown(value: Decimal) -> Decimal:
    """Return a value cut to 12 decimals where it has more. Needs the context `EXACT`."""
    cut = value.quantize(_QUANTA[_DECIMALS])
    return value if cut == value else cut


Trace: TypeAlias = tuple[Any, ...]
"""All fields of `BillLine` from `set_at` on."""
_UNTRACED: Final[Trace] = (None,) * 7
_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_NEW: Final = tuple.__new__


def _line(
    case: Case,
    charge: ResolvedCharge,
    band: str,
    unit: str,
    quantity: Decimal,
    rate: Decimal,
    trace: Trace = _UNTRACED,
) -> BillLine:
    """A line, made as `BillLine._make` does, without its checks: most of the time of a bill is spent here."""
    amount = rounded(quantity * rate, case.rounding)
    if charge.divides or case.length:
        quantity = shown(quantity)
    fields = (case.scenario, charge.charge_id, band, charge.kind, charge.description, unit, quantity, rate, amount)
    return _NEW(BillLine, fields + trace)


def _fixed(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    sign = -1 if charge.kind == "credit" else 1
    for span in charge.spans:
        for band in span.bands:
            quantity = Decimal(span.days) if charge.per == "day" else case.months(_ONE, span)
            yield _line(case, charge, band.lines[0], charge.per, quantity, sign * band.tiers[0].rate)


_SIDES: Final[Mapping[ChargeKind, tuple[str, int]]] = {"export": ("export_wh", -1), "credit": ("import_wh", -1)}
"""Which energy a charge counts, and the sign of its rate; (import_wh, 1) for the others."""


def _energy(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    side, sign = _SIDES.get(charge.kind, ("import_wh", 1))
    for number, span in enumerate(charge.spans):
        quantities = []
        for band in span.bands:
            row = case.rows[charge.charge_id, number, band.band]
            if row.windows < row.expected:  # billed as metered and said so: kWh are a sum, a part of it is a part
                case.refuse(charge, lacking(row, band.label))
            quantities.append(kilo(getattr(row, side)))
        if span.untiered:
            for band, quantity in zip(span.bands, quantities, strict=True):
                rate = band.tiers[0].rate
                yield _line(case, charge, band.lines[0], "kWh", quantity, rate if sign == 1 else -rate)
            continue
        try:
            end_of = _tier_ends(charge, case, number, span)
        except UnpricedError as error:
            case.refuse(charge, error)
            continue
        for band, parts in by_band(span, quantities, end_of):
            for name, tier, part in zip(band.lines, band.tiers, parts, strict=True):
                yield _line(case, charge, name, "kWh", part, tier.rate if sign == 1 else -tier.rate)


def _tier_ends(charge: ResolvedCharge, case: Case, number: int, span: PricedSpan) -> Callable[[Decimal], Decimal]:
    """Return what turns a stated tier end into this bill's."""
    per_kw = _hours_of_use(charge, case, number, span)

    def end_of(up_to: Decimal) -> Decimal:
        if span.tiers.per == "day":
            return up_to * span.days
        return case.months(up_to, span) if per_kw is None else case.share(up_to * per_kw, span)

    return end_of


def _hours_of_use(charge: ResolvedCharge, case: Case, number: int, span: PricedSpan) -> Decimal | None:
    """The kW that tiers in kWh per kW count; None for other tiers."""
    if span.tiers.per != "kW":
        return None
    if span.tiers.of:
        return case.demands.highest_billed(span.tiers.of)
    row = case.rows[charge.charge_id, number, HIGHEST_WINDOW]
    return own_peak(row, "the highest demand, which the tiers count", span.quantity)


def _trace(billed: Billed) -> Trace:
    """Own peaks are whole watts; a carried demand, a mean or a power factor may have endless decimals."""
    _, own, demand, set_at, carried_from, pct, _, _ = billed
    if demand is own and pct is None:
        return (set_at, own, demand, carried_from, None, None, None)
    return (set_at, own, shown(demand), carried_from, pct if pct is None else shown(pct), None, None)


def _demand(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    for number, span in enumerate(charge.spans):
        for band in span.bands:
            try:
                billed = case.demands.billed(charge, number, band)
            except UnpricedError as error:
                case.refuse(charge, error)
                continue
            if len(band.tiers) == 1 and billed.low is None:
                quantity, rate = case.months(billed.quantity, span), band.tiers[0].rate
                yield _line(case, charge, band.lines[0], span.quantity.unit, quantity, rate, _trace(billed))
            else:
                yield from _tiered_demand(charge, case, (span, band), billed)
            if charge.kind == "contract_demand":
                yield from _over_contract(charge, case, (span, band), billed)


def _tiered_demand(
    charge: ResolvedCharge, case: Case, place: tuple[PricedSpan, PricedBand], billed: Billed
) -> Iterator[BillLine]:
    span, band = place
    trace, unit = _trace(billed), span.quantity.unit
    low = high = None
    if billed.low is not None and billed.high is not None:
        low, high = _demand_parts(case, place, billed.low), _demand_parts(case, place, billed.high)
    for number, quantity in enumerate(_demand_parts(case, place, billed.quantity)):
        if low is not None and high is not None:
            trace = (*trace[:-2], shown(low[number]), shown(high[number]))
        yield _line(case, charge, band.lines[number], unit, quantity, band.tiers[number].rate, trace)


def _demand_parts(case: Case, place: tuple[PricedSpan, PricedBand], kw: Decimal) -> list[Decimal]:
    """Return the part of a demand in each tier, for the days of a span."""
    span, band = place
    if len(band.tiers) == 1:
        return [case.months(kw, span)]
    ends = [tier.up_to for tier in band.tiers]
    return [case.months(part, span) for part in slices(kw, ends, all_units=span.tiers.all_units)]


def _over_contract(
    charge: ResolvedCharge, case: Case, place: tuple[PricedSpan, PricedBand], billed: Billed
) -> Iterator[BillLine]:
    span, band = place
    factor = span.quantity.over_contract_factor
    if factor is None:
        return
    if billed.own is None:
        case.refuse(charge, UnpricedError("whether demand went over the contract: windows have no data"))
        return
    name = f"{band.lines[0]} over contract"
    over = case.months(max(_ZERO, billed.own - billed.demand), span)
    rate = band.tiers[-1].rate * factor
    yield _line(case, charge, name, span.quantity.unit, over, rate, _trace(billed))


def _reactive(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    for number, span in enumerate(charge.spans):
        for band in span.bands:
            row = case.rows[charge.charge_id, number, band.band]
            try:
                quantity = _reactive_quantity(charge, case, number, band)
            except UnpricedError as error:
                case.refuse(charge, error)
                continue
            unit, rate = span.quantity.unit, band.tiers[0].rate
            yield _line(case, charge, band.lines[0], unit, quantity, rate, (row.peak_set_at, *_UNTRACED[1:]))


def _reactive_quantity(charge: ResolvedCharge, case: Case, number: int, band: PricedBand) -> Decimal:
    """Reactive energy above a share of the kWh, or the highest reactive power above a share of the highest kW."""
    row, span = case.rows[charge.charge_id, number, band.band], charge.spans[number]
    complete(row, band.label, reactive=True)
    if row.reactive_varh is None:
        raise UnpricedError("reactive energy (kVArh) is not metered")
    if span.quantity.unit == "kVArh":
        return max(_ZERO, kilo(abs(row.reactive_varh)) - kilo(row.import_wh) * charge.free_pct / 100)
    free = _ZERO
    if charge.free_pct:
        highest = own_peak(case.rows[charge.charge_id, number, HIGHEST_WINDOW], "the bill", DemandQuantity())
        free = highest * charge.free_pct / 100
    return case.months(max(_ZERO, kilo(row.own_peak_w or 0) - free), span)


def _base(charge: ResolvedCharge, case: Case) -> Decimal:
    return sum((line.amount for line in case.lines if line.charge_id in charge.applies_to), _ZERO)


def _percent(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    base = _base(charge, case)
    for span in charge.spans:
        for band in span.bands:
            yield _line(case, charge, band.lines[0], "money", case.share(base, span), band.tiers[0].rate / 100)


def _minimum(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    """What is lacking to the least sum of some charges: one line, whatever changes inside the bill."""
    least = _ZERO
    for span in charge.spans:
        length = Decimal(span.days) if charge.per == "day" else case.months(_ONE, span)
        least += length * span.bands[0].tiers[0].rate
    short = max(_ZERO, least - _base(charge, case))
    yield _line(case, charge, charge.spans[0].bands[0].band, "money", short, _ONE)


def _credit(charge: ResolvedCharge, case: Case) -> Iterator[BillLine]:
    if charge.per == "kWh":
        yield from _energy(charge, case)
    elif charge.per == "kW":
        kw = sum((line.quantity for line in case.lines if line.charge_id == charge.of), _ZERO)
        for span in charge.spans:
            for band in span.bands:
                yield _line(case, charge, band.lines[0], "kW", case.share(kw, span), -band.tiers[0].rate)
    else:
        yield from _fixed(charge, case)


PRICERS: Final[Mapping[ChargeKind, Callable[[ResolvedCharge, Case], Iterator[BillLine]]]] = {
    "fixed": _fixed,
    "energy": _energy,
    "per_kwh_rider": _energy,
    "export": _energy,
    "demand": _demand,
    "coincident": _demand,
    "contract_demand": _demand,
    "reactive": _reactive,
    "minimum": _minimum,
    "credit": _credit,
    "percent_rider": _percent,
    "tax": _percent,
}
"""Every kind of charge and what turns it into lines."""
