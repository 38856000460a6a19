"""Runs the Dagster assets in this process, in the portfolio's own instance, so that the UI shows the history."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.calendars import months_between
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.stale import stale_range
from pipeline.warehouse import Warehouse

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult

_MOST_ROUNDS: Final = 24
_DAGSTER_YAML: Final = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  max_runtime_seconds: 14400
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
"""


@dataclass
class RunReport:
    """What a run did: files it decided on, site-months it computed, and why it ended red."""

    files: list[dict[str, Any]] = field(default_factory=list)
    computed: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def dagster_home(folder: Path) -> Path:
    """Make the portfolio's DAGSTER_HOME ready and name it to Dagster, unless the operator named another."""
    home = folder / ".dagster"
    home.mkdir(exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    return home


def run_everything(folder: Path, *, months: Sequence[str], sites: Sequence[str], wait_s: float) -> RunReport:
    """Ingest what is new, then materialize the stale (or named) months until none is stale."""
    report = RunReport()
    dagster_home(folder)
    _ingest(folder, wait_s, report)
    scope = Scope(datetime.now(UTC), frozenset(months) or None, frozenset(sites) or None)
    done: set[tuple[str, str]] = set()
    for _ in range(_MOST_ROUNDS):
        with Warehouse(folder, wait_s=wait_s, note="v2b run") as warehouse:
            span = stale_range(load_portfolio(folder), warehouse, scope)
        if months and not done:
            span = (min(months), max(months))
        if span is None or span in done:
            break
        done.add(span)
        _months(folder, span, sites, wait_s, report)
        if report.errors:
            break
    return report


def _ingest(folder: Path, wait_s: float, report: RunReport) -> None:
    result = _execute(folder, "ingest", {}, [], wait_s)
    report.files.extend(_metadata(result, "source_file", "files") or [])
    report.errors.extend(_failures(result))


def _months(folder: Path, span: tuple[str, str], sites: Sequence[str], wait_s: float, report: RunReport) -> None:
    from pipeline.definitions import range_tags

    result = _execute(folder, "months", range_tags(*span), sites, wait_s)
    written = _metadata(result, "site_month", "computed") or []
    wanted = set(months_between(*span))
    pairs = (tuple(name.rsplit("/", 1)) for name in written)
    report.computed.extend((site, month) for site, month in pairs if month in wanted)
    report.errors.extend(_failures(result))


def _execute(
    folder: Path, job: str, tags: dict[str, str], sites: Sequence[str], wait_s: float
) -> ExecuteInProcessResult:
    from dagster import DagsterInstance

    from pipeline.definitions import build_definitions

    definitions = build_definitions(folder, wait_s=wait_s)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if sites:
        config["ops"] = {name: {"config": {"sites": list(sites)}} for name in ("compute", "report", "run_outcome")}
    with DagsterInstance.get() as instance:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance, tags=tags, run_config=config, raise_on_error=False
        )


def _metadata(result: ExecuteInProcessResult, asset: str, name: str) -> list[Any] | None:
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        if materialization.asset_key.path[-1] == asset and name in materialization.metadata:
            value: list[Any] = materialization.metadata[name].value  # type: ignore[assignment]
            return value
    return None


def _failures(result: ExecuteInProcessResult) -> list[str]:
    """The sentences of failed steps: a Failure's own words, else those of the error that caused it."""
    sentences = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error, words = data.error, data.user_failure_data
            while error is not None and error.cause is not None:
                error = error.cause
            if words is not None and words.description:
                sentences.append(words.description)
            elif error is not None:
                sentences.append(error.message.strip().split(": ", 1)[-1])
    return sentences
