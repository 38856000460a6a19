"""Departures: ready, short or unknown."""

from typing import Any

import pytest

from pipeline.fleet import (
    Departures,
    Missing,
    Observed,
    departing,
    departures,
    equivalent_full_cycles,
    fleet_section,
    missing_at_departure,
    reserve_violations,
    unstated_fleet,
)
from tests.factories import charger_records, charging_sessions, instant

JULY = (instant("07-01"), instant("08-01"))


def leaving(soc_out_pct: float | None, at: str = "07-10 18:45", **more: Any) -> dict[str, Any]:
    return {"plugged_in_at": "07-10 08:00", "plugged_out_at": at, "soc_out_pct": soc_out_pct, **more}


def classified(*rows: dict[str, Any], targets: dict[str, float] | None = None) -> tuple[int, int, int, int]:
    found = departures(departing(charging_sessions(rows), JULY, {"LEAF1": 80.0} if targets is None else targets))
    assert found.ready + found.short + found.unknown == found.departures
    return found.departures, found.ready, found.short, found.unknown


def test_departures_are_ready_short_or_unknown() -> None:
    rows = [leaving(80.0), leaving(100.0), leaving(79.9), leaving(None)]
    assert classified(*rows) == (4, 2, 1, 1)


def test_the_target_of_the_session_goes_before_the_configured_one() -> None:
    assert classified(leaving(85.0, target_soc_pct=90.0), leaving(60.0, target_soc_pct=55.0)) == (2, 1, 1, 0)


def test_a_car_nobody_configured_must_leave_full() -> None:
    other = {"vehicle_id": "VISITOR"}
    assert classified(leaving(99.0, **other), leaving(100.0, **other)) == (2, 1, 1, 0)
    assert classified(leaving(99.0), leaving(100.0), targets={}) == (2, 1, 1, 0)


def test_where_a_log_names_no_car_the_charger_stands_for_it() -> None:
    assert classified(leaving(100.0, vehicle_id=None), leaving(99.0, vehicle_id=None)) == (2, 1, 1, 0)


def test_the_decimals_a_log_writes_leave_no_car_short() -> None:
    assert classified(leaving(79.9999999), leaving(79.9999)) == (2, 1, 1, 0)


def test_a_car_departs_in_the_bill_its_session_ends_in() -> None:
    """The span is half-open: midnight of the first day counts, midnight after the last does not."""
    rows = [leaving(80.0, "07-01 00:00"), leaving(80.0, "08-01 00:00"), leaving(80.0, "06-30 23:59")]
    assert classified(*rows) == (1, 1, 0, 0)


def test_a_car_still_plugged_in_has_not_departed() -> None:
    assert classified(leaving(80.0, complete=False)) == (0, 0, 0, 0)


def test_without_departures_there_is_no_share() -> None:
    assert departures(departing(charging_sessions([]), JULY, {"LEAF1": 80.0})).ready_pct is None
    assert Departures(8, 6, 1, 1).ready_pct == 75.0


def missing(*sessions: dict[str, Any], usable_wh: float | None = 20_000.0) -> Missing | None:
    cars = {} if usable_wh is None else {"LEAF1": usable_wh}
    left = departing(charging_sessions(sessions), JULY, {"LEAF1": 80.0})
    return missing_at_departure(left, cars, {"CP1": 5_000.0})


def test_what_short_departures_lacked_is_told_in_energy_and_time() -> None:
    """10 and 5 points of 20 kWh are 2 and 1 kWh; at 5 kW into the battery 24 and 12 minutes."""
    assert missing(leaving(70.0), leaving(75.0), leaving(95.0), leaving(None)) == Missing(3.0, 36.0)
    assert missing(leaving(80.0)) == Missing(0.0, 0.0)


def test_a_capacity_that_is_not_known_leaves_it_open_only_where_a_car_was_short() -> None:
    assert missing(leaving(70.0), usable_wh=None) is None
    assert missing(leaving(90.0), usable_wh=None) == Missing(0.0, 0.0)


