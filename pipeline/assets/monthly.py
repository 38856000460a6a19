"""What comes of it: per month, every site's worlds, bills, savings, reports; last, whether all went well."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, Final

import polars as pl
from dagster import (
    AssetExecutionContext,
    BackfillPolicy,
    Failure,
    MaterializeResult,
    MetadataValue,
    MonthlyPartitionsDefinition,
    asset,
    multi_asset,
)

from pipeline.assets.resources import PortfolioResource, RunScope, WarehouseResource, now
from pipeline.assets.schema import AUDIENCE, FRESH, OWNER, table_comment, table_metadata, table_spec
from pipeline.assets.shown import Shown, counted_by_month, markdown_table, reports_by_month, results_by_month
from pipeline.steps.months import MonthOutcome, compute_months
from pipeline.steps.outcome import troubles
from pipeline.steps.progress import tell
from pipeline.steps.reports import ReportOutcome, render_reports
from pipeline.steps.scope import Scope
from pipeline.warehouse import BILL_TABLES, publish

LOG: Final = logging.getLogger(__name__)
MONTHS: Final = MonthlyPartitionsDefinition(start_date="2000-01", fmt="%Y-%m", end_offset=1)
"""Bills can end mid-month, so the month that is running is a partition, too."""
_DEPS: Final[Mapping[str, Sequence[str]]] = {
    "charging_session": ("charger_reading", "session_record"),
    "charger_interval": ("charger_reading",),
    "load_interval": ("meter_interval", "meter_reactive", "charger_interval", "charging_session"),
    "baseline_day": ("load_interval", "day_class", "weather_hour"),
    "bill_line": ("billing_determinant",),
    "determinant_draw": ("load_interval",),
    "saving_draw": ("determinant_draw",),
    "utility_bill": ("bill_line",),
    "savings_month": ("bill_line", "load_interval", "charging_session", "baseline_day", "utility_bill", "saving_draw"),
    "site_month": ("savings_month",),
}
_UPSTREAM: Final = {table: _DEPS.get(table, ("load_interval",)) for table in BILL_TABLES}
_MONTH_TABLES: Final = {
    table: _UPSTREAM[table] for table in TopologicalSorter(_UPSTREAM).static_order() if table in _UPSTREAM
}
"""Every table of a bill after those it is computed from: the worlds' windows where nothing else is said."""
_ONE_RUN: Final = BackfillPolicy.single_run()


def _scope(context: AssetExecutionContext, config: RunScope) -> Scope:
    return Scope(now(), frozenset(context.partition_keys), frozenset(config.sites) or None)


def _show(context: AssetExecutionContext, shown: Mapping[str, Shown], table: str) -> None:
    """Give each month's event its own metadata, however many months the run is about."""
    for month, metadata in shown.items():
        context.add_asset_metadata(metadata, asset_key=table, partition_key=month)


def _told_month(outcome: MonthOutcome) -> None:
    tell("compute", 0, None, f"{outcome.site_id} {outcome.month}")
    place = {"site": outcome.site_id, "month": outcome.month}
    LOG.info("computed: %s%s", outcome.state, f": {outcome.reason}" if outcome.reason else "", extra=place)


def _told_report(outcome: ReportOutcome, done: int, total: int) -> None:
    tell("render", done, total, f"{outcome.site_id} {outcome.month}")
    place = {"site": outcome.site_id, "month": outcome.month}
    LOG.info("report: %s", outcome.reason or ("rendered" if outcome.rendered else "stands"), extra=place)


