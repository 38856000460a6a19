"""What is measured. Every case is a piece of real work and its floor on the very same data."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from pipeline.calendars import window_grid
from pipeline.charging import interval_energy
from pipeline.domain import BillPeriod
from pipeline.ingest import read_file
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.simulate import write_example
from pipeline.steps.loading import ingest
from pipeline.steps.months import compute_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import FileLoad, Warehouse
from tests.bench import loading, many_files
from tests.bench.loading import Run

YEAR_QUARTERS = 35_040
METERS = 10
MESSAGES = 120_000
CHARGERS = 6
START = datetime(2013, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One line of the table; `work` and `floor` each return something countable, so that neither can do nothing.

    What runs in a process of its own returns its time and memory with it.
    """

    name: str
    size: str
    work: Callable[[], int | Run]
    floor_name: str
    floor: Callable[[], int | Run]


def meter_frame() -> pl.DataFrame:
    """A year of quarter hours of ten meters, as ingest hands it on."""
    starts = pl.datetime_range(START, START + timedelta(minutes=15 * (YEAR_QUARTERS - 1)), "15m", eager=True)
    index = np.arange(YEAR_QUARTERS)
    parts = [
        pl.DataFrame(
            {"meter_id": f"M{meter}", "interval_start": starts, "duration_s": 900, "import_wh": index * 7 % 250_000}
        )
        for meter in range(METERS)
    ]
    return pl.concat(parts).with_columns(export_wh=pl.lit(0, dtype=pl.Int64), quality=pl.lit("measured"))


def reading_frame() -> pl.DataFrame:
    """A month of six chargers' registers, one reading every five minutes."""
    count = 31 * 288 + 1
    at = pl.datetime_range(START, START + timedelta(minutes=5 * (count - 1)), "5m", eager=True)
    parts = [
        pl.DataFrame(
            {
                "charger_id": f"CP{charger}",
                "measured_at": at,
                "energy_import_wh": np.arange(count) * 41,
                "energy_export_wh": np.arange(count) * 29,
                "session_id": "S1",
                "context": "sample",
            }
        )
        for charger in range(CHARGERS)
    ]
    return pl.concat(parts)


