"""When a file says that it was made: of files first seen together, the one made later is taken for the later word."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from pipeline.ingest import espi, nem12

_HEAD_BYTES: Final = 65_536
_NEM_TIME: Final = timezone(timedelta(hours=10))


def _header_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=_NEM_TIME)


_STAMPS: Final[tuple[tuple[Callable[[bytes], bool], re.Pattern[bytes], Callable[[str], datetime]], ...]] = (
    (nem12.sniff, re.compile(rb'^\W*100\s*,\s*"?NEM1[23]"?\s*,\s*"?(\d{12})', re.IGNORECASE), _header_time),
    (espi.sniff, re.compile(rb"<(?:\w+:)?updated>\s*([0-9TZ:.+-]+)\s*<"), datetime.fromisoformat),
)
"""Whose stamp, where it stands, how it is read: DateTime of NEM12's record 100, `updated` of an Atom feed."""


def created_at(path: Path) -> datetime | None:
    """Return the creation stamp inside a file, UTC; None where its format has none, or it cannot be read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return None  # whoever reads its records says so
    for sniff, place, read in _STAMPS:
        found = place.search(head) if sniff(head) else None
        if found:
            return _in_utc(found[1].decode(), read)
    return None


def _in_utc(text: str, read: Callable[[str], datetime]) -> datetime | None:
    try:
        stamp = read(text)
        return stamp.astimezone(UTC) if stamp.tzinfo else None
    except (ValueError, OverflowError):
        return None
