"""The office example: a real building and real stays with injected V2B, equal to its known truth."""

import json
from pathlib import Path

import pytest

from pipeline.simulate import write_example
from pipeline.steps.months import stored_summaries
from pipeline.warehouse import Warehouse
from tests.e2e.conftest import computed
from tests.e2e.truth import month_differences, window_differences


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office") / "portfolio"
    write_example(folder, "office")
    files, months = computed(folder)
    assert {file.outcome for file in files} == {"loaded"}
    assert "failed" not in {month.state for month in months}
    return folder


def test_every_window_and_month_is_the_true_one(office: Path) -> None:
    with Warehouse(office) as warehouse:
        assert window_differences(warehouse, office) + month_differences(warehouse, office) == []


def test_the_tariff_is_a_real_record_and_what_it_cannot_price_is_said(office: Path) -> None:
    with Warehouse(office) as warehouse:
        months = [summary for summary in stored_summaries(warehouse) if summary["state"] == "ok"]
    assert months
    for summary in months:
        assert summary["money"]["partial"] is ("bill_partial" in summary["reasons"])
        assert sum(float(line["saved"]) for line in summary["lines"]) == pytest.approx(float(summary["money"]["saved"]))
    assert json.loads(next((office / "tariffs").glob("*.json")).read_text())["label"]


def test_its_data_has_no_finding(office: Path) -> None:
    with Warehouse(office) as warehouse:
        assert warehouse.query("select sentence from quality_finding where name not like 'tariff.%'").is_empty()


def test_the_notes_tell_real_from_injected(office: Path) -> None:
    site = next((office / "sites").glob("*.toml")).read_text()
    assert "injected" in site
    assert "real" in site.lower()
