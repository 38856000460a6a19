"""Sessions out of readings."""

import polars as pl

from pipeline.charging import sessions
from pipeline.domain import CHARGER_RECORD, CHARGING_SESSION
from tests.charging.conftest import moment

A, BEGIN, END = {"session_id": "A"}, {"session_id": "A", "context": "begin"}, {"session_id": "A", "context": "end"}


def test_a_whole_session(readings):
    table = readings(
        [
            (0, 1000, 200, BEGIN | {"soc_pct": 50.0, "vehicle_id": "LEAF1"}),
            (5, 1500, 200, A),
            (10, 1500, 430, A | {"soc_pct": 49.0}),
            (15, 1700, 430, END | {"soc_pct": 51.0}),
        ]
    )
    found = sessions(table)
    assert dict(found.schema) == dict(CHARGING_SESSION)
    assert found.row(0, named=True) == {
        "session_id": "A",
        "charger_id": "CP1",
        "vehicle_id": "LEAF1",
        "plugged_in_at": moment(0),
        "plugged_out_at": moment(15),
        "soc_in_pct": 50.0,
        "soc_out_pct": 51.0,
        "target_soc_pct": None,
        "departure_at": None,
        "charge_wh": 700,
        "discharge_wh": 230,
        "complete": True,
    }


def test_without_begin_and_end_the_first_and_last_reading_count(readings):
    found = sessions(readings([(5, 30, 0, A), (0, 10, 0, A), (10, 60, 5, A)]))
    assert found.select("plugged_in_at", "plugged_out_at", "charge_wh", "discharge_wh", "complete").row(0) == (
        moment(0),
        moment(10),
        50,
        5,
        False,
    )


def test_what_the_sessions_own_readings_count_after_its_end_belongs_to_it(readings):
    found = sessions(readings([(0, 10, 0, BEGIN), (10, 60, 0, END), (15, 99, 0, A | {"soc_pct": 3.0})]))
    assert found.select("charge_wh", "plugged_out_at", "soc_out_pct").row(0) == (89, moment(10), None)


def test_a_reset_inside_a_session_is_left_out(readings):
    assert sessions(readings([(0, 100, 0, BEGIN), (5, 150, 0, A), (6, 0, 0, A), (9, 20, 0, END)]))["charge_wh"][0] == 70


def test_a_boundary_without_export_register_takes_it_from_idle_readings(readings):
    table = readings(
        [
            (-60, 1000, 200),
            (0, 1000, None, BEGIN),
            (5, 1000, 320, A),
            (10, 1000, 440, A),
            (15, 1000, None, END),
            (60, 1000, 500),
        ]
    )
    assert sessions(table)["discharge_wh"].to_list() == [300]


def test_a_boundary_never_borrows_from_inside_another_session(readings):
    other = {"session_id": "B"}
    table = readings(
        [
            (0, 0, 0, other | {"context": "begin"}),
            (5, 0, 100, other),
            (10, 0, None, other | {"context": "end"}),
            (20, 0, None, BEGIN),
            (25, 0, 300, A),
            (30, 0, 350, END),
        ]
    )
    found = dict(sessions(table).select("session_id", "discharge_wh").iter_rows())
    assert found == {"B": 100, "A": 50}


def test_sessions_come_in_order_of_plug_in_and_idle_readings_make_none(readings):
    table = readings([(30, 1, 0, {"session_id": "X"}), (0, 1, 0, {"session_id": "Y"}), (10, 1, 0)])
    assert sessions(table)["session_id"].to_list() == ["Y", "X"]


def test_no_readings_give_no_sessions():
    assert sessions(pl.DataFrame(schema=dict(CHARGER_RECORD))).is_empty()
