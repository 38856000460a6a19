"""Readings on the meter's clock: moved back by what a clock is ahead, by charger."""

from datetime import timedelta

from pipeline.charging import on_the_meters_clock
from tests.factories import charger_records, instant


def test_a_clock_ahead_stamped_its_readings_too_late() -> None:
    frame = charger_records([("07-01 13:00", 0, 0), ("07-01 13:00", 5, 0, {"charger_id": "CP2"})])
    moved = on_the_meters_clock(frame, {"CP1": 40.25})
    assert moved.get_column("measured_at").to_list() == [
        instant("07-01 13:00") - timedelta(seconds=40, milliseconds=250),
        instant("07-01 13:00"),
    ]
    assert moved.schema == frame.schema
    assert moved.drop("measured_at").equals(frame.drop("measured_at"))


def test_a_clock_behind_stamped_them_too_early() -> None:
    frame = charger_records([("07-01 13:00", 0, 0)])
    assert on_the_meters_clock(frame, {"CP1": -12.0}).item(0, "measured_at") == instant("07-01 13:00:12")
    assert on_the_meters_clock(frame, {}) is frame
