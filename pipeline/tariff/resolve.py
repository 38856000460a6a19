"""One tariff and one bill: everything that prices that bill, and nothing else.

What changes inside the bill becomes spans of days. Charges on kWh and on days are split at every change; the others
take what holds on the first day, unless they say `prorate = "days"` (docs/tariffs.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from pipeline.calendars import add_months, holiday_dates, month_of
from pipeline.domain import BillPeriod, TariffError
from pipeline.tariff.model import (
    ALL_MONTHS,
    DEMAND_KINDS,
    Answer,
    Charge,
    ChargeKind,
    Clock,
    ContractStep,
    Cycle,
    DemandQuantity,
    Mask,
    Per,
    Prorate,
    Refusal,
    Rounding,
    Tariff,
    TariffVersion,
    Tier,
    TierRule,
    TouPeriod,
)

_UNPRICED: Final = frozenset({"name", "description", "reason", "lines"})


@dataclass(frozen=True)
class PricedTier:
    """A slice of a quantity at its rate in force; `up_to` [kWh or kW of the bill] is None for the last one."""

    rate: Decimal
    up_to: Decimal | None


@dataclass(frozen=True)
class PricedBand:
    """The hours of one period in this bill, and their prices; `lines` are the bands of its bill lines, by tier."""

    band: str
    tiers: tuple[PricedTier, ...]
    when: tuple[Mask, ...]
    lines: tuple[str, ...] = ()

    @cached_property
    def label(self) -> str:
        """What a refusal calls the band."""
        return f"band {self.band!r}"


@dataclass(frozen=True)
class PricedSpan:
    """Local days `first` until before `until` in which nothing that prices a charge changes."""

    first: date
    until: date
    bands: tuple[PricedBand, ...]
    quantity: DemandQuantity
    tiers: TierRule

    @cached_property
    def days(self) -> int:
        """Number of local days."""
        return (self.until - self.first).days

    @cached_property
    def untiered(self) -> bool:
        """Whether each band has one price, whatever the quantity."""
        return all(len(band.tiers) == 1 for band in self.bands)


@dataclass(frozen=True)
class ResolvedCharge:
    """One charge of one bill; more than one span where prices change inside it."""

    charge_id: str
    kind: ChargeKind
    description: str
    per: Per
    prorate: Prorate
    applies_to: tuple[str, ...]
    rounding: Rounding | None
    spans: tuple[PricedSpan, ...]
    of: str = ""
    free_pct: Decimal = Decimal(0)

    @cached_property
    def divides(self) -> bool:
        """Whether a quantity may have endless decimals: shares of days, of pooled tiers, power factors, means."""
        plain = {"energy", "per_kwh_rider", "export", "demand"}
        first = self.spans[0]
        return (
            len(self.spans) > 1
            or self.kind not in plain
            or first.tiers.scope == "pooled"
            or first.tiers.per == "kW"
            or first.quantity.power_factor is not None
            or bool(first.quantity.ratchets)
        )

    @property
    def quantity(self) -> DemandQuantity:
        """What the charge bills at the start of the bill."""
        return self.spans[0].quantity


@dataclass(frozen=True)
class ResolvedTariff:
    """All that prices one bill; `holidays` are the tariff's own, billed like ISO weekday `holidays_billed_as`."""

    name: str
    currency: str | None
    period: BillPeriod
    rounding: Rounding | None
    holidays: frozenset[date]
    holidays_billed_as: int
    demand_window_min: int | None
    charges: tuple[ResolvedCharge, ...]
    refused: tuple[Refusal, ...]
    clock: Clock = "prevailing"
    cycle: Cycle | None = None
    answers: tuple[Answer, ...] = ()

    def canonical(self) -> str:
        """Return everything that prices this bill as one line of JSON, equal for equal prices: for an input hash."""
        return json.dumps(_plain(asdict(self)), sort_keys=True, separators=(",", ":"))

    @property
    def months(self) -> tuple[int, Decimal] | None:
        """Days of the bill and of the tariff's month where the bill is not one month; None where it counts as one."""
        if self.cycle is None:
            return None
        days = (self.period.read_to - self.period.read_from).days
        lowest, highest = self.cycle.normal_days or (0, -1)
        return None if lowest <= days <= highest or days == self.cycle.month_days else (days, self.cycle.month_days)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items() if key not in _UNPRICED}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, frozenset):
        return sorted(_plain(entry) for entry in value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, date) else value


def _version(tariff: Tariff, day: date) -> TariffVersion:
    found = next((version for version in tariff.versions if version.in_force(day)), None)
    if found is None:
        spans = "; ".join(f"{v.valid_from or 'ever'} until {v.valid_to or 'further notice'}" for v in tariff.versions)
        raise TariffError(tariff.file, "versions", day.isoformat(), f"a bill inside the days of a version: {spans}")
    return found


