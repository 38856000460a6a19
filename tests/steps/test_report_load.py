"""What a report is told of a bill's windows: nothing that was not measured."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.steps.reports import _load
from pipeline.warehouse import Warehouse
from tests.factories import site

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
ENERGIES = ("actual_import_wh", "no_ev_import_wh", "unmanaged_import_wh", "charge_wh", "discharge_wh")
KNOWN = {
    (True, True): set(ENERGIES),
    (True, False): {"actual_import_wh"},
    (False, True): {"charge_wh", "discharge_wh"},
    (False, False): set(),
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def test_windows_without_meter_or_charger_data_are_told_as_unknown_not_as_zero(warehouse: Warehouse) -> None:
    with warehouse:
        columns = warehouse.query("select * from load_interval limit 0")
        for number, (metered, covered) in enumerate(KNOWN):
            at = NOON + timedelta(minutes=30 * number)
            row = {
                "site_id": site().site_id, "month": "2013-07", "interval_start": at, "duration_s": 1800,
                "local_start": at.replace(tzinfo=None), "local_day": date(2013, 7, 1), "metered": metered,
                "covered": covered,
            }  # fmt: skip
            filled = {name: row.get(name, 0) for name in columns.columns}
            warehouse.insert("load_interval", pl.DataFrame([filled], schema=columns.schema))
        rows = _load(warehouse, site(), "2013-07").to_dicts()
    assert [{name for name in ENERGIES if row[name] is not None} for row in rows] == list(KNOWN.values())
