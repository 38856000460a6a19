"""Which format a file is in, and what becomes of files in none."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain import REJECT
from pipeline.ingest import FORMATS, read_file


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"", "nothing"),
        (b"  \n\n", "nothing"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary data"),
        ("meter_id,interval_start".encode("utf-16"), "binary data"),
        (b"hello\nworld\n", "hello"),
        (b'{"a": 1}\n', '{"a": 1}'),
    ],
)
def test_a_file_in_no_format_is_refused_as_a_whole(read, content, value):
    found = read(content)
    assert (found.format, found.kind, dict(found.frames)) == ("", "", {})
    assert found.rejects.select("position", "value").rows() == [("file", value)]
    assert dict(found.rejects.schema) == dict(REJECT)


def test_the_refusal_names_every_format(read):
    allowed = read("hello").rejects["allowed"][0]
    assert all(entry.description in allowed for entry in FORMATS)


def test_folders_and_missing_files_are_refused(tmp_path: Path):
    (tmp_path / "x.csv").mkdir()
    assert read_file(tmp_path / "x.csv", ()).rejects["allowed"].to_list() == ["a file, not a folder"]
    assert read_file(tmp_path / "gone.csv", ()).rejects["allowed"].to_list() == ["a file that can be read"]


def test_content_counts_and_extension_does_not(tmp_path: Path):
    path = tmp_path / "log.png"
    path.write_text("station_id,observed_at,temperature_c\natsugi,2013-07-01T00:00:00Z,20\n")
    assert read_file(path, ()).kind == "weather"


def test_every_format_recognises_only_its_own():
    heads = {
        "canonical_csv": b"meter_id,interval_start,duration_s,import_kwh,export_kwh\n",
        "green_button": b'<?xml version="1.0"?>\n<feed><UsagePoint xmlns="http://naesb.org/espi"/></feed>\n',
        "nem12": b"100,NEM12,200405011135,MDA1,Ret1\n",
        "ocpp": b'\n[2,"1","MeterValues",{}]\n',
        "ocpi_json": b'[{"id": "1", "start_date_time": "", "charging_periods": []}]',
        "acn_json": b'{"_items": [{"connectionTime": "", "kWhDelivered": 1}]}',
        "ocmf": b"OCMF|{}|{}",
        "profile_csv": b"Account,1\nTYPE,DATE,START TIME,END TIME,USAGE (kWh),NOTES\nElectric usage,2013-07-01,00:00,",
        "parquet": b"PAR1\x15\x04",
    }
    assert set(heads) == {entry.name for entry in FORMATS}
    for name, head in heads.items():
        assert [entry.name for entry in FORMATS if entry.sniff(head)] == [name]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300))
def test_no_bytes_ever_raise(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(content)
    found = read_file(path, ("site",))
    assert found.frames or found.rejects.height == 1
