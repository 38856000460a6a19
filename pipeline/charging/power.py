"""Charging power: what each car was seen to draw at each charger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from pipeline.charging.columns import Integers, numbered
from pipeline.charging.order import Log, Readings
from pipeline.portfolio import Charger, Vehicle

RATED_ERROR: Final = 0.10
"""Half the range of a charging power that only the rating tells [1]."""
_LONGEST_SAMPLE_S: Final = 3600
_FEWEST_SAMPLES: Final = 3
_TAPER_BINS: Final = (80.0, 85.0, 90.0, 95.0)
_FULL_POWER: Final = 0.95  # of the power below 80 %
_QUARTILES_APART: Final = 1.35  # standard deviations
_NORMAL_95: Final = 1.96
Values = np.ndarray[Any, Any]


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
    readings: Readings, vehicles: Sequence[Vehicle], chargers: Sequence[Charger]
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
    log = Log.of(readings)
    if log.readings.get_column("energy_import_wh").null_count():
        log = Log.of(log.readings.drop_nulls("energy_import_wh"))
    samples, names = _power_samples(log)
    powers = {}
    for charger in chargers:
        rated_w = round(charger.rated_charge_kw * 1000)
        rated = ChargePower(rated_w, (rated_w,) * 4, "rated")
        of_charger, of_cars = _curves(samples.get(charger.charger_id), rated)
        here = {names[number]: curve for number, curve in of_cars.items()}
        for account in sorted({vehicle.vehicle_id for vehicle in vehicles} | {charger.charger_id} | here.keys()):
            powers[charger.charger_id, account] = here.get(account, of_charger)
    return powers


class _Samples(NamedTuple):
    """Spans of charging, one entry each: state of charge in the middle [%], NaN where not known.

    `account` numbers the cars, `run` charging without a break; `goes_on`: it went on before and after.
    """

    account: Values
    power_w: Values
    rise_wh: Values
    elapsed_s: Values
    soc_pct: Values
    run: Values
    goes_on: Values

    def of(self, chosen: Values | slice) -> _Samples:
        """Return some of the samples."""
        return _Samples(*(column[chosen] for column in self))


def _power_samples(log: Log) -> tuple[dict[str, _Samples], list[str]]:
    """Return the samples of each charger that has some, and the names of the accounts they number."""
    accounts, names = _accounts(log)
    elapsed_s = np.diff(log.at_us, prepend=0) / 1e6
    rise = np.diff(log.readings.get_column("energy_import_wh").to_numpy(), prepend=0)
    soc = log.readings.get_column("soc_pct").to_numpy()
    flowing = ~log.marks.new_session & (rise > 0) & (elapsed_s > 0) & (elapsed_s <= _LONGEST_SAMPLE_S)
    goes_on = np.zeros_like(flowing)  # a charger's first reading is no flow, so none goes on from one to the next
    goes_on[1:-1] = flowing[:-2] & flowing[2:]
    places = np.flatnonzero(flowing)
    found = _Samples(
        accounts[places],
        rise[places] * 3600 / elapsed_s[places],
        rise[places],
        elapsed_s[places],
        (soc[places] + soc[places - 1]) / 2,
        np.cumsum(~flowing)[places],
        goes_on[places],
    )
    spans = zip(log.charger_ids, pairwise(np.searchsorted(places, log.bounds).tolist()), strict=True)
    return {charger_id: found.of(slice(*span)) for charger_id, span in spans if span[0] < span[1]}, names


def _accounts(log: Log) -> tuple[Integers, list[str]]:
    """Number every reading's account; with their names: the session's car, or the charger where none is named."""
    begins, charger_ids, cars = log.visits
    names, numbers = numbered([car or charger_id for charger_id, car in zip(charger_ids, cars, strict=True)])
    return np.repeat(numbers, np.diff(begins, append=len(log.at_us))), names


def _curves(here: _Samples | None, rated: ChargePower) -> tuple[ChargePower, dict[int, ChargePower]]:
    """Return the power of a charger with any car, and with each car that was seen there, by its number."""
    if here is None:
        return rated, {}
    step_wh = int(np.gcd.reduce(here.rise_wh))
    of_charger = _curve(here, rated, rated.power_w, step_wh)
    cars = set(here.account.tolist())
    if len(cars) == 1:
        return of_charger, dict.fromkeys(cars, of_charger)
    own = {car: here.of(here.account == car) for car in cars}
    return of_charger, {car: _curve(samples, of_charger, rated.power_w, step_wh) for car, samples in own.items()}


def _curve(samples: _Samples, fallback: ChargePower, rated_w: int, step_wh: int) -> ChargePower:
    below = ~(samples.soc_pct >= _TAPER_BINS[0])
    measured_w = _percentile_95(samples.power_w[below])
    if measured_w is None:
        return fallback
    power_w = min(rated_w, measured_w)
    error = _error(samples.of(below), power_w, step_wh)
    full = samples.run[below & (samples.power_w >= _FULL_POWER * power_w)]
    unrestrained = samples.of(np.isin(samples.run, full) & samples.goes_on)
    taper, step_w = [], power_w
    for low in _TAPER_BINS:
        high = low + 5 if low < _TAPER_BINS[-1] else 100.1
        inside = (unrestrained.soc_pct >= low) & (unrestrained.soc_pct < high)
        step = _percentile_95(unrestrained.power_w[inside])
        step_w = min(step_w, step_w if step is None else step)
        taper.append(step_w)
    return ChargePower(power_w, (taper[0], taper[1], taper[2], taper[3]), "measured", error)


def _error(samples: _Samples, power_w: int, step_wh: int) -> float:
    """How far the usual full power lies from the one used, and what charges so far apart leave open [1].

    By the mean power of whole charges, since a sample of a few seconds, or of a coarse register, says little of power;
    by their median and quartiles, since some were held back. A register's step counts as a share of a whole charge.
    """
    begins = np.flatnonzero(np.diff(samples.run, prepend=-1))
    risen, elapsed_s = (np.add.reduceat(values, begins) for values in (samples.rise_wh, samples.elapsed_s))
    mean_w = risen * 3600 / elapsed_s
    full = mean_w >= _FULL_POWER * power_w
    if not full.any():
        return max(1 - _FULL_POWER, 1 - float(mean_w.max(initial=0.0)) / power_w)
    low, middle, high = _quartiles(mean_w[full])
    spread_w = _NORMAL_95 * (high - low) / _QUARTILES_APART / np.sqrt(full.sum())
    return float((abs(power_w - middle) + spread_w) / power_w + _quartiles(step_wh / risen[full])[1])


def _quartiles(values: Values) -> Values:
    """Return the lower quartile, the median and the upper quartile."""
    places = np.array([0.25, 0.5, 0.75]) * (len(values) - 1)
    found: Values = np.interp(places, np.arange(len(values)), np.sort(values))
    return found


def _percentile_95(power_w: Values) -> int | None:
    if len(power_w) < _FEWEST_SAMPLES:
        return None
    return round(float(np.sort(power_w)[math.ceil((len(power_w) - 1) * 0.95)]))
