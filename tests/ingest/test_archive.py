"""Zip and gzip: entries are read by their own formats, and what an archive claims is never believed."""

import gzip
import io
import json
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import nemreader
import polars as pl
import pytest

from pipeline.ingest import archive, read_file

NEM12 = Path(__file__).parents[1] / "data" / "nem12"
HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"
WEATHER = "station_id,observed_at,temperature_c\natsugi,2013-07-10T00:00:00Z,20\n"


def meter(hour: int, kwh: str = "1.5") -> str:
    return f"{HEADER}M1,2013-07-10T{hour:02}:00:00Z,3600,{kwh},0\n"


def zipped(*entries: tuple[str | zipfile.ZipInfo, str | bytes], **options) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as bundle:
        warnings.simplefilter("ignore")
        for name, content in entries:
            bundle.writestr(name, content)
    return out.getvalue()


def energies(found) -> list[tuple]:
    return found.frames["meter"].sort("interval_start").select("meter_id", "import_wh").rows()


def test_the_only_entry_of_a_zip_is_read_as_if_it_lay_there(read):
    found = read(zipped(("a.csv", meter(0))))
    assert (found.format, found.kind, energies(found), found.rejects.height) == (
        "canonical_csv",
        "meter",
        [("M1", 1500)],
        0,
    )


def test_a_gzip_file_is_read_as_its_content(read):
    found = read(gzip.compress(meter(0).encode()) + gzip.compress(b"M1,2013-07-10T01:00:00Z,3600,2,0\n"))
    assert (found.format, energies(found)) == ("canonical_csv", [("M1", 1500), ("M1", 2000)])


def test_entries_are_joined_and_each_keeps_its_format(read):
    found = read(zipped(("a.csv", meter(0)), ("in/b.txt", meter(1, "2")), ("w.csv", WEATHER)))
    assert (found.format, found.kind) == ("archive of canonical_csv", "meter, weather")
    assert energies(found) == [("M1", 1500), ("M1", 2000)]
    assert found.frames["weather"].height == 1
    assert found.rejects.height == 0


def test_reactive_energy_of_two_entries_is_joined_and_the_later_word_stands(read):
    header = HEADER.replace("export_kwh", "export_kwh,reactive_kvarh")
    first = "M1,2013-07-10T00:00:00Z,3600,1.5,0,0.4\nM1,2013-07-10T01:00:00Z,3600,1.5,0,0.5\n"
    second = "M1,2013-07-10T01:00:00Z,3600,1.5,0,0.75\n"
    found = read(zipped(("a.csv", header + first), ("b.csv", header + second)))
    reactive = found.frames["reactive"].sort("interval_start").get_column("reactive_varh").to_list()
    assert (reactive, energies(found)) == ([400, 750], [("M1", 1500), ("M1", 1500)])
    assert found.rejects.select("position", "value").rows() == [
        ("a.csv: record", "M1 2013-07-10 01:00:00.000000+00:00")
    ]


def test_positions_begin_with_the_name_of_the_entry(read):
    found = read(zipped(("a.csv", meter(0)), ("b.csv", meter(1, "x"))))
    assert found.rejects.select("position", "field").rows() == [("b.csv: line 2", "import_kwh")]
    assert energies(found) == [("M1", 1500)]


def test_an_entry_names_its_charger(read):
    values = [{"timestamp": "2013-07-10T00:00:00Z", "sampledValue": [{"value": "5"}]}]
    frame = json.dumps([2, "1", "MeterValues", {"connectorId": 1, "meterValue": values}]) + "\n"
    found = read(zipped(("CP7/2013-07-10.jsonl", frame)), ("site", "bundle"))
    assert found.frames["charger"]["charger_id"].to_list() == ["CP7"]
    assert read(gzip.compress(frame.encode()), ("site", "CP8.jsonl")).frames["charger"]["charger_id"].to_list() == [
        "CP8"
    ]


def test_the_same_record_in_two_entries_counts_once(read):
    found = read(zipped(("a.csv", meter(0)), ("b.csv", meter(0))))
    assert (energies(found), found.rejects.height) == ([("M1", 1500)], 0)


