"""Time-of-week and temperature regression.

Mathieu, Price, Kiliccote, Piette: Quantifying Changes in Building Electricity Use, With Application to Demand Response,
IEEE Transactions on Smart Grid 2 (2011), section III. The week's slots are absorbed by taking means within them
(Frisch-Waugh), so that at most six coefficients are solved for, with the same answer as the dense regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

_KNOTS_F: Final = (40.0, 55.0, 65.0, 80.0, 90.0)
_BEYOND_KNOT: Final = 20  # points an outer knot needs on its far side
_HEATING_F: Final = 50.0
_COOLING_F: Final = 65.0
_OCCUPIED_SHARE: Final = 0.65


@dataclass(frozen=True)
class _Mode:
    """One regression, over the occupied or the other cells."""

    knots: tuple[float, ...]
    slopes: Floats  # [kW/degF], one per piece of temperature
    cell_kw: Floats  # mean load of each cell, NaN where the mode has no point in it
    cell_pieces: Floats  # mean pieces of temperature of each cell

    def predicted(self, cells: Whole, temperature_f: Floats) -> Floats:
        if not self.slopes.size:
            return self.cell_kw[cells]
        pieces = _pieces(temperature_f, self.knots) - self.cell_pieces[cells]
        return np.asarray(self.cell_kw[cells] + pieces @ self.slopes)


@dataclass(frozen=True)
class Towt:
    """A fitted load: `slots` of a day, which cells of the week are occupied, one regression per mode.

    `coefficients` counts what was estimated: the cells with data and the slopes.
    """

    slots: int
    occupied: Flags
    modes: tuple[_Mode, ...]  # (other, occupied); one alone where no temperature is known
    coefficients: int

    def predict(self, weekday: Whole, temperature_f: Floats | None) -> Floats:
        """Return the fitted load [kW] of days x slots, never below 0; NaN where a cell or temperature is unknown.

        `weekday`: ISO number of each day; `temperature_f[day, slot]` [degF], None for a fit without temperature.
        """
        cells = _cells(weekday, self.slots)
        blank = np.zeros(cells.shape)
        warmth = blank if temperature_f is None else temperature_f.ravel()
        if len(self.modes) == 1:
            fitted = self.modes[0].predicted(cells, warmth)
        else:
            other, occupied = (mode.predicted(cells, warmth) for mode in self.modes)
            fitted = np.where(self.occupied[cells], occupied, other)
        return np.asarray(np.maximum(fitted, 0.0).reshape(len(weekday), self.slots))


def fit_towt(
    kw: Floats, weekday: Whole, temperature_f: Floats | None = None, *, weight: Floats | None = None
) -> Towt | None:
    """Return the regression of a load [kW] of days x slots, NaN where not to be used; None without any point.

    `weekday`: ISO number of each day; `temperature_f` [degF] of the same shape, None where no weather is supplied: the
    fit is then the mean of each slot of the week. `weight` of each day [1], all alike without.
    """
    slots = kw.shape[1]
    cells, y = _cells(weekday, slots), kw.ravel()
    weights = np.repeat(np.ones(len(weekday)) if weight is None else weight, slots)
    if temperature_f is None:
        known = np.isfinite(y)
        mode = _fit(y[known], cells[known], None, weights[known], 7 * slots)
        count = int(np.isfinite(mode.cell_kw).sum())
        return Towt(slots, np.ones(7 * slots, dtype=np.bool_), (mode,), count) if count else None
    warmth = temperature_f.ravel()
    known = np.isfinite(y) & np.isfinite(warmth)
    if not known.any():
        return None
    y, cells, warmth, weights = y[known], cells[known], warmth[known], weights[known]
    occupied = _occupied_cells(y, cells, warmth, 7 * slots)
    inside = occupied[cells]
    modes = tuple(_fit(y[part], cells[part], warmth[part], weights[part], 7 * slots) for part in (~inside, inside))
    coefficients = sum(int(np.isfinite(mode.cell_kw).sum()) + mode.slopes.size for mode in modes)
    return Towt(slots, occupied, modes, coefficients)


def _cells(weekday: Whole, slots: int) -> Whole:
    """The slot of the week of every point, Monday's first slot being 0."""
    return np.asarray((weekday[:, None] - 1) * slots + np.arange(slots)[None, :], dtype=np.int64).ravel()


def _occupied_cells(y: Floats, cells: Whole, warmth: Floats, count: int) -> Flags:
    """Cells whose load lies above a degree-hour regression in more than 65 % of their points."""
    degree_hours = np.column_stack(
        [np.ones(y.size), np.maximum(_HEATING_F - warmth, 0.0), np.maximum(warmth - _COOLING_F, 0.0)]
    )
    above = y > degree_hours @ np.linalg.lstsq(degree_hours, y, rcond=None)[0]
    points = np.bincount(cells, minlength=count)
    return np.asarray(np.bincount(cells, weights=above, minlength=count) > _OCCUPIED_SHARE * np.maximum(points, 1))


def _knots(warmth: Floats) -> tuple[float, ...]:
    knots = list(_KNOTS_F)
    while knots and (warmth < knots[0]).sum() < _BEYOND_KNOT:
        knots.pop(0)
    while knots and (warmth > knots[-1]).sum() < _BEYOND_KNOT:
        knots.pop()
    return tuple(knots)


def _pieces(warmth: Floats, knots: tuple[float, ...]) -> Floats:
    """How far a temperature reaches into each piece between knots; the pieces sum to the temperature."""
    lower, upper = (-np.inf, *knots), (*knots, np.inf)
    columns = [
        np.minimum(warmth, high) if low == -np.inf else np.clip(warmth - low, 0.0, high - low)
        for low, high in zip(lower, upper, strict=True)
    ]
    return np.column_stack(columns)


def _fit(y: Floats, cells: Whole, warmth: Floats | None, weights: Floats, count: int) -> _Mode:
    total = np.bincount(cells, weights=weights, minlength=count)
    per_cell = np.where(total > 0, total, np.nan)

    def cell_mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(cells, weights=weights * values, minlength=count) / per_cell)

    cell_kw = cell_mean(y)
    if warmth is None or not y.size:
        return _Mode((), np.empty(0), cell_kw, np.empty((count, 0)))
    knots = _knots(warmth)
    pieces = _pieces(warmth, knots)
    cell_pieces = np.column_stack([cell_mean(column) for column in pieces.T])
    within = pieces - cell_pieces[cells]
    weighted = within * weights[:, None]
    # the smallest solution where a piece never varies within its cells: such a slope is then 0
    slopes = np.linalg.lstsq(weighted.T @ within, weighted.T @ (y - cell_kw[cells]), rcond=None)[0]
    return _Mode(knots, np.asarray(slopes, dtype=np.float64), cell_kw, cell_pieces)
