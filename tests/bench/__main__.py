"""`python -m tests.bench`: one table, best of three each, with what it was measured on."""

import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from tests.bench.cases import Case, all_cases

RUNS = 3
WIDTHS = (28, 20, 10, 28, 10, 8)


def seconds(work: Callable[[], int]) -> float:
    """Best of three: the least disturbed run is the one that says most about the program."""
    times = []
    for _ in range(RUNS):
        begin = perf_counter()
        done = work()
        times.append(perf_counter() - begin)
        if done <= 0:
            raise SystemExit("a benchmark did no work, so its time says nothing")
    return min(times)


def line(*cells: str) -> str:
    texts = zip(cells, WIDTHS, (True, False, False, True, False, False), strict=True)
    return " ".join(cell.ljust(width) if left else cell.rjust(width) for cell, width, left in texts).rstrip()


def row(case: Case) -> str:
    took, floor = seconds(case.work), seconds(case.floor)
    return line(case.name, case.size, f"{took:.3f} s", case.floor_name, f"{floor:.3f} s", f"{took / floor:.1f} x")


def main() -> None:
    packages = " ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy"))
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {packages}; best of {RUNS}"
    )
    print(line("work", "size", "time", "floor", "floor", "ratio"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_for:
        for case in all_cases(Path(folder), open_for):
            print(row(case), flush=True)


main()
