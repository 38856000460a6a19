"""The checks of `sql/checks/`: each returns offending rows; its comments say how bad that is, and on which asset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.domain import WarehouseError
from pipeline.warehouse.layout import sql_folder


@dataclass(frozen=True)
class Check:
    """One check; `sentence` says what must hold."""

    name: str
    severity: Literal["ERROR", "WARN"]
    asset: str
    sentence: str
    sql: str


def _parsed(path: Path) -> Check:
    sql = path.read_text(encoding="utf-8")
    first, second = sql.splitlines()[:2]
    word, _, sentence = first.removeprefix("-- ").partition(": ")
    if word not in ("ERROR", "WARN") or not second.startswith("-- asset: "):
        raise WarehouseError(f"{path.name} must begin with '-- ERROR: ...' or '-- WARN: ...', then '-- asset: NAME'")
    severity: Literal["ERROR", "WARN"] = "ERROR" if word == "ERROR" else "WARN"
    return Check(path.stem, severity, second.removeprefix("-- asset: ").strip(), sentence, sql)


def all_checks() -> list[Check]:
    """Return every check, in name order; raises WarehouseError for a file without its two comments."""
    return [_parsed(path) for path in sorted((sql_folder() / "checks").glob("*.sql"))]
