"""Spans without a grid: 0 at the meter by physics, what cars gave counted apart and never as a saving."""

from datetime import date
from typing import Any

import polars as pl

from pipeline.chain import Prepared, Result, compute, input_hash
from pipeline.portfolio import Outage
from tests.chain.cases import V2B_DAY, meter, prepared, result
from tests.factories import charger_records, instant, site


def outage(begin: str, end: str) -> Outage:
    return Outage(instant(begin), instant(end))


AT_ONE = outage("07-01 13:00", "07-01 13:30")  # the half hour in which the car gives 2 kWh
ISLAND: dict[str, Any] = {"meter": meter({"07-01 15:00": 12_500}, leave_out=["07-01 13:00"]), "outages": [AT_ONE]}


def window(found: Prepared | Result, at: str) -> dict[str, Any]:
    frame = found.windows if isinstance(found, Prepared) else found.frames["load_interval"]
    return frame.row(by_predicate=pl.col("interval_start") == instant(at), named=True)


def test_a_dead_window_without_a_reading_is_known_and_drew_nothing_in_any_world() -> None:
    found = result(**ISLAND)
    row = window(found, "07-01 13:00")
    assert row["metered"]
    assert {row[f"{world}_import_wh"] for world in ("actual", "no_ev", "unmanaged", "managed")} == {0}
    assert (row["dead_s"], row["served_wh"], row["discharge_wh"]) == (1800, 2000, 0)
    assert found.summary["provable"]
    assert found.summary["data"]["meter_coverage_pct"] == 100


def test_what_cars_gave_then_is_stated_apart_and_adds_nothing_to_the_saving() -> None:
    """The car drew 2.5 kWh at 0.10 later, to be full again; without cars nothing was drawn for it."""
    found = result(**ISLAND, site=site(headline="no_ev")).summary
    assert found["outages"] == {"hours": 0.5, "ridden_through_hours": 0.5, "served_kwh": 2.0}
    assert found["money"]["saved"] == "-0.25"
    assert found["fleet"]["discharged_kwh"] == 0


def test_without_the_list_the_same_window_is_a_gap_and_nothing_is_proved() -> None:
    found = result(**{**ISLAND, "outages": []}).summary
    assert not found["provable"]
    assert "meter_gap" in found["reasons"]
    assert found["outages"] == {"hours": 0.0, "ridden_through_hours": 0.0, "served_kwh": 0.0}


def test_a_window_dead_in_part_needs_its_reading() -> None:
    part = [outage("07-01 13:00", "07-01 13:15")]
    missing = result(**{**ISLAND, "outages": part}).summary
    assert not missing["provable"]
    read = result(meter=meter({"07-01 13:00": 4_000, "07-01 15:00": 12_500}), outages=part)
    row = window(read, "07-01 13:00")  # registers run evenly: half of the 2 kWh was given to the island
    assert (row["dead_s"], row["served_wh"], row["discharge_wh"], row["no_ev_import_wh"]) == (900, 1000, 1000, 5000)


def test_a_meter_that_measured_energy_in_an_outage_is_believed() -> None:
    found = result(outages=[AT_ONE])
    row = window(found, "07-01 13:00")
    assert (row["dead_s"], row["served_wh"], row["no_ev_import_wh"]) == (0, 0, 10_000)
    (sentence,) = [text for text in found.summary["data"]["findings"] if "outages.csv" in text]
    assert "the meter is believed" in sentence


def test_zeros_of_a_dead_grid_are_no_missing_data() -> None:
    span = [f"07-02 {hour:02}:{minute:02}" for hour in (2, 3) for minute in (0, 30)]
    varied = {f"07-02 {hour:02}:00": 10_000 + hour for hour in range(5, 20)}
    zeros = meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500, **varied, **dict.fromkeys(span, 0)})
    listed = result(meter=zeros, outages=[outage("07-02 02:00", "07-02 04:00")]).summary
    assert listed["provable"]
    assert listed["outages"] == {"hours": 2.0, "ridden_through_hours": 0.0, "served_kwh": 0.0}
    assert not result(meter=zeros).summary["provable"]


def test_a_car_cannot_be_charged_without_a_grid_in_the_unmanaged_world() -> None:
    """It arrives at 08:00 and would draw at once; an outage from 08:00 to 09:00 lets it wait for an hour."""
    day = [(at, *rest) for at, *rest in V2B_DAY]
    day[1] = ("07-01 08:00", 0, 0, {"session_id": "a", "vehicle_id": "LEAF1", "context": "begin", "soc_pct": 80.0})
    plain = prepared(readings=charger_records(day))
    drawn = plain.windows.filter(pl.col("unmanaged_charge_wh") > 0)
    late = prepared(
        readings=charger_records(day),
        meter=meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500}, leave_out=["07-01 08:00", "07-01 08:30"]),
        outages=[outage("07-01 08:00", "07-01 09:00")],
    )
    shifted = late.windows.filter(pl.col("unmanaged_charge_wh") > 0)
    assert drawn.get_column("interval_start").min() == instant("07-01 08:00")
    assert shifted.get_column("interval_start").min() == instant("07-01 09:00")
    assert shifted.get_column("unmanaged_charge_wh").to_list() == drawn.get_column("unmanaged_charge_wh").to_list()


def test_an_outage_changes_the_hash_of_its_bill() -> None:
    assert input_hash(prepared(**ISLAND)) != input_hash(prepared(**{**ISLAND, "outages": []}))


def test_a_day_with_an_outage_is_compared_with_no_other() -> None:
    house = site(peak_window={"start": "13:00", "end": "15:00"})
    days = compute(prepared(**ISLAND, site=house)).frames["day_class"]
    row = days.row(by_predicate=pl.col("local_day") == date(2013, 7, 1), named=True)
    assert (row["day_class"], row["reason"], row["like_day"]) == ("excluded", "outage", False)
