"""What a draw makes of a charger: gains, clocks, registers between readings, and the model's parameters, by hand."""

from typing import Any

import numpy as np
import pytest

from pipeline.charging import Counter
from pipeline.uncertainty import DRAWS, IN_STEP, Axis, ChargerSource, Clock, DrawnSet, Sources, signed

HOUR_MS = 3_600_000
STARTS = np.arange(6) * HOUR_MS
MINUTES = np.arange(0, 361, 10)


SELDOM = np.array([0, 130, 140, 145, 220, 230, 360])


def counter(minutes: np.ndarray[Any, Any] = MINUTES) -> Counter:
    """6 kW from the second hour to the fourth; one Wh more says that the register counts single ones."""
    values = np.clip(minutes - 120, 0, 120) * 100 + (minutes > 130)
    return Counter.of(minutes * 60_000, values.astype(np.int64))


def sources(**changes: object) -> Sources:
    charger = {
        "charger_id": "CP1",
        "accuracy": 0.0,
        "conversion": 0.0,
        "clock": Clock(0.0),
        "imported": None,
        "exported": counter(),
    }
    of_charger = {name: value for name, value in changes.items() if name in charger}
    base = {
        "site_id": "s",
        "starts": STARTS,
        "ends": STARTS + HOUR_MS,
        "live": np.ones(6, dtype=bool),
        "chargers": [ChargerSource(**{**charger, **of_charger})],  # type: ignore[arg-type]
        "meter_accuracy": 0.0,
    }
    rest = {name: value for name, value in changes.items() if name not in charger}
    return Sources(**{**base, **rest})  # type: ignore[arg-type]


def deviations_of(drawn: Sources, **kinds: bool) -> np.ndarray[Any, Any]:
    """By how much the draws lie beside the rebuilt world in every window."""
    found = drawn.deviations(DrawnSet(**kinds))
    spread = np.zeros((DRAWS, len(STARTS)))
    spread[:, found.windows] = found.wh
    return spread


def test_a_register_read_at_every_edge_and_change_leaves_nothing() -> None:
    off = deviations_of(sources())
    assert not off.any()


def test_a_gain_scales_what_flowed_in_every_window_alike() -> None:
    """6 kWh in each of two hours; 1 % of it is 60 Wh."""
    off = deviations_of(sources(accuracy=0.01), noisy=False)
    expected = np.zeros((DRAWS, 6))
    expected[:, 2:4] = 60 * signed("s", "CP1", "gain")[:, None]
    np.testing.assert_allclose(off, expected, atol=0.02)


def test_the_meters_gain_is_one_for_all_chargers() -> None:
    off = deviations_of(sources(meter_accuracy=0.005), noisy=False)
    np.testing.assert_allclose(off[:, 2], 30 * signed("s", "meter"), atol=0.01)


def test_a_clock_that_is_off_moves_energy_between_windows_and_makes_none() -> None:
    """A minute at 6 kW is 100 Wh, from the first hour into the one before or from the last into the one after."""
    off = deviations_of(sources(clock=Clock(60.0)), noisy=False)
    np.testing.assert_allclose(off.sum(axis=1), 0, atol=1e-9)
    assert np.abs(off[:, 2]).max() == pytest.approx(100, rel=0.05)
    ahead = 60 * signed("s", "CP1", "clock") > 0
    assert (off[ahead, 1] >= 0).all()
    assert (off[~ahead, 4] >= 0).all()


def test_a_measured_clock_is_drawn_around_zero_within_its_error() -> None:
    narrow = deviations_of(sources(clock=Clock(60.0, 5.0)), noisy=False)
    wide = deviations_of(sources(clock=Clock(60.0)), noisy=False)
    assert 0 < np.std(narrow[:, 2]) < np.std(wide[:, 2]) / 3


def test_between_two_readings_a_register_may_run_ahead_or_behind() -> None:
    """1,000 Wh until minute 130, and 6 kW at most: at minute 120 the register held none of them or nearly all."""
    off = deviations_of(sources(exported=counter(SELDOM)))
    told = counter(SELDOM).at(STARTS[1:])
    assert np.diff(told)[0] + off[:, 1].min() >= -1  # no register falls
    assert off[:, 1].min() < -350
    assert np.abs(off.sum(axis=1)).max() <= 1


def test_power_that_changes_where_windows_begin_is_found_behind_a_clock_that_is_off() -> None:
    """6 kW from the second hour to the fourth by a clock 30 s ahead: 50 Wh seem to flow in the hour after."""
    minutes = np.arange(0.0, 361.0, 1.0)
    values = (np.clip(minutes - 120, 0, 120) * 100).astype(np.int64)
    late = Counter.of(((minutes * 60 + 30) * 1000).astype(np.int64), values)
    off = deviations_of(sources(exported=late, clock=Clock(60.0)), noisy=False)
    assert np.diff(late.at(np.append(STARTS, 6 * HOUR_MS)))[[2, 4]].tolist() == [5950, 50]
    np.testing.assert_allclose(off[IN_STEP], np.tile([0, 0, 50, 0, -50, 0], (98, 1)), atol=3)
    assert off[~IN_STEP][:, 2].min() < -50  # the others take the clock to be off by as much again


