"""OCPP 1.6J logs: messages to readings with sessions, cars and exact registers."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.domain import RECORDS
from pipeline.ingest import read_file

IMPORT, EXPORT = "Energy.Active.Import.Register", "Energy.Active.Export.Register"


def at(minute: float) -> str:
    return f"{datetime(2013, 7, 10, 9, tzinfo=UTC) + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"


def moment(minute: float) -> datetime:
    return datetime(2013, 7, 10, 9, tzinfo=UTC) + timedelta(minutes=minute)


def envelope(frame: list, charge_point: str = "CP1") -> str:
    direction = "sent" if frame[0] == 3 else "received"
    return json.dumps({"at": at(0), "charge_point": charge_point, "direction": direction, "message": frame})


def sampled(import_wh=None, export_wh=None, soc=None, **attributes) -> list[dict]:
    values = [(IMPORT, "Wh", import_wh), (EXPORT, "Wh", export_wh), ("SoC", "Percent", soc)]
    return [
        {"value": str(value), "measurand": name, "unit": unit, **attributes}
        for name, unit, value in values
        if value is not None
    ]


def meter_values(minute: float, samples: list[dict], transaction=17, connector: int = 1, number: str = "m") -> list:
    payload = {"connectorId": connector, "meterValue": [{"timestamp": at(minute), "sampledValue": samples}]}
    if transaction is not None:
        payload["transactionId"] = transaction
    return [2, f"{number}{minute}", "MeterValues", payload]


def start(minute: float, register: int, tag: str = "LEAF1", connector: int = 1, message_id: str = "s1") -> list:
    payload = {"connectorId": connector, "idTag": tag, "meterStart": register, "timestamp": at(minute)}
    return [2, message_id, "StartTransaction", payload]


def answer(transaction: int, message_id: str = "s1") -> list:
    return [3, message_id, {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}}]


def stop(minute: float, register: int, transaction=17, **more) -> list:
    return [
        2,
        f"p{minute}",
        "StopTransaction",
        {"transactionId": transaction, "meterStop": register, "timestamp": at(minute), **more},
    ]


def log(*frames: list, charge_point: str = "CP1") -> str:
    return "".join(envelope(frame, charge_point) + "\n" for frame in frames)


SESSION = (
    start(0, 1000),
    answer(17),
    meter_values(0, sampled(1000, 200, "50.5", context="Transaction.Begin")),
    meter_values(5, sampled(1500, 200, "52.75", context="Sample.Clock")),
    meter_values(10, sampled(1500, 660, "49", context="Sample.Clock")),
    stop(
        15,
        2000,
        transactionData=[{"timestamp": at(15), "sampledValue": sampled(2000, 660, 51, context="Transaction.End")}],
    ),
)


def test_a_session_becomes_readings_with_begin_samples_and_end(read):
    found = read(log(*SESSION))
    assert (found.format, found.kind, found.notes, found.unterminated) == ("ocpp", "charger", (), False)
    assert found.rejects.is_empty()
    frame = found.frames["charger"]
    assert dict(frame.schema) == dict(RECORDS["charger"])
    assert frame.rows() == [
        ("CP1", moment(0), 1000, 200, None, 50.5, "CP1-17", "LEAF1", "begin"),
        ("CP1", moment(5), 1500, 200, None, 52.75, "CP1-17", "LEAF1", "sample"),
        ("CP1", moment(10), 1500, 660, None, 49.0, "CP1-17", "LEAF1", "sample"),
        ("CP1", moment(15), 2000, 660, None, 51.0, "CP1-17", "LEAF1", "end"),
    ]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_lines_does_not_matter(tmp_path_factory, seed):
    lines = log(*SESSION, start(60, 2000, "LEAF2", message_id="s2"), answer(18, "s2"), stop(90, 2500, 18)).splitlines()
    folder = tmp_path_factory.mktemp("ocpp")
    ordered, mixed = folder / "a", folder / "b"
    ordered.write_text("\n".join(lines))
    mixed.write_text("\n".join(random.Random(seed).sample(lines, len(lines))))
    assert_frame_equal(read_file(ordered, ()).frames["charger"], read_file(mixed, ()).frames["charger"])


@pytest.mark.parametrize("keys", [("charge_point", "message"), ("chargePointId", "frame"), ("cp", "payload")])
def test_envelopes_have_many_spellings(read, keys):
    frame = meter_values(0, sampled(5), None)
    for message in (frame, json.dumps(frame)):
        found = read(json.dumps({"ts": at(0), keys[0]: "CP9", keys[1]: message}) + "\n")
        assert found.frames["charger"]["charger_id"].to_list() == ["CP9"]


@pytest.mark.parametrize(
    ("hints", "charger"),
    [
        (("atsugi", "CP3"), "CP3"),
        (("atsugi", "CP3_2013-07"), "CP3"),
        (("atsugi", "CP3", "2013-07-10"), "CP3"),
        (("atsugi", "CP3", "ocpp", "20130710T090000Z"), "CP3"),
    ],
)
def test_bare_frames_take_the_charger_from_the_path(read, hints, charger):
    found = read(json.dumps(meter_values(0, sampled(5), None)) + "\n", hints)
    assert found.frames["charger"]["charger_id"].to_list() == [charger]


def test_bare_frames_without_a_charger_in_the_path_are_refused(read):
    found = read(json.dumps(meter_values(0, sampled(5), None)) + "\n", ("ocpp", "2013-07"))
    assert not found.frames
    assert found.rejects.select("position", "field").rows() == [("line 1", "charge_point")]


def test_no_measurand_and_no_unit_mean_the_import_register_in_wh(read):
    samples = [{"value": " 1234 "}]
    assert read(log(meter_values(0, samples))).frames["charger"]["energy_import_wh"].to_list() == [1234]


def test_kwh_and_kw_are_scaled_exactly(read):
    # In binary floats 4.0005 * 1000 is 4000.4999999999995 and would round down.
    samples = [
        {"value": "4.0005", "measurand": IMPORT, "unit": "kWh"},
        {"value": 2.0, "measurand": EXPORT, "unit": "kWh"},
        {"value": "5.75", "measurand": "Power.Active.Export", "unit": "kW"},
    ]
    frame = read(log(meter_values(0, samples))).frames["charger"]
    assert frame.select("energy_import_wh", "energy_export_wh", "power_w").rows() == [(4001, 2000, -5750)]


def test_power_into_the_car_is_positive(read):
    both = [
        {"value": "6000", "measurand": "Power.Active.Import"},
        {"value": "0", "measurand": "Power.Active.Export"},
    ]
    assert read(log(meter_values(0, both))).frames["charger"]["power_w"].to_list() == [6000]


def test_the_outlet_goes_before_other_locations_and_phases_are_left_out(read):
    samples = [
        {"value": "1", "measurand": IMPORT, "phase": "L1"},
        {"value": "2", "measurand": IMPORT, "location": "Inlet"},
        {"value": "3", "measurand": IMPORT, "location": "Outlet"},
        {"value": "55", "measurand": "SoC", "location": "EV"},
    ]
    found = read(log(meter_values(0, samples)))
    assert found.frames["charger"].select("energy_import_wh", "soc_pct").rows() == [(3, 55.0)]
    assert found.notes == ("1 values of single phases or signed data ignored",)


def test_what_is_not_needed_is_counted(read):
    voltage = [{"value": "230", "measurand": "Voltage", "unit": "V"}, *sampled(5)]
    found = read(
        log(
            [2, "h", "Heartbeat", {}],
            [4, "e", "InternalError", "", {}],
            meter_values(0, voltage),
            meter_values(5, sampled(999), connector=0),
        )
    )
    assert found.frames["charger"]["energy_import_wh"].to_list() == [5]
    assert found.notes == (
        "1 messages without readings passed over: Heartbeat",
        "1 MeterValues of connector 0 (the whole station) ignored",
        "1 values of other measurands ignored: Voltage",
    )


def test_a_log_without_readings_is_no_error(read):
    found = read(log([2, "h", "Heartbeat", {}]))
    assert found.frames["charger"].is_empty()
    assert found.rejects.is_empty()
    assert "no charger readings in this log" in found.notes


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("not json", "line", ""),
        ('{"charge_point": "CP1", "mess', "line", ""),
        ('{"charge_point": "CP1"}', "message", ""),
        ("[5, 1]", "message", "[5, 1]"),
        (envelope(meter_values(0, [{"value": "-5"}])), IMPORT, "-5"),
        (envelope(meter_values(0, [{"value": "5 Wh"}])), IMPORT, "5 Wh"),
        (envelope(meter_values(0, [{"unit": "Wh"}])), IMPORT, ""),
        (envelope(meter_values(0, [{"value": "5", "unit": "varh"}])), IMPORT, "varh"),
        (envelope(meter_values(0, sampled(soc=101))), "SoC", "101"),
        (envelope(meter_values(0, ["5"])), "sampledValue", "5"),
        (envelope(meter_values(0, [{"value": "5", "unit": ["Wh"]}])), "sampledValue", "{'value': '5', 'unit': ['Wh']}"),
        (envelope([2, "m", "MeterValues", {"connectorId": 1, "meterValue": [7]}]), "sampledValue", ""),
        (envelope([2, "m", "MeterValues", {"connectorId": -1, "meterValue": []}]), "connectorId", "-1"),
        (envelope([2, "m", "MeterValues", {"connectorId": 1}]), "meterValue", ""),
        (envelope(start(0, 5)).replace(at(0) + '"}', '2013-13-01T00:00:00Z"}'), "timestamp", "2013-13-01T00:00:00Z"),
        (envelope(stop(0, 5)).replace('"meterStop": 5', '"meterStop": null'), IMPORT, ""),
    ],
)
def test_a_bad_line_is_refused_by_its_number_and_the_rest_loads(read, line, field, value):
    found = read(log(meter_values(30, sampled(7))) + "\n" + line + "\n" + log(meter_values(40, sampled(8))))
    assert found.rejects.select("position", "field", "value", "raw").rows() == [("line 3", field, value, line)]
    assert {7, 8} <= set(found.frames["charger"]["energy_import_wh"])


def test_a_log_of_bad_lines_only_gives_no_frame(read):
    found = read(log(meter_values(0, [{"value": "x"}])))
    assert not found.frames
    assert found.rejects.height == 1


def test_a_missing_answer_is_learnt_from_the_readings_that_follow(read):
    frame = read(log(*(entry for entry in SESSION if entry[0] == 2))).frames["charger"]
    assert frame["session_id"].unique().to_list() == ["CP1-17"]
    assert frame["vehicle_id"].unique().to_list() == ["LEAF1"]


def test_a_missing_answer_is_learnt_from_the_stop(read):
    frame = read(log(start(0, 100), stop(15, 300, 42))).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-42", "CP1-42"]


def test_an_answered_start_does_not_lend_its_transaction_to_the_one_before(read):
    frames = (start(0, 100), start(30, 200, "LEAF2", message_id="s2"), answer(18, "s2"), stop(60, 300, 18))
    frame = read(log(*frames)).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-20130710T090000Z", "CP1-18", "CP1-18"]
    assert frame["vehicle_id"].to_list() == ["LEAF1", "LEAF2", "LEAF2"]


@pytest.mark.parametrize("placeholder", [0, -1])
def test_placeholder_transactions_are_named_by_their_start(read, placeholder):
    frames = (
        start(0, 100),
        answer(placeholder),
        meter_values(5, sampled(200), placeholder),
        stop(15, 300, placeholder),
    )
    idle = meter_values(40, sampled(300), placeholder)
    frame = read(log(*frames, idle)).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-20130710T090000Z"] * 3 + [None]
    assert frame["vehicle_id"].to_list() == ["LEAF1"] * 3 + [None]


def test_a_transaction_that_is_always_one_is_named_by_its_start(read):
    first = (start(0, 100), answer(1), meter_values(5, sampled(200), 1), stop(15, 300, 1))
    second = (start(60, 300, "LEAF2"), answer(1), meter_values(65, sampled(400), 1), stop(75, 500, 1))
    frame = read(log(*first, *second)).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-20130710T090000Z"] * 3 + ["CP1-20130710T100000Z"] * 3
    assert frame["vehicle_id"].to_list() == ["LEAF1"] * 3 + ["LEAF2"] * 3


def test_message_ids_that_repeat_answer_the_latest_start(read):
    frames = (start(0, 100), answer(17), stop(15, 300, 17), start(60, 300), answer(18), stop(75, 500, 18))
    frame = read(log(*frames)).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-17"] * 2 + ["CP1-18"] * 2


def test_readings_without_a_transaction_belong_to_the_session_they_lie_in(read):
    inside, before, after = (meter_values(minute, sampled(1500), None) for minute in (7, -5, 20))
    frame = read(log(before, *SESSION, inside, after)).frames["charger"]
    named = dict(frame.select("measured_at", "session_id").iter_rows())
    assert (named[moment(-5)], named[moment(7)], named[moment(20)]) == (None, "CP1-17", None)


def test_a_session_begun_in_an_earlier_log_keeps_its_name(read):
    frame = read(log(meter_values(5, sampled(1500)), stop(15, 2000, idTag="LEAF3"))).frames["charger"]
    assert frame["session_id"].to_list() == ["CP1-17", "CP1-17"]
    assert frame["vehicle_id"].to_list() == ["LEAF3", "LEAF3"]
    assert frame["context"].to_list() == ["sample", "end"]


def test_connectors_are_chargers_of_their_own(read):
    first = (start(0, 100, connector=1), answer(1), stop(15, 300, 1))
    second = (start(0, 900, "LEAF2", connector=2, message_id="s2"), answer(2, "s2"), stop(20, 990, 2))
    frame = read(log(*first, *second)).frames["charger"]
    assert frame.select("charger_id", "session_id", "energy_import_wh").rows() == [
        ("CP1", "CP1-1", 100),
        ("CP1", "CP1-1", 300),
        ("CP1-2", "CP1-2", 900),
        ("CP1-2", "CP1-2", 990),
    ]


def test_transactions_of_two_charge_points_stay_apart(read):
    text = log(start(0, 100), charge_point="A") + log(start(0, 500, "LEAF2"), charge_point="B")
    text += log(answer(7), charge_point="B") + log(answer(6), charge_point="A")
    frame = read(text).frames["charger"]
    assert frame["session_id"].to_list() == ["A-6", "B-7"]


def test_a_boundary_goes_before_a_sample_of_the_same_moment(read):
    frame = read(log(meter_values(0, sampled(999, soc=40)), start(0, 1000), answer(17))).frames["charger"]
    assert frame.select("energy_import_wh", "soc_pct", "context").rows() == [(1000, 40.0, "begin")]


def test_one_session_ending_as_the_next_begins_keeps_both_boundaries(read):
    frames = (start(0, 100), answer(17), stop(30, 300), start(30, 300, "LEAF2", message_id="s2"), answer(18, "s2"))
    frame = read(log(*frames)).frames["charger"]
    assert frame.select("session_id", "context").rows() == [("CP1-17", "begin"), ("CP1-17", "end"), ("CP1-18", "begin")]
    assert frame["measured_at"].to_list()[1:] == [moment(30) - timedelta(microseconds=1), moment(30)]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(junk=JSON_VALUES, place=st.sampled_from(["payload", "meterValue", "entry", "sample", "value", "transactionId"]))
def test_no_json_ever_raises(tmp_path_factory, junk, place):
    sample = {"value": junk} if place == "value" else junk if place == "sample" else {"value": "5"}
    entry = junk if place == "entry" else {"timestamp": at(0), "sampledValue": [sample, {"value": "5"}]}
    payload = {"connectorId": 1, "meterValue": junk if place == "meterValue" else [entry]}
    if place == "transactionId":
        payload["transactionId"] = junk
    frames = [[2, "m", "MeterValues", junk if place == "payload" else payload], [2, "s", "StartTransaction", junk]]
    path: Path = tmp_path_factory.getbasetemp() / "junk"
    path.write_text("".join(envelope(frame) + "\n" for frame in frames))
    found = read_file(path, ("CP1",))
    assert found.frames or found.rejects.height