@multi_asset(
    name="compute",
    specs=[table_spec(table, "months", deps, partitions_def=MONTHS) for table, deps in _MONTH_TABLES.items()],
    partitions_def=MONTHS,
    backfill_policy=_ONE_RUN,
)
def compute(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> Iterator[MaterializeResult[Any]]:
    """Compute the bills of the months whose inputs changed; a failed site-month is data, the others carry on."""
    with warehouse.open() as store:
        outcomes = compute_months(portfolio.read(), store, _scope(context, config), on_month=_told_month)
        for outcome in (outcome for outcome in outcomes if outcome.reason):
            context.log.warning("site %s, month %s: %s", outcome.site_id, outcome.month, outcome.reason)
        _show(context, results_by_month(store, context.partition_keys), "savings_month")
        _show(context, _computed(outcomes, context.partition_keys), "site_month")
        counts = {table: counted_by_month(store, table, context.partition_keys) for table in _MONTH_TABLES}
    for table, shown in counts.items():  # the warehouse is free again while Dagster records
        _show(context, shown, table)
        yield MaterializeResult(asset_key=table)


def _computed(outcomes: Sequence[MonthOutcome], months: Sequence[str]) -> dict[str, Shown]:
    """Which sites were computed, well or in vain, by month: what the command line prints."""
    written: dict[str, list[str]] = {month: [] for month in months}
    for outcome in outcomes:
        if outcome.written or outcome.state == "failed":
            written[outcome.month].append(outcome.site_id)
    return {month: {"computed": MetadataValue.json(sites)} for month, sites in written.items()}


@asset(
    deps=["savings_month", "load_interval"],
    kinds={"altair", "html"},
    description=f"report.html, summary.json and email.eml under out/, and their table. {table_comment('report')}",
    metadata=table_metadata("report"),
    freshness_policy=FRESH["report"],
    tags={AUDIENCE: "manager"},
    group_name="report",
    owners=[OWNER],
    partitions_def=MONTHS,
    backfill_policy=_ONE_RUN,
)
def report(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> None:
    """Render the reports whose numbers, version or files changed."""
    read, scope = portfolio.read(), _scope(context, config)
    outcomes = render_reports(read, warehouse.open, portfolio.journal(), scope, on_report=_told_report)
    for outcome in (outcome for outcome in outcomes if outcome.reason):
        context.log.error("report of %s, %s: %s", outcome.site_id, outcome.month, outcome.reason)
    rendered = sum(outcome.rendered for outcome in outcomes)
    context.log.info("%d reports rendered", rendered)
    with warehouse.open() as store:
        _show(context, counted_by_month(store, "report", context.partition_keys), "report")
        _show(context, reports_by_month(read, store, context.partition_keys), "report")


@asset(
    deps=["report", "site_month"],
    kinds={"duckdb"},
    description="analytics.duckdb, the analysts' read-only copy: replaced at once, and only when something changed.",
    tags={AUDIENCE: "analyst"},
    group_name="report",
    owners=[OWNER],
    partitions_def=MONTHS,
    backfill_policy=_ONE_RUN,
)
def analytics(warehouse: WarehouseResource) -> MaterializeResult[Any]:
    """Publish the analysts' copy."""
    with warehouse.open() as store:
        return MaterializeResult(metadata={"replaced": MetadataValue.bool(publish(store))})


@asset(
    deps=["analytics"],
    kinds={"python"},
    description="Fails when a site, a site-month or a rule of sql/checks failed: red, after the good ones are done.",
    tags={AUDIENCE: "operator"},
    group_name="report",
    owners=[OWNER],
    partitions_def=MONTHS,
    backfill_policy=_ONE_RUN,
)
def run_outcome(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> MaterializeResult[Any]:
    """End the run red where anything in it went wrong."""
    with warehouse.open() as store:
        found = troubles(portfolio.read(), store, _scope(context, config))
    if found:
        listed = "\n".join(f"{trouble.place}: {trouble.sentence}" for trouble in found)
        table = markdown_table(pl.DataFrame([{"where": t.place, "what": t.sentence} for t in found]))
        raise Failure(listed, metadata={"troubles": table}, allow_retries=False)
    return MaterializeResult(metadata={"troubles": MetadataValue.int(0)})
