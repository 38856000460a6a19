"""Day classes by hand: four chargers of 10 kW, a window of three hours: 120 kWh rated; 1 % is 1.2 kWh, 2 % 2.4 kWh."""

from datetime import date

import numpy as np

from pipeline.baselines import EventDays, classify_days

MONDAY = (date(2026, 7, 6) - date(1970, 1, 1)).days


def days(discharge_wh, *, complete=None, window_h=3.0, armed=None):
    """Days from a Monday on; `armed` names the numbers of those that the log arms."""
    number = np.arange(len(discharge_wh))
    return EventDays(
        day=MONDAY + number,
        window_h=np.full(number.size, window_h),
        charge_wh=np.zeros(number.size, dtype=np.int64),
        discharge_wh=np.array(discharge_wh),
        complete=np.ones(number.size, dtype=bool) if complete is None else np.array(complete),
        working=number % 7 < 5,
        armed=None if armed is None else np.isin(number, armed),
    )


def classed(mine, rated_kw=40.0, unlike=None):
    found = classify_days(mine, rated_kw, unlike or {})
    return found.of_days(np.ones(mine.day.size, dtype=bool))


def classes(mine, **how):
    found = classed(mine, **how)
    return list(found.get_column("day_class")), list(found.get_column("reason"))


def test_without_an_arming_log_a_day_is_classed_by_what_was_discharged():
    kinds, reasons = classes(days([0, 1_199, 1_200, 2_399, 2_400, 0, 0]))
    assert kinds == ["reference", "reference", "excluded", "excluded", "v2b", "excluded", "excluded"]
    assert reasons[2:4] == ["discharged without being a V2B day"] * 2
    assert reasons[5:] == ["weekend or holiday"] * 2


def test_half_a_kwh_is_the_least_that_shows_v2b():
    found = classed(days([499, 500]), rated_kw=1.0)  # 2 % of 3 kWh would be 60 Wh
    assert list(found.get_column("day_class")) == ["excluded", "v2b"]


def test_an_armed_day_is_a_v2b_day_whether_or_not_it_discharged():
    kinds, reasons = classes(days([0, 50_000, 50_000, 0], armed=[0, 1]))
    assert kinds == ["v2b", "v2b", "excluded", "reference"]
    assert reasons[2] == "discharged without being a V2B day"


def test_an_incomplete_day_is_no_reference_and_stays_a_v2b_day_when_armed():
    kinds, reasons = classes(days([0, 0], complete=[False, False], armed=[1]))
    assert kinds == ["excluded", "v2b"]
    assert reasons[0] == "meter or charger data missing"


def test_a_day_without_an_event_window_is_neither():
    kinds, reasons = classes(days([90_000], window_h=0.0))
    assert (kinds, reasons) == (["excluded"], ["no event window on this day"])


def test_quiet_weekends_serve_in_weekend_baselines_and_v2b_days_never_serve():
    found = classed(days([0, 30_000, 2_000, 0, 0, 0, 30_000]))
    assert list(found.get_column("like_day")) == [True, False, False, True, True, True, False]


def test_without_chargers_every_quiet_working_day_is_a_reference():
    found = classed(days([0, 0]), rated_kw=0.0)
    assert list(found.get_column("day_class")) == ["reference", "reference"]


def test_the_basis_says_who_chose_the_days():
    assert set(classed(days([0])).get_column("basis")) == {"observed"}
    assert set(classed(days([0], armed=[])).get_column("basis")) == {"armed"}


def test_a_day_like_no_other_is_neither_and_serves_in_no_look_back_whatever_it_was():
    found = classed(days([0, 30_000, 0], window_h=3.0), unlike={MONDAY: "outage", MONDAY + 1: "a closure"})
    assert list(found.get_column("day_class")) == ["excluded", "excluded", "reference"]
    assert list(found.get_column("reason")) == ["outage", "a closure", None]
    assert list(found.get_column("like_day")) == [False, False, True]


def test_some_days_are_told_in_their_order():
    found = classify_days(days([0, 30_000, 2_000, 0]), 40.0).of_days(np.array([False, True, True, False]))
    assert list(found.get_column("local_day")) == [date(2026, 7, 7), date(2026, 7, 8)]
    assert list(found.get_column("discharge_wh")) == [30_000, 2_000]
