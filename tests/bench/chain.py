"""`python -m tests.bench.chain`: the whole savings chain over 500 bills of simulated sites, on one core.

Sites of two to six chargers with 25 bills each, the first six of them before V2B began; states of charge, ratchets,
riders and both signs of a saving. Records lie in memory; each bill sees what the bills before it left, as in a run.
CPU milliseconds a bill with V2B, mean and median. Capture is a linear programme's time, and stands apart.
V2B_BENCH_SITES takes another count of bills.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, median
from time import process_time
from typing import Any, Final
from unittest.mock import patch

os.environ["POLARS_MAX_THREADS"] = "1"  # read once, when polars is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import polars as pl
import scipy.optimize
import scipy.special  # noqa: F401 - a process's time, not that of the bill that would import it first

from pipeline.calendars import add_months, calendar_month, holiday_dates, month_of, months_between, period_utc
from pipeline.chain import Inputs, compute, input_hash, prepare, results, source_hash
from pipeline.domain import CHARGER_RECORD, CHARGING_SESSION, METER_RECORD, SESSION_RECORD, BillPeriod
from pipeline.portfolio import Site, load_portfolio
from pipeline.savings import coming_tariffs
from pipeline.simulate.registers import SimulationOptions, charger_readings
from pipeline.simulate.sites import draw_recipe, series_text, site_text, tariff_text
from pipeline.simulate.world import SimulatedSite, run_site
from pipeline.steps.history import SiteHistory
from pipeline.tariff import Tariff, demand_charges, load_tariff, resolve

BILLS: Final = int(os.environ.get("V2B_BENCH_SITES", "500"))
MONTHS: Final = 25
SEED: Final = 5
MARGIN: Final = timedelta(days=7)
"""Readings around a bill, as a run reads them."""
STAGES: Final = {
    "loads": "records to the loads of all worlds",
    "draws": "199 draws, their parts and corners",
    "rest": "bills, check, look ahead, summary",
    "chain": "the chain with draws",
    "without": "the chain without draws",
    "capture": "capture (linear programmes)",
    "hashes": "hashes of a bill's inputs",
}


@dataclass(frozen=True)
class Records:
    """One simulated site in memory."""

    site: Site
    tariff: Tariff
    programme_start: Any
    meter: pl.DataFrame
    readings: pl.DataFrame
    months: list[str]


@dataclass
class Clock:
    """CPU seconds by stage, of the bill in hand."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        begin = process_time()
        yield
        self.spent[stage] = self.spent.get(stage, 0.0) + process_time() - begin

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same on this clock."""

        def run(*args: Any, **named: Any) -> Any:
            with self.on(stage):
                return work(*args, **named)

        return run


def _instant(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _meter(site: SimulatedSite) -> pl.DataFrame:
    timeline, width_s = site.timeline, site.timeline.window_min * 60
    net = np.array([site.world_wh("actual", window) for window in range(timeline.windows)])
    columns = {
        "meter_id": ["main"] * len(net),
        "interval_start": [_instant(timeline.start_s + width_s * number) for number in range(len(net))],
        "duration_s": [width_s] * len(net),
        "import_wh": np.maximum(net, 0),
        "export_wh": np.maximum(-net, 0),
        "quality": ["measured"] * len(net),
    }
    return pl.DataFrame(columns, schema=dict(METER_RECORD))


def _readings(site: SimulatedSite) -> pl.DataFrame:
    contexts = {"begin": "begin", "end": "end"}
    rows = [
        {
            "charger_id": f"CP{charger + 1}",
            "measured_at": _instant(reading.at_s),
            "energy_import_wh": reading.import_wh,
            "energy_export_wh": reading.export_wh,
            "soc_pct": None if reading.soc_millionths is None else round(reading.soc_millionths / 1e6, 1),
            "session_id": None if reading.transaction is None else f"CP{charger + 1}-{reading.transaction}",
            "vehicle_id": None if reading.transaction is None else f"CAR{charger + 1}",
            "context": contexts.get(reading.occasion, "sample"),
        }
        for charger in range(site.recipe.fleet.cars)
        for reading in charger_readings(site, SimulationOptions(), charger)
    ]
    return pl.DataFrame(rows, schema=dict(CHARGER_RECORD)).sort("charger_id", "measured_at")


def records_of(number: int, root: Path) -> Records:
    """Draw one site and its records; `root` takes its config."""
    recipe, place, kind = draw_recipe(number, MONTHS, SEED)
    fuel = f"fuel-{place.currency.lower()}"
    first = month_of(recipe.first)
    for name in ("sites", "tariffs", "series"):
        (root / name).mkdir(parents=True)
    (root / "v2b.toml").write_text('currency = "EUR"\nlanguage = "en"\n')
    (root / "series" / f"{fuel}.csv").write_text(series_text(place, recipe.first.replace(month=1), 4 * MONTHS, SEED))
    tariff = root / "tariffs" / f"{recipe.tariff}.toml"
    tariff.write_text(tariff_text(kind, place, recipe.window_min, fuel))
    (root / "sites" / f"{recipe.site_id}.toml").write_text(site_text(recipe))
    portfolio, simulated = load_portfolio(root), run_site(recipe)
    return Records(
        site=portfolio.sites[recipe.site_id],
        tariff=load_tariff(tariff, portfolio.series),
        programme_start=recipe.programme_start,
        meter=_meter(simulated),
        readings=_readings(simulated),
        months=months_between(first, add_months(first, MONTHS - 1)),
    )


def _around(readings: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """Readings of a bill with a week on either side, and each charger's nearest ones beyond."""
    at = pl.col("measured_at")
    low = at.filter(at < begin - MARGIN).max().over("charger_id")
    high = at.filter(at >= end + MARGIN).min().over("charger_id")
    inside = (at >= begin - MARGIN) & (at < end + MARGIN)
    return readings.filter(inside.or_(at == low, at == high))


