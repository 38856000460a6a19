"""The best possible peak by hand, and against one linear programme over the whole month."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fleet import Losses, PeakLoad, Stay, best_possible_peak_kw, capture_pct
from pipeline.fleet.capture import _Group, _lowest

HOUR = 3600.0
LOSSLESS = Losses(1.0, 1.0)
CAR = Stay(0.0, 4 * HOUR, 20_000, 20_000, 4_000, 40_000, 10_000, 10_000)


def load(no_ev_kw, actual_kw=None, billed=None):
    no_ev = np.asarray(no_ev_kw, dtype=float) * 1000
    actual = no_ev + 1e6 if actual_kw is None else np.asarray(actual_kw, dtype=float) * 1000
    return PeakLoad(
        np.arange(no_ev.size + 1) * HOUR,
        no_ev,
        actual,
        np.ones(no_ev.size, dtype=bool) if billed is None else np.asarray(billed),
    )


def test_a_car_without_losses_levels_four_hours():
    # 10 20 30 20: mean 20, and it takes 10 kWh from the third hour to the first
    assert best_possible_peak_kw(load([10, 20, 30, 20]), [CAR], LOSSLESS) == pytest.approx(20.0)


def test_power_limits_energy_limits_and_reserve_bind():
    slow = dataclasses.replace(CAR, discharge_w=4_000)
    assert best_possible_peak_kw(load([10, 20, 30, 20]), [slow], LOSSLESS) == pytest.approx(26.0)
    empty = dataclasses.replace(CAR, arrival_wh=7_000, departure_wh=0, charge_w=1e-9)
    # 3 kWh above the reserve of 4: all given in the third hour
    assert best_possible_peak_kw(load([10, 20, 30, 20]), [empty], LOSSLESS) == pytest.approx(27.0)


def test_a_car_that_has_to_fill_up_raises_the_best_peak():
    hungry = dataclasses.replace(CAR, departure_wh=36_000)  # 16 kWh more: 10 of them in the first hour, mean 76 / 3
    assert best_possible_peak_kw(load([10, 20, 30, 20]), [hungry], LOSSLESS) == pytest.approx(76 / 3)


def test_losses_cost_the_recharge():
    # the last hour takes up to its 10 kW what the third one gave: 8 kWh at 1.25 Wh stored per Wh given
    cornered = dataclasses.replace(CAR, begin_s=2 * HOUR)
    assert best_possible_peak_kw(load([0, 0, 30, 0]), [cornered], Losses(1.0, 1.25)) == pytest.approx(22.0)
    assert best_possible_peak_kw(load([0, 0, 30, 0]), [CAR], Losses(1.0, 1.25)) == pytest.approx(20.0)


def test_half_an_hour_plugged_in_is_half_the_energy():
    late = dataclasses.replace(CAR, begin_s=2.5 * HOUR)
    assert best_possible_peak_kw(load([0, 0, 30, 0]), [late], LOSSLESS) == pytest.approx(25.0)


def test_hours_without_cars_and_hours_the_charge_does_not_look_at():
    morning = dataclasses.replace(CAR, end_s=2 * HOUR)
    assert best_possible_peak_kw(load([30, 10, 24, 24]), [morning], LOSSLESS) == pytest.approx(24.0)
    outside = load([30, 10, 24, 24], billed=[True, True, False, False])
    assert best_possible_peak_kw(outside, [morning], LOSSLESS) == pytest.approx(20.0)


def test_two_cars_apart_are_not_one_battery():
    early = dataclasses.replace(CAR, end_s=2 * HOUR, discharge_w=4_000)
    late = dataclasses.replace(CAR, begin_s=2 * HOUR, discharge_w=10_000)
    assert best_possible_peak_kw(load([30, 0, 30, 0]), [early, late], LOSSLESS) == pytest.approx(26.0)


def test_what_was_metered_is_possible_so_the_best_is_never_above_it():
    metered = load([10, 20, 30, 20], actual_kw=[19, 20, 21, 20])
    impossible = dataclasses.replace(CAR, arrival_wh=4_000, departure_wh=40_000, charge_w=1_000)
    assert best_possible_peak_kw(metered, [impossible], LOSSLESS) <= 21.0


def test_the_share_made_of_what_was_possible():
    assert capture_pct(100.0, 90.0, 80.0) == 50.0
    assert capture_pct(100.0, 105.0, 80.0) == -25.0
    assert capture_pct(100.0, 99.5, 99.2) is None


@st.composite
def fleets(draw):
    """A week of hours with cars of all sizes, plugged in at any minute, none beyond the week."""
    stays = []
    for _ in range(draw(st.integers(1, 8))):
        begin = draw(st.integers(0, 100)) * 1800.0
        capacity = draw(st.integers(10, 80)) * 1000.0
        arrival = capacity * draw(st.integers(10, 100)) / 100
        stays.append(
            Stay(
                begin_s=begin,
                end_s=begin + draw(st.integers(1, 20)) * 1800.0,
                arrival_wh=arrival,
                departure_wh=capacity * draw(st.integers(0, 100)) / 100,
                least_wh=capacity * 0.2,
                most_wh=capacity,
                charge_w=draw(st.integers(2, 20)) * 1000.0,
                discharge_w=draw(st.integers(0, 20)) * 1000.0,
            )
        )
    base = draw(st.lists(st.integers(0, 100), min_size=64, max_size=64))
    return load(base), stays


@settings(max_examples=25, deadline=None)
@given(fleets())
def test_groups_one_by_one_are_the_whole_programme(fleet):
    whole, stays = fleet
    everything = _Group(tuple(stays), np.ones(whole.no_ev_wh.size, dtype=bool))
    together = _lowest(whole, everything, Losses(1.05, 1.15))
    assert best_possible_peak_kw(whole, stays, Losses(1.05, 1.15)) == pytest.approx(together, abs=0.01)
