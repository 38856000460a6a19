"""The warehouse file: lock, layout, transactions, kills, bills replaced as a whole."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.domain import LockedError, WarehouseError
from pipeline.warehouse import Warehouse

STATE = pl.DataFrame({"state": ["ok"]})


def states(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    return warehouse.query("select site_id, month, state from site_month order by all").rows()


def in_another_process(folder: Path, script: str) -> "subprocess.Popen[str]":
    """Start Python on a script that sees `folder`; it says a word when it has come where the test wants it."""
    text = f"from pathlib import Path\nfolder = Path({str(folder)!r})\n" + textwrap.dedent(script)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


def word_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_transaction_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    warehouse.replace_bill("atsugi", "2013-07", {"site_month": STATE})

    def change_and_fail() -> None:
        with warehouse.transaction() as connection:
            connection.execute("delete from site_month")
            warehouse.insert("site_month", STATE.with_columns(site_id=pl.lit("office"), month=pl.lit("2013-08")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert states(warehouse) == [("atsugi", "2013-07", "ok")]


def test_what_is_one_of_a_few_texts_comes_back_as_a_text(warehouse: Warehouse) -> None:
    found = warehouse.query("select quality, bill_month, site_id from meter_interval")
    assert found.dtypes == [pl.String, pl.String, pl.String]
    kept = warehouse.query("select typeof(null::reading_quality)").item()
    assert kept == "ENUM('measured', 'estimated', 'outage')"


@pytest.mark.parametrize("month", ["1900-01", "2299-12"])
def test_the_months_of_bills_are_all_a_portfolio_can_name(warehouse: Warehouse, month: str) -> None:
    assert warehouse.query("select ?::bill_month as month", [month]).item() == month


def test_replacing_a_bill_touches_that_bill_only_and_empties_tables_not_named(warehouse: Warehouse) -> None:
    finding = pl.DataFrame({"name": ["meter.gap"], "source": ["main"], "sentence": ["..."]})
    for month in ("2013-07", "2013-08"):
        warehouse.replace_bill("atsugi", month, {"site_month": STATE, "quality_finding": finding})
    warehouse.replace_bill("office", "2013-07", {"site_month": STATE})
    warehouse.replace_bill("atsugi", "2013-07", {"site_month": pl.DataFrame({"state": ["failed"]})})
    assert states(warehouse) == [
        ("atsugi", "2013-07", "failed"),
        ("atsugi", "2013-08", "ok"),
        ("office", "2013-07", "ok"),
    ]
    assert warehouse.query("select month from quality_finding").to_series().to_list() == ["2013-08"]


def test_replacing_rows_replaces_one_table_of_one_bill(warehouse: Warehouse) -> None:
    warehouse.replace_rows("site_month", "atsugi", "2013-07", STATE)
    warehouse.replace_rows("site_month", "atsugi", "2013-07", pl.DataFrame({"state": ["no_bill"]}))
    assert states(warehouse) == [("atsugi", "2013-07", "no_bill")]


def test_a_table_name_is_never_pasted_into_sql(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="is no table name"):
        warehouse.insert("site_month; drop table report", STATE)


def test_a_closed_warehouse_says_so(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="not open"):
        Warehouse(tmp_path).query("select 1")


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    for _ in range(2):
        with Warehouse(tmp_path) as opened:
            opened.replace_bill("atsugi", "2013-07", {"site_month": STATE})
    with Warehouse(tmp_path) as opened:
        assert states(opened) == [("atsugi", "2013-07", "ok")]
        assert opened.query("select count(*) from schema_version").item() == 1


def test_views_are_renewed_when_a_file_holds_older_ones(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as opened:
        opened.connection.execute("create or replace view monthly_savings as select 1 as old")
        opened.connection.execute("update schema_version set views_hash = 'older'")
    with Warehouse(tmp_path) as opened:
        assert "site_id" in opened.query("select * from monthly_savings").columns


def test_a_second_opener_waits_and_then_names_the_holder(tmp_path: Path) -> None:
    with (
        Warehouse(tmp_path, note="v2b run"),
        pytest.raises(LockedError, match=rf"in use by process {os.getpid()} \(v2b run\); waited 0\.1 s"),
        Warehouse(tmp_path, wait_s=0.1),
    ):
        pass


def test_a_second_opener_gets_in_when_the_holder_is_done(tmp_path: Path) -> None:
    holder = in_another_process(
        tmp_path,
        """
        from pipeline.warehouse import Warehouse
        with Warehouse(folder):
            print("held", flush=True)
            import time; time.sleep(0.3)
        """,
    )
    assert word_of(holder) == "held"
    with Warehouse(tmp_path, wait_s=60) as opened:
        assert states(opened) == []
    assert holder.wait() == 0


def test_a_kill_in_a_transaction_leaves_the_committed_state_and_frees_the_lock(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as opened:
        opened.replace_bill("atsugi", "2013-07", {"site_month": STATE})
    writer = in_another_process(
        tmp_path,
        """
        import polars as pl, time
        from pipeline.warehouse import Warehouse
        rows = pl.DataFrame({"site_id": ["office"] * 50_000, "month": ["2013-08"] * 50_000, "state": ["ok"] * 50_000})
        with Warehouse(folder) as warehouse:
            warehouse.replace_bill("atsugi", "2013-08", {"site_month": pl.DataFrame({"state": ["ok"]})})
            with warehouse.transaction() as connection:
                connection.execute("delete from site_month where month = '2013-07'")
                warehouse.insert("site_month", rows)
                print("inside", flush=True)
                time.sleep(600)
        """,
    )
    assert word_of(writer) == "inside"
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    with Warehouse(tmp_path, wait_s=5) as opened:
        assert states(opened) == [("atsugi", "2013-07", "ok"), ("atsugi", "2013-08", "ok")]


def test_deleting_the_file_starts_empty_even_beside_a_log_that_a_kill_left(tmp_path: Path) -> None:
    writer = in_another_process(
        tmp_path,
        """
        import os, polars as pl
        from pipeline.warehouse import Warehouse
        warehouse = Warehouse(folder).__enter__()
        warehouse.replace_bill("atsugi", "2013-07", {"site_month": pl.DataFrame({"state": ["ok"]})})
        os._exit(9)
        """,
    )
    assert writer.wait() == 9
    assert (tmp_path / "warehouse.duckdb.wal").exists()
    (tmp_path / "warehouse.duckdb").unlink()
    for _ in range(2):
        with Warehouse(tmp_path) as opened:
            assert states(opened) == []


def test_another_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as opened:
        opened.connection.execute("update schema_version set version = 99")
    with pytest.raises(WarehouseError, match=r"layout 99.*layouts up to 3.*written by a newer one; install that again"):
        Warehouse(tmp_path).__enter__()


def test_a_database_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as other:
        other.execute("create table somebody_elses (a integer)")
    with pytest.raises(WarehouseError, match=r"tables of another program; delete the file"):
        Warehouse(tmp_path).__enter__()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as other:
        assert other.execute("select count(*) from somebody_elses").fetchone() == (0,)


@pytest.mark.parametrize("content", [b"this is no database at all" * 200, b"\0" * 8192])
def test_a_broken_file_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(content)
    with pytest.raises(WarehouseError, match=r"cannot be opened .*delete it and run again"):
        Warehouse(tmp_path).__enter__()
    with pytest.raises(WarehouseError, match="cannot be opened"):  # and the lock was let go
        Warehouse(tmp_path, wait_s=0).__enter__()


def test_a_file_cut_in_half_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as opened:
        opened.insert("site_month", pl.DataFrame({"site_id": ["a"], "month": ["2013-07"], "state": ["ok"]}))
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(path.read_bytes()[:16_384])
    with pytest.raises(WarehouseError, match="delete"):
        Warehouse(tmp_path).__enter__()
