"""The worlds of a bill: by hand, branch by branch, and as laws."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calendars import calendar_month, window_grid
from pipeline.charging import ChargePower, RoundTrip
from pipeline.domain import REACTIVE_RECORD, BillPeriod, V2BError
from pipeline.scenarios import (
    Battery,
    Model,
    PlugIns,
    Wh,
    as_metered,
    is_reactive_metered,
    long_load,
    managed,
    managed_charge,
    match_debt,
    metered_windows,
    no_ev,
    reactive_windows,
    unmanaged,
    unmanaged_by_charger,
)
from tests.factories import charging_sessions, instant, meter_records

DAY = BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 2))
GRID = window_grid(DAY, "UTC", 30)


# --- metered windows


def metered(meter: pl.DataFrame, meters: list[str] | None = None, grid: pl.DataFrame = GRID) -> dict[str, Any]:
    found = metered_windows(meter, meters or ["main"], grid)
    assert found.height == grid.height
    return {row["interval_start"].strftime("%H:%M"): row for row in found.iter_rows(named=True)}


def test_finer_intervals_are_summed_onto_the_window() -> None:
    """10 + 20 Wh import and 1 + 2 Wh export in two quarters of an hour."""
    rows = [("07-01 08:00", 10, {"export_wh": 1}), ("07-01 08:15", 20, {"export_wh": 2})]
    found = metered(meter_records(rows, duration_s=900))["08:00"]
    assert (found["actual_import_wh"], found["actual_export_wh"], found["metered"]) == (30, 3, True)


def test_a_window_measured_in_part_is_not_metered() -> None:
    found = metered(meter_records([("07-01 08:00", 10)], duration_s=900))
    assert (found["08:00"]["actual_import_wh"], found["08:00"]["metered"]) == (10, False)
    assert (found["08:30"]["actual_import_wh"], found["08:30"]["metered"]) == (0, False)


def test_reactive_energy_is_known_where_every_meter_measured_the_whole_window() -> None:
    def of(meter_id: str, *rows: tuple[str, int, int]) -> pl.DataFrame:
        table = [(meter_id, instant(at), seconds, varh, "measured") for at, seconds, varh in rows]
        return pl.DataFrame(table, schema=dict(REACTIVE_RECORD), orient="row")

    one = of("main", ("07-01 08:00", 900, 30), ("07-01 08:15", 900, -10), ("07-01 08:30", 1800, 7))
    two = of("second", ("07-01 08:00", 1800, 5), ("07-01 08:30", 900, 5), ("07-01 08:45", 1800, 5))
    windows = metered_windows(meter_records([("07-01 08:00", 10)]), ["main"], GRID)

    def known(reactive: pl.DataFrame, *meters: str) -> dict[str, int]:
        found = reactive_windows(reactive, list(meters), windows).drop_nulls("reactive_varh")
        return {at.strftime("%H:%M"): varh for at, varh in found.select("interval_start", "reactive_varh").iter_rows()}

    assert known(one, "main") == {"08:00": 20, "08:30": 7}
    # of the second meter's second window only a half lies inside it
    assert known(pl.concat([two, one]), "main", "second") == {"08:00": 25}
    assert not is_reactive_metered(reactive_windows(one.clear(), ["main"], windows))


def test_coarser_intervals_are_refused_with_what_to_do() -> None:
    meter = meter_records([("07-01 08:00", 10)], duration_s=3600)
    with pytest.raises(V2BError, match=r"meter main: the interval at 2013-07-01T08:00.* 3600 s .*window of 1800 s"):
        metered(meter)


def test_intervals_across_the_edge_of_a_window_are_refused() -> None:
    with pytest.raises(V2BError, match="allowed: intervals that divide the window"):
        metered(meter_records([("07-01 08:15", 10)], duration_s=1800))


def test_two_billing_meters_add_up_and_others_do_not_count() -> None:
    parts = [
        meter_records([("07-01 08:00", 10)], meter_id=meter_id)
        for meter_id in ("main", "annex", "solar")  # solar is no billing meter
    ]
    found = metered(pl.concat(parts), ["main", "annex"])["08:00"]
    assert (found["actual_import_wh"], found["metered"]) == (20, True)


def test_a_window_that_one_of_two_meters_missed_is_not_metered() -> None:
    found = metered(meter_records([("07-01 08:00", 10)]), ["main", "annex"])["08:00"]
    assert (found["actual_import_wh"], found["metered"]) == (10, False)


def test_intervals_outside_the_bill_do_not_count() -> None:
    found = metered(meter_records([("06-30 23:30", 7), ("07-02 00:00", 7)]))
    assert not any(row["actual_import_wh"] or row["metered"] for row in found.values())


# --- no_ev: IPMVP Option B, x = d - c


def worlds(
    imported: int, exported: int, charge: int, discharge: int, added: int = 0, standby: int = 0
) -> tuple[int, int, int, int]:
    frame = pl.DataFrame(
        {
            "actual_import_wh": [imported],
            "actual_export_wh": [exported],
            "charge_wh": [charge],
            "discharge_wh": [discharge],
            "unmanaged_charge_wh": [added],
            "standby_wh": [standby],
        }
    )
    names = [f"{world}_{side}_wh" for world in ("no_ev", "unmanaged") for side in ("import", "export")]
    return unmanaged(no_ev(frame)).select(names).row(0)


@pytest.mark.parametrize(
    ("imported", "exported", "charge", "discharge", "without_cars"),
    [
        (498_000, 0, 0, 2_000, (500_000, 0)),  # methods.md section 0: 996 kW metered, a car gives 4 kW: 1,000 kW
        (500_000, 0, 2_000, 0, (498_000, 0)),  # a car takes 4 kW
        (0, 3_000, 0, 2_000, (0, 1_000)),  # all that cars gave went out: export falls
        (0, 3_000, 0, 5_000, (2_000, 0)),  # cars gave 5: 3 went out, 2 the building used
        (100, 3_000, 0, 5_000, (2_100, 0)),  # both directions inside one window
        (1_000, 0, 3_000, 0, (0, 2_000)),  # cars took 3, of which 1 was bought: the rest would have gone out
        (1_000, 500, 3_000, 0, (0, 2_500)),
        (700, 200, 0, 0, (700, 200)),  # no cars: as metered
        (700, 200, 400, 400, (700, 200)),  # what goes in and comes out within a window cancels
    ],
)
def test_no_ev_by_hand(
    imported: int, exported: int, charge: int, discharge: int, without_cars: tuple[int, int]
) -> None:
    assert worlds(imported, exported, charge, discharge)[:2] == without_cars


def test_standby_of_chargers_is_in_every_world_but_the_one_without_them() -> None:
    """1,000 metered, 600 of it into a car and 50 of its charger: 350 without; 400 from plug-in come to 800."""
    assert worlds(1_000, 0, 600, 0, added=400, standby=50) == (350, 0, 800, 0)


@pytest.mark.parametrize(
    ("exported", "added", "with_plug_in_charging"),
    [
        (0, 600, (1_600, 0)),  # nothing to take from export: all is bought
        (400, 600, (1_200, 0)),  # 400 of the surplus, then 200 from the grid
        (900, 600, (1_000, 300)),
    ],
)
def test_unmanaged_takes_surplus_first(exported: int, added: int, with_plug_in_charging: tuple[int, int]) -> None:
    assert worlds(1_000, exported, 0, 0, added)[2:] == with_plug_in_charging


energies = st.integers(0, 10**7)


@given(energies, energies, energies, energies, energies)
def test_energy_is_conserved_and_neither_side_falls_below_zero(
    imported: int, exported: int, charge: int, discharge: int, added: int
) -> None:
    no_ev_import, no_ev_export, unmanaged_import, unmanaged_export = worlds(
        imported, exported, charge, discharge, added
    )
    assert no_ev_import - no_ev_export == imported - exported - charge + discharge
    assert unmanaged_import - unmanaged_export == no_ev_import - no_ev_export + added
    assert min(no_ev_import, no_ev_export, unmanaged_import, unmanaged_export) >= 0


@given(energies, energies)
def test_worlds_without_cars_are_identical(imported: int, exported: int) -> None:
    assert worlds(imported, exported, 0, 0) == (imported, exported, imported, exported)


def test_before_the_programme_every_world_is_as_metered() -> None:
    windows = metered_windows(meter_records([("07-01 08:00", 10, {"export_wh": 4})]), ["main"], GRID)
    loads = long_load(as_metered(windows)).filter(pl.col("interval_start") == instant("07-01 08:00"))
    assert loads.select("scenario", "import_wh", "export_wh").rows() == [
        ("actual", 10, 4),
        ("no_ev", 10, 4),
        ("unmanaged", 10, 4),
        ("managed", 10, 4),
    ]


# --- unmanaged charging: 20 kWh usable, 6 kW from 0 to 100 %, 25/23 Wh drawn for each Wh stored

ROUND_TRIP = RoundTrip(efficiency=0.835, charge_wh_per_battery_wh=25 / 23, source="fit")
SIX_KW = ChargePower(6000, (6000, 6000, 6000, 6000), "rated")
CAR = {"LEAF1": Battery(20_000, 100)}
ARRIVAL: dict[str, Any] = {"plugged_in_at": "07-01 08:00", "plugged_out_at": "07-01 18:00"}
HALF_FULL = {**ARRIVAL, "soc_in_pct": 50.0, "soc_out_pct": 100.0}


def drawn(
    *sessions: dict[str, Any],
    grid: pl.DataFrame = GRID,
    batteries: dict[str, Battery] | None = None,
    power: ChargePower = SIX_KW,
) -> dict[str, int]:
    """Energy by window [Wh], windows without any left out; keys 'HH:MM', or 'MM-DD HH:MM' over several days."""
    plug_ins = PlugIns.of(charging_sessions(sessions), grid, CAR if batteries is None else batteries)
    (found,) = unmanaged_by_charger(plug_ins, [Model(lambda *_: power, ROUND_TRIP)])
    total = [sum(at_window) for at_window in zip(*found.drawn.values(), strict=True)] or [0] * grid.height
    starts = grid.get_column("interval_start").to_list()
    form = "%H:%M" if grid is GRID else "%m-%d %H:%M"
    return {at.strftime(form): int(wh) for at, wh in zip(starts, total, strict=True) if wh}


def test_a_car_fills_from_plug_in_at_its_power() -> None:
    """10 kWh stored = 10 x 25/23 = 10,869.57 Wh drawn: three half hours of 3,000 Wh, then 1,869.57 (rounded up)."""
    assert drawn(HALF_FULL) == {"08:00": 3000, "08:30": 3000, "09:00": 3000, "09:30": 1870}


def test_charging_begins_inside_a_window_at_the_minute_of_plug_in() -> None:
    """08:20 leaves ten minutes of the window: 1,000 Wh."""
    found = drawn({**HALF_FULL, "plugged_in_at": "07-01 08:20"})
    assert found == {"08:00": 1000, "08:30": 3000, "09:00": 3000, "09:30": 3000, "10:00": 870}


def test_charging_tapers_above_80_percent_as_measured() -> None:
    """From 80 to 100 %: 1 kWh stored = 1,086.96 Wh a step, at 4, 3, 2, 1 kW: 16.3, 21.7, 32.6 and 65.2 min.

    Half hours: 1,086.96 + 13.696 min x 3 kW = 1,771.74; 8.043 min x 3 kW + 21.957 min x 2 kW = 1,134.06;
    10.652 min x 2 kW + 19.348 min x 1 kW = 677.54; 500; 264.49.
    """
    found = drawn({**HALF_FULL, "soc_in_pct": 80.0}, power=ChargePower(6000, (4000, 3000, 2000, 1000), "measured"))
    assert found == {"08:00": 1772, "08:30": 1134, "09:00": 677, "09:30": 500, "10:00": 265}
    assert sum(found.values()) == 4348  # 4 x 1,086.96


def test_charging_ends_at_plug_out_where_the_battery_is_not_full() -> None:
    """45 minutes at 6 kW. 100 % is not reached, and the actual car left with more than that, too: capped."""
    found = drawn({**HALF_FULL, "plugged_out_at": "07-01 08:45"})
    assert found == {"08:00": 3000, "08:30": 1500}


def test_a_target_that_cannot_be_reached_is_not_chased() -> None:
    """Full would take 109 min; in 60 min the car left at 60 %: it fills to that, 2 kWh = 2,173.91 Wh, and stops."""
    found = drawn({**HALF_FULL, "soc_out_pct": 60.0, "plugged_out_at": "07-01 09:00"})
    assert found == {"08:00": 2174}


def test_a_target_that_can_be_reached_is_filled_though_the_actual_car_left_lower() -> None:
    assert sum(drawn({**HALF_FULL, "soc_out_pct": 60.0}).values()) == 10_870


def test_the_target_of_the_session_goes_before_that_of_the_car() -> None:
    """To 75 %: 5 kWh = 5,434.78 Wh."""
    found = drawn({**HALF_FULL, "soc_out_pct": 60.0, "target_soc_pct": 75.0})
    assert sum(found.values()) == 5435


def test_a_car_that_left_above_its_target_fills_to_what_it_left_with() -> None:
    """To 90 %: 8 kWh = 8,695.65 Wh."""
    found = drawn({**HALF_FULL, "soc_out_pct": 90.0}, batteries={"LEAF1": Battery(20_000, 80)})
    assert sum(found.values()) == 8696


def test_a_car_that_arrives_above_its_target_draws_nothing() -> None:
    session = {**HALF_FULL, "soc_in_pct": 95.0, "soc_out_pct": 40.0, "target_soc_pct": 80.0}
    assert drawn(session) == {}


TWO_DAYS = window_grid(BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 3)), "UTC", 30)


def test_what_this_world_left_in_the_car_is_there_when_it_comes_back() -> None:
    """Actual: left at 60 %, drove 2 kWh, back at 50 %. Unmanaged: left full (20 kWh), so it comes back at 90 %.

    The second fill is 2 kWh = 2,173.91 Wh, not 10 kWh.
    """
    second = {**HALF_FULL, "plugged_in_at": "07-02 08:00", "plugged_out_at": "07-02 18:00"}
    found = drawn({**HALF_FULL, "soc_out_pct": 60.0}, second, grid=TWO_DAYS)
    by_day = [sum(wh for at, wh in found.items() if at.startswith(day)) for day in ("07-01", "07-02")]
    assert by_day == [10_870, 2_174]


def test_a_car_that_left_short_in_this_world_comes_back_lower() -> None:
    """Half an hour stores 3,000 x 23/25 = 2,760 Wh: 12,760 against the 20,000 it really had, 7,240 Wh behind.

    It really comes back at 80 % (16,000), here with 8,760: 11,240 Wh to fill = 12,217.39 drawn.
    """
    short = {**HALF_FULL, "plugged_out_at": "07-01 08:30"}
    second = {**HALF_FULL, "plugged_in_at": "07-02 08:00", "plugged_out_at": "07-02 18:00", "soc_in_pct": 80.0}
    found = drawn(short, second, grid=TWO_DAYS)
    assert sum(wh for at, wh in found.items() if at.startswith("07-01")) == 3000
    assert sum(wh for at, wh in found.items() if at.startswith("07-02")) == 12_217


@pytest.mark.parametrize(
    ("stay", "unfit_wh"),
    [
        ({**HALF_FULL, "plugged_out_at": "07-01 08:30"}, 10_869.565 - 3000),
        ({**HALF_FULL, "plugged_out_at": "07-01 08:30", "soc_out_pct": 60.0}, 0),  # the target cannot be reached
        (HALF_FULL, 0),
        (
            {**HALF_FULL, "plugged_in_at": "07-01 23:45", "plugged_out_at": "07-02 00:15"},
            None,
        ),  # ends after the windows
    ],
)
def test_what_the_cars_did_charge_and_from_plug_in_does_not_fit(stay: dict[str, Any], unfit_wh: float | None) -> None:
    plug_ins = PlugIns.of(charging_sessions([stay]), GRID, CAR)
    (found,) = unmanaged_by_charger(plug_ins, [Model(lambda *_: SIX_KW, ROUND_TRIP)])
    assert found.unfit == ({} if unfit_wh is None else {"CP1": pytest.approx(unfit_wh, abs=0.01)})


def test_cars_and_chargers_do_not_share_an_account() -> None:
    """The second car really is half full, whatever the first one left with."""
    other = {**HALF_FULL, "vehicle_id": "LEAF2", "plugged_in_at": "07-02 08:00", "plugged_out_at": "07-02 18:00"}
    batteries = {**CAR, "LEAF2": Battery(20_000, 100)}
    found = drawn({**HALF_FULL, "soc_out_pct": 60.0}, other, grid=TWO_DAYS, batteries=batteries)
    assert sum(wh for at, wh in found.items() if at.startswith("07-02")) == 10_870


# --- without states of charge: a running stock


def without_soc(day: int, charge: int, discharge: int, *, out: str = "18:00") -> dict[str, Any]:
    return {
        "plugged_in_at": f"07-{day:02d} 08:00",
        "plugged_out_at": f"07-{day:02d} {out}",
        "charge_wh": charge,
        "discharge_wh": discharge,
    }


def test_without_states_of_charge_the_net_energy_is_drawn_from_plug_in() -> None:
    """8,000 in and 4,000 out at 0.835: 8,000 - 4,790.42 = 3,209.58 Wh: one half hour and a bit."""
    assert drawn(without_soc(1, 8000, 4000)) == {"08:00": 3000, "08:30": 210}


def test_energy_owed_is_carried_to_the_next_session_and_never_clipped_for_each() -> None:
    """Day 1 gives 4,175 Wh = 5,000 owed at 0.835; day 2 takes 8,000: in all the car drove 3,000 Wh.

    A clip per session would draw 8,000 on day 2 and invent 5,000 Wh of driving.
    """
    found = drawn(without_soc(1, 0, 4175), without_soc(2, 8000, 0), grid=TWO_DAYS)
    assert found == {"07-02 08:00": 3000}


def test_what_does_not_fit_before_plug_out_is_drawn_at_the_next_session() -> None:
    """6 kW x 30 min = 3,000 of 4,000; the other 1,000 with the 500 of the next day."""
    found = drawn(without_soc(1, 4000, 0, out="08:30"), without_soc(2, 500, 0), grid=TWO_DAYS)
    assert found == {"07-01 08:00": 3000, "07-02 08:00": 1500}


def test_what_never_fits_is_carried_through_all_stays() -> None:
    """4,000 Wh in half an hour of 3,000: 1,000 more are wanted in vain every day, 28 days long."""
    month = window_grid(calendar_month("2013-07"), "UTC", 30)
    stays = [without_soc(day, 4000, 0, out="08:30") for day in range(1, 29)]
    (found,) = unmanaged_by_charger(
        PlugIns.of(charging_sessions(stays), month, CAR), [Model(lambda *_: SIX_KW, ROUND_TRIP)]
    )
    assert found.drawn["CP1"].sum() == 28 * 3000
    assert found.unfit["CP1"] == pytest.approx(1000 * 28 * 29 / 2)


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 5000)), min_size=1, max_size=8))
def test_without_states_of_charge_no_driving_is_invented(days: list[tuple[int, int]]) -> None:
    """Drawn in all = the highest running sum of net energy that the stock ever reached, and never less than the net."""
    month = window_grid(calendar_month("2013-07"), "UTC", 60)
    sessions = [without_soc(number, *energy) for number, energy in enumerate(days, start=1)]
    total = sum(drawn(*sessions, grid=month).values())
    running, highest = 0.0, 0.0
    for charge, discharge in days:
        running += charge - discharge / 0.835
        highest = max(highest, running)
    assert total == pytest.approx(highest, abs=len(days) / 2 + 0.01)  # each session is rounded once


# --- managed charging: when it charged, without what was given back; 0.8 out for each 1 in

CYCLE = RoundTrip(efficiency=0.8, charge_wh_per_battery_wh=1.1, source="fit")


def matched_together(sessions: list[tuple[list[tuple[int, int]], int]]) -> tuple[list[int], list[int]]:
    """Match sessions of (charge, discharge) by span and what is owed before."""
    spans = [(*flow, number) for number, (flows, _) in enumerate(sessions) for flow in flows]
    owed = np.array([before for _, before in sessions], dtype=np.int64)
    kept, left = match_debt(*np.array(spans, dtype=np.int64).reshape(-1, 3).T, owed, CYCLE)
    return kept.tolist(), left.tolist()


def matched(charge: list[int], discharge: list[int], owed: int = 0) -> tuple[list[int], int]:
    kept, (left,) = matched_together([(list(zip(charge, discharge, strict=True)), owed)])
    return kept, left


@pytest.mark.parametrize(
    ("charge", "discharge", "owed", "kept", "left"),
    [
        ([0, 0, 500, 700], [800, 0, 0, 0], 0, [0, 0, 0, 200], 0),  # 800 given = 1,000 owed: repaid in time order
        ([300, 0, 1000], [0, 800, 0], 0, [300, 0, 0], 0),  # what it took before it gave is its own
        ([300, 400, 0], [0, 0, 400], 0, [200, 0, 0], 0),  # 500 unrepaid: taken off the latest charge first
        ([100, 0], [0, 800], 0, [0, 0], 900),  # and what the session never took is owed by the next one
        ([600, 600], [0, 0], 900, [0, 300], 0),  # which repays it before anything else
        ([500], [400], 0, [0], 0),  # both in one window
        ([7, 9], [0, 0], 0, [7, 9], 0),  # without discharge nothing changes
        ([], [], 5, [], 5),
    ],
)
def test_discharge_is_repaid_by_what_is_charged_after_it(
    charge: list[int], discharge: list[int], owed: int, kept: list[int], left: int
) -> None:
    assert matched(charge, discharge, owed) == (kept, left)


@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), max_size=12), st.integers(0, 20_000))
def test_the_energies_of_managed_charging_close_exactly(flows: list[tuple[int, int]], owed: int) -> None:
    charge, discharge = [c for c, _ in flows], [d for _, d in flows]
    kept, left = matched(charge, discharge, owed)
    assert sum(kept) == sum(charge) - owed - round(sum(discharge) / 0.8) + left
    assert all(0 <= mine <= taken for mine, taken in zip(kept, charge, strict=True))
    assert left == 0 or sum(kept) == 0  # nothing is owed while anything was drawn


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), max_size=4),
            st.integers(0, 2000),
        ),
        max_size=5,
    )
)
def test_sessions_matched_side_by_side_know_nothing_of_each_other(
    sessions: list[tuple[list[tuple[int, int]], int]],
) -> None:
    alone = [matched_together([session]) for session in sessions]
    assert matched_together(sessions) == ([wh for kept, _ in alone for wh in kept], [left for _, (left,) in alone])


def kept_by_window(
    sessions: list[dict[str, Any]], flows: dict[str, tuple[int, int]], grid: pl.DataFrame = GRID
) -> dict[str, int]:
    """Managed charge by window; `flows` are the one charger's charge and discharge [Wh] by start of a half hour."""
    at = {int(instant(text).timestamp()): pair for text, pair in flows.items()}

    def energy(_: str, edges: Wh) -> tuple[Wh, Wh]:
        spans = list(pairwise(edges))
        charge, discharge = (
            np.array([sum(pair[side] for at_s, pair in at.items() if first <= at_s < end) for first, end in spans])
            for side in (0, 1)
        )
        return charge, discharge

    starts = grid.get_column("interval_start").dt.epoch("s").to_numpy()
    edges = np.append(starts, starts[-1] + grid.get_column("duration_s")[-1])
    charge_wh = pl.Series("charge_wh", energy("", edges)[0])
    charged = grid.select("interval_start", "duration_s", charge_wh)
    found = managed_charge(charging_sessions(sessions), charged, energy=energy, round_trip=CYCLE)
    starts_at = grid.get_column("interval_start").to_list()
    return {begin.strftime("%m-%d %H:%M"): wh for begin, wh in zip(starts_at, found.tolist(), strict=True) if wh}


