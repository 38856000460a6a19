"""What of a bill is known, and what forbids calling its saving proved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline import savings
from pipeline.calendars import add_months
from pipeline.chain.checking import Checked
from pipeline.chain.findings import METER_GAPS, ZERO_RUN
from pipeline.chain.inputs import Prepared
from pipeline.chain.ranging import Drawn
from pipeline.domain import SCENARIOS, Scenario

WIDEST_OF_SAVING: Final = 0.5
WIDEST_OF_BILL: Final = 0.002
"""A range may be as wide as half the saving, or a five-hundredth of the bill where that is more."""
CLOCK_MOVES_KW: Final = 1.0
CLOCK_MOVES_OF_CUT: Final = 0.1
"""Clocks may change the peak reduction by so much [kW], or by this share of it where that is more."""


def known_worlds(prepared: Prepared, drawn: Drawn | None) -> tuple[Scenario, ...]:
    """Return the worlds whose load is known in every window, or well enough that no peak lies in those it is not."""
    if not bool(prepared.windows.get_column("metered").all()):
        return ()
    if prepared.inputs.is_seed:
        return SCENARIOS
    if not _charging_known(prepared, drawn):
        return ("actual",)
    return ("actual", "no_ev") if prepared.outside_sessions else SCENARIOS


def doubts_of(
    prepared: Prepared,
    known: Sequence[Scenario],
    compared: Sequence[savings.Comparison],
    checked: Checked,
    drawn: Drawn | None,
) -> list[str]:
    """Return the codes of what forbids a proved saving: what says that it is wrong before what leaves it open."""
    inputs = prepared.inputs
    doubts = _gaps(prepared, drawn) + contradictions_of(prepared, compared, checked)
    if inputs.site.headline not in known and prepared.outside_sessions:
        doubts.append("sessions_unknown")
    if inputs.earlier.incomplete & inputs.reach:
        doubts.append("ratchet_history_incomplete")
    if drawn is not None and _clocks_matter(drawn):
        doubts.append("clock_unresolved")
    if drawn is not None and _too_wide(drawn):
        doubts.append("range_too_wide")
    return doubts


def contradictions_of(prepared: Prepared, compared: Sequence[savings.Comparison], checked: Checked) -> list[str]:
    """Return the codes of what says that the rebuilt load is wrong: no range around it means anything then."""
    holds = {
        f"clock_{prepared.clock.state}": not prepared.clock.resolved,
        "clock_doubted": _clock_doubted(prepared),
        "demand_not_reconciled": savings.demand_refuted(compared),
        "wiring_contradicted": not prepared.wiring.accepted,
        "check_contradicts": checked.check.verdict == "contradicts",
    }
    return [code for code, contradicts in holds.items() if contradicts]


def _clock_doubted(prepared: Prepared) -> bool:
    """Whether the meter, which does not tell the clocks now, found them wrong when it last did, within a year."""
    if prepared.clock.state != "bounded":
        return False
    year_ago = add_months(prepared.inputs.period.month, -12)
    told = {month: right for month, right in prepared.inputs.earlier.clocks_right.items() if month > year_ago}
    return bool(told) and not told[max(told)]


def is_commissioned(prepared: Prepared) -> bool:
    """Tell whether the meter told every charger's clock and the wiring, in this bill or one of the last year."""
    told = prepared.wiring.beta is not None and prepared.clock.state == "measured"
    year_ago = add_months(prepared.inputs.period.month, -12)
    return told or any(month > year_ago for month in prepared.inputs.earlier.commissioned)


def _charging_known(prepared: Prepared, drawn: Drawn | None) -> bool:
    return bool(prepared.windows.get_column("covered").all()) or (drawn is not None and drawn.cleared)


def _gaps(prepared: Prepared, drawn: Drawn | None) -> list[str]:
    inputs, windows = prepared.inputs, prepared.windows
    doubts = []
    if not bool(windows.get_column("metered").all()):
        names = set(prepared.findings.get_column("name"))
        doubts += [code for code, why in (("meter_gap", METER_GAPS), ("meter_zero_run", {ZERO_RUN})) if names & why]
    if not inputs.is_seed and not _charging_known(prepared, drawn):
        doubts.append("charger_log_empty" if inputs.readings.is_empty() else "charger_gap")
    return doubts


def _too_wide(drawn: Drawn) -> bool:
    """Whether a range is wider than half the saving and than a five-hundredth of the bill it is saved of."""
    allowed = max(WIDEST_OF_SAVING * abs(drawn.saving), WIDEST_OF_BILL * abs(drawn.baseline))
    return drawn.money.width > allowed


def _clocks_matter(drawn: Drawn) -> bool:
    """Whether the peak reduction hangs on clocks known no better than they are."""
    cut_kw, moves_kw = drawn.clock
    return moves_kw > max(CLOCK_MOVES_KW, CLOCK_MOVES_OF_CUT * abs(cut_kw))
