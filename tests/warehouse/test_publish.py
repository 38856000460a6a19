"""The analysts' copy: complete, read-only, swapped at once, and closed to everything but reading."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.domain import WarehouseError
from pipeline.warehouse import PUBLISHED_NAME, Warehouse, documented_schema, publish, read_copy
from tests.factories import lay_out_warehouse, meter_records, stored


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one row and its copy."""
    folder = tmp_path_factory.mktemp("made")
    lay_out_warehouse(folder)
    with Warehouse(folder) as opened:
        records = stored(meter_records([("07-01 00:00", 100)])).with_columns(load_id=pl.lit(1, dtype=pl.Int64))
        opened.insert("meter_interval", records)
        assert publish(opened)
    return folder


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Path:
    for name in ("warehouse.duckdb", PUBLISHED_NAME):
        shutil.copy(made / name, tmp_path / name)
    return tmp_path / PUBLISHED_NAME


@pytest.fixture
def warehouse(published: Path) -> Iterator[Warehouse]:
    with Warehouse(published.parent) as opened:
        yield opened


def a_finding(month: str, sentence: str) -> pl.DataFrame:
    return pl.DataFrame({
        "site_id": ["atsugi"], "month": [month], "name": ["meter.gap"], "source": ["main"], "sentence": [sentence],
    })  # fmt: skip


def test_every_table_view_and_comment_is_there(published: Path) -> None:
    found = read_copy(
        published,
        "select table_name, '' as column_name, comment from duckdb_tables() where not internal "
        "union all select view_name, '', comment from duckdb_views() where not internal "
        "union all select table_name, column_name, comment from duckdb_columns() where not internal",
    )
    wanted = documented_schema().select("table_name", "column_name", "comment")
    assert found.sort(found.columns).equals(wanted.sort(wanted.columns))


def test_the_copy_holds_the_rows_and_its_views_work(published: Path) -> None:
    assert read_copy(published, "select import_wh from meter_interval").rows() == [(100,)]
    for name in ("monthly_savings", "v2b_day", "bill_comparison", "peak_event", "fleet_readiness"):
        assert read_copy(published, f"select * from {name}").height == 0


def test_nobody_may_write_the_file(published: Path) -> None:
    assert published.stat().st_mode & 0o777 == 0o444


def test_publishing_unchanged_content_leaves_the_file_alone(warehouse: Warehouse, published: Path) -> None:
    before = published.stat()
    assert not publish(warehouse)
    after = published.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_any_change_is_published(warehouse: Warehouse, published: Path) -> None:
    warehouse.connection.execute("update meter_interval set import_wh = 101")
    assert publish(warehouse)
    assert read_copy(published, "select import_wh from meter_interval").item() == 101


def test_a_pair_of_equal_rows_that_becomes_another_pair_is_a_change(warehouse: Warehouse, published: Path) -> None:
    """Two equal rows would cancel each other in a checksum by exclusive or."""
    for sentence in ("before", "after"):
        warehouse.connection.execute("delete from quality_finding")
        for _ in range(2):
            warehouse.insert("quality_finding", a_finding("2013-07", sentence))
        assert publish(warehouse)
    assert read_copy(published, "select distinct sentence from quality_finding").item() == "after"


def test_a_changed_view_is_published(warehouse: Warehouse, published: Path) -> None:
    warehouse.connection.execute("create or replace view fleet_readiness as select 1 as other")
    assert publish(warehouse)


def test_a_broken_or_older_copy_is_replaced(warehouse: Warehouse, published: Path) -> None:
    published.chmod(0o644)
    published.write_bytes(b"broken" * 4000)
    assert publish(warehouse)
    assert read_copy(published, "select count(*) from meter_interval").item() == 1


def test_a_log_left_by_a_killed_reader_is_moved_aside(warehouse: Warehouse, published: Path) -> None:
    stray = published.with_name(f"{PUBLISHED_NAME}.wal")
    stray.write_bytes(b"left behind")
    warehouse.connection.execute("update meter_interval set import_wh = 102")
    assert publish(warehouse)
    assert not stray.exists()
    assert stray.with_name(f"{stray.name}.stray").read_bytes() == b"left behind"
    assert read_copy(published, "select import_wh from meter_interval").item() == 102


def test_a_build_that_was_killed_is_started_over(warehouse: Warehouse, published: Path) -> None:
    published.with_name(f".{PUBLISHED_NAME}.new").write_bytes(b"half a file")
    warehouse.connection.execute("update meter_interval set import_wh = 103")
    assert publish(warehouse)
    assert not published.with_name(f".{PUBLISHED_NAME}.new").exists()


