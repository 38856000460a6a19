"""Tariffs compared on the same bills: by what the metered load costs, both worlds, and never by a partial sum."""

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import BillPeriod
from pipeline.pricing import METERED, BillLoad, Ranked, Terms, metered_load, rank_tariffs
from pipeline.tariff import Refusal, Tariff
from tests.tariff.bench import native
from tests.test_pricing import DEMAND, ENERGY, ZONE, meter, with_value, without

TERMS = Terms(ZONE)
# 744 kWh as metered; the other world has one hour of 9 kWh instead of 1 kWh
SHAVED = meter("2023-01-01", "2023-02-01")
CHEAP = native(ENERGY.replace("0.10", "0.05"))
FLAT = native(ENERGY)
PEAKY = native(ENERGY.replace("0.10", "0.01") + DEMAND)


def both(month: str, actual: pl.DataFrame, baseline: pl.DataFrame) -> BillLoad:
    period = calendar_month(month)
    first, second = (metered_load(frame, period, ZONE) for frame in (actual, baseline))
    other = second.load.with_columns(scenario=pl.lit("baseline"))
    return BillLoad(period, pl.concat([first.load, other]), first.missing)


def january() -> BillLoad:
    return both("2023-01", SHAVED, with_value(SHAVED, "2023-01-10T12:00", 9000))


def ranked(tariffs: dict[str, Tariff], loads: list[BillLoad], counted: set[str]) -> list[Ranked]:
    return rank_tariffs(tariffs, loads, TERMS, baseline="baseline", counted=counted)


def test_tariffs_are_ranked_by_the_metered_load_in_both_worlds() -> None:
    found = ranked({"flat": FLAT, "peaky": PEAKY, "cheap": CHEAP}, [january()], {"2023-01"})
    assert [(r.rank, r.tariff, r.cost_actual, r.cost_baseline, r.saved) for r in found] == [
        (1, "peaky", Decimal("17.44"), Decimal("97.52"), Decimal("80.08")),  # 10 a kW and 0.01 a kWh
        (2, "cheap", Decimal("37.20"), Decimal("37.60"), Decimal("0.40")),
        (3, "flat", Decimal("74.40"), Decimal("75.20"), Decimal("0.80")),
    ]


def test_a_partial_sum_has_no_rank_however_small() -> None:
    partial = replace(CHEAP, refused=(Refusal("mincharge", "a minimum bill is not priced"),))
    found = ranked({"partial": partial, "flat": FLAT}, [january()], {"2023-01"})
    assert [(r.rank, r.tariff, r.partial, r.not_priced) for r in found] == [
        (1, "flat", False, ""),
        (None, "partial", True, "mincharge"),
    ]


def test_a_tariff_that_cannot_price_these_bills_says_why_and_stops_no_other() -> None:
    later = native(ENERGY, head='name = "later"\ncurrency = "JPY"\nvalid_from = 2024-01-01\n')
    found = ranked({"later": later, "flat": FLAT}, [january()], {"2023-01"})
    assert [(r.rank, r.tariff, r.cost_actual, r.saved) for r in found][1] == (None, "later", None, None)
    assert "2024-01-01" in found[1].not_priced


def test_bills_that_do_not_count_feed_ratchets_only() -> None:
    ratchet = native(DEMAND + "[[charges.ratchets]]\npercent = 100\nlook_back_months = 1\n")
    frame = meter("2023-01-01", "2023-03-01")
    before = both("2023-01", with_value(frame, "2023-01-10T12:00", 5000), with_value(frame, "2023-01-10T12:00", 7000))
    (found,) = ranked({"ratchet": ratchet}, [before, both("2023-02", frame, frame)], {"2023-02"})
    assert (found.bills, found.cost_actual, found.cost_baseline) == (1, Decimal(50), Decimal(70))


def test_a_ratchet_that_looks_back_to_a_month_with_a_gap_has_no_rank() -> None:
    ratchet = native(DEMAND + "[[charges.ratchets]]\npercent = 100\nlook_back_months = 1\n")
    frame = meter("2023-01-01", "2023-03-01")
    holed = without(frame, "2023-01-10T12:00")
    (found,) = ranked({"ratchet": ratchet}, [both("2023-01", holed, holed), both("2023-02", frame, frame)], {"2023-02"})
    assert (found.rank, found.partial, found.not_priced) == (None, True, "demand")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_equal_costs_stand_in_order_of_their_names(names: tuple[str, str]) -> None:
    found = ranked(dict.fromkeys(names, FLAT), [january()], {"2023-01"})
    assert [r.tariff for r in found] == ["a", "b"]


def test_read_dates_are_kept() -> None:
    period = BillPeriod("2023-02", january().period.read_from, calendar_month("2023-02").read_from)
    (found,) = ranked({"flat": FLAT}, [replace(january(), period=period)], {"2023-02"})
    assert found.cost_actual == Decimal("74.40")
    assert METERED == "actual"
