"""V2B days against other days, month after month as a run walks through them."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.baselines import BASELINE_DAY, DAY_MATCHING, REGRESSIONS
from pipeline.calendars import add_months, calendar_month, window_grid
from pipeline.chain import CHECKED_DAY, EARLIER_WINDOW, WEATHER, Earlier, check_days
from tests.chain.cases import prepared
from tests.factories import site

FIRST = "2013-02"
PROGRAMME = date(2013, 7, 1)
V2B_DAYS = frozenset(date(2013, 7, day) for day in (2, 4, 8, 10, 12, 16, 18, 22, 24, 26, 29, 31))
HOURS = {"start": "13:00", "end": "16:00"}
CHARGER = {"charger_id": "CP1", "rated_charge_kw": 20.0, "rated_discharge_kw": 20.0}


def windows(month, *, cut_kw=10.0, logged_kw=10.0, noise_kw=2.0):
    """Half hours of a building of 100 kW on working days and 40 kW at weekends; cars give in July's V2B hours."""
    grid = window_grid(calendar_month(month), "Asia/Tokyo", 30)
    days = grid.get_column("local_day").to_list()
    level = {day: 100 if day.isoweekday() < 6 else 40 for day in set(days)}
    drift = {day: noise_kw * float(np.random.default_rng(day.toordinal()).normal()) for day in set(days)}
    minute = grid.get_column("local_minute").to_numpy()
    gives = np.array([day in V2B_DAYS for day in days]) & (minute >= 13 * 60) & (minute < 16 * 60)
    afternoon = minute >= 12 * 60  # what the morning does not tell
    true_wh = np.array(
        [round((level[day] + drift[day] * late) * 500) for day, late in zip(days, afternoon, strict=True)]
    )
    metered = true_wh - gives * round(cut_kw * 500)
    logged = gives * round(logged_kw * 500)
    return grid.with_columns(
        metered=pl.lit(value=True),
        covered=pl.lit(value=True),
        charge_wh=pl.lit(0, dtype=pl.Int64),
        discharge_wh=pl.Series(logged, dtype=pl.Int64),
        no_ev_import_wh=pl.Series(metered + logged, dtype=pl.Int64),
        actual_import_wh=pl.Series(metered, dtype=pl.Int64),
        no_ev_export_wh=pl.lit(0, dtype=pl.Int64),
        actual_export_wh=pl.lit(0, dtype=pl.Int64),
    )


def july(*, armed=None, site_keys=None, weather=None, **world):
    """The check of July after months of reference days, each month's baselines kept for the next as a run does."""
    keys = {"chargers": [CHARGER], "vehicles": [], "peak_window": HOURS, "timezone": "Asia/Tokyo"}
    mine = site(**{**keys, **(site_keys or {})})
    base = prepared(site=mine)
    stored, kept, month = [], [], FIRST
    while True:
        earlier = Earlier(
            {},
            frozenset(),
            {},
            [],
            windows=pl.concat([pl.DataFrame(schema=EARLIER_WINDOW), *stored]),
            baseline_days=pl.concat([pl.DataFrame(schema=BASELINE_DAY), *kept]),
        )
        more = {"armed": armed, "weather": pl.DataFrame(schema=WEATHER) if weather is None else weather}
        asked = replace(base.inputs, period=calendar_month(month), earlier=earlier, programme_start=PROGRAMME, **more)
        frame = windows(month, **world)
        checked = check_days(replace(base, inputs=asked, windows=frame, window_min=30))
        if month == "2013-07":
            return checked
        stored.append(frame.select(EARLIER_WINDOW.keys()))
        kept.append(checked.baseline_day.select(BASELINE_DAY.keys()))
        month = add_months(month, 1)


ARMED = dict.fromkeys(V2B_DAYS, True)


def test_a_true_log_of_armed_days_is_confirmed():
    found = july(armed=ARMED)
    assert found.check.verdict == "confirms"
    assert found.check.v2b_days == len(V2B_DAYS)
    assert found.section["metered_kw"] == 10.0
    assert found.section["low"] < 10.0 < found.section["high"]
    assert found.section["method"] in {*DAY_MATCHING, *REGRESSIONS}


