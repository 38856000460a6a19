"""A large meter CSV on its way into the warehouse, and what DuckDB alone needs; each in a process of its own.

`python -m tests.bench.loading work FILE FOLDER` (or floor) does one of the two and prints what it took as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import numpy as np
import polars as pl

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import portfolio_folder

ROWS = int(os.environ.get("V2B_BENCH_ROWS", "20_000_000"))
METERS = 20
TYPED = {
    "meter_id": "varchar",
    "interval_start": "timestamptz",
    "duration_s": "bigint",
    "import_kwh": "decimal(18, 9)",
    "export_kwh": "decimal(18, 9)",
}


@dataclass(frozen=True)
class Run:
    """What one process took: rows it handled, its time [s] on the clock and on the processors, its peak memory [MB]."""

    done: int
    seconds: float
    cpu_s: float
    peak_mb: int


def write_meter_csv(path: Path, rows: int = ROWS) -> None:
    """Five-minute rows of twenty meters, one meter after the other, energies to the Wh as in a utility's export."""
    count, generator = rows // METERS, np.random.default_rng(1)
    starts = pl.datetime_range(
        datetime(2013, 1, 1), datetime(2013, 1, 1) + timedelta(minutes=5 * (count - 1)), "5m", eager=True
    ).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    with path.open("wb") as out:
        for meter in range(METERS):
            frame = pl.DataFrame(
                {
                    "meter_id": pl.repeat(f"M{meter}", count, eager=True),
                    "interval_start": starts,
                    "duration_s": pl.repeat(300, count, eager=True),
                    "import_kwh": generator.integers(0, 20_000, count) / 1000,
                    "export_kwh": np.where(np.arange(count) % 12 == 0, 0.25, 0.0),
                }
            )
            frame.write_csv(out, include_header=meter == 0, float_precision=3)


def work(path: Path, folder: Path) -> int:
    """Load as `v2b ingest` does: checked, filed under site, day and bill, compared with what is known, journalled."""
    root = portfolio_folder(folder)
    site = root / "sites" / "atsugi.toml"
    meters = [f'[[meters]]\nmeter_id = "M{n}"\nrole = "{"sub" if n else "billing"}"\n' for n in range(METERS)]
    text = site.read_text(encoding="utf-8").replace('[[meters]]\nmeter_id = "main"\n', "".join(meters))
    site.write_text(text, encoding="utf-8")
    (root / "landing" / path.name).hardlink_to(path)
    with Warehouse(root) as warehouse:
        outcomes = ingest(load_portfolio(root), warehouse, Journal(root), now=datetime.now(UTC))
    return sum(outcome.result.loaded for outcome in outcomes if outcome.outcome == "loaded")


def floor(path: Path, folder: Path) -> int:
    """Read the same file into one table of a new database, in the types of its columns: no check, no comparison."""
    folder.mkdir(parents=True)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPED.items())
    with duckdb.connect(str(folder / "plain.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"create table plain as select * from read_csv(?, header = true, auto_detect = false, "
            f"columns = {{{columns}}})",
            [str(path)],
        )
        return int(connection.execute("select count(*) from plain").fetchall()[0][0])


def apart(side: str, path: Path) -> Run:
    """Run one side in a new process, so that its memory is its own, and in a new folder beside the file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "tests.bench.loading", side, str(path), f"{folder}/new"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SystemExit(told.stderr)
    return Run(**json.loads(told.stdout))


def peak_mb() -> int:
    """The most memory this process ever had; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10


def main() -> None:
    side, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    sides: dict[str, Callable[[Path, Path], int]] = {"work": work, "floor": floor}
    begin, on_processors = perf_counter(), process_time()
    done = sides[side](path, folder)
    run = Run(done, perf_counter() - begin, process_time() - on_processors, peak_mb())
    print(json.dumps(asdict(run)))


if __name__ == "__main__":
    main()
