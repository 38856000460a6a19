"""Whole portfolios, driven as a person drives them (the `v2b` command) or by the steps beneath it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from pipeline.cli.entry import main
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.steps.months import MonthOutcome, compute_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse

COMMAND = (sys.executable, "-c", "from pipeline.cli import main; main()")


def v2b(*arguments: str, wait_s: int = 600) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, outside this process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=wait_s, env=environment, check=False
    )


def v2b_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process: the same answers without three seconds of imports for each."""
    out, err, code = StringIO(), StringIO(), 0
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    with (
        patch.dict(os.environ, outside, clear=True),
        patch("sys.argv", ["v2b", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess(["v2b", *arguments], code, out.getvalue(), err.getvalue())


def computed(folder: Path) -> tuple[list[FileOutcome], list[MonthOutcome]]:
    """Ingest and compute everything, without Dagster and without reports."""
    portfolio, now = load_portfolio(folder), datetime.now(UTC)
    with Warehouse(folder) as warehouse:
        files = ingest(portfolio, warehouse, Journal(folder), now=now)
        return files, compute_months(portfolio, warehouse, Scope(now))


def content(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The hash of every file below some entries of a folder."""
    paths = (path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in paths}


def tables(folder: Path) -> dict[str, object]:
    """An order-free hash of every table of the warehouse."""
    with Warehouse(folder) as warehouse:
        names = [name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()]
        return {
            name: warehouse.connection.execute(f"select count(*), bit_xor(hash(t)) from {name} as t").fetchone()
            for name in sorted(names)
        }
