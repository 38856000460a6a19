"""Current and history: what stands after files arrived, again, corrected, late, cut and in another length."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain import WEATHER_RECORD
from pipeline.warehouse import FileLoad, LoadResult, Warehouse
from tests.factories import charger_records, instant, meter_records, session_records, stored

CURRENT = "select interval_start, duration_s, import_wh, quality, load_id from meter_interval order by all"
HISTORY = "select interval_start, import_wh, load_id, superseded_by from meter_interval_history order by all"


def load(warehouse: Warehouse, frame: pl.DataFrame, load_id: int, kind: str = "meter") -> LoadResult:
    with FileLoad(warehouse, load_id) as file:
        return file.add(kind, stored(frame))


def values(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.query("select interval_start, import_wh from meter_interval order by all").iter_rows()
    return {at.strftime("%H:%M"): wh for at, wh in rows}


def retired(warehouse: Warehouse) -> list[tuple[int, int, int]]:
    """(import_wh, load_id, superseded_by) of every history row."""
    return [row[1:] for row in warehouse.query(HISTORY).iter_rows()]


def day(count: int = 48, wh: int = 100) -> pl.DataFrame:
    return meter_records([(instant("07-01") + timedelta(minutes=30 * n), wh) for n in range(count)])


def test_first_load_counts_every_record_and_their_span(warehouse: Warehouse) -> None:
    result = load(warehouse, day(), 1)
    assert result == LoadResult(48, 0, 0, instant("07-01"), instant("07-01 23:30"))
    assert warehouse.query("select distinct local_day, bill_month from meter_interval").rows() == [
        (instant("07-01").date(), "2013-07")
    ]


@pytest.mark.parametrize("differing", [(), ("quality",), ("site_id", "bill_month"), ("meter_id",)])
def test_new_rows_are_stored_as_given_whether_their_texts_differ_or_not(
    warehouse: Warehouse, differing: tuple[str, ...]
) -> None:
    first = pl.int_range(pl.len()) == 0
    others = {"quality": "estimated", "bill_month": "2013-08", "site_id": "other site", "meter_id": "other meter"}
    other = (pl.when(first).then(pl.lit(others[name])).otherwise(name).alias(name) for name in differing)
    given = stored(day(4)).with_columns(other)
    with FileLoad(warehouse, 7) as file:
        assert file.add("meter", given).loaded == 4
    found = warehouse.query("select * from meter_interval order by interval_start")
    assert found.get_column("load_id").to_list() == [7] * 4
    assert found.select(given.columns).rows() == given.rows()


def test_an_empty_frame_loads_nothing(warehouse: Warehouse) -> None:
    assert load(warehouse, day(0), 1) == LoadResult()


def test_loading_the_same_again_writes_nothing(warehouse: Warehouse) -> None:
    load(warehouse, day(), 1)
    before = warehouse.query(CURRENT)
    result = load(warehouse, day(), 2)
    assert (result.loaded, result.unchanged, result.superseded) == (0, 48, 0)
    assert warehouse.query(CURRENT).equals(before)
    assert retired(warehouse) == []


def test_a_corrected_value_moves_the_old_one_to_history(warehouse: Warehouse) -> None:
    load(warehouse, meter_records([("07-01 00:00", 100), ("07-01 00:30", 200)]), 1)
    result = load(warehouse, meter_records([("07-01 00:30", 250)]), 7)
    assert (result.loaded, result.unchanged, result.superseded) == (1, 0, 1)
    assert values(warehouse) == {"00:00": 100, "00:30": 250}
    assert retired(warehouse) == [(200, 1, 7)]


def test_an_earlier_load_that_arrives_late_goes_to_history(warehouse: Warehouse) -> None:
    load(warehouse, meter_records([("07-01 00:00", 100)]), 5)
    result = load(warehouse, meter_records([("07-01 00:00", 90), ("07-01 00:30", 80)]), 3)
    assert (result.loaded, result.superseded) == (2, 0)
    assert values(warehouse) == {"00:00": 100, "00:30": 80}
    assert retired(warehouse) == [(90, 3, 5)]


@pytest.mark.parametrize("quality", ["measured", "outage"])
@pytest.mark.parametrize("measured_first", [True, False])
def test_measured_beats_estimated_whichever_comes_first(
    warehouse: Warehouse, measured_first: bool, quality: str
) -> None:
    measured = meter_records([("07-01 00:00", 100)], quality=quality)
    estimated = meter_records([("07-01 00:00", 999)], quality="estimated")
    first, second = (measured, estimated) if measured_first else (estimated, measured)
    load(warehouse, first, 1)
    load(warehouse, second, 2)
    assert warehouse.query("select import_wh, quality from meter_interval").rows() == [(100, quality)]
    assert [row[0] for row in retired(warehouse)] == [999]


def test_half_a_file_never_erases_the_other_half(warehouse: Warehouse) -> None:
    load(warehouse, day(48, 100), 1)
    load(warehouse, day(24, 101), 2)
    found = warehouse.query("select import_wh, count(*) from meter_interval group by all order by all").rows()
    assert found == [(100, 24), (101, 24)]


@pytest.mark.parametrize("kind_of_rereading", ["outranked", "overlapped"])
def test_reading_a_superseded_file_again_changes_nothing(warehouse: Warehouse, kind_of_rereading: str) -> None:
    old = meter_records([("07-01 00:00", 50), ("07-01 00:15", 50)], duration_s=900)
    new = meter_records([("07-01 00:00", 100)], duration_s=1800 if kind_of_rereading == "overlapped" else 900)
    load(warehouse, old, 1)
    load(warehouse, new, 2)
    current, history = warehouse.query(CURRENT), warehouse.query(HISTORY)
    result = load(warehouse, old, 1)
    assert (result.loaded, result.unchanged, result.superseded) == (0, 2, 0)
    assert warehouse.query(CURRENT).equals(current)
    assert warehouse.query(HISTORY).equals(history)


QUARTERS = meter_records([("07-01 00:00", 10), ("07-01 00:15", 20), ("07-01 00:30", 30)], duration_s=900)
HALF = meter_records([("07-01 00:00", 33)], duration_s=1800)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_half_hours_after_quarters_never_count_twice(warehouse: Warehouse, order: tuple[int, int]) -> None:
    """The journal saw the quarters first: the half hour stands, and the quarter beside it."""
    files = {1: QUARTERS, 2: HALF}
    for load_id in order:
        load(warehouse, files[load_id], load_id)
    assert values(warehouse) == {"00:00": 33, "00:30": 30}
    assert sorted(row[0] for row in retired(warehouse)) == [10, 20]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_quarters_after_half_hours_never_count_twice(warehouse: Warehouse, order: tuple[int, int]) -> None:
    files = {1: HALF, 2: QUARTERS}
    for load_id in order:
        load(warehouse, files[load_id], load_id)
    assert values(warehouse) == {"00:00": 10, "00:15": 20, "00:30": 30}
    assert [row[0] for row in retired(warehouse)] == [33]


def test_a_retired_interval_counts_as_superseded_and_names_its_successor(warehouse: Warehouse) -> None:
    load(warehouse, meter_records([("07-01 00:15", 20)], duration_s=900), 1)
    result = load(warehouse, HALF, 2)
    assert (result.loaded, result.superseded) == (1, 1)
    assert retired(warehouse) == [(20, 1, 2)]


def test_an_estimate_of_another_length_does_not_retire_a_measurement(warehouse: Warehouse) -> None:
    load(warehouse, HALF, 1)
    load(warehouse, QUARTERS.with_columns(quality=pl.lit("estimated")), 2)
    assert values(warehouse) == {"00:00": 33, "00:30": 30}


def test_intervals_of_equal_length_that_start_elsewhere_do_not_count_twice(warehouse: Warehouse) -> None:
    """A meter exchanged or a clock set: 00:00-00:30 and 00:15-00:45 share a quarter of an hour."""
    load(warehouse, meter_records([("07-01 00:00", 1), ("07-01 00:30", 2), ("07-01 01:00", 3)]), 1)
    load(warehouse, meter_records([("07-01 00:15", 9)]), 2)
    assert values(warehouse) == {"00:15": 9, "01:00": 3}


def test_meters_and_sites_are_told_apart(warehouse: Warehouse) -> None:
    load(warehouse, meter_records([("07-01 00:00", 1)]), 1)
    load(warehouse, meter_records([("07-01 00:00", 2)], meter_id="second"), 2)
    with FileLoad(warehouse, 3) as file:
        file.add("meter", stored(meter_records([("07-01 00:00", 3)], duration_s=900), "office"))
    assert warehouse.query("select import_wh from meter_interval order by all").to_series().to_list() == [1, 2, 3]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One warehouse for many examples; each empties it first."""
    with Warehouse(tmp_path_factory.mktemp("shared")) as opened:
        yield opened


