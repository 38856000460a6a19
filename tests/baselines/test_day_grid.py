"""Windows on the local clock, days of 23 and 25 hours among them."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from pipeline.baselines import aligned, day_grid, hourly_grid
from pipeline.calendars import window_grid
from pipeline.domain import BillPeriod


def windows(first, until, zone, energy_wh):
    grid = window_grid(BillPeriod("", first, until), zone, 30)
    return grid.with_columns(energy_wh=pl.lit(energy_wh, dtype=pl.Int64))


def test_half_an_hour_of_500_wh_is_one_kilowatt():
    grid = day_grid(windows(date(2026, 6, 1), date(2026, 6, 3), "Asia/Tokyo", 500), 30)
    assert grid.days == (date(2026, 6, 1), date(2026, 6, 2))
    assert grid.kw.shape == (2, 48)
    assert (grid.kw == 1.0).all()


def test_the_hour_that_does_not_exist_is_unknown_and_the_one_that_runs_twice_is_its_mean():
    frame = windows(date(2026, 3, 29), date(2026, 3, 30), "Europe/Berlin", 500)
    assert np.flatnonzero(np.isnan(day_grid(frame, 30).kw[0])).tolist() == [4, 5]  # 02:00 to 03:00
    frame = windows(date(2026, 10, 25), date(2026, 10, 26), "Europe/Berlin", 500)
    second = pl.col("interval_start") >= datetime(2026, 10, 25, 1, tzinfo=UTC)
    frame = frame.with_columns(energy_wh=pl.when(second).then(1500).otherwise(500))
    assert day_grid(frame, 30).kw[0, 3:7].tolist() == [1.0, 2.0, 2.0, 3.0]


def test_unknown_energy_and_missing_days_are_unknown_power():
    frame = windows(date(2026, 6, 1), date(2026, 6, 4), "Asia/Tokyo", 500)
    frame = frame.filter(pl.col("local_day") != date(2026, 6, 2)).with_columns(
        energy_wh=pl.when(pl.col("local_minute") == 0).then(None).otherwise(pl.col("energy_wh"))
    )
    grid = day_grid(frame, 30)
    assert np.isnan(grid.kw[1]).all()
    assert np.isnan(grid.kw[0, 0])
    assert np.isnan(aligned(grid, [date(2026, 5, 31), date(2026, 6, 1)])[0]).all()
    assert aligned(grid, [date(2026, 6, 1)])[0, 1] == 1.0


def test_no_windows_are_no_days():
    empty = windows(date(2026, 6, 1), date(2026, 6, 2), "Asia/Tokyo", 500).clear()
    assert day_grid(empty, 30).days == ()


def test_observations_within_an_hour_are_averaged():
    stamps = [datetime(2026, 6, 1, 5, minute) for minute in (0, 20, 40)] + [datetime(2026, 6, 2, 23, 0)]
    observed = pl.DataFrame({"local_start": stamps, "temperature_c": [10.0, 13.0, None, 20.0]})
    grid = hourly_grid(observed, "temperature_c")
    assert grid.kw.shape == (2, 24)
    assert grid.kw[0, 5] == 11.5
    assert grid.kw[1, 23] == 20.0
    assert np.isnan(grid.kw).sum() == 46
