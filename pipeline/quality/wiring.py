"""Does the meter answer to each charger as one kWh to one kWh? If not, what the number says about the wiring.

The gain of `quality.fits` is the share of a charger's logged changes that the meter saw: 1 where the charger stands
behind this meter, its energies are AC-side and its sign is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

import polars as pl

from pipeline.charging import RoundTrip
from pipeline.quality.changes import ALL_CHARGERS
from pipeline.quality.findings import Finding, nothing_found, table, whole_span
from pipeline.quality.fits import Fit, Sides

ACCEPTED: Final = 0.03
STANDARD_ERRORS: Final = 4.0
"""How far the gain may lie from 1: 3 %, or this many standard errors where that is more.

At two of them a sound site with six chargers would be doubted in one month of four.
"""
NEAR_ERRORS: Final = 2.5
FAR_ERRORS: Final = 3.5
"""An explanation holds where it lies within so many standard errors of the gain, and every other one beyond so many."""

TELLING_ERROR: Final = 0.05
"""A gain known no better than this [1] is doubted only where one explanation stands out.

A controller that answers to the building bends a poorly known gain far from 1: on a real building with sound chargers
to 0.3, five standard errors off.
"""

ONE_CONVERSION: Final = 0.03
"""How far from 1 the product of both directions' gains may lie where one conversion stands between car and meter."""

HIGHEST_EFFICIENCY: Final = 0.92
"""The best round trip of a small bidirectional charger and its battery; more says that conversions are not counted."""

DIAGNOSES: Final[tuple[tuple[float, str], ...]] = (
    (-1.0, "its import and export are turned round (sign)"),
    (0.0, "it does not stand behind this meter"),
    (1 / 3, "the meter sees one phase of three, or the log counts each phase three times"),
    (3.0, "the log holds one phase of three"),
    (0.5, "its energy is counted twice in the logs"),
    (2.0, "the log holds half of its energy, or the meter counts it twice"),
    (0.94, "its register may stand on the DC side while discharging (register_side)"),
    (1.06, "its register may stand on the DC side while charging (register_side)"),
)
"""Gains that have one plain explanation, and the explanation."""


@dataclass(frozen=True)
class Wiring:
    """The gain of all chargers together [1], None where nothing tells; whether every charger's is accepted."""

    beta: float | None
    accepted: bool


def is_accepted(fit: Fit) -> bool:
    """Tell whether a gain is 1 as far as can be told."""
    if abs(fit.gain - 1) <= max(ACCEPTED, STANDARD_ERRORS * fit.gain_error):
        return True
    return fit.gain_error > TELLING_ERROR and _explained(fit) is None


def wiring_of(fits: Sequence[Fit]) -> Wiring:
    """Return the mean gain of a bill's chargers, each weighted by how well it is known.

    Accepted where every charger's is, that of all chargers added up, and where the meter sees as much of what is
    charged as of what is discharged.
    """
    weights = {fit.charger_id: fit.gain_error**-2 for fit in fits if 0 < fit.gain_error < float("inf")}
    known = [fit for fit in fits if fit.charger_id in weights]
    beta = sum(fit.gain * weights[fit.charger_id] for fit in known) / sum(weights.values()) if known else None
    return Wiring(None if beta is None else round(beta, 4), not _doubted(fits))


def wiring_faults(windows: pl.DataFrame, fits: Sequence[Fit]) -> pl.DataFrame:
    """Return chargers the meter does not answer to one to one; the value is the gain [1].

    `windows`: interval_start (UTC), duration_s [s] of the bill.
    """
    return table(
        Finding("charger.wiring", fit.charger_id, *whole_span(windows), round(fit.gain, 3), "1", said)
        for fit, said in _doubted(fits)
    )


def efficiency_too_high(windows: pl.DataFrame, round_trip: RoundTrip) -> pl.DataFrame:
    """Return a finding where cars gave back more of what they took than batteries and chargers can [1].

    `windows`: interval_start (UTC), duration_s [s] of the bill. Assumed round trips say nothing.
    """
    if round_trip.source == "assumed" or round_trip.efficiency <= HIGHEST_EFFICIENCY:
        return nothing_found()
    stated = round(round_trip.efficiency, 3)
    sentence = (
        f"Cars gave back {stated} of what they took, more than any charger and battery: registers probably count on "
        "the DC side, behind the conversion, or a battery's capacity is not as configured."
    )
    return table([Finding("charger.efficiency", "chargers", *whole_span(windows), stated, "1", sentence)])


def _doubted(fits: Sequence[Fit]) -> list[tuple[Fit, str]]:
    """The chargers that are certainly not as configured, each with a sentence; all together where none differs."""
    single = [(fit, _one_gain(fit)) for fit in fits if not is_accepted(fit)]
    together = fits[0].together if fits else None
    if together is None:
        return single
    if _on_dc_side(together.sides):
        return [(together, _two_gains(together.sides))]
    shared = not is_accepted(together)
    if shared and all(abs(fit.gain - together.gain) <= STANDARD_ERRORS * fit.gain_error for fit in fits):
        return [(together, _one_gain(together))]
    return single


def _on_dc_side(sides: Sides | None) -> TypeGuard[Sides]:
    """Conversion costs on both ways: the meter sees more than a DC register of charging, less of discharging."""
    if sides is None:
        return False
    costs = sides.into - 1 > max(ACCEPTED, STANDARD_ERRORS * sides.into_error)
    return costs and abs(sides.into * sides.out_of - 1) <= ONE_CONVERSION


def _two_gains(sides: Sides) -> str:
    return (
        f"The meter shows {sides.into:.3f} of what the chargers log into cars and {sides.out_of:.3f} of what they log "
        f"out of them: their registers stand on the DC side (register_side)."
    )


def _one_gain(fit: Fit) -> str:
    whose = "all chargers together log" if fit.charger_id == ALL_CHARGERS else f"charger {fit.charger_id} logs"
    return f"The meter shows {fit.gain:.3f} (give or take {2 * fit.gain_error:.3f}) of what {whose}: {_why(fit)}."


def _why(fit: Fit) -> str:
    return _explained(fit) or (
        "its sign, wiring or register side differs from the site file in a way one number does not tell"
    )


def _explained(fit: Fit) -> str | None:
    """The one explanation that a gain leaves; None where more than one would do, or none."""
    near = sorted((abs(fit.gain - gain), words) for gain, words in (*DIAGNOSES, (1.0, "")))
    (distance, words), (next_distance, _) = near[:2]
    told = distance <= max(ACCEPTED, NEAR_ERRORS * fit.gain_error) and next_distance >= FAR_ERRORS * fit.gain_error
    return words if told and words else None
