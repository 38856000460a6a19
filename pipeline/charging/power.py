"""Charging power: what each car was seen to draw at each charger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from pipeline.portfolio import Charger, Vehicle

RATED_ERROR: Final = 0.10
"""Half the range of a charging power that only the rating tells [1]."""
_LONGEST_SAMPLE_S: Final = 3600
_FEWEST_SAMPLES: Final = 3
_TAPER_BINS: Final = (80.0, 85.0, 90.0, 95.0)
_FULL_POWER: Final = 0.95  # of the power below 80 %
_QUARTILES_APART: Final = 1.35  # standard deviations
_NORMAL_95: Final = 1.96


@dataclass(frozen=True)
class ChargePower:
    """Measured charging power of one car at one charger [W]: below 80 % charge, and in each 5-point step above.

    `error`: half the range of the power, as a share of it [1].
    """

    power_w: int
    taper_w: tuple[int, int, int, int]
    source: Literal["measured", "rated"]
    error: float = RATED_ERROR

    def off_by(self, errors: float) -> ChargePower:
        """Return the same curve at a power so many times its error higher, at least 1 W."""
        factor = 1 + errors * self.error
        power_w, *taper_w = (max(1, round(watts * factor)) for watts in (self.power_w, *self.taper_w))
        return ChargePower(power_w, (taper_w[0], taper_w[1], taper_w[2], taper_w[3]), self.source, self.error)


def charge_power(
    readings: pl.DataFrame, vehicles: Sequence[Vehicle], chargers: Sequence[Charger]
) -> dict[tuple[str, str], ChargePower]:
    """Return the charging power by (charger_id, vehicle_id); where a log names no car, by the charger's id twice.

    `readings` in the shape of `domain.CHARGER_RECORD`, in any order: the more history, the better. Power is the import
    register's rise between successive readings of a session at most an hour apart. Below 80 % charge it is the 95th
    percentile, never above the rating; with fewer than three samples that of the charger with any car, else the rating.
    Above, each 5-point step is read from charging that ran at full power below 80 % and went on before and after the
    sample, so that neither the last minutes nor a controller holding back look like a tapering battery; a step never
    exceeds the one below, and takes it over with fewer than three samples.
    Every configured pair has an entry.
    """
    samples = _power_samples(readings)
    powers = {}
    for charger in chargers:
        rated_w = round(charger.rated_charge_kw * 1000)
        here = samples.filter(pl.col("charger_id") == charger.charger_id)
        of_charger = _curve(here, ChargePower(rated_w, (rated_w,) * 4, "rated"), rated_w)
        accounts = {vehicle.vehicle_id for vehicle in vehicles} | set(here.get_column("account")) | {charger.charger_id}
        for account in sorted(accounts):
            powers[charger.charger_id, account] = _curve(here.filter(pl.col("account") == account), of_charger, rated_w)
    return powers


def _power_samples(readings: pl.DataFrame) -> pl.DataFrame:
    """Return charger_id, account, power_w, soc_pct (middle), run and whether charging went on before and after."""
    ordered = readings.drop_nulls("energy_import_wh").sort("charger_id", "measured_at")
    car = pl.col("vehicle_id").drop_nulls().first().over("charger_id", "session_id")
    elapsed_s = pl.col("measured_at").diff().dt.total_microseconds().over("charger_id") / 1e6
    rise = pl.col("energy_import_wh").diff().over("charger_id")
    same = pl.col("session_id").eq_missing(pl.col("session_id").shift().over("charger_id"))
    flowing = ((rise > 0) & (elapsed_s > 0) & (elapsed_s <= _LONGEST_SAMPLE_S) & same).fill_null(value=False)
    soc_before = pl.col("soc_pct").shift().over("charger_id")
    marked = ordered.select(
        "charger_id",
        account=pl.coalesce(pl.when(pl.col("session_id").is_not_null()).then(car), "vehicle_id", "charger_id"),
        power_w=rise * 3600 / elapsed_s,
        soc_pct=(pl.col("soc_pct") + soc_before) / 2,
        flowing=flowing,
    )
    neighbours = [pl.col("flowing").shift(step, fill_value=False).over("charger_id") for step in (1, -1)]
    return marked.with_columns(
        goes_on=pl.all_horizontal(neighbours), run=(~pl.col("flowing")).cum_sum().over("charger_id")
    ).filter("flowing")


def _curve(samples: pl.DataFrame, fallback: ChargePower, rated_w: int) -> ChargePower:
    below = (pl.col("soc_pct") < _TAPER_BINS[0]).fill_null(value=True)
    measured_w = _percentile_95(samples.filter(below))
    if measured_w is None:
        return fallback
    power_w = min(rated_w, measured_w)
    error = _error(samples.filter(below).get_column("power_w"), power_w)
    reached = pl.col("power_w").filter(below).max().over("charger_id", "run")
    unrestrained = samples.filter((reached >= _FULL_POWER * power_w).fill_null(value=False)).filter("goes_on")
    taper, step_w = [], power_w
    for low in _TAPER_BINS:
        high = low + 5 if low < _TAPER_BINS[-1] else 100.1
        step = _percentile_95(unrestrained.filter(pl.col("soc_pct").is_between(low, high, closed="left")))
        step_w = min(step_w, step_w if step is None else step)
        taper.append(step_w)
    return ChargePower(power_w, (taper[0], taper[1], taper[2], taper[3]), "measured", error)


def _error(sampled_w: pl.Series, power_w: int) -> float:
    """How far the usual full power lies from the one used, and what samples so far apart leave open [1].

    By the median and the quartiles: a sample of a few seconds says little, since registers count in steps.
    """
    full = sampled_w.filter(sampled_w >= _FULL_POWER * power_w)
    if full.is_empty():
        return 1 - _FULL_POWER
    low, middle, high = (float(full.quantile(share, interpolation="linear") or 0.0) for share in (0.25, 0.5, 0.75))
    spread = (high - low) / _QUARTILES_APART / full.len() ** 0.5
    return float((abs(power_w - middle) + _NORMAL_95 * spread) / power_w)


def _percentile_95(samples: pl.DataFrame) -> int | None:
    if samples.height < _FEWEST_SAMPLES:
        return None
    found = samples.get_column("power_w").quantile(0.95, interpolation="higher")
    return None if found is None else round(found)
