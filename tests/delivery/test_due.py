"""When which mail is due: dates and figures by hand, then whole portfolios as the mail room finds them."""

from datetime import date, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import Stated, bill_step, moved, reminder_number
from pipeline.portfolio.models import Schedule
from pipeline.steps.sending import message_of
from tests.delivery.desk import READER, SENDER, Desk, at

CLOSED = date(2026, 9, 1)
SCHEDULE = Schedule(days_after_close=3, grace_days=14)


@pytest.mark.parametrize(
    ("day", "complete", "step"),
    [
        ("2026-08-31", True, "wait"),  # the last day is not over
        ("2026-09-01", True, "report"),
        ("2026-09-01", False, "wait"),
        ("2026-09-03", False, "wait"),
        ("2026-09-04", False, "remind"),
        ("2026-09-04", True, "report"),
        ("2026-09-14", False, "remind"),
        ("2026-09-15", False, "report"),
        ("2027-09-15", False, "report"),
    ],
)
def test_a_bill_is_reported_when_closed_and_complete_or_past_its_grace(day: str, complete: bool, step: str) -> None:
    assert bill_step(CLOSED, date.fromisoformat(day), SCHEDULE, complete=complete) == step


@given(st.integers(0, 40), st.integers(0, 40), st.integers(-5, 90), st.booleans())
def test_a_bill_goes_one_way(after: int, grace: int, day: int, complete: bool) -> None:
    order = ["wait", "remind", "report"]
    schedule = Schedule(days_after_close=after, grace_days=grace)
    now, then = (bill_step(CLOSED, CLOSED + timedelta(days=d), schedule, complete=complete) for d in (day, day + 1))
    assert order.index(now) <= order.index(then)
    better = bill_step(CLOSED, CLOSED + timedelta(days=day), schedule, complete=True)
    assert order.index(now) <= order.index(better)


def test_reminders_are_counted_by_weeks() -> None:
    days = [date(2026, 9, 4), date(2026, 9, 10), date(2026, 9, 11), date(2026, 9, 14)]
    assert [reminder_number(CLOSED, day, SCHEDULE) for day in days] == [1, 1, 2, 2]


def stated(saved: str | None, currency: str = "EUR") -> Stated:
    return Stated(saved is not None, currency, None if saved is None else Decimal(saved))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (stated("100"), stated("101"), False),  # exactly 1 % is not more than 1 %
        (stated("100"), stated("101.01"), True),
        (stated("100"), stated("98.99"), True),
        (stated("-100"), stated("-100.5"), False),
        (stated("-100"), stated("100"), True),
        (stated("0"), stated("0.00"), False),
        (stated("0"), stated("0.01"), True),
        (stated("100"), stated(None), True),
        (stated(None), stated("100"), True),
        (stated(None), stated(None), False),
        (stated("100"), stated("100", "USD"), True),
        (None, stated("100"), True),
    ],
)
def test_a_correction_is_worth_a_mail_beyond_the_threshold(before: Any, now: Any, expected: bool) -> None:
    assert moved(before, now, 1.0) is expected


REPORT = ("report", "depot", "2026-08", 1, READER)


def test_a_complete_bill_is_due_to_each_reader_once(desk: Desk) -> None:
    desk.site(recipients=[READER, "boss@example.com", READER])
    desk.bill()
    first, second = desk.due()
    assert [first.key.recipient, second.key.recipient] == [READER, "boss@example.com"]
    desk.note(first, "sent")
    assert desk.keys() == [("report", "depot", "2026-08", 1, "boss@example.com")]


@pytest.mark.parametrize(("state", "due"), [("pending", True), ("sent", False), ("unknown", False), ("failed", False)])
def test_what_is_settled_is_not_due_again(desk: Desk, state: str, due: bool) -> None:
    desk.bill()
    desk.note(desk.due()[0], state)
    assert desk.keys() == ([REPORT] if due else [])


def test_an_incomplete_bill_is_reminded_of_weekly_and_reported_at_its_grace(desk: Desk) -> None:
    desk.bill(saved=None, reasons=("meter_gap",), meter_pct=93.0)
    assert desk.keys("2026-09-03") == []
    assert desk.keys("2026-09-04") == [("reminder", *REPORT[1:])]
    (reminder,) = desk.due()
    desk.note(reminder, "sent")
    assert desk.keys("2026-09-10") == []
    assert desk.keys("2026-09-11") == [("reminder", "depot", "2026-08", 2, READER)]
    assert desk.keys("2026-09-15") == [REPORT]


def test_a_bill_that_no_data_can_prove_is_not_waited_for(desk: Desk) -> None:
    """Its data is complete and contradicts itself: waiting brings nothing."""
    desk.bill(saved=None, reasons=("clock_contradicted",))
    assert desk.keys("2026-09-01") == [REPORT]


def test_the_day_is_the_sites_own(desk: Desk) -> None:
    """At noon UTC of 31 August it is 1 September in Kiritimati (UTC+14)."""
    desk.site("atoll", zone="Pacific/Kiritimati")
    desk.bill(site="atoll", issued_at=at("2026-08-31"))
    desk.bill(issued_at=at("2026-08-31"))
    assert desk.keys("2026-08-31") == [("report", "atoll", "2026-08", 1, READER)]


