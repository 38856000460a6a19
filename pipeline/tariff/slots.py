"""What one bill measures: every band of every charge, and the helpers some of them need, as a flat list.

A slot is either a sum (kWh, kVArh of some hours) or a peak (a statistic of window means). Which slots a charge needs
depends on its kind alone; see the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from pipeline.tariff.model import ChargeKind, DemandQuantity, Mask
from pipeline.tariff.resolve import PricedSpan, ResolvedCharge, ResolvedTariff

POWER_FACTOR: Final = "(power factor)"
HIGHEST_WINDOW: Final = "(highest window)"
_ALL_HOURS: Final = (Mask(),)


@dataclass(frozen=True)
class Slot:
    """One row of determinants per world: the hours it looks at, and a peak's quantity (None for a sum).

    `days` limits it to a part of the bill. `events` are local window starts of a coincident charge. `reactive`: it
    cannot be measured without reactive energy.
    """

    charge_id: str
    span: int
    band: str
    masks: tuple[Mask, ...]
    quantity: DemandQuantity | None = None
    days: tuple[date, date] | None = None
    events: tuple[datetime, ...] | None = None
    reactive: bool = False

    @property
    def sums_energy(self) -> bool:
        """Whether it adds up kWh, so that one kWh more in its hours counts."""
        return self.quantity is None and not self.reactive


def _days(span: PricedSpan) -> tuple[date, date]:
    return span.first, span.until


def _sums(charge: ResolvedCharge) -> Iterator[Slot]:
    for number, span in enumerate(charge.spans):
        for band in span.bands:
            yield Slot(charge.charge_id, number, band.band, band.when, days=_days(span))


def _energy(charge: ResolvedCharge) -> Iterator[Slot]:
    yield from _sums(charge)
    for number, span in enumerate(charge.spans):
        if span.tiers.per == "kW" and not span.tiers.of:
            yield Slot(charge.charge_id, number, HIGHEST_WINDOW, _ALL_HOURS, span.quantity)


def _peaks(charge: ResolvedCharge) -> Iterator[Slot]:
    for number, span in enumerate(charge.spans):
        days = _days(span) if charge.prorate == "parts" else None
        needs_reactive = span.quantity.unit != "kW"
        for band in span.bands:
            yield Slot(
                charge.charge_id, number, band.band, band.when, span.quantity, days=days, reactive=needs_reactive
            )
        rule = span.quantity.power_factor
        if rule is not None:
            yield Slot(charge.charge_id, number, POWER_FACTOR, rule.when, reactive=True)


def _coincident(charge: ResolvedCharge) -> Iterator[Slot]:
    for number, span in enumerate(charge.spans):
        events = tuple(sorted({start for found in span.quantity.events for start in found.starts}))
        of_all = replace(span.quantity, top=max(1, len(events)))
        for band in span.bands:
            yield Slot(charge.charge_id, number, band.band, band.when, of_all, events=events)


def _reactive(charge: ResolvedCharge) -> Iterator[Slot]:
    if charge.quantity.unit == "kVArh":
        for slot in _sums(charge):
            yield Slot(slot.charge_id, slot.span, slot.band, slot.masks, days=slot.days, reactive=True)
        return
    yield from _peaks(charge)
    if charge.free_pct:
        in_kw = DemandQuantity(window_min=charge.quantity.window_min)
        for number, _ in enumerate(charge.spans):
            yield Slot(charge.charge_id, number, HIGHEST_WINDOW, _ALL_HOURS, in_kw)


def _credit(charge: ResolvedCharge) -> Iterator[Slot]:
    if charge.per == "kWh":
        yield from _sums(charge)


_SLOTS: Final[Mapping[ChargeKind, Callable[[ResolvedCharge], Iterator[Slot]]]] = {
    "energy": _energy,
    "per_kwh_rider": _energy,
    "export": _energy,
    "demand": _peaks,
    "contract_demand": _peaks,
    "coincident": _coincident,
    "reactive": _reactive,
    "credit": _credit,
}
"""Kinds that measure something; the others take money or days only."""


def slots_of(resolved: ResolvedTariff) -> list[Slot]:
    """Return what a bill measures, in the order of its charges; a tariff that measures nothing has one total."""
    found = [slot for charge in resolved.charges if charge.kind in _SLOTS for slot in _SLOTS[charge.kind](charge)]
    return found or [Slot("", 0, "", _ALL_HOURS)]
