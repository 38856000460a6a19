"""What is found in the data of one bill: every rule of `quality` on the frames of a bill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from pipeline import charging, quality
from pipeline.calendars import instants_us, period_utc
from pipeline.chain.inputs import Inputs
from pipeline.chain.non_routine import event_findings
from pipeline.chain.outages import contradictions, outside
from pipeline.tariff.clock import micros

ZERO_RUN: Final = "meter.zero_run"
METER_GAPS: Final = frozenset({"meter.gap", "meter.dst"})


def meter_findings(inputs: Inputs, windows: pl.DataFrame) -> pl.DataFrame:
    """Return what the meter's data shows by itself; `windows` have `metered` as the intervals cover them."""
    site, zone = inputs.site, inputs.site.timezone
    alive = outside(inputs.meter, inputs.outages)
    meters = quality.meters_of(alive, site.billing_meter_ids, period_utc(inputs.period, zone), zone)
    missing = quality.gaps(windows, "metered", name="meter.gap", source=_meters(inputs), what="Meter data")
    rules = (
        quality.zero_runs,
        quality.stuck_values,
        quality.overlaps,
        quality.twins,
        quality.repeated_days,
        quality.copied_hours,
        quality.unit_jumps,
    )
    listed = [contradictions(windows, inputs.outages, "outages.csv"), event_findings(inputs)]
    return quality.joined([quality.clock_change_gaps(windows, missing), *(rule(meters) for rule in rules), *listed])


def load_findings(inputs: Inputs, windows: pl.DataFrame, fits: Sequence[quality.Fit]) -> pl.DataFrame:
    """Return what the loads of the worlds show, and the chargers laid beside the meter; `fits` as of `clock_fits`."""
    meters = _meters(inputs)
    found = [
        quality.spikes(windows, meters),
        quality.unit_against_earlier(windows, inputs.earlier.windows, meters),
    ]
    if not inputs.is_seed:
        found += [
            quality.gaps(windows, "covered", name="charger.gap", source="chargers", what="Charger data"),
            quality.window_slips(windows, [fit.slip for fit in fits], meters),
            quality.clock_offsets(windows, fits, inputs.clock_bound_s),
            quality.clock_corrections(windows, fits, inputs.clock_bound_s),
            quality.clock_suspicions(windows, fits, inputs.clock_bound_s),
            quality.unit_against_chargers(windows, fits, meters),
            quality.wiring_faults(windows, fits),
            quality.conservation(windows, meters),
        ]
    return quality.joined(found)


def log_findings(
    inputs: Inputs, repaired: charging.Repaired, charger_windows: pl.DataFrame, sessions: pl.DataFrame
) -> pl.DataFrame:
    """Return what charger logs lack and what was done to their registers; nothing before V2B began.

    `sessions` as of `known_sessions`, which are in order of time.
    """
    if inputs.is_seed:
        return quality.nothing_found()
    zone = inputs.site.timezone
    span = period_utc(inputs.period, zone)
    first, until = np.searchsorted(instants_us(sessions.get_column("plugged_in_at")), [*map(micros, span)])
    ours = sessions.slice(first, until - first)
    return quality.joined(
        [
            quality.register_repairs(repaired.repairs, charger_windows, span, zone),
            quality.missing_samples(repaired.log, span),
            quality.incomplete_sessions(ours, repaired.log),
            quality.overlapping_sessions(ours, zone),
        ]
    )


def clock_fits(inputs: Inputs, windows: pl.DataFrame, registers: charging.Registers) -> list[quality.Fit]:
    """Return the clock offset of every charger as far as the meter tells it; `registers` rebuilt."""
    return [] if inputs.is_seed else quality.fitted_offsets(windows, registers)


def zero_runs_of(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the zeros that are taken as missing."""
    return findings if findings.is_empty() else findings.filter(pl.col("name") == ZERO_RUN)


def _meters(inputs: Inputs) -> str:
    return ", ".join(inputs.site.billing_meter_ids)
