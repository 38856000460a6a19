from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.simulate.controller import Day, charge_now, charged_now, limits_of, run_armed_day, unmanaged
from pipeline.simulate.draws import Draws
from pipeline.simulate.fleet import Stay
from pipeline.simulate.planner import plan_discharge

LIMITS = limits_of(6000, 21_000, 20)
# a day of 30-minute windows; steps of 5 minutes: 13:00 is step 156, 16:00 step 192
FLAT = dict.fromkeys(range(48), 300_000)
DAY = Day(FLAT, range(26, 32), 6, 9_000, careless=False)


def _battery(profile):
    """The battery at every step, from the charger's energies alone."""
    level, levels = profile.energy_in, []
    for charge, discharge in zip(profile.charge, profile.discharge, strict=True):
        assert charge == 0 or discharge == 0
        assert charge * 23 % 25 == 0
        assert discharge * 25 % 23 == 0
        level += charge * 23 // 25 - discharge * 25 // 23
        levels.append(level)
    return levels


def test_full_power_is_500_wh_a_step_and_the_battery_gets_460():
    # 6 kW for 5 minutes; 2,300 Wh missing are five steps
    assert charge_now(LIMITS, 18_700, 21_000, 8) == [500, 500, 500, 500, 500, 0, 0, 0]
    # 1,403 Wh = 3 x 460 + 23: a last, partial step of 25 Wh
    assert charge_now(LIMITS, 19_597, 21_000, 5) == [500, 500, 500, 25, 0]


def test_unmanaged_is_capped_at_plug_out_and_aims_no_higher_than_the_actual_departure_then():
    stay = Stay(0, 0, 3, 0)
    late = unmanaged(LIMITS, stay, 18_700, 21_000)
    assert late.charge == [500, 500, 500]
    short = unmanaged(LIMITS, stay, 18_700, 18_700 + 460)
    assert short.charge == [500, 0, 0]


def test_plan_holds_the_line_it_names():
    load = {0: 10_000, 1: 12_300, 2: 11_150}
    plan = plan_discharge(load, [23 * 40, 23 * 40], [range(3), range(3)], 126, 2_300)
    assert plan.target_wh == 10_000
    for window, wh in load.items():
        assert wh - 23 * sum(car.get(window, 0) for car in plan.units) <= 10_000


def test_plan_gives_what_it_can_when_the_cut_is_too_deep():
    # one car may give 23 units of 23 Wh: the highest window falls from 10,000 to 9,471
    plan = plan_discharge({0: 10_000, 1: 5_000}, [23], [range(2)], 126, 10_000)
    assert plan.units == [{0: 23}]
    assert plan.target_wh == 10_000 - 23 * 23


def test_following_the_load_gives_no_more_than_the_load():
    # 40 Wh a window hold one unit of 23; the car's 23 units must be whole, and only 22 fit: it gives none
    plan = plan_discharge(dict.fromkeys(range(22), 40), [23], [range(22)], 126, 10_000, follow_load=True)
    assert sum(plan.units[0].values()) == 0
    plan = plan_discharge(dict.fromkeys(range(23), 40), [23], [range(23)], 126, 10_000, follow_load=True)
    assert plan.units == [dict.fromkeys(range(23), 1)]


def test_charging_waits_for_its_hour_even_before_the_peak_window():
    # plugged in at 11:40, gives from 13:00 to 16:00, waits until 17:00 (step 204), leaves full
    stay = Stay(0, 140, 235, 23 * 100)
    day = replace(DAY, careless=True, recharge_step=204, cut_wh=1_000)
    (profile,) = run_armed_day(LIMITS, day, [stay], [21_000 - stay.driven_wh])
    assert sum(profile.charge[: 204 - 140]) == 0
    assert profile.charge[204 - 140] == 500
    assert profile.energy_out == 21_000


cars = st.lists(
    st.tuples(
        st.integers(80, 175),  # arrival step, 06:40 to 14:35
        st.integers(215, 240),  # departure step, 17:55 to 20:00
        st.integers(50, 500).map(lambda count: 23 * count),  # driven
    ),
    min_size=1,
    max_size=6,
)
loads = st.lists(st.integers(250_000, 300_000), min_size=48, max_size=48)


@settings(max_examples=60, deadline=None)
@given(cars, loads, st.integers(0, 20_000), st.booleans())
def test_no_battery_leaves_its_limits_and_every_car_leaves_full(fleet, load, cut_wh, careless):
    stays = [Stay(number, first, end, driven) for number, (first, end, driven) in enumerate(fleet)]
    day = replace(DAY, load_wh=dict(enumerate(load)), cut_wh=cut_wh, careless=careless)
    arrivals = [21_000 - stay.driven_wh for stay in stays]
    for profile, arrival in zip(run_armed_day(LIMITS, day, stays, arrivals), arrivals, strict=True):
        levels = _battery(profile)
        assert len(levels) == profile.stay.end - profile.stay.first
        assert min(levels) >= min(arrival, LIMITS.floor_wh)
        assert max(levels) <= 21_000
        assert levels[-1] == profile.energy_out == 21_000
        assert max(profile.charge) <= 500
        assert max(profile.discharge) <= 500
        outside = [wh for step, wh in enumerate(profile.discharge, profile.stay.first) if not 156 <= step < 192]
        assert sum(outside) == 0


@settings(max_examples=40, deadline=None)
@given(cars, loads, st.integers(0, 20_000))
def test_a_careful_controller_never_ends_above_plain_charging(fleet, load, cut_wh):
    stays = [Stay(number, first, end, driven) for number, (first, end, driven) in enumerate(fleet)]
    day = replace(DAY, load_wh=dict(enumerate(load)), cut_wh=cut_wh)
    arrivals = [21_000 - stay.driven_wh for stay in stays]

    def peak(profiles):
        net = dict(enumerate(load))
        for profile in profiles:
            for step, (charge, discharge) in enumerate(
                zip(profile.charge, profile.discharge, strict=True), profile.stay.first
            ):
                net[step // 6] += charge - discharge
        return max(net[window] for window in range(26, 48))

    plain = [charged_now(LIMITS, stay, energy) for stay, energy in zip(stays, arrivals, strict=True)]
    assert peak(run_armed_day(LIMITS, day, stays, arrivals)) <= peak(plain)


@given(st.integers(0, 10**6), st.integers(-500, 500), st.integers(0, 1000))
def test_draws_stay_in_their_bounds_and_repeat(seed, low, width):
    first, again = Draws(seed, "a"), Draws(seed, "a")
    drawn = [first.between(low, low + width) for _ in range(20)]
    assert drawn == [again.between(low, low + width) for _ in range(20)]
    assert low <= min(drawn) <= max(drawn) <= low + width
    assert -width <= first.bell(width) <= width
    assert len(set(first.sample(range(10), 4))) == 4


def test_draws_are_these_numbers_on_every_machine():
    draws = Draws(1, "site", "purpose")
    assert [draws.between(0, 999) for _ in range(5)] == [591, 993, 700, 993, 315]
