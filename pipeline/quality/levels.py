"""Loads of an unbelievable level: spikes, days in another unit, more energy through the chargers than the meter saw.

`windows` are the demand windows of a bill with the local calendar, metered, covered, charge_wh, discharge_wh and the
energies of the worlds actual and no_ev [Wh].
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.quality.findings import ENDS, as_findings, local_text, nothing_found

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


def spikes(windows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return runs of windows of ten times the bill's mean load, with and without the cars; the value is the peak [kW].

    The mean leaves out the highest hundredth, so that a spike does not raise its own measure.
    """
    loads = _building(windows).with_columns(seen_w=pl.min_horizontal("actual_w", "building_w"))
    usual = loads.filter(pl.col("seen_w") <= pl.col("seen_w").quantile(0.99)).get_column("seen_w").mean()
    high = loads.with_columns(
        spike=pl.col("seen_w") >= SPIKE_FACTOR * pl.lit(usual, dtype=pl.Float64),
        usual_kw=pl.lit(usual, dtype=pl.Float64) / 1000,
    ).filter(pl.col("usual_kw") > 0)
    runs = _merged(high, "spike", value=pl.col("actual_w").max() / 1000)
    sentence = pl.format(
        "The load jumps to {} kW at {} local time, more than 10 times its mean of {} kW.",
        pl.col("value").round(1),
        local_text("local_from"),
        pl.col("usual_kw").round(1),
    )
    return as_findings(runs, "meter.spike", pl.lit(source), "kW", sentence)


def unit_jumps(meter: pl.DataFrame) -> pl.DataFrame:
    """Return runs of days whose lowest and mean load are a factor of units away from the bill's other days.

    `meter` as in `quality.meter`; the factors are 1000 (W for kW), its inverse, and intervals per hour (kW for kWh).
    A bill that is wrong from end to end looks like a larger building and is not found here; the value is the factor.
    """
    days = (
        meter.group_by("meter_id", "local_day")
        .agg(
            span_from=pl.col("interval_start").min(),
            span_to=ENDS.max(),
            lowest=pl.col("import_wh").min(),
            mean=pl.col("import_wh").mean(),
            per_hour=3600 / pl.col("duration_s").min(),
        )
        .sort("meter_id", "local_day")
        .with_columns(
            low_ratio=pl.col("lowest") / pl.col("lowest").median().over("meter_id"),
            mean_ratio=pl.col("mean") / pl.col("mean").median().over("meter_id"),
        )
    )
    per_hour = pl.when(pl.col("per_hour") >= LEAST_UNIT_FACTOR).then("per_hour")
    factors = (pl.lit(1000.0), pl.lit(0.001), per_hour)
    factor = pl.coalesce(*(pl.when(_near("low_ratio", k) & _near("mean_ratio", k)).then(k) for k in factors))
    marked = days.with_columns(value=factor)
    marked = marked.with_columns(run=pl.struct("meter_id", "value").rle_id()).drop_nulls("value")
    runs = marked.group_by("run", maintain_order=True).agg(
        pl.col("meter_id", "value", "local_day").first(),
        pl.col("span_from").first(),
        pl.col("span_to").last(),
        days=pl.len(),
    )
    sentence = pl.format(
        "Meter {} reads {} times its usual level from {} on for {} days: another unit may stand under the same header.",
        "meter_id",
        "value",
        "local_day",
        "days",
    )
    return as_findings(runs, "meter.unit", pl.col("meter_id"), "1", sentence)


