"""Charging power as measured, never as a config key would have it."""

from dataclasses import replace

import pytest

from pipeline.charging import charge_power
from pipeline.charging.power import ChargePower
from pipeline.portfolio import Charger, Vehicle

LEAF1 = Vehicle(vehicle_id="LEAF1", usable_kwh=21.0)
CAR = {"session_id": "A", "vehicle_id": "LEAF1"}


def charger(rated_kw: float = 6.0, name: str = "CP1") -> Charger:
    return Charger(charger_id=name, rated_charge_kw=rated_kw)


def run(powers_w: list[int], soc_from: float, soc_step: float, start: float = 0, **same):
    """Rows of five-minute readings while charging at these powers."""
    register, soc = 1000, soc_from
    rows = [(start, register, 0, CAR | same | {"soc_pct": soc})]
    for number, power in enumerate(powers_w, start=1):
        register, soc = register + power * 5 // 60, soc + soc_step
        rows.append((start + 5 * number, register, 0, CAR | same | {"soc_pct": min(soc, 100.0)}))
    return rows


def test_power_is_the_register_over_time(readings):
    found = charge_power(readings(run([3600] * 10, 20, 1)), [LEAF1], [charger()])
    assert replace(found["CP1", "LEAF1"], error=0.0) == ChargePower(3600, (3600,) * 4, "measured", 0.0)


def test_the_rating_is_never_exceeded(readings):
    found = charge_power(readings(run([7200] * 10, 20, 1)), [LEAF1], [charger(6.0)])
    assert found["CP1", "LEAF1"].power_w == 6000


def test_a_last_partial_sample_does_not_lower_it(readings):
    found = charge_power(readings(run([6000, 6000, 6000, 1200], 20, 1)), [LEAF1], [charger()])
    assert replace(found["CP1", "LEAF1"], error=0.0) == ChargePower(6000, (6000,) * 4, "measured", 0.0)


def test_taper_is_read_in_steps_of_five_points_and_never_rises(readings):
    # One point of charge a sample: 75-80 at 6 kW, then 4.8, 3.6, 4.2 (held at 3.6) and 1.2 kW, and a last one.
    powers = [6000] * 5 + [4800] * 5 + [3600] * 5 + [4200] * 5 + [1200] * 5
    found = charge_power(readings(run(powers, 75, 1)), [LEAF1], [charger()])
    assert replace(found["CP1", "LEAF1"], error=0.0) == ChargePower(6000, (4800, 3600, 3600, 1200), "measured", 0.0)


def test_a_step_with_too_few_samples_takes_the_one_below(readings):
    powers = [6000] * 5 + [4800] * 2 + [3600] * 2 + [2400] * 5
    found = charge_power(readings(run(powers, 75, 2.5)), [LEAF1], [charger()])
    assert found["CP1", "LEAF1"].taper_w[:2] == (6000, 6000)


def test_charging_held_back_by_a_controller_is_no_taper(readings):
    full = run([6000] * 10, 20, 1)
    slow = run([1200] * 25, 75, 1, start=600, session_id="B")
    found = charge_power(readings([*full, *slow]), [LEAF1], [charger()])
    # 15 samples below 80 %, ten of them at 6 kW: the 95th percentile is 6 kW.
    assert replace(found["CP1", "LEAF1"], error=0.0) == ChargePower(6000, (6000,) * 4, "measured", 0.0)


def test_samples_over_an_hour_apart_say_nothing(readings):
    rows = [(minute, register, 0, CAR) for minute, register in ((0, 0), (90, 9000), (180, 18000), (270, 27000))]
    assert charge_power(readings(rows), [LEAF1], [charger()])["CP1", "LEAF1"].source == "rated"


def test_a_pair_never_seen_takes_the_chargers_own_power_else_the_rating(readings):
    stranger = Vehicle(vehicle_id="LEAF2", usable_kwh=21.0)
    found = charge_power(readings(run([3600] * 10, 20, 1)), [LEAF1, stranger], [charger(), charger(5.0, "CP2")])
    assert found["CP1", "LEAF2"].power_w == 3600
    assert found["CP2", "LEAF1"] == ChargePower(5000, (5000,) * 4, "rated")


def test_a_log_that_names_no_car_is_kept_under_the_charger(readings):
    found = charge_power(readings(run([3600] * 10, 20, 1, vehicle_id=None)), [], [charger()])
    assert replace(found["CP1", "CP1"], error=0.0) == ChargePower(3600, (3600,) * 4, "measured", 0.0)


def test_energy_between_sessions_is_no_power_sample(readings):
    rows = [(5 * number, 500 * number, 0, {"session_id": str(number)}) for number in range(8)]
    assert charge_power(readings(rows), [], [charger()])["CP1", "CP1"].source == "rated"


def test_order_of_readings_does_not_matter(readings):
    rows = run([6000] * 5 + [4800] * 5 + [3600] * 12, 75, 1)
    ordered, mixed = (charge_power(readings(each), [LEAF1], [charger()]) for each in (rows, rows[::-1]))
    assert ordered == mixed


def test_the_power_is_known_as_well_as_whole_charges_agree(readings):
    """Seven samples each at 5,760, 5,880 and 6,000 W: the median lies 120 W off, the quartiles 120 W apart.

    120 W / 1.35 / sqrt(3) are 51 W of standard error, and 1.96 of them 101 W. All rises (480, 490 and 500 Wh) are
    multiples of 10 Wh, of which the charge in the middle had 343.
    """
    charges = [run([power] * 7, 20, 1, start=600 * n, session_id=f"S{n}") for n, power in enumerate((5760, 5880, 6000))]
    found = charge_power(readings([row for charge in charges for row in charge]), [LEAF1], [charger()])
    assert found["CP1", "LEAF1"].power_w == 6000
    assert found["CP1", "LEAF1"].error == pytest.approx((120 + 1.96 * 120 / 1.35 / 3**0.5) / 6000 + 1 / 343)


def test_a_coarse_register_does_not_tell_power_well(readings):
    """4.8 kW every minute in steps of 100 Wh: four samples of 6 kW and one of 0, the step a quarter of each four."""
    rows = [(minute, 1000 + minute * 80 // 100 * 100, 0, CAR | {"soc_pct": 20.0}) for minute in range(61)]
    found = charge_power(readings(rows), [LEAF1], [charger()])["CP1", "LEAF1"]
    assert (found.power_w, found.error) == (6000, 0.25)


def test_a_power_that_only_the_rating_tells_is_known_to_a_tenth(readings):
    found = charge_power(readings(run([5000] * 2, 20, 1)), [LEAF1], [charger()])
    assert (found["CP1", "LEAF1"].source, found["CP1", "LEAF1"].error) == ("rated", 0.1)
    assert found["CP1", "LEAF1"].off_by(-1).power_w == round(0.9 * found["CP1", "LEAF1"].power_w)
