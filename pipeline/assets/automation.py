"""What starts runs by itself: a file that came in, a month that became stale, the morning; and what cleans up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    run_failure_sensor,
    schedule,
    sensor,
)

from pipeline.assets.failures import failure_sentences
from pipeline.assets.jobs import ingest_job, months_job, range_end, range_tags, send_job
from pipeline.assets.mailing import tell_failure
from pipeline.assets.processes import fail_dead_runs
from pipeline.assets.resources import PortfolioResource, now
from pipeline.domain import LockedError
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.settling import fingerprint
from pipeline.steps.stale import Span, stale_spans
from pipeline.warehouse import Warehouse

SETTLE_S: Final = 10.0
_LOOK_S: Final = 15  # seconds between two looks of a sensor
_PATIENCE_S: Final = 20.0  # a look that finds the warehouse taken is simply the next one's
_INGESTED: Final = "source_file"
_COMPUTED: Final = "analytics"
_AFTER: Final = "after"  # the end of the first range asked for: only later months can follow from it
_UNDER_WAY: Final = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_TRY_AGAIN: Final = {"dagster/max_retries": "3", "dagster/retry_on_asset_or_op_failure": "true"}
"""For runs that load files: what fails there is a warehouse in use or a disk, and both may pass."""


@sensor(
    job=ingest_job,
    minimum_interval_seconds=_LOOK_S,
    default_status=DefaultSensorStatus.RUNNING,
    description=f"Loads files that stood still in landing/ for {SETTLE_S:g} s; looks at changed configuration, too.",
)
def landing(context: SensorEvaluationContext, portfolio: PortfolioResource) -> SensorResult | SkipReason:
    """Request one ingest run per state of the portfolio's files."""
    found = fingerprint(Path(portfolio.folder), now_s=now().timestamp(), settle_s=SETTLE_S)
    if found == context.cursor:
        return SkipReason("no file came in or changed")
    scope = {"ops": {"ingest_files": {"config": {"settle_s": SETTLE_S}}}}
    return SensorResult([RunRequest(run_key=found, run_config=scope, tags=_TRY_AGAIN)], cursor=found)


@sensor(
    job=months_job,
    minimum_interval_seconds=_LOOK_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Computes and reports the months that new files, or bills computed before them, made stale.",
)
def stale_months(context: SensorEvaluationContext, portfolio: PortfolioResource) -> SensorResult | SkipReason:
    """Request one run per contiguous range of stale months, once after each ingest and after each run of months.

    Bills depend on earlier ones only: after a run of months, later ones alone can have become stale. A month that
    fails is tried again by the next ingest, so that a broken site keeps no daemon busy.
    """
    instance, seen = context.instance, json.loads(context.cursor or "{}")
    if instance.get_runs(RunsFilter(job_name=months_job.name, statuses=_UNDER_WAY), limit=1):
        return SkipReason("a run of the months is under way")
    newest = {asset: _newest(instance, asset) for asset in (_INGESTED, _COMPUTED)}
    scope = Scope(now())
    if newest[_INGESTED] == seen.get(_INGESTED):
        if newest[_COMPUTED] == seen.get(_COMPUTED):
            return SkipReason("nothing was loaded or computed since the last look")
        scope = replace(scope, after=seen.get(_AFTER) or _last_month(instance))
    try:
        spans = _stale(Path(portfolio.folder), scope)
    except LockedError as error:
        return SkipReason(str(error))
    look = "-".join(str(newest[asset]) for asset in (_INGESTED, _COMPUTED))
    requests = [RunRequest(run_key=f"{look}-{first}", tags=range_tags(first, last)) for first, last in spans]
    reason = None if requests else "every bill and report stands"
    after = spans[0][1] if spans else None
    return SensorResult(requests, skip_reason=reason, cursor=json.dumps({**newest, _AFTER: after}))


def _newest(instance: DagsterInstance, asset: str) -> int | None:
    """The number of the newest event in which an asset came about; None where it never did."""
    records = instance.fetch_materializations(AssetKey(asset), limit=1).records
    return records[0].storage_id if records else None


def _last_month(instance: DagsterInstance) -> str | None:
    """The last month of the run that computed most recently."""
    event = instance.get_latest_materialization_event(AssetKey(_COMPUTED))
    run = instance.get_run_by_id(event.run_id) if event else None
    return range_end(dict(run.tags)) if run else None


def _stale(folder: Path, scope: Scope) -> Sequence[Span]:
    with Warehouse(folder, wait_s=_PATIENCE_S, note="sensor stale_months") as warehouse:
        return stale_spans(load_portfolio(folder), warehouse, scope)


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Marks runs failed whose process was killed: by itself none would ever end.",
)
def dead_runs(context: SensorEvaluationContext) -> SkipReason:
    """Mark runs of dead processes failed, at the daemon's start and every minute."""
    return SkipReason(f"{fail_dead_runs(context.instance)} runs had lost their process")


daily_ingest = ScheduleDefinition(
    name="daily_ingest",
    job=ingest_job,
    cron_schedule="0 6 * * *",
    tags=_TRY_AGAIN,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every morning: load what is new and look at every month again, since bills close with time.",
)


@schedule(
    job=send_job,
    cron_schedule="30 7 * * *",
    default_status=DefaultScheduleStatus.STOPPED,
    description="Every morning: mail what is due. Off until you switch it on, lest a copy of a portfolio mails, too.",
)
def daily_due(portfolio: PortfolioResource) -> RunRequest | SkipReason:
    """Request the morning's mails, where there is a server to give them to."""
    if portfolio.read().settings.smtp is None:
        return SkipReason("v2b.toml has no [smtp]")
    return RunRequest()


@run_failure_sensor(
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=_LOOK_S,
    description="Mails the reasons of a failed run to [alerts] recipients in v2b.toml; without them it does nothing.",
)
def failed_runs(context: RunFailureSensorContext, portfolio: PortfolioResource) -> SkipReason:
    """Tell that a run failed, and why."""
    run = context.dagster_run
    sentences = failure_sentences(context.get_step_failure_events()) or [context.failure_event.message or ""]
    what = f"run {run.run_id[:8]} of the job {run.job_name}"
    return SkipReason(tell_failure(portfolio.read(), what, sentences))


SENSORS: Final = [landing, stale_months, dead_runs, failed_runs]
SCHEDULES: Final = [daily_ingest, daily_due]