def test_cycles_are_throughput_over_twice_the_capacity() -> None:
    """30 kWh in and 10 kWh out of 20 kWh: one full cycle."""
    assert equivalent_full_cycles(30_000, 10_000, 20_000) == 1.0
    assert equivalent_full_cycles(30_000, 10_000, 0) is None


def test_the_block_of_the_summary_by_hand() -> None:
    block = fleet_section(Departures(4, 3, 1, 0), 30_000, 10_000, 20_000, 0.83, Observed())
    assert block == {
        "departures": 4,
        "ready": 3,
        "short": 1,
        "unknown": 0,
        "ready_pct": 75.0,
        "charged_kwh": 30.0,
        "discharged_kwh": 10.0,
        "round_trip_efficiency": 0.83,
        "equivalent_full_cycles": 1.0,
        "availability_pct": None,
        "reserve_violations": None,
        "short_kwh": None,
        "short_minutes": None,
        "available_at_peak_pct": None,
    }
    assert unstated_fleet() == dict.fromkeys(block)


@pytest.mark.parametrize(("discharge_wh", "efficiency"), [(0, None), (1, 0.83)])
def test_without_discharge_no_round_trip_is_stated(discharge_wh: int, efficiency: float | None) -> None:
    assert (
        fleet_section(Departures(0, 0, 0, 0), 5, discharge_wh, 1.0, 0.83, Observed())["round_trip_efficiency"]
        == efficiency
    )


JULY = (instant("07-01 00:00"), instant("08-01 00:00"))


def violated(*rows: Any, reserve_pct: float = 20.0) -> int | None:
    return reserve_violations(charger_records(rows), JULY, {"LEAF1": reserve_pct})


def at(hour: str, given_wh: int, soc_pct: float | None, session: str = "a", vehicle: str | None = None) -> Any:
    return (hour, 0, given_wh, {"session_id": session, "vehicle_id": vehicle, "soc_pct": soc_pct})


def test_a_session_in_which_a_car_gives_below_its_reserve_counts_once() -> None:
    start = at("07-01 13:00", 0, 25.0, vehicle="LEAF1")
    assert violated(start, at("07-01 13:30", 1000, 20.0)) == 0
    assert violated(start, at("07-01 13:30", 1000, 19.5), at("07-01 14:00", 2000, 15.0)) == 1
    assert violated(start, at("07-01 13:30", 1000, 19.5), reserve_pct=10) == 0


def test_a_car_that_comes_empty_and_gives_nothing_violates_nothing() -> None:
    assert violated(at("07-01 13:00", 5, 10.0, vehicle="LEAF1"), at("07-01 14:00", 5, 12.0)) == 0


def test_a_session_is_that_of_the_car_it_names_first() -> None:
    """Another car named later does not change whose reserve counts, and no session is no car's."""
    given = [at("07-01 13:00", 0, 25.0, vehicle="LEAF1"), at("07-01 13:30", 1000, 15.0, vehicle="VAN")]
    reserves = {"LEAF1": 20.0, "VAN": 10.0}
    assert reserve_violations(charger_records(given), JULY, reserves) == 1
    assert reserve_violations(charger_records(given), JULY, {"VAN": 20.0}) is None
    idle = [
        (hour, 0, wh, {"vehicle_id": "LEAF1", "soc_pct": 15.0}) for hour, wh in (("07-01 13:00", 0), ("07-01 14:00", 9))
    ]
    assert reserve_violations(charger_records(idle), JULY, reserves) is None


def test_other_months_other_cars_and_cars_without_a_charge_say_nothing() -> None:
    assert violated(at("06-30 13:00", 0, 25.0, vehicle="LEAF1"), at("06-30 13:30", 1000, 10.0)) is None
    assert violated(at("07-01 13:00", 0, 25.0, vehicle="OTHER"), at("07-01 13:30", 1000, 10.0)) is None
    assert violated(at("07-01 13:00", 0, None, vehicle="LEAF1"), at("07-01 13:30", 1000, None)) is None
    assert reserve_violations(charger_records([at("07-01 13:00", 0, 25.0)]), JULY, {}) is None
