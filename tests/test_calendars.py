"""Local days, clock changes, bills and the window grid."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calendars import (
    add_months,
    calendar_month,
    first_day,
    holiday_dates,
    local_midnight_utc,
    month_of,
    months_between,
    period_utc,
    wall_clock_us,
    window_grid,
)
from pipeline.domain import BillPeriod

ZONES = (
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/Los_Angeles",
    "America/Havana",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def one_day(text: str) -> BillPeriod:
    day = date.fromisoformat(text)
    return BillPeriod(month_of(day), day, day + timedelta(days=1))


def test_months_are_counted_across_years() -> None:
    assert add_months("2013-07", -11) == "2012-08"
    assert add_months("2013-12", 1) == "2014-01"
    assert add_months("2013-01", -1) == "2012-12"
    assert months_between("2013-11", "2014-02") == ["2013-11", "2013-12", "2014-01", "2014-02"]
    assert months_between("2014-02", "2013-11") == []


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-300, 300))
def test_months_added_and_taken_away_cancel(day: date, count: int) -> None:
    assert add_months(add_months(month_of(day), count), -count) == month_of(day)


@pytest.mark.parametrize("text", ["2013-7", "2013", "2013-13", "2013-07-01", "", "July"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        first_day(text)


@pytest.mark.parametrize("zone", [*ZONES, "Australia/Lord_Howe", "Africa/Casablanca"])
def test_the_wall_clock_of_every_quarter_hour_is_that_of_the_zone(zone: str) -> None:
    """Over years in which Samoa skipped a day and clocks changed by an hour or by half of one."""
    starts = np.arange(1_289_999_700, 1_450_000_000, 900, dtype=np.int64) * 1_000_000
    zoned = pl.Series(starts).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    wanted = zoned.dt.replace_time_zone(None).to_physical().to_numpy()
    np.testing.assert_array_equal(wall_clock_us(starts, zone), wanted)
    np.testing.assert_array_equal(wall_clock_us(starts[::-7], zone), wanted[::-7])
    assert wall_clock_us(starts[:0], zone).size == 0


def test_a_calendar_month_ends_where_the_next_begins() -> None:
    assert calendar_month("2013-12") == BillPeriod("2013-12", date(2013, 12, 1), date(2014, 1, 1))


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Asia/Tokyo", "2013-07-01", "2013-06-30T15:00"),
        ("Europe/Berlin", "2013-03-31", "2013-03-30T23:00"),  # the day clocks go forward, still winter time
        ("Europe/Berlin", "2013-04-01", "2013-03-31T22:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),  # no midnight: clocks go from 00:00 to 01:00
        ("America/Havana", "2013-11-03", "2013-11-03T04:00"),  # midnight twice: the first one
    ],
)
def test_the_instant_a_local_day_begins(zone: str, day: str, instant: str) -> None:
    found = local_midnight_utc(date.fromisoformat(day), zone)
    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_a_day_that_a_country_skipped_has_no_windows() -> None:
    """Samoa went from 29 to 31 December 2011."""
    assert window_grid(one_day("2011-12-30"), "Pacific/Apia", 30).height == 0


@pytest.mark.parametrize(("day", "quarter_hours"), [("2013-03-31", 92), ("2013-10-27", 100), ("2013-07-01", 96)])
def test_days_of_23_and_25_hours(day: str, quarter_hours: int) -> None:
    assert window_grid(one_day(day), "Europe/Berlin", 15).height == quarter_hours


def test_the_local_calendar_of_a_window() -> None:
    """16:30 UTC on Sunday 30 June is 01:30 on Monday 1 July in Tokyo."""
    grid = window_grid(one_day("2013-07-01"), "Asia/Tokyo", 30)
    row = grid.row(3, named=True)
    assert row == {
        "interval_start": datetime(2013, 6, 30, 16, 30, tzinfo=UTC),
        "duration_s": 1800,
        "local_start": datetime(2013, 7, 1, 1, 30),
        "local_day": date(2013, 7, 1),
        "local_month": 7,
        "local_weekday": 1,
        "local_minute": 90,
    }


def test_the_hour_that_comes_twice_has_the_same_clock_and_other_instants() -> None:
    grid = window_grid(one_day("2013-10-27"), "Europe/Berlin", 60)
    twice = grid.filter(pl.col("local_minute") == 120)
    assert [at.hour for at in twice.get_column("interval_start")] == [0, 1]


@given(
    st.sampled_from((*ZONES, "Australia/Lord_Howe")),
    st.dates(date(2010, 1, 1), date(2030, 1, 1)),
    st.integers(1, 40),
    st.sampled_from([5, 15, 30, 60]),
)
def test_windows_fill_a_bill_without_gap_or_overlap(zone: str, start: date, days: int, window_min: int) -> None:
    """Also on Lord Howe, whose clocks change by half an hour."""
    period = BillPeriod(month_of(start), start, start + timedelta(days=days))
    grid = window_grid(period, zone, window_min)
    ends = grid.select(pl.col("interval_start") + pl.duration(seconds="duration_s")).to_series().to_list()
    starts = grid.get_column("interval_start").to_list()
    assert [starts[0], ends[-1]] == list(period_utc(period, zone))
    assert starts[1:] == ends[:-1]
    if zone != "Australia/Lord_Howe":
        assert set(grid.get_column("duration_s")) == {window_min * 60}


@given(st.sampled_from(ZONES), st.dates(date(2010, 1, 1), date(2030, 1, 1)))
def test_bills_that_follow_each_other_share_no_instant(zone: str, day: date) -> None:
    month = month_of(day)
    following = add_months(month, 1)
    assert period_utc(calendar_month(month), zone)[1] == period_utc(calendar_month(following), zone)[0]


def test_holidays_of_a_country_and_of_a_part_of_it() -> None:
    """Marine Day 2013 was 15 July; Bavaria keeps Epiphany, Berlin does not. No code, no holidays."""
    assert date(2013, 7, 15) in holiday_dates("JP", [2013])
    assert date(2013, 1, 6) in holiday_dates("DE-BY", [2013])
    assert date(2013, 1, 6) not in holiday_dates("DE-BE", [2013])
    assert holiday_dates(None, [2013]) == frozenset()
    assert holiday_dates("JP", [2013, 2014]) == holiday_dates("JP", [2013]) | holiday_dates("JP", [2014])
