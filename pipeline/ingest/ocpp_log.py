"""OCPP-J logs to messages: lines or one JSON array, envelopes of many spellings, log-line prefixes, or bare frames.

A frame is `[2, id, action, {...}]` (call), `[3, id, {...}]` (result) or `[4, id, ...]` (error) (OCPP 1.6J, section 4;
OCPP 2.1 adds the calls 5 and 6, which carry nothing read here). An envelope is an object that holds the frame, the
charge point it belongs to and anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.ingest.ocpp_names import (
    CHARGE_POINT_KEYS,
    DIRECTION_WORDS,
    GENERIC_WORDS,
    HEARD_KEYS,
    MESSAGE_KEYS,
    STAMP,
)

FRAME_ALLOWED: Final = "an OCPP frame [2, id, action, {...}] or [3, id, {...}], bare or as `message` of an object"
CHARGE_POINT_ALLOWED: Final = "a `charge_point` beside the message, or the charger's id as folder or file name"
LONGEST_MESSAGE_BYTES: Final = 16 << 20

_LOOKS_LIKE_FRAME = re.compile(
    rb'^\s*\[?\s*(?:\{.*?"(?:'
    + b"|".join(key.encode() for key in MESSAGE_KEYS)
    + rb')"\s*:\s*"?)?\[\s*[2-6]\s*,\s*\\?"',
    re.MULTILINE,
)
_PREFIXED_FRAME = re.compile(
    rb'^[^\[{\n][^{\n]{0,300}?\[\s*(?:2\s*,\s*"[^"\n]*"\s*,\s*"[A-Z]|[34]\s*,\s*")', re.MULTILINE
)
_BRACKETED_FRAME = re.compile(rb'^\[[^{\n]{1,300}?\[\s*(?:2\s*,\s*"[^"\n]*"\s*,\s*"[A-Z]|[34]\s*,\s*")', re.MULTILINE)
_FRAME_START = re.compile(r'\[\s*[2-6]\s*,\s*"|\{\s*"')
_WORDS = re.compile(r"[\s:=,|<>()\[\]\"']+")
_STAMP = re.compile(STAMP)
_DATE_PARTS = re.compile(r"[-_. ]*(?:\d{4}-\d{2}(?:-\d{2})?|\d{6}|\d{8})(?:T?\d{4,6}Z?)?[-_. ]*$")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_CHARACTER = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")  # half a surrogate pair: no text can hold it
JSON: Final = json.JSONDecoder(parse_float=str)  # a decimal keeps its digits until it is scaled exactly


@dataclass(frozen=True)
class Message:
    """One frame of one charge point; `action` is empty for a result; `heard` is when the log's writer heard it.

    `behind` tells whether the frame stood behind a log line's prefix.
    """

    line: int
    charge_point: str
    message_id: str
    action: str
    payload: Mapping[str, Any]
    heard: str = ""
    behind: bool = False


@dataclass(frozen=True)
class Refused:
    """What could not be read, and where; `plain` text may be a log line of something else."""

    line: int
    field: str
    value: str
    allowed: str
    plain: bool = False


@dataclass(frozen=True)
class Owner:
    """What a line says outside its frame: the charge point, and when the log's writer heard the message."""

    charge_point: str
    heard: str = ""
    behind: bool = False


def sniff(head: bytes) -> bool:
    """Tell whether some line starts like a frame: bare, in an envelope, in an array or after a log line's prefix."""
    return bool(_LOOKS_LIKE_FRAME.search(head) or _PREFIXED_FRAME.search(head) or _BRACKETED_FRAME.search(head))


def charge_point_of(hints: Sequence[str]) -> str:
    """Return the innermost folder or file name that names a charger, without a date at its end; '' where none does."""
    for hint in reversed(hints):
        name = _DATE_PARTS.sub("", hint)
        if name.lower() not in GENERIC_WORDS and not name.isdigit():
            return name
    return ""


