"""Charger clocks against the meter's: which shift of the charger registers explains the meter's changes best.

The meter's interval change of mean power (less its usual change at that time of a working or free day) is fitted by the
change the chargers must have caused, had their clocks been ahead by s seconds; Gauss-Newton from the best of a coarse
scan, all chargers at once, so that one is not blamed for another. A charger that hardly works tells nothing and gets no
finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import polars as pl

from pipeline.quality.changes import ALL_CHARGERS, Changes, Numbers, Register, changes_of
from pipeline.quality.findings import ENDS, as_findings, nothing_found
from pipeline.quality.slip import scanned_offset_s, slip_of

STANDARD_ERRORS: Final = 5.0
"""An estimate nearer to the bound than this many standard errors may be chance: a month has hundreds of changes."""
CORRECTED_ERRORS: Final = 3.0
"""At two standard errors, a right clock would be moved in one month of twenty."""
LARGEST_ERROR_S: Final = 60.0
"""A wider estimate says nothing about a bound of a minute."""
NORMAL_95: Final = 1.96
"""Standard errors to either side of an estimate that hold the truth in 95 of 100 cases."""
LARGEST_STEP_S: Final = 300.0
STEPS: Final = (*[1.0] * 3, *[0.5] * 7)
"""How much of each step is taken; half ones end a swing between two offsets."""
WORST_CONDITION: Final = 1e10
"""Beyond it, columns of the normal equations tell the same: two chargers that cannot be told apart."""
LAGS: Final = 4
"""Windows over which residuals of changes still hang together."""
GAIN_TOLERANCE: Final = 0.25
"""The fitted share of the charger's energy that the meter saw; far from 1 it is not this meter's charger."""
GAIN_ERROR: Final = 0.05
UNIT_TOLERANCE: Final = 0.1
"""How near to a factor of units a gain must be, and how well it must be known (both as shares)."""
_SIDE: Final = pl.when(pl.col("value") > 0).then(pl.lit("ahead of")).otherwise(pl.lit("behind"))


@dataclass(frozen=True)
class Sides:
    """What the meter saw of each kWh logged into cars and out of them [1], and the standard error of the former.

    A controller that answers the building's load hides part of what it gives: `out_of` alone proves nothing.
    """

    into: float
    out_of: float
    into_error: float


@dataclass(frozen=True)
class Fit:
    """Offset [s], positive where the charger's clock is ahead; gain, 1 where all fits; and their standard errors.

    `slip`: whole windows by which all chargers seem ahead of the meter, beside the offset. `together`: the fit of all
    chargers added up, which tells far more of what they share (the meter's own clock, their server's) than each alone.
    `sides`: the gain of charging and of discharging apart, where a register did both.
    """

    charger_id: str
    offset_s: float
    error_s: float
    gain: float
    gain_error: float
    slip: int = 0
    together: Fit | None = None
    sides: Sides | None = None

    @property
    def tells(self) -> bool:
        """Whether the meter saw this charger well enough to say anything of its clock."""
        return self.error_s <= LARGEST_ERROR_S and abs(self.gain - 1) <= GAIN_TOLERANCE

    def beyond(self, clock_bound_s: int) -> bool:
        """Tell whether the clock is certainly further off than `clock_bound_s` [s]."""
        return self.tells and abs(self.offset_s) - clock_bound_s > STANDARD_ERRORS * self.error_s

    def within(self, clock_bound_s: int) -> bool:
        """Tell whether the meter knows the clock better than `clock_bound_s` [s] does."""
        return self.tells and NORMAL_95 * self.error_s <= clock_bound_s

    @property
    def off(self) -> bool:
        """Whether the offset is more than chance: nothing else is corrected."""
        return self.tells and abs(self.offset_s) > CORRECTED_ERRORS * self.error_s


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


def fitted_offsets(windows: pl.DataFrame, readings: pl.DataFrame) -> list[Fit]:
    """Return the fit of every charger whose register moved; nothing where the meter has gaps.

    A slip of whole windows is looked for first and taken off, so that offsets are those of the clocks alone. `windows`
    as in `quality.levels`; `readings` charger_id, measured_at, energy_import_wh, energy_export_wh [Wh].
    """
    changes = changes_of(windows, readings)
    if changes is None:
        return []
    scanned_s = scanned_offset_s(changes)
    slip = slip_of(changes, scanned_s)
    slipped_s = slip * changes.window_s
    in_place = changes.moved_s(slipped_s)
    fine = [register for register in changes.registers if not register.is_coarse(changes.window_s / 2)]
    together = _together(in_place.as_one(fine), scanned_s - slipped_s) if fine else None
    return [replace(fit, slip=slip, together=together) for fit in _fit(in_place, scanned_s - slipped_s)]


def _errors(design: Numbers, residual: Numbers) -> Numbers:
    """Standard errors of least squares, the larger of the plain ones and those of Newey and West (1987).

    The latter allow for unlike and neighbouring residuals, and are too small where a charger worked on few days.
    """
    size, count = design.shape
    inverse = np.linalg.inv(design.T @ design)
    scores = design * residual[:, None]
    spread = scores.T @ scores
    for lag in range(1, LAGS + 1):
        shared = scores[lag:].T @ scores[:-lag]
        spread += (1 - lag / (LAGS + 1)) * (shared + shared.T)
    plain = np.diag(inverse) * float(residual @ residual)
    errors: Numbers = np.sqrt(np.maximum(plain, np.diag(inverse @ spread @ inverse) * size) / max(1, size - count))
    return errors


def _solved(design: Numbers, target: Numbers) -> Numbers | None:
    """Least squares by the normal equations of columns of one size; None where they depend on each other."""
    sizes = np.sqrt((design**2).sum(axis=0))
    if not sizes.all():
        return None
    columns = design / sizes
    gram = columns.T @ columns
    if np.linalg.cond(gram) > WORST_CONDITION:
        return None
    solution: Numbers = np.linalg.solve(gram, columns.T @ target) / sizes
    return solution


def _together(summed: Changes, scanned_s: float) -> Fit:
    """The fit of all chargers added up, with the gains of both directions where the clock is right."""
    (fit,) = _fit(summed, scanned_s)
    in_place = summed.moved_s(fit.offset_s)
    parts = summed.registers[0].into_and_out_of()
    design = np.column_stack([in_place.caused(part.shifted(in_place.edges, 0.0)) for part in parts])
    gains = _solved(design, summed.target)
    if gains is None:
        return fit
    errors = _errors(design, summed.target - design @ gains)
    return replace(fit, sides=Sides(float(gains[0]), float(gains[1]), float(errors[0])))


def _fit(changes: Changes, scanned_s: float) -> list[Fit]:
    """Gauss-Newton from a common offset [s]; chargers that cannot be told apart say nothing."""
    registers, target, edges = changes.registers, changes.target, changes.edges
    count = len(registers)
    offsets = np.full(count, scanned_s)
    for share in STEPS:
        pairs = list(zip(registers, offsets, strict=True))
        energy = [changes.caused(register.shifted(edges, at)) for register, at in pairs]
        slope = [changes.caused(register.slope(edges, at)) for register, at in pairs]
        design = np.column_stack([*energy, *slope])
        solution = _solved(design, target)
        if solution is None:
            return [_silent(register) for register in registers]
        gain = solution[:count]
        step = np.clip(solution[count:] / np.where(gain == 0, 1.0, gain), -LARGEST_STEP_S, LARGEST_STEP_S)
        offsets = offsets + share * step
    errors = _errors(design, target - design @ solution)
    # The slope's coefficient is gain times offset.
    offset_errors = errors[count:] / np.abs(np.where(gain == 0, 1.0, gain))
    told = (np.abs(step) <= np.maximum(1.0, offset_errors)) & (offset_errors <= LARGEST_ERROR_S)
    plain = _in_time(changes)
    # an offset that never settled or is known badly says nothing; the gain is then that of clocks that are right
    found = [
        Fit(register.charger_id, float(offsets[n]), float(offset_errors[n]), float(gain[n]), float(errors[n]))
        if told[n]
        else plain[n]
        for n, register in enumerate(registers)
    ]
    coarse = [register.is_coarse(changes.window_s / 2) for register in registers]
    return [
        replace(fit, error_s=float("inf"), gain_error=float("inf")) if is_coarse else fit
        for fit, is_coarse in zip(found, coarse, strict=True)
    ]


def _in_time(changes: Changes) -> list[Fit]:
    """The gains of clocks that are right."""
    design = np.column_stack([changes.caused(register.shifted(changes.edges, 0.0)) for register in changes.registers])
    gain = _solved(design, changes.target)
    if gain is None:
        return [_silent(register) for register in changes.registers]
    errors = _errors(design, changes.target - design @ gain)
    return [
        Fit(register.charger_id, 0.0, float("inf"), float(gain[n]), float(errors[n]))
        for n, register in enumerate(changes.registers)
    ]


def _silent(register: Register) -> Fit:
    return Fit(register.charger_id, 0.0, float("inf"), 1.0, float("inf"))
