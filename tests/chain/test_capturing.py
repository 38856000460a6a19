"""The best possible peak of a bill: one car of 20 kWh that comes with 90 % at 08:00 and must leave full at 18:00."""

import pytest

from tests.chain.cases import DEMAND, V2B_DAY, inputs, meter, prepared, result, summary, tariff
from tests.factories import charger_records, site


def test_filling_up_slowly_all_day_is_the_best_a_flat_load_allows():
    """20 kW all day; 2 kWh stored over ten hours, at what the charger takes per kWh stored."""
    found = summary(tariff=tariff(DEMAND))
    per_stored = prepared(tariff=tariff(DEMAND)).round_trip.charge_wh_per_battery_wh
    best = 20 + 2 * per_stored / 10
    capture, peaks = found["capture"], found["peak_kw"]
    assert capture["best_possible_peak_kw"] == pytest.approx(best, abs=0.001)
    share = 100 * (peaks["unmanaged"] - peaks["actual"]) / (peaks["unmanaged"] - best)
    assert capture["capture_kw_pct"] == pytest.approx(share, abs=0.01)


def test_what_was_missed_sums_to_the_gap_to_a_full_arrival():
    """A car that arrives full need not be charged at all: it can only give, and 20 kW before 08:00 stays the peak."""
    capture = summary(tariff=tariff(DEMAND))["capture"]
    missed = {entry["cause"]: entry["kw"] for entry in capture["missed"]}
    assert set(missed) == {"control", "arrived_not_full"}
    assert sum(missed.values()) == pytest.approx(25.0 - 20.0, abs=0.002)


def test_a_car_whose_charge_is_not_known_leaves_the_best_unknown():
    blind = [
        row if len(row) == 3 else (*row[:3], {k: v for k, v in row[3].items() if k != "soc_pct"}) for row in V2B_DAY
    ]
    found = summary(tariff=tariff(DEMAND), readings=charger_records(blind))
    assert found["capture"]["best_possible_peak_kw"] is None
    assert "capture_not_known" in found["reasons"]


def test_a_gap_leaves_the_best_unknown():
    found = result(tariff=tariff(DEMAND), meter=meter(leave_out=["07-02 10:00"])).summary
    assert found["capture"]["best_possible_peak_kw"] is None


def test_a_stay_across_the_end_of_the_bill_keeps_what_it_did():
    """Plugged in at 20:00 of the last day, still there at the end: the 4 kWh it took at 21:00 are not moved."""
    rows = [*V2B_DAY[:-1], ("07-02 20:00", 2500, 2000, {"session_id": "b", "vehicle_id": "LEAF1", "context": "begin"})]
    rows += [("07-02 21:00", 2500, 2000, {"session_id": "b"}), ("07-02 21:30", 6500, 2000, {"session_id": "b"})]
    rows += [("07-03 08:00", 6500, 2000, {"session_id": "b", "context": "end"})]
    loads = {"07-01 13:00": 8_000, "07-01 15:00": 12_500, "07-02 21:00": 14_000}
    found = summary(tariff=tariff(DEMAND), meter=meter(loads), readings=charger_records(rows))
    assert found["capture"]["best_possible_peak_kw"] == pytest.approx(28.0)


def test_the_plugged_in_share_of_the_peak_hours():
    """13 to 16 h on two days, one of them with the car there."""
    found = summary(site=site(peak_window={"start": "13:00", "end": "16:00"}))
    assert found["fleet"]["availability_pct"] == 50.0
    assert "availability_not_known" not in found["reasons"]
    assert inputs().site.peak_window is None
    assert "availability_not_known" in summary()["reasons"]
