"""Letters as RFC 5322 messages. Nothing is sent here: text and pictures in, `.eml` bytes out.

The same letter gives the same bytes: boundaries and Message-ID are hashes, the date comes with the content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

from pipeline.domain import InputError
from reports.inputs import CHART_CID, RenderedReport

_POLICY: Final = SMTP.clone(cte_type="7bit")
_PLAIN: Final = 68
_BLANK: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Letter:
    """What a mail says: a subject, text complete in itself, the same as HTML, its picture and an attachment."""

    subject: str
    text: str
    html: str
    picture: bytes = b""
    pdf: bytes = b""


def build_message(
    rendered: RenderedReport,
    *,
    sender: str,
    recipients: Sequence[str],
    message_id_seed: str,
    date: datetime,
    pdf: bytes = b"",
) -> bytes:
    """Return a report as a message, its PDF attached where there is one; see `compose`."""
    letter = Letter(rendered.subject, rendered.email_text, rendered.email_html, rendered.peak_day_png, pdf)
    return compose(letter, sender=sender, recipients=recipients, message_id_seed=message_id_seed, date=date)


def compose(letter: Letter, *, sender: str, recipients: Sequence[str], message_id_seed: str, date: datetime) -> bytes:
    """Return a letter as an RFC 5322 message: mixed [alternative [text, related [HTML, picture]], PDF].

    The picture goes by Content-ID (RFC 2392); a level with one part only is left out. `date` comes from the content
    and is written in UTC; the Message-ID is derived from `message_id_seed`; without recipients there is no To. Raises
    InputError for a header value with a line break, for what is no e-mail address, and for a date without a time zone.
    """
    if date.utcoffset() is None:
        raise InputError("e-mail", "Date", date.isoformat(), "a time with its zone")
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address("From", sender)
    if recipients:
        message["To"] = [_address("To", recipient) for recipient in recipients]
    message["Date"] = format_datetime(date.astimezone(UTC))
    message["Message-ID"] = message_id(message_id_seed, sender)
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, letter)
    return _subject_line(letter.subject) + b"\r\n" + bytes(message)


def message_id(seed: str, sender: str) -> str:
    """Return the Message-ID that a seed (the key of an outbox row) always has; raises InputError for no address."""
    return f"<{_hash('message', seed)}@{_address('From', sender).domain}>"


def readdressed(message: bytes, *, recipient: str, identity: str, subject: str | None = None) -> bytes:
    """Return a message of `compose` to another recipient, under another Message-ID and, where given, subject.

    Raises InputError for a header value with a line break, and for what is no e-mail address.
    """
    head, _, body = message.partition(_BLANK)
    fresh = EmailMessage(policy=_POLICY)
    fresh["To"] = [_address("To", recipient)]
    fresh["Message-ID"] = _one_line("Message-ID", identity)
    lines = bytes(fresh).partition(_BLANK)[0].split(b"\r\n")
    if subject is not None:
        lines.append(_subject_line(subject))
    replaced = {line.partition(b":")[0].lower() for line in lines}
    kept = [line for line in _headers(head) if line.partition(b":")[0].lower() not in replaced]
    return b"\r\n".join([*lines, *kept]) + _BLANK + body


def header(message: bytes, name: str) -> str | None:
    """Return the value of an unstructured header of a message of `compose`; None where it has none."""
    for line in _headers(message.partition(_BLANK)[0]):
        key, _, value = line.partition(b":")
        if key.decode().lower() == name.lower():
            return value.decode().strip()
    return None


def _headers(head: bytes) -> list[bytes]:
    """The headers of a message, each with the lines it goes on in."""
    return re.split(rb"\r\n(?![ \t])", head)


def _subject_line(subject: str) -> bytes:
    """The Subject header: as it is where it is short ASCII, else in encoded words (RFC 2047).

    `EmailMessage` loses spaces between encoded words where it folds a long subject; `Header` does not.
    """
    text = _one_line("Subject", subject)
    plain = text.isascii() and len(text) <= _PLAIN and "=?" not in text
    shown = text if plain else Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {shown}".encode("ascii")


def _fill(message: EmailMessage, letter: Letter) -> None:
    """Add the parts, then fix the boundaries, which the library would draw at random."""
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.picture:
        page = message.get_payload(1)
        if not isinstance(page, EmailMessage):
            raise TypeError("a message of two alternatives")
        page.add_related(letter.picture, "image", "png", cid=f"<{CHART_CID}>", filename="peak-day.png")
    if letter.pdf:
        message.add_attachment(letter.pdf, "application", "pdf", filename="report.pdf")
    content = _hash(letter.text, letter.html, letter.picture.hex(), letter.pdf.hex())
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{number}_{content}")


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _one_line(name: str, value: str) -> str:
    """Return a header value as it is; raises InputError where it could begin another header."""
    if len(value.splitlines()) > 1 or any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise InputError("e-mail", name, value, "one line of text without control characters")
    return value


def _address(name: str, value: str) -> Address:
    text = _one_line(name, value)
    try:
        address = Address(addr_spec=text)
    except (ValueError, HeaderParseError, IndexError):
        raise InputError("e-mail", name, value, "one e-mail address such as 'energy@example.com'") from None
    if not address.domain or not text.isascii():
        raise InputError("e-mail", name, value, "one e-mail address of ASCII characters such as 'energy@example.com'")
    return address
