"""Twice is once, and a deleted warehouse comes back as it was: rows, reports, journal."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from pipeline.simulate import SimulationOptions, write_portfolio
from tests.e2e.conftest import computed, content, tables, v2b


def journal_rows(folder: Path) -> dict[str, list[tuple]]:
    with sqlite3.connect(folder / "journal.sqlite") as journal:
        names = [
            name
            for (name,) in journal.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
            )
        ]
        return {name: journal.execute(f"select * from {name} order by rowid").fetchall() for name in names}


def check(folder: Path) -> None:
    """Run a portfolio, run it again, delete what can be rebuilt and run it once more."""
    first = v2b("run", "--portfolio", str(folder))
    assert first.returncode == 0, first.stderr
    reports, rows, journal = content(folder, ["out"]), tables(folder), journal_rows(folder)
    assert reports
    assert journal["report_issued"]

    again = v2b("run", "--portfolio", str(folder), "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, [])
    assert (content(folder, ["out"]), tables(folder), journal_rows(folder)) == (reports, rows, journal)

    for name in ("warehouse.duckdb", "analytics.duckdb"):
        (folder / name).unlink()
    shutil.rmtree(folder / "out")
    rebuilt = v2b("run", "--portfolio", str(folder))
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert content(folder, ["out"]) == reports
    assert tables(folder) == rows
    assert journal_rows(folder) == journal


@pytest.mark.soak
def test_running_again_and_rebuilding_change_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "portfolio"
    write_portfolio(folder, sites=1, months=2, seed=11, options=SimulationOptions())
    check(folder)


def test_a_deleted_warehouse_is_rebuilt_to_the_same_rows(tmp_path: Path) -> None:
    folder = tmp_path / "portfolio"
    write_portfolio(folder, sites=1, months=2, seed=11, options=SimulationOptions())
    computed(folder)
    rows, journal = tables(folder), journal_rows(folder)
    assert not any(outcome.written for outcome in computed(folder)[1])
    assert (tables(folder), journal_rows(folder)) == (rows, journal)
    (folder / "warehouse.duckdb").unlink()
    computed(folder)
    assert (tables(folder), journal_rows(folder)) == (rows, journal)


@pytest.mark.soak
def test_nor_do_they_in_two_years_of_an_example(tmp_path: Path) -> None:
    folder = tmp_path / "portfolio"
    made = v2b("init", str(folder), "--example", "atsugi")
    assert made.returncode == 0, made.stderr
    check(folder)