def test_a_recharge_is_left_out_of_the_managed_world() -> None:
    """Gives 800 Wh at 13:00, takes 1,000 at 15:00 and 600 at 15:30: the first 1,000 only make good."""
    session = {**ARRIVAL, "charge_wh": 1600, "discharge_wh": 800}
    flows = {"07-01 13:00": (0, 800), "07-01 15:00": (1000, 0), "07-01 15:30": (600, 0)}
    assert kept_by_window([session], flows) == {"07-01 15:30": 600}


def test_each_car_repays_its_own_debt_at_one_charger() -> None:
    """The second car plugs in inside the half hour in which the first one left; it owes nothing."""
    first = {**ARRIVAL, "plugged_out_at": "07-01 14:05", "discharge_wh": 800}
    second = {**ARRIVAL, "vehicle_id": "LEAF2", "plugged_in_at": "07-01 14:10", "charge_wh": 900}
    flows = {"07-01 13:00": (0, 800), "07-01 14:15": (900, 0)}
    assert kept_by_window([first, second], flows) == {"07-01 14:00": 900}


def test_a_debt_of_yesterday_is_repaid_today_across_the_end_of_a_bill() -> None:
    """Yesterday's bill had the discharge; only its session is known here."""
    first = {**ARRIVAL, "plugged_in_at": "06-30 08:00", "plugged_out_at": "06-30 18:00", "discharge_wh": 800}
    second = {**ARRIVAL, "charge_wh": 1500}
    assert kept_by_window([first, second], {"07-01 09:00": (700, 0), "07-01 09:30": (800, 0)}) == {"07-01 09:30": 500}


