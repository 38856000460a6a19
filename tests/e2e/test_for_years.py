"""The long counts of living with a portfolio: an analyst who never stops asking, runs that are killed at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from pipeline.simulate import SimulationOptions, write_portfolio
from pipeline.warehouse import read_copy
from tests.e2e.conftest import COMMAND, v2b

pytestmark = pytest.mark.soak

PUBLISHED = 10
KILLS = 8
RESULTS = "select site_id, month, result_hash from savings_month order by all"

# Opens the copy anew, asks three tables that only one published state has alike, and notes each state it sees.
ANALYST = """
import duckdb, sys, time
path, stop, seen, asked = sys.argv[1], sys.argv[2], [], 0
print("ready", flush=True)
import os
while not os.path.exists(stop):
    with duckdb.connect(path, read_only=True) as copy:
        metered, drawn, lines, bills = copy.execute(
            "select (select sum(import_wh) from meter_interval), (select sum(actual_import_wh) from load_interval), "
            "(select sum(amount) from bill_line where scenario = 'actual'), "
            "(select sum(bill_actual) from savings_month)"
        ).fetchone()
    asked += 1
    if metered != drawn or lines != bills:
        sys.exit(f"half published: {metered} Wh metered, {drawn} Wh drawn, lines {lines}, bills {bills}")
    if metered not in seen:
        seen.append(metered)
    elif metered != seen[-1]:
        sys.exit(f"back in time: {seen}, then {metered}")
    time.sleep(0.02)
print(len(seen), asked)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "portfolio"
    write_portfolio(folder, sites=1, months=1, seed=7, options=SimulationOptions())
    return folder


def correct(folder: Path, number: int) -> None:
    """A late file: one night window drew `number` kWh more than was said."""
    meter = next((folder / "landing").rglob("meter.csv"))
    header, *lines = meter.read_text(encoding="utf-8").splitlines()
    cells = next(line for line in lines if "-10T02:00" in line).split(",")
    cells[3] = str(Decimal(cells[3]) + number)
    (meter.parent / f"corrected-{number}.csv").write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")


def test_an_analyst_who_never_stops_asking_sees_ten_runs_whole_and_delays_none(made: Path, tmp_path: Path) -> None:
    folder, stop = copytree(made, tmp_path / "portfolio"), tmp_path / "stop"
    assert v2b("run", "--portfolio", str(folder)).returncode == 0
    analyst = subprocess.Popen(
        [sys.executable, "-c", ANALYST, str(folder / "analytics.duckdb"), str(stop)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert analyst.stdout is not None
    assert analyst.stdout.readline() == "ready\n"
    for number in range(1, PUBLISHED + 1):
        correct(folder, number)
        run = v2b("run", "--portfolio", str(folder), "--wait", "0")
        assert run.returncode == 0, run.stderr
        time.sleep(0.5)
    stop.touch()
    said, told = analyst.communicate(timeout=120)
    assert (analyst.returncode, told) == (0, "")
    states, asked = map(int, said.split())
    print(f"{asked} questions saw {states} states")
    assert states == PUBLISHED + 1


def test_runs_killed_at_random_moments_are_repaired_by_the_next(made: Path, tmp_path: Path) -> None:
    """Each attempt goes on with what the killed one left; the last state is that of a run nobody killed."""
    seed = int(os.environ.get("V2B_SOAK_SEED", "1"))
    alone = copytree(made, tmp_path / "alone")
    begun = time.monotonic()
    assert v2b("run", "--portfolio", str(alone)).returncode == 0
    whole, generator, killed = time.monotonic() - begun, random.Random(seed), 0
    folder = copytree(made, tmp_path / "portfolio")
    for number in range(KILLS):
        if number == KILLS // 2:  # the second half restates a bill that stands already
            assert v2b("run", "--portfolio", str(folder)).returncode == 0
            correct(folder, 5)
        process = subprocess.Popen(
            [*COMMAND, "run", "--portfolio", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(generator.random() * whole)
        process.kill()
        killed += process.wait(timeout=120) == -signal.SIGKILL
    last = v2b("run", "--portfolio", str(folder), "--wait", "0")
    assert last.returncode == 0, last.stderr
    print(f"seed {seed}: {killed} of {KILLS} runs were killed before they were done")
    assert killed >= KILLS // 2
    correct(alone, 5)
    assert v2b("run", "--portfolio", str(alone)).returncode == 0
    copies = [read_copy(each / "analytics.duckdb", RESULTS) for each in (alone, folder)]
    assert copies[0].equals(copies[1])
    assert len(list(folder.glob("out/*/*/report.html"))) == 1
    status = v2b("status", "--portfolio", str(folder))
    assert status.returncode == 0, status.stderr
