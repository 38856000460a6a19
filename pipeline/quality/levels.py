"""Loads of an unbelievable level: spikes, days in another unit, more energy through the chargers than the meter saw.

`windows` are the demand windows of a bill with the local calendar, metered, covered, charge_wh, discharge_wh and the
energies of the worlds actual and no_ev [Wh].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.quality.findings import (
    HOUR_S,
    SECOND_US,
    Finding,
    Flags,
    Numbers,
    Whole,
    in_time,
    nearest_quantile,
    rounded,
    runs,
    table,
    wall_time,
    whole_span,
)
from pipeline.quality.meter import Meter

SPIKE_FACTOR: Final = 10
"""No building's window reaches ten times its mean; transmission errors do."""
LEVEL_TOLERANCE: Final = 1.25
"""How near a day's lowest and mean load must be to a factor of units: days differ, their nights little."""
LEAST_UNIT_FACTOR: Final = 4
"""kW over kWh is a factor of 4 at 15 minutes; the 2 of half hours is within what a busy day does."""
BEFORE_DAYS: Final = 31
FEWEST_DAYS: Final = 7
"""A week on either side of a bill's begin: less may be a holiday."""
METERING_SHARE: Final = 0.03
"""How far meter and charger register may disagree [share of the charged energy]."""
METERING_WH: Final = 100
BASE_SHARE: Final = 0.5
"""Half the lowest load seen without charging is below any building's own spread."""
HISTORY_H: Final = 24
"""Hours without charging that make a history."""
_DAY_US: Final = 86_400 * SECOND_US


@dataclass(frozen=True)
class _Building:
    """The metered windows of a bill: mean power as metered and with the chargers taken out [W]."""

    windows: pl.DataFrame
    metered: Flags
    lengths_s: Whole
    actual_w: Numbers
    building_w: Numbers

    @classmethod
    def of(cls, windows: pl.DataFrame) -> _Building:
        ordered = in_time(windows)
        metered = ordered.get_column("metered").to_numpy()
        lengths = ordered.get_column("duration_s").to_numpy()[metered]

        def watts(world: str) -> Numbers:
            into, out_of = (ordered.get_column(f"{world}_{side}_wh").to_numpy() for side in ("import", "export"))
            power: Numbers = (into - out_of)[metered] / (lengths / HOUR_S)
            return power

        return cls(ordered, metered, lengths, watts("actual"), watts("no_ev"))

    def column(self, name: str) -> pl.Series:
        """Return a column of the metered windows."""
        found = self.windows.get_column(name)
        return found if self.metered.all() else found.filter(pl.Series(self.metered))

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return when one window begins and another one ends [µs UTC]."""
        starts = instants_us(self.column("interval_start"))
        return int(starts[first]), int(starts[last] + self.lengths_s[last] * SECOND_US)

    def begun(self, place: int) -> str:
        """Return when a window begins on the wall clock."""
        return wall_time(instants_us(self.column("local_start"))[place])


def spikes(windows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return runs of windows of ten times the bill's mean load, with and without the cars; the value is the peak [kW].

    The mean leaves out the highest hundredth, so that a spike does not raise its own measure.
    """
    return table(_spikes(_Building.of(windows), source))


def _spikes(loads: _Building, source: str) -> Iterator[Finding]:
    seen_w = np.minimum(loads.actual_w, loads.building_w)
    if not len(seen_w):
        return
    usual_w = float(seen_w[seen_w <= nearest_quantile(seen_w, 0.99)].mean())
    if usual_w <= 0:
        return
    for first, until in runs(seen_w >= SPIKE_FACTOR * usual_w):
        peak_kw = float(loads.actual_w[first:until].max()) / 1000
        sentence = (
            f"The load jumps to {rounded(peak_kw, 1)} kW at {loads.begun(first)} local time, more than 10 times its "
            f"mean of {rounded(usual_w / 1000, 1)} kW."
        )
        yield Finding("meter.spike", source, *loads.span(first, until - 1), peak_kw, "kW", sentence)


def unit_jumps(meters: Sequence[Meter]) -> pl.DataFrame:
    """Return runs of days whose lowest and mean load are a factor of units away from the bill's other days.

    The factors are 1000 (W for kW), its inverse, and intervals per hour (kW for kWh). A bill that is wrong from end to
    end looks like a larger building and is not found here; the value is the factor.
    """
    return table(found for meter in meters for found in _unit_jumps(meter))


def _unit_jumps(meter: Meter) -> Iterator[Finding]:
    begins = meter.day_begins
    ends = np.append(begins[1:], len(meter.starts))
    lowest = np.minimum.reduceat(meter.import_wh, begins)
    means = np.add.reduceat(meter.import_wh, begins) / (ends - begins)
    per_hour = HOUR_S / np.minimum.reduceat(meter.lengths_s, begins)
    factors = _factors(lowest, means, per_hour)
    turns = np.flatnonzero(np.diff(factors)) + 1
    for first, until in zip([0, *turns], [*turns, len(begins)], strict=True):
        if factors[first]:
            sentence = (
                f"Meter {meter.meter_id} reads {factors[first]} times its usual level from {meter.day(begins[first])} "
                f"on for {until - first} days: another unit may stand under the same header."
            )
            yield meter.finding("meter.unit", begins[first], ends[until - 1], factors[first], "1", sentence)


