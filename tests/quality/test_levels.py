"""Spikes, loads below zero, clocks and units against the chargers: found where planted, and only there."""

import polars as pl
import pytest

from pipeline import quality
from pipeline.charging import registers_of
from tests.factories import charger_records, instant
from tests.quality.worlds import STARTS, charges, load_wh, readings, windows


def with_cars() -> tuple[list[int], list[int]]:
    energies = charges()
    return [load + energy for load, energy in zip(load_wh(), energies, strict=True)], energies


def test_a_sound_month_has_no_finding() -> None:
    loads, energies = with_cars()
    frame = windows(loads, energies)
    assert quality.spikes(frame, "main").is_empty()
    assert quality.conservation(frame, "main").is_empty()
    fits = quality.fitted_offsets(frame, registers_of(readings(energies)))
    assert quality.clock_offsets(frame, fits, 60).is_empty()
    assert quality.unit_against_chargers(frame, fits, "main").is_empty()


def test_a_spike_of_ten_times_the_mean() -> None:
    loads = load_wh()
    loads[500] = 250_000  # 1,000 kW where the mean is 70
    (row,) = quality.spikes(windows(loads), "main").rows(named=True)
    assert (row["name"], row["value"], row["span_from"]) == ("meter.spike", 1000.0, STARTS[500])


def test_a_charger_that_outgrows_its_building_is_no_spike() -> None:
    energies = [0] * len(STARTS)
    energies[500] = 250_000
    loads = [load + energy for load, energy in zip(load_wh(), energies, strict=True)]
    assert quality.spikes(windows(loads, energies), "main").is_empty()


def test_more_charged_than_metered() -> None:
    loads, energies = with_cars()
    moment = next(index for index, energy in enumerate(energies) if energy)
    energies[moment] = loads[moment] + 10_000  # 10 kWh in a quarter of an hour: 40 kW below zero
    (row,) = quality.conservation(windows(loads, energies), "main").rows(named=True)
    assert (row["name"], row["value"], row["unit"]) == ("meter.conservation", -40.0, "kW")


def test_below_the_buildings_own_history() -> None:
    """The building never falls below 36 kW: the 20 kW that a wrong register leaves of it are not to be believed."""
    loads, energies = with_cars()
    moment = next(index for index, energy in enumerate(energies) if energy)
    energies[moment] = loads[moment] - 2_500
    (row,) = quality.conservation(windows(loads, energies), "main").rows(named=True)
    assert row["value"] == 10.0


def test_a_building_that_feeds_in_may_be_below_zero() -> None:
    loads, energies = with_cars()
    energies[40] = loads[40] + 10_000
    frame = windows(loads, energies).with_columns(actual_export_wh=pl.lit(1, dtype=pl.Int64))
    assert quality.conservation(frame, "main").is_empty()


@pytest.mark.parametrize("ahead_s", [-3600, -600, -300, 300, 600, 3600])
def test_a_clock_offset_is_measured(ahead_s: int) -> None:
    loads, energies = with_cars()
    frame = windows(loads, energies)
    fits = quality.fitted_offsets(frame, registers_of(readings(energies, ahead_s)))
    (row,) = quality.clock_offsets(frame, fits, 60).rows(named=True)
    assert row["name"] == "charger.clock_offset"
    assert row["value"] == pytest.approx(ahead_s, abs=30)
    assert ("ahead of" if ahead_s > 0 else "behind") in row["sentence"]


def test_an_offset_within_a_minute_is_none() -> None:
    loads, energies = with_cars()
    frame = windows(loads, energies)
    assert quality.clock_offsets(
        frame, quality.fitted_offsets(frame, registers_of(readings(energies, 45))), 60
    ).is_empty()


def fit(offset_s: float, error_s: float, gain: float = 1.0) -> quality.Fit:
    return quality.Fit("CP1", offset_s, error_s, gain, 0.01)


@pytest.mark.parametrize(
    ("fits", "bound_s", "expected"),
    [
        ([], 60, ("bounded", None)),  # nothing moved
        ([fit(12, 5)], 60, ("measured", 12)),
        ([fit(12, 5), fit(-31, 5)], 60, ("measured", -31)),
        ([fit(12, 5), fit(20, 40)], 60, ("bounded", None)),  # give or take 78 s: the bound knows more
        ([fit(12, 5), fit(20, 40)], 90, ("measured", 20)),
        ([fit(12, 5), fit(12, 5, gain=0.5)], 60, ("bounded", None)),  # half of it behind this meter
        ([fit(111, 10), fit(12, 5)], 60, ("contradicted", 111)),
        ([fit(111, 10), fit(12, 5)], 120, ("measured", 111)),
        ([fit(109, 10)], 60, ("bounded", None)),  # 49 s beyond it is less than five standard errors, and no measurement
    ],
)
def test_clocks_are_measured_bounded_or_contradicted(
    fits: list[quality.Fit], bound_s: int, expected: tuple[str, int | None]
) -> None:
    found = quality.clock_of(fits, bound_s)
    assert (found.state, found.offset_s) == expected


