"""Which months a run has to materialize."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.calendars import add_months
from pipeline.portfolio import Portfolio
from pipeline.steps.months import stale_months
from pipeline.steps.reports import unrendered_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse

Span = tuple[str, str]
"""First and last of months YYYY-MM without a hole, both included."""


def stale_pairs(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[tuple[str, str]]:
    """Return the (site, month) pairs inside `scope` with a stale bill or report."""
    pairs = {*stale_months(portfolio, warehouse, scope), *unrendered_months(portfolio, warehouse, scope)}
    return sorted(pairs)


def stale_range(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> Span | None:
    """Return the first and last month inside `scope` with a stale bill or report; None where all stand."""
    months = sorted(month for _, month in stale_pairs(portfolio, warehouse, scope))
    return (months[0], months[-1]) if months else None


def stale_spans(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[Span]:
    """Return the months inside `scope` with a stale bill or report, as spans in order."""
    return contiguous(month for _, month in stale_pairs(portfolio, warehouse, scope))


def contiguous(months: Iterable[str]) -> list[Span]:
    """Join months (YYYY-MM) into spans without holes, so that a run touches no month between two named ones."""
    spans: list[Span] = []
    for month in sorted(set(months)):
        if spans and add_months(spans[-1][1], 1) == month:
            spans[-1] = (spans[-1][0], month)
        else:
            spans.append((month, month))
    return spans
