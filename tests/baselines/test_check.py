"""The interval by hand, the four verdicts, and how often the interval holds where nothing happened."""

import numpy as np
import pytest
from scipy import stats

from pipeline.baselines import DayErrors, independent_check
from pipeline.baselines.check import _common_to_months

# 61 placebo days: thirty of +1, thirty of -1 in turn, one 0: mean 0, squares 60, s^2 = 1; neighbours are opposed: rho 0
PLACEBO = np.array([1.0, -1.0] * 30 + [0.0])
T95 = stats.t.ppf(0.95, 60)


def days(values, first):
    values = np.asarray(values, dtype=float)
    return DayErrors(np.arange(first, first + values.size), values)


def check(cut, estimate, placebo=PLACEBO, *, armed=True):
    """The V2B days follow the placebo days."""
    first = len(placebo)
    return independent_check(days(cut, first), days(estimate, first), days(placebo, 0), armed=armed)


def test_the_interval_by_hand():
    found = check([4.0] * 20, [4.5] * 20)
    error = (1 / 20 + 1 / 61) ** 0.5
    assert abs(T95 - 1.6706) < 1e-4  # any table of Student's t, 60 degrees of freedom
    assert (found.low, found.high) == pytest.approx((4.5 - T95 * error, 4.5 + T95 * error))
    assert found.smallest_detectable_kw == pytest.approx((T95 + stats.t.ppf(0.8, 60)) * error)
    assert (found.v2b_days, found.reference_days) == (20, 61)
    assert (found.metered_kw, found.estimated_kw) == (4.0, 4.5)


def test_the_placebo_days_mean_error_is_taken_off():
    assert check([4.0] * 20, [6.5] * 20, PLACEBO + 2.0).estimated_kw == pytest.approx(4.5)


def test_errors_that_hang_together_widen_the_interval():
    together = np.array(sorted(PLACEBO))
    assert check([4.0] * 20, [4.5] * 20, together).high > check([4.0] * 20, [4.5] * 20).high + 1


def test_what_months_have_in_common_by_hand():
    """Two days each of January (3, 5) and March (7, 9): MSW 4 / 2, MSB 16, n0 2: (16 - 2) / 2 = 7 between, 2 within."""
    march = 59
    of_months = DayErrors(np.array([0, 1, march, march + 1]), np.array([3.0, 5.0, 7.0, 9.0]))
    assert _common_to_months(of_months) == pytest.approx(7 / 9)
    assert _common_to_months(DayErrors(of_months.day, np.array([3.0, 5.0, 5.0, 3.0]))) == 0
    assert _common_to_months(days([3.0, 5.0, 7.0, 9.0], 0)) == 0  # one month tells nothing


