"""`python -m tests.bench.tariffs`: exact bills of 300 site-years of quarter hours, against plain SQL and NREL PySAM.

One thread each, all in one run; CPU seconds, best of nine rounds, so that other work on the machine counts little. All
have the same year: 2018 begins on a Monday and has 365 days, as PySAM assumes, and the zone has no summer time.
V2B_BENCH_SITES makes it smaller.
"""

import gc
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any, Final

os.environ["POLARS_MAX_THREADS"] = "1"  # read once, when polars is imported

import duckdb
import numpy as np
import polars as pl

from pipeline.calendars import calendar_month
from pipeline.domain import UTC
from pipeline.tariff import Bill, load_tariff, measure_many, price_many, resolve

RUNS: Final = 9
SITES: Final = int(os.environ.get("V2B_BENCH_SITES", "300"))
PYSAM_SITES: Final = 20
WORLDS: Final = ("actual", "no_ev", "unmanaged", "managed")
ZONE: Final = "America/Phoenix"
QUARTERS: Final = 35_040
BEGIN: Final = datetime(2018, 1, 1, 7, tzinfo=UTC_ZONE)  # local midnight
TARIFF: Final = """\
name = "Energy and demand by time of use, and flat demand"
currency = "USD"
[[charges]]
id = "fixed"
kind = "fixed"
rate = "100"
[[charges]]
id = "energy"
kind = "energy"
  [[charges.periods]]
  name = "on"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["08:00-20:00"]
  rate = "0.20"
  [[charges.periods]]
  name = "off"
  otherwise = true
  rate = "0.10"
[[charges]]
id = "tou_demand"
kind = "demand"
  [[charges.periods]]
  name = "on"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["12:00-18:00"]
  rate = "10"
  [[charges.periods]]
  name = "off"
  otherwise = true
  rate = "5"
[[charges]]
id = "flat_demand"
kind = "demand"
rate = "3"
"""
ENERGY_HOURS: Final = range(8, 20)
DEMAND_HOURS: Final = range(12, 18)
SUMS: Final = """\
select
    load.site * 64 + calendar.key as key,
    sum(actual_import_wh) as import_wh,
    sum(actual_export_wh) as export_wh,
    max(actual_import_wh) as peak_wh,
    arg_max(interval_start, actual_import_wh) as peak_at,
    count(*) as windows
from load
inner join calendar using (interval_start)
group by all
"""


