"""Local stamps get their site's zone, nameless readings its meter, on the way from landing/ to the warehouse."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.warehouse import Warehouse
from tests.factories import portfolio_folder

METER = "timestamp,usage kWh\n2013-07-01 00:00,1\n2013-07-01 00:30,2\n"
WEATHER = "datetime,air_temperature [degC]\n2013-07-01 00:00,20\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = portfolio_folder(tmp_path / "portfolio")
    site = folder / "sites" / "atsugi.toml"
    text = site.read_text(encoding="utf-8")
    assert '"UTC"' in text
    site.write_text(text.replace('"UTC"', '"Asia/Tokyo"'), encoding="utf-8")
    return folder


def loaded(root: Path, path: str, content: str) -> tuple[FileOutcome, list[tuple[object, ...]]]:
    """The outcome of one file, and the meter readings then known."""
    target = root / "landing" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")
    with Warehouse(root) as warehouse:
        [outcome] = ingest(load_portfolio(root), warehouse, Journal(root), now=datetime(2013, 8, 1, tzinfo=UTC))
        sql = "select meter_id, interval_start, import_wh from meter_interval order by interval_start"
        return outcome, warehouse.query(sql).rows()


@pytest.mark.parametrize("path", ["any.csv", "atsugi/any.csv", "main.csv", "main/2013-07.csv"])
def test_nameless_local_readings_become_the_only_meters(root: Path, path: str) -> None:
    outcome, rows = loaded(root, path, METER)
    assert outcome.outcome == "loaded"
    assert rows == [
        ("main", datetime(2013, 6, 30, 15, tzinfo=UTC), 1000),
        ("main", datetime(2013, 6, 30, 15, 30, tzinfo=UTC), 2000),
    ]


def test_a_meter_nobody_has_is_refused_by_name(root: Path) -> None:
    outcome, rows = loaded(
        root, "any.csv", "meter,timestamp,usage kWh\nother,2013-07-01 00:00,1\nother,2013-07-01 00:30,1\n"
    )
    assert (outcome.outcome, rows) == ("rejected", [])
    assert [(reason["field"], reason["value"]) for reason in outcome.reasons] == [("meter_id", "other")]


def test_weather_without_a_station_is_refused_whole(root: Path) -> None:
    outcome, _ = loaded(root, "any.csv", WEATHER)
    assert outcome.outcome == "rejected"
    assert [(reason["position"], reason["field"]) for reason in outcome.reasons] == [("file", "station_id")]


PROFILE = """
name = "own"
description = "own"
kind = "meter"
names = ["at", "kwh"]
[time]
columns = ["at"]
formats = ["%Y-%m-%d %H:%M"]
[[values]]
column = "kwh"
unit = "kWh"
as = "import"
"""


def test_a_refused_file_is_read_again_when_a_profile_comes(root: Path) -> None:
    content = METER.partition("\n")[2]
    outcome, rows = loaded(root, "any.csv", content)
    assert (outcome.outcome, rows) == ("rejected", [])
    (root / "profiles").mkdir()
    (root / "profiles" / "own.toml").write_text(PROFILE, encoding="utf-8")
    outcome, rows = loaded(root, "any.csv", content)
    assert (outcome.outcome, len(rows)) == ("loaded", 2)
