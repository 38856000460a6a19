"""Gaps: one finding per unbroken run of missing windows."""

from datetime import date

import polars as pl

from pipeline.calendars import window_grid
from pipeline.domain import BillPeriod
from pipeline.quality import FINDING, clock_change_gaps, gaps
from tests.factories import instant


def found(missing: list[int], zone: str = "UTC", day: date = date(2013, 7, 1)) -> pl.DataFrame:
    period = BillPeriod("2013-07", day, date.fromordinal(day.toordinal() + 1))
    grid = window_grid(period, zone, 30).with_row_index("number")
    windows = grid.with_columns(metered=~pl.col("number").is_in(missing)).sample(fraction=1.0, shuffle=True, seed=7)
    return gaps(windows, "metered", name="meter.gap", source="main", what="Meter data")


def test_complete_data_has_no_gap() -> None:
    assert found([]).is_empty()
    assert found([]).schema == pl.Schema(FINDING)


def test_each_unbroken_run_is_one_finding() -> None:
    rows = found([0, 1, 2, 16, 47]).rows(named=True)
    assert [(row["span_from"], row["span_to"], row["value"]) for row in rows] == [
        (instant("07-01 00:00"), instant("07-01 01:30"), 1.5),
        (instant("07-01 08:00"), instant("07-01 08:30"), 0.5),
        (instant("07-01 23:30"), instant("07-02 00:00"), 0.5),
    ]
    assert {(row["name"], row["source"], row["unit"]) for row in rows} == {("meter.gap", "main", "h")}


def test_the_sentence_speaks_local_time() -> None:
    (sentence,) = found([16, 17], zone="Asia/Tokyo").get_column("sentence")
    assert sentence == "Meter data is missing from 2013-07-01 08:00 local time for 1.0 h."


def test_a_missing_day_of_25_hours_is_25_hours_long() -> None:
    (value,) = found(list(range(50)), zone="Europe/Berlin", day=date(2013, 10, 27)).get_column("value")
    assert value == 25.0


def test_the_hour_a_clock_change_swallowed_is_named_after_it() -> None:
    """27 October 2013, Berlin: 02:00 to 03:00 comes twice; windows 6 and 7 are the second time."""
    period = BillPeriod("2013-10", date(2013, 10, 26), date(2013, 10, 28))
    grid = window_grid(period, "Europe/Berlin", 30).with_row_index("number")
    for missing, names in (([54, 55], ["meter.dst"]), ([10], ["meter.gap"]), ([54, 55, 56, 57, 58, 59], ["meter.gap"])):
        windows = grid.with_columns(metered=~pl.col("number").is_in(missing))
        found = gaps(windows, "metered", name="meter.gap", source="main", what="Meter data")
        assert clock_change_gaps(windows, found).get_column("name").to_list() == names
