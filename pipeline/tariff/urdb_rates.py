"""How a record of the Utility Rate Database writes prices: periods of tiers, and 12 x 24 schedules of periods."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from pipeline.tariff.hours import masks_of
from pipeline.tariff.model import Mask, Tier, TouPeriod
from pipeline.tariff.urdb_answers import Answers, NotPricedError
from pipeline.tariff.urdb_fields import ENDLESS, TIER_KEYS

_WEEKDAYS: Final = (1, 2, 3, 4, 5)
_WEEKEND: Final = (6, 7)


@dataclass(frozen=True)
class Record:
    """A record by lower-case field, without nulls, and the answers given to what it leaves open."""

    fields: Mapping[str, Any]
    answers: Answers

    def has(self, name: str) -> bool:
        """Whether a field says anything that could change a bill."""
        return not is_nothing(self.fields.get(name))


def is_nothing(value: Any) -> bool:
    """Whether a value has no effect on a bill: zeros, blanks and false, however nested."""
    if isinstance(value, dict):
        return all(is_nothing(entry) for entry in value.values())
    if isinstance(value, list):
        return all(is_nothing(entry) for entry in value)
    return value is None or value == "" or (isinstance(value, bool | int | Decimal) and not value)


def number(value: Any, name: str) -> Decimal:
    """Return a number of a record, exact; raises NotPricedError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise NotPricedError(f"{name} is {value!r}, not a number")
    return Decimal(value)


def money(value: Any, name: str) -> Decimal:
    """Return an amount or a rate; raises NotPricedError where it is no number below 10^12."""
    rate = number(value, name)
    if abs(rate) >= ENDLESS:
        raise NotPricedError(f"{name} is not below 10^12")
    return rate


def twelve(value: Any, name: str) -> list[Any]:
    """Return the entries of the twelve months; raises NotPricedError for any other list."""
    if not isinstance(value, list) or len(value) != 12:
        raise NotPricedError(f"{name} is not 12 months")
    return value


