"""Charger clocks against the meter's: what the fits of a bill's chargers say of them, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

import polars as pl

from pipeline.quality.changes import ALL_CHARGERS
from pipeline.quality.findings import HOUR_S, Finding, nothing_found, table, whole_span
from pipeline.quality.fits import NORMAL_95, Fit

GAIN_ERROR: Final = 0.05
UNIT_TOLERANCE: Final = 0.1
"""How near to a factor of units a gain must be, and how well it must be known (both as shares)."""


@dataclass(frozen=True)
class Clock:
    """What is known of a site's charger clocks, and the offset that is farthest from 0 [s, positive ahead].

    measured: the meter tells every charger's offset better than the configured bound, and that it lies within; bounded:
    it does not, and no number is stated; contradicted: a clock is certainly beyond the bound; slipped: the meter's
    windows lie a whole window off, and no offset is stated.
    """

    state: Literal["measured", "bounded", "contradicted", "slipped"]
    offset_s: int | None

    @property
    def resolved(self) -> bool:
        """Whether the load without V2B can be rebuilt with these clocks."""
        return self.state in ("measured", "bounded")


def clock_of(fits: Sequence[Fit], clock_bound_s: int) -> Clock:
    """Return the state of a bill's clocks from the fits of all chargers that moved; of none it is bounded.

    The chargers added up can contradict, never measure: one of them may be off by more than their mean.
    """
    if any(fit.slip for fit in fits):
        return Clock("slipped", None)
    wrong = _beyond(fits, clock_bound_s)
    if not wrong and not (fits and all(fit.within(clock_bound_s) for fit in fits)):
        return Clock("bounded", None)
    farthest = max(wrong or fits, key=lambda fit: abs(fit.offset_s))
    return Clock("contradicted" if wrong else "measured", round(farthest.offset_s))


def corrections_s(fits: Sequence[Fit], clock_bound_s: int) -> dict[str, float]:
    """Return how far ahead [s] each charger's clock is that the meter tells to be off, better than the bound does.

    Never further than the bound. Nothing where a clock is certainly beyond it or the meter lies a window off: then no
    load can be rebuilt.
    """
    if not clock_of(fits, clock_bound_s).resolved:
        return {}
    return {fit.charger_id: fit.offset_s for fit in fits if fit.off and fit.within(clock_bound_s)}


def _beyond(fits: Sequence[Fit], clock_bound_s: int) -> list[Fit]:
    """The chargers that are certainly further off than the bound, or all together where only that is certain."""
    single = [fit for fit in fits if fit.beyond(clock_bound_s)]
    together = fits[0].together if fits else None
    return single or ([together] if together is not None and together.beyond(clock_bound_s) else [])


def clock_offsets(windows: pl.DataFrame, fits: Sequence[Fit], clock_bound_s: int) -> pl.DataFrame:
    """Return chargers whose clock is certainly more than `clock_bound_s` [s] off; the value is the offset [s]."""
    found = []
    for fit in _beyond(fits, clock_bound_s):
        all_of_them = fit.charger_id == ALL_CHARGERS
        whose = "clocks of all chargers together are" if all_of_them else f"clock of charger {fit.charger_id} is"
        sentence = f"The {whose} about {_off(fit)}."
        found.append(_finding("charger.clock_offset", windows, fit, sentence))
    return table(found)


def clock_corrections(windows: pl.DataFrame, fits: Sequence[Fit], clock_bound_s: int) -> pl.DataFrame:
    """Return one finding per charger whose readings were moved to the meter's clock; the value is the offset [s]."""
    corrected, found = corrections_s(fits, clock_bound_s), []
    for fit in fits:
        if fit.charger_id in corrected:
            sentence = f"The clock of charger {fit.charger_id} is {_off(fit)}: its readings were moved by as much."
            found.append(_finding("charger.clock_corrected", windows, fit, sentence))
    return table(found)


def clock_suspicions(windows: pl.DataFrame, fits: Sequence[Fit], clock_bound_s: int) -> pl.DataFrame:
    """Return one finding per charger whose clock may be beyond `clock_bound_s` [s]; the value is the offset [s]."""
    found = []
    for fit in fits:
        if fit.suspected(clock_bound_s):
            sentence = (
                f"The clock of charger {fit.charger_id} may be {_off(fit)}, where `clock_bound_s` allows "
                f"{clock_bound_s} s: that is not certain, and its readings were not moved."
            )
            found.append(_finding("charger.clock_suspected", windows, fit, sentence))
    return table(found)


def _off(fit: Fit) -> str:
    offset_s, error_s = round(fit.offset_s), round(NORMAL_95 * fit.error_s)
    side = "ahead of" if offset_s > 0 else "behind"
    return f"{abs(offset_s)} s {side} the meter's (give or take {error_s} s)"


def _finding(name: str, windows: pl.DataFrame, fit: Fit, sentence: str) -> Finding:
    return Finding(name, fit.charger_id, *whole_span(windows), float(round(fit.offset_s)), "s", sentence)


def unit_against_chargers(windows: pl.DataFrame, fits: Sequence[Fit], source: str) -> pl.DataFrame:
    """Return one finding where the meter answers to its chargers by a factor of units; the value is the factor.

    At 15 minutes a kW value under a kWh header makes every change four times what the chargers caused, a W value under
    a kW header a thousand times.
    """
    known = [fit.gain for fit in fits if 0 < fit.gain_error <= GAIN_ERROR * abs(fit.gain)]
    if not known:
        return nothing_found()
    per_hour = HOUR_S / float(windows.get_column("duration_s").to_numpy().max())
    gain = median(known)
    meant = [factor for factor in (per_hour, 1000.0) if factor > 1 and abs(gain / factor - 1) <= UNIT_TOLERANCE]
    if not meant:
        return nothing_found()
    sentence = (
        f"The meter changes {round(gain, 2)} times as much as its chargers do: kW may stand under a kWh header (a "
        f"factor of {meant[0]} here), or chargers are counted more than once."
    )
    return table([Finding("meter.unit", source, *whole_span(windows), round(gain, 2), "1", sentence)])
