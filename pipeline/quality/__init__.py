"""Findings about the data of a bill: frames in, one row per finding out.

In reading order: findings (their shape), gaps, meter (what it cannot have measured), levels (what is unbelievably high
or low), changes (chargers laid beside the meter), slip (windows that lie one off), fits (the offset and the gain
of each charger), clock (what the offsets say), wiring (what the gains say), logs (what charger logs lack), stays
(sessions that cannot all be true).
"""

from pipeline.quality.clock import (
    Clock,
    clock_corrections,
    clock_of,
    clock_offsets,
    clock_suspicions,
    corrections_s,
    unit_against_chargers,
)
from pipeline.quality.findings import FINDING, joined, nothing_found
from pipeline.quality.fits import Fit, fitted_offsets
from pipeline.quality.gaps import clock_change_gaps, gaps
from pipeline.quality.levels import conservation, spikes, unit_against_earlier, unit_jumps
from pipeline.quality.logs import incomplete_sessions, missing_samples, register_repairs
from pipeline.quality.meter import (
    copied_hours,
    meters_of,
    overlaps,
    repeated_days,
    stuck_values,
    twins,
    without_zero_runs,
    zero_runs,
)
from pipeline.quality.slip import window_slips
from pipeline.quality.stays import UNFIT, charging_that_does_not_fit, overlapping_sessions
from pipeline.quality.wiring import Wiring, efficiency_too_high, wiring_faults, wiring_of

__all__ = [
    "FINDING",
    "UNFIT",
    "Clock",
    "Fit",
    "Wiring",
    "charging_that_does_not_fit",
    "clock_change_gaps",
    "clock_corrections",
    "clock_of",
    "clock_offsets",
    "clock_suspicions",
    "conservation",
    "copied_hours",
    "corrections_s",
    "efficiency_too_high",
    "fitted_offsets",
    "gaps",
    "incomplete_sessions",
    "joined",
    "meters_of",
    "missing_samples",
    "nothing_found",
    "overlapping_sessions",
    "overlaps",
    "register_repairs",
    "repeated_days",
    "spikes",
    "stuck_values",
    "twins",
    "unit_against_chargers",
    "unit_against_earlier",
    "unit_jumps",
    "window_slips",
    "wiring_faults",
    "wiring_of",
    "without_zero_runs",
    "zero_runs",
]
