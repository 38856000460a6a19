"""Months of a building with chargers that discharge and recharge on twenty days, with a meter or clocks planted wrong.

Its own physics, in seconds: powers that switch at any second, a building that wanders, registers read at any phase.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipeline.calendars import window_grid
from pipeline.charging import registers_of
from pipeline.domain import BillPeriod
from pipeline.quality import Fit, fitted_offsets

ZONE = "America/Los_Angeles"
APRIL = BillPeriod("2025-04", date(2025, 4, 1), date(2025, 5, 1))  # 22 working days, no change of clocks
V2B_DAYS = 20
POWER_W = 6_000.0
HOUR_S = 3600.0


@dataclass(frozen=True)
class Month:
    """One drawn month, and what is wrong with it.

    `jitter_s` [s]: how far a day's start moves from 13:00, to either side; `slip`: windows the meter lies late;
    `offset_s` [s]: how far all charger clocks are ahead; `gain`: what the meter sees of each kWh the chargers log;
    `dc_efficiency`: of their conversion, where registers stand on the DC side. `noise`: spread of the building's
    changes less the usual ones, as a share of its mean; a shop of 8 kW changes by 0.19 (LBNL loadshape, 15 minutes).
    """

    seed: int
    window_min: int = 15
    jitter_s: int = 1800
    slip: int = 0
    offset_s: int = 0
    sample_s: int = 60
    gain: float = 1.0
    dc_efficiency: float = 1.0
    noise: float = 0.01

    def fits(self) -> list[Fit]:
        """What commissioning makes of the month."""
        windows, readings = self.frames()
        return fitted_offsets(windows, registers_of(readings))

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The windows of the meter, and the readings of the chargers."""
        draws = np.random.default_rng(self.seed)
        grid = window_grid(APRIL, ZONE, self.window_min)
        begin_s = grid.item(0, "interval_start").timestamp()
        edges_s = begin_s + np.arange(grid.height + 1) * 60.0 * self.window_min
        chargers = int(draws.integers(2, 9))
        load = _building_wh(draws, grid, chargers * POWER_W * draws.uniform(8, 25), self.noise)
        armed = frozenset(draws.choice(_working_days(), V2B_DAYS, replace=False).tolist())
        starts_s = {day: draws.uniform(-self.jitter_s, self.jitter_s) for day in sorted(armed)}
        readings = []
        for number in range(1, chargers + 1):
            at, into, out = _register(draws, begin_s, starts_s)
            seen = into / self.dc_efficiency - out * self.dc_efficiency
            load += self.gain * np.diff(np.interp(edges_s, at, seen))
            seen_s = np.arange(begin_s + draws.integers(0, self.sample_s), edges_s[-1], self.sample_s)
            registers = (np.floor(np.interp(seen_s, at, total)) for total in (into, out))
            readings.append(_readings(f"CP{number}", seen_s + self.offset_s, *registers))
        metered = pl.Series(np.roll(np.rint(load), self.slip)).cast(pl.Int64)
        none = pl.lit(0, dtype=pl.Int64)
        frame = grid.with_columns(metered=pl.lit(value=True), actual_import_wh=metered, actual_export_wh=none)
        return frame, pl.concat(readings)


def _working_days() -> list[int]:
    return [day for day in range(30) if (APRIL.read_from.isoweekday() + day - 1) % 7 < 5]


def _building_wh(draws: np.random.Generator, grid: pl.DataFrame, mean_w: float, noise: float) -> np.ndarray:
    """High at noon of working days; what it wanders from window to window fades by a tenth."""
    minute = grid.get_column("local_minute").to_numpy()
    works = grid.get_column("local_weekday").to_numpy() < 6
    shape = 0.6 + np.where(works, 0.4, 0.1) * (1 - np.cos(2 * np.pi * minute / 1440))
    wander, moves = np.zeros(grid.height), draws.normal(0, noise, grid.height)
    for window in range(1, grid.height):
        wander[window] = 0.9 * wander[window - 1] + moves[window]
    return mean_w * (shape + wander) * grid.get_column("duration_s").to_numpy() / HOUR_S


def _phases(draws: np.random.Generator, starts_s: dict[int, float]) -> Iterator[tuple[float, float, float]]:
    """Begin [s after midnight of the first], length [s] and power [W] of each phase of one charger, in order."""
    for day in _working_days():
        morning = 24 * HOUR_S * day + HOUR_S * draws.uniform(7.5, 9.5)
        yield morning, HOUR_S * draws.uniform(0.3, 1.5), POWER_W
        if day in starts_s:
            begin = 24 * HOUR_S * day + 13 * HOUR_S + starts_s[day] + draws.uniform(0, 60)
            length = HOUR_S * draws.uniform(1.5, 2.5)
            yield begin, length, -POWER_W
            yield begin + length + HOUR_S * draws.uniform(0.1, 1.0), length / 0.85, POWER_W


def _register(draws: np.random.Generator, begin_s: float, starts_s: dict[int, float]) -> tuple[np.ndarray, ...]:
    """Instants at which one charger's power changes [s], and its two registers then [Wh]."""
    at, watts = [begin_s], [0.0]
    for begin, length, power in _phases(draws, starts_s):
        at += [begin_s + begin, begin_s + begin + length]
        watts += [power, 0.0]
    seconds, power_w = np.asarray(at), np.asarray(watts[:-1])
    energy = np.diff(seconds) * power_w / HOUR_S
    into, out = (np.concatenate([[0.0], np.cumsum(np.maximum(sign * energy, 0))]) for sign in (1, -1))
    return seconds, into, out


def _readings(charger_id: str, seconds: np.ndarray, into: np.ndarray, out: np.ndarray) -> pl.DataFrame:
    table = pl.DataFrame({"measured_at": seconds, "energy_import_wh": into, "energy_export_wh": out})
    return table.select(
        pl.lit(charger_id).alias("charger_id"),
        (pl.col("measured_at") * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC")),
        pl.col("energy_import_wh", "energy_export_wh").cast(pl.Int64),
    )
