"""ACN-Data JSON: charging sessions of the Adaptive Charging Network, as its API returns them (`_items`).

A session knows its energy as one number: the register is 0 at the connection and the total from the end of charging
on, and in between nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC as ZULU
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from pipeline.domain import UTC
from pipeline.ingest import cells, json_sessions
from pipeline.ingest.json_sessions import Sessions
from pipeline.ingest.records import Records, refused

FORMAT: Final = "acn_json"
DESCRIPTION: Final = "ACN-Data JSON"

_LOOKS_LIKE = re.compile(rb"^[\xef\xbb\xbf\s]*[\[{]")
_NEVER: Final = datetime.min.replace(tzinfo=ZULU)
_SERIES: Final = ("chargingCurrent", "pilotSignal")


def sniff(head: bytes) -> bool:
    """Tell whether a file's beginning is JSON with sessions of ACN-Data."""
    return bool(_LOOKS_LIKE.match(head)) and b'"connectionTime"' in head and b'"kWhDelivered"' in head


def read(path: Path, hints: Sequence[str]) -> Records:  # noqa: ARG001  # every format has these two parameters
    """Read sessions; one that is wrong is refused by its number, the rest loads."""
    content = json_sessions.document(path)
    if isinstance(content, pl.DataFrame):
        return refused(FORMAT, content, "session")
    items = content.get("_items", content) if isinstance(content, dict) else content
    sessions, counts = Sessions(FORMAT, "session"), {"series": 0, "late": 0}
    for item in items if isinstance(items, list) else [items]:
        sessions.next()
        _add(sessions, item, counts)
    notes = ["energy is known per session only: demand windows before the end of charging are not covered"]
    if counts["series"]:
        notes.append(f"current and pilot signal of {counts['series']} sessions ignored: they are no energy")
    if counts["late"]:
        notes.append(f"the end of charging of {counts['late']} sessions is not inside the connection and was not used")
    return sessions.records(_instant, tuple(notes))


def _add(sessions: Sessions, item: Any, counts: dict[str, int]) -> None:
    if not isinstance(item, dict) or "connectionTime" not in item:
        sessions.refuse("session", "", "an object with connectionTime, disconnectTime and kWhDelivered", item)
        return
    counts["series"] += any(item.get(name) for name in _SERIES)
    begin, done, end = (item.get(name) for name in ("connectionTime", "doneChargingTime", "disconnectTime"))
    energy = json_sessions.text(item.get("kWhDelivered"))
    if energy is None or energy.startswith("-"):
        sessions.refuse("kWhDelivered", energy or "", "a number of kWh, 0 or more", item)
        return
    sessions.add(
        item,
        session_id=item.get("sessionID") or item.get("_id"),
        charger_id=item.get("stationID") or item.get("spaceID"),
        vehicle_id=item.get("userID") or None,
        begin=begin,
        end=end,
        departure=_requested_departure(item.get("userInputs")),
        net_kwh=energy,
    )
    sessions.add_point(at=begin, import_kwh=energy)
    if done is not None and _is_between(begin, done, end):
        sessions.add_point(at=done, import_kwh="0")
    else:
        counts["late"] += done is not None


def _requested_departure(inputs: Any) -> Any:
    """Return the departure a driver stated last: inputs are revised while the car is plugged in."""
    stated = [one for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    latest = max(stated, key=lambda one: _moment(one.get("modifiedAt")) or _NEVER, default={})
    return latest.get("requestedDeparture")


def _is_between(begin: Any, done: Any, end: Any) -> bool:
    first, middle, last = _moment(begin), _moment(done), _moment(end)
    return first is not None and middle is not None and last is not None and first < middle < last


def _moment(value: Any) -> datetime | None:
    try:
        found = parsedate_to_datetime(value) if "," in value else datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=ZULU)


def _instant(stamp: pl.Expr) -> pl.Expr:
    """Return an RFC 1123 date in GMT, or an ISO 8601 time, as UTC."""
    written = stamp.str.strip_chars().str.replace(r"^[A-Za-z]{3}, ", "")
    dated = written.str.to_datetime("%d %b %Y %H:%M:%S GMT", time_unit="us", strict=False)
    known = pl.when(dated.dt.year().is_between(2000, 2099)).then(dated)
    return pl.coalesce(known.dt.replace_time_zone("UTC").cast(UTC), cells.utc(stamp))