def test_without_an_arming_log_the_same_is_only_consistent():
    found = july()
    assert found.check.verdict == "consistent"
    assert set(found.day_class.get_column("basis")) == {"observed"}


@pytest.mark.parametrize("armed", [None, ARMED])
def test_a_log_that_claims_twice_the_cut_is_contradicted(armed):
    assert july(armed=armed, logged_kw=20.0).check.verdict == "contradicts"


def test_a_log_of_a_cut_that_the_meter_never_saw_is_contradicted():
    assert july(armed=ARMED, cut_kw=0.0).check.verdict == "contradicts"


def test_the_days_and_their_baselines_are_kept():
    found = july(armed=ARMED)
    assert found.day_class.height == 31
    assert set(found.day_class.filter(pl.col("day_class") == "v2b").get_column("local_day")) == V2B_DAYS
    assert found.baseline_day.schema == pl.Schema(CHECKED_DAY)
    rows = found.baseline_day.filter((pl.col("method") == found.method) & (pl.col("day_class") == "v2b"))
    assert rows.height == len(V2B_DAYS)
    held = rows.filter((pl.col("low_kw") < 10) & (pl.col("high_kw") > 10))
    assert held.height > 0.7 * rows.height
    references = found.baseline_day.filter(pl.col("day_class") == "reference")
    assert references.get_column("low_kw").null_count() == references.height


def test_weather_makes_the_regression_follow_it():
    hours = pl.datetime_range(date(2013, 1, 31), date(2013, 8, 1), "1h", time_zone="UTC", eager=True)
    weather = pl.DataFrame({"observed_at": hours.dt.cast_time_unit("us"), "temperature_c": [20.0] * hours.len()})
    found = july(armed=ARMED, weather=weather)
    stated = found.baseline_day.filter((pl.col("method") == "towt") & pl.col("baseline_mean_kw").is_not_null())
    assert stated.height > 20
    short = july(armed=ARMED, weather=weather.filter(pl.col("observed_at").dt.date() < date(2013, 7, 1)))
    assert short.baseline_day.filter(pl.col("method") == "towt").get_column("baseline_mean_kw").null_count() > 20


def test_a_site_without_peak_hours_has_no_check_and_says_why():
    found = july(site_keys={"peak_window": None})
    assert found.check.verdict == "no_check"
    assert found.check.reason == "the site has no peak window and its tariff no dearest hours"
    assert found.day_class.is_empty()


def test_a_day_with_a_gap_is_no_reference():
    base = windows("2013-07")
    torn = base.with_columns(metered=pl.col("local_start").dt.date() != date(2013, 7, 3))
    mine = prepared(site=site(chargers=[CHARGER], vehicles=[], peak_window=HOURS, timezone="Asia/Tokyo"))
    asked = replace(mine.inputs, period=calendar_month("2013-07"), programme_start=PROGRAMME)
    found = check_days(replace(mine, inputs=asked, windows=torn, window_min=30))
    reasons = dict(found.day_class.select("local_day", "reason").iter_rows())
    assert reasons[date(2013, 7, 3)] == "meter or charger data missing"
    assert reasons[date(2013, 7, 3) + timedelta(days=3)] == "no event window on this day"


def test_a_check_that_is_not_possible_says_what_is_missing(monkeypatch):
    assert july(armed={}).section["reason"] == "this bill has no V2B day"
    monkeypatch.setitem(globals(), "FIRST", "2013-06")
    assert july().section["reason"].endswith(" reference days have a baseline fit to compare; 60 are needed")
    monkeypatch.setitem(globals(), "FIRST", "2013-07")
    monkeypatch.setitem(globals(), "V2B_DAYS", frozenset({date(2013, 7, 2), date(2013, 7, 3)}))
    found = july()
    assert found.check.verdict == "no_check"
    assert found.section["reason"].startswith("none of the 2 V2B days has the 5 days like it before it")
