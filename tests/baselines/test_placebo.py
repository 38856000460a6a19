"""Honesty of the check on days drawn by lot: nothing done is not called something, and a lie is contradicted.

A few fixed months run in `make test`, hundreds in `make soak`.
"""

import os
from collections import Counter
from collections.abc import Iterable

import pytest

from pipeline.baselines import DAY_MATCHING, REGRESSIONS, Check
from tests.baselines.placebo import checks, office, simulated

SOAK_FROM = int(os.environ.get("V2B_SOAK_SEED", "1"))
ALLOWED = {"confirms", "consistent"}


def known(found: Iterable[tuple[str, Check]]) -> list[Check]:
    """The months that could be checked at all."""
    return [check for _, check in found if check.verdict != "no_check"]


def holds_the_cut(months: list[Check]) -> float:
    return sum(check.low <= check.metered_kw <= check.high for check in months) / len(months)


def test_on_a_real_building_where_nothing_was_done_the_interval_holds_zero():
    months = [check for seed in range(3) for check in known(checks(office(), seed))]
    assert len(months) == 27
    assert {check.metered_kw for check in months} == {0.0}
    assert holds_the_cut(months) >= 0.8
    assert {check.verdict for check in months} == {"consistent"}


def test_a_planted_cut_of_three_percent_is_confirmed_or_consistent():
    months = known(checks(simulated(1), 1, cut=0.03)) + known(checks(office(), 1, cut=0.03))
    assert {check.verdict for check in months} <= ALLOWED
    assert "confirms" in {check.verdict for check in months}


def test_logs_that_claim_twice_the_cut_are_contradicted():
    months = known(checks(simulated(2), 2, cut=0.03, claimed=2.0))
    told = [check for check in months if check.metered_kw / 2 >= check.smallest_detectable_kw]
    assert len(told) >= 3
    assert Counter(check.verdict for check in told)["contradicts"] > len(told) / 2


def test_twenty_v2b_days_after_nine_months_without_are_never_blamed():
    months = known(checks(simulated(3), 3, cut=0.03, v2b_days=20, months_before=9))
    assert months
    assert {check.verdict for check in months} <= ALLOWED


def test_what_days_share_because_they_rest_on_the_same_days():
    """A day's own error has variance 1, the mean of ten days 1 / 10: of 1.1, 0.1 is shared, a part of 1 / 11."""
    assert DAY_MATCHING["caiso_10_in_10"].shared_error == pytest.approx(1 / 11)
    assert DAY_MATCHING["high_4_of_5"].shared_error == pytest.approx(1 / 5)
    assert REGRESSIONS["towt"].shared_error == pytest.approx(1 / 29)


@pytest.mark.soak
def test_of_five_hundred_simulated_months_the_interval_holds_zero_in_85_to_95_percent():
    months = [check for n in range(60) for check in known(checks(simulated(SOAK_FROM * 1000 + n), n))]
    share = holds_the_cut(months)
    blamed = Counter(check.verdict for check in months)["contradicts"]
    print(f"{share:.1%} of {len(months)} months hold zero; {blamed} contradict")
    assert len(months) >= 500
    assert 0.85 <= share <= 0.95


@pytest.mark.soak
def test_a_cut_over_twenty_days_is_confirmed_or_consistent_and_a_season_never_seen_is_not_checked():
    for before, allowed in ((9, ALLOWED), (6, {"no_check"})):
        worlds = (simulated(SOAK_FROM * 1000 + n) for n in range(15))
        every = [
            check
            for n, world in enumerate(worlds)
            for _, check in checks(world, n, cut=0.03, v2b_days=20, months_before=before)
        ]
        blamed = Counter(check.verdict for check in every)
        print(f"{before} months without V2B, then 20 days a month: {dict(blamed)}")
        assert blamed["contradicts"] <= 0.01 * len(every)
        assert sum(blamed[verdict] for verdict in allowed) > 0.5 * len(every)


@pytest.mark.soak
def test_of_a_real_buildings_months_the_interval_holds_zero_in_80_percent():
    months = [check for n in range(10) for check in known(checks(office(), SOAK_FROM * 1000 + n))]
    print(f"{holds_the_cut(months):.1%} of {len(months)} months hold zero")
    assert holds_the_cut(months) >= 0.8


@pytest.mark.soak
def test_most_months_in_which_logs_claim_twice_the_cut_are_contradicted():
    found = [check for n in range(12) for check in known(checks(simulated(n), SOAK_FROM + n, cut=0.03, claimed=2.0))]
    told = [check for check in found if check.metered_kw / 2 >= check.smallest_detectable_kw]
    contradicted = Counter(check.verdict for check in told)["contradicts"]
    print(f"{contradicted} of {len(told)} months in which the effect could be detected are contradicted")
    assert contradicted > len(told) / 2
