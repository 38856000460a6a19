"""The exact second stage: a few determinants per bill become lines of money. Decimals only, each amount rounded once.

Lines of two scenarios of one bill have the same keys (charge_id, band): every band of every charge has its line,
whatever its quantity. `amount` is `quantity` times `rate` before rounding; the total is the sum of the lines. Shares
of days and long rates can have endless decimals: what a line shows is cut to 12 of them, after the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    localcontext,
)
from typing import Any, Final, TypeAlias

import polars as pl

from pipeline.calendars import add_months, first_day
from pipeline.domain import BillPeriod
from pipeline.tariff.model import ROUNDING_CHARGE, ChargeKind, DemandQuantity, Refusal, Rounding, RoundingMode
from pipeline.tariff.resolve import (
    PricedBand,
    PricedSpan,
    PricedTier,
    ResolvedCharge,
    ResolvedTariff,
    demand_charges,
)

_MODES: Final[Mapping[RoundingMode, str]] = {
    "half_even": ROUND_HALF_EVEN,
    "half_up": ROUND_HALF_UP,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}
_DECIMALS: Final = 12
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
History: TypeAlias = Mapping[tuple[str, str], Mapping[str, Decimal]]


@dataclass(frozen=True)
class BillLine:
    """One line of a bill with its trace; `unit` is that of `quantity`, money in major units of the currency."""

    scenario: str
    charge_id: str
    band: str
    kind: str
    description: str
    unit: str  # month | day | kWh | kW | money
    quantity: Decimal
    rate: Decimal | None
    amount: Decimal
    set_at: datetime | None = None
    own_peak_kw: Decimal | None = None
    billing_demand_kw: Decimal | None = None
    carried_from: str | None = None


@dataclass(frozen=True)
class Bill:
    """The bill of one scenario; partial when anything was refused."""

    lines: tuple[BillLine, ...]
    total: Decimal
    refused: tuple[Refusal, ...]

    @property
    def partial(self) -> bool:
        """Whether anything in the tariff or the data could not be priced."""
        return bool(self.refused)


@dataclass
class _Case:
    """One scenario of one bill while it is priced."""

    scenario: str
    period: BillPeriod
    rows: Mapping[tuple[str, int, str], Mapping[str, Any]]
    history: History
    currency: str | None
    lines: list[BillLine]
    refused: list[Refusal]

    @property
    def days(self) -> int:
        return (self.period.read_to - self.period.read_from).days

    def share(self, value: Decimal, span: PricedSpan) -> Decimal:
        """A span's part of a value, by days; the value itself where the span is the whole bill."""
        return value if span.days == self.days else value * span.days / self.days


def kilo(value: int) -> Decimal:
    """Return Wh as kWh, or W as kW, exactly."""
    return Decimal(value).scaleb(-3)


def _shown(value: Decimal) -> Decimal:
    return round(value, _DECIMALS) if value != round(value, _DECIMALS) else value


def _line(case: _Case, charge: ResolvedCharge, band: str, unit: str, quantity: Decimal, rate: Decimal) -> BillLine:
    return BillLine(
        scenario=case.scenario,
        charge_id=charge.charge_id,
        band=band,
        kind=charge.kind,
        description=charge.description,
        unit=unit,
        quantity=_shown(quantity),
        rate=rate,
        amount=quantity * rate,
    )


def _band_name(charge: ResolvedCharge, span: PricedSpan, band: PricedBand, tier: int) -> str:
    name = band.band if len(band.tiers) == 1 else f"{band.band} tier {tier}"
    return name if len(charge.spans) == 1 else f"{name} from {span.first.isoformat()}"


def _slices(quantity: Decimal, ends: Sequence[Decimal | None]) -> Iterator[Decimal]:
    start = Decimal(0)
    for end in ends:
        upper = quantity if end is None else min(quantity, end)
        yield max(Decimal(0), upper - start)
        start = end if end is not None else start


def _bands(charge: ResolvedCharge) -> Iterator[tuple[int, PricedSpan, PricedBand]]:
    for number, span in enumerate(charge.spans):
        for band in span.bands:
            yield number, span, band


def _only_tier(band: PricedBand) -> PricedTier:
    return band.tiers[0]


def _fixed(charge: ResolvedCharge, case: _Case) -> Iterator[BillLine]:
    for _, span, band in _bands(charge):
        quantity = Decimal(span.days) if charge.per == "day" else case.share(Decimal(1), span)
        name = _band_name(charge, span, band, 1)
        yield _line(case, charge, name, charge.per, quantity, _only_tier(band).rate)


def _energy(charge: ResolvedCharge, case: _Case) -> Iterator[BillLine]:
    for number, span, band in _bands(charge):
        quantity = kilo(case.rows[charge.charge_id, number, band.band]["import_wh"])
        ends = [None if tier.up_to is None else case.share(tier.up_to, span) for tier in band.tiers]
        for count, (tier, part) in enumerate(zip(band.tiers, _slices(quantity, ends), strict=True), start=1):
            yield _line(case, charge, _band_name(charge, span, band, count), "kWh", part, tier.rate)


