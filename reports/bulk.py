"""Many reports at once: rendered by processes beside this one, each of which compiles fonts and charts once."""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Final, Self

from reports.inputs import RenderedReport, ReportInput

WORTH_A_PROCESS: Final = 12
"""Reports per process from which on starting one takes less time than it saves."""


def _rendered(data: ReportInput) -> RenderedReport:
    """Render one report; the charts' libraries take half a second to import, and only a report has charts."""
    from reports.monthly import render_report  # noqa: PLC0415

    return render_report(data)


class Renderers:
    """Renders reports in `processes` of their own, or in this one where there are none; a context manager."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.processes:
            self._pool = ProcessPoolExecutor(self.processes, mp_context=get_context("spawn"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @property
    def ahead(self) -> int:
        """How many reports to hand over before waiting for the first: enough to keep every process busy."""
        return 3 * self.processes

    def submit(self, data: ReportInput) -> Future[RenderedReport]:
        """Return the report to come; its `result()` raises what rendering raised."""
        if self._pool is not None:
            return self._pool.submit(_rendered, data)
        made: Future[RenderedReport] = Future()
        try:
            made.set_result(_rendered(data))
        except Exception as error:  # noqa: BLE001 - kept for `result()`, as a pool keeps it
            made.set_exception(error)
        return made


def processes_for(reports: int) -> int:
    """Return how many processes are worth starting for so many reports; 0 where this one does it sooner."""
    cores = len(os.sched_getaffinity(0))
    return min(cores, reports // WORTH_A_PROCESS) if reports >= 2 * WORTH_A_PROCESS else 0
