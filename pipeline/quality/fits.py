"""Which shift of the charger registers explains the meter's changes best, and which share of them the meter saw.

The meter's interval change of mean power (less its usual change at that time of a working or free day) is fitted by the
change the chargers must have caused, had their clocks been ahead by s seconds; Gauss-Newton from the best of a coarse
scan, all chargers at once, so that one is not blamed for another. A charger that hardly works tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from pipeline import charging
from pipeline.quality.changes import Busy, Changes, Numbers, Register, changes_of
from pipeline.quality.slip import scanned_offset_s, slip_of

STANDARD_ERRORS: Final = 5.0
"""What is more than chance: a month has hundreds of changes, and three would move a right clock in one of some 400."""
LARGEST_ERROR_S: Final = 60.0
"""A wider estimate says nothing about a bound of a minute."""
NORMAL_95: Final = 1.96
"""Standard errors to either side of an estimate that hold the truth in 95 of 100 cases."""
LARGEST_STEP_S: Final = 300.0
MOST_STEPS: Final = 10
SETTLED_S: Final = 0.1
"""A step shorter than this is the last one."""
FARTHEST_S: Final = 1800.0 + LARGEST_STEP_S
"""Steps lead no farther from the scanned offset, which is one of all chargers."""
WORST_CONDITION: Final = 1e10
"""Beyond it, columns of the normal equations tell the same: two chargers that cannot be told apart."""
LAGS: Final = 4
"""Windows over which residuals of changes still hang together."""
GAIN_TOLERANCE: Final = 0.25
"""The fitted share of the charger's energy that the meter saw; far from 1 it is not this meter's charger."""
ASIDE_S: Final = 60.0
"""How far to either side a register is read to tell its slope."""
REACH_S: Final = ASIDE_S + FARTHEST_S
"""How far from the scanned offset a register is read."""


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
        """Tell whether the meter knows the clock better than `clock_bound_s` [s] does, and agrees with it."""
        return self.tells and NORMAL_95 * self.error_s <= clock_bound_s and abs(self.offset_s) <= clock_bound_s

    def suspected(self, clock_bound_s: int) -> bool:
        """Tell whether the clock is off, and rather further than `clock_bound_s` [s] than not, but not certainly."""
        return self.off and abs(self.offset_s) > clock_bound_s and not self.beyond(clock_bound_s)

    @property
    def off(self) -> bool:
        """Whether the offset is more than chance: nothing else is corrected."""
        return self.tells and abs(self.offset_s) > STANDARD_ERRORS * self.error_s


def fitted_offsets(windows: pl.DataFrame, registers: charging.Registers) -> list[Fit]:
    """Return the fit of every charger whose register moved; nothing where the meter has gaps.

    A slip of whole windows is looked for first and taken off, so that offsets are those of the clocks alone. `windows`
    as in `quality.levels`.
    """
    changes = changes_of(windows, registers)
    if changes is None:
        return []
    summed = changes.as_one(changes.registers)
    scanned_s = scanned_offset_s(summed)
    slip = slip_of(changes, scanned_s)
    slipped_s = slip * changes.window_s
    left_s = scanned_s - slipped_s
    fine = [register for register in changes.registers if not register.is_coarse(changes.window_s / 2)]
    if 0 < len(fine) < len(changes.registers):
        summed = changes.as_one(fine)
    together = _together(summed.moved_s(slipped_s), left_s) if fine else None
    return [replace(fit, slip=slip, together=together) for fit in _fit(changes.moved_s(slipped_s), left_s)]


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


def _solved(matrix: Numbers, told: Numbers) -> Numbers | None:
    """Solve normal equations, columns brought to one size; None where they depend on each other."""
    sizes = np.sqrt(np.maximum(matrix.diagonal(), 0))
    if not sizes.all():
        return None
    gram = matrix / (sizes * sizes[:, None])
    spread = np.linalg.eigvalsh(gram)
    if spread[-1] > WORST_CONDITION * spread[0]:
        return None
    solution: Numbers = np.linalg.solve(gram, told / sizes) / sizes
    return solution


def _together(summed: Changes, scanned_s: float) -> Fit:
    """The fit of all chargers added up, with the gains of both directions where the clock is right."""
    (fit,) = _fit(summed, scanned_s)
    sides = _gains(summed.moved_s(fit.offset_s), summed.registers[0].into_and_out_of())
    if sides is None:
        return fit
    (into, out_of), (error, _) = sides
    return replace(fit, sides=Sides(float(into), float(out_of), float(error)))


class _Settled(NamedTuple):
    """Where Gauss-Newton came to: offsets [s], its last step [s], the solution there and the rows it was made of."""

    offsets: Numbers
    step: Numbers
    solution: Numbers
    caused: Numbers


def _settled(busy: Busy, registers: Sequence[Register], scanned_s: float) -> _Settled | None:
    """Gauss-Newton from a common offset [s]; None of chargers that cannot be told apart.

    Of a step that turns round half is taken, which ends a swing between two offsets.
    """
    count, settled = len(registers), None
    offsets, step = np.full(count, scanned_s), np.zeros(count)
    for _ in range(MOST_STEPS):
        caused = _with_slopes(busy, registers, offsets)
        solution = _solved(*busy.normal(caused))
        if solution is None:
            return None
        gain, slope = solution[:count], solution[count:]
        before, step = step, np.clip(slope / np.where(gain == 0, 1.0, gain), -LARGEST_STEP_S, LARGEST_STEP_S)
        offsets = offsets + np.where(step * before < 0, step / 2, step)
        offsets = np.clip(offsets, scanned_s - FARTHEST_S, scanned_s + FARTHEST_S)
        settled = _Settled(offsets, step, solution, caused)
        if np.abs(step).max() < SETTLED_S:
            break
    return settled


def _fit(changes: Changes, scanned_s: float) -> list[Fit]:
    """The fit of every charger from a common offset [s]; chargers that cannot be told apart say nothing."""
    registers, count = changes.registers, len(changes.registers)
    busy = changes.busy(scanned_s, REACH_S)
    settled = _settled(busy, registers, scanned_s)
    if settled is None:
        return [_silent(register) for register in registers]
    design, gain = busy.whole(settled.caused), settled.solution[:count]
    errors = _errors(design, changes.target - design @ settled.solution)
    offset_errors = errors[count:] / np.abs(np.where(gain == 0, 1.0, gain))  # a slope's coefficient is gain * offset
    told = (np.abs(settled.step) <= np.maximum(1.0, offset_errors)) & (offset_errors <= LARGEST_ERROR_S)
    # an offset that never settled or is known badly says nothing; the gain is then that of clocks that are right
    plain = [] if told.all() else _in_time(changes)
    found = [
        Fit(one.charger_id, float(settled.offsets[n]), float(offset_errors[n]), float(gain[n]), float(errors[n]))
        if told[n]
        else plain[n]
        for n, one in enumerate(registers)
    ]
    return [
        replace(fit, error_s=float("inf"), gain_error=float("inf")) if one.is_coarse(changes.window_s / 2) else fit
        for fit, one in zip(found, registers, strict=True)
    ]


def _with_slopes(busy: Busy, registers: Sequence[Register], offsets: Numbers) -> Numbers:
    """What registers caused at their offsets [Wh], and how it changes per second of offset [Wh/s]: a row each."""
    edges = np.add.outer(np.array([-ASIDE_S, 0.0, ASIDE_S]), busy.edges)
    read = np.stack([register.at(edges + at) for register, at in zip(registers, offsets, strict=True)])
    return busy.caused(np.concatenate([read[:, 1], (read[:, 2] - read[:, 0]) / (2 * ASIDE_S)]))


def _gains(changes: Changes, registers: Sequence[Register]) -> tuple[Numbers, Numbers] | None:
    """The gains of registers whose clocks are right, and their standard errors; None where they depend on each other.

    `registers` are those of the changes, or parts of them.
    """
    busy = changes.busy(0.0, 0.0)
    caused = busy.caused(np.stack([register.at(busy.edges) for register in registers]))
    gains = _solved(*busy.normal(caused))
    if gains is None:
        return None
    design = busy.whole(caused)
    return gains, _errors(design, changes.target - design @ gains)


def _in_time(changes: Changes) -> list[Fit]:
    """The gains of clocks that are right."""
    found = _gains(changes, changes.registers)
    if found is None:
        return [_silent(register) for register in changes.registers]
    return [
        Fit(register.charger_id, 0.0, float("inf"), float(gain), float(error))
        for register, gain, error in zip(changes.registers, *found, strict=True)
    ]


def _silent(register: Register) -> Fit:
    return Fit(register.charger_id, 0.0, float("inf"), 1.0, float("inf"))
