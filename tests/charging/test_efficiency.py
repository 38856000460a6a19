"""The round trip: exact where the data is, honest where there is too little."""

import random
from datetime import timedelta
from math import sqrt

import polars as pl
import pytest

from pipeline.charging import ASSUMED_EFFICIENCY, round_trip
from pipeline.domain import CHARGING_SESSION
from tests.charging.conftest import moment

USABLE = 20_700
STORING, GIVING = 0.92, 0.92  # one way each: eta = 0.8464, k = 25/23


def table(rows: list[tuple[int, int, int, float]], *, complete: bool = True, vehicle: str = "LEAF1") -> pl.DataFrame:
    """Rows are (discharge Wh, arrival Wh, departure Wh, hours); the charge follows from the two efficiencies."""
    records = []
    for number, (discharge, arrival, departure, hours) in enumerate(rows):
        charge = (departure - arrival + discharge / GIVING) / STORING
        assert charge == pytest.approx(round(charge), abs=1e-6)
        records.append(
            {
                "session_id": str(number),
                "charger_id": "CP1",
                "vehicle_id": vehicle,
                "plugged_in_at": moment(0),
                "plugged_out_at": moment(0) + timedelta(hours=hours),
                "soc_in_pct": round(arrival / USABLE * 100, 6),
                "soc_out_pct": round(departure / USABLE * 100, 6),
                "charge_wh": round(charge),
                "discharge_wh": discharge,
                "complete": complete,
            }
        )
    return pl.DataFrame(records, schema=dict(CHARGING_SESSION))


def working_days(count: int, seed: int = 1, *, discharging: int) -> list[tuple[int, int, int, float]]:
    draw = random.Random(seed)
    return [
        (
            23 * 23 * draw.randrange(6, 15) if number < discharging else 0,
            USABLE - 23 * 23 * draw.randrange(2, 20),
            USABLE,
            draw.randrange(6, 11),
        )
        for number in range(count)
    ]


def test_a_fit_on_clean_data_is_exact():
    found = round_trip(table(working_days(60, discharging=40)), {"LEAF1": USABLE})
    assert (found.source, found.sessions) == ("fit", 60)
    assert found.efficiency == pytest.approx(STORING * GIVING, rel=1e-9)
    assert found.charge_wh_per_battery_wh == pytest.approx(1 / STORING, rel=1e-9)
    assert found.battery_wh_per_discharge_wh == pytest.approx(1 / GIVING, rel=1e-9)
    assert found.standby_w == pytest.approx(0, abs=1e-6)


def test_a_standby_draw_is_told_apart():
    rows = table(working_days(60, discharging=40)).with_columns(
        charge_wh=pl.col("charge_wh")
        + (pl.col("plugged_out_at") - pl.col("plugged_in_at")).dt.total_seconds() // 3600 * 20
    )
    found = round_trip(rows, {"LEAF1": USABLE})
    assert found.standby_w == pytest.approx(20, rel=1e-9)
    assert found.efficiency == pytest.approx(STORING * GIVING, rel=1e-9)


def test_hours_that_never_change_are_left_to_the_other_terms():
    rows = [(discharge, USABLE - 5290, USABLE, 8.0) for discharge in (5290, 4232) * 15]
    found = round_trip(table([*rows, *working_days(5, discharging=0)]), {"LEAF1": USABLE})
    assert found.efficiency == pytest.approx(STORING * GIVING, rel=1e-9)


def test_with_few_discharges_the_sums_decide():
    found = round_trip(table(working_days(30, discharging=19)), {"LEAF1": USABLE})
    assert found.source == "ratio"
    assert found.efficiency == pytest.approx(STORING * GIVING, rel=1e-9)  # losses are equal both ways here
    assert found.charge_wh_per_battery_wh == pytest.approx(1 / STORING, rel=1e-9)


def test_small_discharges_do_not_count_as_evidence():
    small = [(23 * 23 * 5, USABLE - 5290, USABLE, 8.0)] * 30  # 2,645 Wh, under 15 % of 20,700
    assert round_trip(table(small), {"LEAF1": USABLE}).source == "assumed"


def test_without_discharge_eta_is_assumed_and_storing_measured():
    found = round_trip(table(working_days(10, discharging=0)), {"LEAF1": USABLE})
    assert (found.source, found.efficiency) == ("assumed", ASSUMED_EFFICIENCY)
    assert found.charge_wh_per_battery_wh == pytest.approx(1 / STORING, rel=1e-9)


@pytest.mark.parametrize("usable", [{}, {"OTHER": 20_700.0}])
def test_without_capacities_everything_is_assumed(usable):
    found = round_trip(table(working_days(60, discharging=40)), usable)
    assert (found.source, found.efficiency) == ("assumed", ASSUMED_EFFICIENCY)
    assert found.charge_wh_per_battery_wh == pytest.approx(1 / sqrt(ASSUMED_EFFICIENCY))


def test_no_sessions_at_all():
    assert round_trip(table([]), {"LEAF1": USABLE}).source == "assumed"


def test_an_impossible_round_trip_is_not_believed():
    rows = table(working_days(60, discharging=40)).with_columns(discharge_wh=pl.col("discharge_wh") * 10)
    assert round_trip(rows, {"LEAF1": USABLE}).source == "assumed"


def test_incomplete_sessions_are_left_out_where_complete_ones_exist():
    whole = table(working_days(60, discharging=40))
    torn = table([(5290, 0, 0, 8.0)] * 5, complete=False).with_columns(pl.lit(1, dtype=pl.Int64).alias("charge_wh"))
    found = round_trip(pl.concat([whole, torn]), {"LEAF1": USABLE})
    assert (found.sessions, found.source) == (60, "fit")
    assert found.efficiency == pytest.approx(STORING * GIVING, rel=1e-9)
