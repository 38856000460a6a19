"""The regression against the dense one it replaces, and what it says where it knows nothing."""

import numpy as np
import pytest

from pipeline.baselines import fit_towt, goodness_of_fit
from pipeline.baselines.towt import _cells, _fit, _pieces

KNOTS = (40.0, 55.0, 65.0, 80.0, 90.0)


def weeks(count):
    return np.tile(np.arange(1, 8, dtype=np.int64), count)


def building(seed, days, slots=24):
    random = np.random.default_rng(seed)
    weekday = weeks(days // 7)
    warmth = 65 + 30 * np.sin(np.arange(days)[:, None] / days * 7) + random.normal(0, 4, (days, slots))
    hours = np.arange(slots)[None, :] * 24 / slots
    busy = ((weekday[:, None] < 6) & (hours >= 8) & (hours < 18)).astype(float)
    kw = 20 + 30 * busy + (0.3 + busy) * np.maximum(warmth - 65, 0) + random.normal(0, 0.5, (days, slots))
    return kw, weekday, warmth


def dense(kw, weekday, warmth, rows):
    """Ordinary least squares with one dummy for each slot of the week and the pieces of temperature."""
    slots = kw.shape[1]
    cells = ((weekday[:, None] - 1) * slots + np.arange(slots)).ravel()
    y, design = kw.ravel()[rows], np.zeros((rows.sum(), 7 * slots))
    design[np.arange(y.size), cells[rows]] = 1
    design = np.hstack([design, _pieces(warmth.ravel()[rows], KNOTS)])
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


def test_it_is_the_dense_regression_of_each_mode():
    kw, weekday, warmth = building(1, 364)
    model = fit_towt(kw, weekday, warmth)
    cells = ((weekday[:, None] - 1) * 24 + np.arange(24)).ravel()
    assert 0 < model.occupied.sum() < 168
    assert all(mode.knots == KNOTS for mode in model.modes)
    for part in (model.occupied[cells], ~model.occupied[cells]):
        mine = model.predict(weekday, warmth).ravel()[part]
        np.testing.assert_allclose(mine, dense(kw, weekday, warmth, part), atol=1e-6)
    assert model.coefficients == 168 + 2 * 6


def test_office_hours_are_the_occupied_cells():
    kw, weekday, warmth = building(2, 364)
    occupied = fit_towt(kw, weekday, warmth).occupied.reshape(7, 24)
    assert occupied[:5, 8:18].all()
    assert not occupied[5:].any()
    assert not occupied[:, :8].any()


def test_it_follows_a_year_it_has_not_seen():
    kw, weekday, warmth = building(3, 728)
    model = fit_towt(kw[:364], weekday[:364], warmth[:364])
    fit = goodness_of_fit(kw[364:].ravel(), model.predict(weekday[364:], warmth[364:]).ravel(), 0)
    assert fit.cv_rmse < 0.03
    assert abs(fit.nmbe) < 0.01


def test_an_outer_knot_with_few_points_beyond_it_is_dropped():
    kw, weekday, warmth = building(4, 364)
    model = fit_towt(kw, weekday, np.clip(warmth, 50.0, 85.0))
    assert all(mode.knots == (55.0, 65.0, 80.0) for mode in model.modes)


def test_without_weather_it_is_the_mean_of_each_slot_of_the_week():
    kw = np.arange(14.0)[:, None] * np.ones(24)
    model = fit_towt(kw, weeks(2))
    assert model.predict(weeks(1), None)[:, 0].tolist() == [(day + day + 7) / 2 for day in range(7)]
    assert model.coefficients == 168


def test_a_slot_never_seen_is_not_guessed_and_a_load_is_never_negative():
    kw, weekday, warmth = building(5, 28)
    kw[weekday == 3, 5] = np.nan
    fitted = fit_towt(kw, weekday, warmth).predict(weekday, warmth)
    assert np.isnan(fitted[weekday == 3, 5]).all()
    assert np.isfinite(fitted[weekday == 4]).all()
    negative = fit_towt(kw * 0 - 5.0, weekday, warmth).predict(weekday, warmth)
    assert np.nanmax(negative) == 0.0


def test_nothing_to_fit_is_no_model():
    assert fit_towt(np.full((7, 24), np.nan), weeks(1)) is None
    assert fit_towt(np.ones((7, 24)), weeks(1), np.full((7, 24), np.nan)) is None


def test_the_pieces_sum_to_the_temperature():
    warmth = np.array([-10.0, 39.9, 41.0, 60.0, 79.0, 101.0])
    assert _pieces(warmth, KNOTS).sum(axis=1) == pytest.approx(warmth)


def test_a_day_weighs_as_much_as_it_is_told():
    kw = np.repeat(np.array([10.0] * 7 + [40.0] * 7)[:, None], 24, axis=1)
    model = fit_towt(kw, weeks(2), weight=np.array([1.0] * 7 + [2.0] * 7))
    assert np.allclose(model.predict(weeks(1), None), (10 + 2 * 40) / 3)


def test_whole_weights_are_repeated_days():
    kw, weekday, warmth = building(6, 28)
    warmth = np.clip(warmth, 57.0, 63.0)  # no knot inside, however often a point is told
    often = np.tile([1, 2, 3, 1], 7)
    again = np.repeat(np.arange(28), often)

    def fitted(days, weights):
        cells = _cells(weekday[days], 24)
        return _fit(kw[days].ravel(), cells, warmth[days].ravel(), np.repeat(weights, 24), 168)

    weighed, repeated = fitted(np.arange(28), often.astype(float)), fitted(again, np.ones(again.size))
    np.testing.assert_allclose(weighed.slopes, repeated.slopes, rtol=1e-9)
    np.testing.assert_allclose(weighed.cell_kw, repeated.cell_kw, rtol=1e-12)
