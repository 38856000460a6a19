"""The SQL files: every column explained with its unit, everything compiles, every check catches what it is for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.warehouse import Warehouse, all_checks, documented_schema, sql_folder, view_files

SCHEMA = documented_schema()
COLUMNS = SCHEMA.filter(pl.col("column_name") != "").select("table_name", "column_name", "data_type", "comment")
OBJECTS = SCHEMA.filter(pl.col("column_name") == "").select("table_name", "data_type", "comment")
CHECKS = {check.name: check for check in all_checks()}
QUERIES = sorted((sql_folder() / "queries").glob("*.sql"))
NUMBER = re.compile(r"BIGINT|INTEGER|DOUBLE|DECIMAL|HUGEINT|FLOAT|SMALLINT|TINYINT")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse(tmp_path_factory.mktemp("sql")) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(opened: Warehouse) -> Iterator[Warehouse]:
    opened.connection.execute("begin")
    yield opened
    opened.connection.execute("rollback")


# --- comments


def test_every_column_of_every_table_and_view_has_a_comment() -> None:
    bare = COLUMNS.filter(pl.col("comment").fill_null("") == "").select("table_name", "column_name")
    assert bare.rows() == []


def test_the_comment_of_every_number_ends_in_its_unit() -> None:
    bare = [
        (table, column)
        for table, column, data_type, comment in COLUMNS.iter_rows()
        if NUMBER.match(data_type) and not re.search(r" \[[^\[\]]+\]$", comment)
    ]
    assert bare == []


UNIT_BY_ENDING = {
    "_wh": "[Wh]", "_kwh": "[kWh]", "_kw": "[kW]", "_w": "[W]", "_s": "[s]", "_pct": "[%]", "_c": "[degC]",
}  # fmt: skip


def test_the_unit_in_the_comment_is_the_one_in_the_name() -> None:
    wrong = [
        (table, column, comment)
        for table, column, _, comment in COLUMNS.iter_rows()
        for ending, unit in UNIT_BY_ENDING.items()
        if column.endswith(ending) and not comment.endswith(unit)
    ]
    assert wrong == []


def test_every_table_and_view_says_what_one_row_is() -> None:
    wrong = [name for name, _, comment in OBJECTS.iter_rows() if not (comment or "").startswith("One row")]
    assert wrong == []


@pytest.mark.parametrize("path", view_files(), ids=lambda path: path.stem)
def test_a_view_file_defines_the_view_it_is_named_after(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    grain = text.splitlines()[0].removeprefix("-- ")
    assert re.findall(r"create or replace view (\w+)", text) == [path.stem]
    (comment,) = OBJECTS.filter(pl.col("table_name") == path.stem).get_column("comment")
    assert comment == grain


def test_a_column_that_a_view_takes_over_means_what_it_meant() -> None:
    """Views rename what they compute, so that one name has one meaning; days and lines are no bills."""
    own = {("v2b_day", name) for name in ("charge_wh", "discharge_wh", "complete")} | {("bill_comparison", "saved")}
    own |= {("v2b_day", f"peak_{world}_kw") for world in ("actual", "no_ev", "unmanaged")}
    views = OBJECTS.filter(pl.col("data_type") == "view").get_column("table_name").to_list()
    meanings: dict[str, set[str]] = {}
    for table, column, _, comment in COLUMNS.iter_rows():
        if table not in views:
            meanings.setdefault(column, set()).add(comment)
    strange = [
        (view, column)
        for view, column, _, comment in COLUMNS.iter_rows()
        if view in views and (view, column) not in own and column in meanings and comment not in meanings[column]
    ]
    assert strange == []


# --- everything compiles on an empty warehouse


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_finds_nothing_in_an_empty_warehouse(warehouse: Warehouse, name: str) -> None:
    assert warehouse.query(CHECKS[name].sql).is_empty()


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_must_hold_on_which_table(name: str) -> None:
    check = CHECKS[name]
    tables = OBJECTS.filter(pl.col("data_type") == "table").get_column("table_name").to_list()
    assert check.asset in tables
    assert re.fullmatch(r"[a-z].*\.", check.sentence)


PARAMETERS = {"site": "x", "month": "2013-07", "on": "2013-08-01"}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_saved_question_names_its_parameters_and_runs(warehouse: Warehouse, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    question, *rest = [line.removeprefix("-- ") for line in text.splitlines() if line.startswith("--")]
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    assert question.endswith("?")
    named = [line.partition(":")[0] for line in rest]
    assert all(re.fullmatch(r"\$\w+: \S.*", line) for line in rest)
    assert sorted(named) == sorted(set(re.findall(r"\$\w+", code)))
    given = {name.removeprefix("$") for name in named}
    assert given <= set(PARAMETERS)
    assert warehouse.query(code, {name: PARAMETERS[name] for name in given}).is_empty()


# --- planted violations


def plant(warehouse: Warehouse, table: str, **values: Any) -> None:
    """Insert one row; columns not named that must not be null get a zero of their type."""
    zero = {"VARCHAR": "''", "BOOLEAN": "true", "DATE": "'2013-07-01'", "TIMESTAMP": "'2013-07-01'", "VARCHAR[]": "[]"}
    row = {}
    for column, data_type, required in warehouse.connection.execute(
        "select column_name, data_type, not is_nullable from duckdb_columns() where table_name = ?", [table]
    ).fetchall():
        if required and data_type.startswith("ENUM("):
            row[column] = data_type.removeprefix("ENUM(").partition(",")[0]  # the first of the texts it lists
        elif required:
            row[column] = zero.get(data_type, "'2013-07-01 00:00:00+00'" if "TIME ZONE" in data_type else "0")
    row |= {name: repr(value) if not isinstance(value, bool) else str(value) for name, value in values.items()}
    warehouse.connection.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join(row.values())})")


BILL = {"site_id": "atsugi", "month": "2013-07"}


PARTS = {
    "lever_hosting": 0.0, "lever_managed_charging": 4.0, "lever_discharge": 3.5, "saved_by_demand_own": 8.0,
    **dict.fromkeys((f"saved_by_{part}" for part in ("energy_volume", "energy_shift", "demand_carried")), 0.0),
    **dict.fromkeys((f"saved_by_{part}" for part in ("export", "riders", "tax")), 0.0), "saved_by_other": -0.5,
}  # fmt: skip


def a_sound_bill(warehouse: Warehouse) -> None:
    """100 W as metered, a car gave 10, its charger drew 1; two lines a world; 7.5 saved."""
    amounts = {"actual": ("90.5", "2"), "no_ev": ("98", "2"), "unmanaged": ("98", "2"), "managed": ("94", "2")}
    for world, parts in amounts.items():
        for position, amount in enumerate(parts):
            line = {"charge_id": f"c{position}", "position": position, "amount": float(amount), "scenario": world}
            plant(warehouse, "bill_line", **BILL, **line, kind="demand", own_peak_kw=10.0, billing_demand_kw=10.0)
    plant(warehouse, "savings_month", **BILL, state="ok", headline="unmanaged", provable=True, saved=7.5,
          bill_actual=92.5, bill_no_ev=100.0, bill_unmanaged=100.0, bill_managed=96.0, **PARTS,
          meter_coverage_pct=100.0, charger_coverage_pct=100.0, short=0)  # fmt: skip
    plant(warehouse, "site_month", **BILL, state="ok")
    plant(warehouse, "load_interval", **BILL, actual_import_wh=100, discharge_wh=10, no_ev_import_wh=109,
          standby_wh=1, unmanaged_charge_wh=5, unmanaged_import_wh=115,
          managed_charge_wh=3, managed_import_wh=113)  # fmt: skip
    for minute in ("00", "30"):
        plant(warehouse, "meter_interval", site_id="atsugi", meter_id="main", duration_s=1800,
              interval_start=f"2013-07-01 00:{minute}:00+00")  # fmt: skip


def test_a_sound_bill_offends_no_check(warehouse: Warehouse) -> None:
    a_sound_bill(warehouse)
    assert {name: warehouse.query(check.sql).height for name, check in CHECKS.items()} == dict.fromkeys(CHECKS, 0)


VIOLATIONS = [
    ("energy_is_conserved", "update load_interval set no_ev_import_wh = 110", 1),
    ("energy_is_conserved", "update load_interval set unmanaged_export_wh = 1", 1),
    ("energy_is_conserved", "update load_interval set managed_charge_wh = 4", 1),
    ("intervals_do_not_overlap", "update meter_interval set duration_s = 1801", 1),
    ("lines_sum_to_bill", "update bill_line set amount = amount + 0.000000000001 where scenario = 'no_ev'", 1),
    ("lines_sum_to_bill", "update savings_month set bill_actual = 92.51", 1),
    ("lines_sum_to_bill", "update savings_month set saved = 7.49", 1),
    ("lines_sum_to_bill", "delete from bill_line where scenario = 'no_ev'", 1),
    ("lines_sum_to_bill", "update savings_month set bill_no_ev = null", 1),
    ("one_row_per_bill", "insert into site_month select * from site_month", 1),
    ("one_row_per_bill", "insert into savings_month select * from savings_month", 1),
    ("parts_sum_to_saving", "update savings_month set lever_discharge = 3.49", 1),
    ("parts_sum_to_saving", "update savings_month set saved_by_tax = 0.01", 1),
    ("parts_sum_to_saving", "update savings_month set saved_by_tax = null", 1),
    ("ranges_hold_their_figures", "update savings_month set saved_low = 7.49, saved_high = 7.49", 1),
    ("ranges_hold_their_figures", "update savings_month set realised = 9, realised_low = 9.01, realised_high = 10", 1),
    ("ranges_hold_their_figures", "update savings_month set run_rate = 9, run_rate_low = 8, run_rate_high = 8.99", 1),
    (
        "ranges_hold_their_figures",
        "update savings_month set peak_reduction_kw = 1, reduction_low_kw = 1.01, reduction_high_kw = 2",
        1,
    ),
    ("peaks_are_billed", "update bill_line set billing_demand_kw = 9.999 where scenario = 'actual'", 2),
    ("no_month_failed", "update site_month set state = 'failed'", 1),
    ("meter_is_complete", "update savings_month set meter_coverage_pct = 99.99", 1),
    ("chargers_are_covered", "update savings_month set charger_coverage_pct = 99.99", 1),
    ("no_car_left_short", "update savings_month set short = 1", 1),
    ("data_is_sound", "insert into quality_finding values ('a', 'm', 'meter.gap', 's', null, null, 1, 'h', '')", 1),
]


@pytest.mark.parametrize(("name", "change", "rows"), VIOLATIONS, ids=[f"{v[0]}: {v[1]}" for v in VIOLATIONS])
def test_a_check_catches_what_it_is_for(warehouse: Warehouse, name: str, change: str, rows: int) -> None:
    a_sound_bill(warehouse)
    warehouse.connection.execute(change)
    assert warehouse.query(CHECKS[name].sql).height == rows


def test_every_check_has_a_planted_violation() -> None:
    assert {name for name, *_ in VIOLATIONS} == set(CHECKS)
