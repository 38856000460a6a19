"""The home example: no demand charge, energy moved into the night, and an outage ridden through, equal to its truth."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.simulate import write_example
from pipeline.steps.months import stored_summaries
from pipeline.warehouse import Warehouse
from tests.e2e.conftest import computed
from tests.e2e.truth import month_differences, sums_that_do_not_close, window_differences


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "portfolio"
    write_example(folder, "home", until=date(2013, 11, 1))
    files, months = computed(folder)
    assert {file.outcome for file in files} == {"loaded"}
    assert "failed" not in {month.state for month in months}
    return folder


def test_every_window_and_month_is_the_true_one_and_proved(home: Path) -> None:
    with Warehouse(home) as warehouse:
        assert window_differences(warehouse, home) + month_differences(warehouse, home) == []
        assert sums_that_do_not_close(warehouse) == []
        assert warehouse.query("select sentence from quality_finding").is_empty()


def test_the_outage_is_told_apart_from_the_saving(home: Path) -> None:
    with Warehouse(home) as warehouse:
        october = warehouse.query(
            "select outage_hours, ridden_through_hours, served_kwh, discharged_kwh from savings_month "
            "where month = '2013-10'"
        ).row(0, named=True)
        given = warehouse.query(
            "select sum(discharge_wh) / 1000 as kwh from charger_interval where month = '2013-10'"
        ).item()
        others = warehouse.query("select sum(served_kwh) from savings_month where month <> '2013-10'").item()
    assert (october["outage_hours"], october["ridden_through_hours"]) == (1.5, 1.5)
    assert october["served_kwh"] > 1
    assert october["discharged_kwh"] + october["served_kwh"] == pytest.approx(given)
    assert others == 0


def test_a_tariff_without_demand_charge_states_money_and_energy_and_no_peak(home: Path) -> None:
    with Warehouse(home) as warehouse:
        months = [summary for summary in stored_summaries(warehouse) if summary["state"] == "ok"]
    for summary in months:
        assert set(summary["peak_kw"].values()) == {None}
        assert "no_demand_charge" in summary["reasons"]
        assert summary["percent_saved"]["peak"] is None
        assert summary["percent_saved"]["moved_out_of_window"] > 50
        assert float(summary["money"]["saved"]) > 2000


def test_the_dead_windows_are_whole_and_no_gap(home: Path) -> None:
    with Warehouse(home) as warehouse:
        windows = warehouse.query("select * from load_interval where month = '2013-10' and dead_s > 0")
    assert windows.height == 3
    assert windows.select((pl.col("dead_s") == pl.col("duration_s")) & pl.col("metered")).to_series().all()
