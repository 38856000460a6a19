"""Runs that are ended: by Ctrl-C's cousin SIGTERM, by kill -9; nothing stays half done, nothing runs for ever."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from pipeline.assets.processes import PROCESS_TAG, is_gone, process_tag
from pipeline.warehouse import Warehouse, read_copy
from tests.dagster.conftest import run, runs_of
from tests.e2e.conftest import COMMAND

BOUND_S = 180.0
RUNNING = {DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED}


def tag_of(pid: int, *, host: str | None = None, start: str | None = None) -> str:
    """The tag this process has, with parts of it replaced."""
    own_host, _, own_start = process_tag()[PROCESS_TAG].split(" ")
    return f"{host or own_host} {pid} {start or own_start}"


def test_this_process_is_there() -> None:
    assert not is_gone(process_tag()[PROCESS_TAG])


def test_an_ended_process_is_gone() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert is_gone(tag_of(child.pid))


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    child = subprocess.Popen(["true"])
    try:
        deadline = time.monotonic() + BOUND_S
        while not is_gone(tag_of(child.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_gone(tag_of(child.pid))
    finally:
        child.wait()


def test_another_process_with_the_same_id_is_not_taken_for_it() -> None:
    assert is_gone(tag_of(os.getpid(), start="1"))


def test_nothing_is_said_of_other_hosts() -> None:
    assert not is_gone(tag_of(os.getpid(), host=f"not-{socket.gethostname()}", start="1"))


def started(folder: Path) -> subprocess.Popen[str]:
    """`v2b run` in a process of its own, once its run of the months is under way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    process = subprocess.Popen(
        [*COMMAND, "run", "--portfolio", str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_computing(folder):
            return process
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"no run of the months began: {process.communicate()[1]}")


def is_computing(folder: Path) -> bool:
    """Whether the run of the months has started; asked of SQLite, for Dagster answers when it is over."""
    path = folder / ".dagster" / "history" / "runs.db"
    if not path.is_file():
        return False
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as history:
        try:
            found = history.execute("select 1 from runs where pipeline_name = 'months' and status = 'STARTED'")
            return found.fetchone() is not None
        except sqlite3.OperationalError:  # its tables are being made, or it is being written to
            return False


@pytest.fixture(scope="module")
def undisturbed(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The result hashes of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed") / "portfolio"
    shutil.copytree(blank, folder)
    assert run(folder).errors == []
    return results(folder)


def results(folder: Path) -> dict[str, str]:
    rows = read_copy(folder / "analytics.duckdb", "select month, result_hash from savings_month order by month")
    return dict(rows.iter_rows())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_ended_run_leaves_nothing_half_done(
    blank: Path, tmp_path: Path, undisturbed: dict[str, str], number: signal.Signals
) -> None:
    for attempt in range(3):  # a run may be over before the signal is there
        folder = tmp_path / f"portfolio-{attempt}"
        shutil.copytree(blank, folder)
        process = started(folder)
        process.send_signal(number)
        _, told = process.communicate(timeout=BOUND_S)
        if process.returncode:
            break
    if number == signal.SIGTERM:
        assert process.returncode == 1
        assert "interrupted" in told
        assert "Traceback" not in told
        assert runs_of(folder, "months")[0].status == DagsterRunStatus.FAILURE
    else:
        assert process.returncode == -signal.SIGKILL
        assert runs_of(folder, "months")[0].status in RUNNING  # nobody was left to say that it ended
    ended = runs_of(folder, "months")[0].run_id
    with Warehouse(folder, wait_s=0):
        pass  # the lock is free and the file opens

    assert run(folder).errors == []
    assert results(folder) == undisturbed
    states = {found.run_id: found.status for found in runs_of(folder)}
    assert states.pop(ended) == DagsterRunStatus.FAILURE
    assert not RUNNING & set(states.values())