@pytest.mark.parametrize("lot", range(6))
def test_steps_are_found_by_what_was_given_though_charging_begins_at_any_time(lot: int) -> None:
    """10 days of 3 kW from the second hour to the fourth, and 22 kW for 40 minutes from a minute drawn by lot."""
    days, late_ms = 10, 30_000
    minutes = np.arange(days * 1440 + 1)
    of_day, begin = minutes % 1440, np.random.default_rng(lot).integers(600, 900, days + 1)[minutes // 1440]
    registers = {
        "exported": np.cumsum(((of_day > 120) & (of_day <= 240)) * 50),
        "imported": np.cumsum(((of_day > begin) & (of_day <= begin + 40)) * 367),
    }
    starts = np.arange(days * 24) * HOUR_MS
    found = sources(
        **{name: Counter.of(minutes * 60_000 + late_ms, values) for name, values in registers.items()},
        clock=Clock(60.0),
        starts=starts,
        ends=starts + HOUR_MS,
        live=np.ones(len(starts), dtype=bool),
    ).deviations(DrawnSet(noisy=False))
    by_hour = dict(zip(found.windows.tolist(), found.wh[IN_STEP][0], strict=True))
    assert [by_hour.get(hour, 0) for hour in range(1, 5)] == pytest.approx([0, 25, 0, -25], abs=3)


def test_where_power_changed_more_than_once_the_line_stays_straight() -> None:
    """6 kW, 3.6 kW for 15 minutes, 6 kW: between both readings no one step tells it."""
    register = Counter.of(np.arange(5) * 900_000, np.array([0, 1500, 2400, 3900, 3900]))
    within = np.array([900_000 + 360_000])
    assert register.stepped(within) == pytest.approx(1500 + 360)
    assert register.stepped(within) == pytest.approx(register.at(within))


def test_power_that_changes_between_two_readings_is_found_by_those_around_them() -> None:
    """3 kW until the third hour and 6 kW after it, read seven minutes before that and eight after: 1,150 Wh between."""
    minutes = np.array([0, 120, 130, 140, 150, 160, 173, 188, 200, 210, 220, 230, 240, 360])
    exact = np.clip(minutes - 120, 0, 60) * 50 + np.clip(minutes - 180, 0, 60) * 100
    off = deviations_of(sources(exported=Counter.of(minutes * 60_000, exact + (minutes > 130))), noisy=False)
    chord = 50 * 53 + 1150 * 7 / 15
    np.testing.assert_allclose(off[IN_STEP][:, 2], 3000 - chord, atol=3)
    np.testing.assert_allclose(off[IN_STEP][:, 3], chord - 3000, atol=3)
    assert not deviations_of(sources(exported=counter(SELDOM), steps=False), noisy=False).any()


def test_flat_registers_leave_no_width_at_all() -> None:
    flat = Counter.of(MINUTES * 60_000, np.full(len(MINUTES), 7, dtype=np.int64))
    wide = {"accuracy": 0.05, "clock": Clock(300.0), "imported": flat, "exported": flat, "dc_chance": 1.0}
    assert not deviations_of(sources(**wide)).any()


def test_windows_that_are_not_live_are_never_moved() -> None:
    live = np.array([True, True, True, False, True, True])
    off = deviations_of(sources(accuracy=0.01, clock=Clock(60.0), live=live, exported=counter(SELDOM)))
    assert not off[:, 3].any()


def test_a_register_on_the_dc_side_tells_too_much_given_and_too_little_taken() -> None:
    off = deviations_of(sources(dc_chance=1.0), noisy=False)
    assert (off[:, 2] <= -0.04 * 6000).all()
    assert (off[:, 2] >= -0.07 * 6000).all()
    assert not deviations_of(sources(dc_chance=0.0), noisy=False).any()


def test_a_parameter_of_the_model_moves_between_the_ends_of_its_range() -> None:
    drawn = {"CP1": np.array([0, 1000, 500, 0, 0, 0])}
    axis = Axis({"CP1": np.array([0, 1000, 400, 0, 0, 0])}, {"CP1": np.array([0, 1000, 700, 0, 0, 0])}, signed("p"))
    off = deviations_of(sources(drawn=drawn, axes=[axis]), noisy=False)
    position = signed("p")
    np.testing.assert_allclose(off[:, 2], np.where(position > 0, 200, 100) * position, atol=1e-9)
    assert not deviations_of(sources(drawn=drawn, axes=[axis]), noisy=False, modelled=False).any()