def emptied(warehouse: Warehouse) -> Warehouse:
    for table in ("meter_interval", "meter_interval_history", "charger_reading", "charger_reading_history"):
        warehouse.connection.execute(f"delete from {table}")
    return warehouse


interval = st.tuples(st.integers(0, 7), st.sampled_from([1, 2, 4]), st.booleans())
file_of_intervals = st.lists(interval, min_size=1, max_size=5)


def as_frame(intervals: Sequence[tuple[int, int, bool]], load_id: int) -> pl.DataFrame:
    """Intervals are (first quarter-hour, quarter-hours, measured) that do not overlap inside one file."""
    taken: set[int] = set()
    rows = []
    for quarter, length, measured in intervals:
        covered = set(range(quarter, quarter + length))
        if covered & taken:
            continue
        taken |= covered
        extra = {"duration_s": 900 * length, "quality": "measured" if measured else "estimated"}
        rows.append((instant("07-01") + timedelta(minutes=15 * quarter), 1000 * load_id + quarter, extra))
    return meter_records(rows)


@settings(max_examples=15, deadline=None)
@given(files=st.lists(file_of_intervals, min_size=2, max_size=4), data=st.data())
def test_files_in_any_order_leave_the_same_current_rows(
    shared: Warehouse, files: list[list[tuple[int, int, bool]]], data: st.DataObject
) -> None:
    """The journal's numbers decide, not the moment of loading; and no two current rows share a moment."""
    order = data.draw(st.permutations(range(len(files))))
    found = []
    for sequence in (range(len(files)), order):
        emptied(shared)
        for number in sequence:
            load(shared, as_frame(files[number], number + 1), number + 1)
        found.append(shared.query(CURRENT))
    starts = found[0].get_column("interval_start")
    ends = found[0].select(pl.col("interval_start") + pl.duration(seconds="duration_s")).to_series()
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))
    assert found[0].equals(found[1])


