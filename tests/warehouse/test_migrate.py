"""Files of earlier layouts, from the first one on: every record is kept, or the file is left as it was."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.domain import WarehouseError
from pipeline.steps.loading import _RECORD_TABLES
from pipeline.warehouse import Warehouse, documented_schema, migrate, schema_sql
from pipeline.warehouse.layout import SCHEMA_VERSION
from pipeline.warehouse.migrate import DERIVED

SCHEMAS = Path(__file__).resolve().parent.parent / "data" / "schemas"
EARLIER = {int(path.stem.removeprefix("layout-")): path for path in SCHEMAS.glob("layout-*.sql")}
SAMPLES = {
    "INTEGER": "7",
    "BIGINT": "-7",
    "DOUBLE": "0.1",
    "BOOLEAN": "true",
    "DATE": "'2013-07-01'",
    "TIMESTAMP": "'2013-07-01 00:30:00'",
    "TIMESTAMP WITH TIME ZONE": "'2013-07-01 00:30:00+00'",
    "VARCHAR": "'it''s measured'",
    "VARCHAR[]": "['a', 'b']",
}
OF_A_FEW = {"quality": "'estimated'", "bill_month": "'2013-07'"}
"""What layout 3 takes of columns that were any text before; nothing else was ever written there."""
ROWS = 3


def column_types(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    return connection.execute(
        "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index", [table]
    ).fetchall()


def made(folder: Path, version: int) -> dict[str, list[tuple[object, ...]]]:
    """A file of an earlier layout with rows in every table; returns them by table."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as old:
        old.execute("set timezone = 'UTC'")
        old.execute(f"begin; {EARLIER[version].read_text(encoding='utf-8')}; commit")
        names = [name for (name,) in old.execute("select table_name from duckdb_tables()").fetchall()]
        for name in names:
            values = [OF_A_FEW.get(column, SAMPLES.get(kind, "7")) for column, kind in column_types(old, name)]
            for _ in range(ROWS if name != "schema_version" else 1):
                old.execute(f"insert into {name} values ({', '.join(values)})")
        old.execute(f"update schema_version set version = {version}, views_hash = 'of then'")
        return {name: old.execute(f"select * from {name} order by all").fetchall() for name in names}


