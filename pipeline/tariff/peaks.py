"""What a demand charge reads off the windows of its hours: highest window, mean of the top, sum of daily peaks.

Values are window energies [Wh, varh, VAh]; a window that is missing is -1, so that it can never be a peak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.tariff.clock import Flags, Ints
from pipeline.tariff.matrix import Matrix
from pipeline.tariff.model import DemandQuantity, QuantityUnit, Statistic

REACTIVE_PER_ACTIVE: Final = math.tan(math.acos(0.95))
"""Reactive power per active power at a power factor of 0.95: the least a charger is taken to have."""
MISSING: Final = -1
Values = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Peak:
    """One peak of each load: its value [W, var or VA], -1 for none, and the number of the window that set it."""

    watts: Ints
    window: Ints


def _real(matrix: Matrix, _varh: Ints) -> Values:
    return matrix.imported


def _reactive(_matrix: Matrix, varh: Ints) -> Values:
    return varh


def _apparent(matrix: Matrix, varh: Ints) -> Values:
    """S = sqrt(P^2 + Q^2), of the window's net active energy."""
    return np.hypot((matrix.imported - matrix.exported).astype(np.float64), varh.astype(np.float64))


_VALUES: Final[Mapping[QuantityUnit, Callable[[Matrix, Ints], Values]]] = {
    "kW": _real,
    "kVA": _apparent,
    "kVAr": _reactive,
}


def values_of(matrix: Matrix, unit: QuantityUnit, varh: Ints | None = None) -> Values:
    """Return the energy of every window in the unit of a quantity; `varh` replaces the metered reactive energy.

    Every window is missing where the unit needs reactive energy and none is metered.
    """
    if unit != "kW" and matrix.reactive is None:
        return np.full(matrix.imported.shape, MISSING, dtype=np.int64)
    metered = matrix.imported if matrix.reactive is None else matrix.reactive
    values = _VALUES[unit](matrix, np.abs(metered) if varh is None else varh)
    known = matrix.present if unit == "kW" else matrix.reactive_present
    return values if known is None else np.where(known, values, MISSING)


def reactive_range(matrix: Matrix, actual: Matrix) -> tuple[Ints, Ints]:
    """Return the least and the most reactive energy [varh] of rebuilt loads.

    Chargers moved the active energy between `actual` and this world at an unknown power factor between 0.95 and 1, of
    either sign, so that the metered reactive energy holds up to that much of theirs.
    """
    moved = np.abs((matrix.imported - matrix.exported) - (actual.imported - actual.exported))
    theirs = np.ceil(moved * REACTIVE_PER_ACTIVE).astype(np.int64)
    metered = np.abs(matrix.reactive if matrix.reactive is not None else matrix.imported * 0)
    return np.maximum(metered - theirs, 0), metered + theirs


def _highest(values: Values, _days: Ints, _quantity: DemandQuantity) -> tuple[Values, Ints]:
    window = values.argmax(axis=1)
    return np.take_along_axis(values, window[:, None], axis=1)[:, 0], window


def _daily(values: Values, days: Ints) -> Values:
    bounds = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    return np.maximum.reduceat(values, bounds, axis=1)


def _mean(values: Values, days: Ints, quantity: DemandQuantity) -> tuple[Values, Ints]:
    """The mean of the top n; of all where there are fewer. A day counts with its highest window."""
    each = _daily(values, days) if quantity.top_of == "days" else values
    count = min(quantity.top, each.shape[1])
    top = np.partition(each, each.shape[1] - count, axis=1)[:, -count:]
    mean = np.where((top == MISSING).any(axis=1), MISSING, top.sum(axis=1) / count)
    return mean, _highest(values, days, quantity)[1]


def _sum_of_days(values: Values, days: Ints, quantity: DemandQuantity) -> tuple[Values, Ints]:
    each = _daily(values, days)
    total = np.where((each == MISSING).any(axis=1), MISSING, each.sum(axis=1))
    return total, _highest(values, days, quantity)[1]


_STATISTICS: Final[Mapping[Statistic, Callable[[Values, Ints, DemandQuantity], tuple[Values, Ints]]]] = {
    "max": _highest,
    "mean": _mean,
    "sum_of_days": _sum_of_days,
}


def peak_of(values: Values, inside: Flags, days: Ints, quantity: DemandQuantity, window_s: int) -> Peak:
    """Return the statistic of the windows `inside` for each load, rounded to 1 W where it is a mean or a root."""
    chosen = np.flatnonzero(inside)
    if not len(chosen):
        nothing = np.full(len(values), MISSING, dtype=np.int64)
        return Peak(nothing, np.zeros(len(values), dtype=np.int64))
    value, window = _STATISTICS[quantity.statistic](values[:, chosen], days[chosen], quantity)
    watts = np.where(value < 0, MISSING, np.rint(value * 3600 / window_s)).astype(np.int64)
    if np.issubdtype(value.dtype, np.integer):
        watts = np.where(value < 0, MISSING, value * 3600 // window_s)
    return Peak(watts, chosen[window])


def holds_runs(inside: Flags, per_window: int) -> Flags:
    """Return which sliding windows lie wholly inside some hours."""
    running = np.append(0, np.cumsum(inside))
    whole: Flags = running[per_window:] - running[:-per_window] == per_window
    return whole