def _inputs(records: Records, history: SiteHistory, period: BillPeriod) -> Inputs:
    zone = records.site.timezone
    begin, end = period_utc(period, zone)
    resolved = resolve(records.tariff, period)
    history.expect(demand_charges(resolved))
    earlier, sessions = history.before(period.month, pl.DataFrame(schema=dict(CHARGING_SESSION)))
    start = pl.col("interval_start")
    return Inputs(
        site=records.site,
        period=period,
        tariff=resolved,
        tariff_holidays=holiday_dates(None, ()),
        programme_start=records.programme_start,
        meter=records.meter.filter((start >= begin - timedelta(days=1)) & (start < end)),
        readings=_around(records.readings, begin, end),
        session_records=pl.DataFrame(schema=dict(SESSION_RECORD)),
        sessions=sessions,
        earlier=earlier,
    )


def _bill(records: Records, history: SiteHistory, month: str) -> dict[str, float] | None:
    """Compute one bill and let the history learn it; the CPU seconds of its stages, None before V2B began."""
    clock, period = Clock(), calendar_month(month)
    inputs = _inputs(records, history, period)
    with ExitStack() as stack:
        for name, stage in (("draw_savings", "draws"), ("capture_of", "capture")):
            stack.enter_context(patch.object(results, name, clock.timed(stage, getattr(results, name))))
        with clock.on("loads"):
            prepared = prepare(inputs)
        if not inputs.is_seed:
            prepared = replace(prepared, inputs=replace(inputs, coming=coming_tariffs(records.tariff, period)))
        with clock.on("computed"):
            result = compute(prepared)
        with clock.on("hashes"):
            source_hash(inputs, "")
            input_hash(prepared)
    history.learn(month, result.summary, result.frames)
    return None if inputs.is_seed else _stages(clock.spent)


def _stages(spent: dict[str, float]) -> dict[str, float]:
    draws, capture = spent.get("draws", 0.0), spent.get("capture", 0.0)
    rest = spent["computed"] - draws - capture
    chain = spent["loads"] + draws + rest
    found = {"loads": spent["loads"], "draws": draws, "rest": rest, "chain": chain}
    return {**found, "without": chain - draws, "capture": capture, "hashes": spent["hashes"]}


def bills(count: int) -> Iterator[dict[str, float]]:
    """Yield the CPU seconds of so many bills with V2B, by stage."""
    number = done = 0
    while done < count:
        with tempfile.TemporaryDirectory() as folder:
            records = records_of(number, Path(folder) / "portfolio")
        history, number = SiteHistory(records.site), number + 1
        for month in records.months:
            found = _bill(records, history, month) if done < count else None
            if found is not None:
                done += 1
                yield found


def main() -> None:
    """Print a line a stage."""
    found = list(bills(BILLS))
    print(f"{len(found)} bills with V2B; CPU ms a bill, one thread")
    print(f"{'':38}{'mean':>8}{'median':>8}")
    for stage, name in STAGES.items():
        spent = [1000 * one[stage] for one in found]
        print(f"{name:38}{fmean(spent):8.1f}{median(spent):8.1f}")


if __name__ == "__main__":
    main()
