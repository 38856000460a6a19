"""Charger clocks against the meter's: which shift of the charger registers explains the meter's changes best.

The meter's interval change of mean power (less its usual change at that time of a working or free day) is fitted by the
change the chargers must have caused, had their clocks been ahead by s seconds; Gauss-Newton from the best of a coarse
scan, all chargers at once, so that one is not blamed for another. A charger that hardly works tells nothing and gets no
finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from pipeline.quality.findings import ENDS, as_findings, nothing_found

STANDARD_ERRORS: Final = 5.0
"""An estimate nearer to the bound than this many standard errors may be chance: a month has hundreds of changes."""
LARGEST_ERROR_S: Final = 60.0
"""A wider estimate says nothing about a bound of a minute."""
NORMAL_95: Final = 1.96
"""Standard errors to either side of an estimate that hold the truth in 95 of 100 cases."""
SCAN_S: Final = (*range(-1800, 1801, 60), *(1800 * half for half in range(-28, 29) if abs(half) > 1))
"""By minutes within half an hour; by half hours as far as a wrong time zone reaches."""
LARGEST_STEP_S: Final = 300.0
STEPS: Final = (*[1.0] * 3, *[0.5] * 7)
"""How much of each step is taken; half ones end a swing between two offsets."""
WORST_CONDITION: Final = 1e10
"""Beyond it, columns of the normal equations tell the same: two chargers that cannot be told apart."""
LAGS: Final = 4
"""Windows over which residuals of changes still hang together."""
LEAST_WINDOWS: Final = 200
GAIN_TOLERANCE: Final = 0.25
"""The fitted share of the charger's energy that the meter saw; far from 1 it is not this meter's charger."""
GAIN_ERROR: Final = 0.05
UNIT_TOLERANCE: Final = 0.1
"""How near to a factor of units a gain must be, and how well it must be known (both as shares)."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class _Register:
    """Net energy of one charger [Wh] at instants [s]."""

    charger_id: str
    instants: Numbers
    energy_wh: Numbers

    def shifted(self, edges: Numbers, offset_s: float) -> Numbers:
        return np.diff(np.interp(edges + offset_s, self.instants, self.energy_wh))

    def is_coarse(self, window_s: float) -> bool:
        """Tell whether most energy flowed in pieces longer than half a window [s]: when it flowed is then unknown."""
        moved = np.abs(np.diff(self.energy_wh))
        long = np.diff(self.instants) > window_s / 2
        return float(moved[long].sum()) > float(moved.sum()) / 2

    def slope(self, edges: Numbers, offset_s: float) -> Numbers:
        """How the window energies change per second of offset [Wh/s], over a minute to either side."""
        return (self.shifted(edges, offset_s + 60) - self.shifted(edges, offset_s - 60)) / 120


@dataclass(frozen=True)
class Fit:
    """Offset [s], positive where the charger's clock is ahead; gain, 1 where all fits; and their standard errors."""

    charger_id: str
    offset_s: float
    error_s: float
    gain: float
    gain_error: float

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


@dataclass(frozen=True)
class Clock:
    """What is known of a site's charger clocks, and the offset that is farthest from 0 [s, positive ahead].

    measured: the meter tells every charger's offset better than the configured bound; bounded: it does not, and no
    number is stated; contradicted: a clock is certainly beyond the bound.
    """

    state: Literal["measured", "bounded", "contradicted"]
    offset_s: int | None


def clock_of(fits: Sequence[Fit], clock_bound_s: int) -> Clock:
    """Return the state of a bill's clocks from the fits of all chargers that moved; of none it is bounded."""
    wrong = [fit for fit in fits if fit.beyond(clock_bound_s)]
    if not wrong and not (fits and all(fit.within(clock_bound_s) for fit in fits)):
        return Clock("bounded", None)
    farthest = max(wrong or fits, key=lambda fit: abs(fit.offset_s))
    return Clock("contradicted" if wrong else "measured", round(farthest.offset_s))


