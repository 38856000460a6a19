"""Small simulated portfolios, and what the run history in their `.dagster` holds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterRun,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)

from pipeline.assets.resources import PortfolioResource
from pipeline.cli.runs import RunReport, opened_instance, run_everything
from pipeline.definitions import build_definitions
from pipeline.simulate import SimulationOptions, write_portfolio


@contextmanager
def restored_environment() -> Iterator[None]:
    """Runs name their DAGSTER_HOME in the environment; other tests must not see it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def history(folder: Path) -> Iterator[DagsterInstance]:
    """The portfolio's run history, nothing marked, nothing changed."""
    with restored_environment(), opened_instance(folder) as instance:
        yield instance


def runs_of(folder: Path, job: str | None = None) -> list[DagsterRun]:
    """Runs of a job, newest first."""
    with history(folder) as instance:
        return [run for run in instance.get_runs() if job in {None, run.job_name}]


def materialized(folder: Path, asset: str) -> dict[str | None, AssetMaterialization]:
    """The newest event of each partition of an asset."""
    with history(folder) as instance:
        fetched = instance.fetch_materializations(AssetKey(asset), limit=1000, ascending=True)
    found = [record.asset_materialization for record in fetched.records]
    return {event.partition: event for event in found if event}


def run(folder: Path, *, months: tuple[str, ...] = (), sites: tuple[str, ...] = ()) -> RunReport:
    """What `v2b run` does, in this process."""
    with restored_environment():
        return run_everything(folder, months=months, sites=sites, wait_s=60)


def look(
    sensor: object, folder: Path, cursor: str | None = None, instance: DagsterInstance | None = None
) -> tuple[list[RunRequest], str | None, str | None]:
    """Requests, cursor and the reason of a skip of one tick."""
    context = build_sensor_context(
        cursor=cursor, instance=instance, resources={"portfolio": PortfolioResource(folder=str(folder))}
    )
    found = sensor(context)  # type: ignore[operator]
    if isinstance(found, SkipReason):
        return [], cursor, found.skip_message
    assert isinstance(found, SensorResult)
    reason = found.skip_reason.skip_message if isinstance(found.skip_reason, SkipReason) else found.skip_reason
    return list(found.run_requests or ()), found.cursor, reason


def simulated(folder: Path, *, sites: int = 1, months: int = 1) -> Path:
    """A portfolio with its files in landing/ and nothing loaded."""
    write_portfolio(folder, sites=sites, months=months, seed=7, options=SimulationOptions())
    return folder


def ingested(folder: Path) -> Path:
    """The same portfolio once the job `ingest` has run; no bill is computed yet."""
    with history(folder) as instance:
        job = build_definitions(folder).resolve_job_def("ingest")
        assert job.execute_in_process(instance=instance).success
    return folder


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One site over two months, nothing loaded yet: to be copied, not to be changed."""
    return simulated(tmp_path_factory.mktemp("blank") / "portfolio", months=2)
