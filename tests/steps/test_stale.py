"""What a run finds stale, and how little it does to know that nothing is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.portfolio import load_portfolio
from pipeline.simulate import SimulationOptions, write_portfolio
from pipeline.steps import months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse
from tests.e2e.conftest import computed, tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("stale") / "portfolio"
    write_portfolio(made, sites=1, months=2, seed=3, options=SimulationOptions())
    computed(made)
    return made


def stale(folder: Path) -> list[tuple[str, str]]:
    with Warehouse(folder) as warehouse:
        return months.stale_months(load_portfolio(folder), warehouse, Scope(datetime.now(UTC)))


def test_nothing_is_rebuilt_to_find_that_nothing_is_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tables(folder)
    monkeypatch.setattr(months, "prepare", None)  # would raise
    assert stale(folder) == []
    assert tables(folder) == rows
    _, outcomes = computed(folder)
    assert outcomes
    assert not any(outcome.written for outcome in outcomes)


def test_what_changes_no_number_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (folder / "sites").glob("*.toml")
    path.write_text(path.read_text().replace('name = "', 'name = "Another '))
    with monkeypatch.context() as patch:
        patch.setattr(months, "prepare", None)
        with pytest.raises(TypeError):
            stale(folder)
    assert stale(folder) == []
    monkeypatch.setattr(months, "prepare", None)
    assert stale(folder) == []


def test_a_changed_rating_makes_bills_stale(folder: Path) -> None:
    (path,) = (folder / "sites").glob("*.toml")
    path.write_text(path.read_text().replace("rated_discharge_kw = ", "rated_discharge_kw = 1"))
    assert stale(folder)
