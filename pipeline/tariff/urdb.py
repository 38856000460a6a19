"""Reads a record of the OpenEI Utility Rate Database: its charges, and a verdict on every field.

What cannot be priced is refused by name; what can be read two ways is ambiguous and not priced either, until a file of
answers beside the record says which. Rates are read as decimals, so that they stay what the record says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from pipeline.domain import TariffError
from pipeline.portfolio.models import DemandWindow
from pipeline.tariff.model import Charge, Ratchet, Refusal, Tariff, TariffVersion, Verdict
from pipeline.tariff.urdb_answers import UNKNOWN_FIELD, Answers, NotPricedError, read_answers
from pipeline.tariff.urdb_demand import (
    ratchet_on,
    read_coincident,
    read_demand,
    read_flat_demand,
    read_ratchet,
    read_reactive,
)
from pipeline.tariff.urdb_energy import read_energy, read_export, read_fuel, sells
from pipeline.tariff.urdb_fields import (
    COMMENTS,
    DATES,
    ELIGIBILITY,
    EXPORT_RULES,
    FIELDS,
    FOLLOWS,
    FREE_TEXT,
    INFORMATION,
    RATCHETS,
    STRUCTURES,
)
from pipeline.tariff.urdb_fixed import read_fixed, read_further_meters, read_minimum, yearly_minimum
from pipeline.tariff.urdb_rates import Record, costs_nothing, is_nothing

_AMOUNT: Final = re.compile(r"[$¢€£¥]\s*\.?\d|\d\s*(?:%|¢|cents?\b|percent\b)", re.IGNORECASE)
_SELL: Final = "energyratestructure.sell"
_NOTHING: Final = "no effect: zero or empty"
_ORDER: Final = (
    "fixed",
    "fixed_further",
    "energy",
    "fuel",
    "demand",
    "flat_demand",
    "coincident",
    "reactive",
    "export",
    "minimum",
)


class _Reading:
    """A record while it is read: charges, verdicts by field, refusals."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.charges: list[Charge] = []
        self.verdicts: dict[str, Verdict] = {}
        self.refused: list[Refusal] = []
        self.demand_window_min: int | None = None

    def used(self, fields: Iterable[str], reason: str) -> None:
        """Say of those fields that the record states, and that have no verdict yet, what was done with them."""
        for field in fields:
            if field in self.record.fields:
                self.verdicts.setdefault(field, Verdict(field, "used", reason))

    def take(self, field: str, read: Callable[[], object], *, only_with_export: bool = False) -> None:
        """Read one field; `read` returns its charges, or in words what became of it."""
        before = set(self.record.answers.asked)
        try:
            found = read()
        except NotPricedError as error:
            self.verdicts[field] = Verdict(field, error.verdict, "; ".join(filter(None, (error.reason, error.remedy))))
            self.refused.append(Refusal(field, error.reason, only_with_export))
            return
        charges = [charge for charge in (found if isinstance(found, tuple) else (found,)) if isinstance(charge, Charge)]
        self.charges += charges
        said = found if isinstance(found, str) else ", ".join(f"charge {charge.charge_id!r}" for charge in charges)
        answered = self.record.answers.taken(key for key in self.record.answers.asked if key not in before)
        self.verdicts[field] = Verdict(field, "used", "; ".join(filter(None, (said, answered))) or _NOTHING)

    def take_stated(self, field: str, read: Callable[[], object]) -> None:
        """Read a field that says something."""
        if self.record.has(field):
            self.take(field, read)

    def share(self, leader: str, fields: Iterable[str], words: str) -> None:
        """Give fields the verdict of the one they belong to."""
        for field in fields:
            if field in self.record.fields and leader in self.verdicts and field != leader:
                self.verdicts[field] = Verdict(field, self.verdicts[leader].verdict, f"{words} {leader}")


def _costs(record: Record, structure: str) -> bool:
    """Whether a structure is stated and not all zero; a malformed one is left to its reader."""
    if not isinstance(record.fields.get(structure), list) and not record.has(structure):
        return False
    try:
        return not costs_nothing(record.fields[structure])
    except NotPricedError:
        return True


def _fixed(reading: _Reading) -> None:
    record = reading.record
    stated = [field for field in ("fixedchargefirstmeter", "fixedmonthlycharge") if record.has(field)]
    if stated:
        reading.take(stated[0], partial(read_fixed, record))
        reading.share(stated[0], stated, "the same charge as")
    reading.take_stated("fixedchargeeaaddl", partial(read_further_meters, record))


