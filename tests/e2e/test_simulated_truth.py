"""Every simulated month of several seeds comes out as the simulator knows it: to the W, the Wh and the last digit."""

import json
import os
from pathlib import Path

import pytest

from pipeline.simulate import SimulationOptions, write_portfolio
from pipeline.warehouse import Warehouse
from tests.e2e.conftest import computed
from tests.e2e.truth import month_differences, sums_that_do_not_close, window_differences


def compared(folder: Path, seed: int, sites: int, months: int, options: SimulationOptions) -> list[str]:
    write_portfolio(folder, sites=sites, months=months, seed=seed, options=options)
    files, outcomes = computed(folder)
    wrong = [f"{file.path}: {file.outcome} {file.reasons[:2]}" for file in files if file.outcome != "loaded"]
    wrong += [f"{month.site_id} {month.month}: {month.reason}" for month in outcomes if month.state == "failed"]
    assert len(outcomes) == sites * months
    with Warehouse(folder) as warehouse:
        wrong += warehouse.query("select sentence from quality_finding").get_column("sentence").to_list()
        assert warehouse.query("select count(*) from savings_month where provable and saved <> 0").item() > 0
        wrong += sums_that_do_not_close(warehouse)
        return wrong + window_differences(warehouse, folder) + month_differences(warehouse, folder)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak)])
def test_three_seeds(tmp_path: Path, seed: int) -> None:
    assert compared(tmp_path / "p", seed, 3, 4, SimulationOptions()) == []


def test_csv_logs(tmp_path: Path) -> None:
    assert compared(tmp_path / "p", 4, 1, 3, SimulationOptions(file_format="csv")) == []


def test_a_clock_that_is_ahead_is_found_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write_portfolio(folder, sites=1, months=1, seed=4, options=SimulationOptions(clock_offset_s=200))
    computed(folder)
    with Warehouse(folder) as warehouse:
        found = warehouse.query("select name, value from quality_finding")
    assert found.get_column("name").unique().to_list() == ["charger.clock_offset"]
    assert found.filter((found["value"] - 200).abs() > 40).is_empty()


def test_a_comparison_that_cannot_fail_would_prove_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    assert compared(folder, 5, 1, 2, SimulationOptions()) == []
    truth = json.loads((folder / "truth.json").read_text())
    site = next(iter(truth["sites"].values()))
    month = site["months"][max(site["months"])]
    month["peak_w"]["no_ev"] += 1
    month["bills"]["unmanaged"]["total"] = "1"
    (folder / "truth.json").write_text(json.dumps(truth))
    with Warehouse(folder) as warehouse:
        assert len(month_differences(warehouse, folder)) == 2


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_many_seeds(tmp_path: Path, number: int) -> None:
    seed = int(os.environ.get("V2B_SOAK_SEED", "100")) + number
    assert compared(tmp_path / "p", seed, 3, 13, SimulationOptions()) == [], f"seed {seed}"