def test_a_session_across_the_end_of_a_bill_is_matched_as_a_whole() -> None:
    """Gives 800 Wh before midnight, takes 1,000 after: neither bill has any managed charge."""
    night = {**ARRIVAL, "plugged_in_at": "07-01 20:00", "plugged_out_at": "07-02 06:00",
             "charge_wh": 1200, "discharge_wh": 800}  # fmt: skip
    flows = {"07-01 20:30": (200, 0), "07-01 22:00": (0, 800), "07-02 01:00": (1000, 0)}
    assert kept_by_window([night], flows) == {"07-01 20:30": 200}
    tomorrow = window_grid(BillPeriod("2013-07", date(2013, 7, 2), date(2013, 7, 3)), "UTC", 30)
    assert kept_by_window([night], flows, tomorrow) == {}


def test_managed_charging_takes_surplus_first() -> None:
    frame = pl.DataFrame(
        {"no_ev_import_wh": [0], "no_ev_export_wh": [400], "managed_charge_wh": [600], "standby_wh": [0]}
    )
    assert managed(frame).select("managed_import_wh", "managed_export_wh").row(0) == (200, 0)


# --- the calendar


def test_a_session_across_midnight_and_month_end_is_split_without_loss() -> None:
    night = {**HALF_FULL, "plugged_in_at": "07-31 23:10", "plugged_out_at": "08-01 07:00"}
    parts = [
        sum(drawn(night, grid=window_grid(calendar_month(month), "UTC", 30)).values())
        for month in ("2013-07", "2013-08")
    ]
    assert parts == [5000, 5870]  # 50 min at 6 kW, and the rest of 10,869.57


