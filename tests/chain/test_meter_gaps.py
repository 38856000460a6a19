"""Meter gaps: two weeks with one meter, one car on the first day, and windows that nobody measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.calendars import window_grid
from pipeline.chain import Prepared, compute, prepare
from pipeline.chain.inputs import EARLIER_WINDOW
from pipeline.chain.meter_gaps import bridge_of, bridged, left_open
from pipeline.chain.results import bills_of
from pipeline.domain import SCENARIOS, BillPeriod
from pipeline.portfolio import UtilityBill
from pipeline.tariff import Bill, BillLine, ResolvedTariff, resolve
from tests.chain.cases import DEMAND, ENERGY, NOTHING_EARLIER, V2B_DAY, inputs
from tests.factories import charger_records, instant, meter_records, site
from tests.tariff.bench import native

PERIOD = BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 15))  # from a Monday to a Sunday
NIGHT = ["07-03 22:00", "07-03 22:30"]
TIERED = """[[charges]]
id = "energy"
kind = "energy"
tiers = [{ up_to = 5594, rate = "0.10" }, { rate = "0.20" }]
""" + DEMAND.removeprefix(ENERGY)


def tariff(text: str = DEMAND, period: BillPeriod = PERIOD) -> ResolvedTariff:
    return resolve(native(text, head='name = "test"\ncurrency = "USD"\n'), period)


def starts(zone: str = "UTC", period: BillPeriod = PERIOD) -> list[datetime]:
    found: list[datetime] = window_grid(period, zone, 30).get_column("interval_start").to_list()
    return found


LOADS = {at: 6_000 if at.hour >= 20 or at.hour < 6 else 10_000 for at in starts()}
"""10 kWh in the half hours of the day, 6 kWh from 20:00 to 06:00: 400 kWh a day."""
CARS = {instant("07-01 13:00"): 8_000, instant("07-01 15:00"): 12_500}
HIGH = {instant("07-02 10:00"): 15_000}


def meter(*leave_out: str, changes: Mapping[datetime, int] | None = None) -> pl.DataFrame:
    gone = {instant(at) for at in leave_out}
    return meter_records([(at, wh) for at, wh in {**LOADS, **CARS, **(changes or {})}.items() if at not in gone])


def case(**changes: Any) -> Prepared:
    """Against the world without cars: 5,600 kWh, and 0.5 kWh more with the car."""
    readings = charger_records([*V2B_DAY[:-1], ("07-16 08:00", 2500, 2000)])
    base = {"site": site(headline="no_ev"), "period": PERIOD, "tariff": tariff(), "readings": readings}
    return prepare(inputs(**{**base, "meter": meter(), **changes}))


def summary(**changes: Any) -> dict[str, Any]:
    return compute(case(**changes)).summary


def utility(kw: str | None = None, kwh: str | None = None, until: date = PERIOD.read_to) -> list[UtilityBill]:
    figures = (None if figure is None else Decimal(figure) for figure in (kw, kwh))
    return [UtilityBill(PERIOD.read_from, until, None, *figures, None)]


def ends(section: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    return Decimal(str(section["low"])), Decimal(str(section["high"]))


# --- by hand


def test_a_gap_at_night_is_billed_with_an_estimate_and_its_coverage_stated() -> None:
    """6 kWh to either side and on like days: 6 kWh are billed. Every kWh costs the same: only a cent is open."""
    whole, found = summary(), summary(meter=meter(*NIGHT))
    assert (whole["provable"], found["provable"], found["grade"]) == (True, True, "B")
    assert ("meter_gap_bounded" in found["reasons"], "meter_gap" in found["reasons"]) == (True, False)
    assert found["data"]["meter_coverage_pct"] == 99.7  # 670 of 672
    assert found["data"]["findings"] == ["Meter data is missing from 2013-07-03 22:00 local time for 1.0 h."]
    assert found["money"]["saved"] == whole["money"]["saved"] == "-50.05"
    assert found["peak_kw"] == whole["peak_kw"]
    low, high = ends(whole["money"])
    assert ends(found["money"]) == (low - Decimal("0.01"), high + Decimal("0.01"))


def test_a_tier_that_the_gap_may_not_reach_widens_the_range() -> None:
    """The gap held 0 to 2 x 6 / 0.95 kWh. With 12, all of the 0.5 kWh lost is dear (10 cents); with none, cheap (5)."""
    whole, found = summary(tariff=tariff(TIERED)), summary(tariff=tariff(TIERED), meter=meter(*NIGHT))
    assert found["money"]["saved"] == whole["money"]["saved"] == "-50.10"
    low, high = ends(whole["money"])
    assert ends(found["money"]) == (low - Decimal("0.01"), high + Decimal("0.06"))


def test_what_gaps_held_is_kept_out_of_the_stored_loads() -> None:
    stored = compute(case(meter=meter(*NIGHT))).frames["load_interval"]
    gap = stored.filter(~pl.col("metered"))
    assert gap.get_column("interval_start").to_list() == [instant(at) for at in NIGHT]
    assert gap.get_column("actual_import_wh").to_list() == [0, 0]


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        (["07-03 13:00", "07-03 13:30"], "10 kWh / 0.95 on like days are above the 10 kWh of every day"),
        (["07-14 23:30"], "nothing is known after the bill's last window"),
        ([f"07-04 {half // 2:02}:{half % 2 * 30:02}" for half in range(48)], "a whole day needs the utility's bill"),
    ],
)
def test_a_gap_that_may_hold_a_peak_leaves_no_bill(gone: list[str], why: str) -> None:
    found = summary(meter=meter(*gone))
    assert (found["provable"], found["reasons"][0], found["money"]["bill_actual"]) == (False, "meter_gap", None), why


def test_chargers_that_are_silent_in_the_gap_leave_it_open() -> None:
    cut = [row for row in V2B_DAY[:-1] if row[0] < "07-01 18:30"]
    found = summary(meter=meter(*NIGHT), readings=charger_records(cut))
    assert (found["provable"], found["reasons"][0]) == (False, "meter_gap")


def test_a_site_that_feeds_in_has_no_least_load() -> None:
    frame = meter(*NIGHT).with_columns(
        export_wh=pl.when(pl.col("interval_start") == instant("07-07 12:00")).then(500).otherwise(0).cast(pl.Int64)
    )
    assert bridge_of(case(meter=frame), bills_of) is None


@pytest.mark.parametrize("gone", [["07-03 10:00"], [f"07-04 {half // 2:02}:{half % 2 * 30:02}" for half in range(48)]])
def test_the_utilitys_demand_bounds_a_gap_in_the_hours_of_the_peak(gone: list[str]) -> None:
    """30.00 kW are billed and 30 measured: the gap can be higher by less than 0.01 kW (4 W of a half hour's 2 W steps).

    Of both worlds: the reduction by as much either way, and by 0.008 kW x 10 in money, and rounding.
    """
    whole = summary(meter=meter(changes=HIGH))
    missing = meter(*gone, changes=HIGH)
    assert summary(meter=missing)["provable"] is False
    assert summary(meter=missing, utility_bills=utility("31.00"))["provable"] is False
    assert summary(meter=missing, utility_bills=utility("29.50"))["provable"] is False
    assert summary(meter=missing, utility_bills=utility("30.00", until=date(2013, 7, 14)))["provable"] is False
    found = summary(meter=missing, utility_bills=utility("30.00"))
    assert (found["provable"], "meter_gap_bounded" in found["reasons"]) == (True, True)
    assert (found["peak_kw"]["actual"], found["peak_kw"]["reduction"]) == (30.0, 0.0)
    low, high = ends(whole["peak_kw"])
    assert ends(found["peak_kw"]) == (low - Decimal("0.016"), high + Decimal("0.016"))


def test_the_energy_billed_beyond_what_was_measured_bounds_a_gap() -> None:
    """5,600.5 kWh with the gap's 10: 9 or 10 kWh more than measured (whole kWh), below the day's 10 kWh nothing."""
    gone = meter("07-03 10:00", changes={instant("07-02 10:00"): 15_000})
    told = bridge_of(case(meter=gone, utility_bills=utility(kwh="5605.5")), bills_of)
    assert told is not None
    assert told.most.tolist() == [10_100]  # 5,605.5 printed in tenths, less 5,595.5 measured
    assert summary(meter=gone, utility_bills=utility(kwh="5605.5"))["provable"] is True
    behind = bridge_of(case(meter=gone, utility_bills=utility(kwh="5000")), bills_of)
    assert (
        behind is not None
    )  # a bill below the measured energy is of another meter: like days only, of which one had 15 kWh / 0.95
    assert behind.most.tolist() == [15_789]


def test_of_two_meters_the_one_that_was_read_is_the_least() -> None:
    two = pl.concat(
        [meter(*NIGHT), meter().with_columns(meter_id=pl.lit("annex"), import_wh=pl.lit(1_000, dtype=pl.Int64))]
    )
    place = site(headline="no_ev", meters=[{"meter_id": "main"}, {"meter_id": "annex"}])
    found = bridge_of(case(site=place, meter=two), bills_of)
    assert found is not None
    assert (found.least.tolist(), found.estimate.tolist()) == ([1_000, 1_000], [7_000, 7_000])


def test_a_gap_on_the_night_clocks_change() -> None:
    """02:00 of 7 April comes twice in Melbourne: like days are read at their local time, 03:00 too."""
    period, zone = BillPeriod("2013-04", date(2013, 3, 31), date(2013, 4, 15)), "Australia/Melbourne"
    local = pl.Series(starts(zone, period)).dt.convert_time_zone(zone).dt.hour().to_list()
    rows = [(at, 6_000 if hour < 6 else 10_000) for at, hour in zip(starts(zone, period), local, strict=True)]
    gone = instant("2013-04-06 16:30")
    frame = meter_records([row for row in rows if row[0] != gone])
    flat = charger_records([("2013-03-30 00:00", 7, 7), ("2013-04-16 00:00", 7, 7)])
    changes = {"site": site(timezone=zone), "period": period, "meter": frame, "readings": flat}
    found = compute(prepare(inputs(**changes, tariff=tariff(period=period), programme_start=date(2013, 3, 1)))).summary
    assert (found["provable"], found["money"]["saved"], found["peak_kw"]["reduction"]) == (True, "0.00", 0.0)
    assert "meter_gap_bounded" in found["reasons"]


@pytest.mark.parametrize(("also_before", "provable"), [([], True), (["07-14 23:30"], False)])
def test_a_gap_at_a_bills_beginning_is_seen_with_the_bill_before(also_before: list[str], provable: bool) -> None:
    """The first half hour is missing: like nights show 6 kWh. With the one before, the gap goes from a Sunday into a
    Monday, and four weeks have fewer than five such nights."""
    later = BillPeriod("2013-08", date(2013, 7, 15), date(2013, 7, 29))
    before = compute(case(meter=meter(*also_before))).frames["load_interval"].select(EARLIER_WINDOW.keys())
    rows = [(at, 6_000 if at.hour >= 20 or at.hour < 6 else 10_000) for at in starts(period=later)]
    flat = charger_records([("07-01 00:00", 7, 7), ("07-30 00:00", 7, 7)])
    changes = {"period": later, "meter": meter_records(rows[1:]), "readings": flat, "tariff": tariff(period=later)}
    assert not summary(**changes)["provable"]
    found = summary(**changes, earlier=replace(NOTHING_EARLIER, windows=before))
    assert found["provable"] is provable
    assert found["energy_kwh"]["actual"] == (5600.0 if provable else None)  # 6 kWh are billed for the gap


def test_before_the_programme_a_bounded_gap_leaves_the_peaks_known() -> None:
    found = summary(meter=meter(*NIGHT), programme_start=date(2013, 8, 1))
    assert (found["state"], found["reasons"]) == ("seed", ["programme_not_started", "meter_gap_bounded"])
    assert found["money"]["bill_actual"] is not None


def test_what_lines_leave_open_is_added_up_and_shared_by_percentages() -> None:
    """One line saves 1 more at the most, the other 1 less; a tenth of tax on 2 + 2 cents of rounding either way."""

    def bill(world: str, low: str, high: str) -> Bill:
        rows = (("a", "energy", low), ("b", "energy", high), ("tax", "tax", "0"))
        lines = tuple(
            BillLine(
                world, name, "", kind, "", "kWh", Decimal(0), Decimal("0.1") if kind == "tax" else None, Decimal(amount)
            )
            for name, kind, amount in rows
        )
        return Bill(lines, Decimal(0), ())

    stepped = [
        {"no_ev": bill("no_ev", a, b), "actual": bill("actual", "5", "5")}
        for a, b in (("5", "5"), ("5", "5"), ("6", "4"))
    ]
    assert left_open(stepped, "no_ev", tariff(), 0.01) == (pytest.approx(1.1 * 1.02), pytest.approx(1.1 * 1.02))


# --- a law


@st.composite
def gapped(draw: st.DrawFn) -> tuple[list[int], int, int]:
    shape = draw(st.lists(st.integers(4_000, 12_000), min_size=48, max_size=48))
    noise = draw(st.lists(st.integers(0, 600), min_size=14, max_size=14))
    length = draw(st.integers(1, 8))
    return [wh + noise[day] for day in range(14) for wh in shape], draw(st.integers(60, 650 - length)), length


def _own_peaks(bills: Mapping[str, Bill]) -> Sequence[object]:
    return [[line.own_peak_kw for line in bills[world].lines] for world in SCENARIOS]


@settings(max_examples=15, deadline=None)
@given(gapped(), st.floats(0, 1), st.floats(0, 1))
def test_whatever_a_bridged_gap_held_no_peak_moves_and_the_range_holds_the_saving(
    drawn: tuple[list[int], int, int], low: float, high: float
) -> None:
    """Also where the true load rises from one end of what it can be to the other inside the gap."""
    loads, first, length = drawn
    rows = [(at, wh) for n, (at, wh) in enumerate(zip(LOADS, loads, strict=True)) if not first <= n < first + length]
    threshold = sum(loads) // 1000
    priced = tariff(TIERED.replace("5594", str(threshold)))
    prepared = case(meter=meter_records(rows), tariff=priced)
    found, billed = bridge_of(prepared, bills_of), bridged(prepared, bills_of)
    assume(found is not None and billed.bridged is not None)
    assert found is not None
    held = found.least + ((found.most - found.least) * np.linspace(low, high, length)).astype(np.int64)
    true, ours = bills_of(found.across(prepared, held)), bills_of(billed)
    assert _own_peaks(true) == _own_peaks(ours)
    saved, estimated = (float(bills["no_ev"].total - bills["actual"].total) for bills in (true, ours))
    less, more = billed.spread["money"]
    assert estimated - less - 1e-9 <= saved <= estimated + more + 1e-9
