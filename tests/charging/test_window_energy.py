"""Energy per window by hand, and the laws it keeps."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.calendars import window_grid
from pipeline.charging import interval_energy
from pipeline.domain import CHARGER_INTERVAL, CHARGER_RECORD, BillPeriod
from tests.charging.conftest import MIDNIGHT, moment


def grid(windows: int, window_min: int = 30) -> pl.DataFrame:
    """Return `windows` windows from midnight on."""
    return pl.DataFrame(
        {
            "interval_start": [moment(window_min * step) for step in range(windows)],
            "duration_s": [window_min * 60] * windows,
        },
        schema={"interval_start": pl.Datetime("us", "UTC"), "duration_s": pl.Int64},
    )


def energies(frame: pl.DataFrame) -> list[tuple[int, int, bool]]:
    return frame.select("charge_wh", "discharge_wh", "covered").rows()


def test_readings_on_the_edges_are_exact(readings):
    frame = interval_energy(readings([(0, 100, 7), (30, 3100, 7), (60, 3100, 1507)]), grid(2))
    assert dict(frame.schema) == dict(CHARGER_INTERVAL)
    assert energies(frame) == [(3000, 0, True), (0, 1500, True)]


def test_between_readings_the_register_is_a_straight_line_rounded_at_the_edge(readings):
    # Edge 30 lies 10 of 15 minutes into a rise of 100 Wh: 66.67, rounded to 67; the next window has the other 33.
    frame = interval_energy(readings([(0, 0, 0), (20, 0, 0), (35, 100, 0), (60, 100, 0)]), grid(2))
    assert energies(frame) == [(67, 0, True), (33, 0, True)]


def test_halves_round_up(readings):
    frame = interval_energy(readings([(0, 0, 0), (29, 0, 0), (31, 5, 5), (60, 5, 5)]), grid(2))
    assert energies(frame) == [(3, 3, True), (2, 2, True)]


def test_a_rise_between_readings_further_apart_than_a_window_is_not_covered(readings):
    frame = interval_energy(readings([(0, 0, 0), (25, 0, 0), (65, 400, 0), (90, 400, 0)]), grid(3))
    assert [row[2] for row in energies(frame)] == [False, False, False]
    assert sum(row[0] for row in energies(frame)) == 400


def test_time_between_equal_registers_is_covered_however_long(readings):
    frame = interval_energy(readings([(-5000, 10, 20), (9000, 10, 20)]), grid(4))
    assert energies(frame) == [(0, 0, True)] * 4


def test_one_moving_register_uncovers_the_window(readings):
    # 140 Wh over 140 minutes: a straight line puts 30 Wh into the window, but nobody saw it.
    frame = interval_energy(readings([(-50, 10, 20), (90, 10, 160)]), grid(1))
    assert energies(frame) == [(0, 30, False)]


def test_before_the_first_and_after_the_last_reading_nothing_is_known(readings):
    frame = interval_energy(readings([(30, 100, 0), (60, 200, 0)]), grid(3))
    assert energies(frame) == [(0, 0, False), (100, 0, True), (0, 0, False)]


def test_a_single_reading_tells_no_window(readings):
    assert energies(interval_energy(readings([(30, 100, 0)]), grid(2))) == [(0, 0, False)] * 2


def test_a_reset_is_not_covered_and_never_negative(readings):
    frame = interval_energy(readings([(0, 500, 0), (30, 700, 0), (45, 0, 0), (60, 50, 0), (90, 80, 0)]), grid(3))
    assert energies(frame) == [(200, 0, True), (50, 0, False), (30, 0, True)]


def test_a_reset_at_the_edges_of_a_window_leaves_its_neighbours_alone(readings):
    frame = interval_energy(readings([(0, 0, 0), (30, 9, 0), (60, 2, 0), (90, 5, 0)]), grid(3))
    assert energies(frame) == [(9, 0, True), (0, 0, False), (3, 0, True)]


def test_a_register_missing_from_a_reading_is_skipped(readings):
    frame = interval_energy(readings([(0, 0, 50), (20, 40, None), (30, 40, 80)]), grid(1))
    assert energies(frame) == [(40, 30, True)]


def test_a_charger_without_export_register_gives_nothing_back(readings):
    assert energies(interval_energy(readings([(0, 0, None), (30, 40, None)]), grid(1))) == [(40, 0, True)]


def test_a_charger_without_import_register_is_not_covered(readings):
    assert energies(interval_energy(readings([(0, None, 0), (30, None, 5)]), grid(1))) == [(0, 5, False)]


def test_chargers_do_not_mix(readings):
    both = pl.concat([readings([(0, 0, 0), (30, 40, 0)]), readings([(0, 9000, 0), (30, 9005, 0)], charger_id="CP0")])
    assert interval_energy(both, grid(1)).select("charger_id", "charge_wh").rows() == [("CP0", 5), ("CP1", 40)]


def test_readings_within_a_millisecond_do_no_harm(readings):
    frame = interval_energy(readings([(0, 0, 0), (1e-6, 0, 0), (30, 40, 0)]), grid(1))
    assert energies(frame) == [(40, 0, True)]


def test_huge_registers_and_gaps_stay_exact(readings):
    frame = interval_energy(readings([(-525_600, 0, 0), (525_600, 10**12, 0)]), grid(1))
    assert 10**12 * 30 // 1_051_200 <= frame["charge_wh"][0] <= 10**12 * 30 // 1_051_200 + 1


@pytest.mark.parametrize(
    ("day", "windows"),
    [(date(2013, 3, 31), 92), (date(2013, 10, 27), 100)],  # Berlin: 23 and 25 hours
)
def test_dst_days_have_all_their_energy(day, windows):
    dst = window_grid(BillPeriod("2013", day, day + timedelta(days=1)), "Europe/Berlin", 15)
    first = dst["interval_start"][0]
    table = {
        "charger_id": ["CP1"] * (windows + 1),
        "measured_at": [first + timedelta(minutes=15 * step) for step in range(windows + 1)],
        "energy_import_wh": [250 * step for step in range(windows + 1)],
        "energy_export_wh": [0] * (windows + 1),
    }
    readings = pl.DataFrame(table, schema={name: CHARGER_RECORD[name] for name in table})
    frame = interval_energy(readings, dst)
    assert energies(frame) == [(250, 0, True)] * windows


STEPS = st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=25)


def walk(steps: list[tuple[int, int, int]]) -> pl.DataFrame:
    """Registers that rise step by step, from an hour before midnight on."""
    at, imported, exported = MIDNIGHT - timedelta(hours=1), 5000, 300
    rows = [("CP1", at, imported, exported)]
    for seconds, charge, discharge in steps:
        at, imported, exported = at + timedelta(seconds=seconds), imported + charge, exported + discharge
        rows.append(("CP1", at, imported, exported))
    names = ("charger_id", "measured_at", "energy_import_wh", "energy_export_wh")
    return pl.DataFrame(rows, schema={name: CHARGER_RECORD[name] for name in names}, orient="row")


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 99))
def test_windows_sum_to_the_registers_and_order_does_not_matter(steps, seed):
    table = walk(steps)
    wide = grid(60, 30).with_columns(pl.col("interval_start") - pl.duration(hours=2))
    frame = interval_energy(table, wide)
    for register, energy in (("energy_import_wh", "charge_wh"), ("energy_export_wh", "discharge_wh")):
        assert frame[energy].sum() == table[register].max() - table[register].min()
        assert frame[energy].min() >= 0
    shuffled = table.sample(fraction=1, shuffle=True, seed=seed)
    assert_frame_equal(interval_energy(shuffled, wide), frame)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, number=st.integers(0, 24), parts=st.integers(2, 5))
def test_a_reading_on_the_line_between_two_others_changes_no_energy(steps, number, parts):
    steps = [(seconds * parts, charge * parts, discharge * parts) for seconds, charge, discharge in steps]
    number %= len(steps)
    seconds, charge, discharge = steps[number]
    part = (seconds // parts, charge // parts, discharge // parts)
    rest = tuple(whole - piece for whole, piece in zip(steps[number], part, strict=True))
    split = [*steps[:number], part, rest, *steps[number + 1 :]]
    before, after = (interval_energy(walk(each), grid(40)).drop("covered", "error_wh") for each in (steps, split))
    assert_frame_equal(before, after)


def test_no_readings_give_no_rows():
    empty = pl.DataFrame(schema=dict(CHARGER_RECORD))
    assert interval_energy(empty, grid(3)).is_empty()
