"""NEM12 as docs/formats.md promises it: a day loads whole or not at all."""

import csv
import logging
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from aemo_mdff_reader import NEM12ParseError, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from nemreader import NEMFile

from pipeline.domain import RECORDS
from pipeline.ingest import read_file
from tests.ingest.faults import check, faults, outcome

DATA = Path(__file__).parents[1] / "data" / "nem12"
VALID = [*sorted(DATA.glob("Example_NEM12*.csv")), DATA / "Example_WesternPower.csv"]
INVALID = sorted(DATA.joinpath("invalid").glob("*.csv"))
Totals = dict[tuple[str, str], float]
WH = {"WH": 1, "KWH": 1000, "MWH": 1_000_000}


@pytest.mark.parametrize(("path", "expected"), faults("nem12"))
def test_quirks(path, expected):
    check(read_file(path, ("site", path.stem)), expected)


def cells_of(path: Path) -> dict[tuple[str, str], Decimal]:
    """Wh of each NMI and direction (E or B), added up from the cells by hand."""
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in csv.reader(path.read_text().splitlines()):
        if row and row[0] == "200":
            stream = row
        if row and row[0] == "300" and stream[4][0] in "EB":
            values = row[2 : 2 + 1440 // int(stream[8])]
            totals[stream[1], stream[4][0]] += sum(map(Decimal, values)) * WH[stream[7].upper()]
    return dict(totals)


def totals_of(records) -> dict[tuple[str, str], int]:
    sums = records.frames["meter"].group_by("meter_id").agg(pl.col("import_wh", "export_wh").sum()).rows()
    return {(meter, letter): wh for meter, *both in sums for letter, wh in zip("EB", both, strict=True)}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_files_load_with_every_reading_in_them(path):
    found = read_file(path, ("site", path.stem))
    assert outcome(found) == "loaded"
    assert dict(found.frames["meter"].schema) == dict(RECORDS["meter"])
    assert found.frames["meter"].select("meter_id", "interval_start").is_duplicated().sum() == 0
    totals = totals_of(found)
    assert {key: totals[key] for key in cells_of(path)} == cells_of(path)


def nemreader_totals(path: Path) -> Totals:
    totals: Totals = defaultdict(float)
    for nmi, streams in NEMFile(str(path)).nem_data().readings.items():
        for suffix, readings in streams.items():
            if suffix[0] in "EB":
                totals[nmi, suffix[0]] += sum(r.read_value * WH[r.uom.upper()] for r in readings)
    return totals


def mdff_totals(path: Path) -> Totals:
    totals: Totals = defaultdict(float)
    for reading in parse(path):
        if reading.nmi_suffix[0] in "EB":
            totals[reading.nmi, reading.nmi_suffix[0]] += float(reading.value) * WH[reading.uom.upper()]
    return totals


@pytest.mark.parametrize("peer", [nemreader_totals, mdff_totals])
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_other_readers_agree_on_every_valid_file(path, peer):
    totals = totals_of(read_file(path, ("site", path.stem)))
    assert {key: totals[key] for key in peer(path)} == pytest.approx(peer(path), abs=1e-6)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid_files_never_load_a_wrong_interval(path):
    found = read_file(path, ("site", path.stem))
    assert found.rejects.height
    assert all(found.rejects["position"].str.contains(r"^(line [0-9]+|file)$"))
    if path.stem != "Example_NEM12_incomplete_interval":
        assert dict(found.frames) == {}
        return
    # One day has no values at all; the other one is whole and has 48 values of 1.111 kWh.
    assert found.rejects.select("position", "field").rows() == [("line 3", "values")]
    assert found.frames["meter"]["import_wh"].to_list() == [1111] * 48


LESS_STRICT = {
    nemreader_totals: {
        "Example_NEM12_15min_200_30min_400": "the ranges name half of the intervals; it keeps the others as V",
        "Example_NEM12_30min_200_15min_300": "it takes the first 48 of 96 values as half-hours: half a day's energy",
        "Example_NEM12_missing_header": "it takes a file without header for NEM12",
        "Example_NEM12_powercor": "the same, and adds up two answers for one day",
    },
    mdff_totals: {
        "Example_NEM12_15min_200_30min_400": "the ranges name half of the intervals; it keeps the others as V",
        "Example_NEM12_missing_header": "it takes a file without header for NEM12",
        "Example_NEM12_powercor": "the same, and stops in silence at the first 900 record",
        "Example_NEM12_powercor_missing_fields": "the same",
    },
}
"""Files that another reader accepts and this one refuses, with the reason."""


@pytest.mark.parametrize("peer", [nemreader_totals, mdff_totals])
@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_where_another_reader_is_less_strict_is_known(path, peer):
    logging.disable(logging.CRITICAL)
    try:
        theirs = any(peer(path).values())
    except (ValueError, NEM12ParseError):
        theirs = False
    finally:
        logging.disable(logging.NOTSET)
    ours = read_file(path, ("site", path.stem)).frames
    assert (theirs and not ours) == (path.stem in LESS_STRICT[peer])


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=1500))
def test_a_cut_file_loads_only_whole_days(tmp_path_factory, cut):
    whole = (DATA / "Example_NEM12_multiple_meters.csv").read_bytes()
    path = tmp_path_factory.getbasetemp() / "cut.csv"
    path.write_bytes(whole[: max(1, len(whole) - cut * 3)])
    found = read_file(path, ("site", "cut"))
    everything = read_file(DATA / "Example_NEM12_multiple_meters.csv", ("site",)).frames["meter"]
    imports = {(row[0], row[1]): row[3] for row in everything.rows()}
    if "meter" in found.frames:
        kept = found.frames["meter"]
        assert kept.height % 96 == 0
        assert all(row[3] == imports[row[0], row[1]] for row in kept.rows())
    if cut:
        assert found.rejects.height


@settings(max_examples=60, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=5))
def test_flipped_bytes_never_raise(tmp_path_factory, places):
    content = bytearray((DATA / "Example_NEM12_multiple_quality.csv").read_bytes())
    for place, byte in places:
        content[place % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "flipped.csv"
    path.write_bytes(content)
    found = read_file(path, ("site",))
    assert found.frames or found.rejects.height