def tiers_of(structure: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every tier of a structure with its place, such as 'period 1, tier 0'.

    Raises NotPricedError where the structure is no list of periods of tiers.
    """
    if not isinstance(structure, list) or not structure:
        raise NotPricedError("no periods are stated")
    for period, tiers in enumerate(structure):
        if not isinstance(tiers, list) or not tiers:
            raise NotPricedError(f"period {period} has no tiers")
        for tier, entry in enumerate(tiers):
            place = f"period {period}, tier {tier}"
            if not isinstance(entry, dict):
                raise NotPricedError(f"{place} is not a table of rate, adj, max and unit")
            unknown = sorted(set(entry) - TIER_KEYS)
            if unknown:
                raise NotPricedError(f"{place} has the unknown key {unknown[0]!r}")
            yield place, entry


def units_of(structure: Any, *, of_ends: bool = False) -> list[Any]:
    """Return the units that the tiers of a structure state, each once; with `of_ends` those of tiers that end only."""
    tiers = [tier for _, tier in tiers_of(structure) if not of_ends or _ends(tier)]
    return list({str(tier.get("unit")): tier["unit"] for tier in tiers if tier.get("unit") is not None}.values())


def _ends(tier: Mapping[str, Any]) -> bool:
    end = tier.get("max")
    return end is not None and number(end, "max of a tier") < ENDLESS


def costs_nothing(structure: Any) -> bool:
    """Whether every rate of a structure is stated and zero."""
    stated = [[tier.get(key) for key in ("rate", "adj")] for _, tier in tiers_of(structure)]
    return all(is_nothing(rates) and any(rate is not None for rate in rates) for rates in stated)


def _tier(record: Record, name: str, place: str, entry: Mapping[str, Any]) -> Tier:
    if name != "energyratestructure" and not is_nothing(entry.get("sell")):
        raise NotPricedError(f"{place} sells, which only energy can")
    stated = [money(entry[key], f"{key} of {place}") for key in ("rate", "adj") if entry.get(key) is not None]
    if not stated:
        record.answers.ask(f"{name}.no_rate", f"{place} states no rate")
    end = None if entry.get("max") is None else number(entry["max"], f"max of {place}")
    return Tier(sum(stated, Decimal(0)), None, None if end is None or end >= ENDLESS else end)


def _rising(record: Record, name: str, period: int, tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    last = tiers[-1].up_to
    ends = [tier.up_to for tier in (tiers if last is not None else tiers[:-1])]
    stated = [end for end in ends if end is not None and end > 0]
    if len(stated) < len(ends) or any(low >= high for low, high in itertools.pairwise(stated)):
        raise NotPricedError(f"the tiers of period {period} do not rise")
    if last is not None:
        why = f"no rate is stated above {last:f}, where the last tier of period {period} ends"
        record.answers.ask(f"{name}.above", why)
    return (*tiers[:-1], replace(tiers[-1], up_to=None))


def read_tiers(record: Record, name: str) -> list[tuple[Tier, ...]]:
    """Return the tiers of each period of a structure, `adj` added to `rate`; raises NotPricedError."""
    found: dict[str, list[Tier]] = {}
    for place, entry in tiers_of(record.fields[name]):
        found.setdefault(place.partition(",")[0], []).append(_tier(record, name, place, entry))
    return [_rising(record, name, period, tiers) for period, tiers in enumerate(found.values())]


def _index(value: Any, count: int, name: str) -> int:
    entry = number(value, f"an entry of {name}")
    if not 0 <= entry < count or entry != int(entry):
        raise NotPricedError(f"an entry of {name} is {value}, not one of the {count} periods")
    return int(entry)


def _schedule(record: Record, name: str, count: int) -> list[list[int]]:
    rows = record.fields.get(name)
    if rows is None:
        raise NotPricedError(f"{name} is missing", "ambiguous")
    if not all(isinstance(row, list) and len(row) == 24 for row in twelve(rows, name)):
        raise NotPricedError(f"{name} is not 12 months of 24 hours")
    return [[_index(entry, count, name) for entry in row] for row in rows]


def _spans(row: Sequence[int], period: int) -> tuple[tuple[int, int], ...]:
    runs = [(value, len(list(group))) for value, group in itertools.groupby(row)]
    ends = list(itertools.accumulate(length for _, length in runs))
    return tuple(
        ((end - length) * 60, end * 60) for (value, length), end in zip(runs, ends, strict=True) if value == period
    )


def scheduled(record: Record, weekday: str, weekend: str, tiers: Sequence[tuple[Tier, ...]]) -> tuple[TouPeriod, ...]:
    """Return the periods that two 12 x 24 schedules use, with their hours; the weekend is Saturday and Sunday.

    A schedule counts whole hours of the clock from midnight. Raises NotPricedError.
    """
    schedules = [
        (days, _schedule(record, name, len(tiers))) for days, name in ((_WEEKDAYS, weekday), (_WEEKEND, weekend))
    ]
    periods = []
    for period in range(len(tiers)):
        masks = masks_of(
            ((month, day), _spans(rows[month - 1], period))
            for days, rows in schedules
            for month in range(1, 13)
            for day in days
        )
        if masks:
            periods.append(TouPeriod(f"period {period}", tiers[period], masks))
    return tuple(periods)


def by_month(record: Record, name: str, tiers: Sequence[tuple[Tier, ...]]) -> tuple[TouPeriod, ...]:
    """Return the periods that a list of twelve months uses; raises NotPricedError."""
    if record.fields.get(name) is None:
        raise NotPricedError(f"{name} is missing", "ambiguous")
    numbers = [_index(entry, len(tiers), name) for entry in twelve(record.fields[name], name)]
    months = [tuple(month for month in range(1, 13) if numbers[month - 1] == period) for period in range(len(tiers))]
    return tuple(TouPeriod(f"period {n}", tiers[n], (Mask(months=found),)) for n, found in enumerate(months) if found)


def months_of(period: TouPeriod) -> frozenset[int]:
    """Return the months in which a period has hours."""
    return frozenset(month for mask in period.when for month in mask.months)
