"""What a new version of a report changes: from which figure to which, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pipeline.journal import IssuedReport, Journal
from pipeline.warehouse import Warehouse

_FIGURES: Final[tuple[str, ...]] = ("saved", "peak_reduction_kw", "provable", "grade")
_OF_BILL: Final = "site_id = $site and bill_month = $month"
_SESSIONS: Final = (
    "site_id = $site and plugged_in_at < (select bill_to + 1 from bill) "
    "and coalesce(plugged_out_at, plugged_in_at) >= (select bill_from - 1 from bill)"
)
"""Sessions that may touch a bill: its days in UTC, with one to either side for the zone."""
_TABLES: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "meter intervals": ("meter_interval", "meter_interval_history", _OF_BILL),
    "charger readings": ("charger_reading", "charger_reading_history", _OF_BILL),
    "sessions of files": ("session_record", None, _SESSIONS),
}
"""What is counted: its table, that of its replaced values where they are kept, and which rows belong to a bill."""
_SOMETHING_ELSE: Final = (
    "The meter intervals, charger readings and sessions of this bill are as they were: its settings, tariff, another "
    "file (events, outages, arming, weather, reactive energy, utility bills) or an earlier bill changed."
)


@dataclass(frozen=True)
class Restatement:
    """The version before, its figures beside the new ones (the changed ones only), and the reasons in words."""

    before: IssuedReport
    changes: Mapping[str, tuple[Any, Any]]
    why: tuple[str, ...]

    @property
    def section(self) -> dict[str, Any]:
        """The `changes` part of the version block of the result contract."""
        return {
            "since": self.before.generated_at.isoformat(),
            "figures": {name: {"from": old, "to": new} for name, (old, new) in self.changes.items()},
            "why": list(self.why),
        }


def restatement(journal: Journal, warehouse: Warehouse, issued: IssuedReport) -> Restatement | None:
    """Return what a version changes of the one it restates; None for a first version."""
    if issued.restates is None:
        return None
    before = journal.report(issued.site_id, issued.month, issued.restates)
    if before is None:
        return None
    old, new = before.stated, issued.stated
    known = {name for name in _FIGURES if name in old and name in new}
    changes = {name: (old[name], new[name]) for name in _FIGURES if name in known and old[name] != new[name]}
    return Restatement(before, changes, _reasons(warehouse, before, issued))


def columns_before(restated: Restatement | None) -> dict[str, Any]:
    """Return the columns of table `report` that tell of the version before; all null for a first version."""
    before = restated.before if restated else None
    stated = before.stated if before else {}
    saved = stated.get("saved")
    return {
        "generated_before": before.generated_at if before else None,
        "saved_before": None if saved is None else Decimal(saved),
        "peak_reduction_before_kw": stated.get("peak_reduction_kw"),
        "grade_before": stated.get("grade"),
    }


def _reasons(warehouse: Warehouse, before: IssuedReport, issued: IssuedReport) -> tuple[str, ...]:
    """Say what data of this bill changed or came between two versions; where none did, what is left to have changed."""
    found = []
    for what in _TABLES:
        changed, came, files = _counts(warehouse, what, before, issued)
        counted = [(came, "came or changed")] if changed is None else [(changed, "replaced"), (came - changed, "new")]
        parts = [f"{count:,} {words}" for count, words in counted if count > 0]
        if parts:
            found.append(f"Of the {what}, {' and '.join(parts)} since the report before, in {files}.")
    return tuple(found) or (_SOMETHING_ELSE,)


def _counts(warehouse: Warehouse, what: str, before: IssuedReport, issued: IssuedReport) -> tuple[int | None, int, str]:
    since = {
        "site": issued.site_id,
        "month": issued.month,
        "low": before.generated_at,
        "high": issued.generated_at,
    }
    table, history, of_bill = _TABLES[what]
    loads = "select load_id, path from source_file where seen_at > $low and seen_at <= $high"
    bill = "select bill_from, bill_to from savings_month where site_id = $site and month = $month"
    gone = f"(select count(*) from {history} join loads on superseded_by = loads.load_id where {of_bill})"  # noqa: S608
    replaced = "null" if history is None else gone
    changed, came, paths = warehouse.query(
        f"with loads as ({loads}), bill as ({bill}) select {replaced}, "  # noqa: S608 - names of tables are constants
        f"(select count(*) from {table} join loads using (load_id) where {of_bill}), "
        f"(select list(distinct path order by path) from {table} join loads using (load_id) where {of_bill})",
        since,
    ).row(0)
    named = list(paths or [])
    others = f" and {len(named) - 3} more files" if len(named) > 3 else ""
    return changed, came, ", ".join(named[:3]) + others
