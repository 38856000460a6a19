"""What charger logs lack and what their registers needed: one finding per charger and kind, inside the bill only."""

import polars as pl
import pytest

from pipeline import quality
from pipeline.charging import interval_energy, repair_registers, sessions
from tests.charging.conftest import Readings, moment, readings

__all__ = ["readings"]

SPAN = (moment(0), moment(24 * 60))
GRID = pl.DataFrame({"interval_start": [moment(30 * n) for n in range(48)]}).with_columns(
    pl.col("interval_start").cast(pl.Datetime("us", "UTC")), duration_s=pl.lit(1800)
)


def repairs(table: pl.DataFrame, span=SPAN, zone: str = "Asia/Tokyo") -> list[tuple]:
    repaired = repair_registers(table)
    found = quality.register_repairs(repaired.repairs, interval_energy(repaired.readings, GRID), span, zone)
    assert found.schema == pl.Schema(quality.FINDING)
    return found.select("name", "source", "value", "unit").rows()


def test_a_register_that_only_rises_needs_nothing(readings: Readings) -> None:
    assert repairs(readings([(n, 100 * n, 50 * n) for n in range(10)])) == []


def test_a_register_that_counts_sessions_says_how_much_rests_on_it(readings: Readings) -> None:
    begin = {"context": "begin"}
    rows = [
        (0, 0, None, {"session_id": "s1", **begin}),
        (30, 3000, None, {"session_id": "s1"}),
        (60, 0, None, {"session_id": "s2", **begin}),
        (90, 2500, None, {"session_id": "s2"}),
    ]
    assert repairs(readings(rows)) == [("charger.register_session", "CP1", 5.5, "kWh")]


def test_a_reset_and_an_ignored_value_are_told_with_their_local_time(readings: Readings) -> None:
    table = readings([(0, 90_000, None), (5, 300, None), (10, 90_400, None), (20, 10, None), (30, 60, None)])
    assert repairs(table) == [
        ("charger.register_ignored", "CP1", 1.0, "1"),
        ("charger.register_reset", "CP1", 1.0, "1"),
    ]
    repaired = repair_registers(table)
    found = quality.register_repairs(repaired.repairs, interval_energy(repaired.readings, GRID), SPAN, "Asia/Tokyo")
    assert found["sentence"][0] == (
        "Charger CP1: 1 values of its register of energy into cars were ignored, the first of 2013-07-10 09:05 local "
        "time: no counter can have shown them."
    )
    assert found.select("span_from", "span_to").rows() == [(moment(5), moment(5)), (moment(10), moment(20))]


def test_what_happened_outside_the_bill_is_not_told(readings: Readings) -> None:
    table = readings([(0, 90_000, None), (10, 10, None), (20, 60, None)])
    later = (moment(15), moment(60))
    assert repairs(table, later) == []
    assert repairs(table, (moment(5), moment(60))) == [("charger.register_reset", "CP1", 1.0, "1")]


def test_integrated_power_is_told_per_direction(readings: Readings) -> None:
    table = readings([(minute, None, None, {"power_w": 6000}) for minute in (0, 10, 20, 30)])
    assert repairs(table) == [("charger.register_integrated", "CP1", 3.0, "kWh")]


def flowing(readings: Readings, minutes: list[float]) -> pl.DataFrame:
    return readings([(minute, round(100 * minute), 0, {"session_id": "s"}) for minute in minutes])


def test_lost_samples_are_a_share_of_those_due(readings: Readings) -> None:
    """Of 60 steps of five minutes, three samples are lost one at a time: 57 heard, 3 of 60 lost."""
    heard = [5 * n for n in range(61) if n not in {10, 20, 40}]
    found = quality.missing_samples(flowing(readings, heard), SPAN)
    assert found.select("name", "value", "unit", "span_from", "span_to").rows() == [
        ("charger.samples_missing", 5.0, "%", moment(55), moment(205))
    ]


@pytest.mark.parametrize(
    "heard",
    [
        [5 * n for n in range(61)],
        [5 * n for n in range(61) if n not in {10, 20}],  # two: the charger was slow
        [5 * n + (n % 2) for n in range(61)],  # jitter
        [n * n / 10 for n in range(61)],  # on change, with no usual step
    ],
)
def test_what_a_log_may_do_is_no_lost_sample(readings: Readings, heard: list[float]) -> None:
    assert quality.missing_samples(flowing(readings, heard), SPAN).is_empty()


def test_silence_while_nothing_flows_is_no_lost_sample(readings: Readings) -> None:
    rows = [(5 * n, 1000 * min(n, 20), 0, {"session_id": "s"}) for n in range(61) if n < 21 or n == 60]
    assert quality.missing_samples(readings(rows), SPAN).is_empty()


def test_a_session_of_the_same_name_at_another_charger_is_another(readings: Readings) -> None:
    """Both chargers name their session alike: the 14 hours from the last reading of one to the first of the other."""
    one = flowing(readings, [5 * n for n in range(31)])
    other = flowing(readings, [1000 + 5 * n for n in range(31)]).with_columns(charger_id=pl.lit("CP2"))
    assert quality.missing_samples(pl.concat([one, other]), SPAN).is_empty()


def test_sessions_without_begin_or_end_are_counted_by_charger(readings: Readings) -> None:
    rows = [
        (0, 0, None, {"session_id": "whole", "context": "begin"}),
        (30, 3000, None, {"session_id": "whole", "context": "end"}),
        (60, 3000, None, {"session_id": "cut"}),
        (90, 5000, None, {"session_id": "cut"}),
        (120, 5000, None, {"session_id": "going on", "context": "begin"}),
    ]
    table = readings(rows)
    found = quality.incomplete_sessions(sessions(table), table)
    assert found.select("name", "source", "value", "span_from", "span_to").rows() == [
        ("session.incomplete", "CP1", 1.0, moment(60), moment(90))
    ]
    assert "of 1 of its 2 sessions" in found["sentence"][0]
    after = readings([*rows, (180, 5000, None)])
    assert quality.incomplete_sessions(sessions(after), after)["value"].to_list() == [2.0]
    assert quality.incomplete_sessions(sessions(table.clear()), table.clear()).is_empty()
    plain = table.with_columns(context=pl.lit("sample"))  # a table of registers, as canonical CSV
    assert quality.incomplete_sessions(sessions(plain), plain).is_empty()