def unit_against_earlier(windows: pl.DataFrame, earlier: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return one finding where a whole bill is a factor of units away from the month before; the value is the factor.

    `windows` and `earlier`: interval_start (UTC), duration_s [s], metered, actual_import_wh [Wh]. Nights, mean and
    highest windows must all have moved alike: no season and no new tenant does that. Half-hourly data moves by a factor
    of two only, which is no evidence.
    """
    begin = pl.lit(windows.get_column("interval_start").min())
    recent = pl.col("interval_start") >= begin - pl.duration(days=BEFORE_DAYS)
    now, then = _typical_day(windows), _typical_day(earlier.filter(recent))
    if now is None or then is None or min(then) <= 0:
        return nothing_found()
    per_hour = 3600 / float(windows.select(pl.col("duration_s").max()).item())
    factors = [1000.0, 0.001, *([per_hour, 1 / per_hour] if per_hour >= LEAST_UNIT_FACTOR else [])]
    ratios = [new / old for new, old in zip(now, then, strict=True)]
    meant = [k for k in factors if all(k / LEVEL_TOLERANCE <= ratio <= k * LEVEL_TOLERANCE for ratio in ratios)]
    if not meant:
        return nothing_found()
    found = windows.select(span_from=pl.col("interval_start").min(), span_to=ENDS.max()).with_columns(value=meant[0])
    sentence = pl.format(
        "The load is {} times that of the days before this bill, at night, in the mean and at its highest alike: "
        "another unit may stand under the same header on one side of its begin.",
        "value",
    )
    return as_findings(found, "meter.unit", pl.lit(source), "1", sentence)


def _typical_day(windows: pl.DataFrame) -> tuple[float, float, float] | None:
    """Medians over the wholly metered days (UTC) of their lowest, mean and highest power [W]; None of too few."""
    watts = pl.col("actual_import_wh") * 3600 / pl.col("duration_s")
    days = (
        windows.group_by(day=pl.col("interval_start").dt.truncate("1d"))
        .agg(
            whole=pl.col("metered").all() & (pl.col("duration_s").sum() == 86_400),
            low=watts.min(),
            mean=watts.mean(),
            high=watts.max(),
        )
        .filter("whole")
    )
    if days.height < FEWEST_DAYS:
        return None
    low, mean, high = days.select(pl.col("low", "mean", "high").median()).row(0)
    return low, mean, high


def conservation(windows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return where the chargers took more than the building had: below zero, or below its load without charging.

    One finding a bill; the value is the lowest load without cars [kW]. A building that feeds in is left out: it may
    well be below zero.
    """
    loads = _building(windows).filter("covered")
    if loads.is_empty() or loads.get_column("actual_export_wh").max():
        return nothing_found()
    through = (pl.col("charge_wh") + pl.col("discharge_wh")) > 0
    quiet = loads.filter(~through)
    enough = quiet.get_column("duration_s").sum() >= HISTORY_H * 3600
    lowest = quiet.get_column("building_w").quantile(0.01) if enough else None
    floor_w = BASE_SHARE * (lowest or 0.0)
    tolerance_w = (METERING_SHARE * pl.col("charge_wh") + METERING_WH) * 3600 / pl.col("duration_s")
    low = loads.with_columns(low=through & (pl.col("building_w") < floor_w - tolerance_w), all_low=pl.lit(value=True))
    rows = _merged(low.filter("low"), "all_low", value=pl.col("building_w").min() / 1000)
    sentence = pl.format(
        "Without the cars the building would draw only {} kW in {} windows from {} local time on: charger energy or "
        "wiring does not fit the meter.",
        pl.col("value").round(1),
        "windows",
        local_text("local_from"),
    )
    return as_findings(rows, "meter.conservation", pl.lit(source), "kW", sentence)


def _near(ratio: str, factor: pl.Expr) -> pl.Expr:
    return pl.col(ratio).is_between(factor / LEVEL_TOLERANCE, factor * LEVEL_TOLERANCE)


def _building(windows: pl.DataFrame) -> pl.DataFrame:
    """Metered windows with the mean power as metered and with the chargers taken out [W]."""
    hours = pl.col("duration_s") / 3600
    return (
        windows.filter("metered")
        .sort("interval_start")
        .with_columns(
            actual_w=(pl.col("actual_import_wh") - pl.col("actual_export_wh")) / hours,
            building_w=(pl.col("no_ev_import_wh") - pl.col("no_ev_export_wh")) / hours,
            usual_kw=pl.lit(None, dtype=pl.Float64),
        )
    )


def _merged(windows: pl.DataFrame, marked: str, value: pl.Expr) -> pl.DataFrame:
    return (
        windows.with_columns(run=pl.col(marked).rle_id())
        .filter(marked)
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("usual_kw").first(),
            span_from=pl.col("interval_start").first(),
            span_to=ENDS.last(),
            value=value,
            windows=pl.len(),
            local_from=pl.col("local_start").first(),
        )
    )
