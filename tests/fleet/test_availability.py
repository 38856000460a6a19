"""Plugged-in time inside windows, by hand."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fleet import availability_pct
from tests.factories import instant

WINDOWS = np.array([instant(at).timestamp() for at in ("07-10 13:00", "07-11 13:00")], dtype=np.int64) * 1_000_000
LENGTHS_S = np.array([10_800, 10_800])


def sessions(*spans):
    rows = [{"plugged_in_at": instant(begin), "plugged_out_at": instant(end)} for begin, end in spans]
    schema = {"plugged_in_at": pl.Datetime("us", "UTC"), "plugged_out_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema=schema)


def test_by_hand():
    # the first car covers 13:00-14:30 of one day and the whole window of the next: 4.5 of 12 charger hours
    spans = [("07-10 08:00", "07-10 14:30"), ("07-11 08:00", "07-11 18:00")]
    assert availability_pct(sessions(*spans), WINDOWS, LENGTHS_S, 2) == pytest.approx(100 * 4.5 / 12)


def test_outside_the_windows_counts_nothing_and_across_them_counts_both():
    assert availability_pct(sessions(("07-10 17:00", "07-11 12:00")), WINDOWS, LENGTHS_S, 1) == 0.0
    assert availability_pct(sessions(("07-09 00:00", "07-12 00:00")), WINDOWS, LENGTHS_S, 1) == 100.0
    assert availability_pct(sessions(), WINDOWS, LENGTHS_S, 1) == 0.0


def test_nothing_to_share_is_no_share():
    assert availability_pct(sessions(), WINDOWS[:0], LENGTHS_S[:0], 1) is None
    assert availability_pct(sessions(), WINDOWS, LENGTHS_S, 0) is None


@given(st.integers(0, 48), st.integers(0, 48), st.integers(0, 48))
def test_a_stay_cut_in_two_counts_the_same(one, two, three):
    first, middle, last = (f"07-{10 + hour // 24} {hour % 24:02d}:00" for hour in sorted((one, two, three)))
    whole = availability_pct(sessions((first, last)), WINDOWS, LENGTHS_S, 1)
    assert availability_pct(sessions((first, middle), (middle, last)), WINDOWS, LENGTHS_S, 1) == pytest.approx(whole)