def test_a_register_read_once_a_window_tells_neither_clock_nor_wiring() -> None:
    """Read in the middle of every window, it tells how much flowed, and not in which half."""
    loads, energies = with_cars()
    coarse = readings(energies, 300).gather_every(15, offset=7)
    (found,) = quality.fitted_offsets(windows(loads, energies), registers_of(coarse))
    assert (found.error_s, found.gain_error) == (float("inf"), float("inf"))
    assert quality.clock_of([found], 60).state == "bounded"


def test_a_charger_that_never_charged_tells_nothing() -> None:
    flat = charger_records([(STARTS[0], 5, 5), (STARTS[-1], 5, 5)])
    assert quality.fitted_offsets(windows(load_wh()), registers_of(flat)) == []
    assert quality.fitted_offsets(windows(load_wh()), registers_of(flat.clear())) == []


def test_kw_under_a_kwh_header_shows_against_the_chargers() -> None:
    loads, energies = with_cars()
    frame = windows([4 * load for load in loads], energies)
    fits = quality.fitted_offsets(frame, registers_of(readings(energies)))
    (row,) = quality.unit_against_chargers(frame, fits, "main").rows(named=True)
    assert row["name"] == "meter.unit"
    assert row["value"] == pytest.approx(4, abs=0.2)


BILL = 14 * 96


@pytest.mark.parametrize(("factor", "expected"), [(4, [4.0]), (0.25, [0.25]), (1000, [1000.0]), (2, []), (1, [])])
def test_a_whole_bill_in_another_unit_shows_against_the_days_before(factor: float, expected: list[float]) -> None:
    loads = [round(wh * (factor if number >= BILL else 1)) for number, wh in enumerate(load_wh())]
    frame = windows(loads)
    found = quality.unit_against_earlier(frame[BILL:], frame[:BILL], "main")
    assert found.get_column("value").to_list() == expected
    assert set(found.get_column("span_from")) <= {STARTS[BILL]}


def test_a_building_that_grew_in_part_is_in_no_other_unit() -> None:
    """Four times by day and in the mean, the same at night: a new process."""
    loads = [wh * 5 if number >= BILL and wh > 12_000 else wh for number, wh in enumerate(load_wh())]
    frame = windows(loads)
    assert quality.unit_against_earlier(frame[BILL:], frame[:BILL], "main").is_empty()


def test_too_few_days_before_prove_nothing() -> None:
    frame = windows([round(wh * (4 if number >= BILL else 1)) for number, wh in enumerate(load_wh())])
    assert quality.unit_against_earlier(frame[BILL:], frame[BILL - 5 * 96 : BILL], "main").is_empty()
    assert quality.unit_against_earlier(frame[BILL:], frame.clear(), "main").is_empty()


def stays(*rows: tuple[str, str, str, str | None]) -> pl.DataFrame:
    table = [
        {
            "charger_id": charger,
            "vehicle_id": car,
            "plugged_in_at": instant(begin),
            "plugged_out_at": instant(end) if end else None,
        }
        for charger, car, begin, end in rows
    ]
    schema = {"charger_id": pl.String, "vehicle_id": pl.String}
    times = {name: pl.Datetime("us", "UTC") for name in ("plugged_in_at", "plugged_out_at")}
    return pl.DataFrame(table, schema={**schema, **times})


def test_one_charger_with_two_cars_and_one_car_at_two_chargers() -> None:
    shared = stays(("A", "x", "07-01 08:00", "07-01 10:00"), ("A", "y", "07-01 09:30", "07-01 12:00"))
    (row,) = quality.overlapping_sessions(shared, "UTC").rows(named=True)
    assert (row["name"], row["source"], row["value"]) == ("session.overlap", "A", 30.0)
    twice = stays(("A", "x", "07-01 08:00", "07-01 10:00"), ("B", "x", "07-01 09:00", "07-01 09:30"))
    (row,) = quality.overlapping_sessions(twice, "UTC").rows(named=True)
    assert (row["source"], row["value"]) == ("x", 30.0)


def test_sessions_that_touch_or_are_still_open_do_not_overlap() -> None:
    touching = stays(
        ("A", "x", "07-01 08:00", "07-01 10:00"),
        ("A", "y", "07-01 10:00", "07-01 12:00"),
        ("A", "z", "07-01 09:00", None),
    )
    assert quality.overlapping_sessions(touching, "UTC").is_empty()
