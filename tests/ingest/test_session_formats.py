"""OCPI, ACN-Data and OCMF: every quirk as the smallest file that shows it, with what must come of it beside it."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.charging import repair_registers, sessions
from pipeline.domain import RECORDS
from pipeline.ingest import Records, read_file
from tests.ingest.faults import faults, outcome

DATA = Path(__file__).parents[1] / "data"
HINTS = ("site", "CP9_2023-06")


def shown(frame: pl.DataFrame) -> list[str]:
    """Records as text: one a row, nulls as nothing."""
    texts = frame.select(
        pl.col(name).dt.to_string("iso:strict") if dtype.is_temporal() else pl.col(name).cast(pl.String)
        for name, dtype in frame.schema.items()
    ).fill_null("")
    return [" | ".join(row) for row in texts.rows()]


def summary(records: Records) -> dict:
    return {
        "outcome": outcome(records),
        "format": records.format,
        "records": {kind: shown(frame) for kind, frame in records.frames.items()},
        "rejects": [list(row) for row in records.rejects.select("position", "field", "value").rows()],
        "notes": list(records.notes),
    }


@pytest.mark.parametrize(("path", "expected"), [*faults("ocpi"), *faults("acn"), *faults("ocmf")])
def test_a_quirk_has_the_expected_end(path, expected):
    found = read_file(path, HINTS)
    assert summary(found) == expected
    for kind, frame in found.frames.items():
        assert dict(frame.schema) == dict(RECORDS[kind])
    assert all(found.rejects["allowed"])


@pytest.mark.parametrize("name", ["ocpi", "acn", "ocmf"])
def test_every_fixture_has_an_expectation(name):
    folder = DATA / "faults" / name
    files = {path.stem for path in folder.iterdir() if not path.name.endswith(".expected.json")}
    assert files
    assert {f"{stem}.expected.json" for stem in files} == {path.name for path in folder.glob("*.expected.json")}


def test_a_real_receipt_with_an_import_and_an_export_register():
    found = read_file(DATA / "ocmf" / "Ocmf_Example_OBIS_98.8.0_2.8.0.xml", HINTS)
    assert found.rejects.height == 0
    registers = found.frames["charger"].select("charger_id", "energy_import_wh", "energy_export_wh", "context")
    assert registers.rows() == [("99BZ999993", 0, 1000, "begin"), ("99BZ999993", 1000, 2000, "end")]
    assert "were not verified" in found.notes[0]


def test_a_real_receipt_of_a_faulty_meter_is_refused_reading_by_reading():
    found = read_file(DATA / "ocmf" / "OCMF-receipt-with_import_and_export.xml", HINTS)
    assert (dict(found.frames), found.rejects["value"].to_list()) == ({}, ["ST E EF E"] * 6)


def test_a_session_is_the_same_whichever_file_it_comes_in(tmp_path):
    whole = json.loads((DATA / "faults" / "acn" / "touching_sessions.json").read_text())
    parts = []
    for number, item in enumerate(whole["_items"]):
        (tmp_path / f"{number}.json").write_text(json.dumps({"_items": [item]}))
        parts.append(read_file(tmp_path / f"{number}.json", HINTS).frames["session"])
    joined = read_file(DATA / "faults" / "acn" / "touching_sessions.json", HINTS).frames["session"]
    assert joined.rows() == pl.concat(parts).rows()


def test_sessions_that_grow_are_not_mistaken_for_a_lifetime_register(tmp_path):
    template = json.loads((DATA / "faults" / "acn" / "plain.json").read_text())["_items"][0]
    items = [
        {
            **template,
            "sessionID": f"s{number}",
            "connectionTime": f"{24 + number} Apr 2018 11:00:00 GMT",
            "doneChargingTime": None,
            "disconnectTime": f"{24 + number} Apr 2018 13:00:00 GMT",
            "kWhDelivered": 5 + number,
        }
        for number in range(4)
    ]
    (tmp_path / "growing.json").write_text(json.dumps({"_items": items}))
    repaired = repair_registers(read_file(tmp_path / "growing.json", HINTS).frames["charger"])
    assert repaired.repairs["repair"].to_list() == ["session"]
    assert sessions(repaired.readings)["charge_wh"].to_list() == [5000, 6000, 7000, 8000]
    assert repaired.readings["energy_import_wh"].max() == 5000 + 6000 + 7000 + 8000


def test_charged_energy_is_that_of_the_document_to_the_watt_hour(tmp_path):
    kwh = [round(0.0007 * number, 4) for number in range(1, 500)]
    template = json.loads((DATA / "faults" / "acn" / "plain.json").read_text())["_items"][0]
    items = [{**template, "sessionID": str(n), "stationID": str(n), "kWhDelivered": one} for n, one in enumerate(kwh)]
    (tmp_path / "many.json").write_text(json.dumps({"_items": items}))
    readings = read_file(tmp_path / "many.json", HINTS).frames["charger"].filter(pl.col("context") == "end")
    expected = [int(one * 1000 + 0.5) for one in kwh]
    assert dict(zip(readings["session_id"], readings["energy_import_wh"], strict=True)) == dict(
        zip(map(str, range(len(kwh))), expected, strict=True)
    )
