"""The message: parts, headers, determinism, and header values that try to begin another header."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import Letter, compose, header, message_id, readdressed
from pipeline.domain import InputError

SENT = datetime(2013, 8, 3, 6, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
PDF = b"%PDF-1.7\n" + bytes(range(256))
REPORT = Letter(
    picture=PNG,
    html='<p>\u221225.6 kW <img src="cid:peak-day@v2b-savings"></p>',
    text="Six cars cut July\u2019s billed peak.\n",
    subject="V2B Jul 2013 | 厚木: saved JPY 41,015, peak \u221225.6 kW",
)


def built(report: Letter = REPORT, **changes: object) -> bytes:
    values = {
        "sender": "v2b@example.com",
        "recipients": ["energy@example.com", "boss@example.com"],
        "message_id_seed": "atsugi/2013-07/1",
        "date": SENT,
    }
    return compose(report, **(values | changes))


def parsed(report: Letter = REPORT, **changes: object) -> EmailMessage:
    return message_from_bytes(built(report, **changes), policy=default)


def test_text_html_and_the_chart_by_content_id() -> None:
    message = parsed()
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == REPORT.text
    page, picture = related.iter_parts()
    assert page.get_content().rstrip("\r\n") == REPORT.html
    assert picture.get_content_type() == "image/png"
    assert picture.get_content() == PNG
    assert picture["Content-ID"] == "<peak-day@v2b-savings>"
    assert f"cid:{picture['Content-ID'].strip('<>')}" in REPORT.html


@given(st.text(st.sampled_from("ab,\u539a\u00e9\u2212\u2019-:.?=_ |"), min_size=1, max_size=300))
def test_any_subject_of_single_spaces_arrives_as_it_was(text: str) -> None:
    subject = " ".join(f"V2B {text} end".split())
    assert parsed(replace(REPORT, subject=subject))["Subject"] == subject


def test_without_a_chart_there_is_no_related_part() -> None:
    bare = Letter("V2B: no bill", "no data\n", "<p>no data</p>")
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
    changed = Letter(REPORT.subject, "x\n", "<p>x</p>", PNG)
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
        built(Letter(evil, "", ""))
    for values in (
        {"sender": f"a@example.com{breaking}b"},
        {"recipients": [f"a@example.com{breaking}Bcc: b@example.com"]},
    ):
        with pytest.raises(InputError):
            built(**values)


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


def test_the_pdf_stands_beside_the_alternatives() -> None:
    message = parsed(replace(REPORT, pdf=PDF))
    assert message.get_content_type() == "multipart/mixed"
    letter, attached = message.iter_parts()
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "multipart/related"]
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", "report.pdf")
    assert attached.get_content_disposition() == "attachment"
    assert attached.get_content() == PDF
    boundaries = [part.get_boundary() for part in message.walk() if part.is_multipart()]
    assert len(set(boundaries)) == 3
    assert built(replace(REPORT, pdf=PDF)) == built(replace(REPORT, pdf=PDF))


def test_another_pdf_has_other_boundaries() -> None:
    assert parsed(replace(REPORT, pdf=PDF)).get_boundary() != parsed(replace(REPORT, pdf=PDF + b"x")).get_boundary()


def test_readdressing_changes_to_and_message_id_and_nothing_else() -> None:
    """A subject long enough to be folded: its further lines are lines of the same header."""
    long = replace(REPORT, subject="V2B Jul 2013 | " + "厚木 " * 40 + "saved JPY 41,015")
    one = message_id("report/atsugi/2013-07/1/a@x.org", "v2b@example.com")
    sent = readdressed(built(long), recipient="a@x.org", identity=one)
    message = message_from_bytes(sent, policy=default)
    assert (message["To"], message["Message-ID"], message["Subject"]) == ("a@x.org", one, long.subject)
    assert sorted(name.lower() for name in message) == sorted(name.lower() for name in parsed(long))
    assert sent.partition(b"\r\n\r\n")[2] == built(long).partition(b"\r\n\r\n")[2]
    assert sent == readdressed(built(long), recipient="a@x.org", identity=one)
    assert header(sent, "message-id") == one
    assert header(sent, "Cc") is None


def test_a_message_without_to_gets_one_and_a_correction_its_subject() -> None:
    subject = "V2B Jul 2013 | 厚木: correction, saved JPY 39,900 (before: saved JPY 41,015)"
    sent = readdressed(built(recipients=[]), recipient="a@x.org", identity="<1@x.org>", subject=subject)
    message = message_from_bytes(sent, policy=default)
    assert (message["To"], message["Subject"], message["From"]) == ("a@x.org", subject, "v2b@example.com")
    assert message.get_all("Subject") == [subject]
    assert sent.isascii()
    assert b"\n" not in sent.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "evil",
    [
        {"recipient": "a@x.org\r\nBcc: thief@x.org"},
        {"recipient": "a@x.org, thief@x.org"},
        {"identity": "<1@x>\nBcc: thief@x.org"},
        {"subject": "x\u2028Bcc: thief@x.org"},
    ],
)
def test_readdressing_refuses_what_could_begin_another_header(evil: dict[str, str]) -> None:
    with pytest.raises(InputError):
        readdressed(built(), **{"recipient": "a@x.org", "identity": "<1@x>", **evil})


HOSTILE = [
    "<script>alert(1)</script>",
    "\u202eevil\u2066 \u200fname",
    "n" * 200,
    "=?utf-8?q?Bcc=3A_x=40y?=",
    '"quoted" <a@x.org>, b@y.org',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_arrive_as_text_in_one_header(name: str) -> None:
    subject = f"V2B Jul 2013 | {name}: saved"
    raw = built(replace(REPORT, subject=subject))
    message = message_from_bytes(raw, policy=default)
    assert len(message.get_all("Subject")) == 1
    assert message["Bcc"] is None
    assert (message["From"], message["To"]) == ("v2b@example.com", "energy@example.com, boss@example.com")
    assert message["Subject"] == subject
