"""Our own bill beside the utility's: what agrees, what does not, and why."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pipeline.calendars import calendar_month
from pipeline.portfolio import UtilityBill
from pipeline.savings import CAUSES, OurBill, demand_refuted, reconcile
from pipeline.tariff import Bill, BillLine, Refusal

JULY = calendar_month("2013-07")


def line(charge_id: str, unit: str, quantity: str, amount: str, billed_kw: str | None = None) -> BillLine:
    kind = "demand" if billed_kw else "energy"
    billed = Decimal(billed_kw) if billed_kw else None
    return BillLine(
        "actual", charge_id, "all", kind, charge_id, unit, Decimal(quantity), Decimal(1), Decimal(amount),
        own_peak_kw=billed, billing_demand_kw=billed,
    )  # fmt: skip


LINES = (line("basic", "kW", "998.4", "1000", "998.4"), line("energy", "kWh", "200000", "4000"))
BILL = Bill(LINES, Decimal(5000), ())


def ours(**changes: Any) -> OurBill:
    known: dict[str, Any] = {
        "period": JULY,
        "bill": BILL,
        "energy_kwh": Decimal("200000.5"),
        "demand_line": ("basic", "all"),
        "meter_coverage_pct": 100.0,
        "estimated_intervals": 0,
    }
    return OurBill(**{**known, **changes})


def theirs(
    kw: str | None = None,
    kwh: str | None = None,
    amount: str | None = None,
    charge_id: str | None = None,
    **dates: date,
) -> UtilityBill:
    stated = [None if text is None else Decimal(text) for text in (kw, kwh, amount)]
    return UtilityBill(dates.get("first", JULY.read_from), dates.get("until", JULY.read_to), charge_id, *stated)


def causes(*rows: UtilityBill, **changes: Any) -> list[tuple[str, str | None]]:
    return [(entry.figure, entry.cause) for entry in reconcile(ours(**changes), rows, within_pct=0.5)]


def test_figures_within_half_a_percent_agree() -> None:
    """998.4 against 998: 0.04 %. 200,000.5 against 201,000: 0.497 %. 5,000 against 4,976: 0.48 %."""
    assert causes(theirs("998", "201000", "4976")) == [("demand", None), ("energy", None), ("amount", None)]


def test_ours_and_theirs_are_kept_side_by_side() -> None:
    (entry,) = reconcile(ours(), [theirs("960")], within_pct=0.5)
    assert (entry.ours, entry.utility, entry.unit) == (Decimal("998.4"), Decimal(960), "kW")
    assert entry.difference_pct == pytest.approx(4.0)


def test_a_small_demand_agrees_within_the_last_digit_that_is_printed() -> None:
    """20.4 kW billed as 20 is 2 % off, and the same."""
    small = Bill((line("basic", "kW", "20.4", "1", "20.4"),), Decimal(1), ())
    assert causes(theirs("20"), bill=small) == [("demand", None)]
    assert causes(theirs("20.0"), bill=small) == [("demand", "unexplained")]


@pytest.mark.parametrize(
    ("row", "changes", "found"),
    [
        (theirs("960", "200000"), {}, [("demand", "window"), ("energy", None)]),
        (theirs("499", "100000"), {}, [("demand", "meter"), ("energy", "meter")]),
        (theirs("998", "200000", "5500"), {}, [("demand", None), ("energy", None), ("amount", "rate")]),
        (theirs(None, "210000", "5500"), {}, [("energy", "meter"), ("amount", "quantities")]),
        (theirs(amount="5500"), {}, [("amount", "unexplained")]),
        (theirs("960"), {}, [("demand", "unexplained")]),
        (theirs("960"), {"estimated_intervals": 3}, [("demand", "estimated")]),
        (theirs("960"), {"meter_coverage_pct": 99.99}, [("demand", "coverage")]),
        (theirs("998"), {"bill": None, "meter_coverage_pct": 90.0}, [("demand", "coverage")]),
        (theirs("998"), {"demand_line": None}, [("demand", "charge")]),
        (
            theirs(amount="5500"), {"bill": Bill(LINES, Decimal(5000), (Refusal("x", "y"),))},
            [("amount", "partial")],
        ),
        (theirs("998.4", first=date(2013, 7, 3), until=date(2013, 8, 3)), {}, [("demand", "dates")]),
    ],
)  # fmt: skip
def test_a_difference_names_its_cause(row: UtilityBill, changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert causes(row, **changes) == found
    assert {cause for _, cause in found if cause} <= set(CAUSES)


def test_a_row_of_one_charge_is_compared_with_that_charge() -> None:
    rows = [theirs("998.4", None, "1000", "basic"), theirs(None, "200000", "4100", "energy")]
    assert causes(*rows) == [("demand", None), ("amount", None), ("energy", None), ("amount", "rate")]
    assert causes(theirs(amount="1", charge_id="levy")) == [("amount", "charge")]


def test_only_a_demand_of_the_same_days_refutes_ours() -> None:
    def refuted(row: UtilityBill, **changes: Any) -> bool:
        return demand_refuted(reconcile(ours(**changes), [row], within_pct=0.5))

    assert refuted(theirs("960"))
    assert not refuted(theirs("998"))
    assert not refuted(theirs(amount="1"))
    assert not refuted(theirs("960", first=date(2013, 7, 3), until=date(2013, 8, 3)))


def test_a_bill_concerns_ours_where_most_of_its_days_are_the_same() -> None:
    assert theirs("1", first=date(2013, 7, 4), until=date(2013, 8, 4)).concerns(JULY)
    assert not theirs("1", first=date(2013, 7, 20), until=date(2013, 8, 20)).concerns(JULY)
