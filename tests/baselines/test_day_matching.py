"""Day matching by hand: a flat load per day, so that every mean can be told by looking."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.baselines import DAY_MATCHING, Events, match_days

SLOT_MIN = 60
EVENT = (13, 16)


def flat(levels, morning=None):
    """Days of one level each [kW]; the last one is the event day, whose morning may lie elsewhere."""
    kw = np.repeat(np.asarray(levels, dtype=float)[:, None], 24, axis=1)
    if morning is not None:
        kw[-1, :13] = morning
    return kw[None]


def baseline(kw, method, *, weekend=None, eligible=None):
    days = kw.shape[1]
    weekend = np.zeros(days, dtype=bool) if weekend is None else np.asarray(weekend)
    eligible = np.ones((kw.shape[0], days), dtype=bool) if eligible is None else eligible
    return on_days([days - 1], kw, weekend, eligible, method)


def on_days(days, kw, weekend, eligible, method):
    return match_days(kw, weekend, eligible, Events(np.array(days), *EVENT), DAY_MATCHING[method], slot_min=SLOT_MIN)


def test_caiso_averages_the_ten_nearest_days_and_scales_by_the_morning():
    # days 1..12 kW, so the ten nearest are 3..12, mean 7.5; the event morning is 9.0, a ratio of 1.2: just the cap
    found = baseline(flat([*range(1, 13), 9], morning=9.0), "caiso_10_in_10")
    assert found.kw[0, 0].tolist() == pytest.approx([9.0] * 3)
    assert found.days_used.tolist() == [[10]]
    assert found.age_days.tolist() == [[5.5]]  # 1 to 10 days back


def test_a_ratio_is_capped_at_twenty_per_cent_both_ways():
    up = baseline(flat([*[10] * 10, 10], morning=30.0), "caiso_10_in_10")
    down = baseline(flat([*[10] * 10, 10], morning=1.0), "caiso_10_in_10")
    assert up.kw[0, 0, 0] == pytest.approx(12.0)
    assert down.kw[0, 0, 0] == pytest.approx(8.0)


def test_nyiso_takes_the_five_highest_of_ten():
    # 11..20 kW: five highest 16..20, mean 18; the morning is a ninth above it
    assert baseline(flat([*range(11, 21), 8], morning=20.0), "high_5_of_10").kw[0, 0, 0] == pytest.approx(20.0)


def test_pjm_takes_four_of_five_and_adds_the_mornings_difference():
    # the five nearest are 12 14 10 11 13: the four highest 11..14, mean 12.5; the morning is 2 above it
    assert baseline(flat([99, 12, 14, 10, 11, 13, 1], morning=14.5), "high_4_of_5").kw[0, 0, 0] == pytest.approx(14.5)


def test_a_day_of_low_load_is_passed_over_and_the_next_one_comes_in():
    # without the 1 kW day the nearest five are 10 10 10 10 20: the four highest 20 10 10 10, mean 12.5
    found = baseline(flat([20, 10, 10, 1, 10, 10, 0], morning=12.5), "high_4_of_5_jp")
    assert found.kw[0, 0, 0] == pytest.approx(12.5)
    assert found.days_used.tolist() == [[4]]
    assert found.age_days.tolist() == [[3.25]]  # 6, 4, 2 and 1 days back


def test_too_few_like_days_are_no_baseline_and_the_look_back_is_not_stretched():
    kw = flat([10.0] * 60)
    eligible = np.ones((1, 60), dtype=bool)
    eligible[0, 59 - 30 :] = False  # nothing in the last 30 days
    assert np.isnan(baseline(kw, "high_4_of_5_jp", eligible=eligible).kw).all()
    assert baseline(kw, "high_4_of_5", eligible=eligible).kw[0, 0, 0] == pytest.approx(10.0)  # within PJM's 45 days


def test_pjm_looks_back_sixty_days_where_forty_five_are_too_few():
    kw = flat([10.0] * 61)
    eligible = np.ones((1, 61), dtype=bool)
    eligible[0, 61 - 50 :] = False
    assert baseline(kw, "high_4_of_5", eligible=eligible).kw[0, 0, 0] == pytest.approx(10.0)
    assert np.isnan(baseline(kw, "ten_in_ten_additive", eligible=eligible).kw).all()


def test_only_days_of_the_same_kind_are_like():
    days = [date(2026, 6, 1) + timedelta(days=n) for n in range(20)]  # ends on Saturday the 20th
    weekend = np.array([day.isoweekday() > 5 for day in days])
    levels = [5.0 if off else 50.0 for off in weekend]
    found = baseline(flat(levels), "caiso_10_in_10", weekend=weekend)
    assert found.kw[0, 0, 0] == pytest.approx(5.0)  # the four weekend days before it
    assert found.days_used.tolist() == [[4]]


def test_a_day_with_a_hole_in_its_window_does_not_serve_and_one_in_the_event_morning_gives_nothing():
    kw = flat([*[10.0] * 11, 10.0])
    kw[0, 5, 14] = np.nan
    assert baseline(kw, "ten_in_ten_additive").days_used.tolist() == [[10]]
    kw[0, 5, 14] = 10.0
    kw[0, 11, 10] = np.nan
    assert np.isnan(baseline(kw, "ten_in_ten_additive").kw).all()


def test_an_event_at_breakfast_has_no_morning_to_adjust_by():
    kw = flat([10.0] * 12)
    events, off, serve = Events(np.array([11]), 2, 5), np.zeros(12, bool), np.ones((1, 12), bool)
    found = match_days(kw, off, serve, events, DAY_MATCHING["high_4_of_5"], slot_min=60)
    assert np.isnan(found.kw).all()


@given(seed=st.integers(0, 10_000), method=st.sampled_from(sorted(DAY_MATCHING)))
def test_many_meters_at_once_are_each_meter_alone(seed, method):
    kw = np.random.default_rng(seed).uniform(1.0, 100.0, (4, 40, 24))
    kw[1, 20] = np.nan
    together = baseline(kw, method)
    alone = [baseline(kw[n : n + 1], method).kw[0] for n in range(4)]
    np.testing.assert_array_equal(together.kw, np.stack(alone))


@given(
    seed=st.integers(0, 10_000), method=st.sampled_from(sorted(DAY_MATCHING)), factor=st.sampled_from([0.5, 2.0, 4.0])
)
def test_twice_the_load_is_twice_the_baseline(seed, method, factor):
    kw = np.random.default_rng(seed).uniform(1.0, 100.0, (1, 40, 24))
    np.testing.assert_allclose(baseline(kw * factor, method).kw, baseline(kw, method).kw * factor, rtol=1e-12)


@given(seed=st.integers(0, 10_000), method=st.sampled_from(sorted(DAY_MATCHING)))
def test_what_happens_in_the_event_does_not_move_its_own_baseline(seed, method):
    kw = np.random.default_rng(seed).uniform(1.0, 100.0, (1, 40, 24))
    before = baseline(kw, method).kw
    kw[0, -1, EVENT[0] :] *= 3
    np.testing.assert_array_equal(baseline(kw, method).kw, before)


@given(seed=st.integers(0, 10_000), method=st.sampled_from(sorted(DAY_MATCHING)))
def test_many_days_at_once_are_each_day_alone(seed, method):
    """Over weekends, holes, days that may not serve and a season that makes PJM look further back."""
    draws = np.random.default_rng(seed)
    kw = draws.uniform(1.0, 100.0, (2, 90, 24)) * draws.choice([1.0, 0.05], (2, 90, 1), p=[0.8, 0.2])
    kw[0, 20, 14] = kw[1, 70, 10] = np.nan
    weekend, eligible = np.arange(90) % 7 > 4, draws.random((2, 90)) < draws.uniform(0.1, 0.9)
    days = [*range(3), *range(50, 90, 3)]
    together = on_days(days, kw, weekend, eligible, method)
    for number, day in enumerate(days):
        alone = on_days([day], kw[:, : day + 1], weekend[: day + 1], eligible[:, : day + 1], method)
        np.testing.assert_array_equal(together.kw[:, number], alone.kw[:, 0])
        np.testing.assert_array_equal(together.days_used[:, number], alone.days_used[:, 0])
        np.testing.assert_array_equal(together.age_days[:, number], alone.age_days[:, 0])