def test_months_that_differ_widen_the_interval():
    months = np.where(np.arange(61) // 30 % 2, 1.0, -1.0) + 0.5 * PLACEBO
    mixed = np.where(np.arange(61) % 2, 1.0, -1.0) + 0.5 * np.roll(PLACEBO, 1)
    wide, narrow = (check([4.0] * 20, [4.5] * 20, placebo) for placebo in (months, mixed))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize(
    ("cut", "estimate", "armed", "verdict"),
    [
        (4.0, 4.1, True, "confirms"),
        (4.0, 4.1, False, "consistent"),  # the outcome chose the days
        (0.2, 0.1, True, "consistent"),  # no cut is possible as well
        (4.0, 3.4, True, "consistent"),  # outside 90 %, p about 0.02
        (4.0, 2.0, True, "contradicts"),
        (4.0, 2.0, False, "contradicts"),
        (0.0, -4.0, True, "contradicts"),
    ],
)
def test_the_verdict(cut, estimate, armed, verdict):
    assert check([cut] * 20, [estimate] * 20, armed=armed).verdict == verdict


def test_no_check_says_why():
    assert check([], []).reason == "no V2B day has a baseline"
    assert check([1.0], [np.nan]).verdict == "no_check"
    few = check([1.0], [1.0], PLACEBO[:59])
    assert (few.verdict, few.reason) == ("no_check", "59 reference days have a baseline fit to compare; 60 are needed")
    assert few.low is None


def test_a_block_of_days_far_from_its_placebo_days_has_the_interval_of_the_plain_formula():
    """s sqrt((1/m + 1/K)(1 + rho)/(1 - rho)) for long runs of days."""
    random = np.random.default_rng(1)
    placebo = random.normal(0, 1, 400)
    placebo = placebo[1:] + 0.8 * placebo[:-1]
    error = placebo - placebo.mean()
    spread = (error**2).sum() / (error.size - 1)
    rho = (error[1:] * error[:-1]).mean() / spread
    plain = (spread * (1 / 200 + 1 / 399) * (1 + rho) / (1 - rho)) ** 0.5
    found = check([4.0] * 200, [4.0] * 200, placebo)
    assert (found.high - found.low) / 2 / stats.t.ppf(0.95, 398) == pytest.approx(plain, rel=0.03)


def test_months_that_each_pass_can_contradict_together():
    assert check([4.0] * 20, [3.4] * 20).verdict == "consistent"
    year = check([4.0] * 240, [3.4] * 240, np.tile(PLACEBO, 4))
    assert year.verdict == "contradicts"
    assert year.z < -6


def test_days_in_any_order_give_the_same_verdict():
    random = np.random.default_rng(3)
    cut, estimate, placebo = days(random.normal(4, 1, 20), 80), days(random.normal(4, 1, 20), 80), days(PLACEBO, 0)
    turned = random.permutation(20)
    shuffled = (DayErrors(cut.day[turned], cut.kw[turned]), DayErrors(estimate.day[turned], estimate.kw[turned]))
    back = DayErrors(placebo.day[::-1], placebo.kw[::-1])
    straight = independent_check(cut, estimate, placebo, armed=True)
    crooked = independent_check(*shuffled, back, armed=True)
    assert crooked.verdict == straight.verdict
    assert (crooked.low, crooked.high) == pytest.approx((straight.low, straight.high))


def correlated(random, count, rho):
    error = random.normal(0, 1, count)
    for day in range(1, count):
        error[day] += rho * error[day - 1]
    return error + 5  # a baseline that is 5 kW too high on every day


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("where", ["scattered", "at the end"])
def test_where_nothing_happened_the_90_percent_interval_holds_zero_in_85_to_95_percent_of_months(rho, where):
    """110 working days, 20 of them V2B days: drawn at random among them, or the last twenty."""
    random, months, held = np.random.default_rng(20261123), 500, 0
    for _ in range(months):
        error = correlated(random, 110, rho)
        drawn = np.zeros(110, dtype=bool)
        drawn[random.choice(110, 20, replace=False) if where == "scattered" else slice(90, None)] = True
        estimate = DayErrors(np.flatnonzero(drawn), error[drawn])
        placebo = DayErrors(np.flatnonzero(~drawn), error[~drawn])
        found = independent_check(DayErrors(estimate.day, np.zeros(20)), estimate, placebo, armed=True)
        held += found.low <= 0 <= found.high
    assert 0.85 <= held / months <= 0.95


def test_what_the_days_of_a_month_share_does_not_average_out():
    """July and August with 30 placebo days each, 10 V2B days in August: a tenth of each error is shared within a month.

    s^2 (0.9 (1/10 + 1/60) + 0.1 (1 + 1/4 + 1/4 - 2 * 1/2)), the placebo days alternating so that rho is 0.
    """
    placebo = DayErrors(np.r_[181:211, 212:242], np.tile([1.0, -1.0], 30))
    v2b = DayErrors(np.arange(212, 222), np.full(10, 4.0))
    found = independent_check(v2b, v2b, placebo, armed=True, shared=0.1)
    spread = 60 / 59
    error = (spread * (0.9 * (1 / 10 + 1 / 60) + 0.1 * 0.5)) ** 0.5
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.95, 59) * error)
