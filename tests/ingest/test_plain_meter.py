"""The quick way through plain lines gives what the general rules give, and steps aside for every other line."""

import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.ingest import canonical_csv, cells, read_file
from pipeline.ingest.plain_meter import plain_values

HEADER = ["meter_id", "interval_start", "duration_s", "import_kwh", "export_kwh"]
GOOD = "main,2013-07-01T00:00:00Z,1800,1.5,0"


def values(*lines: str) -> pl.DataFrame | None:
    return plain_values("".join(line + "\n" for line in lines).encode(), HEADER, 2)


def test_plain_lines_are_taken() -> None:
    found = values(GOOD, "main,2013-07-01T09:30:00+09:00,1800,12,0.123456789")
    assert found is not None
    assert found["line"].to_list() == [2, 3]
    assert found["interval_start"].to_list() == [
        datetime(2013, 7, 1, tzinfo=UTC),
        datetime(2013, 7, 1, 0, 30, tzinfo=UTC),
    ]
    assert [str(kwh) for kwh in found["export_kwh"]] == ["0E-18", "0.123456789000000000"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "main,2013-07-01T00:30:00Z,1800,1.5",
        "main,2013-07-01T00:30:00Z,1800,1.5,0,",
        '"main",2013-07-01T00:30:00Z,1800,1.5,0',
        " main,2013-07-01T00:30:00Z,1800,1.5,0",
        "main ,2013-07-01T00:30:00Z,1800,1.5,0",
        "ma\tin,2013-07-01T00:30:00Z,1800,1.5,0",
        ",2013-07-01T00:30:00Z,1800,1.5,0",
        "main,2013-07-01T00:30:00,1800,1.5,0",
        "main,2013-07-01T24:00:00Z,1800,1.5,0",
        "main,2013-02-29T00:00:00Z,1800,1.5,0",
        "main,2013-07-00T00:00:00Z,1800,1.5,0",
        "main,2013-00-01T00:00:00Z,1800,1.5,0",
        "main,2013-13-01T00:00:00Z,1800,1.5,0",
        "main,1999-12-31T00:00:00Z,1800,1.5,0",
        "main,2013-07-01T00:60:00Z,1800,1.5,0",
        "main,2013-07-01T00:30:60Z,1800,1.5,0",
        "main,2013-07-01 00:30:00Z,1800,1.5,0",
        "main,2013-7-01T00:30:00ZZ,1800,1.5,0",
        "main,2013-07-01T00:30:00.5Z,1800,1.5,0",
        "main,,1800,1.5,0",
        "main,2013-07-01T00:30:00+18:30,1800,1.5,0",
        "main,2013-07-01T00:30:00Z,0,1.5,0",
        "main,2013-07-01T00:30:00Z,9999999999,1.5,0",
        "main,2013-07-01T00:30:00Z,40000000,1.5,0",
        "main,2013-07-01T00:30:00Z,1800,-1.5,0",
        "main,2013-07-01T00:30:00Z,+1800,1.5,0",
        "main,2013-07-01T00:30:00Z,1800,1e10,0",
        "main,2013-07-01T00:30:00Z,1800,1e30,0",
        "main,2013-07-01T00:30:00Z,1800,1.,0",
        "main,2013-07-01T00:30:00Z,1800,1.e1,0",
        "main,2013-07-01T00:30:00Z,1800,1,0.",
        "main,2013-07-01T00:30:00Z,1800,0x1,0",
        "main,2013-07-01T00:30:00Z,1800,inf,0",
        "main,2013-07-01T00:30:00Z,1800,,0",
        "main,2013-07-01T00:30:00Z,1800,NaN,0",
        "main,2013-07-01T00:30:00Z,1800,1.5,0 ",
        "main,2013-07-01T00:30:00Z,1800,1.5,0\r",
    ],
)
def test_any_other_line_is_left_to_the_general_rules(line: str) -> None:
    assert values(GOOD, line, GOOD) is None


