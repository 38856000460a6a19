"""Every saved question answers a small case worked out by hand."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.warehouse import Warehouse
from tests.test_sql import QUERIES, plant

A = {"site_id": "a", "month": "2013-07"}
ASKED = {"site": "a", "month": "2013-07", "on": "2013-08-01"}
AT_TWO = "2013-07-10 05:00:00+00"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse(tmp_path_factory.mktemp("queries")) as warehouse:
        warehouse.connection.execute("set timezone = 'UTC'")
        fill(warehouse)
        yield warehouse


def result(warehouse: Warehouse, site: str, month: str, **values: Any) -> None:
    common = {"state": "ok", "headline": "unmanaged", "currency": "JPY", "provable": True, "grade": "B"}
    plant(warehouse, "savings_month", site_id=site, month=month, **{**common, "summary": "{}", **values})


def fill(warehouse: Warehouse) -> None:
    """Two sites; site a has two cars, one bill with a peak at 14:00, an outage, a restated report and a late file."""
    next_one = {"month": "2014-07", "world": "actual", "from_kw": 998.4, "to_kw": 900.0, "money": "153504"}
    roll_off = json.dumps({"annual": {"next_roll_off": next_one}})
    result(warehouse, "a", "2013-07", saved=40999.0, realised=40999.0, bills=1, provable_bills=1, summary=roll_off,
           wear_low=10000.0, wear_high=50000.0, discharged_kwh=100.0, lever_hosting=0.0, lever_managed_charging=1.0,
           lever_discharge=40998.0, peak_reduction_kw=25.6, outage_hours=0.5,
           meter_coverage_pct=100.0, charger_coverage_pct=100.0)  # fmt: skip
    result(warehouse, "b", "2013-06", provable=False, grade="F", realised=9.0, reasons=["meter_gap"],
           meter_coverage_pct=99.0)  # fmt: skip
    warehouse.connection.execute("update savings_month set reasons = ['meter_gap', 'no_ratchet'] where site_id = 'b'")
    line = {"charge_id": "basic", "band": "all", "kind": "demand", "unit": "kW", "rate": 1560.0}
    for world, peak, amount in (("actual", 998.4, 100.0), ("unmanaged", 1024.0, 140.0)):
        plant(warehouse, "bill_line", **A, scenario=world, **line, quantity=peak, amount=amount, own_peak_kw=peak,
              billing_demand_kw=peak, set_at=AT_TWO)  # fmt: skip
    plant(warehouse, "load_interval", **A, interval_start=AT_TWO, local_start="2013-07-10 14:00:00",
          local_day="2013-07-10", duration_s=1800, discharge_wh=0, dead_s=0, served_wh=0,
          actual_import_wh=499200, no_ev_import_wh=500000)  # fmt: skip
    plant(warehouse, "load_interval", **A, interval_start="2013-07-11 05:00:00+00", local_start="2013-07-11 14:00:00",
          local_day="2013-07-11", duration_s=1800, dead_s=1800, served_wh=700)  # fmt: skip
    stays(warehouse)
    days(warehouse)
    files(warehouse)
    plant(warehouse, "quality_finding", **A, name="meter.gap", source="main", sentence="Meter data is missing.")
    plant(warehouse, "utility_bill", **A, figure="demand", unit="kW", charge_id="basic", ours=998.4, utility=1000.0,
          difference_pct=-0.16, cause="demand")  # fmt: skip
    plant(warehouse, "report", **A, version=2, restates=1, generated_at="2013-08-05 00:00:00+00",
          generated_before="2013-08-03 00:00:00+00", saved_before=43000.0, peak_reduction_before_kw=26.0,
          grade_before="C")  # fmt: skip


def stays(warehouse: Warehouse) -> None:
    """CP1: away at the peak, back at 16:00; CP2: there all day, leaves with 90 of 100 %."""
    for charger, begin, soc_out, charge, discharge in (("CP1", 7, 100.0, 1000, 0), ("CP2", 0, 90.0, 2000, 1700)):
        plant(warehouse, "charging_session", **A, session_id=charger, charger_id=charger,
              vehicle_id=charger.replace("CP", "LEAF"), plugged_in_at=f"2013-07-10 0{begin}:00:00+00",
              plugged_out_at="2013-07-10 09:00:00+00", soc_in_pct=90.0, soc_out_pct=soc_out, charge_wh=charge,
              discharge_wh=discharge, complete=True)  # fmt: skip
        plant(warehouse, "charger_interval", **A, charger_id=charger, duration_s=1800, discharge_wh=3000)


def days(warehouse: Warehouse) -> None:
    plant(warehouse, "day_class", **A, local_day="2013-07-10", day_class="v2b", basis="armed", window_h=2.0,
          discharge_wh=4000)  # fmt: skip
    plant(warehouse, "day_class", **A, local_day="2013-07-11", day_class="excluded", reason="outage", basis="armed",
          window_h=2.0)  # fmt: skip


def files(warehouse: Warehouse) -> None:
    """File 1 came on 1 July; file 2 on 4 August replaced one value of it, refused two records and was late."""
    for load, seen in ((1, "2013-07-31 10:00:00+00"), (2, "2013-08-04 10:00:00+00")):
        plant(warehouse, "source_file", load_id=load, path=f"{load}.csv", seen_at=seen, kind="meter", outcome="loaded",
              last_at="2013-07-31 00:00:00+00", rejected=2 * (load - 1), superseded=load - 1)  # fmt: skip
    for position, field in (("line 12", "import_kwh"), ("line 7", "meter_id")):
        plant(warehouse, "rejected_record", load_id=2, position=position, field=field, value="x", allowed="a number")
    interval = {"site_id": "a", "meter_id": "main", "duration_s": 1800, "bill_month": "2013-07"}
    plant(warehouse, "meter_interval", **interval, interval_start="2013-07-01 00:00:00+00", import_wh=1000, load_id=1)
    plant(warehouse, "meter_interval", **interval, interval_start="2013-07-01 00:30:00+00", import_wh=4000, load_id=2)
    plant(warehouse, "meter_interval", **interval, interval_start="2013-07-01 01:00:00+00", import_wh=500, load_id=2)
    plant(warehouse, "meter_interval_history", **interval, interval_start="2013-07-01 00:30:00+00", import_wh=3000,
          load_id=1, superseded_by=2)  # fmt: skip
    reading = {"site_id": "a", "charger_id": "CP1", "bill_month": "2013-07"}
    for load, given, table in ((1, 100, ""), (2, 700, ""), (1, 300, "_history")):
        extra = {"superseded_by": 2} if table else {}
        plant(warehouse, f"charger_reading{table}", **reading, energy_export_wh=given, load_id=load, **extra)


ANSWERS: dict[str, list[dict[str, Any]]] = {
    # LEAF2 left with 90 of 100 %
    "cars_short": [{"vehicle_id": "LEAF2", "missing_pct": 10.0}],
    # CP1 was empty at 14:00; it has given 3,000 Wh in half an hour, 6 kW, at 1,560 a kW
    "unplugged_at_peak": [{"empty_chargers": 1, "not_given_kw": 6.0, "cost_at_most": 9360.0}],
    "best_sites": [{"site_id": "a", "realised": Decimal(40999)}, {"site_id": "b", "realised": Decimal(9)}],
    # between the versions file 2 replaced one value and brought one more
    "changed": [{"month": "2013-07", "saved_before": Decimal(43000), "saved": Decimal(40999), "grade_before": "C",
                 "grade": "B", "changed_intervals": 1, "new_intervals": 1}],
    "coverage": [{"month": "2013-07", "meter_coverage_pct": 100.0, "outage_hours": 0.5}],
    "savings_by_line": [{"charge_id": "basic", "bills": 1, "quantity_saved": Decimal("25.6"), "saved": Decimal(40)}],
    "ratchet_months": [{"site_id": "a", "next_roll_off": "2014-07", "from_kw": 998.4, "bills_left": 12},
                       {"site_id": "b", "next_roll_off": None, "bills_left": None}],
    # only CP2 gave and ended as full as it began: 1,700 of 2,000 Wh
    "efficiency": [{"charger_id": "CP2", "stays": 1, "round_trip": 0.85}],
    "findings": [{"name": "meter.gap", "findings": 1, "first_month": "2013-07", "latest": "Meter data is missing."}],
    "day_classes": [{"day_class": "excluded", "why": "outage", "day_count": 1},
                    {"day_class": "v2b", "why": "", "day_count": 1, "mean_peak_kw": 998.4, "mean_discharge_kw": 2.0}],
    "refused_files": [{"path": "2.csv", "rejected": 2, "first_position": "line 7", "first_field": "meter_id"}],
    # on 1 August file 2 had not come: 1,000 and 3,000 Wh were known, today 1,000, 4,000 and 500
    "as_known": [{"site_id": "a", "intervals_then": 2, "intervals_now": 3, "import_kwh_then": 4.0,
                  "import_kwh_now": 5.5, "highest_kw_then": 6.0, "highest_kw_now": 8.0}],
    # and of the register 100 and 300 Wh, today 100 and 700
    "as_known_chargers": [{"charger_id": "CP1", "readings_then": 2, "readings_now": 2,
                           "highest_export_register_then_kwh": 0.3, "highest_export_register_now_kwh": 0.7}],
    # the first report was made on 3 August
    "as_stated": [{"month": "2013-07", "version_now": 2, "saved_now": Decimal(40999), "version_then": None,
                   "saved_then": None, "older_version_then": False}],
    "not_proved": [{"site_id": "b", "reasons": "meter_gap no_ratchet", "meter_coverage_pct": 99.0}],
    "levers": [{"month": "2013-07", "lever_discharge": Decimal(40998)}],
    "utility_differences": [{"site_id": "a", "figure": "demand", "cause": "demand"}],
    "outages": [{"local_day": date(2013, 7, 11), "hours": 0.5, "ridden_through_hours": 0.5, "served_kwh": 0.7}],
    "cars": [{"vehicle": "LEAF2", "stays": 1, "discharged_kwh": 1.7, "mean_stay_h": 9.0, "left_short": 1},
             {"vehicle": "LEAF1", "stays": 1, "discharged_kwh": 0.0, "mean_stay_h": 2.0, "left_short": 0}],
    "late_files": [{"path": "2.csv", "days_late": 4, "superseded": 1}, {"path": "1.csv", "days_late": 0}],
    "peak_hours": [{"scenario": "actual", "local_hour": 14, "peaks": 1, "highest_kw": Decimal("998.4")},
                   {"scenario": "unmanaged", "local_hour": 14, "peaks": 1, "highest_kw": Decimal(1024)}],
    "below_wear": [{"site_id": "a", "saved": Decimal(40999), "wear_high": Decimal(50000)}],
    "bill": [{"charge_id": "basic", "quantity_baseline": Decimal(1024), "saved": Decimal(40)}],
    "months": [{"month": "2013-07", "peak_reduction_kw": 25.6, "saved": Decimal(40999)}],
    "peaks": [{"scenario": "actual", "set_local": datetime(2013, 7, 10, 14, 0)},
              {"scenario": "unmanaged", "own_peak_kw": Decimal(1024)}],
    "rank_tariffs": [{"month": "2013-07", "actual_import_wh": 499200, "counted": True}, {"month": "2013-07"}],
}  # fmt: skip


def test_every_saved_question_has_its_case() -> None:
    assert sorted(ANSWERS) == [path.stem for path in QUERIES]


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_saved_question_answers_right(opened: Warehouse, path: Any) -> None:
    code = path.read_text(encoding="utf-8")
    given = {name: value for name, value in ASKED.items() if f"${name}" in code}
    rows = opened.query(code, given).to_dicts()
    expected = ANSWERS[path.stem]
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        for name, value in wanted.items():
            assert row[name] == (pytest.approx(value) if isinstance(value, float) else value), name


def test_as_known_on_the_day_a_file_came_knows_it(opened: Warehouse) -> None:
    code = next(path for path in QUERIES if path.stem == "as_known").read_text(encoding="utf-8")
    found = {
        day: opened.query(code, {"on": day}).row(0, named=True)["import_kwh_then"]
        for day in ("2013-07-30", "2013-07-31", "2013-08-03", "2013-08-04")
    }
    assert found == {"2013-07-30": None, "2013-07-31": 4.0, "2013-08-03": 4.0, "2013-08-04": 5.5}


def test_as_stated_tells_the_version_of_its_day(opened: Warehouse) -> None:
    code = next(path for path in QUERIES if path.stem == "as_stated").read_text(encoding="utf-8")
    found = {}
    for day in ("2013-08-02", "2013-08-03", "2013-08-04", "2013-08-05"):
        row = opened.query(code, {"on": day}).row(0, named=True)
        found[day[-2:]] = row["version_then"], row["saved_then"], row["grade_then"], row["peak_reduction_then_kw"]
    first, second = (1, Decimal(43000), "C", 26.0), (2, Decimal(40999), "B", 25.6)
    assert found == {"02": (None, None, None, None), "03": first, "04": first, "05": second}


def test_money_of_two_currencies_is_never_summed(opened: Warehouse) -> None:
    """Of all questions only those of one site add money up, and a site has one currency."""
    for path in QUERIES:
        code = path.read_text(encoding="utf-8")
        if "sum(saved)" in code:
            assert "$site" in code
            assert "currency" in code