def _rate(tariff: Tariff, charge: Charge, tier: Tier, day: date) -> Decimal:
    if tier.rate is not None:
        return tier.rate
    name = tier.series or ""
    values = [value for start, value in tariff.series.get(name, ()) if start <= day]
    if not values:
        place = f"charge {charge.charge_id!r}, series {name!r}"
        raise TariffError(tariff.file, place, day.isoformat(), "a day on or after the first date of the series")
    return values[-1]


def _bands(tariff: Tariff, charge: Charge, day: date) -> tuple[PricedBand, ...]:
    return tuple(
        PricedBand(
            period.name,
            tuple(PricedTier(_rate(tariff, charge, tier, day), tier.up_to) for tier in period.tiers),
            period.when,
        )
        for period in _periods_on(charge, day)
    )


def _periods_on(charge: Charge, day: date) -> tuple[TouPeriod, ...]:
    """A demand charge has the season of `day` only: one month never pays two seasons' rates in full."""
    if not charge.bills_a_peak:
        return charge.periods
    seasonal = (
        (p, tuple(replace(m, months=ALL_MONTHS) for m in p.when if day.month in m.months)) for p in charge.periods
    )
    return tuple(replace(period, when=masks) for period, masks in seasonal if masks)


def _months(tariff: Tariff, first: date, until: date) -> frozenset[int]:
    """The months of the tariff's clock that some days reach: without summer time a day begins in the one before."""
    first -= timedelta(days=tariff.clock == "standard")
    last = until - timedelta(days=1)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return frozenset((first.month - 1 + step) % 12 + 1 for step in range(count))


def _narrowed(span: PricedSpan, months: frozenset[int]) -> PricedSpan:
    """Keep the hours of some months only, so that another season's price is no part of this bill."""
    kept = []
    for band in span.bands:
        narrowed = ((mask, tuple(month for month in mask.months if month in months)) for mask in band.when)
        masks = tuple(replace(mask, months=found) for mask, found in narrowed if found)
        if masks:
            kept.append(replace(band, when=masks))
    return replace(span, bands=tuple(kept))


def _named(span: PricedSpan, *, split: bool) -> PricedSpan:
    """Name the bill lines: by band, tier where there are several, and first day where the charge is split by days."""
    suffix = f" from {span.first.isoformat()}" if split else ""

    def names(band: PricedBand) -> tuple[str, ...]:
        if len(band.tiers) == 1:
            return (band.band + suffix,)
        return tuple(f"{band.band} tier {count}{suffix}" for count in range(1, len(band.tiers) + 1))

    return replace(span, bands=tuple(replace(band, lines=names(band)) for band in span.bands))


def _changes(tariff: Tariff, period: BillPeriod) -> list[date]:
    """Days on which any price may change: version ends, dates of series, first days of months."""
    days = {period.read_from}
    days |= {day for version in tariff.versions for day in (version.valid_from, version.valid_to) if day}
    days |= {day for values in tariff.series.values() for day, _ in values}
    charges = [charge for version in tariff.versions for charge in version.charges]
    days |= {step.first for charge in charges for step in charge.quantity.contract}
    every_day = (period.read_from + timedelta(days=step) for step in range((period.read_to - period.read_from).days))
    days |= {day for day in every_day if day.day == 1}
    return sorted(day for day in days if period.read_from <= day < period.read_to)


def _charge_on(tariff: Tariff, charge_id: str, day: date) -> Charge | None:
    return next((charge for charge in _version(tariff, day).charges if charge.charge_id == charge_id), None)


def _spans(tariff: Tariff, charge_id: str, period: BillPeriod) -> tuple[PricedSpan, ...]:
    starts = _changes(tariff, period)
    spans: list[PricedSpan] = []
    for first, until in zip(starts, [*starts[1:], period.read_to], strict=True):
        charge = _charge_on(tariff, charge_id, first)
        if charge is None:
            continue
        span = _span(tariff, charge, period, first, until)
        if spans and spans[-1].until == first and replace(spans[-1], first=first, until=until) == span:
            spans[-1] = replace(spans[-1], until=until)
        else:
            spans.append(span)
    return tuple(spans)


def _span(tariff: Tariff, charge: Charge, period: BillPeriod, first: date, until: date) -> PricedSpan:
    quantity = _quantity(charge, tariff.demand_window_min, period, first)
    return PricedSpan(first, until, _bands(tariff, charge, first), quantity, charge.tiers)


