"""Windows on the local clock, days of 23 and 25 hours among them."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from pipeline.baselines import DaySlots
from pipeline.calendars import window_grid
from pipeline.domain import BillPeriod

EPOCH = date(1970, 1, 1)


def windows(first, until, zone, energy_wh=500):
    grid = window_grid(BillPeriod("", first, until), zone, 30)
    return grid.with_columns(energy_wh=pl.lit(energy_wh, dtype=pl.Int64))


def grid_of(frame):
    known = frame.drop_nulls("energy_wh")
    names = ("local_day", "local_minute", "duration_s", "energy_wh")
    day, minute, duration_s, energy_wh = (
        known.get_column(one).to_physical().cast(pl.Int64).to_numpy() for one in names
    )
    return DaySlots.of(day, minute, duration_s, 30).mean(energy_wh * 3.6)


def test_half_an_hour_of_500_wh_is_one_kilowatt():
    grid = grid_of(windows(date(2026, 6, 1), date(2026, 6, 3), "Asia/Tokyo"))
    assert grid.first == (date(2026, 6, 1) - EPOCH).days
    assert grid.table.shape == (2, 48)
    assert (grid.table == 1.0).all()


def test_the_hour_that_does_not_exist_is_unknown_and_the_one_that_runs_twice_is_its_mean():
    frame = windows(date(2026, 3, 29), date(2026, 3, 30), "Europe/Berlin")
    assert np.flatnonzero(np.isnan(grid_of(frame).table[0])).tolist() == [4, 5]  # 02:00 to 03:00
    frame = windows(date(2026, 10, 25), date(2026, 10, 26), "Europe/Berlin")
    second = pl.col("interval_start") >= datetime(2026, 10, 25, 1, tzinfo=UTC)
    frame = frame.with_columns(energy_wh=pl.when(second).then(1500).otherwise(500))
    assert grid_of(frame).table[0, 3:7].tolist() == [1.0, 2.0, 2.0, 3.0]


def test_unknown_energy_and_missing_days_are_unknown_power():
    frame = windows(date(2026, 6, 1), date(2026, 6, 4), "Asia/Tokyo")
    frame = frame.filter(pl.col("local_day") != date(2026, 6, 2)).with_columns(
        energy_wh=pl.when(pl.col("local_minute") == 0).then(None).otherwise(pl.col("energy_wh"))
    )
    grid = grid_of(frame)
    assert np.isnan(grid.table[1]).all()
    assert np.isnan(grid.table[0, 0])
    around = grid.over(grid.first - 1, 2)
    assert np.isnan(around[0]).all()
    assert around[1, 1] == 1.0
    assert grid.over(grid.first + 2, 5)[0, 1] == 1.0
    assert np.isnan(grid.over(grid.first + 3, 5)).all()


def test_no_windows_are_no_days():
    assert len(grid_of(windows(date(2026, 6, 1), date(2026, 6, 2), "Asia/Tokyo").clear()).table) == 0


def test_observations_within_an_hour_are_averaged():
    day, minute = np.array([20, 20, 21]), np.array([300, 320, 23 * 60])
    grid = DaySlots.of(day, minute, np.ones(3, dtype=np.int64), 60).mean(np.array([10.0, 13.0, 20.0]))
    assert grid.table.shape == (2, 24)
    assert grid.table[0, 5] == 11.5
    assert grid.table[1, 23] == 20.0
    assert np.isnan(grid.table).sum() == 46
