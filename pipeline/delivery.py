"""Turns a rendered report into an e-mail message. Nothing is sent here: bytes in, `.eml` bytes out.

The same report gives the same bytes: boundaries and Message-ID are hashes, the date comes with the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from pipeline.domain import InputError
from reports.inputs import CHART_CID, RenderedReport


def build_message(
    rendered: RenderedReport, *, sender: str, recipients: Sequence[str], message_id_seed: str, date: datetime
) -> bytes:
    """Return the report as an RFC 5322 message: text, and HTML with the chart by Content-ID (RFC 2392).

    `date` comes from the content and is written in UTC; the Message-ID is derived from `message_id_seed`; without
    recipients there is no To. Raises InputError for a header value with a line break, for what is no e-mail address,
    and for a date without a time zone.
    """
    if date.utcoffset() is None:
        raise InputError("e-mail", "Date", date.isoformat(), "a time with its zone")
    origin = _address("From", sender)
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["Subject"] = _one_line("Subject", rendered.subject)
    message["From"] = origin
    if recipients:
        message["To"] = [_address("To", recipient) for recipient in recipients]
    message["Date"] = format_datetime(date.astimezone(UTC))
    message["Message-ID"] = f"<{_hash('message', message_id_seed)}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, rendered)
    return bytes(message)


def _fill(message: EmailMessage, rendered: RenderedReport) -> None:
    """Add the bodies, then fix the boundaries, which the library would draw at random."""
    message.set_content(rendered.email_text)
    message.add_alternative(rendered.email_html, subtype="html")
    if rendered.peak_day_png:
        page = message.get_payload(1)
        if not isinstance(page, EmailMessage):
            raise TypeError("a message of two alternatives")
        page.add_related(rendered.peak_day_png, "image", "png", cid=f"<{CHART_CID}>", filename="peak-day.png")
    content = _hash(rendered.email_text, rendered.email_html, rendered.peak_day_png.hex())
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{number}_{content}")


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _one_line(header: str, value: str) -> str:
    """Return a header value as it is; raises InputError where it could begin another header."""
    if len(value.splitlines()) > 1 or any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise InputError("e-mail", header, value, "one line of text without control characters")
    return value


def _address(header: str, value: str) -> Address:
    text = _one_line(header, value)
    try:
        address = Address(addr_spec=text)
    except (ValueError, HeaderParseError, IndexError):
        raise InputError("e-mail", header, value, "one e-mail address such as 'energy@example.com'") from None
    if not address.domain or not text.isascii():
        raise InputError("e-mail", header, value, "one e-mail address of ASCII characters such as 'energy@example.com'")
    return address
