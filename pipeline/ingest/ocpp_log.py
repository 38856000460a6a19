"""Lines of an OCPP-J log to messages: envelopes of many spellings, or bare frames (OCPP 1.6J, section 4).

A frame is `[2, id, action, {...}]` (call), `[3, id, {...}]` (result) or `[4, id, ...]` (error). An envelope is an
object a line that holds the frame, the charge point it belongs to and anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CHARGE_POINT_KEYS: Final = (
    "charge_point",
    "chargePoint",
    "charge_point_id",
    "chargePointId",
    "charger_id",
    "chargerId",
    "charger",
    "cp",
    "cp_id",
)
MESSAGE_KEYS: Final = ("message", "frame", "payload", "msg")
FRAME_ALLOWED: Final = "an OCPP frame [2, id, action, {...}] or [3, id, {...}], bare or as `message` of an object"
CHARGE_POINT_ALLOWED: Final = "a `charge_point` beside the message, or the charger's id as folder or file name"

_LOOKS_LIKE_FRAME = re.compile(
    rb'^\s*(?:\{.*"(?:' + b"|".join(key.encode() for key in MESSAGE_KEYS) + rb')"\s*:\s*"?)?\[\s*[234]\s*,\s*\\?"',
    re.MULTILINE,
)
_DATE_PARTS = re.compile(r"[-_. ]*(?:\d{4}-\d{2}(?:-\d{2})?|\d{6}|\d{8})(?:T?\d{4,6}Z?)?[-_. ]*$")
_JSON = json.JSONDecoder(parse_float=str)  # a decimal keeps its digits until it is scaled exactly
_GENERIC_WORDS = frozenset(
    {"", "ocpp", "ocpp16", "log", "logs", "message", "messages", "charger", "chargers", "landing"}
)


@dataclass(frozen=True)
class Message:
    """One frame of one charge point; `action` is empty for a result."""

    line: int
    charge_point: str
    message_id: str
    action: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """What could not be read, and where."""

    line: int
    field: str
    value: str
    allowed: str


def sniff(head: bytes) -> bool:
    """Tell whether some line starts like a frame, bare or in an envelope."""
    return bool(_LOOKS_LIKE_FRAME.search(head))


def charge_point_of(hints: Sequence[str]) -> str:
    """Return the innermost folder or file name that names a charger, without a date at its end; '' where none does."""
    for hint in reversed(hints):
        name = _DATE_PARTS.sub("", hint)
        if name.lower() not in _GENERIC_WORDS and not name.isdigit():
            return name
    return ""


def messages(lines: Sequence[bytes], default_charge_point: str) -> Iterator[Message | Refused]:
    """Yield every call and result of a log, and every line that holds none; errors `[4, ...]` are passed over."""
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            content = _JSON.decode(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            yield Refused(number, "line", "", "one JSON value in UTF-8")
            continue
        found = _message(number, content, default_charge_point)
        if found is not None:
            yield found


def _message(number: int, content: Any, default_charge_point: str) -> Message | Refused | None:
    charge_point, frame = default_charge_point, content
    if isinstance(content, dict):
        charge_point = _first(content, CHARGE_POINT_KEYS) or default_charge_point
        frame = _first(content, MESSAGE_KEYS)
        if isinstance(frame, str):
            frame = _decoded(frame)
    parts = _parts(frame)
    if parts is None:
        return Refused(number, "message", _short(frame), FRAME_ALLOWED)
    if not isinstance(charge_point, str) or not charge_point.strip():
        return Refused(number, "charge_point", _short(charge_point), CHARGE_POINT_ALLOWED)
    message_id, action, payload = parts
    return Message(number, charge_point.strip(), message_id, action, payload) if payload is not None else None


def _parts(frame: Any) -> tuple[str, str, dict[str, Any] | None] | None:
    """Return message id, action and payload; no payload for an error frame, None for what is no frame."""
    match frame:
        case [int(2), str(message_id), str(action), dict(payload)]:
            return message_id, action, payload
        case [int(3), str(message_id), dict(payload)]:
            return message_id, "", payload
        case [int(4), str(message_id), *_]:
            return message_id, "", None
    return None


def _first(content: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((content[key] for key in keys if key in content), None)


def _decoded(text: str) -> Any:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return text


def _short(value: Any) -> str:
    return "" if value is None else str(value)[:200]