def test_a_bill_nothing_has_come_of_is_reminded_of(desk: Desk) -> None:
    desk.bill("2026-07")
    desk.note(desk.due()[0], "sent")
    assert desk.keys("2026-09-03") == []
    (reminder,) = desk.due("2026-09-04")
    assert (reminder.key.kind, reminder.key.month) == ("reminder", "2026-08")
    assert "No meter data has come for this bill." in text_of(reminder)
    assert desk.keys("2026-09-15") == []  # there is nothing to report


def text_of(mail: Any) -> str:
    message = message_from_bytes(message_of(mail, SENDER), policy=default)
    return str(message.get_body(("plain",)).get_content())


def subject_of(mail: Any) -> str:
    return str(message_from_bytes(message_of(mail, SENDER), policy=default)["Subject"]).replace("\xa0", " ")


def test_a_reminder_says_what_is_missing_until_when_and_what_happens_then(desk: Desk) -> None:
    desk.bill(saved=None, reasons=("meter_gap", "clock_bounded"), meter_pct=93.0)
    (reminder,) = desk.due()
    assert subject_of(reminder) == "V2B Aug 2026 | Depot: data is missing, wanted by 14 September"
    text = text_of(reminder).replace("\xa0", " ")
    for sentence in (
        "Depot, bill of 1 August 2026 to 31 August 2026",
        "7.0 % of meter data is missing.",
        "Meter data is missing, so neither the energy nor the peak of this bill is known.",
        "What has not come by 14 September 2026 is reported as not provable.",
        "A gap from 3 August.",
        "landing/",
    ):
        assert sentence in text
    assert "clocks" not in text
    assert message_of(reminder, SENDER) == message_of(desk.due()[0], SENDER)


def test_the_named_months_and_sites_only(desk: Desk) -> None:
    desk.site("other")
    for month in ("2026-07", "2026-08"):
        desk.bill(month)
        desk.bill(month, "other")
    assert {key[1:3] for key in desk.keys(months={"2026-07"}, sites={"other"})} == {("other", "2026-07")}


def test_bills_before_the_first_month_are_nobodys_mail(desk: Desk) -> None:
    """History that is loaded on the first day floods no inbox."""
    desk.settings = '[schedule]\nfirst_month = "2026-08"\n[report]\nportfolio_recipients = ["board@example.com"]\n'
    desk.write()
    for month in ("2026-06", "2026-07", "2026-08"):
        desk.bill(month)
    assert desk.keys() == [REPORT, ("digest", "", "2026-08", 1, "board@example.com")]


def test_a_report_whose_files_state_other_numbers_is_not_due(desk: Desk) -> None:
    desk.bill()
    desk.bill(saved="500.00", rendered=False)
    assert desk.keys() == []


def sent_then(desk: Desk, *saved: str | None) -> list[Any]:
    """Send the first version of a bill, restate it, and return what is due then."""
    desk.bill(saved=saved[0])
    desk.note(desk.due()[0], "sent")
    for figure in saved[1:]:
        desk.bill(saved=figure, reasons=("check_contradicts",) if figure is None else ())
    return desk.due()


def test_a_small_correction_is_not_mailed(desk: Desk) -> None:
    assert sent_then(desk, "400.00", "404.00") == []


def test_many_small_corrections_are_measured_from_what_the_reader_has(desk: Desk) -> None:
    (mail,) = sent_then(desk, "400.00", "403.00", "406.00")
    assert mail.key.version == 3
    assert subject_of(mail) == "V2B Aug 2026 | Depot: correction, saved EUR 406.00 (before: saved EUR 400.00)"


def test_a_saving_that_can_no_longer_be_stated_is_a_correction(desk: Desk) -> None:
    (mail,) = sent_then(desk, "400.00", None)
    assert subject_of(mail) == "V2B Aug 2026 | Depot: correction, not provable (before: saved EUR 400.00)"


def test_a_loss_is_called_one(desk: Desk) -> None:
    (mail,) = sent_then(desk, "400.00", "-20.00")
    assert subject_of(mail).endswith("correction, cost EUR 20.00 more (before: saved EUR 400.00)")


def test_who_had_no_version_gets_the_new_one_as_the_first(desk: Desk) -> None:
    desk.bill(saved="400.00")
    desk.note(desk.due()[0], "failed")
    desk.bill(saved="500.00")
    (mail,) = desk.due()
    assert mail.key.version == 2
    assert subject_of(mail) == "V2B 2026-08 | Depot: version 2"


def test_the_threshold_is_the_portfolios(desk: Desk) -> None:
    desk.settings = "[thresholds]\nrestate_pct = 50.0\n"
    desk.write()
    assert sent_then(desk, "400.00", "500.00") == []


def test_hostile_names_are_text_in_reminders(desk: Desk) -> None:
    name = "<script>alert(1)</script> \u202eevil " + "n" * 200
    desk.site(name=name)
    desk.bill(saved=None, reasons=("meter_gap",), meter_pct=93.0)
    message = message_from_bytes(message_of(desk.due()[0], SENDER), policy=default)
    html = message.get_body(("html",)).get_content()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert name in message["Subject"]