def messages(pieces: Iterable[tuple[int, bytes]], default_charge_point: str) -> Iterator[Message | Refused]:
    """Yield every call and result among numbered pieces, and every piece that holds none.

    Errors `[4, ...]` are passed over.
    """
    for number, raw in pieces:
        if not raw.strip():
            continue
        if len(raw) > LONGEST_MESSAGE_BYTES:
            allowed = f"a message of at most {LONGEST_MESSAGE_BYTES} bytes"
            yield Refused(number, "length", f"over {LONGEST_MESSAGE_BYTES} bytes", allowed)
            continue
        try:
            content, prefix = _content(_whole_characters(raw.decode("utf-8-sig")))
        except (ValueError, RecursionError):
            yield Refused(number, "line", "", "one JSON value in UTF-8", plain=b"{" not in raw)
            continue
        owner = Owner(named_in(prefix) or default_charge_point, stamp_in(prefix), bool(prefix))
        if (found := message_of(number, content, owner)) is not None:
            yield found


def _whole_characters(text: str) -> str:
    return _HALF_CHARACTER.sub(r"\\ufffd", text) if "\\u" in text else text


def _content(text: str) -> tuple[Any, str]:
    """Return the JSON value of a line and the text before it; raises ValueError where there is none."""
    try:
        return JSON.decode(text), ""
    except ValueError:
        found = _FRAME_START.search(text, 1)
        if found is None:
            raise
        return JSON.raw_decode(text, found.start())[0], text[: found.start()]


def message_of(number: int, content: Any, owner: Owner) -> Message | Refused | None:
    """Return the message in the decoded JSON of a line; None for an error frame.

    What the JSON says about charge point and time goes before `owner`.
    """
    charge_point, frame, heard = owner.charge_point, content, owner.heard
    if isinstance(content, dict):
        charge_point = _first(content, CHARGE_POINT_KEYS) or charge_point
        heard = _first(content, HEARD_KEYS) or heard
        frame = _first(content, MESSAGE_KEYS)
        if isinstance(frame, str):
            frame = _decoded(frame)
    parts = _parts(frame)
    if parts is None:
        return Refused(number, "message", _short(frame), FRAME_ALLOWED)
    if not isinstance(charge_point, str) or not charge_point.strip():
        return Refused(number, "charge_point", _short(charge_point), CHARGE_POINT_ALLOWED)
    message_id, action, payload = parts
    if payload is None:
        return None
    heard = heard if isinstance(heard, str) else ""
    return Message(number, charge_point.strip(), message_id, action, payload, heard, owner.behind)


def named_in(prefix: str) -> str:
    """Return the word right before the frame, directions left out; '' where that is a time, a number or a level."""
    name = last_word(prefix) or ""
    known = (
        name.lower() in GENERIC_WORDS or not re.search("[A-Za-z]", name) or re.match(r"\d{4}-\d\d|\d\d\.?\d*Z", name)
    )
    return "" if known else name


def last_word(prefix: str) -> str | None:
    """Return the last word of a log line's prefix that is no direction such as `SEND`; None where there is none."""
    names = (word.strip("-_.;#>/") for word in reversed(_WORDS.split(prefix)))
    return next((name for name in names if name and name.lower() not in DIRECTION_WORDS), None)


def stamp_in(prefix: str) -> str:
    """Return the first time with an offset in a log line's prefix, as it is written; '' where there is none."""
    found = _STAMP.search(prefix)
    return found.group(1) if found else ""


def _parts(frame: Any) -> tuple[str, str, dict[str, Any] | None] | None:
    """Return message id, action and payload; no payload for an error frame, None for what is no frame."""
    match frame:
        case [int(2 | 6), str(message_id), str(action), dict(payload)]:
            return message_id, action, payload
        case [int(3), str(message_id), dict(payload)]:
            return message_id, "", payload
        case [int(4 | 5), str(message_id), *_]:
            return message_id, "", None
    return None


def _first(content: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((content[key] for key in keys if key in content), None)


def _decoded(text: str) -> Any:
    try:
        return JSON.decode(_whole_characters(text))
    except (ValueError, RecursionError):
        return text


def _short(value: Any) -> str:
    return "" if value is None else str(value)[:200]
