"""How well a model fits: the two statistics of ASHRAE Guideline 14-2014, clause 5.2.11, with their formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fit:
    """`cv_rmse` = sqrt(SSE/(n-p))/mean, `nmbe` = sum(y - fitted)/((n-p) mean); p = `coefficients`, n = `points`."""

    points: int
    coefficients: int
    cv_rmse: float
    nmbe: float


def goodness_of_fit(measured: NDArray[np.float64], fitted: NDArray[np.float64], coefficients: int) -> Fit | None:
    """Return the fit of two equally long series [kW]; points missing in either are left out.

    None where there are no more points than coefficients, or the mean is not above zero. Out of sample, nothing was
    estimated from the points and `coefficients` is 0.
    """
    both = np.isfinite(measured) & np.isfinite(fitted)
    y, fitted = measured[both], fitted[both]
    degrees = y.size - coefficients
    mean = float(y.mean()) if y.size else 0.0
    if degrees <= 0 or mean <= 0:
        return None
    error = y - fitted
    return Fit(
        points=int(y.size),
        coefficients=coefficients,
        cv_rmse=float(np.sqrt((error**2).sum() / degrees)) / mean,
        nmbe=float(error.sum()) / (degrees * mean),
    )
