"""What the machine does to a portfolio: a full disk, a folder nobody may write, a clock put back, two at once.

Each ends in one sentence and in a state that the next run repairs.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.simulate import SimulationOptions, write_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse, exclusive_lock
from tests.e2e.conftest import COMMAND, content, tables, v2b, v2b_here

COUNT = "select count(*) from meter_interval"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "portfolio"
    write_portfolio(folder, sites=1, months=1, seed=7, options=SimulationOptions())
    return folder


@pytest.fixture
def portfolio(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "portfolio")


def told(process: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence of a command that failed."""
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    return process.stderr.strip().splitlines()[-1]


def test_a_file_that_may_not_grow_is_one_sentence_and_the_next_run_goes_on(portfolio: Path) -> None:
    full = subprocess.run(
        [*COMMAND, "ingest", "--portfolio", str(portfolio)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert "cannot be written" in told(full)
    assert "what was committed stands: make room" in told(full)
    assert v2b_here("ingest", "--portfolio", str(portfolio)).returncode == 0
    with Warehouse(portfolio) as warehouse:
        assert warehouse.query(COUNT).item() > 2000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB in memory; only root can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.soak
def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(made: Path, small_disk: Path) -> None:
    folder, ballast = small_disk / "portfolio", small_disk / "ballast"
    shutil.copytree(made, folder)
    for size in range(9, 0, -1):  # fill it to different brims: each stops the run at another step
        ballast.write_bytes(b"\0" * min(size << 20, shutil.disk_usage(small_disk).free - (64 << 10)))
        run = v2b("run", "--portfolio", str(folder))
        if run.returncode == 0:
            break
        assert "make room" in told(run) or "No space left" in told(run)
        ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert v2b_here("run", "--portfolio", str(folder)).returncode == 0
    assert len(list(folder.glob("out/*/*/report.html"))) == 1


def test_an_output_folder_nobody_may_write_fails_the_reports_alone(portfolio: Path) -> None:
    """Root may write everywhere, so a file stands where the folder should be; for others the folder is read-only."""
    out = portfolio / "out"
    if os.geteuid() == 0:
        out.touch()
    else:
        out.mkdir(mode=0o555)
    assert "report" in told(v2b("run", "--portfolio", str(portfolio)))
    with Warehouse(portfolio) as warehouse:
        assert warehouse.query("select state from site_month").rows() == [("ok",)]
    if os.geteuid() == 0:
        out.unlink()
    else:
        out.chmod(0o755)
    assert v2b_here("run", "--portfolio", str(portfolio)).returncode == 0
    assert len(list(out.glob("*/*/report.html"))) == 1


def test_a_clock_that_is_put_back_changes_nothing(portfolio: Path) -> None:
    """What was seen later wins by the journal's order, whatever the clock said."""
    meter = next((portfolio / "landing").rglob("meter.csv"))
    header, first, *_ = meter.read_text(encoding="utf-8").splitlines()
    cells = first.split(",")

    def ingest_at(year: int) -> None:
        with Warehouse(portfolio) as warehouse:
            ingest(load_portfolio(portfolio), warehouse, Journal(portfolio), now=datetime(year, 6, 1, tzinfo=UTC))

    ingest_at(2031)
    corrected = Decimal(cells[3]) + 1
    (meter.parent / "corrected.csv").write_text(f"{header}\n{','.join([*cells[:3], str(corrected), cells[4]])}\n")
    ingest_at(2026)
    with Warehouse(portfolio) as warehouse:
        value = "select import_wh from meter_interval order by interval_start limit 1"
        assert Decimal(warehouse.query(value).item()) == corrected * 1000
        records = {name: warehouse.query(f"select count(*) from {name}").item() for name in ("meter_interval",)}
    before = tables(portfolio)
    (portfolio / "warehouse.duckdb").unlink()
    ingest_at(2020)
    after = tables(portfolio)
    assert after["meter_interval"] == before["meter_interval"]
    assert after["meter_interval_history"] == before["meter_interval_history"]
    assert records["meter_interval"] > 2000


def test_a_second_run_names_who_holds_the_warehouse(portfolio: Path) -> None:
    with exclusive_lock(portfolio, 0, "v2b run"):
        second = v2b("run", "--portfolio", str(portfolio), "--wait", "0.2")
    assert f"in use by process {os.getpid()} (v2b run); waited 0.2 s" in told(second)


@pytest.mark.soak
def test_two_runs_at_once_are_as_one(portfolio: Path, tmp_path: Path) -> None:
    alone = shutil.copytree(portfolio, tmp_path / "alone")
    assert v2b_here("run", "--portfolio", str(alone)).returncode == 0
    both = [
        subprocess.Popen([*COMMAND, "run", "--portfolio", str(portfolio)], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    names = [f"out/{path.parent.name}/{path.name}" for path in alone.glob("out/*/*")]
    reports = {name for name in content(portfolio, names) if name.endswith("report.html")}
    assert len(reports) == 1
    with Warehouse(portfolio) as one, Warehouse(alone) as other:
        hashes = "select site_id, month, result_hash from savings_month"
        assert one.query(hashes).equals(other.query(hashes))
