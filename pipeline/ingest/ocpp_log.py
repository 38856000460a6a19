"""OCPP-J logs to messages: lines or one JSON array, envelopes of many spellings, log-line prefixes, or bare frames.

A frame is `[2, id, action, {...}]` (call), `[3, id, {...}]` (result) or `[4, id, ...]` (error) (OCPP 1.6J, section 4;
OCPP 2.1 adds the calls 5 and 6, which carry nothing read here). An envelope is an object that holds the frame, the
charge point it belongs to and anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
_LONGEST_RAW: Final = 100_000

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
_ARRAY_START = re.compile(rb"^\s*\[\s*[\[{]")
_BETWEEN = re.compile(r"[\s,]*")
_WORDS = re.compile(r"[\s:=,|<>()\[\]\"']+")
_STAMP = re.compile(STAMP)
_DATE_PARTS = re.compile(r"[-_. ]*(?:\d{4}-\d{2}(?:-\d{2})?|\d{6}|\d{8})(?:T?\d{4,6}Z?)?[-_. ]*$")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_CHARACTER = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")  # half a surrogate pair: no text can hold it
_JSON = json.JSONDecoder(parse_float=str)  # a decimal keeps its digits until it is scaled exactly


@dataclass(frozen=True)
class Message:
    """One frame of one charge point; `action` is empty for a result; `heard` is when the log's writer heard it."""

    line: int
    charge_point: str
    message_id: str
    action: str
    payload: Mapping[str, Any]
    heard: str = ""


@dataclass(frozen=True)
class Refused:
    """What could not be read, and where."""

    line: int
    field: str
    value: str
    allowed: str


@dataclass(frozen=True)
class Source:
    """The pieces of a log, each of one message: its lines, or the elements of its array (`word` says which)."""

    word: str
    pieces: Sequence[bytes]
    prefixed: bool = False


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


def source_of(data: bytes) -> Source:
    """Cut a log into pieces of one message each."""
    if not _ARRAY_START.match(data.removeprefix(b"\xef\xbb\xbf")):
        prefixed = bool(_PREFIXED_FRAME.search(data) or _BRACKETED_FRAME.search(data))
        return Source("line", data.split(b"\n"), prefixed)
    text = data.decode("utf-8-sig", "replace")
    pieces, at = [], text.index("[") + 1
    while (at := _end_of(_BETWEEN, text, at)) < len(text) and text[at] != "]":
        try:
            _, end = _JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = len(text)  # nothing after a broken element can be told apart
        pieces.append(text[at:end][:_LONGEST_RAW].encode())
        at = end
    return Source("message", pieces)


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def messages(source: Source, default_charge_point: str) -> Iterator[Message | Refused | None]:
    """Yield every call and result of a log, every piece that holds none, and None for a log line of something else.

    Errors `[4, ...]` are passed over.
    """
    for number, raw in enumerate(source.pieces, start=1):
        if not raw.strip():
            continue
        try:
            content, prefix = _content(_whole_characters(raw.decode("utf-8-sig")))
        except (ValueError, RecursionError):
            plain = source.prefixed and b"{" not in raw
            yield None if plain else Refused(number, "line", "", "one JSON value in UTF-8")
            continue
        found = _message(number, content, prefix, default_charge_point)
        if found is not None:
            yield found


def _whole_characters(text: str) -> str:
    return _HALF_CHARACTER.sub(r"\\ufffd", text) if "\\u" in text else text


def _content(text: str) -> tuple[Any, str]:
    """Return the JSON value of a line and the text before it; raises ValueError where there is none."""
    try:
        return _JSON.decode(text), ""
    except ValueError:
        found = _FRAME_START.search(text, 1)
        if found is None:
            raise
        return _JSON.raw_decode(text, found.start())[0], text[: found.start()]


def _message(number: int, content: Any, prefix: str, default_charge_point: str) -> Message | Refused | None:
    charge_point, frame, heard = _named_in(prefix) or default_charge_point, content, _stamp_in(prefix)
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
    return Message(number, charge_point.strip(), message_id, action, payload, heard if isinstance(heard, str) else "")


def _named_in(prefix: str) -> str:
    """Return the word right before the frame, directions left out; '' where that is a time, a number or a level."""
    for word in reversed(_WORDS.split(prefix)):
        name = word.strip("-_.;#>/")
        if not name or name.lower() in DIRECTION_WORDS:
            continue
        known = (
            name.lower() in GENERIC_WORDS
            or not re.search("[A-Za-z]", name)
            or re.match(r"\d{4}-\d\d|\d\d\.?\d*Z", name)
        )
        return "" if known else name
    return ""


def _stamp_in(prefix: str) -> str:
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
        return _JSON.decode(_whole_characters(text))
    except (ValueError, RecursionError):
        return text


def _short(value: Any) -> str:
    return "" if value is None else str(value)[:200]
