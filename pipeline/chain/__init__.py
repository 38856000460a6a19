"""The one composition: a bill's frames in, result frames out. No clock, no disk, no database.

`prepare` rebuilds the worlds' loads, `input_hash` says whether anything a number depends on has changed, and
`source_hash`, without rebuilding anything, whether it may have; `compute` prices the worlds and sums up.
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.chain.outages import Served, outages_of, served
from pipeline.chain.plug_in import PlugIn
from pipeline.chain.measured import ROUTINE, BillMeasured
from pipeline.chain.inputs import EARLIER_WINDOW, WEATHER, Earlier, Inputs, OwnPeaks, Prepared, Result
from pipeline.chain.sessions import found_sessions, known_sessions
from pipeline.chain.non_routine import event_findings, unlike_days, with_routine, without_events
from pipeline.chain.findings import load_findings, log_findings, meter_findings
from pipeline.chain.standby import with_standby
from pipeline.chain.loads import prepare
from pipeline.chain.hashing import input_hash, result_hash
from pipeline.chain.sources import source_hash
from pipeline.chain.event_window import in_event_window
from pipeline.chain.look_back import LookBack, look_back
from pipeline.chain.day_verdict import CHECKED_DAY, ComparedDays
from pipeline.chain.checking import Checked, check_days
from pipeline.chain.capturing import Capture, capture_of
from pipeline.chain.fleet_facts import cut_at_baseline_peak_kw, fleet_of, peak_span
from pipeline.chain.gap_corners import corners_of
from pipeline.chain.ranging import Drawn, draw_savings, sources_of
from pipeline.chain.meter_gaps import bridged
from pipeline.chain.assumptions import assumptions_of
from pipeline.chain.outside import outside_of
from pipeline.chain.proving import known_worlds
from pipeline.chain.yearly import with_worth
from pipeline.chain.results import compute

__all__ = [
    "CHECKED_DAY",
    "EARLIER_WINDOW",
    "ROUTINE",
    "WEATHER",
    "BillMeasured",
    "Capture",
    "Checked",
    "ComparedDays",
    "Drawn",
    "Earlier",
    "Inputs",
    "LookBack",
    "OwnPeaks",
    "PlugIn",
    "Prepared",
    "Result",
    "Served",
    "assumptions_of",
    "bridged",
    "capture_of",
    "check_days",
    "compute",
    "corners_of",
    "cut_at_baseline_peak_kw",
    "draw_savings",
    "event_findings",
    "fleet_of",
    "found_sessions",
    "in_event_window",
    "input_hash",
    "known_sessions",
    "known_worlds",
    "load_findings",
    "log_findings",
    "look_back",
    "meter_findings",
    "outages_of",
    "outside_of",
    "peak_span",
    "prepare",
    "result_hash",
    "served",
    "source_hash",
    "sources_of",
    "unlike_days",
    "with_routine",
    "with_standby",
    "with_worth",
    "without_events",
]
