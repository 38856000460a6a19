"""`python -m tests.bench.reports`: 200 different reports as page, paper and picture, on two processes.

The same month with another site name, load and version each time. The first reports of each process compile charts and
fonts and are not counted: warm is what a run of many sites has. V2B_BENCH_REPORTS makes it smaller.
"""

import os
import resource
from dataclasses import replace
from time import perf_counter
from typing import Final

os.environ["POLARS_MAX_THREADS"] = "1"  # read once, when polars is imported

import polars as pl

from reports.bulk import Renderers
from reports.inputs import ReportInput
from tests.reports.samples import good, with_summary

REPORTS: Final = int(os.environ.get("V2B_BENCH_REPORTS", "200"))
PROCESSES: Final = 2
WARM_UP: Final = 8
WANTED_PER_S: Final = 2.0
WANTED_MB: Final = 400


def different(number: int, source: ReportInput) -> ReportInput:
    """The sample month of a site of its own: another name, another load."""
    scaled = [pl.col(name) * (1000 + number) // 1000 for name in source.load.columns if name.endswith("_wh")]
    site = replace(source.site, site_id=f"site-{number}", name=f"Site {number}")
    data = replace(source, site=site, load=source.load.with_columns(scaled))
    return with_summary(data, site_id=site.site_id, version={"report": number})


def rounds(renderers: Renderers, source: ReportInput, first: int, count: int) -> list[tuple[int, int, int]]:
    """Render `count` different reports and return the sizes of page, paper and picture [bytes]."""
    waiting = [renderers.submit(different(first + number, source)) for number in range(count)]
    return [(len(made.result().html), len(made.result().pdf), len(made.result().peak_day_png)) for made in waiting]


def measured(count: int) -> tuple[float, float, float, list[tuple[int, int, int]]]:
    """Return wall time of the warm reports and processor time of all [s], their largest memory [MB], and the sizes."""
    source = good()
    with Renderers(PROCESSES) as renderers:
        rounds(renderers, source, 0, WARM_UP)
        began = perf_counter()
        sizes = rounds(renderers, source, WARM_UP, count)
        took = perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, sizes


def main() -> None:
    """Print the rate, the processor time and the memory, each beside what is wanted."""
    took, worked, memory, sizes = measured(REPORTS)
    page, paper, picture = (sum(column) / len(sizes) / 1000 for column in zip(*sizes, strict=True))
    print(f"{REPORTS} different reports on {PROCESSES} processes, warm: {took:.1f} s")
    print(f"  {REPORTS / took:.1f} reports/s (wanted {WANTED_PER_S:g}), {memory:.0f} MB a process (wanted {WANTED_MB})")
    print(f"  {worked:.1f} s of processor time with start and {WARM_UP} reports more to warm up")
    print(f"  mean size: page {page:.0f} kB, paper {paper:.0f} kB, picture {picture:.0f} kB")


if __name__ == "__main__":
    main()
