"""Which process works on a run; a run whose process is gone is marked failed, since Dagster itself never would."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

PROCESS_TAG: Final = "v2b/process"
_UNFINISHED: Final = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_START_FIELD: Final = (
    19  # proc(5): starttime is field 22; the name, field 2, may hold spaces and is cut off with its ')'
)


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None where no process has this id, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[_START_FIELD]


def process_tag() -> dict[str, str]:
    """Return the run tag that names this process: host, id and start, so that a reused id is not taken for it."""
    return {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())}"}


def is_gone(tag: str) -> bool:
    """Whether a tagged process is gone; False for one of another host, of which nothing is known here."""
    host, _, process = tag.rpartition(" ")[0].rpartition(" ")
    return host == socket.gethostname() and _started(int(process)) != tag.rpartition(" ")[2]


def fail_dead_runs(instance: DagsterInstance) -> int:
    """Mark unfinished runs whose process is gone as failed; returns how many there were."""
    sentence = "The process of this run is gone: it was killed. What it had finished stands; `v2b run` does the rest."
    return _fail(instance, [run for run in _tagged(instance) if is_gone(run.tags[PROCESS_TAG])], sentence)


def fail_own_runs(instance: DagsterInstance) -> int:
    """Mark unfinished runs of this process as failed, since it is ending; returns how many there were."""
    own = process_tag()[PROCESS_TAG]
    mine = [run for run in _tagged(instance) if run.tags[PROCESS_TAG] == own]
    return _fail(instance, mine, "Interrupted before it began; `v2b run` does it.")


def _tagged(instance: DagsterInstance) -> list[DagsterRun]:
    unfinished = instance.get_runs(RunsFilter(statuses=_UNFINISHED))
    return [run for run in unfinished if PROCESS_TAG in run.tags]


def _fail(instance: DagsterInstance, runs: list[DagsterRun], sentence: str) -> int:
    for run in runs:
        instance.report_run_failed(run, sentence)
    return len(runs)
