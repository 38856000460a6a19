"""The rate structures of a Utility Rate Database record as charges: tiers, 12 x 24 schedules, flat demand by month."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from pipeline.tariff.hours import masks_of
from pipeline.tariff.model import ALL_HOURS_BAND, Charge, Mask, Tier, TouPeriod, VerdictWord
from pipeline.tariff.urdb_fields import DEMAND_UNIT, ENDLESS, ENERGY_UNIT, TIER_KEYS

_WEEKDAYS: Final = (1, 2, 3, 4, 5)
_WEEKEND: Final = (6, 7)


class NotPricedError(Exception):
    """A field that is not priced, why, and whether it could be read two ways. Never leaves this package."""

    def __init__(self, reason: str, verdict: VerdictWord = "refused") -> None:
        self.reason, self.verdict = reason, verdict
        super().__init__(reason)


def _number(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise NotPricedError(f"{name} is {value!r}, not a number")
    return Decimal(value)


def _rate(value: Any, name: str) -> Decimal:
    rate = _number(value, name)
    if abs(rate) >= ENDLESS:
        raise NotPricedError(f"{name} is not below 10^12")
    return rate


def is_nothing(value: Any) -> bool:
    """Whether a value has no effect on a bill: zeros, blanks and false, however nested."""
    if isinstance(value, dict):
        return all(is_nothing(entry) for entry in value.values())
    if isinstance(value, list):
        return all(is_nothing(entry) for entry in value)
    return value is None or value == "" or (isinstance(value, bool | int | Decimal) and not value)


def _unit(tier: Mapping[str, Any], column: Any, expected: str, place: str) -> None:
    unit = tier.get("unit", column)
    if unit is not None and unit != expected:
        raise NotPricedError(f"unit {unit!r} of {place} is not priced; only {expected}")


def _tier(tier: Any, column: Any, expected: str, place: str) -> Tier:
    if not isinstance(tier, dict):
        raise NotPricedError(f"{place} is not a table of rate, adj, max and unit")
    unknown = sorted(set(tier) - TIER_KEYS)
    if unknown:
        raise NotPricedError(f"{place} has the unknown key {unknown[0]!r}")
    _unit(tier, column, expected, place)
    if tier.get("rate") is None and tier.get("adj") is None:
        raise NotPricedError(f"{place} states no rate", "ambiguous")
    end = None if tier.get("max") is None else _number(tier["max"], f"max of {place}")
    rate = sum(
        (_rate(tier[key], f"{key} of {place}") for key in ("rate", "adj") if tier.get(key) is not None), Decimal(0)
    )
    return Tier(rate, None, None if end is None or end >= ENDLESS else end)


def _tiers(entries: Any, column: Any, expected: str, number: int) -> tuple[Tier, ...]:
    if not isinstance(entries, list) or not entries:
        raise NotPricedError(f"period {number} has no tiers")
    tiers = [_tier(entry, column, expected, f"period {number}, tier {n}") for n, entry in enumerate(entries)]
    last = tiers[-1].up_to
    if last is not None:
        reason = f"the last tier of period {number} ends at {last:f} {expected}, and no rate is stated above"
        raise NotPricedError(reason, "ambiguous")
    ends = [tier.up_to for tier in tiers[:-1]]
    if any(end is None for end in ends) or any(a >= b for a, b in itertools.pairwise(ends) if a and b):
        raise NotPricedError(f"the tiers of period {number} do not rise")
    return tuple(tiers)


def _index(value: Any, count: int, name: str) -> int:
    number = _number(value, f"an entry of {name}")
    if number != int(number) or not 0 <= number < count:
        raise NotPricedError(f"an entry of {name} is {value}, not one of the {count} periods")
    return int(number)


def _schedule(record: Mapping[str, Any], name: str, count: int) -> list[list[int]]:
    rows = record.get(name)
    if rows is None:
        raise NotPricedError(f"{name} is missing", "ambiguous")
    if (
        not isinstance(rows, list)
        or len(rows) != 12
        or not all(isinstance(row, list) and len(row) == 24 for row in rows)
    ):
        raise NotPricedError(f"{name} is not 12 months of 24 hours")
    return [[_index(entry, count, name) for entry in row] for row in rows]


def _hour_spans(row: Sequence[int], number: int) -> tuple[tuple[int, int], ...]:
    runs = [(value, len(list(group))) for value, group in itertools.groupby(row)]
    ends = list(itertools.accumulate(length for _, length in runs))
    return tuple(
        ((end - length) * 60, end * 60) for (value, length), end in zip(runs, ends, strict=True) if value == number
    )


def _hours(record: Mapping[str, Any], stem: str, count: int) -> list[tuple[Mask, ...]]:
    parts = [(_WEEKDAYS, f"{stem}weekdayschedule"), (_WEEKEND, f"{stem}weekendschedule")]
    schedules = [(days, _schedule(record, name, count)) for days, name in parts]
    return [
        masks_of(
            ((month, weekday), _hour_spans(rows[month - 1], number))
            for days, rows in schedules
            for month in range(1, 13)
            for weekday in days
        )
        for number in range(count)
    ]


def _structure(record: Mapping[str, Any], name: str, columns: Iterable[str], expected: str) -> list[tuple[Tier, ...]]:
    periods = record[name]
    if not isinstance(periods, list) or not periods:
        raise NotPricedError("no periods are stated")
    units = [unit for column in columns if (unit := record.get(column)) is not None]
    column = next((unit for unit in units if unit != expected), units[0] if units else None)
    return [_tiers(entries, column, expected, number) for number, entries in enumerate(periods)]


def _periods(tiers: Sequence[tuple[Tier, ...]], hours: Sequence[tuple[Mask, ...]]) -> tuple[TouPeriod, ...]:
    return tuple(TouPeriod(f"period {number}", tiers[number], masks) for number, masks in enumerate(hours) if masks)


def _energy(record: Mapping[str, Any]) -> Charge:
    tiers = _structure(record, "energyratestructure", (), ENERGY_UNIT)
    periods = _periods(tiers, _hours(record, "energy", len(tiers)))
    return Charge("energy", "energy", "Energy", periods)


def _demand(record: Mapping[str, Any]) -> Charge:
    tiers = _structure(record, "demandratestructure", ("demandrateunit", "demandunits"), DEMAND_UNIT)
    periods = _periods(tiers, _hours(record, "demand", len(tiers)))
    return Charge("demand", "demand", "Demand by time of use", periods)


def _flat_demand(record: Mapping[str, Any]) -> Charge:
    tiers = _structure(record, "flatdemandstructure", ("flatdemandunit", "demandunits"), DEMAND_UNIT)
    months = record.get("flatdemandmonths")
    if months is None:
        raise NotPricedError("flatdemandmonths is missing", "ambiguous")
    if not isinstance(months, list) or len(months) != 12:
        raise NotPricedError("flatdemandmonths is not 12 months")
    numbers = [_index(entry, len(tiers), "flatdemandmonths") for entry in months]
    by_period = [tuple(month for month in range(1, 13) if numbers[month - 1] == n) for n in range(len(tiers))]
    hours = [(Mask(months=found),) if found else () for found in by_period]
    return Charge("flat_demand", "demand", "Demand at all hours", _periods(tiers, hours))


STRUCTURES: Final[Mapping[str, Callable[[Mapping[str, Any]], Charge]]] = {
    "energyratestructure": _energy,
    "demandratestructure": _demand,
    "flatdemandstructure": _flat_demand,
}
"""Readers of the fields that hold a table of rates; each raises NotPricedError."""
_FIXED_UNITS: Final[Mapping[str, Literal["month", "day"]]] = {"$/month": "month", "$/day": "day"}


def read_fixed(record: Mapping[str, Any], name: str) -> Charge:
    """Return the fixed charge a field states; raises NotPricedError."""
    rate = _rate(record[name], name)
    per: Literal["month", "day"] = "month"
    if name == "fixedchargefirstmeter":
        unit = record.get("fixedchargeunits")
        if unit is None:
            raise NotPricedError("fixedchargeunits is missing", "ambiguous")
        if not isinstance(unit, str) or unit not in _FIXED_UNITS:
            raise NotPricedError(f"unit {unit!r} is not priced; only {', '.join(_FIXED_UNITS)}")
        per = _FIXED_UNITS[unit]
        other = record.get("fixedmonthlycharge")
        if other is not None and (per, rate) != ("month", other):
            raise NotPricedError(f"fixedmonthlycharge says {other}", "ambiguous")
    return Charge("fixed", "fixed", "Fixed charge", (TouPeriod(ALL_HOURS_BAND, (Tier(rate),)),), per=per)