def _ratchets(reading: _Reading, structures: tuple[str, ...]) -> dict[str, list[Ratchet]]:
    """Return the ratchets of each demand structure that costs something."""
    found: dict[str, list[Ratchet]] = {structure: [] for structure in structures}
    for leader, parts in RATCHETS.items():
        if not reading.record.has(leader):
            reading.used(parts, "no effect: the percentage is 0")
        elif not structures:
            reading.used(parts, "no effect: there is no demand charge")
        else:
            reading.take(leader, partial(_ratchet, reading.record, leader, found))
            reading.share(leader, parts, "part of")
    return found


def _ratchet(record: Record, field: str, found: dict[str, list[Ratchet]]) -> str:
    ratchet = read_ratchet(record, field)
    raised = ratchet_on(record, tuple(found))
    for structure in raised:
        found[structure].append(ratchet)
    return f"ratchet of {ratchet.percent.normalize():f} % on {', '.join(sorted(raised))}"


def _demand(reading: _Reading) -> None:
    record = reading.record
    costing = tuple(name for name in ("flatdemandstructure", "demandratestructure") if _costs(record, name))
    reading.used({"flatdemandstructure", "demandratestructure"} - set(costing), "no effect: every rate is 0")
    ratchets = _ratchets(reading, costing)
    if "flatdemandstructure" in costing:
        reading.take("flatdemandstructure", partial(read_flat_demand, record, ratchets["flatdemandstructure"]))
    if "demandratestructure" in costing:
        reading.take("demandratestructure", partial(read_demand, record, ratchets["demandratestructure"]))
    if _costs(record, "coincidentratestructure"):
        reading.take("coincidentratestructure", partial(read_coincident, record))
    reading.take_stated("demandreactivepowercharge", partial(read_reactive, record))
    reading.take_stated("demandwindow", partial(_window, reading))


def _window(reading: _Reading) -> str:
    minutes, allowed = reading.record.fields["demandwindow"], get_args(DemandWindow)
    if minutes not in allowed:
        raise NotPricedError(f"{minutes} minutes; allowed: {', '.join(map(str, allowed))}")
    reading.demand_window_min = int(minutes)
    return f"demand is averaged over {reading.demand_window_min} minutes"


def _energy(reading: _Reading) -> None:
    record = reading.record
    if "energyratestructure" in record.fields:
        reading.take("energyratestructure", partial(read_energy, record, reading.charges))
    reading.take_stated("fueladjustmentsmonthly", partial(read_fuel, record))


def _export(reading: _Reading) -> None:
    """Rules and rates for export are one thing; the first that is stated has the verdict."""
    stated = [field for field in EXPORT_RULES if reading.record.has(field)]
    stated += [_SELL] if sells(reading.record) else []
    if stated:
        reading.take(stated[0], partial(read_export, reading.record), only_with_export=True)
    for field in stated[1:]:
        reading.verdicts[field] = replace(reading.verdicts[stated[0]], field=field)


def _minimum(reading: _Reading) -> None:
    record = reading.record
    stated = [field for field in ("mincharge", "minmonthlycharge") if record.has(field)]
    if stated:
        reading.take(stated[0], partial(read_minimum, record, _in_order(reading.charges)))
        reading.share(stated[0], stated, "the same charge as")
    reading.take_stated("annualmincharge", partial(yearly_minimum, record, reading.charges))


def _texts(reading: _Reading) -> None:
    """Amounts in words change the bill unless a person says that they do not."""
    record = reading.record
    for field in FREE_TEXT:
        said = "; ".join(_items(record.fields.get(field)))
        reading.take_stated(field, partial(_answered, record, field, f"states in words {said!r}"))
    for field in COMMENTS:
        amount = _AMOUNT.search(_text(record.fields.get(field)))
        if amount is not None:
            said = _around(_text(record.fields[field]), amount.start())
            reading.take(field, partial(_answered, record, field, f"names an amount, {said!r}"))


def _items(attributes: Any) -> Iterator[str]:
    """Name and text of every entry of an attribute list."""
    for entry in attributes if isinstance(attributes, list) else [attributes]:
        if isinstance(entry, dict):
            yield from (f"{_text(name)}: {_text(value)}" for name, value in entry.items())
        else:
            yield _text(entry)


