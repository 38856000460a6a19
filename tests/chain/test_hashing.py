"""Equal hashes mean equal numbers; a new hash of the result means a new version of the report."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.chain import Earlier, input_hash, result_hash
from tests.chain.cases import RATCHET, V2B_DAY, meter, peaks, prepared, summary, tariff
from tests.factories import charger_records, site

RATCHETED = {"tariff": tariff(RATCHET)}
METERED = meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500})


def hashed(**changes: Any) -> str:
    return input_hash(prepared(**{**RATCHETED, **changes}))


def with_reading(index: int, **values: Any) -> pl.DataFrame:
    rows = [
        (*row[:3], {**(row[3] if len(row) > 3 else {}), **(values if n == index else {})})
        for n, row in enumerate(V2B_DAY)
    ]
    return charger_records(rows)


def earlier(**by_month: str) -> Earlier:
    return Earlier({("actual", "demand"): peaks(**by_month)}, frozenset(), {}, [])


SAME = {
    "the order of meter records": {"meter": METERED.sample(fraction=1.0, shuffle=True, seed=1)},
    "the order of readings": {"readings": charger_records(V2B_DAY[::-1])},
    "the site's name, notes and mail": {
        "site": site(name="Other", notes="Other", report={"recipients": ["a@example.com"]}, weather_station="x")
    },
    "a peak beyond the look-back": {"earlier": earlier(m2013_03="99")},
    "an incomplete month beyond the look-back": {"earlier": Earlier({}, frozenset({"2013-03"}), {}, [])},
    "a tariff's words": {"tariff": tariff(RATCHET.replace('kind = "energy"', 'kind = "energy"\ndescription = "kWh"'))},
    "a reading after the bill": {"readings": charger_records([*V2B_DAY, ("07-05 08:00", 2500, 2000)])},
}
CHANGED = {
    "1 Wh of the meter": {"meter": meter({"07-01 13:00": 8_001, "07-01 15:00": 12_500})},
    "a missing window": {"meter": meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500}, leave_out=["07-02 00:00"])},
    "1 Wh of a register": {
        "readings": charger_records([(*row[:2], row[2] + (row[2] > 0), *row[3:]) for row in V2B_DAY])
    },
    "a state of charge on leaving": {"readings": with_reading(6, soc_pct=91.0)},
    "a rate": {"tariff": tariff(RATCHET.replace("0.10", "0.11"))},
    "a percentage of the ratchet": {"tariff": tariff(RATCHET.replace("80", "81"))},
    "a peak inside the look-back": {"earlier": earlier(m2013_04="1")},
    "an incomplete month inside the look-back": {"earlier": Earlier({}, frozenset({"2013-06"}), {}, [])},
    "the yearly amounts that choose the headline line": {
        "earlier": Earlier({}, frozenset(), {("demand", "all"): Decimal(1)}, [])
    },
    "the headline": {"site": site(headline="no_ev")},
    "a rating": {"site": site(chargers=[{"charger_id": "CP1", "rated_charge_kw": 3.0}])},
    "a capacity": {"site": site(vehicles=[{"vehicle_id": "LEAF1", "usable_kwh": 21.0}])},
    "other control of the peak": {"site": site(other_peak_control=True)},
    "the peak window": {"site": site(peak_window={"start": "13:00", "end": "16:00"})},
    "the start of the programme": {"programme_start": date(2013, 7, 3)},
    "the tariff's holidays": {"tariff_holidays": frozenset({date(2013, 7, 1)})},
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_number_changes_no_hash(name: str) -> None:
    assert hashed(**SAME[name]) == hashed()


@pytest.mark.parametrize("name", CHANGED)
def test_what_may_change_a_number_changes_the_hash(name: str) -> None:
    assert hashed(**CHANGED[name]) != hashed()


def test_an_empty_history_counts_as_no_peaks() -> None:
    assert hashed(earlier=Earlier({("actual", "demand"): {}}, frozenset(), {}, [])) != hashed(
        earlier=earlier(m2013_06="1")
    )


def test_annual_figures_restate_nothing_and_figures_of_the_bill_do() -> None:
    found = summary()
    other_year = {**found, "annual": {**found["annual"], "realised": "1"}, "reasons": ["clock_bounded"]}
    assert result_hash(other_year) == result_hash(found)
    assert result_hash({**found, "provable": False}) != result_hash(found)
    assert result_hash({**found, "money": {**found["money"], "bill_actual": "1"}}) != result_hash(found)
