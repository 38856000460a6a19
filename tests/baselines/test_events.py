"""All rules on one made-up site."""

from datetime import date, timedelta

import numpy as np

from pipeline.baselines import DAY_MATCHING, REGRESSIONS, SiteDays, baselines_of
from pipeline.tariff.clock import day_number

FIRST = date(2026, 1, 5)  # a Monday


def site(days=120, cut_kw=8.0, slots=48):
    names = tuple(FIRST + timedelta(days=n) for n in range(days))
    off = np.array([day.isoweekday() > 5 for day in names])
    no_ev = np.where(off[:, None], 20.0, 100.0) * np.ones((days, slots))
    actual = no_ev.copy()
    actual[-1, 26:32] -= cut_kw
    like = np.ones(days, dtype=bool)
    like[-1] = False
    events = tuple(None if rest else (26, 32) for rest in off)
    return SiteDays(np.array([day_number(day) for day in names]), 30, no_ev, actual, off, like, events)


def test_every_rule_finds_the_cut_of_a_building_that_never_changes():
    mine = site(days=117)  # ends on a Friday
    found = baselines_of(mine, {mine.day[-1]: "v2b"})
    assert set(found.get_column("method")) == {*DAY_MATCHING, *REGRESSIONS}
    assert np.allclose(found.get_column("difference_kw"), 8.0)
    assert np.allclose(found.get_column("logged_cut_kw"), 8.0)
    assert np.allclose(found.get_column("baseline_peak_kw"), 100.0)
    assert np.allclose(found.get_column("actual_mean_kw"), 92.0)


def test_a_rule_without_enough_days_states_nothing_and_a_day_without_event_window_is_left_out():
    mine = site(days=12)  # ends on Friday of the second week
    found = baselines_of(mine, {mine.day[-1]: "v2b", mine.day[5]: "reference"})
    assert set(found.get_column("local_day")) == {FIRST + timedelta(days=11)}
    stated = dict(found.select("method", "baseline_mean_kw").iter_rows())
    assert stated["high_4_of_5"] == 100.0
    assert stated["caiso_10_in_10"] is None
    assert stated["towt"] is None


def test_no_wanted_day_is_no_row():
    assert baselines_of(site(), {}).is_empty()


def test_a_day_of_which_nothing_was_measured_has_no_baseline_and_stops_no_other():
    """A bill whose meter was silent: its days lie beyond the last one with any data."""
    mine = site(days=117)
    silent = int(mine.day[-1]) + 3
    assert baselines_of(mine, {silent: "v2b"}).is_empty()
    found = baselines_of(mine, {mine.day[-1]: "v2b", silent: "v2b"})
    assert set(found.get_column("local_day")) == {FIRST + timedelta(days=116)}
