"""`python -m tests.bench`: one table, best of three each, with what it was measured on."""

import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

from tests.bench.cases import Case, all_cases
from tests.bench.loading import Run

RUNS = 3
WIDTHS = (28, 20, 10, 28, 10, 8, 8)


def best(work: Callable[[], int | Run]) -> Run:
    """Best of three: the least disturbed run is the one that says most about the program."""
    runs = [measured(work) for _ in range(RUNS)]
    if any(run.done <= 0 for run in runs):
        raise SystemExit("a benchmark did no work, so its time says nothing")
    return min(runs, key=lambda run: run.seconds)


def measured(work: Callable[[], int | Run]) -> Run:
    """One run; of what shares this process, the memory says nothing."""
    begin, on_processors = perf_counter(), process_time()
    done = work()
    if isinstance(done, Run):
        return done
    return Run(done, perf_counter() - begin, process_time() - on_processors, 0)


def line(*cells: str) -> str:
    texts = zip(cells, WIDTHS, (True, False, False, True, False, False, False), strict=True)
    return " ".join(cell.ljust(width) if left else cell.rjust(width) for cell, width, left in texts).rstrip()


def row(case: Case) -> str:
    took, floor = best(case.work), best(case.floor)
    times = (
        f"{took.seconds:.3f} s",
        case.floor_name,
        f"{floor.seconds:.3f} s",
        f"{took.seconds / floor.seconds:.1f} x",
    )
    return line(case.name, case.size, *times, f"{took.peak_mb} MB" if took.peak_mb else "")


def main() -> None:
    packages = " ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy"))
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {packages}; best of {RUNS}"
    )
    print(line("work", "size", "time", "floor", "floor", "ratio", "peak"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_for:
        for case in all_cases(Path(folder), open_for):
            print(row(case), flush=True)


main()
