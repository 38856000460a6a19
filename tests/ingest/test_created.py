"""The creation stamp inside a file, which orders files first seen together."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.ingest.created import created_at

DATA = Path(__file__).parents[1] / "data"
ESPI = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi"><updated>{}</updated></feed>'


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("100,NEM12,200405011135,MDA1,Ret1\n", datetime(2004, 5, 1, 1, 35, tzinfo=UTC)),  # UTC+10
        ('"100","NEM12","20040501113559",MDA1\n', None),  # no header that is read as NEM12
        ("100,NEM12,200499011135,MDA1,Ret1\n", None),
        ("100,NEM12,,MDA1,Ret1\n", None),
        (ESPI.format("2012-10-24T00:00:00Z"), datetime(2012, 10, 24, tzinfo=UTC)),
        (ESPI.format("2012-10-24T00:00:00.5+01:00"), datetime(2012, 10, 23, 23, 0, 0, 500_000, tzinfo=UTC)),
        (ESPI.format("2012-10-24T00:00:00"), None),  # of no zone
        (ESPI.format("0001-01-01T00:00:00+10:00"), None),
        ("meter_id,interval_start,duration_s,import_kwh,export_kwh\n", None),
        ("", None),
    ],
)
def test_stamps(tmp_path, text, stamp):
    path = tmp_path / "x"
    path.write_text(text)
    assert created_at(path) == stamp


def test_real_files_have_theirs_and_a_folder_has_none(tmp_path):
    assert created_at(DATA / "nem12" / "Example_NEM12_actual_interval.csv") == datetime(2004, 5, 1, 1, 35, tzinfo=UTC)
    assert created_at(DATA / "green_button" / "openespi__test_usage_data_11.xml") is not None
    assert created_at(tmp_path) is None
