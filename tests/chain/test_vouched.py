"""Placebo days vouch for baselines about as old as theirs, and for no others."""

from datetime import date, timedelta

import polars as pl
import pytest

from pipeline.baselines import BASELINE_DAY
from pipeline.chain.checking import _verdict

PLACEBO_AGE, CLAIMED_KW, MISSED_KW = 5.0, 20.0, 10.0


def days(day_class: str, count: int, first: date, age_days: float, difference_kw: float, logged_kw: float) -> list:
    """One day after the other, half of them 1 kW above the mean and half below."""
    return [
        (first + timedelta(days=n), day_class, "rule", 100.0, 100.0, 80.0, 80.0,
         difference_kw + (1 if n % 2 else -1), logged_kw, age_days)
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("age_days", "verdict", "reason"),
    [
        (PLACEBO_AGE, "contradicts", "far outside"),
        (1.5 * PLACEBO_AGE, "no_check", "further back"),
        (3 * PLACEBO_AGE, "no_check", "further back"),
    ],
)
def test_only_baselines_as_fresh_as_the_reference_days_contradict(age_days: float, verdict: str, reason: str) -> None:
    """Logs claim 20 kW where the meter and the baselines show 10 kW, which placebo days miss by 1 kW."""
    schema = pl.Schema(BASELINE_DAY)
    placebo = pl.DataFrame(days("reference", 80, date(2013, 1, 1), PLACEBO_AGE, 0.0, 0.0), schema=schema, orient="row")
    found = pl.DataFrame(
        days("v2b", 10, date(2013, 7, 1), age_days, CLAIMED_KW - MISSED_KW, CLAIMED_KW), schema=schema, orient="row"
    )
    check = _verdict(pl.concat([placebo, found]), found, "rule", armed=True)
    assert check.verdict == verdict
    assert reason in check.reason


def test_a_true_log_is_confirmed_up_to_twice_their_age() -> None:
    schema = pl.Schema(BASELINE_DAY)
    placebo = pl.DataFrame(days("reference", 80, date(2013, 1, 1), PLACEBO_AGE, 0.0, 0.0), schema=schema, orient="row")
    found = pl.DataFrame(
        days("v2b", 10, date(2013, 7, 1), 2 * PLACEBO_AGE, CLAIMED_KW, CLAIMED_KW), schema=schema, orient="row"
    )
    check = _verdict(pl.concat([placebo, found]), found, "rule", armed=True)
    assert (check.verdict, check.v2b_days) == ("confirms", 10)