def _answered(record: Record, field: str, why: str) -> str:
    record.answers.ask(field, why, verdict="refused")
    return ""


def _around(text: str, place: int) -> str:
    """The words about a place of a long text."""
    first, last = max(0, place - 40), min(len(text), place + 40)
    return f"{'...' if first else ''}{text[first:last]}{'...' if last < len(text) else ''}"


def _rest(reading: _Reading) -> None:
    """Give every field that is left its verdict."""
    record = reading.record
    reading.used(INFORMATION, "information")
    reading.used(ELIGIBILITY, "information: who may take the tariff; eligibility is not checked")
    reading.used(COMMENTS, "information: free text that names no amount")
    for field in DATES & set(record.fields):
        reading.used((field,), f"information: reported, not enforced: {_date(record.fields[field])}")
    for field in record.fields:
        leader = FOLLOWS.get(field)
        if field in reading.verdicts:
            continue
        if leader in reading.verdicts:
            reading.share(leader, (field,), "part of")
        elif leader is not None:
            reading.used((field,), f"no effect: there is no {leader}")
        elif field.startswith("_"):
            reading.used((field,), "information")
        elif field in FIELDS:
            reading.used((field,), _NOTHING)
        else:
            reading.take(field, partial(_unknown, record, field))


def _unknown(record: Record, field: str) -> str:
    record.answers.ask(field, "not a field that is known here", UNKNOWN_FIELD, "refused")
    return ""


def _date(stamp: Any) -> str:
    if isinstance(stamp, bool) or not isinstance(stamp, int | Decimal) or not 0 <= stamp < 10**11:
        return str(stamp)
    return datetime.fromtimestamp(int(stamp), UTC).date().isoformat()


def _read(record: Record) -> _Reading:
    reading = _Reading(record)
    for part in (_fixed, _demand, _energy, _export, _minimum, _texts, _rest):
        part(reading)
    return reading


def _in_order(charges: Iterable[Charge]) -> list[Charge]:
    """Sort charges as a bill lists them."""
    return sorted(charges, key=lambda charge: _ORDER.index(charge.charge_id.partition(".")[0]))


def _not_a_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _stated(path: Path) -> dict[str, Any]:
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


def _with_said(fields: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """Add to a record's fields those that the answers say in place of a text."""
    record = dict(fields)
    for question, given in answers.given.items():
        for name, value in given.further.get("fields", {}).items():
            if name not in FIELDS or not is_nothing(fields.get(name)):
                allowed = "a field of the schema that the record does not state"
                raise TariffError(answers.file, f"{question}.fields.{name}", value, allowed)
            record[name] = value
    return record


def _verdicts(stated: Mapping[str, Any], found: Mapping[str, Verdict]) -> tuple[Verdict, ...]:
    """Verdicts in the record's own order and spelling, then those on parts of a field and on fields in answers."""
    fields = {name.lower() for name in stated}
    empty = Verdict("", "used", _NOTHING)
    by_field = [replace(found.get(name.lower(), empty), field=name) for name in stated]
    return (*by_field, *(verdict for field, verdict in found.items() if field not in fields))


def _text(value: Any) -> str:
    """One line of prose; many records hold line ends as the letters backslash r, backslash n."""
    unfolded = str(value or "").replace("\\r", " ").replace("\\n", " ")
    return " ".join("".join(c if c.isprintable() else " " for c in unfolded).split())


def load_urdb(path: Path) -> Tariff:
    """Return a rate record as a tariff, with a verdict on every field; rates in the record's own currency.

    `<name>.answers.toml` beside it decides what the record leaves open. Raises TariffError where a file cannot be
    read. A charge that cannot be priced is in `refused`.
    """
    stated = _stated(path)
    fields = {str(name).lower(): value for name, value in stated.items() if value is not None}
    answers = read_answers(path, fields)
    record = Record(_with_said(fields, answers), answers)
    reading = _read(record)
    answers.refuse_unasked()
    return Tariff(
        name=": ".join(text for key in ("utility", "name") if (text := _text(fields.get(key)))) or path.stem,
        currency=None,
        versions=(TariffVersion(None, None, tuple(_in_order(reading.charges))),),
        refused=tuple(reading.refused),
        notes=_text(fields.get("description")),
        source=_text(fields.get("source") or fields.get("uri")),
        verdicts=_verdicts(stated, reading.verdicts),
        demand_window_min=reading.demand_window_min,
        file=path.name,
        answers=answers.quoted(),
    )
