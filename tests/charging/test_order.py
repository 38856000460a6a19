"""A log in order: charger by charger, by time, readings of one instant as they came."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.charging.order import Log
from pipeline.domain import CHARGER_RECORD
from tests.charging.conftest import moment


def log(rows: list[tuple[str, int]]) -> pl.DataFrame:
    table = [
        {"charger_id": charger_id, "measured_at": moment(minute), "energy_import_wh": number}
        for number, (charger_id, minute) in enumerate(rows)
    ]
    return pl.DataFrame(table, schema=dict(CHARGER_RECORD))


@given(st.lists(st.tuples(st.sampled_from(["CP1", "CP10", "CP2"]), st.integers(0, 5)), max_size=12))
def test_every_charger_lies_in_one_span_in_order_of_time(rows: list[tuple[str, int]]) -> None:
    table = log(rows)
    found = Log.of(table)
    assert_frame_equal(found.readings, table.sort("charger_id", "measured_at", maintain_order=True))
    assert found.charger_ids == tuple(sorted({charger_id for charger_id, _ in rows}))
    for number, charger_id in enumerate(found.charger_ids):
        assert_frame_equal(
            found.readings[found.span(number)], found.readings.filter(pl.col("charger_id") == charger_id)
        )
    assert found.charger_of(found.bounds[:-1]).tolist() == list(range(len(found.charger_ids)))


def test_readings_in_order_stay_the_frame_they_are() -> None:
    table = log([("CP1", 3), ("CP1", 3), ("CP2", 1)])
    assert Log.of(table).readings is table


def test_a_log_tells_where_sessions_and_cars_change() -> None:
    table = log([("CP1", minute) for minute in range(5)] + [("CP2", 0), ("CP2", 1)]).with_columns(
        pl.Series("session_id", [None, None, "A", "A", "B", "B", None]),
        pl.Series("vehicle_id", [None, None, None, "CAR", "CAR", "CAR", "CAR"]),
    )
    found = Log.of(table)
    assert found.marks.new_session.tolist() == [True, False, True, False, True, True, True]
    assert found.marks.new_car.tolist() == [True, False, False, True, False, True, False]


def test_a_log_is_put_in_order_once() -> None:
    found = Log.of(log([("CP2", 1), ("CP1", 3)]))
    assert Log.of(found) is found
    assert found.with_readings(found.readings) is found