def test_charger_nulls_are_filled_from_the_other_message(warehouse: Warehouse) -> None:
    """A register and a state of charge of one moment often come in two messages, or in two files."""
    load(warehouse, charger_records([("07-01 08:00", 1000, None, {"context": "begin"})]), 1, "charger")
    result = load(warehouse, charger_records([("07-01 08:00", None, 400, {"soc_pct": 55.0})]), 2, "charger")
    assert (result.loaded, result.superseded) == (1, 1)
    columns = "energy_import_wh, energy_export_wh, soc_pct, context, load_id"
    assert warehouse.query(f"select {columns} from charger_reading").rows() == [(1000, 400, 55.0, "begin", 2)]
    assert warehouse.query("select energy_import_wh, superseded_by from charger_reading_history").rows() == [(1000, 2)]


def test_a_reading_that_adds_nothing_is_unchanged(warehouse: Warehouse) -> None:
    load(warehouse, charger_records([("07-01 08:00", 1000, 400, {"soc_pct": 55.0})]), 1, "charger")
    result = load(warehouse, charger_records([("07-01 08:00", 1000, None)]), 2, "charger")
    assert (result.loaded, result.unchanged) == (0, 1)
    assert warehouse.query("select count(*) from charger_reading_history").item() == 0


def test_an_earlier_file_that_fills_a_gap_does_not_lower_the_rank_of_the_row(warehouse: Warehouse) -> None:
    """Loads 3, 1, 2: the first fills a gap, and the second must still lose to the third."""
    load(warehouse, charger_records([("07-01 08:00", 1000, None, {"soc_pct": 70.0})]), 3, "charger")
    load(warehouse, charger_records([("07-01 08:00", None, 400)]), 1, "charger")
    load(warehouse, charger_records([("07-01 08:00", None, None, {"soc_pct": 60.0})]), 2, "charger")
    assert warehouse.query("select energy_export_wh, soc_pct, load_id from charger_reading").rows() == [(400, 70.0, 3)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_begin_and_end_in_one_moment_the_later_file_stands(warehouse: Warehouse, order: tuple[int, int]) -> None:
    contexts = {1: "begin", 2: "end"}
    for load_id in order:
        load(warehouse, charger_records([("07-01 08:00", 1, 1)], context=contexts[load_id]), load_id, "charger")
    assert warehouse.query("select context from charger_reading").item() == "end"


fields = st.fixed_dictionaries({"energy_import_wh": st.booleans(), "soc_pct": st.booleans(), "power_w": st.booleans()})
TRUTH = {"energy_import_wh": 500, "soc_pct": 40.0, "power_w": -3000}


@settings(max_examples=8, deadline=None)
@given(parts=st.lists(st.lists(fields, min_size=2, max_size=2), min_size=2, max_size=3), data=st.data())
def test_parts_of_readings_in_any_order_make_the_same_whole(
    shared: Warehouse, parts: list[list[dict[str, bool]]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(parts))))
    found = []
    for sequence in (range(len(parts)), order):
        emptied(shared)
        for number in sequence:
            rows = [
                (f"07-01 08:{minute:02d}", None, None, {name: TRUTH[name] for name, there in part.items() if there})
                for minute, part in enumerate(parts[number])
            ]
            load(shared, charger_records(rows), number + 1, "charger")
        found.append(shared.query("select * exclude (load_id) from charger_reading order by all"))
    assert found[0].equals(found[1])


