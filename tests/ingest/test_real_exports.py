"""Days of real files come out as they stand in them: read here a second time, line by line, in exact decimals."""

import csv
import shutil
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import localised, read_file

DATA = Path(__file__).resolve().parents[1] / "data"
NAMES = {"meter_id": "main", "station_id": "weather"}


def place(path: Path, root: Path) -> Path:
    """Put a file into a portfolio with the profile beside it."""
    (root / "profiles").mkdir()
    (root / "landing").mkdir()
    shutil.copy(path.with_suffix(".toml"), root / "profiles" / "own.toml")
    return Path(shutil.copy(path, root / "landing" / path.name))


def read(path: Path, kind: str, zone: str) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    (local,) = read_file(path, ("site", path.stem)).local
    frames, rejects, notes = localised(local, zone, NAMES)
    return frames[kind], rejects, notes


def lines(path: Path, skip: int = 1) -> list[tuple[datetime, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[skip:]
    return [(datetime.fromisoformat(row[0]).replace(tzinfo=UTC), row[1]) for row in rows]


def rises(kwh: list[Decimal]) -> list[int]:
    """Whole Wh of a rounded running total."""
    totals = [int((sum(kwh[: n + 1]) * 1000).to_integral_value(ROUND_HALF_UP)) for n in range(len(kwh))]
    return [total - before for before, total in zip([0, *totals], totals, strict=False)]


def test_a_cambridge_building_by_its_profile(tmp_path: Path) -> None:
    source = DATA / "buildings" / "cambridge_b35" / "b35_2017.csv"
    frame, rejects, _ = read(place(source, tmp_path), "meter", "Europe/London")
    written = lines(source)
    assert len(written) == frame.height == 72
    assert rejects.is_empty()
    assert frame.select("interval_start", "duration_s", "import_wh", "export_wh", "quality").rows() == [
        (at, 3600, int(Decimal(kwh) * 1000), 0, "measured") for at, kwh in written
    ]


def test_a_cambridge_building_on_the_local_clock_shows_that_it_has_another() -> None:
    """The shipped `long_rows` reads it too, and refuses the hour that British clocks skip instead of moving it."""
    source = DATA / "buildings" / "cambridge_b35" / "b35_2017.csv"
    frame, rejects, _ = read(source, "meter", "Europe/London")
    assert frame.height == 71
    ((position, field, value, allowed),) = rejects.select("position", "field", "value", "allowed").rows()
    assert (position, field, value[:16]) == ("line 27", "time", "2017-03-26 01:00")
    assert "clock = 'standard'" in allowed


def test_a_school_of_nmecr_keeps_standard_time(tmp_path: Path) -> None:
    source = DATA / "buildings" / "nmecr_school" / "school_eload_2018_kWh.csv"
    frame, rejects, _ = read(place(source, tmp_path), "meter", "America/Los_Angeles")
    written = lines(source)
    assert frame.height == 144
    assert rejects.is_empty()
    assert frame.select("interval_start", "import_wh").rows() == [
        (at + timedelta(hours=8), int(Decimal(kwh) * 1000)) for at, kwh in written
    ]


def test_its_weather_is_in_degrees_celsius(tmp_path: Path) -> None:
    """02:00 of 4 November stands there with two values: the later is used, the earlier refused."""
    source = DATA / "buildings" / "nmecr_school" / "school_temp_2018_F.csv"
    frame, rejects, _ = read(place(source, tmp_path), "weather", "America/Los_Angeles")
    written = dict(lines(source))
    assert rejects.select("position", "raw").rows() == [("line 4", "2018-11-04 02:00:00,69.95")]
    assert frame.height == len(written) == 48
    for found, (at, text) in zip(frame.iter_rows(named=True), written.items(), strict=True):
        assert found["observed_at"] == at + timedelta(hours=8)
        assert found["temperature_c"] == pytest.approx((float(text) - 32) / 1.8, abs=1e-6)


def test_a_file_without_header_and_with_nan(tmp_path: Path) -> None:
    source = DATA / "buildings" / "lbnl_loadshape" / "test_kw.csv"
    read_whole = read_file(place(source, tmp_path), ("site", "kw"))
    frame, rejects, _ = localised(read_whole.local[0], "America/Los_Angeles", NAMES)
    written = [(at, kw) for at, kw in lines(source, skip=0) if kw != "nan"]
    missing = len(lines(source, skip=0)) - len(written)
    assert missing > 0
    assert f"{missing} values are missing (blank or marked so)" in read_whole.notes
    assert rejects.is_empty()
    found = frame["meter"].select("interval_start", "duration_s", "import_wh").rows()
    energies = rises([Decimal(kw) / 4 for _, kw in written])
    assert found == [(at + timedelta(hours=7), 900, wh) for (at, _), wh in zip(written, energies, strict=True)]


def test_workplace_sessions_have_their_years_times_and_energies() -> None:
    source = DATA / "chargers" / "asensio_workplace" / "station_data_dataverse.csv"
    (local,) = read_file(source, ("site", "sessions")).local
    frames, rejects, _ = localised(local, "UTC", {})
    with source.open(encoding="utf-8", newline="") as stream:
        written = {row["sessionId"]: row for row in csv.DictReader(stream)}
    assert rejects.is_empty()
    assert set(frames["session"]["session_id"]) == set(written)
    for found in frames["session"].iter_rows(named=True):
        row = written[found["session_id"]]
        assert found["charger_id"] == row["stationId"]
        for at, column in (("plugged_in_at", "created"), ("plugged_out_at", "ended")):
            assert f"{found[at]:%Y-%m-%d %H:%M:%S}" == "20" + row[column][2:]
    ends = frames["charger"].filter(pl.col("context") == "end")
    energies = dict(ends.select("session_id", "energy_import_wh").rows())
    assert energies == {name: int(Decimal(row["kwhTotal"]) * 1000) for name, row in written.items()}
    assert list(energies.values()).count(0) == 3
