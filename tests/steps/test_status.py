"""The one screen: each trouble once, with what to do about it, most pressing first."""

from typing import Any

import pytest

from pipeline.domain import REASONS
from pipeline.steps import status
from pipeline.steps.status import REMEDIES, StatusRow


def row(month: str | None = "2013-07", state: str = "ok", **changes: Any) -> StatusRow:
    values = {"grade": "A", "provable": True, "report_version": 1, "email_state": None, "next_action": None}
    return StatusRow("atsugi", month, state, **{**values, **changes})


def summary(**changes: Any) -> dict[str, Any]:
    return {"state": "ok", "provable": True, "reasons": [], "data": {"findings": []}, **changes}


def test_every_remedy_is_for_a_reason_there_is() -> None:
    assert set(REMEDIES) <= set(REASONS)


def test_what_is_right() -> None:
    rows = [row(), row("2013-08", email_state="sent"), row("2013-09", provable=False), row("2013-06", "seed")]
    assert status._right(rows) == ["2 of 3 bills proved", "the latest is 2013-08, at 1 site", "1 reports mailed"]
    assert status._right([]) == []


def test_what_is_wrong_is_counted_by_kind() -> None:
    rows = [row(None, "refused"), row(state="failed"), row(state="stale"), row("2013-09", provable=False)]
    assert status._wrong_rows([*rows, row("2013-10", "stale"), row()]) == [
        "1 site file refused",
        "1 bill not computed",
        "1 bill not provable",
        "2 bills stale",
    ]


def test_what_to_do_is_said_once_with_its_place() -> None:
    rows = [row(next_action="v2b run"), row("2013-08", next_action="v2b run"), row(None, next_action="mend it"), row()]
    assert status._todo(rows) == ["v2b run (atsugi 2013-07 and 1 more)", "mend it (atsugi)"]


@pytest.mark.parametrize(
    ("found", "mails", "is_stale", "is_due", "action"),
    [
        (summary(), [], False, False, None),
        (summary(), ["sent"], True, True, "v2b run"),  # a stale report is not what should be mailed
        (summary(), ["pending"], False, True, "v2b send"),
        (summary(), ["sent", "unknown"], False, True, "v2b send --resolve"),
        (summary(reasons=["bill_partial"]), [], False, False, REMEDIES["bill_partial"]),
        (summary(reasons=["bill_partial", "placeholder_prices"]), [], False, False, REMEDIES["placeholder_prices"]),
        (summary(reasons=["bill_partial"]), ["pending"], False, True, "v2b send"),
        (summary(state="failed", data={"findings": ["no rate"]}), [], True, True, "mend it, then v2b run: no rate"),
    ],
)
def test_the_next_action_is_the_most_pressing(
    found: dict[str, Any], mails: list[str], is_stale: bool, is_due: bool, action: str | None
) -> None:
    assert status._next_action(found, mails, is_stale=is_stale, is_due=is_due) == action


def test_partial_bills_are_among_what_is_wrong() -> None:
    assert status._wrong_rows([row(partial=True), row("2013-08")]) == ["1 bill partial: charges are not priced"]


def test_a_bill_that_is_not_provable_says_why_and_what_helps() -> None:
    found = summary(provable=False, reasons=["charger_gap"])
    action = status._next_action(found, [], is_stale=False, is_due=True)
    assert action == f"{REASONS['charger_gap'].sentence} To do: {REMEDIES['charger_gap']}"
