"""Each planted fault of a meter gives exactly its finding; the same load without it gives none."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl
import pytest

from pipeline import quality
from pipeline.domain import METER_RECORD
from pipeline.quality.meter import Meter
from tests.quality.worlds import DAY, STARTS, load_wh, meter, seen, windows

RULES: list[Callable[[Sequence[Meter]], pl.DataFrame]] = [
    quality.zero_runs,
    quality.stuck_values,
    quality.overlaps,
    quality.twins,
    quality.repeated_days,
    quality.unit_jumps,
]


def findings(frame: pl.DataFrame) -> list[tuple[str, str, float]]:
    found = pl.concat([rule(seen(frame)) for rule in RULES])
    assert found.schema == pl.Schema(quality.FINDING)
    return list(found.select("name", "source", "value").iter_rows())


def setting(start: int, count: int, value: int) -> Callable[[list[int]], None]:
    def change(loads: list[int]) -> None:
        loads[start : start + count] = [value] * count

    return change


def scaling(start: int, count: int, factor: float) -> Callable[[list[int]], None]:
    def change(loads: list[int]) -> None:
        loads[start : start + count] = [round(wh * factor) for wh in loads[start : start + count]]

    return change


def copying_a_day(loads: list[int]) -> None:
    loads[5 * DAY : 6 * DAY] = loads[4 * DAY : 5 * DAY]


def test_a_sound_month_has_no_finding() -> None:
    assert findings(meter()) == []


def test_no_data_has_no_finding() -> None:
    empty = meter().clear()
    assert set(METER_RECORD) <= set(empty.columns)
    assert findings(empty) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (setting(200, 2, 0), ("meter.zero_run", "main", 0.5)),
        (setting(200, 12, 0), ("meter.zero_run", "main", 3.0)),
        (setting(0, 14 * DAY, 0), ("meter.zero_run", "main", 336.0)),
        (setting(300, 24, 17_345), ("meter.stuck", "main", 6.0)),
        (copying_a_day, ("meter.repeated_day", "main", 96.0)),
        (scaling(3 * DAY, 2 * DAY, 4), ("meter.unit", "main", 4.0)),
        (scaling(3 * DAY, 5 * DAY, 1000), ("meter.unit", "main", 1000.0)),
        (scaling(3 * DAY, 5 * DAY, 0.001), ("meter.unit", "main", 0.001)),
    ],
)
def test_a_planted_fault_gives_exactly_its_finding(
    change: Callable[[list[int]], None], expected: tuple[str, str, float]
) -> None:
    assert findings(meter(change)) == [expected]


@pytest.mark.parametrize(
    "change",
    [
        setting(200, 1, 0),  # a single zero: a switching operation
        setting(300, 23, 17_345),  # steady for less than six hours
        scaling(3 * DAY, 2 * DAY, 2),  # a busy day
        scaling(3 * DAY, 2 * DAY, 0.25),  # a holiday
    ],
)
def test_what_a_building_may_do_is_no_finding(change: Callable[[list[int]], None]) -> None:
    assert findings(meter(change)) == []


def test_a_load_that_is_often_zero_is_switched_off_not_missing() -> None:
    def nights_off(loads: list[int]) -> None:
        for night in range(0, len(loads), DAY):
            setting(night, 20, 0)(loads)

    def small(loads: list[int]) -> None:
        loads[:] = [wh // 2_000 for wh in loads]  # 5 to 12 Wh: a zero may be rounded

    def small_with_zeros(loads: list[int]) -> None:
        small(loads)
        setting(200, 4, 0)(loads)

    assert findings(meter(nights_off)) == []
    assert quality.zero_runs(seen(meter(small_with_zeros))).is_empty()


def test_a_run_ends_where_intervals_are_missing() -> None:
    frame = meter(setting(200, 4, 0)).filter(~pl.col("interval_start").is_in(STARTS[202:203]))
    assert [(row[0], row[2]) for row in findings(frame)] == [("meter.zero_run", 0.5)]


def test_overlapping_intervals_and_twins() -> None:
    late = (
        meter()
        .head(1)
        .with_columns(pl.col("interval_start") + timedelta(minutes=5), import_wh=pl.lit(1).cast(pl.Int64))
    )
    assert findings(pl.concat([meter(), late]))[:1] == [("meter.overlap", "main", 600.0)]
    both = pl.concat([meter(), meter(meter_id="second")])
    assert findings(both) == [("meter.duplicate", "second", float(len(STARTS)))]
    other = meter(lambda loads: loads.reverse(), meter_id="second")
    assert findings(pl.concat([meter(), other])) == []


def test_the_sentence_names_meter_time_and_length() -> None:
    (sentence,) = quality.zero_runs(seen(meter(setting(4, 12, 0)))).get_column("sentence")
    assert sentence == (
        "Meter main reads exactly 0 from 2013-07-01 01:00 local time for 3.0 h, though its load is never 0: "
        "data is probably missing."
    )


def test_zero_runs_make_their_windows_unmetered_and_no_others() -> None:
    change = setting(200, 3, 0)
    loads = load_wh()
    change(loads)
    marked = quality.without_zero_runs(windows(loads), quality.zero_runs(seen(meter(change))))
    assert marked.filter(~pl.col("metered")).get_column("interval_start").to_list() == STARTS[200:203]
