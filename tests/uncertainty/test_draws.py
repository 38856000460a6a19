"""Draws follow from their names alone, and their mean leaves no bias."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.uncertainty import (
    DETERMINANT_DRAW,
    DRAWS,
    IN_STEP,
    DrawnBill,
    at_ends,
    bell,
    even,
    peaks_w,
    range_of,
    range_of_either,
    signed,
)
from pipeline.uncertainty.draws import APART_PAIRS, swings


def test_equal_names_give_equal_draws_and_other_names_others() -> None:
    assert (even("site", "CP1", "gain") == even("site", "CP1", "gain")).all()
    assert (even("site", "CP1", "gain") != even("site", "CP2", "gain")).any()
    assert even("a", count=3).shape == (DRAWS, 3)


@given(st.text(max_size=8))
def test_a_source_that_only_scales_leaves_no_bias(name: str) -> None:
    """The first draw is the middle, the others mirror each other in pairs: also the first 39 of them."""
    for count in (39, DRAWS):
        assert signed(name)[:count].mean() == pytest.approx(0, abs=1e-12)
        assert bell(name)[:count].mean() == pytest.approx(0, abs=1e-12)
    assert signed(name)[0] == 0
    assert np.abs(signed(name)).max() <= 1


def test_numbers_of_an_instant_do_not_depend_on_the_others_asked_for() -> None:
    instants = 1_700_000_000_000 + 900_000 * np.arange(4000)
    numbers = swings(instants, "site", "CP1")
    assert (swings(instants[[7, 99]], "site", "CP1") == numbers[[7, 99]]).all()
    assert (swings(instants[:2], "site", "CP2") != numbers[:2]).all()


def test_numbers_of_instants_in_a_row_are_evenly_spread_and_independent() -> None:
    """4,000 quarter hours by 99 draws: moments of evenly spread numbers, none that tells the next or another draw's."""
    numbers = swings(1_700_000_000_000 + 900_000 * np.arange(4000), "spread")
    counts = np.histogram(numbers, bins=10, range=(-0.5, 0.5))[0]
    assert counts / numbers.size == pytest.approx(0.1, abs=0.005)
    for one, other in ((numbers[1:], numbers[:-1]), (numbers[:, 1:], numbers[:, :-1]), (numbers[96:], numbers[:-96])):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=0.01)
    highest = numbers.reshape(40, 100, -1).max(axis=1)
    assert highest.mean() == pytest.approx(100 / 101 - 0.5, abs=0.001)


def test_the_bell_has_a_variance_of_one() -> None:
    numbers = np.concatenate([bell("variance", number) for number in range(50)])
    assert numbers.std() == pytest.approx(1, abs=0.03)


def test_the_ends_are_order_statistics_5_and_195_and_reach_back_by_twice_the_bias() -> None:
    values = np.arange(1.0, 200.0)[::-1].copy()
    assert (range_of(values).low, range_of(values).high) == (5, 195)
    assert (range_of(values, bias=2).low, range_of(values, bias=2).high) == (1, 195)
    assert (range_of(values, bias=-2).low, range_of(values, bias=-2).high) == (5, 199)
    few = np.arange(1.0, 40.0)
    assert (range_of(few).low, range_of(few).high) == (1, 39)


def test_pairs_that_mirror_are_in_step_together_and_the_rebuilt_world_never_is() -> None:
    assert not IN_STEP[0]
    assert (IN_STEP[1::2] == IN_STEP[2::2]).all()
    assert IN_STEP.sum() == 98
    apart = np.zeros(DRAWS, dtype=bool)
    apart[1:].reshape(-1, 2)[APART_PAIRS] = True
    assert (apart[1:] == ~IN_STEP[1:]).all()


def test_numbers_of_some_pairs_are_those_of_all() -> None:
    instants = 1_700_000_000_000 + 900_000 * np.arange(9)
    assert (swings(instants, "site", pairs=APART_PAIRS) == swings(instants, "site")[:, APART_PAIRS]).all()


def test_a_range_covers_both_kinds_of_draws_and_only_those_apart_are_moved_by_bias() -> None:
    """101 draws apart, ranks 3 and 99; 98 in step, ranks 2 and 97."""
    values = np.zeros(DRAWS)
    values[~IN_STEP], values[IN_STEP] = np.arange(1.0, 102.0), np.arange(1001.0, 1099.0)
    assert (range_of_either(values).low, range_of_either(values).high) == (3, 1097)
    assert (range_of_either(values, bias=1).low, range_of_either(values, bias=1).high) == (1, 1097)
    assert (range_of_either(-values, bias=-1).low, range_of_either(-values, bias=-1).high) == (-1097, -1)


@given(seed=st.integers(0, 2**32 - 1), bias=st.sampled_from([0.0, 0.3, -0.3, 2.0]))
def test_the_draws_at_the_ends_are_those_of_the_range(seed: int, bias: float) -> None:
    values = np.random.default_rng(seed).normal(size=DRAWS) + np.where(IN_STEP, seed % 3, 0)
    found, ends = range_of_either(values, bias), at_ends(values, bias)
    moved = [float(values[draw]) - (0.0 if IN_STEP[draw] else 2 * bias) for draw in ends]
    either = [*moved, *(float(values[draw]) for draw in ends)]
    assert (min(either), max(either)) == (found.low, found.high)


def test_what_else_can_be_off_moves_the_ends_outwards() -> None:
    found = range_of(np.arange(1.0, 200.0)).widened(3, 4)
    assert (found.low, found.high) == (2, 199)
    assert (found.holding(0).low, found.holding(250).high, found.holding(100)) == (0, 250, found)


def test_a_drawn_bill_tells_what_each_draw_measured_and_leaves_out_what_is_not_known() -> None:
    peaks = [40_000 + draw for draw in range(DRAWS)]
    rows = [
        ("no_ev", "demand", "all", 0, [7] * DRAWS, [0] * DRAWS, peaks),
        ("no_ev", "energy", "day", 1, [9] * DRAWS, [1] * DRAWS, [None] * DRAWS),
    ]
    columns = ("scenario", "charge_id", "band", "span", "import_wh", "export_wh", "own_peak_w")
    bill = DrawnBill(pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows], schema=DETERMINANT_DRAW))
    assert bill.rows(3) == {
        "no_ev": {
            ("demand", 0, "all"): {"import_wh": 7, "export_wh": 0, "own_peak_w": 40_003},
            ("energy", 1, "day"): {"import_wh": 9, "export_wh": 1},
        }
    }
    assert peaks_w([bill, bill]).tolist() == [2 * peak for peak in peaks]