def test_of_two_entries_that_disagree_the_later_is_used_and_the_earlier_refused(read):
    found = read(zipped(("a.csv", meter(0, "1")), ("b.csv", meter(0, "2"))))
    assert energies(found) == [("M1", 2000)]
    reject = found.rejects.row(0, named=True)
    assert (reject["position"], reject["field"]) == ("a.csv: record", "meter_id, interval_start")
    assert '"import_wh":1000' in reject["raw"]


def test_a_last_line_without_its_end_loses_to_any_other_entry(read):
    torn = meter(0, "12").removesuffix(",0\n") + ",0"
    for entries in ((("a.csv", meter(0, "12.5")), ("b.csv", torn)), (("a.csv", torn), ("b.csv", meter(0, "12.5")))):
        found = read(zipped(*entries))
        assert found.frames["meter"].select("import_wh", "quality").rows() == [(12_500, "measured")]
        assert found.rejects["raw"].str.contains('"import_wh":12000').to_list() == [True]
    assert read(zipped(("a.csv", torn), ("w.csv", WEATHER))).frames["meter"]["quality"].to_list() == ["estimated"]


def test_entries_complete_each_other(read):
    """A log cut inside a session: the part without the start does not know the car, which is no contradiction."""
    header = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
    rows = "CP1,2013-07-10T00:00:00Z,100,,,,S1,LEAF\n", "CP1,2013-07-10T00:00:00Z,100,5,,40,,\n"
    for one, other in (rows, rows[::-1]):
        found = read(zipped(("a.csv", header + one), ("b.csv", header + other)))
        assert found.rejects.is_empty()
        assert found.frames["charger"].row(0)[2:] == (100, 5, None, 40.0, "S1", "LEAF", "sample")


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.csv")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


TRICKS = [
    ("../up.csv", "name"),
    ("/etc/passwd", "name"),
    ("a/../../up.csv", "name"),
    ("..\\up.csv", "name"),
    ("C:\\windows\\x.csv", "name"),
    ("bell\x07.csv", "name"),
    (link(), "entry"),
]


@pytest.mark.parametrize(("trick", "field"), TRICKS, ids=[str(number) for number in range(len(TRICKS))])
def test_an_entry_that_tricks_with_its_path_costs_itself(read, tmp_path, trick, field):
    found = read(zipped((trick, meter(0)), ("good.csv", meter(1))))
    assert found.rejects["field"].to_list() == [field]
    assert energies(found) == [("M1", 1500)]
    assert [path.name for path in tmp_path.rglob("*")] == ["file.any"]


def test_two_entries_of_one_name_are_not_confused(read):
    found = read(zipped(("a.csv", meter(0, "1")), ("a.csv", meter(0, "2"))))
    assert (energies(found), found.rejects["field"].to_list()) == ([("M1", 1000)], ["name"])


@pytest.mark.parametrize("inner", [zipped(("a.csv", meter(0))), gzip.compress(b"x")], ids=["zip", "gzip"])
def test_archives_in_archives_are_refused(read, inner):
    found = read(zipped(("inner", inner)))
    assert found.rejects.select("position", "value").rows() == [("inner: file", "an archive")]
    assert not read(gzip.compress(inner)).frames


def test_bombs_are_refused_by_ratio_before_they_fill_the_disk(read):
    zeros = b"0" * (17 << 20)
    for bomb in (zipped(("zeros.csv", zeros)), gzip.compress(zeros)):
        found = read(bomb)
        assert (dict(found.frames), found.rejects["field"].to_list()) == ({}, ["ratio"])


def test_many_small_entries_count_together(tmp_path):
    path = tmp_path / "many.zip"
    path.write_bytes(zipped(*[(f"{number}.csv", meter(0)) for number in range(12)]))
    few = archive.Limits(entries=11)
    assert archive.read(path, (), read_file, few).rejects["field"].to_list() == ["entries"]
    small = archive.Limits(unpacked_bytes=12 * len(meter(0)) - 1)
    assert archive.read(path, (), read_file, small).rejects["field"].to_list() == ["size"]
    short = archive.Limits(directory_bytes=100)
    assert archive.read(path, (), read_file, short).rejects["field"].to_list() == ["entries"]
    assert not archive.read(path, (), read_file, archive.Limits(entries=12)).rejects.height


