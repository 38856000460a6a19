"""What a bill takes from the bills before it, learned in a run or read back from the warehouse."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.chain import Result
from pipeline.domain import CHARGING_SESSION, SCENARIOS
from pipeline.savings import PriorBill
from pipeline.steps.history import SiteHistory, stored_history
from pipeline.warehouse import Warehouse
from tests.chain.cases import RATCHET, result, tariff
from tests.factories import charger_records, site

NO_SESSIONS = pl.DataFrame(schema=dict(CHARGING_SESSION))


@pytest.fixture(scope="module")
def july() -> Result:
    return result(tariff=tariff(RATCHET))


def learned(months: dict[str, Result], **changes: Any) -> SiteHistory:
    history = SiteHistory(site(**changes))
    history.expect(("demand",))
    for month, found in months.items():
        history.learn(month, found.summary, found.frames)
    return history


def test_a_bill_learns_from_earlier_months_only(july: Result) -> None:
    history = learned({"2013-07": july, "2013-08": july})
    assert history.before("2013-07", NO_SESSIONS)[0].prior == []
    earlier, sessions = history.before("2013-08", NO_SESSIONS)
    assert earlier.own_peaks["actual", "demand"] == {"2013-07": Decimal(25)}
    assert set(earlier.own_peaks) == {(scenario, "demand") for scenario in SCENARIOS}
    assert sessions.get_column("session_id").to_list() == ["a"]


def test_what_the_bill_saved_is_remembered_to_the_cent(july: Result) -> None:
    (prior,) = learned({"2013-07": july}).before("2013-08", NO_SESSIONS)[0].prior
    summary = july.summary
    assert prior == PriorBill(
        "2013-07",
        Decimal(summary["money"]["saved"]),
        True,
        Decimal(str(summary["billing_demand_kw"]["reduction"])),
        Decimal(summary["money"]["low"]),
    )


def test_demand_amounts_of_the_last_eleven_bills_of_the_headline_world_add_up(july: Result) -> None:
    months = {f"2012-{number:02d}": july for number in range(1, 13)}
    earlier, _ = learned(months).before("2013-01", NO_SESSIONS)
    lines = july.frames["bill_line"].filter((pl.col("scenario") == "unmanaged") & (pl.col("kind") == "demand"))
    assert earlier.demand_amounts == {("demand", "all"): 11 * lines.get_column("amount").item()}


def test_seeds_stand_for_months_before_the_data_in_every_world(july: Result) -> None:
    """Data of the same month goes before a seed; a seed of a later month does not count yet."""
    seeds = {"2013-06": Decimal(955), "2013-07": Decimal(1), "2013-09": Decimal(2000)}
    earlier, _ = learned({"2013-07": july}, ratchet_seed=seeds).before("2013-08", NO_SESSIONS)
    assert {key: peaks["2013-06"] for key, peaks in earlier.own_peaks.items()} == {
        (scenario, "demand"): Decimal(955) for scenario in SCENARIOS
    }
    assert earlier.own_peaks["actual", "demand"] == {"2013-06": Decimal(955), "2013-07": Decimal(25)}


def test_a_month_with_gaps_is_incomplete_and_a_failed_one_leaves_nothing(july: Result) -> None:
    gap = result(tariff=tariff(RATCHET), readings=charger_records([]))
    history = learned({"2013-06": gap, "2013-07": july})
    history.fail("2013-07")
    earlier, sessions = history.before("2013-08", NO_SESSIONS)
    assert earlier.incomplete == {"2013-06", "2013-07"}
    assert [bill.month for bill in earlier.prior] == ["2013-06"]
    assert not earlier.prior[0].provable
    assert "2013-07" not in earlier.own_peaks["actual", "demand"]
    assert sessions.is_empty()


def test_a_meter_gap_that_no_peak_lies_in_leaves_a_month_complete(july: Result) -> None:
    data = {**july.summary["data"], "meter_coverage_pct": 99.7}
    for reasons, incomplete in ((["meter_gap_bounded"], set()), ([], {"2013-07"})):
        summary = {**july.summary, "data": data, "reasons": reasons, "provable": False}
        earlier, _ = learned({"2013-07": replace(july, summary=summary)}).before("2013-08", NO_SESSIONS)
        assert earlier.incomplete == incomplete


def test_a_month_computed_anew_replaces_what_was_known(july: Result) -> None:
    history = learned({"2013-07": july})
    history.fail("2013-07")
    history.learn("2013-07", july.summary, july.frames)
    assert history.before("2013-08", NO_SESSIONS)[0] == learned({"2013-07": july}).before("2013-08", NO_SESSIONS)[0]


def test_a_seed_month_feeds_the_ratchet_and_saves_nothing() -> None:
    seed = result(tariff=tariff(RATCHET), programme_start=None)
    earlier, _ = learned({"2013-06": seed}).before("2013-07", NO_SESSIONS)
    assert earlier.prior == []
    assert earlier.incomplete == frozenset()
    assert earlier.own_peaks["actual", "demand"] == earlier.own_peaks["unmanaged", "demand"] == {"2013-06": Decimal(25)}


def test_history_read_back_is_what_was_learned(tmp_path: Path, july: Result) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.replace_bill("atsugi", "2013-07", july.frames)
        warehouse.replace_bill("office", "2013-06", july.frames)
        stored = stored_history(warehouse, site(), {"2013-07": july.summary})
    stored.expect(("demand",))
    known = learned({"2013-07": july})
    for history in (stored, known):
        assert list(history.sessions) == ["2013-07"]
    assert stored.before("2013-08", NO_SESSIONS)[0] == known.before("2013-08", NO_SESSIONS)[0]
    ours, theirs = (history.before("2013-08", NO_SESSIONS)[0].measured for history in (stored, known))
    assert list(ours) == ["2013-07"]
    order = ["scenario", "charge_id", "band"]
    assert ours["2013-07"].frame.sort(order).equals(theirs["2013-07"].frame.sort(order))
    assert stored.before("2013-08", NO_SESSIONS)[1].equals(known.before("2013-08", NO_SESSIONS)[1])


@pytest.mark.parametrize(
    ("code", "beta", "right", "commissioned"),
    [
        ("clock_measured", 0.99, {"2013-07": True}, {"2013-07"}),
        ("clock_measured", None, {"2013-07": True}, set()),  # clocks, but not the wiring
        ("clock_contradicted", 0.99, {"2013-07": False}, set()),
        ("clock_slipped", 0.99, {"2013-07": False}, set()),
        ("clock_bounded", 0.99, {}, set()),
    ],
)
def test_what_the_meter_said_of_clocks_is_known_to_later_bills(
    july: Result, code: str, beta: float | None, right: dict[str, bool], commissioned: set[str]
) -> None:
    summary = {**july.summary, "data": {**july.summary["data"], "beta": beta}, "reasons": [code]}
    history = learned({"2013-07": replace(july, summary=summary)})
    later, _ = history.before("2013-08", NO_SESSIONS)
    assert (later.clocks_right, later.commissioned) == (right, commissioned)
    history.forget("2013-07")
    assert history.clocks_right == {}