def rows_of(warehouse: Warehouse, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    return warehouse.connection.execute(f"select {', '.join(columns)} from {table} order by all").fetchall()


def test_every_earlier_layout_has_its_schema_here() -> None:
    assert sorted(EARLIER) == list(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("version", sorted(EARLIER))
def test_records_are_kept_and_results_computed_anew(
    tmp_path: Path, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = made(tmp_path, version)
    kept = set(before) - DERIVED
    assert {"source_file", "rejected_record", "meter_interval", "meter_interval_history", "weather_hour"} <= kept
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as old:
        columns = {name: [column for column, _ in column_types(old, name)] for name in before}
    with caplog.at_level(logging.WARNING, "pipeline"), Warehouse(tmp_path) as warehouse:
        for table in kept:
            assert rows_of(warehouse, table, columns[table]) == before[table], table
        for table in set(before) & DERIVED - {"schema_version"}:
            assert rows_of(warehouse, table, ["*"]) == [], table
        assert warehouse.query("select * from monthly_savings").height == 0
        found = warehouse.query(
            "select table_name, column_name, data_type, comment from duckdb_columns() "
            "where not internal and database_name = current_database()"
        )
    wanted = documented_schema().filter(documented_schema()["column_name"] != "").select(found.columns)
    assert found.sort(found.columns).equals(wanted.sort(wanted.columns))
    [sentence] = [record.message for record in caplog.records]
    assert f"layout {version} was brought to today's: all that was loaded is kept" in sentence
    assert [path.name for path in tmp_path.glob("*warehouse*")] == ["warehouse.duckdb"]
    caplog.clear()
    with Warehouse(tmp_path):
        assert not caplog.records  # once, not again


def test_what_an_earlier_writer_left_in_its_log_is_kept_too(tmp_path: Path) -> None:
    script = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1] + '/warehouse.duckdb');"
        "c.execute(open(sys.argv[2]).read()); c.execute(\"insert into schema_version values (1, '')\");"
        "c.execute(\"insert into rejected_record values (1, 'line 7', null, null, 'a number', null)\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(EARLIER[1])], check=False, timeout=60)
    assert (tmp_path / "warehouse.duckdb.wal").exists()
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.query("select position from rejected_record").rows() == [("line 7",)]


def test_a_kill_in_between_leaves_the_old_file_and_the_next_one_starts_over(tmp_path: Path) -> None:
    made(tmp_path, 1)
    script = (
        "import os, sys, time; from pathlib import Path; from pipeline.warehouse import migrate\n"
        "def stop(*_): print('built', flush=True); time.sleep(600)\n"
        "os.replace = stop\n"
        "migrate.opened_today(Path(sys.argv[1]) / 'warehouse.duckdb')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "built\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert (tmp_path / ".warehouse.duckdb.new").exists()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as old:
        assert old.execute("select version from schema_version").fetchone() == (1,)
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.query("select count(*) from meter_interval").item() == ROWS
    assert not (tmp_path / ".warehouse.duckdb.new").exists()


def test_a_disk_without_room_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, 2)
    content = (tmp_path / "warehouse.duckdb").read_bytes()

    def full(*_: object) -> None:
        raise duckdb.IOException("Could not write all bytes: No space left on device")

    monkeypatch.setattr(migrate, "_copy", full)
    with pytest.raises(WarehouseError, match=r"cannot be given layout .*No space left.*as it was.*free space beside"):
        Warehouse(tmp_path).__enter__()
    assert (tmp_path / "warehouse.duckdb").read_bytes() == content
    assert [path.name for path in tmp_path.glob("*warehouse*")] == ["warehouse.duckdb"]


def test_a_column_of_a_newer_program_is_refused_not_dropped(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("alter table meter_interval add column of_tomorrow integer")
        warehouse.connection.execute("update schema_version set schema_hash = 'of tomorrow'")
    with pytest.raises(WarehouseError, match=r"layout \d+ with meter_interval.of_tomorrow.*written by a newer one"):
        Warehouse(tmp_path).__enter__()


def test_changed_comments_alone_copy_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("insert into site_month (site_id, month, state) values ('a', '2013-07', 'ok')")
        warehouse.connection.execute("comment on column site_month.state is 'worded otherwise'")
        warehouse.connection.execute("update schema_version set schema_hash = 'worded otherwise'")
    inode = (tmp_path / "warehouse.duckdb").stat().st_ino
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.query("select count(*) from site_month").item() == 1
        comment = "select comment from duckdb_columns() where table_name = 'site_month' and column_name = 'state'"
        assert f"'{warehouse.query(comment).item()}'" in schema_sql()
    assert (tmp_path / "warehouse.duckdb").stat().st_ino == inode
    assert not caplog.records


def test_a_column_added_within_a_layout_is_added_to_its_files(tmp_path: Path) -> None:
    """Two checkouts of one version may differ by a column; the number alone would not tell."""
    with Warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("insert into weather_hour select * from weather_hour")
        last = warehouse.columns("savings_month")[-1]
        warehouse.connection.execute("drop view monthly_savings; drop view bill_comparison; drop view peak_event")
        warehouse.connection.execute("drop view fleet_readiness; drop view v2b_day")
        warehouse.connection.execute(f"alter table savings_month drop column {last}")
        warehouse.connection.execute("update schema_version set schema_hash = 'before'")
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.columns("savings_month")[-1] == last


def test_every_table_that_holds_what_was_loaded_is_emptied_when_all_is_loaded_anew() -> None:
    """What survives an upgrade and what a changed configuration empties are the same tables."""
    tables = documented_schema().filter(documented_schema()["data_type"] == "table").get_column("table_name")
    assert set(tables) - DERIVED == set(_RECORD_TABLES)