def test_a_sessions_file_may_complete_an_earlier_one(warehouse: Warehouse) -> None:
    key = {"session_id": "a", "charger_id": "CP1", "plugged_in_at": "07-01 08:00"}
    whole = {**key, "plugged_out_at": "07-01 18:00", "soc_out_pct": 100.0}
    for load_id, row in enumerate(({**key, "soc_in_pct": 40.0}, whole), start=1):
        with FileLoad(warehouse, load_id) as file:
            result = file.add("session", session_records([row]).with_columns(site_id=pl.lit("atsugi")))
    assert (result.first_at, result.loaded) == (instant("07-01 08:00"), 1)
    assert warehouse.query("select soc_in_pct, soc_out_pct, plugged_out_at from session_record").rows() == [
        (40.0, 100.0, instant("07-01 18:00"))
    ]


def test_weather_takes_the_later_value(warehouse: Warehouse) -> None:
    for load_id, degrees in ((1, 20.0), (2, 21.5)):
        row = {"station_id": "atsugi", "observed_at": instant("07-01 08:00"), "temperature_c": degrees}
        with FileLoad(warehouse, load_id) as file:
            file.add("weather", pl.DataFrame([row], schema=dict(WEATHER_RECORD)))
    assert warehouse.query("select temperature_c, load_id from weather_hour").rows() == [(21.5, 2)]


def test_results_of_several_kinds_add_up() -> None:
    first = LoadResult(1, 2, 3, instant("07-02"), instant("07-03"))
    second = LoadResult(10, 20, 30, instant("07-01"), None)
    assert first + second == LoadResult(11, 22, 33, instant("07-01"), instant("07-03"))
    assert LoadResult() + LoadResult() == LoadResult()
