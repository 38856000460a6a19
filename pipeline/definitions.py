"""The one name `workspace.yaml` knows: `defs`, built from the assets, for the portfolio in V2B_PORTFOLIO."""

import os
from pathlib import Path
from typing import Final

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    Definitions,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
)

from pipeline.assets.checking import sql_checks
from pipeline.assets.ingesting import ingest_files
from pipeline.assets.monthly import analytics, compute, report, run_outcome
from pipeline.assets.resources import PortfolioResource, WarehouseResource
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.stale import stale_range
from pipeline.warehouse import Warehouse

_INGEST = AssetSelection.groups("ingest")
_MONTHS = AssetSelection.groups("months", "report")

ingest_job = define_asset_job(
    "ingest", selection=_INGEST, description="Load everything new under landing/.", executor_def=in_process_executor
)
months_job = define_asset_job(
    "months",
    selection=_MONTHS,
    description="Compute, report and publish the stale site-months of a range of months.",
    executor_def=in_process_executor,
)

_TICK_WAIT_S: Final = 30.0  # Dagster gives a schedule one minute in all
_RANGE: Final = "dagster/asset_partition_range"


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the run tags that stand for the months first..last (YYYY-MM), both included."""
    return {f"{_RANGE}_start": first, f"{_RANGE}_end": last}


@schedule(
    job=ingest_job,
    cron_schedule="0 6 * * *",
    default_status=DefaultScheduleStatus.STOPPED,
    description="Every morning: load what is new.",
)
def daily_ingest() -> RunRequest:
    """Request the morning's ingest."""
    return RunRequest()


@schedule(
    job=months_job,
    cron_schedule="30 6 * * *",
    default_status=DefaultScheduleStatus.STOPPED,
    description="Every morning after the ingest: compute and report what is stale.",
)
def daily_months(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Request one run over the stale months; skip where every bill and report stands. Raises LockedError."""
    folder = _folder()
    with Warehouse(folder, wait_s=_TICK_WAIT_S, note="schedule") as warehouse:
        stale = stale_range(load_portfolio(folder), warehouse, Scope(context.scheduled_execution_time))
    return RunRequest(tags=range_tags(*stale)) if stale else SkipReason("every bill and report stands")


def _folder() -> Path:
    return Path(os.environ.get("V2B_PORTFOLIO", "portfolio")).resolve()


def build_definitions(folder: Path, *, wait_s: float = 600.0) -> Definitions:
    """Return all assets, checks, jobs and schedules for one portfolio folder."""
    return Definitions(
        assets=[ingest_files, compute, report, analytics, run_outcome],
        asset_checks=[sql_checks],
        jobs=[ingest_job, months_job],
        schedules=[daily_ingest, daily_months],
        resources={
            "portfolio": PortfolioResource(folder=str(folder)),
            "warehouse": WarehouseResource(folder=str(folder), wait_s=wait_s),
        },
        executor=in_process_executor,
    )


defs = build_definitions(_folder())
