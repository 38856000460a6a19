"""What a run leaves behind: failed site-months and broken rules, which end it red after the good ones are done."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.portfolio import Portfolio
from pipeline.steps.reports import unrendered_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse, all_checks


@dataclass(frozen=True)
class Trouble:
    """One reason for a red run."""

    place: str
    sentence: str


def troubles(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[Trouble]:
    """Return every refused site file, failed site-month and report inside `scope`, and broken ERROR check."""
    found = [Trouble(f"site {name}", str(error)) for name, error in portfolio.refused.items() if scope.holds(name)]
    failed = warehouse.query("select * from site_month where state = 'failed' order by site_id, month")
    found.extend(
        Trouble(f"site {row['site_id']}, month {row['month']}, {row['stage']}", row["reason"])
        for row in failed.iter_rows(named=True)
        if scope.holds(row["site_id"], row["month"])
    )
    found += [
        Trouble(f"site {site_id}, month {month}, report", "the report could not be rendered; `v2b report` says why")
        for site_id, month in unrendered_months(portfolio, warehouse, scope)
    ]
    for check in all_checks():
        if check.severity == "ERROR":
            offending = warehouse.query(check.sql)
            if offending.height:
                found.append(Trouble(f"check {check.name}", f"{offending.height} rows offend: {check.sentence}"))
    return found
