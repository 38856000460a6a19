"""Reads a record of the OpenEI Utility Rate Database: fixed, energy and demand charges, and a verdict on every field.

What cannot be priced is refused by name, and what can be read two ways is called ambiguous and not priced either.
Rates are read as decimals, so that they stay what the record says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, get_args

from pipeline.domain import TariffError
from pipeline.portfolio.models import DemandWindow
from pipeline.tariff.model import Charge, Refusal, Tariff, TariffVersion, Verdict, VerdictWord
from pipeline.tariff.native import read_tariff_toml
from pipeline.tariff.urdb_charges import STRUCTURES, NotPricedError, is_nothing, read_fixed
from pipeline.tariff.urdb_fields import (
    DEMAND_UNIT,
    EXPORT_ONLY,
    FIXED_FIELDS,
    FOLLOWS,
    INFORMATION,
    LOOK_BACK,
    REMARKS,
    UNPRICED,
)


class _Reading:
    """A record while it is read: charges, verdicts by field, refusals."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.charges: list[Charge] = []
        self.verdicts: dict[str, Verdict] = {}
        self.refused: list[Refusal] = []
        self.demand_window_min: int | None = None

    def used(self, field: str, reason: str) -> None:
        self.verdicts[field] = Verdict(field, "used", reason)

    def refuse(
        self, field: str, reason: str, verdict: VerdictWord = "refused", *, only_with_export: bool = False
    ) -> None:
        self.verdicts[field] = Verdict(field, verdict, reason)
        self.refused.append(Refusal(field, reason, only_with_export))

    def charge(self, field: str, read: Callable[[Mapping[str, Any]], Charge]) -> None:
        if field not in self.record:
            return
        try:
            charge = read(self.record)
        except NotPricedError as error:
            self.refuse(field, error.reason, error.verdict)
            return
        self.charges.append(charge)
        self.used(field, f"charge {charge.charge_id!r}")

    def fixed(self) -> None:
        first, other = FIXED_FIELDS
        stated = first if first in self.record else other
        self.charge(stated, partial(read_fixed, name=stated))
        if first in self.record and other in self.record:
            verdict = self.verdicts[first].verdict
            self.verdicts[other] = Verdict(other, verdict, f"the same charge as {first}")

    def structures(self) -> None:
        for field, read in STRUCTURES.items():
            self.charge(field, read)
        units = self.record.get("demandunits")
        if units is not None:
            demand = [self.verdicts[f] for f in ("demandratestructure", "flatdemandstructure") if f in self.verdicts]
            refused = units != DEMAND_UNIT and bool(demand)
            reason = f"unit of demand, {units}" if demand else "no effect: default-filled, no such charge"
            self.verdicts["demandunits"] = Verdict("demandunits", "refused" if refused else "used", reason)

    def sell_rates(self) -> None:
        tiers = [tier for period in _lists(self.record.get("energyratestructure")) for tier in _lists(period)]
        if any(isinstance(tier, dict) and not is_nothing(tier.get("sell")) for tier in tiers):
            self.refuse("energyratestructure.sell", "exported energy is not priced", only_with_export=True)

    def window(self) -> None:
        minutes = self.record.get("demandwindow")
        if minutes is None:
            return
        allowed = get_args(DemandWindow)
        if minutes in allowed:
            self.demand_window_min = int(minutes)
            self.used("demandwindow", f"demand is averaged over {self.demand_window_min} minutes")
        else:
            self.refuse("demandwindow", f"{minutes} minutes; allowed: {', '.join(map(str, allowed))}")

    def look_back(self) -> None:
        """Months and a range together can be read two ways; without a percentage a look-back says nothing."""
        stated = {field for field in LOOK_BACK if not is_nothing(self.record.get(field))}
        for field in sorted(LOOK_BACK & set(self.record)):
            if "lookbackpercent" not in stated and "lookbackpercent" in self.record:
                self.used(field, "no effect: the look-back is 0 %")
            elif field in stated and {"lookbackmonths", "lookbackrange"} <= stated:
                self.refuse(field, "named months and a range of months are both stated", "ambiguous")

    def rest(self, field: str) -> None:
        value = self.record[field]
        if field in self.verdicts:
            return
        if field in INFORMATION or field.startswith("_"):
            self.used(field, "information")
        elif field in REMARKS:
            self.used(field, REMARKS[field])
        elif field in FOLLOWS:
            self.follow(field, FOLLOWS[field])
        elif field not in {*UNPRICED, *EXPORT_ONLY}:
            self.refuse(field, "not a field that is known here")
        elif is_nothing(value):
            self.used(field, "no effect: zero or empty")
        elif field in EXPORT_ONLY:
            self.refuse(field, EXPORT_ONLY[field], only_with_export=True)
        else:
            self.refuse(field, UNPRICED[field])

    def follow(self, field: str, leader: str) -> None:
        if leader not in self.record:
            self.used(field, f"no effect: there is no {leader}")
            return
        if leader not in self.verdicts:
            self.rest(leader)
        self.verdicts[field] = Verdict(field, self.verdicts[leader].verdict, f"part of {leader}")


