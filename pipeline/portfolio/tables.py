"""The optional CSV tables of a portfolio (`bill_cycles.csv`, `arming.csv` ...) and the dated `series/<name>.csv`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from pipeline.domain import ConfigError
from pipeline.portfolio.models import _identifier, _month


@dataclass(frozen=True)
class Column:
    """How one CSV column is read: `read` raises ValueError or InvalidOperation for what is not `allowed`.

    A cell may be empty where `optional`; the whole column may be left out of the header where `omissible`.
    """

    read: Callable[[str], Any]
    allowed: str
    optional: bool = False
    omissible: bool = False


EVENT_KINDS: Final = ("load", "closure", "meter_swap", "charger_added", "contract_change", "other")
"""Kinds of non-routine events; all of them take their days out of comparisons, `kw` says how a load changed."""
NOT_OF_THE_LOAD: Final = frozenset({"meter_swap", "contract_change"})
"""Kinds under which the building draws what it would have drawn: what `kw` says there is told and changes nothing."""


def _event_kind(text: str) -> str:
    if text not in EVENT_KINDS:
        raise ValueError(text)
    return text


def _switch(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _not_negative(text: str) -> Decimal:
    value = _finite(text)
    if value < 0:
        raise ValueError(text)
    return value


def _day(text: str) -> date:
    if len(text) != len("YYYY-MM-DD"):  # Python also reads 20260701
        raise ValueError(text)
    return date.fromisoformat(text)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


_ID = Column(_identifier, "an id of letters, digits, '_', '-' or '.'")
_DAY = Column(_day, "a date YYYY-MM-DD")
_AT = Column(_instant, "a time with its offset, such as 2026-07-01T13:00:00+09:00")
_NUMBER = Column(_finite, "a number", optional=True)
_TEXT = Column(str, "text", optional=True)

TABLES: Final[Mapping[str, Mapping[str, Column]]] = {
    "bill_cycles": {
        "site_id": _ID,
        "read_from": _DAY,
        "read_to": _DAY,
        "month": Column(_month, "a month YYYY-MM", optional=True, omissible=True),
    },
    "utility_bills": {
        "site_id": _ID,
        "read_from": _DAY,
        "read_to": _DAY,
        "charge_id": Column(str, "text", optional=True, omissible=True),
        "billed_kw": _NUMBER,
        "energy_kwh": _NUMBER,
        "amount": _NUMBER,
    },
    "arming": {"site_id": _ID, "date": _DAY, "armed": Column(_switch, "true, false, 1 or 0")},
    "events": {
        "site_id": _ID,
        "from": _AT,
        "to": _AT,
        "kind": Column(_event_kind, ", ".join(EVENT_KINDS)),
        "kw": _NUMBER,
        "note": _TEXT,
    },
    "outages": {"site_id": _ID, "from": _AT, "to": _AT},
    "marginal_co2": {
        "region": _ID,
        "from": _AT,
        "to": _AT,
        "g_per_kwh": Column(_not_negative, "a number of g CO2 per kWh, 0 or more"),
    },
}
_SERIES: Final[Mapping[str, Column]] = {"date": _DAY, "value": Column(_finite, "a number")}
_SEEDS: Final[Mapping[str, Column]] = {
    "month": Column(_month, "a month YYYY-MM"),
    "kw": Column(_not_negative, "a number of kW, 0 or more"),
}


def _cell(column: Column, text: str, file: str, place: str) -> Any:
    if text == "" and column.optional:
        return None
    try:
        return column.read(text)
    except (ValueError, KeyError, InvalidOperation):
        raise ConfigError(file, place, text, column.allowed) from None


def _read_rows(path: Path, columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    required = [name for name, column in columns.items() if not column.omissible]
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a file that can be read") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(path.name, "file", str(error), "CSV text in UTF-8") from None
    header = lines[0] if lines else []
    if header not in (required, list(columns)):
        raise ConfigError(path.name, "header", ",".join(header), ",".join(columns))
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise ConfigError(path.name, f"line {number}", ",".join(cells), f"{len(header)} cells")
        row = {
            name: _cell(columns[name], cell.strip(), path.name, f"line {number}, {name}")
            for name, cell in zip(header, cells, strict=True)
        }
        rows.append({**dict.fromkeys(columns), **row, "line": number})
    return rows


def read_table(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of an optional table of `TABLES` with their line numbers; [] where the file is absent.

    Raises ConfigError with file, line, column, value and what is allowed.
    """
    path = folder / f"{name}.csv"
    return _read_rows(path, TABLES[name]) if path.exists() else []


def read_cycle_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV as `bill_cycles.csv` with their lines; site_id is None where there is no such column.

    Raises ConfigError with file, line, column, value and what is allowed.
    """
    columns = TABLES["bill_cycles"]
    try:
        return _read_rows(path, columns)
    except ConfigError as error:
        if error.place != "header" or str(error.value).startswith("site_id"):
            raise
    bare = {name: column for name, column in columns.items() if name != "site_id"}
    return [{"site_id": None, **row} for row in _read_rows(path, bare)]


def read_seed_rows(path: Path) -> dict[str, Decimal]:
    """Return own peaks [kW] by month from a CSV `month,kw`; raises ConfigError for a bad or repeated month."""
    seeds: dict[str, Decimal] = {}
    for row in _read_rows(path, _SEEDS):
        if row["month"] in seeds:
            raise ConfigError(path.name, f"line {row['line']}, month", row["month"], "each month once")
        seeds[row["month"]] = row["kw"]
    return seeds


def read_series(path: Path) -> list[tuple[date, Decimal]]:
    """Return a dated series `date,value` in date order; raises ConfigError for a bad or repeated date."""
    rows = _read_rows(path, _SERIES)
    dates = [row["date"] for row in rows]
    for row in rows:
        if dates.count(row["date"]) > 1:
            raise ConfigError(path.name, f"line {row['line']}, date", row["date"], "each date once")
    return sorted((row["date"], row["value"]) for row in rows)
