"""The one screen that says what is right, what is wrong and what to do next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.domain import REASONS
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.stale import stale_pairs
from pipeline.warehouse import Warehouse


@dataclass(frozen=True)
class StatusRow:
    """One site and month; a site whose file is refused has one row without a month."""

    site_id: str
    month: str | None
    state: str
    grade: str | None
    provable: bool | None
    report_version: int | None
    email_state: str | None
    next_action: str | None
    findings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the machine contract of `v2b status --json`."""
        return {name: value for name, value in asdict(self).items() if name != "findings"}

    def cells(self) -> list[str]:
        """Return the row as text."""
        report = f"version {self.report_version}" if self.report_version else "-"
        found = f"{len(self.findings)}: {self.findings[0]}" if self.findings else "-"
        cells = (self.site_id, self.month, self.state, self.grade, report, self.email_state, found, self.next_action)
        return [cell or "-" for cell in cells]


def status_rows(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> list[StatusRow]:
    """Return one row per stored or stale site-month, and one per refused site file."""
    stale = set(stale_pairs(portfolio, warehouse, scope))
    sent = journal.outbox_states()
    rows = warehouse.query(
        "select s.site_id, s.month, s.state, s.summary, r.version from savings_month as s "
        "left join report as r using (site_id, month) order by s.site_id, s.month"
    )
    found = [_row(row, stale, sent) for row in rows.iter_rows(named=True)]
    known = {(row.site_id, row.month) for row in found}
    found += [StatusRow(s, m, "stale", None, None, None, None, "v2b run") for s, m in stale if (s, m) not in known]
    refused = [
        StatusRow(site_id, None, "refused", None, None, None, None, f"mend sites/{site_id}.toml", (str(error),))
        for site_id, error in portfolio.refused.items()
    ]
    return refused + sorted(found, key=lambda row: (row.site_id, row.month or ""))


def _row(row: dict[str, Any], stale: set[tuple[str, str]], sent: dict[tuple[str, str, int, str], str]) -> StatusRow:
    summary = json.loads(row["summary"])
    states = sorted({s for key, s in sent.items() if key[:3] == (row["site_id"], row["month"], row["version"])})
    is_stale = (row["site_id"], row["month"]) in stale
    return StatusRow(
        row["site_id"],
        row["month"],
        "stale" if is_stale else row["state"],
        summary["grade"] if row["state"] == "ok" else None,
        summary["provable"],
        row["version"],
        ", ".join(states) or None,
        "v2b run" if is_stale else _next_action(summary),
        tuple(summary["data"]["findings"] or ()),
    )


def _next_action(summary: dict[str, Any]) -> str | None:
    """What a person has to do for this month; None where nothing."""
    if summary["state"] == "failed":
        return f"mend it, then v2b run: {summary['data']['findings'][0]}"
    if summary["state"] == "ok" and not summary["provable"]:
        return REASONS[summary["reasons"][0]].sentence
    return None
