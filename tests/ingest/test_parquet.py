"""Parquet with canonical columns gives what the same canonical CSV gives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import read_file

START = datetime(2013, 7, 1, tzinfo=UTC)
METER = {
    "meter_id": ["main", "main"],
    "interval_start": [START, START + timedelta(minutes=30)],
    "duration_s": [1800, 1800],
    "import_kwh": [0.1, 2.0],
    "export_kwh": [0.0, 0.5],
}


def written(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "any.bin"
    pl.DataFrame(METER | changes).write_parquet(path)
    return path


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_parquet_file_gives_its_readings_whatever_their_zone(tmp_path: Path, zone: str) -> None:
    stamps = pl.Series(METER["interval_start"]).dt.convert_time_zone(zone)
    found = read_file(written(tmp_path, interval_start=stamps), ())
    assert (found.format, found.kind, found.rejects.height) == ("parquet", "meter", 0)
    assert found.frames["meter"].rows() == [
        ("main", START, 1800, 100, 0, "measured"),
        ("main", START + timedelta(minutes=30), 1800, 2000, 500, "measured"),
    ]


def test_bad_cells_are_refused_by_row(tmp_path: Path) -> None:
    found = read_file(written(tmp_path, import_kwh=[float("nan"), 2.0]), ())
    assert found.rejects.select("position", "field", "value").rows() == [("row 1", "import_kwh", "NaN")]
    assert found.frames["meter"].height == 1


def test_local_stamps_and_names_of_two_lines_are_refused(tmp_path: Path) -> None:
    naive = [stamp.replace(tzinfo=None) for stamp in METER["interval_start"]]
    assert read_file(written(tmp_path, interval_start=naive), ()).rejects["field"].to_list() == ["interval_start"] * 2
    found = read_file(written(tmp_path, meter_id=["a\nb", "main"]), ())
    assert found.rejects.select("position", "field").rows() == [("row 1", "meter_id")]


def test_files_that_are_cut_or_hold_something_else_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    assert read_file(path, ()).rejects.select("position", "field").rows() == [("file", "content")]
    pl.DataFrame({"a": [1]}).write_parquet(path)
    assert read_file(path, ()).rejects.select("field", "value").rows() == [("columns", "a")]
