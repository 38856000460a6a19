"""Registers as chargers report them: clean ones stay, the others become one counter."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.charging import repair_registers, sessions
from pipeline.domain import CHARGER_RECORD
from pipeline.portfolio import Charger
from tests.charging.conftest import moment

IN = {"session_id": "s1"}


def charger(**more) -> Charger:
    return Charger(charger_id="CP1", rated_charge_kw=6, rated_discharge_kw=6, **more)


def counters(found) -> list:
    return found.readings["energy_import_wh"].to_list()


@given(rises=st.lists(st.tuples(st.integers(1, 600), st.floats(0, 1)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_register_that_only_rises_as_fast_as_its_charger_stays_as_it_is(rises):
    """At most 6 kW: 100 Wh a minute."""
    minute, wh, rows = 0, 750_000, []
    for minutes, share in rises:
        minute, wh = minute + minutes, wh + int(100 * minutes * share)
        rows.append({"charger_id": "CP1", "measured_at": moment(minute), "energy_import_wh": wh, "context": "sample"})
    table = pl.DataFrame(rows, schema=dict(CHARGER_RECORD))
    found = repair_registers(table, [charger()])
    assert_frame_equal(found.readings, table)
    assert found.repairs.is_empty()


def test_a_reset_stays_a_fall_so_that_nothing_is_claimed_across_it(readings):
    found = repair_registers(readings([(0, 90_500, None), (30, 92_000, None), (60, 40, None), (90, 1040, None)]))
    assert counters(found) == [90_500, 92_000, 40, 1040]
    assert found.repairs.select("repair", "span_from", "span_to").rows() == [("reset", moment(30), moment(60))]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(999_500, 500, [999_500, 1_000_500]), (700_500, 500, [700_500, 500])],
)
def test_only_a_fall_from_just_below_a_power_of_ten_is_a_rollover(readings, before, after, expected):
    found = repair_registers(readings([(0, before, None), (30, after, None)]))
    assert counters(found) == expected
    assert found.repairs["repair"].to_list() == ["rollover" if expected[1] > before else "reset"]


def test_a_register_that_counts_sessions_becomes_one_counter(readings):
    rows = [
        (0, 0, None, {"session_id": "s1", "context": "begin"}),
        (30, 3000, None, IN),
        (60, 6000, None, {"session_id": "s1", "context": "end"}),
        (600, 0, None, {"session_id": "s2", "context": "begin"}),
        (630, 2500, None, {"session_id": "s2"}),
        (660, 5000, None, {"session_id": "s2", "context": "end"}),
    ]
    found = repair_registers(readings(rows), [charger()])
    assert counters(found) == [0, 3000, 6000, 6000, 8500, 11_000]
    assert found.repairs.select("repair", "span_from", "span_to").rows() == [("session", moment(0), moment(660))]


def test_a_single_low_value_is_ignored(readings):
    found = repair_registers(readings([(0, 90_000, None), (5, 300, None), (10, 90_400, None)]), [charger()])
    assert counters(found) == [90_000, None, 90_400]
    assert found.repairs.select("repair", "span_from").rows() == [("ignored", moment(5))]


def test_directions_are_repaired_apart(readings):
    found = repair_registers(readings([(0, 90_000, 100), (5, 300, 200), (10, 90_400, 300)]), [charger()])
    assert found.readings["energy_export_wh"].to_list() == [100, 200, 300]


def test_other_columns_and_rows_are_kept(readings):
    table = readings([(0, 90_000, None), (5, 300, None), (10, 90_400, None)]).with_columns(load_id=pl.lit(7))
    found = repair_registers(table).readings
    assert_frame_equal(found.drop("energy_import_wh"), table.drop("energy_import_wh"))


POWER = [(0, 6000), (10, 6000), (20, 0), (21, -6000), (31, -6000)]


def powered(readings, **more):
    return readings([(minute, None, None, {"power_w": watts, **IN, **more}) for minute, watts in POWER])


def test_power_is_integrated_where_there_is_no_register(readings):
    """6 kW for 10 min is 1000 Wh, falling to 0 in 10 min 500; back 50 in the first minute and 1000 in ten."""
    found = repair_registers(powered(readings), [charger()])
    assert sessions(found.readings).select("charge_wh", "discharge_wh").rows() == [(1500, 1050)]
    assert found.repairs.select("register", "repair").rows() == [
        ("energy_import_wh", "integrated"),
        ("energy_export_wh", "integrated"),
    ]


def test_the_sites_sign_decides_which_way_power_flows(readings):
    found = repair_registers(powered(readings), [charger(sign="export-positive")])
    assert sessions(found.readings).select("charge_wh", "discharge_wh").rows() == [(1050, 1500)]


def test_two_powers_of_one_instant_stay_one_reading_each(readings):
    """3 kW for two minutes are 100 Wh; the export register, which only ever reads 0, stays as it is."""
    power = {"power_w": 3000}
    table = readings([(0, None, 0, power), (1, None, 0, power), (1, None, 0, power), (2, None, 0, power)])
    found = repair_registers(table)
    assert counters(found) == [0, 50, 50, 100]
    assert found.readings["energy_export_wh"].to_list() == [0, 0, 0, 0]


def test_power_is_not_integrated_across_a_long_gap(readings):
    table = readings([(minute, None, None, {"power_w": 6000}) for minute in (0, 10, 60, 70)])
    assert counters(repair_registers(table)) == [0, 1000, 999, 1999]


def test_power_beside_a_register_changes_nothing(readings):
    table = readings([(0, 10, None, {"power_w": 6000}), (10, 900, None, {"power_w": 6000})])
    assert counters(repair_registers(table)) == [10, 900]


def test_no_readings_need_no_repair():
    empty = pl.DataFrame(schema=dict(CHARGER_RECORD))
    assert repair_registers(empty, [charger()]).readings.is_empty()
