"""The digest: one mail a month for those who own many sites, once every site's answer stands."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from pipeline.delivery import Answer, Stated, digest
from pipeline.steps.sending import message_of
from reports.language import language
from tests.delivery.desk import READER, SENDER, Desk, at

BOARD = "board@example.com"


@pytest.fixture
def firm(desk: Desk) -> Desk:
    """Two sites in two currencies, and a board that gets the digest."""
    desk.settings = f'[report]\nportfolio_recipients = ["{BOARD}"]\nbase_url = "https://reports.example.com/"\n'
    desk.site("kobe", currency="JPY", name="Kobe <b>")
    return desk


def message(mail: Any) -> EmailMessage:
    return message_from_bytes(message_of(mail, SENDER), policy=default)


def text(mail: Any) -> str:
    return str(message(mail).get_body(("plain",)).get_content()).replace("\xa0", " ").replace("\r\n", "\n")


def digests(desk: Desk, today: str | None = None, **narrowed: Any) -> list[Any]:
    return [mail for mail in desk.due(today, **narrowed) if mail.key.kind == "digest"]


def test_one_digest_tells_each_sites_answer_and_adds_no_currencies(firm: Desk) -> None:
    firm.bill(saved="412.00")
    firm.bill(site="kobe", saved="41199.60")
    (mail,) = digests(firm)
    assert (mail.key.site_id, mail.key.month, mail.key.recipient) == ("", "2026-08", BOARD)
    subject = str(message(mail)["Subject"]).replace("\xa0", " ")
    assert subject == "V2B Aug 2026 | 2 sites: saved EUR 412.00; saved JPY 41,200"
    body = text(mail)
    assert (
        "Depot: saved EUR 412.00, peak \u221225.6 kW, all cars ready; grade B <https://reports.example.com/depot/2026-08/"
        in body
    )
    assert "Kobe <b>: saved JPY 41,200, peak \u221225.6 kW, all cars ready; grade B" in body
    assert "Currencies are never added up." in body
    assert "41,612" not in body
    html = message(mail).get_body(("html",)).get_content()
    assert "Kobe &lt;b&gt;" in html
    assert 'href="https://reports.example.com/kobe/2026-08/report.html"' in html


def test_the_digest_waits_for_every_site_and_at_most_for_the_grace(firm: Desk) -> None:
    firm.bill()
    firm.bill(site="kobe", saved=None, reasons=("charger_gap",), meter_pct=90.0)
    assert digests(firm, "2026-09-14") == []
    (mail,) = digests(firm, "2026-09-15")
    assert (
        str(message(mail)["Subject"]).replace("\xa0", " ") == "V2B Aug 2026 | 2 sites: saved EUR 412.00; 1 not proved"
    )
    body = text(mail)
    assert body.index("Kobe <b>: not provable") < body.index("Depot: saved")  # what needs a look comes first
    assert "Sums are of the sites whose saving is proved." in body


def test_a_digest_waits_for_a_bill_that_ends_later(firm: Desk) -> None:
    """Kobe's August bill runs to 10 September: on the fourth nobody knows its answer."""
    (firm.root / "bill_cycles.csv").write_text(
        "site_id,read_from,read_to,month\nkobe,2026-07-10,2026-08-10,2026-07\nkobe,2026-08-10,2026-09-10,2026-08\n"
    )
    firm.bill()
    firm.bill("2026-07", "kobe", saved="1", read=("2026-07-10", "2026-08-10"))
    assert [mail.key.month for mail in digests(firm, "2026-09-04")] == ["2026-07"]
    firm.bill("2026-08", "kobe", saved="1", read=("2026-08-10", "2026-09-10"))
    assert [mail.key.month for mail in digests(firm, "2026-09-10")] == ["2026-07", "2026-08"]


def test_a_site_whose_data_stopped_is_named_and_not_left_out(firm: Desk) -> None:
    firm.bill()
    firm.bill("2026-07")
    firm.bill("2026-07", "kobe", saved="1")
    assert [mail.key.month for mail in digests(firm, "2026-09-14")] == ["2026-07"]
    _, august = digests(firm, "2026-09-15")
    assert "Kobe <b>: no data has come" in text(august)