@pytest.mark.parametrize("text", ["10", "1e1", "1.0E+001", " +10.0", "0000000000000010", "10.00000000000000000000"])
def test_a_number_is_one_in_any_spelling_and_by_either_way(text: str) -> None:
    found = values(GOOD, f"main,2013-07-01T00:30:00Z,1800,{text},0")
    assert found is not None
    general = pl.DataFrame({"text": [text.strip()]}).select(cells.exact(pl.col("text"))).item()
    assert found["import_kwh"][1] == general == 10


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [("0.123", True), ("7", True), ("0.1234", False), ("0.0000001", False), ("12e-6", False), ("1.5E-3", False)],
)
def test_only_numbers_of_at_most_three_decimals_are_read_in_whole_wh(text: str, is_whole: bool) -> None:
    found = values(f"eee,2013-07-01T00:30:00Z,1800,{text},0")
    assert found is not None
    assert (found.schema["import_kwh"] == cells.TO_THE_WH) == is_whole
    assert found["import_kwh"].item() == Decimal(text)


def test_a_block_that_ends_in_a_number_is_read_to_its_end() -> None:
    found = plain_values(b"main,2013-07-01T00:30:00Z,1800,0,1.2345", HEADER, 2)
    assert found is not None
    assert found["export_kwh"].item() == Decimal("1.2345")
    assert plain_values(b"main,2013-07-01T00:30:00Z,1800,0,1.", HEADER, 2) is None


def test_bytes_that_are_no_text_are_left_to_the_general_rules() -> None:
    assert plain_values(b"ma\xffin,2013-07-01T00:00:00Z,1800,1.5,0\n", HEADER, 2) is None


def test_the_raw_line_is_rebuilt_with_the_columns_nobody_reads() -> None:
    block = b"x,main,2013-07-01T00:00:00Z,1800,1.5,0,\n"
    found = plain_values(block, ["a", *HEADER, ""], 2, with_raw=True)
    assert found is not None
    assert found["raw"].to_list() == [block.decode().strip()]


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59))
OFFSETS = st.sampled_from(["Z", "+00:00", "+05:45", "-03:30", "+17:59", "-12:00"])


@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1, max_size=8))
def test_a_moment_is_what_the_standard_library_reads(moments: list[tuple[datetime, str]]) -> None:
    stamps = [f"{clock:%Y-%m-%dT%H:%M:%S}{offset}" for clock, offset in moments]
    found = values(*(f"main,{stamp},1800,1.5,0" for stamp in stamps))
    assert found is not None
    assert found["interval_start"].to_list() == [datetime.fromisoformat(stamp) for stamp in stamps]


def test_every_day_of_a_century_is_its_own() -> None:
    days = pl.datetime_range(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59), "1d", eager=True)
    found = values(*(f"main,{day},1800,1.5,0" for day in days.dt.strftime("%Y-%m-%dT23:59:59Z")))
    assert found is not None
    assert (found["interval_start"].dt.replace_time_zone(None) - days == timedelta(days=1, seconds=-1)).all()


@st.composite
def meter_lines(draw: st.DrawFn) -> str:
    """One line, mostly plain: names, times, offsets and numbers in several spellings."""
    name = draw(st.sampled_from(["main", "main", "roof", "käse", " main"]))
    stamp = f"2013-07-{draw(st.integers(1, 3)):02}T{draw(st.integers(0, 24)):02}:{draw(st.sampled_from(['00', '30']))}"
    offset = draw(st.sampled_from(["Z", "Z", "+09:00", "-03:30", "+0900"]))
    energy = draw(st.sampled_from(["0", "1.5", "0.0004", "0.0005", "123456.789", "1e1", "1.23456789012", "-1"]))
    return f"{name},{stamp}:00{offset},{draw(st.sampled_from(['1800', '900', '0']))},{energy},0"


@given(st.lists(meter_lines(), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_both_ways_give_the_same_file(lines: list[str], end: str, ended: bool) -> None:
    text = end.join([",".join(HEADER), *lines]) + (end if ended else "")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "meter.csv"
        path.write_bytes(text.encode())
        quick = read_file(path, [])
        patch.setattr(canonical_csv, "plain_values", lambda *_, **__: None)
        general = read_file(path, [])
    assert (quick.notes, quick.unterminated, set(quick.frames)) == (
        general.notes,
        general.unterminated,
        set(general.frames),
    )
    assert_frame_equal(quick.rejects, general.rejects)
    for part in ("frames", "last_line"):
        for kind, frame in getattr(quick, part).items():
            assert_frame_equal(frame, getattr(general, part)[kind])
