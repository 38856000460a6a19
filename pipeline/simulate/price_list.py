"""Tariff facts for the truth: a second, plain reading of the same files, shared with no other room.

It knows only what the simulated tariffs use. The result must come out as the tariff package's does; that is its point.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from pathlib import Path
from typing import Any

from pipeline.domain import ConfigError
from pipeline.portfolio.load import read_toml
from pipeline.portfolio.models import minute_of_day
from pipeline.portfolio.tables import read_series

_MODES = {"down": ROUND_DOWN, "up": ROUND_UP, "half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
Hours = Callable[[int, int, int], bool]  # (month 1-12, ISO weekday, minute of the day) -> inside


@dataclass(frozen=True)
class Rate:
    """A number, or the values of a series with the days they hold from."""

    fixed: Decimal | None = None
    dated: tuple[tuple[date, Decimal], ...] = ()

    def on(self, day: date) -> Decimal:
        """Return the rate in force on a day."""
        return self.fixed if self.fixed is not None else [value for since, value in self.dated if since <= day][-1]


@dataclass(frozen=True)
class Band:
    """A named set of hours and its price."""

    name: str
    rate: Rate
    inside: Hours


@dataclass(frozen=True)
class ListedCharge:
    """One charge; `ratchets` are (percent, months looked back)."""

    charge_id: str
    kind: str
    bands: tuple[Band, ...]
    ratchets: tuple[tuple[Decimal, int], ...] = ()
    floor_kw: Decimal = Decimal(0)
    per_day: bool = False
    applies_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class PriceList:
    """The charges in the order of the bill, and how lines are rounded."""

    charges: tuple[ListedCharge, ...]
    digits: int
    mode: str

    def rounded(self, amount: Decimal) -> Decimal:
        """Return money as it stands on the bill."""
        return amount.quantize(Decimal(1).scaleb(-self.digits), rounding=self.mode)


def _always(_month: int, _weekday: int, _minute: int) -> bool:
    return True


def _inside(period: Mapping[str, Any], seasons: Mapping[str, Sequence[int]]) -> Hours:
    months = seasons[period["season"]] if "season" in period else range(1, 13)
    weekdays = period.get("weekdays", range(1, 8))
    hours = [text.split("-") for text in period.get("hours", ["00:00-24:00"])]
    spans = [(minute_of_day(start), minute_of_day(end)) for start, end in hours]

    def inside(month: int, weekday: int, minute: int) -> bool:
        def covers(start: int, end: int) -> bool:
            return start <= minute < end if start < end else minute >= start or minute < end

        return month in months and weekday in weekdays and any(covers(*span) for span in spans)

    return inside


def _left_over(bands: Sequence[Band], otherwise: Hours) -> Hours:
    def inside(month: int, weekday: int, minute: int) -> bool:
        taken = any(band.inside(month, weekday, minute) for band in bands)
        return not taken and otherwise(month, weekday, minute)

    return inside


class _Reader:
    def __init__(self, facts: Mapping[str, Any], series: Path) -> None:
        self._seasons, self._series = facts.get("seasons", {}), series

    def rate(self, entry: Mapping[str, Any]) -> Rate:
        if "series" in entry:
            return Rate(dated=tuple(read_series(self._series / f"{entry['series']}.csv")))
        return Rate(Decimal(str(entry.get("rate", entry.get("percent")))))

    def bands(self, charge: Mapping[str, Any]) -> tuple[Band, ...]:
        found: list[Band] = []
        for period in charge.get("periods", []):
            hours = _inside(period, self._seasons)
            inside = _left_over(tuple(found), hours) if period.get("otherwise") else hours
            found.append(Band(period["name"], self.rate(period), inside))
        return tuple(found) or (Band("all", self.rate(charge), _always),)

    def charge(self, charge: Mapping[str, Any], above: Sequence[str]) -> ListedCharge:
        applies_to = charge.get("applies_to", "all")
        ratchets = charge.get("ratchets", [])
        return ListedCharge(
            charge_id=charge["id"],
            kind=charge["kind"],
            bands=self.bands(charge),
            ratchets=tuple((Decimal(str(r["percent"])), r["look_back_months"]) for r in ratchets),
            floor_kw=Decimal(str(charge.get("floor_kw", 0))),
            per_day=charge.get("per") == "day",
            applies_to=tuple(above) if applies_to == "all" else tuple(applies_to),
        )


def _native(path: Path, series: Path, currency_digits: int) -> PriceList:
    facts = read_toml(path)
    reader, charges = _Reader(facts, series), list[ListedCharge]()
    for charge in facts["charges"]:
        charges.append(reader.charge(charge, [other.charge_id for other in charges]))
    rounding = facts.get("rounding", {"digits": currency_digits, "mode": "half_up"})
    return PriceList(tuple(charges), rounding["digits"], _MODES[rounding["mode"]])


def _scheduled(record: Mapping[str, Any], kind: str) -> tuple[Band, ...]:
    weekday, weekend = (record[f"{kind}{days}schedule"] for days in ("weekday", "weekend"))

    def at(number: int) -> Hours:
        def inside(month: int, day: int, minute: int) -> bool:
            return bool((weekday if day <= 5 else weekend)[month - 1][minute // 60] == number)

        return inside

    return tuple(
        Band(f"period {number}", _only_rate(tiers), at(number))
        for number, tiers in enumerate(record[f"{kind}ratestructure"])
    )


def _flat(record: Mapping[str, Any]) -> tuple[Band, ...]:
    def at(number: int) -> Hours:
        def inside(month: int, _day: int, _minute: int) -> bool:
            return bool(record["flatdemandmonths"][month - 1] == number)

        return inside

    tiers = enumerate(record["flatdemandstructure"])
    return tuple(Band(f"period {number}", _only_rate(entries), at(number)) for number, entries in tiers)


def _only_rate(tiers: Sequence[Mapping[str, Any]]) -> Rate:
    if len(tiers) != 1:
        raise ConfigError("tariff", "tiers", len(tiers), "one tier: the truth has no others")
    return Rate(Decimal(tiers[0].get("rate", 0)) + Decimal(tiers[0].get("adj", 0)))


def _urdb(path: Path, currency_digits: int) -> PriceList:
    record = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    monthly = Band("all", Rate(Decimal(record["fixedmonthlycharge"])), _always)
    charges = (
        ListedCharge("fixed", "fixed", (monthly,)),
        ListedCharge("energy", "energy", _scheduled(record, "energy")),
        ListedCharge("demand", "demand", _scheduled(record, "demand")),
        ListedCharge("flat_demand", "demand", _flat(record)),
    )
    return PriceList(charges, currency_digits, ROUND_HALF_UP)


def read_price_list(portfolio: Path, tariff: str, currency_digits: int) -> PriceList:
    """Return the price list of `tariffs/<tariff>.toml|json` in a portfolio folder that was just written."""
    native = portfolio / "tariffs" / f"{tariff}.toml"
    if native.is_file():
        return _native(native, portfolio / "series", currency_digits)
    return _urdb(native.with_suffix(".json"), currency_digits)
