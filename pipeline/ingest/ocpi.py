"""OCPI 2.2 CDRs and Sessions, one, several or in the envelope of a response (mod_cdrs and mod_sessions of OCPI 2.2.1).

Energies of charging periods become a register that starts at 0 with the session. Times are UTC; OCPI lets them omit
the Z (types, DateTime).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from pipeline.ingest import cells, json_sessions
from pipeline.ingest.json_sessions import Sessions
from pipeline.ingest.records import Records, refused

FORMAT: Final = "ocpi_json"
DESCRIPTION: Final = "OCPI 2.2 CDR or Session JSON"

_DIMENSIONS: Final = {
    "ENERGY": "net_kwh",
    "ENERGY_IMPORT": "import_kwh",
    "ENERGY_EXPORT": "export_kwh",
    "POWER": "power_kw",
    "STATE_OF_CHARGE": "soc_pct",
}
_UNREAL_STATES: Final = {"INVALID", "RESERVATION", "PENDING"}
_LOOKS_LIKE = re.compile(rb"^[\xef\xbb\xbf\s]*[\[{]")
_NAMES: Final = (b'"start_date_time"', b'"charging_periods"', b'"cdr_token"', b'"evse_uid"', b'"total_energy"')
_A_SESSION = "an OCPI CDR (total_energy, cdr_location) or Session (kwh, evse_uid)"


def sniff(head: bytes) -> bool:
    """Tell whether a file's beginning is JSON with at least two names of CDRs and Sessions."""
    return bool(_LOOKS_LIKE.match(head)) and sum(name in head for name in _NAMES) >= 2


def read(path: Path, hints: Sequence[str]) -> Records:  # noqa: ARG001  # every format has these two parameters
    """Read CDRs and Sessions; an object or period that is wrong is refused by its number, the rest loads."""
    content = json_sessions.document(path)
    if isinstance(content, pl.DataFrame):
        return refused(FORMAT, content, "session")
    sessions = Sessions(FORMAT, "object")
    ignored: dict[str, int] = {}
    for item in _objects(content):
        sessions.next()
        _add(sessions, item, ignored)
    listed = ", ".join(f"{count} {name[:40]}" for name, count in sorted(ignored.items())[:12])
    return sessions.records(_instant, (f"dimensions ignored: {listed}",) if listed else ())


def _objects(content: Any) -> list[Any]:
    """Return the CDRs and Sessions of a document: bare, listed, or as `data` of a response."""
    if isinstance(content, dict) and isinstance(content.get("data"), (list, dict)):
        content = content["data"]
    return content if isinstance(content, list) else [content]


def _add(sessions: Sessions, item: Any, ignored: dict[str, int]) -> None:
    if not isinstance(item, dict) or not ({"total_energy", "kwh"} & item.keys()):
        sessions.refuse("object", "", _A_SESSION, item)
        return
    if item.get("credit") is True:
        sessions.refuse("credit", "true", "a CDR that is no credit note: its energy was already counted", item)
        return
    if str(item.get("status")).upper() in _UNREAL_STATES:
        sessions.refuse("status", item["status"], "ACTIVE or COMPLETED", item)
        return
    location, token = (_mapping(item.get(name)) for name in ("cdr_location", "cdr_token"))
    sessions.add(
        item,
        session_id=_first(item.get("session_id"), item.get("id")),
        charger_id=_first(
            item.get("evse_uid"), location.get("evse_uid"), location.get("evse_id"), item.get("location_id")
        ),
        vehicle_id=_first(token.get("uid")),
        begin=item.get("start_date_time"),
        end=item.get("end_date_time"),
        last_seen=item.get("last_updated"),
        revised=item.get("last_updated"),
        net_kwh=_first(item.get("total_energy"), item.get("kwh")),
    )
    _add_periods(sessions, item, ignored)


def _add_periods(sessions: Sessions, item: dict[str, Any], ignored: dict[str, int]) -> None:
    periods = item.get("charging_periods") or []
    if not isinstance(periods, list):
        sessions.refuse("charging_periods", "", "a list of periods", periods)
        return
    for period in periods:
        dimensions = period.get("dimensions") if isinstance(period, dict) else None
        if not isinstance(dimensions, list) or not all(isinstance(one, dict) for one in dimensions):
            sessions.refuse("period", "", "{start_date_time, dimensions: [{type, volume}]}", period)
            continue
        stated: dict[str, Any] = {}
        for one in dimensions:
            name = json_sessions.text(one.get("type")) or ""
            if name in _DIMENSIONS:
                stated[_DIMENSIONS[name]] = one.get("volume")
            else:
                ignored[name] = ignored.get(name, 0) + 1
        sessions.add_point(at=period.get("start_date_time"), **stated)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(*values: Any) -> Any:
    return next((value for value in values if value not in (None, "")), None)


def _instant(stamp: pl.Expr) -> pl.Expr:
    """Return an OCPI DateTime as UTC, with or without Z."""
    zoned = stamp.str.contains(r"T.*([zZ]|[+-][0-9]{2}:?[0-9]{2})$")
    return cells.utc(pl.when(zoned).then(stamp).otherwise(pl.concat_str(stamp, pl.lit("Z"))))
