"""Two arithmetics that share no line: the simulator's bills and the tariff package's, on the same windows and files."""

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import STATED_SCENARIOS
from pipeline.portfolio import load_portfolio
from pipeline.tariff import load_tariff, measure, price, resolve
from tests.simulate.conftest import portfolio


def _loads(folder: Path) -> pl.DataFrame:
    """The truth's windows in the shape of `domain.LOAD`, with their site."""
    windows = pl.read_csv(folder / "truth_windows.csv").with_columns(
        pl.col("interval_start").str.to_datetime(time_zone="UTC", time_unit="us")
    )
    step = pl.col("interval_start").diff().dt.total_seconds().mode().first().over("site_id").alias("duration_s")
    windows = windows.with_columns(step)
    return pl.concat(
        windows.select(
            "site_id",
            pl.lit(world).alias("scenario"),
            "interval_start",
            "duration_s",
            pl.col(f"{world}_wh").clip(lower_bound=0).alias("import_wh"),
            (-pl.col(f"{world}_wh")).clip(lower_bound=0).alias("export_wh"),
        )
        for world in STATED_SCENARIOS
    )


def _as_metered(load: pl.DataFrame) -> pl.DataFrame:
    metered = load.filter(pl.col("scenario") == "actual")
    return pl.concat(metered.with_columns(scenario=pl.lit(world)) for world in STATED_SCENARIOS)


def _differences(folder: Path) -> tuple[int, list[str]]:
    loaded, loads = load_portfolio(folder), _loads(folder)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["sites"]
    compared, wrong = 0, []
    for site_id, site in loaded.sites.items():
        tariff = load_tariff(loaded.tariff_path(site.tariff), loaded.series)
        digits, history = (0 if site.currency == "JPY" else 2), {}
        for month, true in truth[site_id]["months"].items():
            period = calendar_month(month)
            resolved = resolve(tariff, period)
            load = loads.filter(pl.col("site_id") == site_id).drop("site_id")
            if true["state"] == "seed":  # billed as metered, whatever the world
                load = _as_metered(load)
            found = measure(resolved, period, load, zone=site.timezone, holidays=frozenset())
            bills = price(resolved, period, found, history, currency_digits=digits)
            for world, bill in bills.items():
                mine = {(line.charge_id, line.band): (line.quantity, line.amount) for line in bill.lines}
                for line in true["bills"][world]["lines"]:
                    want = Decimal(line["quantity"]), Decimal(line["amount"])
                    got = mine.pop((line["charge_id"], line["band"]))
                    compared += 1
                    wrong += [f"{site_id} {month} {world} {line}: {got}"] if want != got else []
                wrong += [f"{site_id} {month} {world}: {mine} not in truth"] if any(a for _, a in mine.values()) else []
                wrong += (
                    [f"{site_id} {month} {world} total"] if Decimal(true["bills"][world]["total"]) != bill.total else []
                )
                for line in bill.lines:
                    if line.own_peak_kw is not None:
                        history.setdefault((world, line.charge_id), {})[month] = line.own_peak_kw
    return compared, wrong


@pytest.mark.parametrize("name", ["atsugi", "office"])
def test_bills_of_an_example_agree_line_by_line(name, request):
    compared, wrong = _differences(request.getfixturevalue(name))
    assert compared > 200
    assert wrong == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bills_of_drawn_sites_agree_line_by_line(tmp_path, seed):
    """Sites in three zones, months with a change of the clocks, every kind of drawn tariff."""
    folder = portfolio(tmp_path / "p", seed=seed, sites=3, months=4, sample_s=3600)
    compared, wrong = _differences(folder)
    assert compared > 150
    assert wrong == []