def _lists(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read(record: Mapping[str, Any]) -> _Reading:
    reading = _Reading(record)
    reading.fixed()
    reading.structures()
    reading.sell_rates()
    reading.window()
    reading.look_back()
    for field in record:
        reading.rest(field)
    return reading


def _not_a_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _record(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal, parse_constant=_not_a_number)
    except FileNotFoundError:
        raise TariffError(path.name, "file", None, "an existing file") from None
    except (ValueError, RecursionError) as error:
        raise TariffError(path.name, "file", str(error), "JSON in UTF-8") from None
    items = data.get("items") if isinstance(data, dict) else None
    if isinstance(items, list):
        if len(items) != 1:
            raise TariffError(path.name, "items", f"{len(items)} records", "one record a file")
        data = items[0]
    if not isinstance(data, dict) or not any(str(key).lower() in STRUCTURES for key in data):
        raise TariffError(path.name, "file", "JSON", f"a rate record with one of {', '.join(STRUCTURES)}")
    return data


def _check_answers(path: Path) -> None:
    answers = path.with_name(f"{path.stem}.answers.toml")
    if not answers.exists():
        return
    for key in read_tariff_toml(answers):
        raise TariffError(answers.name, key, "a value", "no keys: none of this record's fields takes an answer")


def _verdicts(stated: Mapping[str, Any], found: Mapping[str, Verdict]) -> tuple[Verdict, ...]:
    """Verdicts in the record's own order and spelling, then those on parts of a field."""
    fields = {name.lower() for name in stated}
    empty = Verdict("", "used", "no effect: zero or empty")
    by_field = [replace(found.get(name.lower(), empty), field=name) for name in stated]
    return (*by_field, *(verdict for field, verdict in found.items() if field not in fields))


def _text(value: Any) -> str:
    """One line of prose; many records hold line ends as the letters backslash r, backslash n."""
    unfolded = str(value or "").replace("\\r", " ").replace("\\n", " ")
    return " ".join("".join(c if c.isprintable() else " " for c in unfolded).split())


def load_urdb(path: Path) -> Tariff:
    """Return a rate record as a tariff, with a verdict on every field; rates in the record's own currency.

    Raises TariffError where the file is no such record. A charge that cannot be priced is in `refused`.
    """
    stated = _record(path)
    _check_answers(path)
    record = {name.lower(): value for name, value in stated.items() if value is not None}
    reading = _read(record)
    return Tariff(
        name=": ".join(text for key in ("utility", "name") if (text := _text(record.get(key)))) or path.stem,
        currency=None,
        versions=(TariffVersion(None, None, tuple(reading.charges)),),
        refused=tuple(reading.refused),
        notes=_text(record.get("description")),
        source=_text(record.get("source") or record.get("uri")),
        verdicts=_verdicts(stated, reading.verdicts),
        demand_window_min=reading.demand_window_min,
        file=path.name,
    )
