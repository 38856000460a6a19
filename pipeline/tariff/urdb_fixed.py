"""Charges of a record of the Utility Rate Database that no meter changes: fixed charges and minimum bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pipeline.tariff.model import ALL_HOURS_BAND, Charge, ChargeKind, Per, Tier, TouPeriod
from pipeline.tariff.urdb_answers import NotPricedError
from pipeline.tariff.urdb_rates import Record, money

_PER: Final[Mapping[str, Per]] = {"$/month": "month", "$/day": "day"}
_YEAR: Final = "$/year"


def _flat(
    charge_id: str, kind: ChargeKind, words: str, rate: Decimal, per: Per, applies_to: Sequence[str] = ()
) -> Charge:
    periods = (TouPeriod(ALL_HOURS_BAND, (Tier(rate),)),)
    return Charge(charge_id, kind, words, periods, per=per, applies_to=tuple(applies_to))


def _unit(record: Record, column: str) -> str:
    unit = record.fields.get(column)
    if unit is None:
        unit = record.answers.ask(column, f"{column} is missing").answer
    if not isinstance(unit, str) or unit not in (*_PER, _YEAR):
        raise NotPricedError(f"unit {unit!r} is not priced; only {', '.join((*_PER, _YEAR))}")
    return unit


def _first_meter(record: Record) -> tuple[Decimal, Per]:
    name, older = "fixedchargefirstmeter", "fixedmonthlycharge"
    if not record.has(name):
        return money(record.fields[older], older), "month"
    rate, unit = money(record.fields[name], name), _unit(record, "fixedchargeunits")
    if record.has(older) and (unit, rate) != ("$/month", record.fields[older]):
        why = f"fixedmonthlycharge says {record.fields[older]}, fixedchargefirstmeter {rate:f} {unit}"
        if record.answers.ask(name, why).answer == older:
            return money(record.fields[older], older), "month"
    return _yearly(record, rate, unit)


def _yearly(record: Record, rate: Decimal, unit: str) -> tuple[Decimal, Per]:
    if unit != _YEAR:
        return rate, _PER[unit]
    record.answers.ask("fixedchargeunits.year", "how a yearly charge is shared among bills is not stated")
    return rate / 12, "month"


def read_fixed(record: Record) -> Charge:
    """Return the fixed charge of the first meter; raises NotPricedError."""
    rate, per = _first_meter(record)
    return _flat("fixed", "fixed", "Fixed charge", rate, per)


def read_further_meters(record: Record) -> Charge | None:
    """Return the fixed charge of further meters, None where there is none; raises NotPricedError."""
    name = "fixedchargeeaaddl"
    each, per = _yearly(record, money(record.fields[name], name), _unit(record, "fixedchargeunits"))
    count = record.answers.ask(name, "how many meters the site has is not in the record").further["meters"]
    return _flat("fixed_further", "fixed", "Fixed charge, further meters", each * count, per) if count else None


def read_minimum(record: Record, charges: Sequence[Charge]) -> Charge | None:
    """Return the minimum bill over all other charges, None where it is stated for a year; raises NotPricedError."""
    name, older = "mincharge", "minmonthlycharge"
    monthly = money(record.fields.get(older, 0), older)
    rate, unit = monthly, "$/month"
    if record.has(name):
        rate, unit = money(record.fields[name], name), _unit(record, "minchargeunits")
        if monthly and (unit, rate) != ("$/month", monthly):
            why = f"minmonthlycharge says {monthly:f}, mincharge {rate:f} {unit}"
            if record.answers.ask(name, why).answer == older:
                rate, unit = monthly, "$/month"
    if unit == _YEAR:
        raise NotPricedError("a yearly minimum is settled once a year, no bill of a month shows it")
    return _flat("minimum", "minimum", "Minimum bill", rate, _PER[unit], [charge.charge_id for charge in charges])


def yearly_minimum(record: Record, charges: Sequence[Charge]) -> str:
    """Return why a yearly minimum never binds; raises NotPricedError where it may."""
    name = "annualmincharge"
    least = money(record.fields[name], name)
    minimum = [charge for charge in charges if charge.kind == "minimum" and charge.per == "month"]
    if minimum and _rate(minimum[0]) * 12 >= least:
        return "no effect: twelve minimum bills reach it"
    fixed = [charge for charge in charges if charge.kind == "fixed" and charge.per == "month"]
    if sum((_rate(charge) for charge in fixed), Decimal(0)) * 12 >= least and not _may_fall(charges):
        return "no effect: twelve fixed charges reach it"
    raise NotPricedError("a yearly minimum is settled once a year, no bill of a month shows it")


def _rate(charge: Charge) -> Decimal:
    return charge.periods[0].tiers[0].rate or Decimal(0)


def _may_fall(charges: Sequence[Charge]) -> bool:
    """Whether any charge can lower a bill."""
    rates: list[Any] = [tier.rate for charge in charges for period in charge.periods for tier in period.tiers]
    return any(charge.kind == "export" for charge in charges) or any(rate is not None and rate < 0 for rate in rates)