def ocpp_line(number: int) -> str:
    at = (START + timedelta(seconds=300 * (number // CHARGERS))).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = [
        {
            "value": str(number * 41),
            "context": "Sample.Clock",
            "measurand": f"Energy.Active.{way}.Register",
            "unit": "Wh",
        }
        for way in ("Import", "Export")
    ]
    meter_value = [{"timestamp": at, "sampledValue": values}]
    payload = {"connectorId": 1, "transactionId": 17, "meterValue": meter_value}
    message = [2, str(number), "MeterValues", payload]
    return json.dumps({"at": at, "charge_point": f"CP{number % CHARGERS}", "direction": "received", "message": message})


def meter_csv_case(folder: Path) -> Case:
    path = folder / "meter.csv"
    frame = meter_frame().select(
        "meter_id",
        pl.col("interval_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration_s",
        import_kwh=pl.col("import_wh") / 1000,
        export_kwh=pl.col("export_wh") / 1000,
    )
    frame.write_csv(path, float_precision=3)
    return Case(
        "meter CSV to records",
        f"{frame.height:,} rows",
        lambda: sum(part.height for part in read_file(path, []).frames.values()),
        "the same cells as text",
        lambda: pl.read_csv(path, infer_schema=False).height,
    )


def ocpp_case(folder: Path) -> Case:
    path = folder / "ocpp.jsonl"
    path.write_text("".join(ocpp_line(number) + "\n" for number in range(MESSAGES)), encoding="utf-8")

    def decode() -> int:
        with path.open(encoding="utf-8") as lines:
            return sum(1 for line in lines if json.loads(line))

    return Case(
        "OCPP log to readings",
        f"{MESSAGES:,} messages",
        lambda: sum(part.height for part in read_file(path, []).frames.values()),
        "json.loads of each line",
        decode,
    )


def window_case() -> Case:
    readings = reading_frame()
    grid = window_grid(BillPeriod("2013-01", date(2013, 1, 1), date(2013, 2, 1)), "UTC", 30)
    edges = grid.get_column("interval_start").dt.epoch("us").to_numpy()

    def interpolate() -> int:
        done = 0
        for part in readings.partition_by("charger_id"):
            at = part.get_column("measured_at").dt.epoch("us").to_numpy()
            for register in ("energy_import_wh", "energy_export_wh"):
                done += len(np.interp(edges, at, part.get_column(register).to_numpy()))
        return done

    return Case(
        "registers to window energy",
        f"{readings.height:,} readings",
        lambda: interval_energy(readings, grid).height,
        "numpy.interp alone",
        interpolate,
    )


def warehouse_cases(folder: Path, open_for: ExitStack) -> Iterator[Case]:
    folder.mkdir()
    records = meter_frame().with_columns(
        site_id=pl.lit("bench"),
        local_day=pl.col("interval_start").dt.date(),
        bill_month=pl.col("interval_start").dt.strftime("%Y-%m"),
    )
    warehouse = open_for.enter_context(Warehouse(folder))

    def load(*, afresh: bool) -> int:
        if afresh:
            warehouse.connection.execute("delete from meter_interval")
        with FileLoad(warehouse, 1) as file:
            result = file.add("meter", records)
        return result.loaded + result.unchanged

    def copy() -> int:
        with duckdb.connect() as connection:
            connection.register("records", records)
            connection.execute("create table plain as select * from records")
            return records.height

    size = f"{records.height:,} intervals"
    yield Case("new intervals to DuckDB", size, lambda: load(afresh=True), "create table as, in memory", copy)
    yield Case("known intervals again", size, lambda: load(afresh=False), "create table as, in memory", copy)


def months_case(folder: Path, open_for: ExitStack) -> Case:
    """Every month of the Atsugi example from stored records to stored bills: worlds, bills, savings."""
    write_example(folder, "atsugi")
    portfolio, now = load_portfolio(folder), datetime.now(UTC)
    warehouse = open_for.enter_context(Warehouse(folder))
    ingest(portfolio, warehouse, Journal(folder), now=now)
    months = [row[0] for row in warehouse.query("select distinct bill_month from meter_interval").iter_rows()]

    def compute() -> int:
        with warehouse.transaction() as connection:
            connection.execute("delete from savings_month")
        return sum(outcome.written for outcome in compute_months(portfolio, warehouse, Scope(now=now)))

    def read() -> int:
        return sum(
            warehouse.query(f"select * from {table} where bill_month = ?", [month]).height
            for month in months
            for table in ("meter_interval", "charger_reading")
        )

    return Case("records to bills, Atsugi", f"{len(months)} months", compute, "reading the same records", read)


def loading_case(folder: Path) -> Case:
    """The whole way of `v2b ingest`; V2B_BENCH_ROWS takes another count of rows."""
    folder.mkdir()
    path = folder / "meter.csv"
    loading.write_meter_csv(path)
    return Case(
        "meter CSV to the warehouse",
        f"{loading.ROWS:,} rows",
        lambda: loading.apart("work", path),
        "create table as read_csv",
        lambda: loading.apart("floor", path),
    )


def many_files_case(folder: Path) -> Case:
    """What a file costs beside its rows; V2B_BENCH_FILES takes another count of files."""
    many, one = (many_files.land(folder / name, together=name == "one") for name in ("many", "one"))
    return Case(
        "day files to the warehouse",
        f"{many_files.FILES:,} files",
        lambda: many_files.load_afresh(many),
        "the same rows in one file",
        lambda: many_files.load_afresh(one),
    )


def all_cases(folder: Path, open_for: ExitStack) -> Iterator[Case]:
    """Every case, its input written below `folder`; what it opens is closed with `open_for`."""
    yield meter_csv_case(folder)
    yield ocpp_case(folder)
    yield window_case()
    yield from warehouse_cases(folder / "loading", open_for)
    yield months_case(folder / "atsugi", open_for)
    yield many_files_case(folder / "files")
    yield loading_case(folder / "large")
