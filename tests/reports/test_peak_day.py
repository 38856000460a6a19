"""The peak day and the months as plain numbers: which day, which hours, which axis."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.days import find_days
from reports.facts import Facts
from reports.months import find_months
from reports.peak_day import demand_axis, find_peak_day
from tests.reports.samples import SAMPLES, good, with_summary


def test_the_day_is_that_of_the_compared_peak() -> None:
    day = find_peak_day(Facts(good()))
    assert day.day == date(2013, 7, 10)
    assert (day.baseline.kw, day.actual.kw) == (1024.0, 998.4)
    assert (day.baseline.start_h, day.baseline.end_h) == (14.5, 15.0)
    assert day.band_h == (13.0, 16.0)
    assert (day.from_h, day.to_h) == (9.0, 21.0)  # two hours round 13:00 to 18:30, widened to twelve


def test_windows_are_means_of_their_energy() -> None:
    window = find_peak_day(Facts(good())).windows[29]
    assert (window.baseline_kw, window.actual_kw, window.discharge_kw, window.charge_kw) == (1024.0, 998.4, 25.6, 0.0)


def test_a_peak_on_another_day_keeps_its_height_and_loses_its_place() -> None:
    moved = with_summary(good(), peak_kw={"actual_set_at": "2013-07-24T14:00:00+09:00"})
    mark = find_peak_day(Facts(moved)).actual
    assert (mark.kw, mark.start_h) == (998.4, None)


def test_without_stated_peaks_the_highest_metered_day_is_shown() -> None:
    nothing = dict.fromkeys(("no_ev", "unmanaged", "actual", "baseline_set_at", "actual_set_at"))
    day = find_peak_day(Facts(with_summary(good(), peak_kw=nothing)))
    assert day.day == date(2013, 7, 10)
    assert (day.baseline, day.actual) == (None, None)


def test_a_day_out_of_season_has_no_band() -> None:
    assert find_peak_day(Facts(SAMPLES["full_year"]())).band_h is None  # June; the peak window is July to September


def test_a_load_of_gaps_is_drawn_as_gaps() -> None:
    data = good()
    blank = pl.when(pl.col("local_start").dt.hour() == 10).then(None).otherwise(pl.col("actual_import_wh"))
    day = find_peak_day(Facts(replace(data, load=data.load.with_columns(actual_import_wh=blank))))
    assert [w.local_start.hour for w in day.windows if w.actual_kw is None] == [10, 10]


def test_no_load_no_day() -> None:
    data = good()
    assert find_peak_day(Facts(replace(data, load=data.load.clear()))) is None


@given(st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=20))
def test_an_axis_holds_its_values(powers: list[float]) -> None:
    axis = demand_axis(powers)
    assert axis.low <= min(powers) + 1e-6
    assert axis.high >= max(powers) - 1e-6
    assert 1 <= len(axis.ticks) <= 9
    assert list(axis.ticks) == sorted(set(axis.ticks))


@pytest.mark.parametrize(
    ("powers", "low"), [([590.0, 1024.0], 500), ([100.0, 1024.0], 0), ([0.0], 0), ([995.0, 1005.0], 995)]
)
def test_where_an_axis_starts(powers: list[float], low: float) -> None:
    assert demand_axis(powers).low == low


def test_twelve_bills_are_shown_of_thirteen() -> None:
    months = SAMPLES["good"]().months
    thirteen = pl.concat([months.head(1).with_columns(month=pl.lit("2012-07")), months])
    assert find_months(thirteen).rows[0].month == "2012-08"
    assert find_months(thirteen).rows[-1].change_kw == pytest.approx(-25.6)


@pytest.mark.parametrize("power", [229.0, 100.0, 0.0, 37.5])
def test_an_axis_of_equal_powers_has_a_height(power):
    axis = demand_axis([power, power])
    assert axis.low < power < axis.high or (power == 0.0 and axis.low < axis.high)


@pytest.mark.parametrize("power", [234.632, 229.0, 1024.0])
def test_one_value_has_a_scale_to_be_read_on(power: float) -> None:
    assert len(demand_axis([power, power], room_below=True).ticks) >= 3


def test_a_bill_without_any_meter_window_has_no_peak_day() -> None:
    data = good()
    blank = pl.lit(None, pl.Int64).alias("actual_import_wh")
    assert find_peak_day(Facts(replace(data, load=data.load.with_columns(blank)))) is None


def test_a_day_with_a_gap_has_no_highest_window() -> None:
    """The missing window may be the highest."""
    data = good()
    lunch = (pl.col("local_day") == date(2013, 7, 2)) & (pl.col("local_start").dt.hour() == 12)
    gap = pl.when(lunch).then(None).otherwise(pl.col("actual_import_wh")).alias("actual_import_wh")
    days = find_days(Facts(replace(data, load=data.load.with_columns(gap))))
    assert [row.day.day for row in days.rows if row.actual_kw is None] == [2]
    assert len(days.giving) == len(find_days(Facts(data)).giving) - 1
