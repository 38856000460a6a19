"""What comes of it: per month, every site's worlds, bills, savings, reports; last, whether all went well."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    BackfillPolicy,
    Failure,
    MaterializeResult,
    MetadataValue,
    MonthlyPartitionsDefinition,
    asset,
    multi_asset,
    multi_asset_check,
)

from pipeline.assets.resources import PortfolioResource, RunScope, WarehouseResource, now
from pipeline.assets.schema import OWNER, counted, materialized, table_schema, table_spec
from pipeline.steps.months import MonthOutcome, compute_months
from pipeline.steps.outcome import troubles
from pipeline.steps.progress import tell
from pipeline.steps.reports import ReportOutcome, render_reports
from pipeline.steps.scope import Scope
from pipeline.warehouse import Check, all_checks, publish

MONTHS: Final = MonthlyPartitionsDefinition(start_date="2000-01-01", end_offset=1)
ONE_RUN: Final = BackfillPolicy.single_run()
_MONTH_TABLES: Final = {
    "charging_session": ("charger_reading", "session_record"),
    "charger_interval": ("charger_reading",),
    "load_interval": ("meter_interval", "charger_interval", "charging_session"),
    "quality_finding": ("load_interval",),
    "billing_determinant": ("load_interval",),
    "bill_line": ("billing_determinant",),
    "savings_month": ("bill_line", "load_interval", "charging_session"),
    "site_month": ("savings_month",),
}


def _months(context: AssetExecutionContext) -> list[str]:
    return [key[:7] for key in context.partition_keys]


def _scope(context: AssetExecutionContext, config: RunScope) -> Scope:
    return Scope(now(), frozenset(_months(context)), frozenset(config.sites) or None)


def _told_month(outcome: MonthOutcome) -> None:
    tell("compute", 0, None, f"{outcome.site_id} {outcome.month}")


def _told_report(outcome: ReportOutcome, done: int, total: int) -> None:
    tell("render", done, total, f"{outcome.site_id} {outcome.month}")


@multi_asset(
    name="compute",
    specs=[table_spec(table, "months", deps, partitions_def=MONTHS) for table, deps in _MONTH_TABLES.items()],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN,
)
def compute(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> Iterator[MaterializeResult[Any]]:
    """Compute the bills of the months whose inputs changed; a failed site-month is data, the others carry on."""
    with warehouse.open() as store:
        outcomes = compute_months(portfolio.read(), store, _scope(context, config), on_month=_told_month)
        for outcome in (outcome for outcome in outcomes if outcome.reason):
            context.log.warning("site %s, month %s: %s", outcome.site_id, outcome.month, outcome.reason)
        written = [f"{outcome.site_id}/{outcome.month}" for outcome in outcomes if outcome.written or outcome.state == "failed"]
        states = dict(Counter(outcome.state for outcome in outcomes))
        for table in _MONTH_TABLES:
            extra = {"computed": MetadataValue.json(written), "states": MetadataValue.json(states)}
            rows = counted(store, table, _months(context))
            yield materialized(table, rows, **(extra if table == "site_month" else {}))


@asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN,
    deps=["savings_month", "load_interval"],
    group_name="report",
    owners=[OWNER],
    kinds={"altair", "html"},
    description="Per site and month: report.html, summary.json and email.eml under out/, with the peak-day chart.",
    metadata={"dagster/column_schema": table_schema("report")},
)
def report(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> MaterializeResult[Any]:
    """Render the reports whose numbers, version or files changed."""
    outcomes = render_reports(
        portfolio.read(), warehouse.open, portfolio.journal(), _scope(context, config), on_report=_told_report
    )
    for outcome in (outcome for outcome in outcomes if outcome.reason):
        context.log.error("report of %s, %s: %s", outcome.site_id, outcome.month, outcome.reason)
    with warehouse.open() as store:
        rows = counted(store, "report", _months(context))
    return MaterializeResult(metadata={"dagster/row_count": rows, **_report_metadata(outcomes)})


def _report_metadata(outcomes: Sequence[ReportOutcome]) -> dict[str, MetadataValue[Any]]:
    """The newest chart as a picture, and a table of what was rendered."""
    rendered = [outcome for outcome in outcomes if outcome.rendered]
    if not rendered:
        return {}
    picture = b64encode(rendered[-1].peak_day_svg.encode()).decode()
    lines = "\n".join(f"| {o.site_id} | {o.month} | {o.version} |" for o in rendered)
    name = f"{rendered[-1].site_id} {rendered[-1].month}"
    return {
        "rendered": MetadataValue.md(f"| site | month | version |\n|---|---|---|\n{lines}"),
        "peak_day": MetadataValue.md(f"![Peak day of {name}](data:image/svg+xml;base64,{picture})"),
        "report_path": MetadataValue.path(str(rendered[-1].path)),
    }


@asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN,
    deps=["report", "site_month"],
    group_name="report",
    owners=[OWNER],
    kinds={"duckdb"},
    description="analytics.duckdb, the analysts' read-only copy: replaced at once, and only when something changed.",
)
def analytics(warehouse: WarehouseResource) -> MaterializeResult[Any]:
    """Publish the analysts' copy."""
    with warehouse.open() as store:
        replaced = publish(store)
    return MaterializeResult(metadata={"replaced": MetadataValue.bool(replaced)})


@asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN,
    deps=["analytics"],
    group_name="report",
    owners=[OWNER],
    kinds={"python"},
    description="Fails when a site, a site-month or a rule of sql/checks failed: red, after the good ones are done.",
)
def run_outcome(
    context: AssetExecutionContext, config: RunScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> MaterializeResult[Any]:
    """End the run red where anything in it went wrong."""
    with warehouse.open() as store:
        found = troubles(portfolio.read(), store, _scope(context, config))
    if found:
        listed = "\n".join(f"{trouble.place}: {trouble.sentence}" for trouble in found)
        raise Failure(listed, metadata={"troubles": MetadataValue.int(len(found))}, allow_retries=False)
    return MaterializeResult(metadata={"troubles": MetadataValue.int(0)})


def _check_spec(check: Check) -> AssetCheckSpec:
    return AssetCheckSpec(check.name, asset=check.asset, description=check.sentence)


@multi_asset_check(name="sql_checks", specs=[_check_spec(check) for check in all_checks()], can_subset=True)
def sql_checks(context: AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[AssetCheckResult]:
    """Run the selected checks of `sql/checks/`; offending rows stand in the metadata."""
    selected = {key.name for key in context.selected_asset_check_keys}
    with warehouse.open() as store:
        for check in (check for check in all_checks() if check.name in selected):
            offending = store.query(check.sql)
            yield AssetCheckResult(
                check_name=check.name,
                asset_key=AssetKey(check.asset),
                passed=offending.is_empty(),
                severity=AssetCheckSeverity[check.severity],
                metadata={
                    "offending_rows": offending.height,
                    "first_rows": MetadataValue.json([_plain(row) for row in offending.head(20).to_dicts()]),
                },
            )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float | str | None) else str(value) for name, value in row.items()}
