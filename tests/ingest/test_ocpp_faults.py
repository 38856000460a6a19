"""OCPP logs as they are found: each quirk and each of the eight known failures as the smallest log that shows it.

`records` are rows of charger records, `sessions` the energy that truly flowed [Wh in, Wh out], written by hand.
"""

import json
from datetime import datetime

import pytest

from pipeline.charging import repair_registers, sessions
from pipeline.ingest import read_file
from tests.ingest.faults import faults, outcome

FAULTS = faults("ocpp")
MEASURED = [fault for fault in FAULTS if "sessions" in fault.values[1]]


def cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)


@pytest.mark.parametrize(("path", "expected"), FAULTS)
def test_every_quirk_is_read_as_expected(path, expected):
    found = read_file(path, ["site", path.stem])
    frame = found.frames.get("charger")
    assert outcome(found) == expected["outcome"]
    assert [" | ".join(map(cell, row)) for row in frame.rows()] == expected["records"]
    assert [list(row) for row in found.rejects.select("position", "field", "value").rows()] == expected["rejects"]
    assert list(found.notes) == expected["notes"]
    assert all(found.rejects["allowed"])


@pytest.mark.parametrize(("path", "expected"), MEASURED)
def test_session_energy_is_recovered_within_one_percent(path, expected):
    readings = read_file(path, ["site", path.stem]).frames["charger"]
    found = sessions(repair_registers(readings).readings)
    energies = {row[0]: row[1:] for row in found.select("session_id", "charge_wh", "discharge_wh").rows()}
    assert set(energies) == set(expected["sessions"])
    for session_id, true in expected["sessions"].items():
        assert energies[session_id] == pytest.approx(true, rel=0.01)


def test_all_eight_failures_are_among_the_fixtures():
    assert sum(fault.id.startswith("failure_") for fault in MEASURED) == 8


def test_a_sequence_gap_leaves_the_session_incomplete():
    paths = {fault.id: fault.values[0] for fault in FAULTS}
    for name, complete in (("event_2x", True), ("event_2x_sequence_gap", False)):
        readings = read_file(paths[name], ["site"]).frames["charger"]
        assert sessions(readings)["complete"].to_list() == [complete]


@pytest.mark.parametrize(
    "place", ["transactionInfo", "evse", "eventType", "seqNo", "idToken", "meterValue", "timestamp"]
)
@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [1], {"id": "x"}, True, -1, 1e300])
def test_no_transaction_event_ever_raises(tmp_path, place, junk):
    payload = {
        "eventType": "Updated",
        "timestamp": "2024-05-06T08:00:00Z",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "abc"},
        "meterValue": [{"timestamp": "2024-05-06T08:00:00Z", "sampledValue": [{"value": 5}]}],
    }
    path = tmp_path / "log"
    path.write_text(json.dumps([2, "m", "TransactionEvent", payload | {place: junk}]) + "\n")
    found = read_file(path, ("CP1",))
    assert found.frames or found.rejects.height


@pytest.mark.parametrize("half", ["\\ud800", "\\uDC00", "\\ud800\\ud800"])
def test_half_a_character_is_replaced(tmp_path, half):
    path = tmp_path / "log"
    samples = f'[{{"value":"5"}},{{"value":"6","measurand":"{half}"}}]'
    entry = f'{{"timestamp":"2024-05-06T08:00:00Z","sampledValue":{samples}}}'
    path.write_text(f'{{"cp":"A{half}","message":[2,"m{half}","MeterValues",{{"meterValue":[{entry}]}}]}}\n')
    assert read_file(path, ()).frames["charger"]["energy_import_wh"].to_list() == [5]
