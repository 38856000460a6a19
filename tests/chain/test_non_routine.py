"""Events of events.csv: their days are compared with no other, their peaks are not expected again, and both is said."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.calendars import add_months
from pipeline.chain import ROUTINE, BillMeasured, Earlier, compute, input_hash, prepare, without_events
from pipeline.portfolio import Event, Outage
from pipeline.savings import coming_tariffs
from pipeline.tariff import DETERMINANT
from tests.chain.cases import DEMAND, PERIOD, inputs, meter, prepared, result, tariff
from tests.factories import instant, site
from tests.tariff.bench import native


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


# --- the load of an event is taken off what looks ahead

CRANE_WINDOWS = dict.fromkeys([f"07-02 {hour:02}:{minute:02}" for hour in (9, 10, 11) for minute in (0, 30)], 30_000)
"""20 kW of the building and 40 kW of the crane."""


def measured(*events: Event, **changes: Any) -> pl.DataFrame:
    case = {"tariff": tariff(DEMAND), "meter": meter(CRANE_WINDOWS), "events": events, **changes}
    return compute(prepare(inputs(**case))).frames["billing_determinant"]


def of(frame: pl.DataFrame, charge: str, world: str = "actual") -> dict[str, Any]:
    return frame.row(by_predicate=(pl.col("charge_id") == charge) & (pl.col("scenario") == world), named=True)


def test_without_its_load_the_highest_window_is_another_one() -> None:
    """Six windows of 30 kWh, 20 of them the crane's: 60 kW at 09:00, without it 20 kW as in the first."""
    row = of(measured(CRANE), "demand")
    assert (row["own_peak_w"], row["peak_set_at"]) == (60_000, instant("07-02 09:00"))
    assert (row["routine_peak_w"], row["routine_peak_set_at"]) == (20_000, instant("07-01 00:00"))
    energy = of(measured(CRANE), "energy")
    assert energy["import_wh"] - energy["routine_import_wh"] == 6 * 20_000
    assert of(measured(), "energy")["routine_import_wh"] is None


def test_every_world_is_without_it() -> None:
    """Without cars the half hour of 13:00 has the 2 kWh that the car gave: 24 kW."""
    assert of(measured(CRANE), "demand", "no_ev")["routine_peak_w"] == 24_000


def test_an_event_counts_for_the_part_of_a_window_it_lasted() -> None:
    late = of(measured(event("07-02 09:15", "07-02 12:00")), "demand")
    assert late["routine_peak_w"] == 40_000  # 30 kWh less 40 kW for a quarter of an hour


def test_what_fell_below_the_load_is_fed_in_and_what_was_missing_comes_back() -> None:
    closed = event("07-02 09:00", "07-02 12:00", "closure", "-40")
    row = of(measured(closed, meter=meter()), "demand")
    assert (row["own_peak_w"], row["routine_peak_w"]) == (20_000, 60_000)
    more = of(measured(event("07-02 09:00", "07-02 09:30", kw="70")), "energy")
    assert (more["routine_import_wh"], more["routine_export_wh"]) == (more["import_wh"] - 30_000, 5_000)


def test_nothing_is_taken_off_a_window_without_a_grid() -> None:
    dead = Outage(instant("07-02 09:00"), instant("07-02 09:30"))
    row = of(measured(CRANE, meter=meter({**CRANE_WINDOWS, "07-02 09:00": 0}), outages=[dead]), "energy")
    assert (row["import_wh"] - row["routine_import_wh"], row["routine_export_wh"]) == (5 * 20_000, 0)


@pytest.mark.parametrize("kind", ["meter_swap", "contract_change"])
def test_another_meter_or_contract_changes_no_load(kind: str) -> None:
    swap = event("07-02 09:00", "07-02 12:00", kind)
    found = measured(swap)
    assert of(found, "demand")["routine_peak_w"] is None
    assert without_events({"2013-07": BillMeasured(found)}, [swap]) == {}


@pytest.mark.parametrize(("peak_at", "kept"), [("07-02 10:00", False), ("07-02 13:00", True)])
def test_a_month_whose_peak_an_event_of_unknown_load_set_says_nothing_of_the_next_year(
    peak_at: str, kept: bool
) -> None:
    unknown = event("07-02 09:00", "07-02 12:00", kw=None)
    determinants = measured(unknown, meter=meter({peak_at: 30_000}))
    assert determinants.filter(pl.col("peak_set_at") == instant(peak_at)).height > 0
    assert ("2013-07" in without_events({"2013-07": BillMeasured(determinants)}, [unknown])) is kept


def test_a_month_is_looked_ahead_from_as_it_would_have_been() -> None:
    (found,) = without_events({"2013-07": BillMeasured(measured(CRANE))}, [CRANE]).values()
    key = ("demand", 0, "all")
    assert (found.rows["actual"][key].own_peak_w, found.routine["actual"][key].own_peak_w) == (60_000, 20_000)


KW_ONLY = '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n'


def year(*events: Event) -> dict[str, Any]:
    """July's cut at the projected year's prices: seed months of 50 kW, 60 kW without V2B at 13:00 on the first day.

    The car cuts that to 56 kW; the crane stands on the second day, 20 + 60 kW.
    """
    worlds = [(world, kw) for world, kw in (("no_ev", 50), ("actual", 50))]
    seed = pl.DataFrame(
        [
            {"scenario": world, "charge_id": "demand", "band": "all", "span": 0, "own_peak_w": kw * 1000}
            | {"import_wh": 0, "export_wh": 0, "windows": 1, "expected": 1}
            for world, kw in worlds
        ],
        schema={**DETERMINANT, **ROUTINE},
    )
    months = [add_months("2013-07", -ago) for ago in range(1, 12)]
    crane = dict.fromkeys(CRANE_WINDOWS, 40000)
    case = inputs(
        site=site(headline="no_ev"),
        tariff=tariff(KW_ONLY),
        meter=meter({"07-01 13:00": 28_000, "07-01 15:00": 12_500, **crane}),
        earlier=Earlier({}, frozenset(), {}, [], dict.fromkeys(months, BillMeasured(seed)), frozenset(months)),
        coming=coming_tariffs(native(KW_ONLY, head='name = "test"\ncurrency = "USD"\n'), PERIOD),
        events=events,
    )
    return dict(compute(prepare(case)).summary["annual"])


def test_the_run_rate_is_that_of_a_year_without_the_event() -> None:
    """Both worlds peak at the crane's 80 kW, so nothing was cut; without it 4 kW are, at 10 a kW in twelve months."""
    assert year()["run_rate"] == "0.00"
    assert year(event("07-02 09:00", "07-02 12:00", kw="60"))["run_rate"] == "480.00"
    assert year(event("07-02 09:00", "07-02 12:00", kw=None))["run_rate"] is None


def test_its_range_lies_around_the_year_without_the_event() -> None:
    found = year(event("07-02 09:00", "07-02 12:00", kw="60"))
    assert 400 < float(found["run_rate_low"]) <= 480 <= float(found["run_rate_high"]) < 560
