"""Which e-mails are due: rendered, addressed to somebody, and not sent before by the journal's outbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.journal import Journal
from pipeline.portfolio import Portfolio
from pipeline.steps.reports import report_folder
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse


@dataclass(frozen=True)
class DueMessage:
    """One e-mail to one recipient."""

    site_id: str
    month: str
    version: int
    recipient: str
    path: Path


def due_messages(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> list[DueMessage]:
    """Return the e-mails inside `scope` that no earlier run has sent, by site, month and recipient."""
    states = journal.outbox_states()
    rows = warehouse.query("select site_id, month, version from report order by site_id, month").iter_rows()
    return [
        DueMessage(site_id, month, version, recipient, report_folder(portfolio, site_id, month) / "email.eml")
        for site_id, month, version in rows
        if site_id in portfolio.sites and scope.holds(site_id, month)
        for recipient in portfolio.sites[site_id].report.recipients
        if states.get((site_id, month, version, recipient)) not in ("sending", "sent", "unknown")
    ]
