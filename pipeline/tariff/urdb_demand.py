"""Charges on demand of a record of the Utility Rate Database: by period, by month, ratchets, coincident, reactive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from pipeline.tariff.model import (
    ALL_HOURS_BAND,
    Charge,
    DemandQuantity,
    EventSet,
    QuantityUnit,
    Ratchet,
    Statistic,
    Tier,
    TouPeriod,
)
from pipeline.tariff.urdb_answers import QUESTIONS, NotPricedError
from pipeline.tariff.urdb_rates import (
    Record,
    by_month,
    is_nothing,
    money,
    number,
    read_tiers,
    scheduled,
    twelve,
    units_of,
)

_HORSEPOWER_KW: Final = Decimal("0.746")
_UNITS: Final[Mapping[str, tuple[QuantityUnit, bool]]] = {
    "kw": ("kW", False),
    "kva": ("kVA", False),
    "hp": ("kW", True),
}
_DAILY: Final = " daily"
_COINCIDENT_SCHEDULES: Final = ("coincidentrateschedule", "coincidentschedule")


@dataclass(frozen=True)
class Unit:
    """What a demand rate is per: the quantity, how it is taken, and the kW of one unit."""

    quantity: QuantityUnit = "kW"
    statistic: Statistic = "max"
    size_kw: Decimal = Decimal(1)

    def tiers(self, tiers: Sequence[Tier]) -> tuple[Tier, ...]:
        """Return tiers per unit as tiers per kW."""
        if self.size_kw == 1:
            return tuple(tiers)
        return tuple(
            Tier(
                (tier.rate or Decimal(0)) / self.size_kw,
                None,
                None if tier.up_to is None else tier.up_to * self.size_kw,
            )
            for tier in tiers
        )


def _unit(record: Record, structure: str, column: str) -> Unit:
    """Return the unit of a demand structure: its tiers' own, else its column, else kW."""
    stated = units_of(record.fields[structure])
    if len(stated) > 1:
        raise NotPricedError(f"tiers in several units: {', '.join(map(str, stated))}")
    text = stated[0] if stated else record.fields.get(column)
    limits = record.fields.get("demandunits", "kW")
    if text is None and limits != "kW":
        text = record.answers.ask(column, f"{column} is missing, and demandunits says {limits}").answer
    name = str(text or "kW")
    base, daily = name.lower().removesuffix(_DAILY), name.lower().endswith(_DAILY)
    if base not in _UNITS:
        raise NotPricedError(f"unit {name!r} is not priced; only kW, kVA and hp, each also daily")
    quantity, horsepower = _UNITS[base]
    if horsepower:
        record.answers.ask(f"{column}.hp", "rates are per horsepower, which may be of connected motors")
    if daily:
        record.answers.ask(f"{column}.daily", f"rates are per {name}")
    return Unit(quantity, "sum_of_days" if daily else "max", _HORSEPOWER_KW if horsepower else Decimal(1))


def _percent(record: Record, name: str, question: str, value: Any) -> Decimal:
    """Return a ratchet's percentage [%]; records write 0.8 for 80 %, and what is above 1 can be read two ways."""
    share = money(value, name)
    if share < 0:
        raise NotPricedError(f"{name} is below zero")
    if share > 1 and record.answers.ask(question, f"{name} is {share:f}").answer == "percent":
        return share
    return share * 100


def _look_back(record: Record) -> Ratchet:
    """Lookback fields: a percentage of the highest peak of named months, or of a range of months."""
    percent = _percent(record, "lookbackpercent", "lookbackpercent", record.fields["lookbackpercent"])
    flags = twelve(record.fields["lookbackmonths"], "lookbackmonths") if record.has("lookbackmonths") else []
    months = tuple(month for month, flag in enumerate(flags, 1) if not is_nothing(flag))
    count = number(record.fields.get("lookbackrange", 0), "lookbackrange")
    if not 0 <= count <= 36 or count != int(count):
        raise NotPricedError("lookbackrange is not a number of months up to 36")
    if not months and not count:
        raise NotPricedError("neither months nor a range of months to look back at are stated", "ambiguous")
    if not months:
        return Ratchet(percent, int(count))
    if not count:
        why = "whether peaks of these months count, or bills of these months, is open, and how far back"
        return Ratchet(percent, record.answers.ask("lookbackmonths", why).further["look_back_months"], months)
    given = record.answers.ask("lookback", "named months and a range of months are both stated")
    if given.answer == "range":
        return Ratchet(percent, int(count))
    return Ratchet(percent, given.further.get("look_back_months", int(count)), months)


