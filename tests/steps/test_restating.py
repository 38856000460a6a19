"""What a new version of a report changes: the figures of both, and what data came or changed in between."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.journal import IssuedReport, Journal
from pipeline.steps.restating import restatement
from pipeline.warehouse import Warehouse
from tests.test_sql import plant

FIRST, SECOND = datetime(2013, 8, 3, tzinfo=UTC), datetime(2013, 8, 5, tzinfo=UTC)
NOTHING_OF_ITS_OWN = (
    "The meter intervals, charger readings and sessions of this bill are as they were: its settings, tariff, another "
    "file (events, outages, arming, weather, reactive energy, utility bills) or an earlier bill changed."
)
STATED = {"saved": "43000", "peak_reduction_kw": 26.0, "provable": True, "grade": "B", "currency": "JPY"}


def issued(folder: Path, results: str, at: datetime, stated: Mapping[str, Any] | None) -> IssuedReport:
    return Journal(folder).issue_report("a", "2013-07", ("i", results), at=at, code="1", stated=stated)


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    (tmp_path / "w").mkdir()
    with Warehouse(tmp_path / "w") as opened:
        yield opened


def test_a_first_version_changes_nothing(tmp_path: Path, warehouse: Warehouse) -> None:
    assert restatement(Journal(tmp_path), warehouse, issued(tmp_path, "r1", FIRST, STATED)) is None


def test_figures_that_changed_are_told_from_and_to(tmp_path: Path, warehouse: Warehouse) -> None:
    issued(tmp_path, "r1", FIRST, STATED)
    found = restatement(
        Journal(tmp_path), warehouse, issued(tmp_path, "r2", SECOND, {**STATED, "saved": "40999", "grade": "C"})
    )
    assert found is not None
    assert found.section == {
        "since": "2013-08-03T00:00:00+00:00",
        "figures": {"saved": {"from": "43000", "to": "40999"}, "grade": {"from": "B", "to": "C"}},
        "why": [NOTHING_OF_ITS_OWN],
    }


def test_data_that_came_or_changed_in_between_is_counted_and_its_files_named(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    """File 1 was there before the first version; file 2 replaced one value and brought one; file 3 came too late."""
    for load, day in ((1, 1), (2, 4), (3, 6)):
        plant(warehouse, "source_file", load_id=load, path=f"{load}.csv", seen_at=f"2013-08-0{day} 10:00:00+00")
    common = {"site_id": "a", "bill_month": "2013-07"}
    for load in (1, 2, 2, 3):
        plant(warehouse, "meter_interval", **common, load_id=load)
    plant(warehouse, "meter_interval_history", **common, load_id=1, superseded_by=2)
    plant(warehouse, "charger_reading", **common, load_id=2)
    plant(warehouse, "charger_reading", site_id="a", bill_month="2013-06", load_id=2)
    plant(warehouse, "savings_month", site_id="a", month="2013-07", bill_from="2013-07-01", bill_to="2013-08-01")
    for begin, end in (("2013-06-20", "2013-06-21"), ("2013-06-30", "2013-07-01"), ("2013-07-31", "2013-08-01")):
        plant(warehouse, "session_record", site_id="a", plugged_in_at=begin, plugged_out_at=end, load_id=2)
    issued(tmp_path, "r1", FIRST, STATED)
    found = restatement(Journal(tmp_path), warehouse, issued(tmp_path, "r2", SECOND, STATED))
    assert found is not None
    assert dict(found.changes) == {}
    assert found.why == (
        "Of the meter intervals, 1 replaced and 1 new since the report before, in 2.csv.",
        "Of the charger readings, 1 new since the report before, in 2.csv.",
        "Of the sessions of files, 2 came or changed since the report before, in 2.csv.",
    )


def test_a_version_of_which_no_figures_were_kept_is_told_without_them(tmp_path: Path, warehouse: Warehouse) -> None:
    issued(tmp_path, "r1", FIRST, None)
    found = restatement(Journal(tmp_path), warehouse, issued(tmp_path, "r2", SECOND, STATED))
    assert found is not None
    assert dict(found.changes) == {}