def test_a_site_that_failed_is_named(firm: Desk) -> None:
    firm.bill()
    firm.bill(site="kobe", saved=None, state="failed", meter_pct=0.0)
    assert digests(firm, "2026-09-14") == []
    (mail,) = digests(firm, "2026-09-15")
    assert "Kobe <b>: could not be computed" in text(mail)


def test_a_report_that_is_not_rendered_yet_is_waited_for(firm: Desk) -> None:
    firm.bill()
    firm.bill(site="kobe", rendered=False)
    assert digests(firm) == []


def test_whoever_gets_the_digest_gets_no_mail_for_each_site(firm: Desk) -> None:
    firm.site(recipients=[READER, BOARD.upper()])
    firm.bill()
    firm.bill(site="kobe", saved="1")
    kinds = [(mail.key.kind, mail.key.recipient) for mail in firm.due()]
    assert kinds == [("report", READER), ("report", READER), ("digest", BOARD)]


def test_one_digest_a_month(firm: Desk) -> None:
    firm.bill()
    firm.bill(site="kobe", saved="1")
    firm.note(digests(firm)[0], "sent")
    firm.bill(saved="900.00")
    assert digests(firm) == []


def test_some_sites_have_no_digest_and_some_months_theirs(firm: Desk) -> None:
    for month in ("2026-07", "2026-08"):
        firm.bill(month)
        firm.bill(month, "kobe", saved="1")
    assert digests(firm, sites={"depot"}) == []
    assert [mail.key.month for mail in digests(firm, months={"2026-07"})] == ["2026-07"]


def told_then_restated(firm: Desk, saved: str) -> str:
    """July is told in its digest, restated on 20 August, and August's digest is due: its text."""
    firm.bill("2026-07", saved="400.00", issued_at=at("2026-08-02"))
    firm.bill("2026-07", "kobe", saved="1", issued_at=at("2026-08-02"))
    (july,) = digests(firm, "2026-08-04")
    firm.note(july, "sent")
    firm.bill("2026-07", saved=saved, issued_at=at("2026-08-20"))
    firm.bill()
    firm.bill(site="kobe", saved="1")
    (august,) = digests(firm, "2026-09-04")
    return text(august)


def test_the_next_digest_tells_what_was_corrected(firm: Desk) -> None:
    body = told_then_restated(firm, "350.00")
    assert "Corrected since the last digest" in body
    assert "Depot, July 2026: saved EUR 350.00 (before: saved EUR 400.00)" in body


def test_a_small_correction_is_not_told(firm: Desk) -> None:
    assert "Corrected" not in told_then_restated(firm, "403.00")


def test_what_no_digest_told_is_no_correction(firm: Desk) -> None:
    firm.bill("2026-07", saved="400.00")
    firm.bill("2026-07", saved="300.00")
    firm.bill("2026-07", "kobe", saved="1")
    firm.bill()
    firm.bill(site="kobe", saved="1")
    assert all("Corrected" not in text(mail) for mail in digests(firm))


def test_ten_thousand_sites_fit_a_mail_and_the_worst_come_first() -> None:
    answers = [
        Answer(
            f"Site {number:05} " + "n" * 100,
            "saved EUR 1.00; grade B",
            Stated.read({"provable": True, "currency": "EUR", "saved": "1"}),
        )
        for number in range(10_000)
    ]
    answers.append(
        Answer(
            "Zuletzt", "cost EUR 5.00 more; grade B", Stated.read({"provable": True, "currency": "EUR", "saved": "-5"})
        )
    )
    letter = digest("2026-08", answers, [], language("en"))
    assert len(letter.html.encode()) < 100_000
    assert letter.html.index("Zuletzt") < letter.html.index("Site 00000")
    assert "9,901 more sites are on the portfolio page." in letter.text
    assert letter.subject.replace("\xa0", " ") == "V2B Aug 2026 | 10,001 sites: saved EUR 9,995.00"


def test_the_same_digest_has_the_same_bytes(firm: Desk) -> None:
    firm.bill()
    firm.bill(site="kobe", saved="1")
    assert message_of(digests(firm)[0], SENDER) == message_of(digests(firm)[0], SENDER)
