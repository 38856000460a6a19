"""Which months a run has to materialize."""

from __future__ import annotations

from pipeline.portfolio import Portfolio
from pipeline.steps.months import stale_months
from pipeline.steps.reports import unrendered_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse


def stale_pairs(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[tuple[str, str]]:
    """Return the (site, month) pairs inside `scope` with a stale bill or report."""
    pairs = {*stale_months(portfolio, warehouse, scope), *unrendered_months(portfolio, warehouse, scope)}
    return sorted(pairs)


def stale_range(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> tuple[str, str] | None:
    """Return the first and last month inside `scope` with a stale bill or report; None where all stand."""
    months = sorted(month for _, month in stale_pairs(portfolio, warehouse, scope))
    return (months[0], months[-1]) if months else None
