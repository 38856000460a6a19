"""Placebo days vouch for baselines about as old as theirs, and for no others."""

from datetime import date, timedelta

import polars as pl
import pytest

from pipeline.baselines import BASELINE_DAY, Check
from pipeline.chain import ComparedDays

PLACEBO_AGE, CLAIMED_KW, MISSED_KW = 5.0, 20.0, 10.0


WINTER, MAY = date(2012, 11, 1), date(2013, 5, 1)
SCHEMA = pl.Schema(BASELINE_DAY)


def days(
    day_class: str,
    count: int,
    first: date,
    age_days: float,
    difference_kw: float,
    logged_kw: float,
    step: int = 1,
) -> list:
    """Days with so many between them, half of them 1 kW above the mean and half below."""
    return [
        (first + timedelta(days=step * n), day_class, "rule", 100.0, 100.0, 80.0, 80.0,
         difference_kw + (1 if n % 2 else -1), logged_kw, age_days)
        for n in range(count)
    ]  # fmt: skip


def references(count: int = 80, first: date = WINTER, step: int = 3, age_days: float = PLACEBO_AGE) -> pl.DataFrame:
    return pl.DataFrame(days("reference", count, first, age_days, 0.0, 0.0, step), schema=SCHEMA, orient="row")


def true_july(age_days: float = PLACEBO_AGE) -> pl.DataFrame:
    """Ten V2B days whose logs are right."""
    rows = days("v2b", 10, date(2013, 7, 1), age_days, CLAIMED_KW, CLAIMED_KW)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


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
    placebo = references()
    found = pl.DataFrame(
        days("v2b", 10, date(2013, 7, 1), age_days, CLAIMED_KW - MISSED_KW, CLAIMED_KW), schema=SCHEMA, orient="row"
    )
    check = checked(placebo, found)
    assert check.verdict == verdict
    assert reason in check.reason


def checked(placebo: pl.DataFrame, found: pl.DataFrame) -> Check:
    return ComparedDays.of(placebo, found, armed=True).verdict()[0]


def test_a_true_log_is_confirmed_up_to_twice_their_age() -> None:
    check = checked(references(), true_july(2 * PLACEBO_AGE))
    assert (check.verdict, check.v2b_days) == ("confirms", 10)


def test_placebo_days_far_fresher_than_the_v2b_days_do_not_count() -> None:
    """80 fresh ones and 8 old ones: the old ones let the V2B days in, but are too few to vouch for them alone."""
    old = references(8, MAY, 7, age_days=10 * PLACEBO_AGE)
    check = checked(pl.concat([references(), old]), true_july(10 * PLACEBO_AGE))
    assert (check.verdict, check.reference_days) == ("no_check", 8)


def test_a_season_that_placebo_days_never_saw_is_not_checked() -> None:
    """80 days of spring alone vouch for no July; with three of them in July, or spread over eight months, they do."""
    spring = references(80, MAY - timedelta(days=20), 1)
    assert checked(spring, true_july()).reason.startswith("too few reference days among the V2B days")
    assert checked(pl.concat([spring, references(3, date(2013, 7, 20), 1)]), true_july()).verdict == "confirms"
    assert checked(references(), true_july()).verdict == "confirms"
