"""A bill from frames to result: what is saved, what is proved, and what is said where it is not."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chain import Earlier, compute
from pipeline.domain import V2BError
from pipeline.portfolio import UtilityBill
from pipeline.quality import Clock
from pipeline.uncertainty import DETERMINANT_DRAW, DRAWS, DrawnBill
from tests.chain.cases import DEMAND, RATCHET, V2B_DAY, inputs, meter, peaks, prepared, result, summary, tariff
from tests.factories import charger_records, instant, session_records, site

NO_CHARGERS = {"site": site(chargers=[], vehicles=[]), "readings": charger_records([])}


def window(text: str, **changes: object) -> dict[str, object]:
    frame = prepared(**changes).windows
    return frame.row(by_predicate=pl.col("interval_start") == instant(text), named=True)


# --- worlds


def test_the_worlds_of_a_v2b_day_by_hand() -> None:
    """13:00: 8 kWh metered and 2 given: 10 without cars. 15:00: 12.5 metered and 2.5 taken: 10."""
    given, taken = window("07-01 13:00"), window("07-01 15:00")
    assert (given["actual_import_wh"], given["no_ev_import_wh"]) == (8_000, 10_000)
    assert (taken["actual_import_wh"], taken["no_ev_import_wh"]) == (12_500, 10_000)
    assert (given["discharge_wh"], given["charge_wh"], given["covered"], given["metered"]) == (2_000, 0, True, True)


def test_the_unmanaged_car_charges_on_arrival() -> None:
    """It came with 90 % of 20 kWh and must leave full: 2 kWh stored, all of it from 08:00 on."""
    frame = prepared().windows.filter(pl.col("unmanaged_charge_wh") > 0)
    assert frame.get_column("interval_start").to_list() == [instant("07-01 08:00")]
    stored = prepared().round_trip.charge_wh_per_battery_wh * 2_000
    assert frame.get_column("unmanaged_charge_wh").sum() == pytest.approx(stored, abs=1)


def test_a_finer_meter_is_summed_and_a_coarser_refused() -> None:
    assert summary(site=site(demand_window_min=60))["state"] == "ok"
    with pytest.raises(V2BError, match="1800 s long and does not lie inside one demand window of 900 s"):
        prepared(site=site(demand_window_min=15))


def test_without_a_stated_window_the_meters_own_is_taken() -> None:
    assert prepared(site=site(demand_window_min=None)).window_min == 30
    mixed = meter().with_columns(
        duration_s=pl.when(pl.col("interval_start") == instant("07-01")).then(900).otherwise(1800).cast(pl.Int64)
    )
    with pytest.raises(V2BError, match=r"site atsugi: .*\[900, 1800\].*demand_window_min in the site file"):
        prepared(site=site(demand_window_min=None), meter=mixed)


def test_the_window_of_the_tariff_stands_where_the_site_states_none() -> None:
    stated = tariff(DEMAND.replace('rate = "10"', 'rate = "10"\nwindow_min = 60'))
    assert prepared(site=site(demand_window_min=None), tariff=stated).window_min == 60


# --- savings


def test_a_demand_saving_by_hand() -> None:
    """10 kWh in half an hour is 20 kW. A car charging from 08:00 makes it 20 + 2 x what it draws; 12.5 kWh is 25 kW.

    Against no_ev the recharge at 15:00 is a new peak of 25 kW: 5 kW worse, 50.05 more for it and the 0.5 kWh lost.
    """
    found = summary(tariff=tariff(DEMAND), site=site(headline="no_ev"))
    assert (found["peak_kw"]["no_ev"], found["peak_kw"]["actual"], found["peak_kw"]["reduction"]) == (20.0, 25.0, -5.0)
    assert found["peak_kw"]["actual_set_at"] == "2013-07-01T15:00:00+00:00"
    assert found["money"]["saved"] == "-50.05"
    assert found["provable"]
    assert found["grade"] == "B"
    assert (found["fleet"]["charged_kwh"], found["fleet"]["discharged_kwh"]) == (2.5, 2.0)


def test_without_chargers_every_world_is_the_meter_and_nothing_is_saved() -> None:
    found = summary(**NO_CHARGERS, tariff=tariff(DEMAND))
    assert (found["provable"], found["money"]["saved"], found["peak_kw"]["reduction"]) == (True, "0.00", 0.0)
    assert found["money"]["bill_no_ev"] == found["money"]["bill_unmanaged"] == found["money"]["bill_actual"]
    assert not {"clock_bounded", "wiring_not_compared"} & set(found["reasons"])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=96, max_size=96))
def test_registers_that_stand_still_leave_the_worlds_identical(loads: list[int]) -> None:
    """Chargers present, nobody charges: proved, and 0 to the last digit."""
    starts = prepared().windows.get_column("interval_start").to_list()
    frame = meter().with_columns(import_wh=pl.Series(loads, dtype=pl.Int64))
    flat = charger_records([(starts[0] - timedelta(days=1), 7, 7), (starts[-1] + timedelta(days=1), 7, 7)])
    found = summary(meter=frame, readings=flat, tariff=tariff(DEMAND))
    assert (found["provable"], found["money"]["saved"]) == (True, "0.00")
    assert found["peak_kw"]["unmanaged"] == found["peak_kw"]["no_ev"] == found["peak_kw"]["actual"]
    assert {line["saved"] for line in found["lines"]} == {"0.00"}


# --- what cannot be proved


def test_a_meter_gap_leaves_no_bill_at_all() -> None:
    found = summary(meter=meter(leave_out=["07-01 13:00", "07-01 13:30"]))
    assert (found["provable"], found["grade"], found["reasons"][0]) == (False, "F", "meter_gap")
    assert (found["money"]["bill_actual"], found["money"]["saved"], found["lines"]) == (None, None, [])
    assert found["data"]["meter_coverage_pct"] == 97.92  # 94 of 96
    assert found["data"]["findings"] == ["Meter data is missing from 2013-07-01 13:00 local time for 1.0 h."]


def test_zeros_that_mean_missing_are_not_billed() -> None:
    """A load that wanders and then reads 0 for an hour: the zeros count as missing, under their own name."""
    starts = prepared().windows.get_column("interval_start").to_list()
    loads = {at: 10_000 + 37 * (number % 19) for number, at in enumerate(starts)}
    loads |= {instant("07-01 20:00"): 0, instant("07-01 20:30"): 0}
    frame = meter().with_columns(import_wh=pl.Series([loads[at] for at in starts], dtype=pl.Int64))
    found = summary(meter=frame)
    assert (found["provable"], found["reasons"][0], "meter_gap" in found["reasons"]) == (False, "meter_zero_run", False)
    assert (found["money"]["bill_actual"], found["money"]["saved"]) == (None, None)
    assert found["data"]["meter_coverage_pct"] == 97.92  # 94 of 96
    (sentence,) = found["data"]["findings"]
    assert "reads exactly 0 from 2013-07-01 20:00 local time for 1.0 h" in sentence


def test_coverage_is_never_rounded_up_to_whole() -> None:
    grid = prepared(period=inputs().period).windows
    assert grid.height == 96
    found = summary(meter=meter(leave_out=["07-01 13:00"]))
    assert found["data"]["meter_coverage_pct"] < 100


def test_a_charger_gap_leaves_the_metered_bill_only() -> None:
    """From 08:00 to 18:00 the register rose and nobody knows when."""
    gap = [row for row in V2B_DAY if row[0] in ("06-30 20:00", "07-01 08:00", "07-01 18:00", "07-03 08:00")]
    found = summary(readings=charger_records(gap), tariff=tariff(DEMAND))
    assert (found["provable"], found["reasons"][0]) == (False, "charger_gap")
    assert found["money"]["bill_actual"] is not None
    assert (found["money"]["bill_no_ev"], found["money"]["bill_unmanaged"]) == (None, None)
    assert found["data"]["charger_coverage_pct"] < 100


def test_a_silence_that_no_peak_lies_in_leaves_the_saving_provable() -> None:
    """The same silence under a price that is alike all day: what flowed in it is known, when does not matter."""
    gap = [row for row in V2B_DAY if row[0] in ("06-30 20:00", "07-01 08:00", "07-01 18:00", "07-03 08:00")]
    found = summary(readings=charger_records(gap))
    assert (found["provable"], "charger_gap" in found["reasons"]) == (True, False)
    assert Decimal(found["money"]["low"]) <= Decimal(found["money"]["saved"]) <= Decimal(found["money"]["high"])


def test_an_empty_charger_log_is_said_to_be_empty() -> None:
    found = summary(readings=charger_records([]))
    assert (found["provable"], found["reasons"][0]) == (False, "charger_log_empty")


@pytest.mark.parametrize(
    ("clock", "provable", "code"),
    [
        (Clock("measured", -12), True, "clock_measured"),
        (Clock("bounded", None), True, "clock_bounded"),
        (Clock("contradicted", 400), False, "clock_contradicted"),
        (Clock("slipped", None), False, "clock_slipped"),
    ],
)
def test_what_is_known_of_the_clocks_is_stated_and_a_wrong_one_proves_nothing(
    clock: Clock, provable: bool, code: str
) -> None:
    found = compute(replace(prepared(), clock=clock)).summary
    assert (found["data"]["clock_offset_s"], found["provable"]) == (clock.offset_s, provable)
    assert [known for known in found["reasons"] if known.startswith("clock_")] == [code]
    assert (found["money"]["saved"] is None) == (not provable)


@pytest.mark.parametrize(
    ("earlier", "doubted"),
    [
        ({"2013-05": True, "2013-06": False}, True),
        ({"2013-05": False, "2013-06": True}, False),  # it was set right
        ({"2012-07": False}, False),  # a year ago
        ({"2012-08": False}, True),
        ({}, False),
    ],
)
def test_clocks_that_were_wrong_when_last_told_prove_nothing_until_they_are_told_right(
    earlier: dict[str, bool], doubted: bool
) -> None:
    case = prepared()
    history = replace(case.inputs.earlier, clocks_right=earlier)
    case = replace(case, inputs=replace(case.inputs, earlier=history), clock=Clock("bounded", None))
    found = compute(case).summary
    assert (found["provable"], "clock_doubted" in found["reasons"]) == (not doubted, doubted)
    told_now = compute(replace(case, clock=Clock("measured", -12))).summary
    assert "clock_doubted" not in told_now["reasons"]


@pytest.mark.parametrize(("bound_s", "provable"), [(60, True), (600, False)])
def test_clocks_that_could_change_the_cut_prove_nothing(bound_s: int, provable: bool) -> None:
    """2 kWh in one window: 95 % of a bound of 600 s are 570 s, which move 633 Wh, or 1.27 kW, into a flat neighbour.

    A bound of 60 s moves 0.13 kW. The cut is -5 kW, so that 1 kW is the limit.
    """
    found = summary(site=site(headline="no_ev"), tariff=tariff(DEMAND), clock_bound_s=bound_s)
    assert found["provable"] == provable
    assert ("clock_unresolved" in found["reasons"]) == (not provable)


def test_one_silent_charger_of_two_is_a_gap() -> None:
    two = site(chargers=[*site().model_dump()["chargers"], {"charger_id": "CP2", "rated_charge_kw": 6.0}])
    assert summary(site=two)["reasons"][0] == "charger_gap"


def test_energy_outside_sessions_leaves_the_unmanaged_world_unknown() -> None:
    """The same registers without a session: what was metered can be taken out, but not put at plug-in."""
    bare = charger_records([(*row[:3], {}) for row in V2B_DAY])
    found = summary(readings=bare)
    assert (found["provable"], found["reasons"][0], found["money"]["bill_unmanaged"]) == (
        False,
        "sessions_unknown",
        None,
    )
    against_no_ev = summary(readings=bare, site=site(headline="no_ev"))
    assert (against_no_ev["provable"], against_no_ev["money"]["saved"]) == (True, "-0.05")


def test_a_sessions_file_gives_readings_their_session() -> None:
    bare = charger_records([(*row[:3], {}) for row in V2B_DAY])
    record = {
        "session_id": "a", "charger_id": "CP1", "vehicle_id": "LEAF1", "plugged_in_at": "07-01 08:00",
        "plugged_out_at": "07-01 18:00", "soc_in_pct": 90.0, "soc_out_pct": 90.0,
    }  # fmt: skip
    found = summary(readings=bare, session_records=session_records([record]))
    assert found["provable"]
    assert found["money"] == summary()["money"]


def test_before_the_programme_a_bill_is_seed() -> None:
    found = summary(programme_start=date(2013, 7, 3))
    assert (found["state"], found["provable"], found["money"]["saved"]) == ("seed", False, None)
    assert found["reasons"] == ["programme_not_started"]
    assert found["money"]["bill_unmanaged"] == found["money"]["bill_actual"]
    assert summary(programme_start=None)["state"] == "seed"
    assert summary(programme_start=date(2013, 7, 2))["state"] == "ok"


PLAIN_NIGHT = [
    ("06-30 22:00", 0, 0, {"session_id": "n", "vehicle_id": "LEAF1", "context": "begin", "soc_pct": 50.0}),
    ("07-01 02:00", 0, 0, {"session_id": "n"}),
    ("07-01 02:30", 3000, 0, {"session_id": "n"}),
    ("07-01 06:00", 3000, 0, {"session_id": "n", "context": "end", "soc_pct": 63.8}),
    ("07-03 08:00", 3000, 0),
]


def test_charging_before_the_programme_began_inside_a_bill_saves_nothing() -> None:
    """Nobody managed anything before 2 July, and nothing was plugged in after."""
    metered = meter({"07-01 02:00": 13_000})
    found = summary(readings=charger_records(PLAIN_NIGHT), meter=metered, programme_start=date(2013, 7, 2))
    assert (found["provable"], found["money"]["saved"]) == (True, "0.00")


def test_a_session_across_the_start_of_the_programme_keeps_its_energy() -> None:
    """3 kWh after midnight of the first day: in the car in both worlds, whenever they are drawn."""
    metered = meter({"07-01 02:00": 13_000})
    found = summary(
        readings=charger_records(PLAIN_NIGHT),
        meter=metered,
        site=site(vehicles=[{"vehicle_id": "LEAF1", "usable_kwh": 20.0, "target_soc_pct": 60.0}]),
    )
    assert found["energy_kwh"]["unmanaged"] == pytest.approx(found["energy_kwh"]["actual"], abs=0.01)


# --- the ratchet


def test_a_ratchet_that_looks_back_at_an_incomplete_month_proves_nothing() -> None:
    own = {
        (world, "demand"): peaks(m2013_04="15", m2013_05="15", m2013_06="15")
        for world in ("actual", "no_ev", "unmanaged")
    }
    proved = summary(tariff=tariff(RATCHET), earlier=Earlier(own, frozenset({"2013-03"}), {}, []))
    assert proved["provable"]  # three months back is April
    assert "ratchet_history_short" not in proved["reasons"]
    doubtful = summary(tariff=tariff(RATCHET), earlier=Earlier(own, frozenset({"2013-05"}), {}, []))
    assert (doubtful["provable"], doubtful["reasons"][0]) == (False, "ratchet_history_incomplete")


def test_a_ratchet_that_looks_back_beyond_the_data_says_so() -> None:
    found = summary(tariff=tariff(RATCHET))
    assert found["provable"]
    assert "ratchet_history_short" in found["reasons"]


def test_a_bill_without_a_gap_leaves_nothing_open_whatever_its_draws_peaked_at_before() -> None:
    """80 % of 40 kW and more bind: the draws differ by their past, and what gaps can hold does not."""
    before = [40_000 + 100 * draw for draw in range(DRAWS)]
    row = ("no_ev", "demand", "demand", 0, [0] * DRAWS, [0] * DRAWS, before)
    drawn = {"2013-06": DrawnBill(pl.DataFrame([row], schema=dict(DETERMINANT_DRAW), orient="row"))}
    own = {(world, "demand"): peaks(m2013_06="40") for world in ("actual", "no_ev", "unmanaged")}
    earlier = Earlier(own, frozenset(), {}, [], drawn=drawn)
    (found,) = (
        result(tariff=tariff(RATCHET), earlier=earlier, site=site(headline="no_ev"))
        .frames["saving_draw"]
        .rows(named=True)
    )
    assert len(set(found["saved"])) == DRAWS
    assert (found["open_below"], found["open_above"]) == (0.0, 0.0)


def test_each_world_carries_its_own_peaks() -> None:
    """80 % of 40 kW is 32 kW, above 25 kW; 80 % of 30 kW is 24 kW, above 20 kW plus what the car draws."""
    own = {("no_ev", "demand"): peaks(m2013_05="30"), ("actual", "demand"): peaks(m2013_06="40")}
    found = summary(tariff=tariff(RATCHET), earlier=Earlier(own, frozenset(), {}, []), site=site(headline="no_ev"))
    billed = found["billing_demand_kw"]
    assert (billed["no_ev"], billed["actual"], billed["reduction"]) == (24.0, 32.0, -8.0)
    assert (billed["baseline_carried_from"], billed["actual_carried_from"]) == ("2013-05", "2013-06")


def test_the_main_demand_line_is_chosen_by_the_year() -> None:
    text = DEMAND + '[[charges]]\nid = "other"\nkind = "demand"\nrate = "9.9"\n'
    assert summary(tariff=tariff(text))["peak_kw"]["demand_line"] == "demand/all"
    year = Earlier({}, frozenset(), {("other", "all"): Decimal(100)}, [])
    assert summary(tariff=tariff(text), earlier=year)["peak_kw"]["demand_line"] == "other/all"


# --- what the saving came from


def test_the_levers_of_a_v2b_day_by_hand() -> None:
    """2 kWh given are a debt of 2 / 0.835 = 2.395 kWh, repaid by all but 0.105 of the 2.5 kWh taken at 15:00.

    No cars: 20 kW and 960 kWh = 296. Managed: 20.21 kW and 960.105 kWh = 202.10 + 96.01. Metered: 25 kW and 960.5 kWh
    = 346.05. So giving and taking back cost 47.94; not charging at 08:00 from plug-in was worth the rest.
    """
    found = summary(tariff=tariff(DEMAND))
    money, levers = found["money"], found["levers"]
    assert (money["bill_no_ev"], money["bill_managed"], money["bill_actual"]) == ("296.00", "298.11", "346.05")
    assert (levers["hosting"], levers["discharge"]) == ("0.00", "-47.94")
    assert Decimal(levers["managed_charging"]) == Decimal(money["bill_unmanaged"]) - Decimal("298.11")
    assert sum(map(Decimal, levers.values())) == Decimal(money["saved"])
    assert {name: amount for name, amount in found["decomposition"].items() if Decimal(amount)} == {
        "energy_volume": found["lines"][0]["saved"],
        "demand_own": found["lines"][1]["saved"],
    }


def test_against_no_cars_at_all_hosting_them_is_a_lever_too() -> None:
    found = summary(tariff=tariff(DEMAND), site=site(headline="no_ev"))
    levers = {name: Decimal(amount) for name, amount in found["levers"].items()}
    assert sum(levers.values()) == Decimal(found["money"]["saved"]) == Decimal("-50.05")
    assert levers["hosting"] == Decimal("296.00") - Decimal(found["money"]["bill_unmanaged"])


def test_a_saving_that_is_not_proved_has_no_parts() -> None:
    found = summary(programme_start=date(2013, 7, 3))
    assert set(found["levers"].values()) | set(found["decomposition"].values()) == {None}


# --- the utility's bill


def utility(kw: str | None, kwh: str | None = None, **dates: date) -> list[UtilityBill]:
    first, until = dates.get("first", date(2013, 7, 1)), dates.get("until", date(2013, 7, 3))
    stated = [None if text is None else Decimal(text) for text in (kw, kwh)]
    return [UtilityBill(first, until, None, *stated, None)]


def test_a_bill_that_the_utilitys_bears_out_says_so() -> None:
    """25 kW, and 960.5 kWh in two days."""
    found = result(tariff=tariff(DEMAND), utility_bills=utility("25", "960.5"))
    assert found.summary["provable"]
    assert found.summary["reconciliation"]["verdict"] == "agrees"
    assert found.frames["utility_bill"].select("figure", "ours", "utility", "cause").rows() == [
        ("demand", Decimal(25), Decimal(25), None),
        ("energy", Decimal("960.5"), Decimal("960.5"), None),
    ]
    assert summary()["reconciliation"] == {"verdict": "not_supplied", "figures": []}


def test_another_demand_on_the_utilitys_bill_refutes_the_peak() -> None:
    """24 kW against our 25: 4.2 %. The energy agrees, so another window is billed, and no cut of ours is proved."""
    found = result(tariff=tariff(DEMAND), utility_bills=utility("24", "960.5"))
    assert (found.summary["provable"], found.summary["reasons"][0]) == (False, "demand_not_reconciled")
    assert found.summary["money"]["saved"] is None
    finding = found.frames["quality_finding"].row(0, named=True)
    assert (finding["name"], finding["unit"], round(finding["value"], 2)) == ("utility.demand", "%", 4.17)
    assert finding["sentence"].startswith("The utility's bill states 24 kW (demand), we find 25 kW: the energy agrees")


def test_another_energy_is_told_and_proves_nothing_wrong_with_the_peak() -> None:
    found = summary(tariff=tariff(DEMAND), utility_bills=utility(None, "900"))
    assert (found["provable"], found["reconciliation"]["verdict"]) == (True, "differs")
    assert "900 kWh" in found["data"]["findings"][0]


def test_how_far_they_may_differ_is_configured() -> None:
    assert summary(tariff=tariff(DEMAND), utility_bills=utility("24"), reconcile_pct=5.0)["provable"]


# --- the frames


def test_the_frames_fit_the_warehouse_and_the_lines_sum_to_the_bill() -> None:
    found = result(tariff=tariff(DEMAND))
    assert set(found.frames) == {
        "charger_interval", "charging_session", "load_interval", "billing_determinant", "bill_line", "quality_finding",
        "utility_bill", "day_class", "baseline_day", "determinant_draw", "saving_draw",
    }  # fmt: skip
    for world in ("actual", "no_ev", "unmanaged"):
        lines = found.frames["bill_line"].filter(pl.col("scenario") == world)
        assert lines.get_column("amount").sum() == Decimal(found.summary["money"][f"bill_{world}"])
    assert found.frames["load_interval"].height == 96
    assert found.frames["charging_session"].get_column("session_id").to_list() == ["a"]
