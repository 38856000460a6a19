"""A process killed with SIGKILL in the middle of an ingest: nothing is half-loaded, nothing reported is missing."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import METER_HEADER, half_hours, meter_csv, portfolio_folder

NOW = datetime(2013, 8, 3, tzinfo=UTC)
METER_FILES = 4
TABLES = (
    "source_file",
    "rejected_record",
    "meter_interval",
    "meter_interval_history",
    "charger_reading",
    "charger_reading_history",
    "weather_hour",
)

# Loads landing/, meter files in many pieces, and dies by its own SIGKILL at a chosen call; reports each file when done.
CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.ingest import canonical_blocks
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps import loading, reading
from pipeline.warehouse import FileLoad, Warehouse

canonical_blocks.BLOCK_BYTES, canonical_blocks.LARGE_BYTES, reading._SMALL_BYTES = 500, 1000, 1000
root, point, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
calls = 0

def deadly(function, name):
    def called(*args, **options):
        global calls
        if name != point:
            return function(*args, **options)
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return called

Journal.note_files = deadly(Journal.note_files, "before the journal")
Journal.files = deadly(Journal.files, "after the journal")
FileLoad.add = deadly(FileLoad.add, "before the records")
insert = Warehouse.insert_row
def last_insert(warehouse, table, row):
    insert(warehouse, table, row)
    deadly(lambda: None, "before the commit")()
Warehouse.insert_row = last_insert

print("ready", flush=True)
def told(outcome, done, total):
    print("done", outcome.path, flush=True)
    deadly(lambda: None, "after the commit")()
with Warehouse(root) as warehouse:
    loading.ingest(load_portfolio(root), warehouse, Journal(root), now=datetime(2013, 8, 3, tzinfo=UTC), on_file=told)
"""


def land_files(root: Path) -> None:
    """Meter files of which some correct others, one partly and one wholly wrong; a charger's, corrected; weather."""
    charger = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
    files = {
        "4.csv": METER_HEADER + "main,2013-07-09T00:00:00Z,1800,1,0\nmain,yesterday,1800,1,0\n",
        "5.csv": "no table at all\n",
        "6.csv": charger + "".join(f"CP1,2013-07-01T{hour:02}:00:00Z,{hour}000,0,,50,,\n" for hour in range(24)),
        "7.csv": charger + "CP1,2013-07-01T12:00:00Z,12345,0,,51,s1,LEAF1\n",
        "8.csv": "station_id,observed_at,temperature_c\nroof,2013-07-01T00:00:00Z,25.5\n",
    }
    for number in range(METER_FILES):
        files[f"{number}.csv"] = meter_csv(half_hours(f"07-{1 + number // 2:02}", 48 - number, 10.0 + number))
    (root / "landing").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "landing" / name).write_text(text, encoding="utf-8")


Content = dict[str, list[tuple[object, ...]]]


def content(root: Path) -> Content:
    with Warehouse(root) as warehouse:
        return {table: warehouse.query(f"select * from {table} order by all").rows() for table in TABLES}


def loads_in_tables(root: Path) -> set[object]:
    """The files whose records stand anywhere."""
    with Warehouse(root) as warehouse:
        found = (warehouse.query(f"select distinct load_id from {table}").rows() for table in TABLES[1:])
        return {load for rows in found for (load,) in rows}


def load(root: Path) -> None:
    with Warehouse(root) as warehouse:
        ingest(load_portfolio(root), warehouse, Journal(root), now=NOW)


def child(root: Path, point: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(root), point, str(number)]
    here = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(here), "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=here)


def check_recovery(root: Path, undisturbed: Content, reported: list[str]) -> None:
    """After the kill: whole files only, all that were reported; after another run: everything."""
    now = content(root)
    loaded = {row[0] for row in now["source_file"]}
    assert [row for row in undisturbed["source_file"] if row[0] in loaded] == now["source_file"]
    assert set(reported) <= {str(row[1]) for row in now["source_file"]}
    assert loads_in_tables(root) <= loaded
    load(root)
    assert content(root) == undisturbed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Content:
    root = portfolio_folder(tmp_path_factory.mktemp("undisturbed") / "portfolio")
    land_files(root)
    load(root)
    found = content(root)
    assert {row[5] for row in found["source_file"]} == {"loaded", "partial", "rejected"}
    assert found["meter_interval_history"]
    assert found["charger_reading_history"]
    assert found["weather_hour"]
    return found


@pytest.mark.parametrize(
    ("point", "number", "reported"),
    [
        ("before the journal", 1, 0),
        ("after the journal", 1, 0),
        ("before the records", 3, 0),  # in the middle of the first file
        ("before the records", 8, 1),  # in the middle of a correction of it
        ("before the commit", 4, 3),
        ("after the commit", 2, 2),
    ],
)
def test_killed_at_a_chosen_point(tmp_path: Path, undisturbed: Content, point: str, number: int, reported: int) -> None:
    root = portfolio_folder(tmp_path / "portfolio")
    land_files(root)
    process = child(root, point, number)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    done = [line.removeprefix("done ") for line in told.splitlines() if line.startswith("done ")]
    assert len(done) == reported
    check_recovery(root, undisturbed, done)


@pytest.mark.soak
def test_killed_at_fifty_random_moments(tmp_path: Path, undisturbed: Content) -> None:
    """From outside, at any moment of an undisturbed run's length; some find it finished already."""
    seed = int(os.environ.get("V2B_SOAK_SEED", "1"))
    generator, killed = random.Random(seed), 0
    whole = _seconds(tmp_path / "measured")
    for number in range(50):
        root = portfolio_folder(tmp_path / str(number))
        land_files(root)
        process = child(root, "never", 1)
        assert process.stdout is not None
        told = process.stdout.readline()
        time.sleep(generator.random() * whole)
        process.kill()
        told += process.communicate(timeout=120)[0]
        killed += process.returncode == -signal.SIGKILL
        done = [line.removeprefix("done ") for line in told.splitlines() if line.startswith("done ")]
        check_recovery(root, undisturbed, done)
    print(f"seed {seed}: {killed} of 50 were killed before they were done")
    assert killed >= 10


def _seconds(root: Path) -> float:
    """How long the child works after it said it is ready."""
    portfolio_folder(root)
    land_files(root)
    process = child(root, "never", 1)
    assert process.stdout is not None
    process.stdout.readline()
    begin = time.monotonic()
    process.communicate(timeout=120)
    return time.monotonic() - begin