def test_a_reader_of_the_old_copy_keeps_its_state(warehouse: Warehouse, published: Path) -> None:
    """In one process DuckDB keeps one handle per path, so the old state is held open by another process."""
    script = (
        "import duckdb, sys\n"
        f"c = duckdb.connect({str(published)!r}, read_only=True)\n"
        "c.execute('begin')\n"
        "for _ in range(2):\n"
        "    print(c.execute('select import_wh from meter_interval').fetchone()[0], flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    reader = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdin is not None
    assert reader.stdout.readline() == "100\n"
    warehouse.connection.execute("update meter_interval set import_wh = 104")
    assert publish(warehouse)
    reader.stdin.write("go on\n")
    reader.stdin.flush()
    assert reader.stdout.readline() == "100\n"
    reader.communicate("\n", timeout=60)
    assert reader.returncode == 0
    assert read_copy(published, "select import_wh from meter_interval").item() == 104


ANALYST = """
import duckdb, sys, time
path, seen = sys.argv[1], []
print("ready", flush=True)
while not seen or seen[-1] != 10:
    time.sleep(0.02)
    with duckdb.connect(path, read_only=True) as copy:
        rows = copy.execute("select (select max(name) from quality_finding), (select max(state) from site_month)")
        finding, state = map(int, rows.fetchone())
    if finding != state:
        sys.exit(f"half published: {finding} and {state}")
    if not seen or seen[-1] != finding:
        seen.append(finding)
if seen != sorted(seen):
    sys.exit(f"back in time: {seen}")
"""


def numbered(warehouse: Warehouse, number: int) -> None:
    """State one number in two tables, in two transactions: only a published copy has them alike for sure."""
    state = pl.DataFrame({"state": [f"{number}"]})
    warehouse.replace_rows("site_month", "atsugi", "2013-07", state)
    warehouse.replace_rows("quality_finding", "atsugi", "2013-07", a_finding("2013-07", "").with_columns(
        name=pl.lit(f"{number}")
    ).drop("site_id", "month"))  # fmt: skip


def test_an_analyst_who_queries_in_a_loop_through_ten_publishings_sees_each_state_whole(
    warehouse: Warehouse, published: Path
) -> None:
    numbered(warehouse, 0)
    assert publish(warehouse)
    analyst = subprocess.Popen(
        [sys.executable, "-c", ANALYST, str(published)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert analyst.stdout is not None
    assert analyst.stdout.readline() == "ready\n"
    for number in range(1, 11):
        numbered(warehouse, number)
        assert publish(warehouse)
    _, told = analyst.communicate(timeout=120)
    assert (analyst.returncode, told) == (0, "")


def test_an_analyst_who_wrote_and_was_killed_spoils_nothing(warehouse: Warehouse, published: Path) -> None:
    """Who may not write gets DuckDB's refusal; root may, and leaves a log that must not reach the next copy."""
    script = (
        "import duckdb, os, sys\n"
        "try:\n"
        f"    c = duckdb.connect({str(published)!r})\n"
        "except duckdb.Error:\n"
        "    sys.exit()\n"
        "c.execute('create table mine (a integer)')\n"
        "c.execute('delete from meter_interval')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False, timeout=120)
    warehouse.connection.execute("update meter_interval set import_wh = 105")
    assert publish(warehouse)
    assert read_copy(published, "select import_wh from meter_interval").item() == 105
    with pytest.raises(WarehouseError, match="mine"):
        read_copy(published, "select * from mine")


@pytest.mark.parametrize(
    "statement",
    [
        "delete from meter_interval",
        "create table mine (a integer)",
        "drop view v2b_day",
        "copy meter_interval to 'stolen.csv'",
        "select * from read_csv('/etc/hostname')",
        "attach 'other.duckdb'",
        "set enable_external_access = true",
        "export database 'elsewhere'",
        "install httpfs",
    ],
)
def test_the_read_only_door_refuses_writes_and_files(published: Path, statement: str) -> None:
    content = published.read_bytes()
    with pytest.raises(WarehouseError):
        read_copy(published, statement)
    assert published.read_bytes() == content


def test_the_read_only_door_takes_parameters_and_speaks_utc(published: Path) -> None:
    found = read_copy(published, "select interval_start from meter_interval where site_id = $site", {"site": "atsugi"})
    assert found.schema["interval_start"] == pl.Datetime("us", "UTC")
    assert read_copy(published, "select 1 where 'x' = $site", {"site": "'; drop table report"}).height == 0


@pytest.mark.parametrize(
    ("statement", "words"),
    [("selct 1", "syntax error"), ("select * from nowhere", "nowhere"), ("", "no statement"), ("-- x", "no statement")],
)
def test_a_wrong_statement_gets_a_sentence(published: Path, statement: str, words: str) -> None:
    with pytest.raises(WarehouseError, match=words):
        read_copy(published, statement)


def test_without_a_copy_the_reader_is_told_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"analytics\.duckdb is not there yet; run `v2b run` first"):
        read_copy(tmp_path / PUBLISHED_NAME, "select 1")


def test_a_broken_copy_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / PUBLISHED_NAME
    path.write_bytes(b"broken" * 4000)
    with pytest.raises(WarehouseError):
        read_copy(path, "select 1")


def test_a_folder_with_a_quote_in_its_name_is_published_too(tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    with Warehouse(folder) as opened:
        assert publish(opened)
        assert not publish(opened)
    with duckdb.connect(str(folder / PUBLISHED_NAME), read_only=True) as copy:
        assert copy.execute("select count(*) from report").fetchone() == (0,)