def site_wh(site: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A year of quarter hours of one building [Wh]: integers only, so the same on every machine."""
    n = np.arange(QUARTERS, dtype=np.int64)
    hour = n // 4 % 24
    by_day = np.where((hour >= 7) & (hour < 19), 90_000 + 2_500 * np.minimum(hour - 7, 18 - hour), 60_000)
    return by_day + (n * n % 7919 + n * 31 + site * 104_729) % 30_011


def load_of(sites: int, worlds: Sequence[str]) -> pl.DataFrame:
    """Every building, its worlds side by side as the warehouse keeps them; a world more is a few Wh less."""
    starts = np.arange(QUARTERS, dtype=np.int64) * 900_000_000 + int(BEGIN.timestamp()) * 1_000_000
    actual = np.concatenate([site_wh(site) for site in range(sites)])
    return pl.DataFrame(
        {
            "site": np.repeat(np.arange(sites, dtype=np.int64), QUARTERS),
            "interval_start": np.tile(starts, sites),
            "duration_s": np.full(len(actual), 900, dtype=np.int64),
            **{f"{world}_import_wh": actual - 500 * number for number, world in enumerate(worlds)},
            **{f"{world}_export_wh": np.zeros_like(actual) for world in worlds},
        }
    ).with_columns(pl.col("interval_start").cast(UTC))


@dataclass(frozen=True)
class Timed:
    """How long it took [CPU s], and what came out."""

    seconds: float
    result: Any


def timed(*works: Callable[[], Any]) -> list[Timed]:
    """Best of some rounds; every round runs all of them, so that what disturbs the machine disturbs them alike.

    The garbage collector is off while they run, as in `timeit`, and what the round before left is freed beforehand.
    """
    best, result = [Timed(math.inf, None)] * len(works), None
    for _ in range(RUNS):
        for number, work in enumerate(works):
            result = None
            gc.collect()
            gc.disable()
            begin = process_time()
            result = work()
            seconds = process_time() - begin
            gc.enable()
            best[number] = min(best[number], Timed(seconds, result), key=lambda found: found.seconds)
    return best


@dataclass(frozen=True)
class Engine:
    """The tariff engine on one load: determinants, and bills of them."""

    tariff_file: Path
    load: pl.DataFrame
    worlds: Sequence[str] = WORLDS[:1]

    def measured(self) -> tuple[list[Any], pl.DataFrame]:
        tariff = load_tariff(self.tariff_file, lambda _: [])
        bills = [resolve(tariff, calendar_month(f"2018-{month:02d}")) for month in range(1, 13)]
        return bills, measure_many(bills, self.load, zone=ZONE, by=["site"], worlds=self.worlds)

    def billed(self) -> dict[Any, dict[str, Bill]]:
        bills, determinants = self.measured()
        return price_many(bills, determinants, by=["site"], currency_digits=2)


def calendar() -> pl.DataFrame:
    """The SQL floor's calendar, made beforehand: each window's month and hours as one small integer."""
    n = np.arange(QUARTERS)
    local = pl.datetime_range(datetime(2018, 1, 1), datetime(2018, 12, 31, 23, 45), "15m", eager=True)
    hour, working = n // 4 % 24, local.dt.weekday().to_numpy() <= 5
    energy = working & np.isin(hour, ENERGY_HOURS)
    demand = working & np.isin(hour, DEMAND_HOURS)
    key = (local.dt.month().to_numpy().astype(np.int64) - 1) * 4 + energy * 2 + demand
    starts = local.dt.replace_time_zone("UTC") + timedelta(hours=7)
    return pl.DataFrame({"interval_start": starts, "key": key})


@contextmanager
def plain_sql(load: pl.DataFrame) -> Iterator[Callable[[], pl.DataFrame]]:
    """The group-by that yields the same sums, in memory, on one thread."""
    hours = calendar()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("frame", load)
        connection.execute("create table load as select * exclude (duration_s) from frame")
        connection.register("hours", hours)
        connection.execute("create table calendar as select * from hours")
        yield lambda: connection.execute(SUMS).pl()


def check_sums(sql: pl.DataFrame, determinants: pl.DataFrame) -> None:
    """Both sides have the same kWh and peaks, or the comparison says nothing."""
    keyed = sql.select(
        "import_wh",
        "peak_wh",
        site=pl.col("key") // 64,
        month=pl.format("2018-{}", (pl.col("key") % 64 // 4 + 1).cast(pl.String).str.zfill(2)),
        energy=pl.when(pl.col("key") // 2 % 2 == 1).then(pl.lit("on")).otherwise(pl.lit("off")),
        tou_demand=pl.when(pl.col("key") % 2 == 1).then(pl.lit("on")).otherwise(pl.lit("off")),
        flat_demand=pl.lit("all"),
    )
    for charge, column, ours in (
        ("energy", pl.col("import_wh").sum(), "import_wh"),
        ("tou_demand", pl.col("peak_wh").max() * 4, "own_peak_w"),
        ("flat_demand", pl.col("peak_wh").max() * 4, "own_peak_w"),
    ):
        floor = keyed.group_by("site", "month", band=charge).agg(column.cast(pl.Int64).alias(ours))
        mine = determinants.filter(pl.col("charge_id") == charge).select("site", "month", "band", ours)
        if not floor.select(mine.columns).sort(mine.columns).equals(mine.sort(mine.columns)):
            raise SystemExit(f"{charge}: the engine and SQL measure different quantities, so their times say nothing")


def pysam_model() -> Any:
    """Utilityrate5 with the same prices, mapped by hand."""
    import PySAM.Utilityrate5 as utility_rate  # noqa: N813, PLC0415 - only this comparison needs it

    model = utility_rate.new()
    weekend = [[1] * 24] * 12
    model.Lifetime.assign({"analysis_period": 1, "system_use_lifetime_output": 0, "inflation_rate": 0})
    model.SystemOutput.assign({"degradation": [0], "gen": [0] * QUARTERS})
    model.ElectricityRates.assign(
        {
            "rate_escalation": [0],
            "ur_metering_option": 0,
            "ur_monthly_fixed_charge": 100,
            "ur_annual_min_charge": 0,
            "ur_monthly_min_charge": 0,
            "ur_nm_yearend_sell_rate": 0,
            "ur_en_ts_sell_rate": 0,
            "ur_ts_sell_rate": [0],
            "ur_en_ts_buy_rate": 0,
            "ur_ts_buy_rate": [0],
            "ur_ec_sched_weekday": [[2 if hour in ENERGY_HOURS else 1 for hour in range(24)]] * 12,
            "ur_ec_sched_weekend": weekend,
            "ur_ec_tou_mat": [[1, 1, 1e38, 0, 0.10, 0], [2, 1, 1e38, 0, 0.20, 0]],
            "ur_dc_enable": 1,
            "ur_dc_sched_weekday": [[2 if hour in DEMAND_HOURS else 1 for hour in range(24)]] * 12,
            "ur_dc_sched_weekend": weekend,
            "ur_dc_tou_mat": [[1, 1, 1e38, 5], [2, 1, 1e38, 10]],
            "ur_dc_flat_mat": [[month, 1, 1e38, 3] for month in range(12)],
            "TOU_demand_single_peak": 0,
        }
    )
    return model


def pysam(sites: int) -> Callable[[], list[float]]:
    """Bills of some of the same site-years; handing the load over counts, as it does for the engine."""
    model = pysam_model()

    def work() -> list[float]:
        totals = []
        for site in range(sites):
            model.Load.load = (site_wh(site) * 4 / 1000).tolist()
            model.execute()
            totals.append(model.Outputs.utility_bill_wo_sys_year1)
        return totals

    return work


def check_bills(bills: dict[Any, dict[str, Bill]], totals: list[float]) -> None:
    """Both sides bill the same money."""
    for site, theirs in enumerate(totals):
        ours = sum((bills[site, f"2018-{month:02d}"]["actual"].total for month in range(1, 13)), Decimal(0))
        if abs(float(ours) - theirs) > 0.5:  # sixty lines of a year, each of ours rounded to the cent
            raise SystemExit(f"site {site}: the engine bills {ours} and PySAM {theirs}, so their times say nothing")


def table(tariff_file: Path) -> Iterator[tuple[str, str, str, str]]:
    """What was measured, its size, the time and the comparison."""
    size = f"{SITES} site-years"
    engine = Engine(tariff_file, load_of(SITES, WORLDS[:1]))
    with plain_sql(engine.load) as group_by:
        sql, peer, measured, billed = timed(group_by, pysam(min(PYSAM_SITES, SITES)), engine.measured, engine.billed)
    check_sums(sql.result, measured.result[1])
    check_bills(billed.result, peer.result)
    theirs, ours = len(peer.result) / peer.seconds, SITES / billed.seconds
    yield "plain SQL group-by", size, f"{sql.seconds:.3f} s", ""
    yield "determinants", size, f"{measured.seconds:.3f} s", f"{measured.seconds / sql.seconds:.2f} x SQL (bar 1.5)"
    yield "PySAM Utilityrate5", f"{len(peer.result)} site-years", f"{peer.seconds:.3f} s", f"{theirs:.0f} site-years/s"
    yield "determinants and exact bills", size, f"{billed.seconds:.3f} s", f"{ours:.0f} site-years/s"
    yield "", "", "", f"{ours / theirs:.1f} x PySAM (bar 8, stretch 15)"
    del engine
    yield from worlds_table(tariff_file, max(1, SITES // 4))


def worlds_table(tariff_file: Path, sites: int) -> Iterator[tuple[str, str, str, str]]:
    """What three worlds more cost: the calendar and the bands are found once for all of them, each line is priced."""
    size = f"{sites} site-years"
    one, four = (Engine(tariff_file, load_of(sites, worlds), worlds) for worlds in (WORLDS[:1], WORLDS))
    for name, pair in (
        ("determinants", timed(one.measured, four.measured)),
        ("and bills", timed(one.billed, four.billed)),
    ):
        first, all_four = (found.seconds for found in pair)
        ratio = f"{all_four / first:.2f} x one world's {first:.3f} s (bar 2.5)"
        yield f"four worlds, {name}", size, f"{all_four:.3f} s", ratio


def main() -> None:
    packages = " ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy", "nrel-pysam"))
    print(f"tariffs: quarter hours, one thread each, CPU seconds, best of {RUNS}; {packages}")
    with tempfile.TemporaryDirectory() as folder:
        tariff_file = Path(folder) / "bench.toml"
        tariff_file.write_text(TARIFF, encoding="utf-8")
        for name, size, took, told in table(tariff_file):
            print(f"{name:30} {size:>16} {took:>10}  {told}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
