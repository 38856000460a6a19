"""The cheapest bill by hand: two hours of power prices, demand above a floor, wear, and energy fed in."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.fleet import DemandPrice, Losses, PeakLoad, Prices, Stay, best_possible_peak_kw, cheapest_plan
from tests.fleet.test_capture import fleets

HOUR = 3600.0
LOSSLESS = Losses(1.0, 1.0)
CAR = Stay(0.0, 4 * HOUR, 20_000, 20_000, 4_000, 40_000, 10_000, 10_000)
EVERY = np.ones(4, dtype=bool)


def prices(bought, sold=(0, 0, 0, 0), demands=(), wear=0.0):
    return Prices(np.asarray(bought, dtype=float), np.asarray(sold, dtype=float), tuple(demands), wear)


def plan_kw(load_kw, found, stay=CAR, losses=LOSSLESS):
    plan = cheapest_plan(np.arange(5) * HOUR, np.asarray(load_kw, dtype=float) * 1000, [stay], found, losses)
    return [round(wh / 1000, 3) for wh in plan.net_wh]


def test_it_buys_in_the_cheap_hours_what_it_gives_in_the_dear_ones():
    assert plan_kw([20, 20, 20, 20], prices([0.1, 0.2, 0.5, 0.3])) == [30.0, 30.0, 10.0, 10.0]


def test_what_giving_loses_and_wears_has_to_be_earned():
    dear = prices([0.30, 0.30, 0.36, 0.30])
    assert plan_kw([20, 20, 20, 20], dear) == [20.0, 20.0, 10.0, 20.0] or sum(plan_kw([20] * 4, dear)) == 80.0
    assert plan_kw([20, 20, 20, 20], dear, losses=Losses(1.1, 1.1)) == [20.0] * 4
    assert plan_kw([20, 20, 20, 20], prices([0.30, 0.30, 0.36, 0.30], wear=0.07)) == [20.0] * 4


def test_demand_is_cut_down_to_its_floor_and_no_further():
    flat = [0.2] * 4

    def peak(floor_kw):
        return max(plan_kw([10, 20, 30, 20], prices(flat, demands=[DemandPrice(EVERY, 10.0, floor_kw)], wear=0.01)))

    assert peak(0.0) == 20.0
    assert peak(26.0) == 26.0
    assert peak(40.0) == 30.0


def test_a_demand_charge_looks_at_its_own_hours():
    first_two = DemandPrice(np.array([True, True, False, False]), 10.0, 0.0)
    kw = plan_kw([30, 10, 24, 24], prices([0.2] * 4, demands=[first_two], wear=0.01))
    assert max(kw[:2]) == 20.0


def test_energy_is_fed_in_only_where_that_earns():
    idle = [0, 0, 0, 0]
    assert plan_kw(idle, prices([0.1, 0.1, 0.4, 0.1], sold=[0, 0, 0.3, 0]))[2] == -10.0
    assert plan_kw(idle, prices([0.1, 0.1, 0.4, 0.1], sold=[0, 0, 0.05, 0])) == [0.0] * 4
    # what is sold above the price it is bought for would be drawn and fed in at once: it counts as that price
    assert plan_kw(idle, prices([0.1] * 4, sold=[0, 0, 9, 0], wear=0.01)) == [0.0] * 4


def test_a_car_that_has_to_leave_full_is_filled_where_it_is_cheapest():
    hungry = dataclasses.replace(CAR, departure_wh=36_000)
    assert plan_kw([20] * 4, prices([0.25, 0.1, 0.2, 0.3]), hungry) == [20.0, 30.0, 30.0, 16.0]


@settings(max_examples=15, deadline=None)
@given(fleets())
def test_a_bill_of_demand_alone_reaches_the_lowest_peak(fleet):
    whole, stays = fleet
    everywhere = np.ones(whole.no_ev_wh.size, dtype=bool)
    nothing = np.zeros(whole.no_ev_wh.size)
    losses = Losses(1.05, 1.15)
    only_demand = Prices(nothing, nothing, (DemandPrice(everywhere, 1.0, 0.0),))
    plan = cheapest_plan(whole.edges_s, whole.no_ev_wh, stays, only_demand, losses)
    reached = PeakLoad(whole.edges_s, whole.no_ev_wh, whole.no_ev_wh, everywhere).peak_kw(plan.net_wh, everywhere)
    assert max(reached, 0.0) == pytest.approx(max(best_possible_peak_kw(whole, stays, losses), 0.0), abs=0.01)
