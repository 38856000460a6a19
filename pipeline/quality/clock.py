"""Charger clocks against the meter's: what the fits of a bill's chargers say of them, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl

from pipeline.quality.changes import ALL_CHARGERS
from pipeline.quality.findings import ENDS, as_findings, nothing_found
from pipeline.quality.fits import NORMAL_95, Fit

GAIN_ERROR: Final = 0.05
UNIT_TOLERANCE: Final = 0.1
"""How near to a factor of units a gain must be, and how well it must be known (both as shares)."""
_SIDE: Final = pl.when(pl.col("value") > 0).then(pl.lit("ahead of")).otherwise(pl.lit("behind"))


@dataclass(frozen=True)
class Clock:
    """What is known of a site's charger clocks, and the offset that is farthest from 0 [s, positive ahead].

    measured: the meter tells every charger's offset better than the configured bound; bounded: it does not, and no
    number is stated; contradicted: a clock is certainly beyond the bound; slipped: the meter's windows lie a whole
    window off, and no offset is stated.
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

    Nothing where a clock is certainly beyond the bound or the meter lies a window off: then no load can be rebuilt.
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
    rows = [
        {
            "source": fit.charger_id,
            "whose": "clocks of all chargers together are"
            if fit.charger_id == ALL_CHARGERS
            else f"clock of charger {fit.charger_id} is",
            "value": round(fit.offset_s),
            "error": round(NORMAL_95 * fit.error_s),
        }
        for fit in _beyond(fits, clock_bound_s)
    ]
    if not rows:
        return nothing_found()
    found = pl.DataFrame(rows).join(_span(windows), how="cross")
    sentence = pl.format(
        "The {} about {} s {} the meter's (give or take {} s).",
        "whose",
        pl.col("value").abs(),
        _SIDE,
        "error",
    )
    return as_findings(found, "charger.clock_offset", pl.col("source"), "s", sentence)


def clock_corrections(windows: pl.DataFrame, fits: Sequence[Fit], clock_bound_s: int) -> pl.DataFrame:
    """Return one finding per charger whose readings were moved to the meter's clock; the value is the offset [s]."""
    corrected = corrections_s(fits, clock_bound_s)
    if not corrected:
        return nothing_found()
    rows = [
        {"source": fit.charger_id, "value": round(fit.offset_s), "error": round(NORMAL_95 * fit.error_s)}
        for fit in fits
        if fit.charger_id in corrected
    ]
    found = pl.DataFrame(rows).join(_span(windows), how="cross")
    sentence = pl.format(
        "The clock of charger {} is {} s {} the meter's (give or take {} s): its readings were moved by as much.",
        "source",
        pl.col("value").abs(),
        _SIDE,
        "error",
    )
    return as_findings(found, "charger.clock_corrected", pl.col("source"), "s", sentence)


def unit_against_chargers(windows: pl.DataFrame, fits: Sequence[Fit], source: str) -> pl.DataFrame:
    """Return one finding where the meter answers to its chargers by a factor of units; the value is the factor.

    At 15 minutes a kW value under a kWh header makes every change four times what the chargers caused, a W value under
    a kW header a thousand times.
    """
    known = [fit for fit in fits if 0 < fit.gain_error <= GAIN_ERROR * abs(fit.gain)]
    if not known:
        return nothing_found()
    per_hour = 3600 / float(windows.select(pl.col("duration_s").max()).item())
    factors = [factor for factor in (per_hour, 1000.0) if factor > 1]
    gain = float(np.median([fit.gain for fit in known]))
    meant = [factor for factor in factors if abs(gain / factor - 1) <= UNIT_TOLERANCE]
    if not meant:
        return nothing_found()
    found = _span(windows).with_columns(value=pl.lit(round(gain, 2)), factor=pl.lit(meant[0]))
    sentence = pl.format(
        "The meter changes {} times as much as its chargers do: kW may stand under a kWh header (a factor of {} here), "
        "or chargers are counted more than once.",
        "value",
        "factor",
    )
    return as_findings(found, "meter.unit", pl.lit(source), "1", sentence)


def _span(windows: pl.DataFrame) -> pl.DataFrame:
    return windows.select(span_from=pl.col("interval_start").min(), span_to=ENDS.max())