def _factors(lowest: Whole, means: Numbers, per_hour: Numbers) -> Numbers:
    """The factor of units by which days are away from the others; 0 where by none."""
    factors = np.zeros(len(means))
    usual_lowest, usual_mean = np.median(lowest), np.median(means)
    if not (usual_lowest > 0 and usual_mean > 0):
        return factors
    for factor in (np.where(per_hour >= LEAST_UNIT_FACTOR, per_hour, np.inf), 0.001, 1000.0):
        near = [
            (ratio >= factor / LEVEL_TOLERANCE) & (ratio <= factor * LEVEL_TOLERANCE)
            for ratio in (lowest / usual_lowest, means / usual_mean)
        ]
        factors = np.where(near[0] & near[1], factor, factors)
    return factors


def unit_against_earlier(windows: pl.DataFrame, earlier: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return one finding where a whole bill is a factor of units away from the month before; the value is the factor.

    `windows` and `earlier`: interval_start (UTC), duration_s [s], metered, actual_import_wh [Wh]. Nights, mean and
    highest windows must all have moved alike: no season and no new tenant does that. Half-hourly data moves by a factor
    of two only, which is no evidence.
    """
    return table(_against_earlier(windows, earlier, source))


def _against_earlier(windows: pl.DataFrame, earlier: pl.DataFrame, source: str) -> Iterator[Finding]:
    begin, end = whole_span(windows)
    now, then = _typical_day(windows, begin), _typical_day(earlier, begin - BEFORE_DAYS * _DAY_US)
    if now is None or then is None or min(then) <= 0:
        return
    per_hour = HOUR_S / float(windows.get_column("duration_s").to_numpy().max())
    factors = [1000.0, 0.001, *([per_hour, 1 / per_hour] if per_hour >= LEAST_UNIT_FACTOR else [])]
    ratios = [new / old for new, old in zip(now, then, strict=True)]
    for factor in factors:
        if all(factor / LEVEL_TOLERANCE <= ratio <= factor * LEVEL_TOLERANCE for ratio in ratios):
            sentence = (
                f"The load is {factor} times that of the days before this bill, at night, in the mean and at its "
                "highest alike: another unit may stand under the same header on one side of its begin."
            )
            yield Finding("meter.unit", source, begin, end, factor, "1", sentence)
            return


def _typical_day(windows: pl.DataFrame, since: int) -> tuple[float, float, float] | None:
    """Medians over the wholly metered days (UTC) of their lowest, mean and highest power [W]; None of too few.

    Of windows that begin at `since` [µs UTC] or later.
    """
    ordered = in_time(windows)
    starts = instants_us(ordered.get_column("interval_start"))
    recent = slice(int(np.searchsorted(starts, since)), None)
    days = starts[recent] // _DAY_US
    begins = np.flatnonzero(np.diff(days, prepend=-1))
    if len(begins) < FEWEST_DAYS:
        return None
    metered, lengths, load = (
        ordered.get_column(name).to_numpy()[recent] for name in ("metered", "duration_s", "actual_import_wh")
    )
    watts = load * HOUR_S / lengths
    whole = np.logical_and.reduceat(metered, begins) & (np.add.reduceat(lengths, begins) * SECOND_US == _DAY_US)
    if whole.sum() < FEWEST_DAYS:
        return None
    means = np.add.reduceat(watts, begins) / np.diff(begins, append=len(days))
    of_days = np.minimum.reduceat(watts, begins), means, np.maximum.reduceat(watts, begins)
    low, mean, high = (float(np.median(values[whole])) for values in of_days)
    return low, mean, high


def conservation(windows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return where the chargers took more than the building had: below zero, or below its load without charging.

    One finding a bill; the value is the lowest load without cars [kW]. A building that feeds in is left out: it may
    well be below zero.
    """
    known = windows.filter("covered") if not windows.get_column("covered").all() else windows
    return table(_too_low(_Building.of(known), source))


def _too_low(loads: _Building, source: str) -> Iterator[Finding]:
    if not len(loads.building_w) or loads.column("actual_export_wh").to_numpy().any():
        return
    charge_wh, discharge_wh = (loads.column(f"{way}_wh").to_numpy() for way in ("charge", "discharge"))
    through = charge_wh + discharge_wh > 0
    quiet_w, enough = loads.building_w[~through], loads.lengths_s[~through].sum() >= HISTORY_H * HOUR_S
    floor_w = BASE_SHARE * nearest_quantile(quiet_w, 0.01) if enough else 0.0
    tolerance_w = (METERING_SHARE * charge_wh + METERING_WH) * HOUR_S / loads.lengths_s
    low = np.flatnonzero(through & (loads.building_w < floor_w - tolerance_w))
    if len(low):
        lowest_kw = float(loads.building_w[low].min()) / 1000
        sentence = (
            f"Without the cars the building would draw only {rounded(lowest_kw, 1)} kW in {len(low)} windows from "
            f"{loads.begun(low[0])} local time on: charger energy or wiring does not fit the meter."
        )
        yield Finding("meter.conservation", source, *loads.span(low[0], low[-1]), lowest_kw, "kW", sentence)
