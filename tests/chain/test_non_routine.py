"""Events of events.csv: their days are compared with no other, their peaks are not expected again, and both is said."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from pipeline.chain import compute, input_hash, prepare, without_events
from pipeline.portfolio import Event
from tests.chain.cases import DEMAND, inputs, meter, prepared, result, tariff
from tests.factories import instant, site


def event(begin: str, end: str, kind: str = "load", kw: str | None = "40") -> Event:
    return Event(instant(begin), instant(end), kind, None if kw is None else Decimal(kw), "a crane")


CRANE = event("07-02 09:00", "07-02 12:00")
HOUSE = site(peak_window={"start": "13:00", "end": "15:00"})


def classes(*events: Event) -> dict[date, tuple[str, str | None, bool]]:
    days = compute(prepared(site=HOUSE, events=events)).frames["day_class"]
    return {day: (kind, why, like) for day, kind, why, like in days.select(
        "local_day", "day_class", "reason", "like_day").iter_rows()}  # fmt: skip


def test_a_day_under_an_event_is_neither_v2b_day_nor_reference_day() -> None:
    first, second = date(2013, 7, 1), date(2013, 7, 2)
    assert [classes()[day][0] for day in (first, second)] == ["v2b", "reference"]
    assert classes(CRANE)[second] == ("excluded", "an unusual load", False)
    assert classes(CRANE)[first] == classes()[first]
    both = classes(event("07-01 23:00", "07-02 01:00", "closure", None))
    assert {both[first][1], both[second][1]} == {"a closure"}


def test_an_event_that_ends_at_midnight_leaves_the_next_day_alone() -> None:
    found = classes(event("07-01 09:00", "07-02 00:00"))
    assert [found[date(2013, 7, day)][0] for day in (1, 2)] == ["excluded", "reference"]


def test_the_report_is_told_in_words() -> None:
    (told,) = [text for text in result(events=[CRANE]).summary["data"]["findings"] if "crane" in text]
    assert told == (
        "From 2013-07-02 09:00 to 2013-07-02 12:00 there was an unusual load, +40 kW: a crane. "
        "Its 1 day is not compared with other days."
    )
    later = event("07-05 09:00", "07-05 12:00")
    assert not [text for text in result(events=[later]).summary["data"]["findings"] if "crane" in text]


def test_the_bill_itself_stays_as_it_was() -> None:
    assert result(events=[CRANE]).summary["money"] == result().summary["money"]
    assert input_hash(prepared(events=[CRANE])) != input_hash(prepared())


@pytest.mark.parametrize(("peak_at", "kept"), [("07-02 10:00", False), ("07-02 13:00", True)])
def test_a_month_whose_peak_an_event_set_says_nothing_of_the_next_year(peak_at: str, kept: bool) -> None:
    ready = prepare(inputs(tariff=tariff(DEMAND), meter=meter({peak_at: 30_000})))
    determinants = compute(ready).frames["billing_determinant"]
    assert determinants.filter(pl.col("peak_set_at") == instant(peak_at)).height > 0
    assert ("2013-07" in without_events({"2013-07": determinants}, [CRANE])) is kept
