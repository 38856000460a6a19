"""Sessions of registers and of sessions files become one list."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chain import found_sessions, known_sessions
from pipeline.chain.sessions import assign_sessions
from pipeline.domain import CHARGING_SESSION, SESSION_RECORD
from tests.factories import charger_records, charging_sessions, instant, session_records

RECORD: dict[str, Any] = {
    "session_id": "a",
    "charger_id": "CP1",
    "vehicle_id": "LEAF1",
    "plugged_in_at": "07-01 08:00",
    "plugged_out_at": "07-01 18:00",
}
NO_RECORDS = pl.DataFrame(schema=dict(SESSION_RECORD))


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(CHARGING_SESSION.keys())


def test_readings_get_the_session_that_was_plugged_in_then_at_that_charger() -> None:
    readings = charger_records(
        [("07-01 07:59", 0, 0), ("07-01 08:00", 0, 0), ("07-01 18:00", 5, 0), ("07-01 18:01", 5, 0),
         ("07-01 12:00", 0, 0, {"charger_id": "CP2"}), ("07-01 12:00", 3, 0, {"session_id": "own"})]
    )  # fmt: skip
    found = assign_sessions(readings, session_records([RECORD])).sort("charger_id", "measured_at")
    assert found.select("session_id", "vehicle_id").rows() == [
        (None, None), ("a", "LEAF1"), ("own", "LEAF1"), ("a", "LEAF1"), (None, None), (None, None),
    ]  # fmt: skip


def test_an_open_session_of_a_file_takes_all_that_follows() -> None:
    record = {name: value for name, value in RECORD.items() if name != "plugged_out_at"}
    found = assign_sessions(charger_records([("07-05 08:00", 0, 0)]), session_records([record]))
    assert found.get_column("session_id").to_list() == ["a"]


def test_a_sessions_file_stands_above_the_readings() -> None:
    readings = charger_records(
        [("07-01 08:05", 0, 0, {"context": "begin", "soc_pct": 41.0}), ("07-01 17:00", 900, 0, {"soc_pct": 88.0})],
        session_id="a", vehicle_id="CARD",
    )  # fmt: skip
    (found,) = found_sessions(readings, session_records([{**RECORD, "target_soc_pct": 80.0}])).rows(named=True)
    assert (found["plugged_in_at"], found["plugged_out_at"]) == (instant("07-01 08:00"), instant("07-01 18:00"))
    assert (found["vehicle_id"], found["target_soc_pct"], found["charge_wh"]) == ("LEAF1", 80.0, 900)
    assert (found["soc_in_pct"], found["soc_out_pct"]) == (41.0, 88.0)  # the file is silent on these
    assert found["complete"]


def test_a_session_of_a_file_alone_has_no_energy() -> None:
    (found,) = found_sessions(charger_records([]), session_records([RECORD])).rows(named=True)
    assert (found["session_id"], found["charge_wh"], found["discharge_wh"], found["complete"]) == ("a", 0, 0, True)


def test_without_a_file_the_readings_speak() -> None:
    readings = charger_records([("07-01 08:00", 0, 0), ("07-01 09:00", 900, 0)], session_id="a")
    (found,) = found_sessions(readings, NO_RECORDS).rows(named=True)
    assert (found["charge_wh"], found["complete"]) == (900, False)


def test_of_two_sights_of_one_session_the_fuller_stays() -> None:
    """At month end the car was still plugged in; the next bill saw it leave."""
    row = {"session_id": "a", "plugged_in_at": "07-31 20:00"}
    early = plain(charging_sessions([{**row, "plugged_out_at": "07-31 23:55", "complete": False, "charge_wh": 10}]))
    late = plain(charging_sessions([{**row, "plugged_out_at": "08-01 07:00", "charge_wh": 99}]))
    for stored, found in ((early, late), (late, early)):
        (kept,) = known_sessions(stored, found).rows(named=True)
        assert (kept["charge_wh"], kept["complete"]) == (99, True)


def test_a_corrected_session_replaces_the_stored_one() -> None:
    row = {"session_id": "a", "plugged_in_at": "07-31 20:00", "plugged_out_at": "08-01 07:00"}
    stored, found = (plain(charging_sessions([{**row, "charge_wh": wh}])) for wh in (10, 20))
    assert known_sessions(stored, found).get_column("charge_wh").to_list() == [20]


sights = st.builds(
    lambda charger, session, begin, hours, complete, wh: {
        "charger_id": f"CP{charger}", "session_id": f"s{session}", "plugged_in_at": f"07-0{begin} 08:00",
        "plugged_out_at": f"07-0{begin} {8 + hours:02}:00", "complete": complete, "charge_wh": wh,
    },
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.booleans(), st.integers(0, 9),
)  # fmt: skip


@given(st.lists(sights, max_size=8), st.lists(sights, max_size=8))
def test_one_sight_of_every_session_is_kept_in_order_of_plug_in(before: list[Any], now: list[Any]) -> None:
    """Of a charger's id the complete sight, then the one that lasts longest, then the later one; ties by name."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for sight in sorted([*before, *now], key=lambda one: (one["complete"], one["plugged_out_at"])):
        kept[sight["charger_id"], sight["session_id"]] = sight
    seen = [sight for sight in (*before, *now) if any(sight is one for one in kept.values())]
    wanted = sorted(seen, key=lambda one: (one["plugged_in_at"], one["session_id"]))
    found = known_sessions(plain(charging_sessions(before)), plain(charging_sessions(now)))
    names = ("charger_id", "session_id", "charge_wh", "complete")
    assert found.select(names).rows() == [tuple(one[name] for name in names) for one in wanted]


def test_the_account_is_the_car_or_its_charger() -> None:
    rows = [
        {"session_id": "a", "plugged_in_at": "07-01 08:00"},
        {"session_id": "b", "plugged_in_at": "07-01 09:00", "vehicle_id": None},
    ]
    found = known_sessions(plain(charging_sessions(rows)), plain(charging_sessions([])))
    assert found.get_column("account").to_list() == ["LEAF1", "CP1"]
