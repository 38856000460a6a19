"""Green Button as docs/formats.md promises it."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from pipeline.domain import RECORDS
from pipeline.ingest import espi_xml, read_file
from pipeline.ingest.espi_alike import Alike
from tests.ingest.faults import FAULTS, check, faults, outcome

DATA = Path(__file__).parents[1] / "data" / "green_button"
METER = "/espi/1_1/resource/RetailCustomer/9B6C7066/UsagePoint/5446AF3F"


@pytest.mark.parametrize(("path", "expected"), faults("green_button"))
def test_quirks(path, expected):
    check(read_file(path, ("site", path.stem)), expected)


@pytest.mark.parametrize("path", sorted(DATA.glob("*usage*.xml")), ids=lambda path: path.stem)
def test_real_feeds_load_with_every_reading_in_them(path):
    """Starts and values as a plain text search finds them; the uom is 72 and the multiplier 0, so values are Wh."""
    readings = re.findall(r"<IntervalReading>.*?</IntervalReading>", path.read_text(), re.DOTALL)
    inside = [
        tuple(int(re.search(rf"<{name}>(\d+)<", reading)[1]) for name in ("start", "duration", "value"))
        for reading in readings
    ]
    found = read_file(path, ("site", path.stem))
    assert (outcome(found), found.notes) == ("loaded", ())
    frame = found.frames["meter"]
    assert dict(frame.schema) == dict(RECORDS["meter"])
    assert frame["meter_id"].unique().to_list() == [METER]
    rows = [(row[1].timestamp(), row[2], row[3]) for row in frame.rows()]
    assert rows == sorted(inside)
    assert frame["export_wh"].sum() == 0
    assert (frame["quality"] == "estimated").sum() == len(re.findall("<quality>[78]</quality>", path.read_text()))


def test_the_day_clocks_go_forward_has_92_quarters(read):
    frame = read_file(DATA / "openespi__test_usage_data_11.xml", ("site",)).frames["meter"]
    assert (frame.height, frame["duration_s"].sum()) == (92, 82_800)


def test_a_feed_without_readings_is_refused_by_name():
    found = read_file(DATA / "openespi__ServiceCategory.xml", ("site",))
    assert (found.format, dict(found.frames)) == ("green_button", {})
    assert found.rejects["allowed"].to_list() == [
        "at least one IntervalReading of electric energy (uom 72 or 73) or power (uom 38)"
    ]


def test_no_file_is_opened_for_an_entity(read, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("12345")
    text = (FAULTS / "green_button" / "direction_0.xml").read_text()
    declared = f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{secret.as_uri()}">]>\n<feed'
    found = read(text.replace("<feed", declared, 1).replace("<value>100", "<value>&x;"))
    assert dict(found.frames) == {}
    assert "12345" not in str(found.rejects.rows())


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_nesting_is_refused(read, depth):
    found = read('<feed xmlns="http://naesb.org/espi">' + "<a>" * depth + "</a>" * depth + "</feed>")
    assert dict(found.frames) == {}
    assert found.rejects["field"].to_list()[0] == "XML"


def test_a_reading_in_a_reading_moves_no_value_to_another(read):
    text = (FAULTS / "green_button" / "direction_0.xml").read_text()
    last = text.rindex("<IntervalReading>")
    nested = "<IntervalReading><value>7</value><IntervalReading><value>8</value></IntervalReading></IntervalReading>"
    sound, found = read(text), read(text[:last] + nested + text[last:])
    assert found.frames["meter"].rows() == sound.frames["meter"].rows()
    assert found.rejects["field"].to_list() == ["start", "start"]


def test_what_was_read_leaves_memory():
    parser = etree.XMLPullParser(events=("end",), tag=["{*}link", "{*}entry"])
    collector = espi_xml._Collector(Alike(b"", (), ()))
    parser.feed("<feed>")
    for _ in range(3):
        parser.feed("<entry><junk>1</junk><link/></entry>" * 1000)
        collector.take(parser, 0)
    parser.feed("</feed>")
    root = parser.close()
    assert len(root) < 1000  # of 3000: what came with the last piece is still there
    assert collector.entries == []


def test_lines_beyond_what_the_parser_counts_are_given_as_numbers(read):
    text = (FAULTS / "green_button" / "one_double_hour.xml").read_text()
    broken = text.replace("<IntervalReading>", "\n" * 70_000 + "<IntervalReading>", 1).replace("<value>120", "<value>x")
    assert read(broken).rejects["position"].to_list() == ["IntervalReading 3"]


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(0, 28_000),
    places=st.lists(st.tuples(st.integers(0, 28_000), st.integers(1, 255)), max_size=4),
)
def test_a_damaged_feed_never_raises_nor_invents_readings(tmp_path_factory, cut, places):
    content = bytearray((DATA / "openespi__test_usage_data_11.xml").read_bytes())[: 28_711 - cut]
    for place, byte in places:
        if place < len(content):
            content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_bytes(content)
    found = read_file(path, ("site",))
    assert found.frames or found.rejects.height
    if not places and found.frames:
        whole = read_file(DATA / "openespi__test_usage_data_11.xml", ("site",)).frames["meter"].rows()
        assert set(found.frames["meter"].rows()) <= set(whole)
    if cut > 10 and not places:
        assert found.rejects.height
