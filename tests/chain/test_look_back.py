"""Windows of this bill and of earlier ones by local day."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.baselines import SiteDays
from pipeline.calendars import calendar_month, window_grid
from pipeline.chain import EARLIER_WINDOW, Earlier, LookBack, look_back
from pipeline.tariff import resolve
from tests.chain.cases import prepared
from tests.factories import site
from tests.tariff.bench import native

ZONE = "Europe/Berlin"
DEAR_NOON = (
    'clock = "{}"\n[[charges]]\nid = "energy"\nkind = "energy"\n'
    '[[charges.periods]]\nname = "noon"\nhours = ["13:00-16:00"]\nrate = "0.30"\n'
    '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = "0.10"\n'
)


def windows(month: str) -> pl.DataFrame:
    """Half hours in which the building draws 1 kWh and a car gives 100 Wh."""
    constant = {"charge_wh": 0, "discharge_wh": 100, "no_ev_import_wh": 1100, "actual_import_wh": 1000}
    return window_grid(calendar_month(month), ZONE, 30).with_columns(
        metered=pl.lit(value=True),
        covered=pl.lit(value=True),
        **{name: pl.lit(wh, dtype=pl.Int64) for name, wh in constant.items()},
        **{f"{world}_export_wh": pl.lit(0, dtype=pl.Int64) for world in ("no_ev", "actual")},
    )


def dates(days: SiteDays) -> list[date]:
    return days.day.astype("datetime64[D]").tolist()


def july(clock: str = "prevailing", june: pl.DataFrame | None = None) -> LookBack:
    base = prepared(site=site(peak_window=None, timezone=ZONE))
    period = calendar_month("2013-07")
    earlier = Earlier({}, frozenset(), {}, [])
    if june is not None:
        earlier = replace(earlier, windows=june.select(EARLIER_WINDOW.keys()))
    inputs = replace(
        base.inputs,
        period=period,
        tariff=resolve(native(DEAR_NOON.format(clock), head='name = "t"\ncurrency = "EUR"\n'), period),
        programme_start=period.read_from,
        earlier=earlier,
    )
    found = look_back(replace(base, inputs=inputs, windows=windows("2013-07"), window_min=30))
    assert found is not None
    return found


@pytest.mark.parametrize(("clock", "slots"), [("prevailing", (26, 32)), ("standard", (28, 34))])
def test_event_and_load_lie_in_the_same_slots_on_either_clock(clock: str, slots: tuple[int, int]) -> None:
    """Dearest from 13:00 to 16:00 on the tariff's clock, which without summer time is 14:00 to 17:00 on the wall's."""
    found = july(clock)
    days = found.site_days(found.classes())
    assert (dates(days)[0], dates(days)[-1], len(days.day)) == (date(2013, 7, 1), date(2013, 7, 31), 31)
    assert set(days.events) == {slots}
    assert (days.no_ev_kw == 2.2).all()
    assert (days.actual_kw == 2.0).all()


def test_what_is_not_known_of_chargers_before_v2b_began_leaves_a_day_complete() -> None:
    """Silent chargers count from 1 July on, a silent meter always."""
    second, third = (pl.col("local_day") == date(2013, 6, day) for day in (2, 3))
    found = july(june=windows("2013-06").with_columns(covered=~second, metered=~third))
    june = found.classes().of_days(found.classes().days.day < found.classes().days.day[30])
    whole = dict(june.select("local_day", "complete").iter_rows())
    assert [day for day, complete in whole.items() if not complete] == [date(2013, 6, 3)]
    assert set(june.get_column("discharge_wh")) == {600}
    assert set(june.get_column("window_h")) == {3.0}


def test_a_month_that_is_missing_in_between_is_days_of_nothing() -> None:
    found = july(june=windows("2013-05"))
    classes = found.classes()
    missing = classes.of_days((classes.days.day >= classes.days.day[31]) & (classes.days.day < classes.days.day[61]))
    assert missing.height == 30
    assert set(missing.get_column("reason")) == {"no event window on this day"}
    assert not missing.get_column("complete").any()
    days = found.site_days(classes)
    assert dates(days)[31] == date(2013, 5, 31) + timedelta(days=1)
    assert days.events[31:61] == (None,) * 30


def test_a_meter_that_was_silent_all_along_leaves_no_day_to_compare() -> None:
    found = july()
    silent = replace(found, metered=~found.metered, known=~found.known)
    assert silent.site_days(silent.classes()).day.size == 0


def test_days_without_a_metered_window_at_either_end_are_no_days_of_the_site() -> None:
    found = july()
    day = found.hours.day - found.hours.day[0]
    torn = replace(found, metered=(day > 1) & (day < 20) & (day != 5))
    days = torn.site_days(torn.classes())
    assert (dates(days)[0], dates(days)[-1], len(days.day)) == (date(2013, 7, 3), date(2013, 7, 20), 18)
    assert np.isnan(days.no_ev_kw).all(axis=1).tolist() == [n == 3 for n in range(18)]
    assert len(days.events) == len(days.like_day) == len(days.sunday_like) == 18
    assert days.sunday_like.tolist() == [one.isoweekday() > 5 for one in dates(days)]
