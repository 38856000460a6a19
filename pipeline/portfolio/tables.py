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
    """How one CSV column is read: `read` raises ValueError or InvalidOperation for what is not `allowed`."""

    read: Callable[[str], Any]
    allowed: str
    optional: bool = False


def _switch(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
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
        "month": Column(_month, "a month YYYY-MM", optional=True),
    },
    "utility_bills": {
        "site_id": _ID,
        "read_from": _DAY,
        "read_to": _DAY,
        "charge_id": _TEXT,
        "billed_kw": _NUMBER,
        "energy_kwh": _NUMBER,
        "amount": _NUMBER,
    },
    "arming": {"site_id": _ID, "date": _DAY, "armed": Column(_switch, "true, false, 1 or 0")},
    "events": {
        "site_id": _ID,
        "from": _AT,
        "to": _AT,
        "kind": Column(str, "text"),
        "kw": _NUMBER,
        "note": _TEXT,
    },
    "outages": {"site_id": _ID, "from": _AT, "to": _AT},
}
_SERIES: Final[Mapping[str, Column]] = {"date": _DAY, "value": Column(_finite, "a number")}


def _cell(column: Column, text: str, file: str, place: str) -> Any:
    if text == "" and column.optional:
        return None
    try:
        return column.read(text)
    except (ValueError, KeyError, InvalidOperation):
        raise ConfigError(file, place, text, column.allowed) from None


def _read_rows(path: Path, columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    required = [name for name, column in columns.items() if not (column.optional and name == "month")]
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))
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


def read_series(path: Path) -> list[tuple[date, Decimal]]:
    """Return a dated series `date,value` in date order; raises ConfigError for a bad or repeated date."""
    rows = _read_rows(path, _SERIES)
    dates = [row["date"] for row in rows]
    for row in rows:
        if dates.count(row["date"]) > 1:
            raise ConfigError(path.name, f"line {row['line']}, date", row["date"], "each date once")
    return sorted((row["date"], row["value"]) for row in rows)
