"""CO2 at the margin by hand, and what keeps it from being stated."""

from decimal import Decimal

import polars as pl
import pytest

from pipeline.fleet import co2_change
from pipeline.portfolio import Co2Factor
from tests.factories import instant


def windows(*rows: tuple[str, int, int], duration_s: int = 3600) -> pl.DataFrame:
    """Rows are (start, metered Wh, Wh of the compared world); below 0 is fed in."""
    return pl.DataFrame(
        [
            {
                "interval_start": instant(at),
                "duration_s": duration_s,
                "actual_import_wh": max(metered, 0),
                "actual_export_wh": max(-metered, 0),
                "no_ev_import_wh": max(other, 0),
                "no_ev_export_wh": max(-other, 0),
            }
            for at, metered, other in rows
        ]
    ).with_columns(pl.col("interval_start").dt.cast_time_unit("us"))


def factor(begin: str, end: str, g_per_kwh: str) -> Co2Factor:
    return Co2Factor(instant(begin), instant(end), Decimal(g_per_kwh))


DAY = [factor("07-01 00:00", "07-01 12:00", "400"), factor("07-01 12:00", "07-02 00:00", "500")]
MOVED = [("07-01 03:00", 22_500, 10_000), ("07-01 14:00", 0, 10_000), ("07-01 20:00", 7_000, 7_000)]


def change(rows: list[tuple[str, int, int]], factors: list[Co2Factor], **more: int) -> Decimal | None:
    return co2_change(windows(*rows, **more), factors, "no_ev").change_g


def test_ten_kwh_moved_and_a_quarter_more_bought_back() -> None:
    """+12.5 kWh at 400 g - 10 kWh at 500 g = 5,000 - 5,000 g; at 450 g by night losses make it 625 g more."""
    assert change(MOVED, DAY) == 0
    assert change(MOVED, [factor("07-01 00:00", "07-01 12:00", "450"), DAY[1]]) == 625
    assert change(MOVED, [factor("07-01 00:00", "07-01 12:00", "300"), DAY[1]]) == -1250


def test_what_is_fed_in_counts_against_what_others_draw() -> None:
    assert change([("07-01 14:00", -3_000, 5_000)], DAY) == -4000


def test_a_factor_that_changes_inside_a_window_counts_by_its_time() -> None:
    """1 kWh from 11:45 to 12:45: a quarter at 400 g, three quarters at 500 g."""
    assert change([("07-01 11:45", 1_000, 0)], DAY) == 475


def test_time_without_a_factor_states_nothing_and_says_how_much() -> None:
    found = co2_change(windows(*MOVED), [factor("07-01 00:00", "07-01 14:15", "400")], "no_ev")
    assert found.section == {"change_kg": None, "hours_without_factor": 0.75}
    assert co2_change(windows(*MOVED), [], "no_ev").missing_s == 7200


def test_hours_in_which_nothing_differs_need_no_factor() -> None:
    assert co2_change(windows(MOVED[2]), [], "no_ev").section == {"change_kg": 0.0, "hours_without_factor": 0.0}


@pytest.mark.parametrize(("wh", "kg"), [(1, 0.0), (3, 0.002), (-3, -0.002)])
def test_the_result_is_rounded_once_to_the_gram(wh: int, kg: float) -> None:
    rows = [("07-01 14:00", max(wh, 0), max(-wh, 0))]
    assert co2_change(windows(*rows), DAY, "no_ev").section["change_kg"] == kg
