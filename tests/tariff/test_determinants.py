"""Billing determinants: bands, peaks, holidays, days of 23 and 25 hours, windows and gaps."""

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import DETERMINANT, masks_expr, measure, resolve, with_billed_time
from pipeline.tariff.model import Mask
from tests.tariff.bench import HEAD, JULY, ZONE, day, load, native

TOU = (
    '[[charges]]\nid = "energy"\nkind = "energy"\n'
    '[[charges.periods]]\nname = "peak"\nweekdays = [1, 2, 3, 4, 5]\nhours = ["13:00-16:00"]\nrate = 3\n'
    '[[charges.periods]]\nname = "other"\notherwise = true\nrate = 1\n'
)
DEMAND = '[[charges]]\nid = "demand"\nkind = "demand"\nrate = 1\n'


def measured(text, frame, period=JULY, *, zone=ZONE, holidays=frozenset(), head=HEAD):
    rows = measure(resolve(native(text, head=head), period), period, frame, zone=zone, holidays=holidays)
    assert rows.schema == pl.Schema(DETERMINANT)
    return rows


def by_band(rows, column="import_wh"):
    return {(row["charge_id"], row["band"]): row[column] for row in rows.to_dicts()}


def test_energy_falls_into_the_band_of_its_local_hour() -> None:
    rows = measured(TOU, load(JULY, lambda _: 1000, export_wh=7))
    assert by_band(rows) == {("energy", "peak"): 138_000, ("energy", "other"): 1_350_000}
    assert by_band(rows, "export_wh") == {("energy", "peak"): 138 * 7, ("energy", "other"): 1350 * 7}
    assert by_band(rows, "windows") == {("energy", "peak"): 138, ("energy", "other"): 1350}
    assert by_band(rows, "own_peak_w") == {("energy", "peak"): None, ("energy", "other"): None}


@pytest.mark.parametrize(
    ("head", "holidays"),
    [
        (HEAD + "[holidays]\nadd = [2013-07-15, 2013-08-15]\n", frozenset()),
        (HEAD + '[holidays]\nbase = "JP"\n', frozenset()),  # Marine Day was 15 July 2013
        (HEAD, frozenset({day("2013-07-15")})),
    ],
)
def test_a_holiday_is_billed_as_a_sunday(head, holidays) -> None:
    rows = measured(TOU, load(JULY, lambda _: 1000), holidays=holidays, head=head)
    assert by_band(rows)["energy", "peak"] == 132_000


def test_holidays_can_be_taken_out_of_the_calendar_or_billed_as_another_day() -> None:
    frame = load(JULY, lambda _: 1000)
    removed = HEAD + '[holidays]\nbase = "JP"\nremove = [2013-07-15]\n'
    assert by_band(measured(TOU, frame, head=removed))["energy", "peak"] == 138_000
    monday = HEAD + '[holidays]\nbase = "JP"\nbilled_as = 1\n'
    assert by_band(measured(TOU, frame, head=monday))["energy", "peak"] == 138_000


@pytest.mark.parametrize(("window_min", "factor"), [(15, 4), (30, 2), (60, 1)])
def test_own_peak_is_exact_and_set_by_the_earliest_of_equal_windows(window_min, factor) -> None:
    rows = measured(
        DEMAND, load(JULY, lambda n: 12_347 if n in (500, 600) else 12_346, window_min=window_min)
    ).to_dicts()
    assert [row["own_peak_w"] for row in rows] == [12_347 * factor]
    assert rows[0]["peak_set_at"] == load(JULY, lambda _: 0, window_min=window_min)["interval_start"][500]


@pytest.mark.parametrize(("month", "windows"), [("2014-03", 31 * 24 - 1), ("2014-10", 31 * 24 + 1), ("2014-06", 720)])
def test_days_of_23_and_25_hours_have_their_windows(month, windows) -> None:
    period = calendar_month(month)
    text = (
        '[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "two"\nhours = ["02:00-03:00"]\nrate = 1\n'
        '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = 1\n'
    )
    rows = measured(text, load(period, lambda _: 1, zone="Europe/Berlin", window_min=60), period, zone="Europe/Berlin")
    assert sum(by_band(rows, "windows").values()) == windows
    days = {"2014-03": 30, "2014-10": 32, "2014-06": 30}  # 02:00 is skipped once in March, happens twice in October
    assert by_band(rows)["e", "two"] == days[month]


def test_finer_rows_are_summed_to_the_demand_window_and_energy_is_not_changed() -> None:
    frame = load(JULY, lambda n: 600 if n % 6 in (2, 3) else 100, window_min=5)  # the two straddle a quarter-hour
    rows = measured(DEMAND.replace("rate", "window_min = 15\nrate") + TOU, frame)
    assert by_band(rows, "own_peak_w")["demand", "all"] == (600 + 100 + 100) * 4
    assert by_band(rows, "windows")["demand", "all"] == 31 * 96
    assert sum(wh for (charge, _), wh in by_band(rows).items() if charge == "energy") == frame["import_wh"].sum()


def test_a_demand_window_with_a_row_missing_is_left_out() -> None:
    frame = load(JULY, lambda n: 900 if n < 3 else 100, window_min=5)
    rows = measured(DEMAND.replace("rate", "window_min = 15\nrate"), frame[1:])
    assert by_band(rows, "own_peak_w")["demand", "all"] == 300 * 4
    assert by_band(rows, "windows")["demand", "all"] == 31 * 96 - 1


@pytest.mark.parametrize("window_min", [15, 20])
def test_a_load_coarser_than_the_demand_window_is_refused(window_min) -> None:
    text = DEMAND.replace("rate", f"window_min = {window_min}\nrate")
    with pytest.raises(TariffError, match=f"1800 s.*{window_min * 60} s"):
        measured(text, load(JULY, lambda _: 1))


def test_windows_of_two_lengths_are_refused() -> None:
    mixed = pl.concat([load(JULY, lambda _: 1)[:10], load(JULY, lambda _: 1, window_min=15)[100:]])
    with pytest.raises(TariffError, match=r"\[900, 1800\]"):
        measured(DEMAND, mixed)


def test_rows_outside_the_bill_are_ignored() -> None:
    august = calendar_month("2013-08")
    both = load(JULY, lambda _: 1).vstack(load(august, lambda _: 1000))
    assert measured(DEMAND + TOU, both).equals(measured(DEMAND + TOU, load(JULY, lambda _: 1)))


def test_no_load_no_determinants() -> None:
    assert measured(DEMAND, load(JULY, lambda _: 1).clear()).is_empty()


def test_masks_select_hours_of_the_billed_calendar() -> None:
    resolved = resolve(native(TOU, head=HEAD + "[holidays]\nadd = [2013-07-01]\n"), JULY)
    local = with_billed_time(load(JULY, lambda _: 1), ZONE, resolved, frozenset())
    chosen = local.filter(masks_expr([Mask((7,), (1,), ((780, 960),)), Mask((8,))]))
    assert sorted(chosen["local_day"].unique()) == [day(f"2013-07-{n:02d}") for n in (8, 15, 22, 29)]
    assert chosen.height == 4 * 6