def billing_demand(
    quantity: DemandQuantity, month: str, own_kw: Decimal, history: Mapping[str, Decimal]
) -> tuple[Decimal, str | None]:
    """Return the billed demand [kW] and the month a ratchet carried it from, None where it did not.

    `history` holds the own peaks [kW] of earlier months that exist; highest of own peak, floor and ratchets, the
    latest month of equals. https://www.tepco.co.jp/ep/corporate/charge_c2/decision03.html for 100 % and 11 months.
    """
    demand, carried_from = max(own_kw, quantity.floor_kw), None
    for ratchet in quantity.ratchets:
        first = 0 if ratchet.include_current else 1
        for back in range(first, ratchet.look_back_months + 1):
            past = add_months(month, -back)
            peak = own_kw if back == 0 else history.get(past)
            if peak is None or first_day(past).month not in ratchet.months:
                continue
            carried = peak * ratchet.percent / 100
            if carried > demand:
                demand, carried_from = carried, past
    return demand, carried_from


def _demand(charge: ResolvedCharge, case: _Case) -> Iterator[BillLine]:
    for number, span, band in _bands(charge):
        row = case.rows[charge.charge_id, number, band.band]
        if row["own_peak_w"] is None:
            case.refused.append(Refusal(charge.charge_id, f"no load in the hours of band {band.band!r}"))
            continue
        own = kilo(row["own_peak_w"])
        past = case.history.get((case.scenario, charge.charge_id), {})
        billed, carried_from = billing_demand(charge.quantity, case.period.month, own, past)
        parts = _slices(billed, [tier.up_to for tier in band.tiers])
        for count, (tier, part) in enumerate(zip(band.tiers, parts, strict=True), start=1):
            name = _band_name(charge, span, band, count)
            line = _line(case, charge, name, "kW", case.share(part, span), tier.rate)
            yield replace(
                line,
                set_at=row["peak_set_at"],
                own_peak_kw=own,
                billing_demand_kw=_shown(billed),
                carried_from=carried_from,
            )


def _percent(charge: ResolvedCharge, case: _Case) -> Iterator[BillLine]:
    base = sum((line.amount for line in case.lines if line.charge_id in charge.applies_to), Decimal(0))
    for _, span, band in _bands(charge):
        name = _band_name(charge, span, band, 1)
        yield _line(case, charge, name, "money", case.share(base, span), _only_tier(band).rate / 100)


_PRICERS: Final[Mapping[ChargeKind, Callable[[ResolvedCharge, _Case], Iterator[BillLine]]]] = {
    "fixed": _fixed,
    "energy": _energy,
    "per_kwh_rider": _energy,
    "demand": _demand,
    "percent_rider": _percent,
    "tax": _percent,
}


def rounded(amount: Decimal, rounding: Rounding | None) -> Decimal:
    """Return money rounded as stated; to 12 decimals at most without a statement."""
    if rounding is None:
        return _shown(amount)
    return amount.quantize(Decimal(1).scaleb(-rounding.digits), rounding=_MODES[rounding.mode], context=_EXACT)


def _price_scenario(resolved: ResolvedTariff, case: _Case, rounding: Rounding | None) -> Bill:
    at_total = rounding is not None and rounding.at == "total"
    for charge in resolved.charges:
        of_line = charge.rounding or (None if at_total else rounding)
        # evaluated whole before the lines are added: a percentage is not taken of itself
        lines = list(_PRICERS[charge.kind](charge, case))
        case.lines.extend(replace(line, amount=rounded(line.amount, of_line)) for line in lines)
    total = sum((line.amount for line in case.lines), Decimal(0))
    if at_total:
        exact, total = total, rounded(total, rounding)
        step = total - exact
        case.lines.append(
            BillLine(case.scenario, ROUNDING_CHARGE, "total", "rounding", "Rounding", "money", step, Decimal(1), step)
        )
    exports = any(row["export_wh"] for row in case.rows.values())
    refused = [refusal for refusal in resolved.refused if exports or not refusal.only_with_export]
    return Bill(tuple(case.lines), total, (*refused, *case.refused))


def price(
    resolved: ResolvedTariff,
    period: BillPeriod,
    determinants: pl.DataFrame,
    history: History,
    *,
    currency_digits: int | None = None,
) -> dict[str, Bill]:
    """Return the bill of every scenario in the determinants (of `measure`).

    `history` gives own peaks [kW] of earlier months by (scenario, charge_id) and month; only months that exist.
    `currency_digits` rounds each line half up where the tariff does not say how; None leaves such lines exact.
    """
    default = None if currency_digits is None else Rounding(currency_digits, "half_up")
    bills = {}
    with localcontext(_EXACT):
        for scenario in determinants.get_column("scenario").unique(maintain_order=True).to_list():
            rows = determinants.filter(pl.col("scenario") == scenario).to_dicts()
            by_key = {(row["charge_id"], row["span"], row["band"]): row for row in rows}
            case = _Case(scenario, period, by_key, history, resolved.currency, [], [])
            bills[scenario] = _price_scenario(resolved, case, resolved.rounding or default)
    return bills


def main_demand_charge(resolved: ResolvedTariff, bills: Iterable[Bill] = ()) -> str | None:
    """Return the demand charge with the largest amount over the bills, the first of equals; None without any."""
    amounts = dict.fromkeys(demand_charges(resolved), Decimal(0))
    for line in (line for bill in bills for line in bill.lines):
        if line.charge_id in amounts:
            amounts[line.charge_id] += line.amount
    return max(amounts, key=lambda charge_id: amounts[charge_id], default=None)
