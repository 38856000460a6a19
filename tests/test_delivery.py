"""The message: parts, headers, determinism, and header values that try to begin another header."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import build_message
from pipeline.domain import InputError
from reports.inputs import RenderedReport

SENT = datetime(2013, 8, 3, 6, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
REPORT = RenderedReport(
    html="<p>page</p>",
    peak_day_svg="<svg/>",
    peak_day_png=PNG,
    email_html='<p>\u221225.6 kW <img src="cid:peak-day@v2b-savings"></p>',
    email_text="Six cars cut July\u2019s billed peak.\n",
    subject="V2B Jul 2013 | 厚木: saved JPY 41,015, peak \u221225.6 kW",
)


def built(report: RenderedReport = REPORT, **changes: object) -> bytes:
    values = {
        "sender": "v2b@example.com",
        "recipients": ["energy@example.com", "boss@example.com"],
        "message_id_seed": "atsugi/2013-07/1",
        "date": SENT,
    }
    return build_message(report, **(values | changes))


def parsed(report: RenderedReport = REPORT, **changes: object) -> EmailMessage:
    return message_from_bytes(built(report, **changes), policy=default)


def test_text_html_and_the_chart_by_content_id() -> None:
    message = parsed()
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == REPORT.email_text
    page, picture = related.iter_parts()
    assert page.get_content().rstrip("\r\n") == REPORT.email_html
    assert picture.get_content_type() == "image/png"
    assert picture.get_content() == PNG
    assert picture["Content-ID"] == "<peak-day@v2b-savings>"
    assert f"cid:{picture['Content-ID'].strip('<>')}" in REPORT.email_html


@given(st.text(st.sampled_from("ab,\u539a\u00e9\u2212\u2019-:.?=_ |"), min_size=1, max_size=120))
def test_any_subject_of_single_spaces_arrives_as_it_was(text: str) -> None:
    subject = " ".join(f"V2B {text} end".split())
    assert parsed(replace(REPORT, subject=subject))["Subject"] == subject


def test_without_a_chart_there_is_no_related_part() -> None:
    bare = RenderedReport("", "", b"", "<p>no data</p>", "no data\n", "V2B: no bill")
    assert [part.get_content_type() for part in parsed(bare).iter_parts()] == ["text/plain", "text/html"]


def test_headers() -> None:
    message = parsed()
    assert message["Subject"] == REPORT.subject
    assert message["From"] == "v2b@example.com"
    assert message["To"] == "energy@example.com, boss@example.com"
    assert message["Date"].datetime == SENT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")


def test_the_date_is_written_in_utc() -> None:
    tokyo = SENT.astimezone(timezone(timedelta(hours=9)))
    assert built(date=tokyo) == built()


def test_no_recipients_no_to() -> None:
    assert parsed(recipients=[])["To"] is None


def test_the_same_report_gives_the_same_bytes() -> None:
    assert built() == built()


def test_message_id_follows_the_seed_and_boundaries_the_content() -> None:
    other = parsed(message_id_seed="atsugi/2013-07/2")
    assert other["Message-ID"] != parsed()["Message-ID"]
    assert other.get_boundary() == parsed().get_boundary()
    changed = RenderedReport("", "", PNG, "<p>x</p>", "x\n", REPORT.subject)
    assert parsed(changed).get_boundary() != parsed().get_boundary()


def test_lines_end_as_smtp_wants_and_are_ascii() -> None:
    raw = built()
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize("breaking", ["\n", "\r", "\r\n", "\u2028", "\u0085", "\x0b", "\x00"])
def test_header_values_refuse_line_breaks(breaking: str) -> None:
    evil = f"V2B{breaking}Bcc: thief@example.com"
    with pytest.raises(InputError, match="one line"):
        built(RenderedReport("", "", b"", "", "", evil))
    for header in (
        {"sender": f"a@example.com{breaking}b"},
        {"recipients": [f"a@example.com{breaking}Bcc: b@example.com"]},
    ):
        with pytest.raises(InputError):
            built(**header)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@", "@example.com", "a@example.com, b@example.com", "ä@example.com"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="e-mail"):
        built(sender=address)
    with pytest.raises(InputError, match="e-mail"):
        built(recipients=["a@example.com", address])


def test_a_date_without_zone_is_refused() -> None:
    with pytest.raises(InputError, match="Date"):
        built(date=datetime(2013, 8, 3, 6, 0))