def _quantity(charge: Charge, window_min: int | None, period: BillPeriod, day: date) -> DemandQuantity:
    """Keep what matters to one bill: the contracts in force, the events it charges or contains.

    `events_known_until` stays only where it leaves the bill provisional.
    """
    stated = charge.quantity
    latest: dict[tuple[str, ...], ContractStep] = {}
    for step in sorted(stated.contract, key=lambda step: step.first):
        if step.first <= day:
            latest[step.scenarios] = step
    known_until = stated.events_known_until
    if charge.kind == "coincident" and known_until is None and not any(e.charges(period) for e in stated.events):
        known_until = period.read_from
    return replace(
        stated,
        window_min=stated.window_min or window_min,
        contract=tuple(latest.values()),
        events=tuple(found for found in stated.events if found.charges(period) or found.lies_in(period)),
        events_known_until=known_until if known_until and known_until < period.read_to else None,
    )


def _resolve_charge(tariff: Tariff, charge_id: str, period: BillPeriod) -> ResolvedCharge | None:
    starts = _changes(tariff, period)
    charge = next((found for day in starts if (found := _charge_on(tariff, charge_id, day))), None)
    if charge is None:
        return None
    if charge.splits:
        spans = _spans(tariff, charge_id, period)
    elif _charge_on(tariff, charge_id, period.read_from) is None:
        return None
    else:
        spans = (_span(tariff, charge, period, period.read_from, period.read_to),)
    # a demand charge looks for its peak in the whole bill, whatever the days a price holds
    whole = _months(tariff, period.read_from, period.read_to) if charge.bills_a_peak else None
    narrowed = (_narrowed(span, whole or _months(tariff, span.first, span.until)) for span in spans)
    return ResolvedCharge(
        charge_id=charge.charge_id,
        kind=charge.kind,
        description=charge.description,
        per=charge.per,
        prorate=charge.prorate,
        applies_to=charge.applies_to,
        rounding=charge.rounding,
        spans=tuple(_named(span, split=len(spans) > 1) for span in narrowed),
        of=charge.of,
        free_pct=charge.free_pct,
    )


def _holidays(tariff: Tariff, period: BillPeriod) -> frozenset[date]:
    own = tariff.holidays
    years = range(period.read_from.year, period.read_to.year + 1)
    days = (holiday_dates(own.base, years) | own.add) - own.remove
    return frozenset(day for day in days if period.read_from <= day < period.read_to)


def _window(tariff: Tariff, charges: Iterable[ResolvedCharge]) -> int | None:
    stated = [span.quantity.window_min for c in charges if c.kind in DEMAND_KINDS for span in c.spans]
    return math.gcd(*(window for window in stated or [tariff.demand_window_min] if window)) or None


def resolve(tariff: Tariff, period: BillPeriod) -> ResolvedTariff:
    """Return what prices one bill: versions and series values in force, split by days where they change inside it.

    Raises TariffError when no version is valid on a day of the bill, or a series has no value yet.
    """
    versions = {id(v): v for v in (_version(tariff, day) for day in _changes(tariff, period))}.values()
    charge_ids = dict.fromkeys(charge.charge_id for version in versions for charge in version.charges)
    found = (_resolve_charge(tariff, charge_id, period) for charge_id in charge_ids)
    charges = tuple(charge for charge in found if charge is not None and any(span.bands for span in charge.spans))
    return ResolvedTariff(
        name=tariff.name,
        currency=tariff.currency,
        period=period,
        rounding=tariff.rounding,
        holidays=_holidays(tariff, period),
        holidays_billed_as=tariff.holidays.billed_as,
        demand_window_min=_window(tariff, charges),
        charges=charges,
        refused=tariff.refused,
        answers=tariff.answers,
        clock=tariff.clock,
        cycle=tariff.cycle,
    )


def demand_charges(resolved: ResolvedTariff) -> tuple[str, ...]:
    """Return the ids of the charges with an own peak, in the order of the bill."""
    return tuple(charge.charge_id for charge in resolved.charges if charge.kind in DEMAND_KINDS)


def history_months(resolved: ResolvedTariff) -> frozenset[str]:
    """Return the earlier months whose own peaks this bill depends on: of ratchets and coincident peaks."""
    month = resolved.period.month
    found: set[str] = set()
    for quantity in (span.quantity for charge in resolved.charges for span in charge.spans):
        for ratchet in quantity.ratchets:
            reach = (add_months(month, -back) for back in range(1, ratchet.look_back_months + 1))
            found |= {earlier for earlier in reach if int(earlier[5:]) in ratchet.months}
        charged = (events for events in quantity.events if events.charges(resolved.period))
        found |= {month_of(start.date()) for events in charged for start in events.starts}
    return frozenset(earlier for earlier in found if earlier < month)


def ratchet_months(resolved: ResolvedTariff) -> int:
    """Return the longest look-back of any demand charge [months], 0 without a ratchet."""
    quantities = [span.quantity for charge in resolved.charges for span in charge.spans]
    return max((ratchet.look_back_months for q in quantities for ratchet in q.ratchets), default=0)
