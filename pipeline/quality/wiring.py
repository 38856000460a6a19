"""Does the meter answer to each charger as one kWh to one kWh? If not, what the number says about the wiring.

The gain of `quality.clock` is the share of a charger's logged changes that the meter saw: 1 where the charger stands
behind this meter, its energies are AC-side and its sign is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from pipeline.quality.clock import Fit
from pipeline.quality.findings import ENDS, as_findings, nothing_found

ACCEPTED: Final = 0.03
STANDARD_ERRORS: Final = 4.0
"""How far the gain may lie from 1: 3 %, or this many standard errors where that is more.

At two of them a sound site with six chargers would be doubted in one month of four.
"""
TELLING_ERROR: Final = 0.05
"""A gain known worse than this is near too many explanations."""

DIAGNOSES: Final[tuple[tuple[float, str], ...]] = (
    (-1.0, "its import and export are turned round (sign)"),
    (0.0, "it does not stand behind this meter"),
    (1 / 3, "the meter sees one phase of three, or the log counts each phase three times"),
    (3.0, "the log holds one phase of three"),
    (0.5, "its energy is counted twice in the logs"),
    (2.0, "the log holds half of its energy, or the meter counts it twice"),
    (0.94, "its register may stand on the DC side while discharging costs conversion (register_side)"),
    (1.06, "its register may stand on the DC side (register_side)"),
)
"""Gains that have one plain explanation, and the explanation."""


@dataclass(frozen=True)
class Wiring:
    """The gain of all chargers together [1], None where nothing tells; whether every charger's is accepted."""

    beta: float | None
    accepted: bool


def is_accepted(fit: Fit) -> bool:
    """Tell whether one charger's gain is 1 as far as can be told."""
    return abs(fit.gain - 1) <= max(ACCEPTED, STANDARD_ERRORS * fit.gain_error)


def wiring_of(fits: Sequence[Fit]) -> Wiring:
    """Return the mean gain of a bill's chargers, each weighted by how well it is known."""
    weights = {fit.charger_id: fit.gain_error**-2 for fit in fits if 0 < fit.gain_error < float("inf")}
    known = [fit for fit in fits if fit.charger_id in weights]
    beta = sum(fit.gain * weights[fit.charger_id] for fit in known) / sum(weights.values()) if known else None
    return Wiring(None if beta is None else round(beta, 4), all(is_accepted(fit) for fit in fits))


def wiring_faults(windows: pl.DataFrame, fits: Sequence[Fit]) -> pl.DataFrame:
    """Return chargers the meter does not answer to one to one; the value is the gain [1].

    `windows`: interval_start (UTC), duration_s [s] of the bill.
    """
    rows = [
        {"source": fit.charger_id, "value": round(fit.gain, 3), "error": round(2 * fit.gain_error, 3), "why": _why(fit)}
        for fit in fits
        if not is_accepted(fit)
    ]
    if not rows:
        return nothing_found()
    span = windows.select(span_from=pl.col("interval_start").min(), span_to=ENDS.max())
    sentence = pl.format(
        "The meter shows {} (give or take {}) of what charger {} logs: {}.", "value", "error", "source", "why"
    )
    return as_findings(pl.DataFrame(rows).join(span, how="cross"), "charger.wiring", pl.col("source"), "1", sentence)


def _why(fit: Fit) -> str:
    near = [(abs(fit.gain - gain), words) for gain, words in DIAGNOSES]
    distance, words = min(near)
    if fit.gain_error > TELLING_ERROR or distance > max(ACCEPTED, 2 * fit.gain_error):
        return "its sign, wiring or register side differs from the site file in a way one number does not tell"
    return words
