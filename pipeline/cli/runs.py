"""Runs the Dagster assets in this process, in the portfolio's own instance, so that the UI shows the history."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import domain
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.stale import contiguous, stale_range
from pipeline.warehouse import Warehouse
from pipeline.warehouse.store import exclusive_lock

if TYPE_CHECKING:
    from dagster import AssetMaterialization, DagsterEvent, DagsterInstance, ExecuteInProcessResult

LOCATION: Final = "v2b"
"""The code location's name: in workspace.yaml, in pyproject.toml and here, so that there is one run history."""
_OPENING_S: Final = 60.0
_INTERRUPTED: Final = "interrupted: what was finished stands, the next `v2b run` does the rest"
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


@dataclass(frozen=True)
class _Call:
    """What every run of one command has in common."""

    folder: Path
    instance: DagsterInstance
    sites: Sequence[str]
    wait_s: float


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


@contextmanager
def opened_instance(folder: Path) -> Iterator[DagsterInstance]:
    """Open the portfolio's run history; raises WarehouseError where its databases cannot be used."""
    home = dagster_home(folder)
    from dagster import DagsterInstance
    from sqlalchemy.exc import DatabaseError

    try:
        # two processes that make its databases at the same time would leave them with two versions, for ever
        with exclusive_lock(home, _OPENING_S, "opening the run history"):
            instance = DagsterInstance.get()
        with instance:
            yield instance
    except DatabaseError as error:
        raise domain.WarehouseError(
            f"the run history in {home} cannot be read or written ({error.orig}); what was finished stands: make room "
            "on the disk or mend its rights, then run again; a history that is broken may be deleted"
        ) from error


def fail_killed_runs(instance: DagsterInstance) -> None:
    """Mark runs whose process is gone as failed, so that none seems to go on for ever."""
    from pipeline.assets.processes import fail_dead_runs

    fail_dead_runs(instance)


def run_everything(folder: Path, *, months: Sequence[str], sites: Sequence[str], wait_s: float) -> RunReport:
    """Ingest what is new, then materialize the stale (or named) months until none is stale."""
    report = RunReport()
    try:
        with _ended_like_ctrl_c(), opened_instance(folder) as instance:
            fail_killed_runs(instance)
            with _recorded_when_interrupted(instance):
                call = _Call(folder, instance, sites, wait_s)
                _ingest(call, report)
                _all_months(call, months, report)
    except KeyboardInterrupt:
        report.errors.append(_INTERRUPTED)
    return report


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does: transactions roll back and the run's end is recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _recorded_when_interrupted(instance: DagsterInstance) -> Iterator[None]:
    """Dagster records the end of a run that has begun; one that was only being set up must not wait for ever."""
    from pipeline.assets.processes import fail_own_runs

    try:
        yield
    except KeyboardInterrupt:
        fail_own_runs(instance)
        raise


def _all_months(call: _Call, months: Sequence[str], report: RunReport) -> None:
    """Materialize the named months, or what is stale, and then what that made stale.

    A run walks its months in order, and a bill depends on earlier ones only: so only later months can follow.
    """
    for span in contiguous(months):
        _months(call, span, report)
    scope = Scope(datetime.now(UTC), None, frozenset(call.sites) or None)
    while not months:
        with Warehouse(call.folder, wait_s=call.wait_s, note="v2b run") as warehouse:
            stale = stale_range(load_portfolio(call.folder), warehouse, scope)
        if stale is None:
            return
        _months(call, stale, report)
        scope = replace(scope, after=stale[1])


def _ingest(call: _Call, report: RunReport) -> None:
    result = _execute(call, "ingest", {}, {})
    for event in _events(result, "source_file"):
        files: Any = event.metadata["files"].value
        report.files.extend(files)
    _note_failures(result, report)


def _months(call: _Call, span: tuple[str, str], report: RunReport) -> None:
    from pipeline.assets.jobs import range_tags

    narrowed = {"config": {"sites": list(call.sites)}}
    config = dict.fromkeys(("compute", "report", "run_outcome"), narrowed) if call.sites else {}
    result = _execute(call, "months", range_tags(*span), config)
    for event in _events(result, "site_month"):
        sites: Any = event.metadata["computed"].value
        report.computed.extend((site, str(event.partition)) for site in sites)
    _note_failures(result, report)


def _execute(call: _Call, job: str, tags: dict[str, str], ops: dict[str, Any]) -> ExecuteInProcessResult:
    """Run a job here. Raises KeyboardInterrupt where the run was interrupted, once its end is recorded."""
    from pipeline.assets.processes import process_tag
    from pipeline.definitions import build_definitions

    definitions = build_definitions(call.folder, wait_s=call.wait_s)
    # the tags place the run in the UI's code location, and keep its daemon from trying it again
    origin = {".dagster/repository": f"__repository__@{LOCATION}", "dagster/max_retries": "0", "v2b/command": "v2b run"}
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=call.instance,
        tags={**origin, **process_tag(), **tags},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": ops},
        raise_on_error=False,
    )
    if not result.success and all(_is_interrupt(event) for event in result.all_events if event.is_step_failure):
        raise KeyboardInterrupt
    return result


def _is_interrupt(event: DagsterEvent) -> bool:
    from dagster._core.errors import DagsterExecutionInterruptedError

    error = event.step_failure_data.error
    return error is not None and error.cls_name in {DagsterExecutionInterruptedError.__name__, "KeyboardInterrupt"}


def _events(result: ExecuteInProcessResult, asset: str) -> list[AssetMaterialization]:
    found = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return [materialization for materialization in found if materialization.asset_key.path[-1] == asset]


def _note_failures(result: ExecuteInProcessResult, report: RunReport) -> None:
    from pipeline.assets.failures import failure_sentences

    report.errors.extend(error for error in failure_sentences(result.all_events) if error not in report.errors)
