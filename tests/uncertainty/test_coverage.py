"""The ranges hold the truth on simulated sites with flaws of their own; `tests.bench.coverage` counts more."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.chain import bridged, prepare
from pipeline.chain.results import bills_of
from tests.bench.coverage import Outcome, case_of, outcome_of, outcomes, peak_in_gap, true_bills

SEED = 1


def share(found: list[Outcome], which: int) -> float:
    held = [one.held(which) for one in found if one.provable and one.held(which) is not None]
    return sum(map(bool, held)) / len(held)


def test_a_few_sites_hold_the_truth(tmp_path: Path) -> None:
    whole = [outcome_of(number, SEED, tmp_path) for number in (3, 6, 18, 20)]
    assert all(one.flaws.clean and one.provable for one in whole)
    assert share(whole, 0) == share(whole, 1) == 1


def test_a_meter_gap_is_proved_where_no_peak_can_lie_and_nowhere_else(tmp_path: Path) -> None:
    """Gaps of 8 and 6 windows, one of them where no peak can lie."""
    night, peak = (outcome_of(number, SEED, tmp_path) for number in (0, 14))
    assert (night.flaws.meter_gap_windows, night.provable, "meter_gap_bounded" in night.reasons) == (8, True, True)
    assert (peak.flaws.meter_gap_windows, peak.provable, "meter_gap" in peak.reasons) == (6, False, True)
    assert share([night], 0) == share([night], 1) == 1


@pytest.mark.parametrize("number", [3, 8])
@pytest.mark.parametrize("length", [1, 4])
def test_a_gap_laid_over_a_peak_is_never_billed(tmp_path: Path, number: int, length: int) -> None:
    """Over the window that set a peak of either exact world, at the gap's beginning or inside it."""
    case = case_of(number, SEED, tmp_path)
    starts = case.inputs.meter["interval_start"].to_list()
    lines = [line for bill in true_bills(case, np.ones(len(starts), dtype=np.int64)).values() for line in bill.lines]
    peaks = sorted({starts.index(line.set_at) for line in lines if line.set_at is not None})
    assert peaks
    for peak in peaks:
        first = max(1, peak - length // 2)
        meter = pl.concat([case.inputs.meter[:first], case.inputs.meter[first + length :]])
        hidden = replace(
            case, inputs=replace(case.inputs, meter=meter), flaws=replace(case.flaws, meter_gap_windows=length)
        )
        assert peak_in_gap(hidden)
        assert bridged(prepare(hidden.inputs), bills_of).bridged is None


@pytest.mark.soak
def test_many_sites_hold_the_truth() -> None:
    found = list(outcomes(150, int(os.environ.get("V2B_SOAK_SEED", "1")) % 10_000))
    clean = [one for one in found if one.flaws.clean]
    assert sum(one.provable for one in clean) >= 0.8 * len(clean)
    assert not any(one.provable for one in found if one.peak_in_gap)
    assert share(found, 0) >= 0.88  # 93 % less two standard errors of so many sites
    assert share(found, 1) >= 0.88
