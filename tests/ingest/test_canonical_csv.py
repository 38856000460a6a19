"""Canonical CSV as docs/formats.md promises it."""

import random
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.domain import RECORDS
from pipeline.ingest import read_file

METER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"
CHARGER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
SESSIONS = (
    "session_id,charger_id,vehicle_id,plugged_in_at,plugged_out_at,soc_in_pct,soc_out_pct,target_soc_pct,departure_at\n"
)
WEATHER = "station_id,observed_at,temperature_c\n"


def meter_line(minute: int, import_kwh: str = "1", export_kwh: str = "0", meter: str = "main") -> str:
    at = datetime(2013, 7, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return f"{meter},{at:%Y-%m-%dT%H:%M:%SZ},1800,{import_kwh},{export_kwh}\n"


def reasons(records) -> list[tuple[str, str, str]]:
    return list(records.rejects.select("position", "field", "value").iter_rows())


def test_meter_rows_become_integer_wh_in_utc(read):
    found = read(METER + "main,2013-07-01T09:00:00+09:00,1800,412.345,0.5\n")
    assert (found.format, found.kind, found.notes) == ("canonical_csv", "meter", ())
    frame = found.frames["meter"]
    assert dict(frame.schema) == dict(RECORDS["meter"])
    assert frame.row(0) == ("main", datetime(2013, 7, 1, tzinfo=UTC), 1800, 412_345, 500, "measured")
    assert found.rejects.is_empty()


def test_charger_rows_keep_blanks_and_round_registers(read):
    line = "CP1,2013-07-01T00:05:00Z,1000.5,,-6000.4,87.3524,,LEAF1\n"
    frame = read(CHARGER + line).frames["charger"]
    assert dict(frame.schema) == dict(RECORDS["charger"])
    at = datetime(2013, 7, 1, 0, 5, tzinfo=UTC)
    assert frame.row(0) == ("CP1", at, 1001, None, -6000, 87.3524, None, "LEAF1", "sample")


def test_sessions_and_weather_are_told_apart_by_their_header(read):
    lines = "S1,CP1,LEAF1,2013-07-01T08:00:00Z,,50,,100,\n"
    session = read(SESSIONS + lines)
    assert session.kind == "session"
    assert session.frames["session"].select("soc_in_pct", "soc_out_pct", "target_soc_pct").row(0) == (50.0, None, 100.0)
    weather = read(WEATHER + "atsugi,2013-07-01T08:00:00Z,-3.5\n")
    assert weather.kind == "weather"
    assert weather.frames["weather"]["temperature_c"].to_list() == [-3.5]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2013-07-01T00:00:00Z", datetime(2013, 7, 1, tzinfo=UTC)),
        ("2013-07-01 00:00+09:00", datetime(2013, 6, 30, 15, tzinfo=UTC)),
        ("2013-07-01T00:00:00-0330", datetime(2013, 7, 1, 3, 30, tzinfo=UTC)),
        ("2013-07-01T00:00:00.25+09", datetime(2013, 6, 30, 15, 0, 0, 250_000, tzinfo=UTC)),
        ("2013-07-01T00:00:00", None),
        ("2013-02-29T00:00:00Z", None),
        ("2013-07-01T24:00:00Z", None),
        ("0014-07-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("01/07/2013 00:00", None),
        ("2013-07-01T00:00:00+19:00", None),
        ("", None),
    ],
)
def test_times_need_an_offset_and_a_real_date(read, text, utc):
    found = read(WEATHER + f"atsugi,{text},20\natsugi,2020-01-01T00:00:00Z,20\n")
    stamps = found.frames["weather"]["observed_at"].to_list()
    if utc is None:
        assert len(stamps) == 1
        assert reasons(found) == [("line 2", "observed_at", text)]
    else:
        assert stamps == [utc, datetime(2020, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("field", "cells"),
    [
        ("duration_s", "main,2013-07-01T00:00:00Z,0,1,0"),
        ("duration_s", "main,2013-07-01T00:00:00Z,-900,1,0"),
        ("duration_s", "main,2013-07-01T00:00:00Z,900.5,1,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,-1,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,NaN,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,inf,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,1e99,0"),
        ("import_kwh", "main,2013-07-01T00:00:00Z,900,12 kWh,0"),
        ("export_kwh", "main,2013-07-01T00:00:00Z,900,1,0."),
        ("meter_id", ",2013-07-01T00:00:00Z,900,1,0"),
        ("line", "main,2013-07-01T00:00:00Z,900,1"),
        ("line", "main,2013-07-01T00:00:00Z,900,1,0,0"),
        ("line", 'ma"in,2013-07-01T00:00:00Z,900,1,0'),
        ("line", '"main,2013-07-01T00:00:00Z,900,1,0'),
    ],
)
def test_a_bad_cell_costs_its_line_only(read, field, cells):
    found = read(METER + meter_line(0) + cells + "\n" + meter_line(30))
    assert found.frames["meter"].height == 2
    assert [(row[0], row[1]) for row in reasons(found)] == [("line 3", field)]
    assert found.rejects["raw"].to_list() == [cells]
    assert found.rejects["allowed"][0]


def test_every_bad_cell_of_a_line_is_named(read):
    found = read(METER + meter_line(0) + "main,yesterday,half an hour,-1,NaN\n")
    assert [row[1] for row in reasons(found)] == ["interval_start", "duration_s", "import_kwh", "export_kwh"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("CP1,2013-07-01T00:00:00Z,-1,0,0,50,,\n", "energy_import_wh"),
        ("CP1,2013-07-01T00:00:00Z,1,0,0,100.1,,\n", "soc_pct"),
        ("CP1,2013-07-01T00:00:00Z,1,0,x,50,,\n", "power_w"),
    ],
)
def test_charger_cells_have_their_ranges(read, line, field):
    assert [row[1] for row in reasons(read(CHARGER + line))] == [field]


