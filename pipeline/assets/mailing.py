"""What goes out: the mails that are due, and the news of a failed run."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl
from dagster import AssetExecutionContext, Failure, MaterializeResult, MetadataValue, asset

from pipeline.assets.resources import PortfolioResource, WarehouseResource, now
from pipeline.assets.schema import AUDIENCE, OWNER
from pipeline.assets.shown import markdown_table
from pipeline.portfolio import Portfolio
from pipeline.steps.alerting import send_alert
from pipeline.steps.scope import Scope
from pipeline.steps.sending import Mailer, MailOutcome, send_due

_SHORT_PAUSES_S: Final = (3.0,)  # a sensor has one minute in all


@asset(
    deps=["report"],
    kinds={"email"},
    description="Reports, corrections, reminders and digests that are due: each is sent once, by the journal's outbox.",
    tags={AUDIENCE: "manager"},
    group_name="delivery",
    owners=[OWNER],
)
def email(
    context: AssetExecutionContext, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> MaterializeResult[Any]:
    """Send what is due; red where something was not sent."""
    read = portfolio.read()
    mailer = Mailer.of(read.settings, os.environ)
    outcomes = send_due(read, warehouse.open, portfolio.journal(), Scope(now()), mailer)
    left = [outcome.sentence for outcome in outcomes if outcome.state != "sent"]
    context.log.info("%d mails sent, %d not", len(outcomes) - len(left), len(left))
    metadata = _shown(outcomes)
    if left:
        raise Failure("\n".join(left), metadata=metadata, allow_retries=False)
    return MaterializeResult(metadata=metadata)


def _shown(outcomes: Sequence[MailOutcome]) -> dict[str, Any]:
    """How many mails went out, and which: without addresses, for many may read the UI."""
    counts = Counter(outcome.state for outcome in outcomes)
    rows = [{"mail": o.key.kind, "site": o.key.site_id, "month": o.key.month, "state": o.state} for o in outcomes]
    table = {"mails": markdown_table(pl.DataFrame(rows))} if rows else {}
    return {"sent": MetadataValue.int(counts["sent"]), "not_sent": len(outcomes) - counts["sent"], **table}


def tell_failure(portfolio: Portfolio, what: str, sentences: Sequence[str]) -> str:
    """Mail the news of a failed run to `[alerts] recipients`; returns what became of it."""
    if portfolio.settings.smtp is None or not portfolio.settings.alerts.recipients:
        return "v2b.toml names no [smtp] or no [alerts] recipients"
    mailer = replace(Mailer.of(portfolio.settings, os.environ), pauses_s=_SHORT_PAUSES_S)
    lost = send_alert(portfolio, mailer, what, list(sentences), at=now())
    return "; ".join(lost) or "told the recipients of [alerts]"