def test_a_password_is_refused(read):
    content = bytearray(zipped(("a.csv", meter(0))))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    assert read(bytes(content)).rejects["value"].to_list() == ["encrypted"]


def test_other_compressions_are_refused(read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as bundle:
        bundle.writestr("a.csv", meter(0))
    assert read(out.getvalue()).rejects["field"].to_list() == ["compression"]


def test_an_entry_with_a_wrong_checksum_is_refused_and_the_others_load(read):
    content = bytearray(zipped(("a.csv", meter(0)), ("b.csv", meter(1))))
    crc = struct.pack("<L", int.from_bytes(content[14:18], "little") ^ 1)
    directory = content.index(b"PK\x01\x02")
    content[14:18] = content[directory + 16 : directory + 20] = crc
    found = read(bytes(content))
    assert (energies(found), found.rejects["position"].to_list()) == ([("M1", 1500)], ["a.csv: file"])


@pytest.mark.parametrize("whole", [zipped(("a.csv", meter(0))), gzip.compress(meter(0).encode())], ids=["zip", "gzip"])
def test_a_cut_archive_is_refused(read, whole):
    for length in range(4, len(whole)):
        found = read(whole[:length])
        assert (dict(found.frames), found.rejects.height) == ({}, 1)


def test_files_of_a_platform_are_passed_over(read):
    found = read(zipped(("__MACOSX/._a.csv", b"\0\5"), ("a.csv", meter(0)), (".DS_Store", b"\0")))
    assert (energies(found), found.rejects.height) == ([("M1", 1500)], 0)


def test_an_empty_archive_is_refused(read):
    assert read(zipped()).rejects.select("field", "value").rows() == [("entries", "0")]
    assert isinstance(read(zipped(("dir/", b""))).rejects, pl.DataFrame)


ZIPS = sorted(path for path in NEM12.iterdir() if path.suffix.lower() == ".zip")


@pytest.mark.parametrize("path", ZIPS, ids=lambda path: path.name)
def test_real_zips_of_nem12_hold_what_a_second_reader_finds(path):
    found = read_file(path, ("site", path.stem))
    factors = {"kwh": 1000, "wh": 1}
    expected = {
        meter: round(
            sum(value.read_value * factors[value.uom.lower()] for letter in channels.values() for value in letter)
        )
        for meter, channels in nemreader.read_nem_file(str(path)).readings.items()
    }
    sums = found.frames["meter"].group_by("meter_id").agg(pl.col("import_wh").sum()).rows()
    assert (found.format, found.rejects.height, dict(sums)) == ("nem12", 0, expected)


def test_there_are_real_zips():
    assert len(ZIPS) == 4


def test_an_entry_is_read_by_the_portfolios_own_profile(tmp_path):
    """Half-hours of 2 and 4 kW: 1 and 2 kWh, under headings that no shipped profile knows."""
    profile = """name = "own"
description = "a load"
kind = "meter"
encodings = ["utf-8"]
delimiter = ","
header = ['moment', 'my load']
[time]
columns = ['moment']
formats = ["%d.%m.%Y %H:%M"]
stamp = "end"
clock = "UTC"
interval_minutes = 30
[[values]]
column = 'my load'
unit = "kW"
as = "import"
"""
    tmp_path.joinpath("profiles").mkdir()
    tmp_path.joinpath("profiles", "own.toml").write_text(profile)
    rows = "moment,my load\n10.07.2013 09:30,2\n10.07.2013 10:00,4\n"
    place = tmp_path / "landing" / "site"
    place.mkdir(parents=True)
    place.joinpath("load.zip").write_bytes(zipped(("load.csv", rows)))
    place.joinpath("load.csv.gz").write_bytes(gzip.compress(rows.encode()))
    place.joinpath("load.csv").write_text(rows)
    values = [
        read_file(place / name, ("site", "load")).local[0].frame["import_kwh"].to_list()
        for name in ("load.csv", "load.zip", "load.csv.gz")
    ]
    assert values == [values[0]] * 3
    assert [float(value) for value in values[0]] == [1.0, 2.0]