def test_a_session_does_not_end_before_it_begins(read):
    found = read(SESSIONS + "S1,CP1,,2013-07-01T08:00:00Z,2013-07-01T07:00:00Z,,,,\n")
    assert not found.frames
    assert reasons(found) == [("line 2", "plugged_out_at", "2013-07-01T07:00:00Z")]


def test_line_numbers_are_those_of_an_editor(read):
    found = read("\ufeff" + METER.replace("\n", "\r\n") + "\r\n" + meter_line(0) + "\n\n" + "main,x,1800,1,0\r\n")
    assert reasons(found) == [("line 6", "interval_start", "x")]
    assert found.frames["meter"].height == 1


def test_quoted_cells_are_read(read):
    quoted = '"ma""in, east", "2013-07-01T00:00:00Z" ,"1800","1",0\n'
    found = read('"meter_id",interval_start,duration_s,import_kwh,export_kwh\n' + quoted + meter_line(30))
    assert found.frames["meter"]["meter_id"].to_list() == ['ma"in, east', "main"]
    assert found.rejects.is_empty()


def test_extra_columns_are_ignored_with_a_note_and_order_is_free(read):
    text = "note,export_kwh,import_kwh,duration_s,interval_start,meter_id\nok,0,2,1800,2013-07-01T00:00:00Z,main\n"
    found = read(text)
    assert found.notes == ("ignored columns: note",)
    assert found.frames["meter"]["import_wh"].to_list() == [2000]


@pytest.mark.parametrize(
    "header",
    [
        "meter_id,interval_start,import_kwh,export_kwh",
        "meter_id,interval_start,duration_s,import_kWh,export_kwh",
        "meter_id,interval_start,duration_s,import_kwh,export_kwh,import_kwh",
        "meter_id,interval_start,duration_s,kwh",  # as near to reactive energy, which names none of its own
    ],
)
def test_a_wrong_header_is_refused_with_the_right_one(read, header):
    found = read(header + "\nmain,2013-07-01T00:00:00Z,1,1\n")
    assert not found.frames
    assert reasons(found) == [("line 1", "header", header)]
    assert found.rejects["allowed"][0] == METER.strip()


def test_a_header_without_rows_is_refused(read):
    found = read(METER)
    assert not found.frames
    assert found.rejects["allowed"].to_list() == ["at least one line below the header"]


def test_bytes_that_are_not_utf8_cost_their_line(read):
    content = (METER + meter_line(0)).encode() + b"\xff\xfemain,2013-07-01T00:30:00Z,1800,1,0\n"
    found = read(content)
    assert found.frames["meter"].height == 1
    assert found.rejects.select("position", "allowed").row(0) == ("line 3", "text in UTF-8")


def test_a_repeated_line_counts_once(read):
    found = read(METER + meter_line(0, "1.50") + meter_line(0, "1.5"))
    assert found.frames["meter"]["import_wh"].to_list() == [1500]
    assert found.notes == ("1 repeated lines counted once",)
    assert found.rejects.is_empty()


def test_of_two_values_the_later_line_wins_and_the_earlier_is_kept_as_reject(read):
    found = read(METER + meter_line(0, "1") + meter_line(30) + meter_line(0, "2"))
    assert found.frames["meter"]["import_wh"].to_list() == [2000, 1000]
    assert found.rejects["position"].to_list() == ["line 2"]
    assert found.rejects["allowed"][0] == "one value for each meter_id and interval_start; line 4 is used"


