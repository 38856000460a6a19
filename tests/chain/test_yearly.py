"""The range of a year: draws of proved bills summed one by one, and what their gaps leave open added up."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from pipeline.savings import PriorBill
from pipeline.uncertainty import DRAWS, DrawnSaving
from tests.chain.cases import NOTHING_EARLIER
from tests.chain.test_meter_gaps import NIGHT, TIERED, ends, meter, summary, tariff

CENT = Decimal("0.01")


def drew(saved: float, below: float = 0.0, above: float = 0.0) -> DrawnSaving:
    return DrawnSaving(np.full(DRAWS, saved), 0.0, below, above)


def prior(month: str, saved: str | None, low: str | None = None) -> PriorBill:
    amounts = (None if amount is None else Decimal(amount) for amount in (saved, low))
    proved, least = amounts
    return PriorBill(month, proved, proved is not None, Decimal(0), least)


def after(bills: list[PriorBill], drawn: Mapping[str, DrawnSaving], **changes: Any) -> dict[str, Any]:
    return summary(earlier=replace(NOTHING_EARLIER, prior=bills, drawn_savings=drawn), **changes)


def realised(found: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    annual = found["annual"]
    return Decimal(annual["realised"]), Decimal(annual["realised_low"]), Decimal(annual["realised_high"])


def test_what_gaps_of_earlier_bills_leave_open_is_open_in_the_year() -> None:
    found = after([prior("2013-06", "10")], {"2013-06": drew(10.0, below=1.25, above=2.5)})
    low, high = ends(found["money"])
    assert realised(found) == (
        Decimal(found["money"]["saved"]) + 10,
        low + 10 - Decimal("1.25"),
        high + 10 + Decimal("2.5"),
    )


def test_what_this_bills_own_gap_leaves_open_is_open_in_the_year() -> None:
    """The gap before a dearer tier of `test_meter_gaps`: a cent less, six more, in the bill and in the year."""
    whole, found = (summary(tariff=tariff(TIERED), **more) for more in ({}, {"meter": meter(*NIGHT)}))
    (_, low, high), (_, least, most) = realised(whole), realised(found)
    assert (least, most) == (low - CENT, high + 6 * CENT)


@pytest.mark.parametrize(
    ("low", "counted", "told"), [(None, 0, "unproved_bills_left_out"), ("3", 3, "unproved_bills_at_least")]
)
def test_a_bill_that_is_not_proved_adds_to_the_range_what_it_adds_to_the_sum(
    low: str | None, counted: int, told: str
) -> None:
    """Its draws came to 500, which nobody proved: neither the year's saving nor its range holds them."""
    alone, found = summary(), after([prior("2013-06", None, low)], {"2013-06": drew(500.0, below=7.0, above=7.0)})
    assert realised(found) == tuple(figure + counted for figure in realised(alone))
    assert {reason for reason in found["reasons"] if reason.startswith("unproved_bills")} == {told}
    assert not any(reason.startswith("unproved_bills") for reason in alone["reasons"])
