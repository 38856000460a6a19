"""A month of a building whose load wanders, with a charger behind its meter, to plant faults in."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipeline.calendars import period_utc, window_grid
from pipeline.domain import BillPeriod
from pipeline.quality.meter import Meter, meters_of
from tests.factories import charger_records, meter_records

JULY = BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 29))
ZONE = "Europe/Berlin"
GRID = window_grid(JULY, ZONE, 15)
STARTS = GRID.get_column("interval_start").to_list()
DAY = 96


def load_wh() -> list[int]:
    """About 40 kW at night and 100 kW at noon, never the same twice in a row for long."""
    draws = np.random.default_rng(7).integers(-900, 900, len(STARTS))
    minutes = GRID.get_column("local_minute").to_numpy()
    shape = 17_500 - 7_500 * np.cos(2 * np.pi * minutes / 1440)
    return [int(value) for value in np.rint(shape + draws)]


def meter(change: Callable[[list[int]], None] | None = None, *, meter_id: str = "main") -> pl.DataFrame:
    """The building's intervals after `change` did something to the list of Wh."""
    loads = load_wh()
    if change:
        change(loads)
    return meter_records(zip(STARTS, loads, strict=True), duration_s=900, meter_id=meter_id)


def seen(records: pl.DataFrame) -> list[Meter]:
    """The meters of the bill as the rules take them."""
    return meters_of(records, ["main", "second"], period_utc(JULY, ZONE), ZONE)


def windows(loads: list[int], charge_wh: list[int] | None = None) -> pl.DataFrame:
    """The windows of a bill whose meter saw `loads` [Wh], of which the charger took `charge_wh`."""
    charge = pl.Series(charge_wh or [0] * len(loads), dtype=pl.Int64)
    metered = pl.Series(loads, dtype=pl.Int64)
    net = metered - charge
    return GRID.with_columns(
        metered=pl.lit(value=True),
        covered=pl.lit(value=True),
        actual_import_wh=metered,
        actual_export_wh=pl.lit(0, dtype=pl.Int64),
        charge_wh=charge,
        discharge_wh=pl.lit(0, dtype=pl.Int64),
        no_ev_import_wh=net.clip(lower_bound=0),
        no_ev_export_wh=(-net).clip(lower_bound=0),
    )


def charges() -> list[int]:
    """5 kWh in each of four quarters (20 kW), once a day at a drawn time."""
    energies = [0] * len(STARTS)
    draws = np.random.default_rng(11)
    for day in range(len(STARTS) // DAY):
        first = day * DAY + int(draws.integers(20, 80))
        energies[first : first + 4] = [5_000] * 4
    return energies


def readings(energies: list[int], clock_ahead_s: int = 0) -> pl.DataFrame:
    """The charger's register every minute, read off a clock that is ahead; power is constant inside a window."""
    edges = np.arange(len(energies) + 1) * 900
    register = np.concatenate([[0], np.cumsum(energies)])
    seconds = np.arange(0, edges[-1] + 1, 60)
    values = np.interp(seconds, edges, register)
    return charger_records(
        (STARTS[0] + timedelta(seconds=int(at) + clock_ahead_s), round(float(value)), 0)
        for at, value in zip(seconds, values, strict=True)
    )