def test_charger_lines_of_one_moment_complete_each_other(read):
    at = "2013-07-01T00:00:00Z"
    found = read(CHARGER + f"CP1,{at},100,,,,,\nCP1,{at},,20,,55,,\n")
    frame = found.frames["charger"]
    assert frame.select("energy_import_wh", "energy_export_wh", "soc_pct").rows() == [(100, 20, 55.0)]
    assert found.rejects.is_empty()


def test_a_session_that_ends_as_the_next_begins_keeps_its_last_reading(read):
    rows = "CP1,2013-07-01T08:00:00Z,100,0,,50,A,\nCP1,2013-07-01T09:00:00Z,900,0,,60,A,\n"
    rows += "CP1,2013-07-01T09:00:00Z,900,0,,20,B,\n"
    frame = read(CHARGER + rows).frames["charger"]
    assert frame.select("session_id", "soc_pct").rows() == [("A", 50.0), ("A", 60.0), ("B", 20.0)]
    nine = datetime(2013, 7, 1, 9, tzinfo=UTC)
    assert frame["measured_at"].to_list()[1:] == [nine - timedelta(microseconds=1), nine]


def test_a_torn_last_line_is_refused_and_the_rest_loads(read):
    found = read((METER + meter_line(0) + meter_line(30))[:-15])
    assert found.frames["meter"].height == 1
    assert found.rejects["position"].to_list() == ["line 3"]


def test_an_unterminated_last_line_that_reads_well_is_flagged(read):
    text = METER + meter_line(30, "412.345") + meter_line(0, "412.345").removesuffix("5,0\n")
    found = read(text + ",0")  # as if '412.345,0' had been cut to '412.34,0'
    assert found.unterminated
    assert found.last_line["meter"].select("interval_start", "import_wh").rows() == [
        (datetime(2013, 7, 1, tzinfo=UTC), 412_340)
    ]
    whole = read(text + "5,0\n")
    assert not whole.unterminated
    assert not whole.last_line


def test_sub_wh_energy_is_rounded_as_a_running_total_per_meter(read):
    # Totals in Wh: 0.4, 0.8, 1.2, 1.6 round to 0, 1, 1, 2.
    lines = [meter_line(30 * step, "0.0004", "0.0005") for step in range(4)]
    lines += [meter_line(30 * step, "0.0004", meter="other") for step in range(2)]
    frame = read(METER + "".join(lines)).frames["meter"]
    assert frame.filter(meter_id="main")["import_wh"].to_list() == [0, 1, 0, 1]
    assert frame.filter(meter_id="main")["export_wh"].to_list() == [1, 0, 1, 0]  # 0.5, 1.0, 1.5, 2.0
    assert frame.filter(meter_id="other")["import_wh"].to_list() == [0, 1]


def test_exponents_are_read_exactly(read):
    frame = read(METER + meter_line(0, "1e-3") + meter_line(30, "2.5E3")).frames["meter"]
    assert frame["import_wh"].to_list() == [1, 2_500_000]


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.decimals(0, 1000, places=9), min_size=1, max_size=30), seed=st.integers(0, 9))
def test_totals_are_exact_and_the_order_of_lines_does_not_matter(values, seed):
    lines = [meter_line(30 * step, format(value, "f")) for step, value in enumerate(values)]
    shuffled = random.Random(seed).sample(lines, len(lines))
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "a", Path(folder) / "b"
        first.write_text(METER + "".join(lines))
        second.write_text(METER + "".join(shuffled))
        ordered, mixed = (read_file(path, ()).frames["meter"] for path in (first, second))
    assert_frame_equal(ordered, mixed)
    exact = [sum(values[: step + 1], Decimal(0)) * 1000 for step in range(len(values))]
    totals = [0, *(int(total.quantize(Decimal(1), ROUND_HALF_UP)) for total in exact)]
    assert ordered["import_wh"].to_list() == [after - before for before, after in pairwise(totals)]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), noise=st.binary(max_size=6), at=st.integers(0, 400))
def test_a_damaged_file_never_raises_and_no_line_is_lost_in_silence(cut, noise, at):
    content = (METER + "".join(meter_line(30 * step, "1.5") for step in range(8))).encode()
    damaged = content[: min(at, cut)] + noise + content[cut:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(damaged)
        found = read_file(path, ())
    assert found.frames or found.rejects.height
    assert found.rejects.filter(pl.col("allowed") == "").is_empty()
