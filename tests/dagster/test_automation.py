"""What starts runs by itself: each look asks for what is needed, once."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import AssetMaterialization, DagsterInstance, DagsterRunStatus, RunRequest
from dagster._core.test_utils import create_run_for_test

from pipeline.assets import automation
from pipeline.assets.processes import PROCESS_TAG
from pipeline.warehouse import exclusive_lock
from tests.dagster.conftest import history, ingested, look, simulated

YEAR_TAG = "dagster/asset_partition_range_end"


def at(monkeypatch: pytest.MonkeyPatch, moment_s: float) -> None:
    monkeypatch.setattr(automation, "now", lambda: datetime.fromtimestamp(moment_s, UTC))


def test_files_are_asked_for_once(blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(blank, tmp_path / "portfolio")
    at(monkeypatch, folder.stat().st_ctime + 3600)
    [request], cursor, _ = look(automation.landing, folder)
    assert request.run_config["ops"]["ingest_files"]["config"] == {"settle_s": automation.SETTLE_S}
    assert request.tags["dagster/max_retries"] == "3"
    again, same, reason = look(automation.landing, folder, cursor)
    assert (again, same, reason) == ([], cursor, "no file came in or changed")
    for change in ("landing/new.csv", "tariffs/new.toml", "sites/new.toml", "series/new.csv", "arming.csv"):
        (folder / change).parent.mkdir(exist_ok=True)
        (folder / change).write_text("changed\n", encoding="utf-8")
        [changed], cursor, _ = look(automation.landing, folder, cursor)
        assert changed.run_key == cursor


def test_a_file_still_being_written_is_waited_for(blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(blank, tmp_path / "portfolio")
    path = folder / "landing" / "half.csv"
    path.write_text("half a li", encoding="utf-8")
    changed = path.stat().st_ctime
    at(monkeypatch, changed + 9)
    _, before, _ = look(automation.landing, folder)
    at(monkeypatch, changed + 11)
    [request], _, _ = look(automation.landing, folder, before)
    assert request.run_key != before


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites whose bills are years apart; files loaded, no bill computed yet."""
    return ingested(simulated(tmp_path_factory.mktemp("pair") / "portfolio", sites=2))


@pytest.fixture
def instance(pair: Path) -> Iterator[DagsterInstance]:
    with history(pair) as opened:
        yield opened


def spans(requests: list[RunRequest]) -> list[tuple[str, str]]:
    start = YEAR_TAG.replace("_end", "_start")
    return [(request.tags[start], request.tags[YEAR_TAG]) for request in requests]


def test_stale_months_are_asked_for_range_by_range_and_once(pair: Path, instance: DagsterInstance) -> None:
    requests, cursor, _ = look(automation.stale_months, pair, None, instance)
    found = spans(requests)
    assert len(found) == 2  # not one run over the years between the two sites
    assert all(first <= last for first, last in found)
    assert found[0][1] < found[1][0]
    assert len({request.run_key for request in requests}) == 2
    again, _, reason = look(automation.stale_months, pair, cursor, instance)
    assert (again, reason) == ([], "nothing was loaded or computed since the last look")
    # once a run of months is done, only months after the first range can have followed from it
    assert json.loads(cursor or "")["after"] == found[0][1]
    instance.report_runless_asset_event(AssetMaterialization("analytics", partition=found[0][1]))
    later, _, _ = look(automation.stale_months, pair, cursor, instance)
    assert spans(later) == found[1:]


def test_a_look_waits_for_a_run_that_holds_the_warehouse_or_the_months(
    pair: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation, "_PATIENCE_S", 0.1)
    with exclusive_lock(pair, 0, "v2b run"):
        requests, cursor, reason = look(automation.stale_months, pair, None, instance)
    assert requests == []
    assert cursor is None
    assert "v2b run" in str(reason)


def test_runs_of_dead_processes_are_marked_while_the_daemon_runs(pair: Path, instance: DagsterInstance) -> None:
    tag = f"{os.uname().nodename} {2**22 + 1} 1"  # no process has an id above the kernel's limit
    created = create_run_for_test(instance, job_name="months", status=DagsterRunStatus.STARTED, tags={PROCESS_TAG: tag})
    _, _, under_way = look(automation.stale_months, pair, None, instance)
    assert under_way == "a run of the months is under way"
    _, _, reason = look(automation.dead_runs, pair, None, instance)
    assert str(reason).startswith("1 ")
    assert instance.get_run_by_id(created.run_id).status == DagsterRunStatus.FAILURE  # type: ignore[union-attr]