def _ratchet_percentages(record: Record) -> Ratchet:
    """A percentage for each month without a look-back."""
    name = "demandratchetpercentage"
    shares = {money(entry, f"an entry of {name}") for entry in twelve(record.fields[name], name)}
    if len(shares) > 1:
        raise NotPricedError("the percentage differs by month, and of which months' peaks is not stated")
    percent = _percent(record, name, f"{name}.percent", *shares)
    given = record.answers.ask(name, "how many months are looked back at is not stated")
    return Ratchet(percent, given.further["look_back_months"])


_READ_RATCHET: Final = {"lookbackpercent": _look_back, "demandratchetpercentage": _ratchet_percentages}


def read_ratchet(record: Record, field: str) -> Ratchet:
    """Return the ratchet that one of the fields `RATCHETS` states; raises NotPricedError."""
    return _READ_RATCHET[field](record)


def ratchet_on(record: Record, structures: Sequence[str]) -> frozenset[str]:
    """Return which of the demand structures that cost something a ratchet raises; raises NotPricedError.

    A record with one charge of one price a month leaves nothing open.
    """
    flat, periods = "flatdemandstructure" in structures, "demandratestructure" in structures
    if not periods:
        return frozenset(structures)
    if not flat and len(record.fields["demandratestructure"]) == 1:
        return frozenset(structures)
    words = {word: QUESTIONS["ratchet_on"][word] for word in ("flat_demand", "each-period", "both")}
    if not flat:
        words = {"each-period": words["each-period"]}
    given = record.answers.ask("ratchet_on", "which demand charge the ratchet raises is not stated", words)
    raised = {"flat_demand": {"flatdemandstructure"}, "each-period": {"demandratestructure"}}
    return frozenset(raised.get(given.answer, structures))


def read_flat_demand(record: Record, ratchets: Sequence[Ratchet]) -> Charge:
    """Return the charge on the highest demand of all hours; raises NotPricedError."""
    unit = _unit(record, "flatdemandstructure", "flatdemandunit")
    tiers = [unit.tiers(entry) for entry in read_tiers(record, "flatdemandstructure")]
    quantity = DemandQuantity(unit=unit.quantity, statistic=unit.statistic, ratchets=tuple(ratchets))
    periods = by_month(record, "flatdemandmonths", tiers)
    return Charge("flat_demand", "demand", "Demand at all hours", periods, quantity=quantity)


def read_demand(record: Record, ratchets: Sequence[Ratchet]) -> tuple[Charge, ...]:
    """Return the charge on each period's highest demand; one charge a period where ratchets keep their peaks apart.

    Raises NotPricedError.
    """
    unit = _unit(record, "demandratestructure", "demandrateunit")
    tiers = [unit.tiers(entry) for entry in read_tiers(record, "demandratestructure")]
    periods = scheduled(record, "demandweekdayschedule", "demandweekendschedule", tiers)
    quantity = DemandQuantity(unit=unit.quantity, statistic=unit.statistic, ratchets=tuple(ratchets))
    words = "Demand by time of use"
    if not ratchets:
        return (Charge("demand", "demand", words, periods, quantity=quantity),)
    return tuple(
        Charge(
            f"demand.{period.name.removeprefix('period ')}",
            "demand",
            f"{words}, {period.name}",
            (period,),
            quantity=quantity,
        )
        for period in periods
    )


def read_coincident(record: Record) -> Charge:
    """Return the charge on demand at the time of the system's peaks; raises NotPricedError.

    The schedule gives the hours a rate may apply in, not when the system had its peak.
    """
    name = "coincidentratestructure"
    unit = _unit(record, name, "coincidentrateunit")
    tiers = [unit.tiers(entry) for entry in read_tiers(record, name)]
    schedule = next((field for field in _COINCIDENT_SCHEDULES if field in record.fields), _COINCIDENT_SCHEDULES[0])
    periods = scheduled(record, schedule, schedule, tiers)
    given = record.answers.ask(name, "when the system had its peaks is not in the record")
    quantity = DemandQuantity(unit=unit.quantity, statistic=unit.statistic)
    if given.answer == "own-peak":
        return Charge("coincident", "demand", "Demand in the hours of system peaks", periods, quantity=quantity)
    each = tuple(EventSet((start,)) for start in given.further["events"])
    events = replace(quantity, events=each, events_known_until=given.further["known_until"])
    return Charge("coincident", "coincident", "Demand at system peaks", periods, quantity=events)


def read_reactive(record: Record) -> Charge:
    """Return the charge on reactive demand; raises NotPricedError. It takes interval kVArh to be priced."""
    name = "demandreactivepowercharge"
    rate = money(record.fields[name], name)
    why = "which reactive demand is billed, and how much is free, is not stated"
    free = record.answers.ask(name, why).further["free_pct"]
    periods = (TouPeriod(ALL_HOURS_BAND, (Tier(rate),)),)
    quantity = DemandQuantity(unit="kVAr")
    return Charge("reactive", "reactive", "Reactive demand", periods, quantity=quantity, free_pct=free)
