"""Day classes by hand: four chargers of 10 kW, a window of three hours: 120 kWh rated; 1 % is 1.2 kWh, 2 % 2.4 kWh."""

from datetime import date

import polars as pl

from pipeline.baselines import classify_days

DAYS = [date(2026, 7, day) for day in range(6, 13)]  # Monday to Sunday
WORKING = {day: day.isoweekday() < 6 for day in DAYS}


def days(discharge_wh, *, complete=None, window_h=3.0):
    return pl.DataFrame(
        {
            "local_day": DAYS[: len(discharge_wh)],
            "window_h": [window_h] * len(discharge_wh),
            "charge_wh": [0] * len(discharge_wh),
            "discharge_wh": discharge_wh,
            "complete": complete or [True] * len(discharge_wh),
        }
    )


def classes(frame, armed=None):
    found = classify_days(frame, 40.0, armed, WORKING)
    return list(found.get_column("day_class")), list(found.get_column("reason"))


def test_without_an_arming_log_a_day_is_classed_by_what_was_discharged():
    kinds, reasons = classes(days([0, 1_199, 1_200, 2_399, 2_400, 0, 0]))
    assert kinds == ["reference", "reference", "excluded", "excluded", "v2b", "excluded", "excluded"]
    assert reasons[2:4] == ["discharged without being a V2B day"] * 2
    assert reasons[5:] == ["weekend or holiday"] * 2


def test_half_a_kwh_is_the_least_that_shows_v2b():
    found = classify_days(days([499, 500]), 1.0, None, WORKING)  # 2 % of 3 kWh would be 60 Wh
    assert list(found.get_column("day_class")) == ["excluded", "v2b"]


def test_an_armed_day_is_a_v2b_day_whether_or_not_it_discharged():
    armed = {DAYS[0]: True, DAYS[1]: True, DAYS[2]: False}
    kinds, reasons = classes(days([0, 50_000, 50_000, 0]), armed)
    assert kinds == ["v2b", "v2b", "excluded", "reference"]
    assert reasons[2] == "discharged without being a V2B day"


def test_an_incomplete_day_is_no_reference_and_stays_a_v2b_day_when_armed():
    kinds, reasons = classes(days([0, 0], complete=[False, False]), {DAYS[1]: True})
    assert kinds == ["excluded", "v2b"]
    assert reasons[0] == "meter or charger data missing"


def test_a_day_without_an_event_window_is_neither():
    kinds, reasons = classes(days([90_000], window_h=0.0))
    assert (kinds, reasons) == (["excluded"], ["no event window on this day"])


def test_quiet_weekends_serve_in_weekend_baselines_and_v2b_days_never_serve():
    found = classify_days(days([0, 30_000, 2_000, 0, 0, 0, 30_000]), 40.0, None, WORKING)
    assert list(found.get_column("like_day")) == [True, False, False, True, True, True, False]


def test_without_chargers_every_quiet_working_day_is_a_reference():
    found = classify_days(days([0, 0]), 0.0, None, WORKING)
    assert list(found.get_column("day_class")) == ["reference", "reference"]


def test_the_basis_says_who_chose_the_days():
    assert set(classify_days(days([0]), 40.0, None, WORKING).get_column("basis")) == {"observed"}
    assert set(classify_days(days([0]), 40.0, {}, WORKING).get_column("basis")) == {"armed"}
