"""Charges and credits on energy of a record of the Utility Rate Database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Literal

from pipeline.tariff.model import ALL_HOURS_BAND, Charge, Mask, Tier, TierRule, TouPeriod
from pipeline.tariff.urdb_answers import QUESTIONS, NotPricedError
from pipeline.tariff.urdb_rates import (
    Record,
    is_nothing,
    money,
    months_of,
    read_tiers,
    scheduled,
    tiers_of,
    twelve,
    units_of,
)

_STRUCTURE: Final = "energyratestructure"
_SCHEDULES: Final = ("energyweekdayschedule", "energyweekendschedule")
_UNITS: Final[Mapping[str, Literal["bill", "day", "kW"]]] = {
    "kwh": "bill",
    "kwh daily": "day",
    "kwh/kw": "kW",
    "kwh/kva": "kW",
}
_PAID_AS_METERED: Final = "Net Billing Instantaneous"
_NOT_A_PRICE: Final = frozenset({"Net Metering", "Buy All Sell All"})


def _tier_unit(record: Record) -> str:
    """Return the unit that tier ends count, in small letters; a unit says nothing where no tier ends."""
    stated = units_of(record.fields[_STRUCTURE])
    unknown = [unit for unit in stated if not isinstance(unit, str) or unit.lower() not in _UNITS]
    if unknown:
        raise NotPricedError(f"unit {unknown[0]!r} is not priced; only kWh, kWh daily, kWh/kW and kWh/kVA")
    counted = units_of(record.fields[_STRUCTURE], of_ends=True)
    if len(counted) > 1:
        raise NotPricedError(f"tiers end in several units: {', '.join(counted)}")
    return str(counted[0]).lower() if counted else "kwh"


def _counted_demand(record: Record, unit: str, demand: Iterable[Charge]) -> str:
    """Return the charge whose billed demand a tier in kWh/kW counts, empty for the bill's own highest demand."""
    flat = next((charge for charge in demand if charge.charge_id == "flat_demand"), None)
    if unit == "kwh/kva" and (flat is None or flat.quantity.unit != "kVA"):
        raise NotPricedError("tiers in kWh/kVA are not priced without a demand charge in kVA at all hours")
    if flat is None or flat.quantity.statistic != "max" or (unit == "kwh/kw" and flat.quantity.unit != "kW"):
        return ""
    if flat.quantity.ratchets:
        why = "tiers count kWh per kW, and the billed kW has a ratchet"
        return "flat_demand" if record.answers.ask(f"{_STRUCTURE}.hours_use", why).answer == "billed" else ""
    return "flat_demand"


def _tiers_meet(periods: Sequence[TouPeriod]) -> bool:
    """Whether in some month a period with tiers stands beside another period."""
    for month in range(1, 13):
        beside = [period for period in periods if month in months_of(period)]
        if len(beside) > 1 and any(len(period.tiers) > 1 for period in beside):
            return True
    return False


def _same_ends(periods: Sequence[TouPeriod]) -> tuple[TouPeriod, ...]:
    """Cut every period's tiers at the ends of all of them: the same prices, ready to be filled together."""
    ends = sorted({tier.up_to for period in periods for tier in period.tiers if tier.up_to is not None})

    def cut(period: TouPeriod) -> TouPeriod:
        parts = [
            replace(next(tier for tier in period.tiers if tier.up_to is None or end <= tier.up_to), up_to=end)
            for end in ends
        ]
        return replace(period, tiers=(*parts, period.tiers[-1]))

    return tuple(cut(period) for period in periods)


def read_energy(record: Record, demand: Sequence[Charge]) -> Charge:
    """Return the energy charge; `demand` are the record's demand charges, for tiers in kWh/kW.

    Raises NotPricedError.
    """
    unit = _tier_unit(record)
    periods = scheduled(record, *_SCHEDULES, read_tiers(record, _STRUCTURE))
    rule = TierRule(_UNITS[unit])
    if rule.per == "kW":
        rule = replace(rule, of=_counted_demand(record, unit, demand))
    if _tiers_meet(periods):
        why = "a period with tiers shares a month with another period"
        if record.answers.ask(f"{_STRUCTURE}.tier_scope", why).answer == "pooled":
            periods, rule = _same_ends(periods), replace(rule, scope="pooled")
    return Charge("energy", "energy", "Energy", periods, tiers=rule)


def read_fuel(record: Record) -> Charge:
    """Return the monthly fuel adjustments as a rider per kWh; raises NotPricedError."""
    name = "fueladjustmentsmonthly"
    rates = [money(entry, f"an entry of {name}") for entry in twelve(record.fields[name], name)]
    periods = tuple(
        TouPeriod(f"month {month}", (Tier(rate),), (Mask(months=(month,)),)) for month, rate in enumerate(rates, 1)
    )
    if len(set(rates)) == 1:
        periods = (TouPeriod(ALL_HOURS_BAND, (Tier(rates[0]),)),)
    return Charge("fuel", "per_kwh_rider", "Fuel adjustment", periods)


def _sells(structure: Any) -> list[tuple[Tier, ...]]:
    """Return what each period pays for a kWh exported; raises NotPricedError where its tiers pay differently."""
    by_period: dict[str, set[Decimal]] = {}
    for place, tier in tiers_of(structure):
        period = place.partition(",")[0]
        by_period.setdefault(period, set()).add(money(tier.get("sell") or 0, f"sell of {place}"))
    for period, paid in by_period.items():
        if len(paid) > 1:
            raise NotPricedError(f"sell differs between the tiers of {period}")
    return [(Tier(paid.pop()),) for paid in by_period.values()]


def sells(record: Record) -> bool:
    """Whether a record states a price for exported energy."""
    structure = record.fields.get(_STRUCTURE)
    periods = structure if isinstance(structure, list) else []
    tiers = [tier for period in periods if isinstance(period, list) for tier in period if isinstance(tier, dict)]
    return any(not is_nothing(tier.get("sell")) for tier in tiers)


def _asked_export(record: Record, rule: str) -> str:
    words = QUESTIONS["dgrules"] if sells(record) else {"not-paid": QUESTIONS["dgrules"]["not-paid"]}
    if rule in _NOT_A_PRICE:
        why = f"{rule} sets export against other energy: it is not a price"
        return record.answers.ask("dgrules", why, words, "refused").answer
    why = f"what export earns under {rule!r} is not stated" if rule else "sell rates without a rule for export"
    return record.answers.ask("dgrules", why, words).answer


def read_export(record: Record) -> Charge | None:
    """Return the credit for exported energy, None where export earns nothing; raises NotPricedError.

    Only export credited as the meter registers it is a price. Energy set against other hours or bills is none.
    """
    rule = str(record.fields.get("dgrules") or ("Net Metering" if record.has("usenetmetering") else ""))
    if rule != _PAID_AS_METERED and _asked_export(record, rule) == "not-paid":
        return None
    if not sells(record):
        return None
    return Charge("export", "export", "Export", scheduled(record, *_SCHEDULES, _sells(record.fields[_STRUCTURE])))
