"""What is found in the data of one bill: every rule of `quality` on the frames of a bill."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline import quality
from pipeline.calendars import period_utc, with_local_time
from pipeline.chain.inputs import Inputs

ZERO_RUN: Final = "meter.zero_run"
METER_GAPS: Final = frozenset({"meter.gap", "meter.dst"})


def billed_meter(inputs: Inputs) -> pl.DataFrame:
    """Return the intervals of the billing meters inside the bill, with their local calendar."""
    begin, end = period_utc(inputs.period, inputs.site.timezone)
    mine = pl.col("meter_id").is_in(inputs.site.billing_meter_ids)
    inside = (pl.col("interval_start") >= begin) & (pl.col("interval_start") < end)
    return with_local_time(inputs.meter.filter(mine & inside), inputs.site.timezone)


def meter_findings(inputs: Inputs, windows: pl.DataFrame) -> pl.DataFrame:
    """Return what the meter's data shows by itself; `windows` have `metered` as the intervals cover them."""
    meter = billed_meter(inputs)
    missing = quality.gaps(windows, "metered", name="meter.gap", source=_meters(inputs), what="Meter data")
    rules = (
        quality.zero_runs,
        quality.stuck_values,
        quality.overlaps,
        quality.twins,
        quality.repeated_days,
        quality.unit_jumps,
    )
    return pl.concat([quality.clock_change_gaps(windows, missing), *(rule(meter) for rule in rules)])


def load_findings(inputs: Inputs, windows: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return what the loads of the worlds, the chargers and the sessions show, all laid beside the meter."""
    meters, zone = _meters(inputs), inputs.site.timezone
    found = [quality.spikes(windows, meters)]
    if not inputs.is_seed:
        begin, end = period_utc(inputs.period, zone)
        ours = sessions.filter((pl.col("plugged_in_at") >= begin) & (pl.col("plugged_in_at") < end))
        fits = quality.fitted_offsets(windows, inputs.readings)
        found += [
            quality.gaps(windows, "covered", name="charger.gap", source="chargers", what="Charger data"),
            quality.clock_offsets(windows, fits),
            quality.unit_against_chargers(windows, fits, meters),
            quality.conservation(windows, meters),
            quality.overlapping_sessions(ours, zone),
        ]
    return pl.concat(found)


def zero_runs_of(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the zeros that are taken as missing."""
    return findings.filter(pl.col("name") == ZERO_RUN)


def _meters(inputs: Inputs) -> str:
    return ", ".join(inputs.site.billing_meter_ids)
