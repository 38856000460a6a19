"""ASHRAE Guideline 14's two statistics by hand."""

import numpy as np
import pytest

from pipeline.baselines import goodness_of_fit


def test_by_hand():
    # errors +1 -1 +2 0: SSE 6, mean of 10 12 8 10 = 10, n - p = 3
    fit = goodness_of_fit(np.array([10.0, 12.0, 8.0, 10.0]), np.array([9.0, 13.0, 6.0, 10.0]), 1)
    assert fit.cv_rmse == pytest.approx((6 / 3) ** 0.5 / 10)
    assert fit.nmbe == pytest.approx(2 / (3 * 10))
    assert (fit.points, fit.coefficients) == (4, 1)


def test_missing_points_are_left_out_of_both():
    fit = goodness_of_fit(np.array([10.0, np.nan, 10.0]), np.array([10.0, 1.0, np.nan]), 0)
    assert fit.points == 1


def test_no_statistic_without_degrees_of_freedom_or_load():
    assert goodness_of_fit(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 2) is None
    assert goodness_of_fit(np.zeros(5), np.zeros(5), 0) is None
    assert goodness_of_fit(np.empty(0), np.empty(0), 0) is None
