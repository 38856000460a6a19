"""Parquet with canonical columns gives what the same canonical CSV gives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.domain import V2BError
from pipeline.ingest import canonical_blocks, parquet, read_file
from pipeline.ingest.batches import OutOfOrderError, read_batches

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


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parts_of_a_second_are_kept(tmp_path: Path, unit: Literal["ms", "us", "ns"]) -> None:
    stamps = [START, START + timedelta(seconds=1800, milliseconds=250)]
    found = read_file(written(tmp_path, interval_start=pl.Series(stamps).dt.cast_time_unit(unit)), ())
    assert found.frames["meter"]["interval_start"].to_list() == stamps


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


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows at once: every file is a large one."""
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(canonical_blocks, "BLOCK_BYTES", 200)
    monkeypatch.setattr(canonical_blocks, "LARGE_BYTES", 0)
    monkeypatch.setattr(canonical_blocks, "_ROWS_A_SPAN", 10)


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("backwards", [False, True])
def test_a_large_table_in_pieces_is_the_table_read_whole(tmp_path: Path, backwards: bool) -> None:
    """Row groups of 11 rows, batches of 7, blocks of about three; one cell of them is wrong."""
    rows = [
        (f"M{n // 20}", START + timedelta(minutes=30 * (n % 20)), 1800, -1.0 if n == 29 else n / 7, 0.0)
        for n in range(60)
    ]
    path = tmp_path / "any.bin"
    frame = pl.DataFrame(rows[:: -1 if backwards else 1], schema=list(METER), orient="row")
    frame.write_parquet(path, row_group_size=11)
    whole = read_file(path, ())
    if backwards:
        with pytest.raises(OutOfOrderError):
            list(read_batches(path, ()))
    pieces = list(read_batches(path, (), by_time=backwards))
    assert len(pieces) > 5
    assert {piece.format for piece in pieces} == {"parquet"}
    order = ["meter_id", "interval_start"]
    got = pl.concat(piece.frames["meter"] for piece in pieces if piece.frames)
    assert_frame_equal(got.sort(order), whole.frames["meter"].sort(order))
    assert got.height == 59
    assert_frame_equal(pl.concat(piece.rejects for piece in pieces), whole.rejects)
    assert whole.rejects["position"].to_list() == ["row 31" if backwards else "row 30"]


def test_a_table_is_long_by_its_rows_not_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    assert not parquet.is_long(path)
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 1)
    assert parquet.is_long(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert not parquet.is_long(path)
    assert not parquet.is_long(tmp_path)


@pytest.mark.usefixtures("in_pieces")
def test_other_tables_and_broken_ones_come_as_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "any.bin"
    pl.DataFrame({"station_id": ["roof"], "observed_at": [START], "temperature_c": [20.5]}).write_parquet(path)
    (weather,) = read_batches(path, ())
    assert weather.frames["weather"].rows() == [("roof", START, 20.5)]
    pl.DataFrame(METER).clear().write_parquet(path)
    (empty,) = read_batches(path, ())
    assert empty.rejects["field"].to_list() == ["rows"]
    path.write_bytes(path.read_bytes()[:-20])
    (cut,) = read_batches(path, ())
    assert cut.rejects["allowed"].to_list() == ["a whole Parquet file"]


def test_a_full_disk_is_not_told_as_a_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    header, rows = [True], pl.DataFrame.write_csv

    def full(frame: pl.DataFrame, *args: object, **options: object) -> object:
        if header.pop():
            header.append(False)
            return rows(frame, *args, **options)  # type: ignore[call-overload]
        raise OSError("no space left")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    with pytest.raises(V2BError, match="no space left"):
        read_file(path, ())
