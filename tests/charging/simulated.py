"""Simulated chargers whose true energy per window is known to the Wh, without files between."""

from functools import cache

import polars as pl

from pipeline.domain import CHARGER_RECORD, UTC
from pipeline.simulate.registers import SimulationOptions, charger_readings
from pipeline.simulate.sites import draw_recipe
from pipeline.simulate.world import SimulatedSite, run_site


@cache
def simulated_site(number: int, seed: int) -> SimulatedSite:
    """One drawn site over one month."""
    return run_site(draw_recipe(number, 1, seed)[0])


def simulated_readings(site: SimulatedSite, options: SimulationOptions, *, on_change: bool = True) -> pl.DataFrame:
    """What the chargers CP0, CP1 ... report; without `on_change` nothing is sampled when power begins or stops."""
    rows = [
        (f"CP{number}", found.stamp_s, found.import_wh, found.export_wh, found.transaction, found.occasion)
        for number in range(site.recipe.fleet.cars)
        for found in charger_readings(site, options, number)
        if on_change or found.occasion != "change"
    ]
    names = ["charger_id", "stamp_s", "energy_import_wh", "energy_export_wh", "session_id", "occasion"]
    context = pl.when(pl.col("occasion").is_in(["begin", "end"])).then("occasion").otherwise(pl.lit("sample"))
    table = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        measured_at=pl.from_epoch("stamp_s", time_unit="s").dt.replace_time_zone("UTC"), context=context
    )
    absent = [pl.lit(None).alias(name) for name in CHARGER_RECORD if name not in table.columns]
    return table.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in CHARGER_RECORD.items())


def true_energy(site: SimulatedSite) -> pl.DataFrame:
    """charger_id, interval_start, duration_s [s], true_in and true_out [Wh] of every window."""
    timeline, rows = site.timeline, []
    for number in range(site.recipe.fleet.cars):
        taken, given = [0] * timeline.windows, [0] * timeline.windows
        for profile in (profile for profile in site.actual if profile.stay.vehicle == number):
            for step, (into, out) in enumerate(zip(profile.charge, profile.discharge, strict=True), profile.stay.first):
                taken[step // timeline.steps_per_window] += into
                given[step // timeline.steps_per_window] += out
        rows += [
            (f"CP{number}", timeline.start_s + window * timeline.window_min * 60, into, out)
            for window, (into, out) in enumerate(zip(taken, given, strict=True))
        ]
    table = pl.DataFrame(rows, schema=["charger_id", "start_s", "true_in", "true_out"], orient="row")
    return table.select(
        "charger_id",
        pl.from_epoch("start_s", time_unit="s").dt.replace_time_zone("UTC").cast(UTC).alias("interval_start"),
        pl.lit(timeline.window_min * 60, dtype=pl.Int64).alias("duration_s"),
        "true_in",
        "true_out",
    )