@pytest.mark.parametrize(("day", "windows"), [(date(2013, 3, 31), 46), (date(2013, 10, 27), 50)])
def test_on_a_day_of_23_or_25_hours_charging_goes_on_through_the_change(day: date, windows: int) -> None:
    """Plugged in at 00:30 UTC, half an hour before Berlin's clocks change: windows in UTC know nothing of it."""
    grid = window_grid(BillPeriod("2013-03", day, day + timedelta(days=1)), "Europe/Berlin", 30)
    assert grid.height == windows
    night = {**HALF_FULL, "plugged_in_at": f"{day} 00:30", "plugged_out_at": f"{day} 06:00"}
    found = drawn(night, grid=grid)
    assert list(found.values()) == [3000, 3000, 3000, 1870]


@given(arrive=st.integers(0, 900), stay=st.integers(1, 500), soc=st.integers(0, 100), left=st.integers(0, 100))
def test_windows_sum_to_what_was_drawn_and_no_window_exceeds_the_power(
    arrive: int, stay: int, soc: int, left: int
) -> None:
    begin = instant("07-01") + timedelta(minutes=arrive)
    session = {
        "plugged_in_at": begin,
        "plugged_out_at": begin + timedelta(minutes=stay),
        "soc_in_pct": float(soc),
        "soc_out_pct": float(left),
    }
    found = drawn(session)
    room_wh = max(20_000 * (1 - soc / 100), 0) * 25 / 23
    reachable = room_wh <= 100 * stay
    goal_wh = max(20_000 * (1.0 if reachable else 0.0), 20_000 * left / 100)
    wanted = max(0.0, goal_wh - 20_000 * soc / 100) * 25 / 23
    assert sum(found.values()) == pytest.approx(min(wanted, 100 * stay), abs=1)
    assert all(0 < wh <= 3001 for wh in found.values())


def test_no_sessions_draw_nothing() -> None:
    assert drawn() == {}
