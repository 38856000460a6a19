"""Many small files on their way into the warehouse, beside one file that holds the same rows."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import METER_HEADER, lay_out_warehouse, portfolio_folder

FILES = int(os.environ.get("V2B_BENCH_FILES", "500"))
A_DAY = 96
START = datetime(2013, 1, 1, tzinfo=UTC)


def day_lines(day: int) -> str:
    """A day of quarter hours of one meter."""
    first = START + timedelta(days=day)
    moments = (first + timedelta(minutes=15 * n) for n in range(A_DAY))
    return "".join(f"main,{at:%Y-%m-%dT%H:%M:%SZ},900,{at.hour}.5,0\n" for at in moments)


def land(root: Path, *, together: bool) -> Path:
    """Make a portfolio whose landing folder holds the days, one file each or all in one."""
    landing = portfolio_folder(root) / "landing"
    days = [day_lines(day) for day in range(FILES)]
    for number, lines in enumerate(["".join(days)] if together else days):
        (landing / f"{number:06}.csv").write_text(METER_HEADER + lines, encoding="utf-8")
    return root


def load_afresh(root: Path) -> int:
    """Load the whole landing folder as `v2b ingest` does, into an empty warehouse and journal; returns the rows."""
    (root / "journal.sqlite").unlink(missing_ok=True)
    lay_out_warehouse(root)
    with Warehouse(root) as warehouse:
        outcomes = ingest(load_portfolio(root), warehouse, Journal(root), now=datetime.now(UTC))
    loaded = sum(outcome.result.loaded for outcome in outcomes)
    if loaded != FILES * A_DAY:
        raise SystemExit(f"{loaded} of {FILES * A_DAY} rows were loaded, so the time says nothing")
    return loaded