def clock_offsets(windows: pl.DataFrame, fits: Sequence[Fit], clock_bound_s: int) -> pl.DataFrame:
    """Return chargers whose clock is certainly more than `clock_bound_s` [s] off; the value is the offset [s]."""
    rows = [
        {"source": fit.charger_id, "value": round(fit.offset_s), "error": round(NORMAL_95 * fit.error_s)}
        for fit in fits
        if fit.beyond(clock_bound_s)
    ]
    if not rows:
        return nothing_found()
    found = pl.DataFrame(rows).join(_span(windows), how="cross")
    side = pl.when(pl.col("value") > 0).then(pl.lit("ahead of")).otherwise(pl.lit("behind"))
    sentence = pl.format(
        "The clock of charger {} is about {} s {} the meter's (give or take {} s).",
        "source",
        pl.col("value").abs(),
        side,
        "error",
    )
    return as_findings(found, "charger.clock_offset", pl.col("source"), "s", sentence)


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
    """Return the fitted clock offset of every charger whose register moved; nothing where the meter has gaps.

    `windows` as in `quality.levels`; `readings` charger_id, measured_at, energy_import_wh, energy_export_wh [Wh].
    """
    ordered = windows.sort("interval_start")
    registers = _registers(readings)
    if ordered.height < LEAST_WINDOWS or not registers or not bool(ordered.get_column("metered").all()):
        return []
    starts = ordered.get_column("interval_start").dt.epoch("ms").to_numpy() / 1000
    edges = np.append(starts, starts[-1] + ordered.item(-1, "duration_s"))
    groups = _time_of_day(ordered)
    meter = (ordered.get_column("actual_import_wh") - ordered.get_column("actual_export_wh")).to_numpy()
    target = _usual_removed(np.diff(meter.astype(np.float64)), groups)
    moving = [register for register in registers if np.ptp(register.shifted(edges, 0.0)) > 0]
    return _fit(target, moving, edges, groups) if moving else []


def _registers(readings: pl.DataFrame) -> list[_Register]:
    """Net energy with falls taken out: a register that falls was reset."""
    net = []
    for part in readings.partition_by("charger_id", maintain_order=True):
        ordered = part.sort("measured_at")
        seconds = ordered.get_column("measured_at").dt.epoch("ms").to_numpy() / 1000
        total = np.zeros(ordered.height)
        for column, sign in (("energy_import_wh", 1.0), ("energy_export_wh", -1.0)):
            stated = ordered.get_column(column).is_not_null().to_numpy()
            if stated.any():
                known = ordered.get_column(column).drop_nulls().to_numpy()
                counter = np.cumsum(np.clip(np.diff(known, prepend=known[:1]), 0, None))
                total += sign * np.interp(seconds, seconds[stated], counter)
        net.append(_Register(str(part.item(0, "charger_id")), seconds, total))
    return net


def _time_of_day(windows: pl.DataFrame) -> Numbers:
    """Group of each change between windows: its local minute, on working or free days apart."""
    free = (pl.col("local_weekday") >= 6).cast(pl.Int64)
    groups: Numbers = windows.select(pl.col("local_minute") + 1440 * free).to_series().to_numpy()[1:]
    return groups


def _usual_removed(changes: Numbers, groups: Numbers) -> Numbers:
    """Take the mean of the same time of day out of each change."""
    _, index = np.unique(groups, return_inverse=True)
    means = np.bincount(index, weights=changes) / np.bincount(index)
    without: Numbers = changes - means[index]
    return without


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


def _fit(target: Numbers, registers: list[_Register], edges: Numbers, groups: Numbers) -> list[Fit]:
    def changes(energies: Numbers) -> Numbers:
        return _usual_removed(np.diff(energies), groups)

    def misfit(offset_s: float) -> float:
        """What is left of the changes after the best gain, of whatever sign: a meter may see a charger turned round."""
        caused = changes(np.sum([register.shifted(edges, offset_s) for register in registers], axis=0))
        size = float(caused @ caused)
        return -(float(target @ caused) ** 2) / size if size else 0.0

    count = len(registers)
    offsets = np.full(count, float(min(SCAN_S, key=misfit)))
    for share in STEPS:
        pairs = list(zip(registers, offsets, strict=True))
        energy = [changes(register.shifted(edges, at)) for register, at in pairs]
        slope = [changes(register.slope(edges, at)) for register, at in pairs]
        design = np.column_stack([*energy, *slope])
        solution = _solved(design, target)
        if solution is None:
            return []
        gain = solution[:count]
        step = np.clip(solution[count:] / np.where(gain == 0, 1.0, gain), -LARGEST_STEP_S, LARGEST_STEP_S)
        offsets = offsets + share * step
    errors = _errors(design, target - design @ solution)
    # The slope's coefficient is gain times offset.
    offset_errors = errors[count:] / np.abs(np.where(gain == 0, 1.0, gain))
    told = (np.abs(step) <= np.maximum(1.0, offset_errors)) & (offset_errors <= LARGEST_ERROR_S)
    in_time = np.column_stack([changes(register.shifted(edges, 0.0)) for register in registers])
    plain = _solved(in_time, target)
    if plain is None:
        return []
    plain_errors = _errors(in_time, target - in_time @ plain)
    # an offset that never settled or is known badly says nothing; the gain is then that of clocks that are right
    found = [
        Fit(register.charger_id, float(offsets[n]), float(offset_errors[n]), float(gain[n]), float(errors[n]))
        if told[n]
        else Fit(register.charger_id, 0.0, float("inf"), float(plain[n]), float(plain_errors[n]))
        for n, register in enumerate(registers)
    ]
    window_s = float(edges[1] - edges[0])
    return [
        replace(fit, error_s=float("inf"), gain_error=float("inf")) if register.is_coarse(window_s) else fit
        for fit, register in zip(found, registers, strict=True)
    ]
