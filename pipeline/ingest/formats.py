"""Finds the format of a file by its content, never by its extension, and reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.ingest import acn, archive, canonical_csv, espi, nem12, ocmf, ocpi, ocpp, parquet, profile_csv
from pipeline.ingest.long_lines import overlong_line
from pipeline.ingest.records import Records, refusal, refused

_HEAD_BYTES = 65_536
_BY_LINE: Final = frozenset({canonical_csv.FORMAT, nem12.FORMAT, profile_csv.FORMAT})


@dataclass(frozen=True)
class Format:
    """One readable format: how it is recognised and read."""

    name: str
    description: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path, Sequence[str]], Records]


FORMATS: Final[tuple[Format, ...]] = (
    Format(canonical_csv.FORMAT, canonical_csv.DESCRIPTION, canonical_csv.sniff, canonical_csv.read),
    Format(espi.FORMAT, espi.DESCRIPTION, espi.sniff, espi.read),
    Format(nem12.FORMAT, nem12.DESCRIPTION, nem12.sniff, nem12.read),
    Format(ocpp.FORMAT, ocpp.DESCRIPTION, ocpp.sniff, ocpp.read),
    Format(profile_csv.FORMAT, profile_csv.DESCRIPTION, profile_csv.sniff, profile_csv.read),
    Format(ocpi.FORMAT, ocpi.DESCRIPTION, ocpi.sniff, ocpi.read),
    Format(acn.FORMAT, acn.DESCRIPTION, acn.sniff, acn.read),
    Format(ocmf.FORMAT, ocmf.DESCRIPTION, ocmf.sniff, ocmf.read),
    Format(parquet.FORMAT, parquet.DESCRIPTION, parquet.sniff, parquet.read),
)
"""Every format, in the order they are tried."""


def read_file(path: Path, hints: Sequence[str]) -> Records:
    """Read any file; bad input never raises, it becomes rejects that say what is allowed.

    `hints` are the folder names and the stem of the path below the landing folder: OCPP messages that name no charger
    take it from there.
    """
    try:
        head = _head(path)
        if archive.sniff(head):
            return archive.read(path, hints, partial(_read_plain, landed=path))
        return _read_plain(path, hints, landed=path)
    except IsADirectoryError:
        return _refused_file("a folder", "a file, not a folder")
    except OSError as error:
        return unreadable(error)


def unreadable(error: OSError) -> Records:
    """Return the refusal of a file that the machine cannot read, or not to its end."""
    return _refused_file(error.strerror or type(error).__name__, "a file that can be read")


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES)


def _read_plain(path: Path, hints: Sequence[str], *, landed: Path) -> Records:
    """Read a file that is no archive; it, or the archive it was taken from, lies at `landed`."""
    head = _head(path)
    if own := profile_csv.read_by_own(path, head, hints, landed):
        return own
    found = next(
        (entry for entry in FORMATS if (b"\0" not in head or entry.name == parquet.FORMAT) and entry.sniff(head)), None
    )
    if found is None:
        return _unknown(head)
    if found.name in _BY_LINE and (endless := overlong_line(path)) is not None:
        return refused(found.name, endless)
    return found.read(path, hints)


def _unknown(head: bytes) -> Records:
    if not head.strip():
        return _refused_file("nothing", "a file with content")
    allowed = "one of the formats: " + "; ".join([*(entry.description for entry in FORMATS), archive.DESCRIPTION])
    if b"\0" in head:
        return _refused_file("binary data", allowed)
    return _refused_file(head[:80].decode("utf-8", "replace").partition("\n")[0].strip(), allowed)


def _refused_file(value: str, allowed: str) -> Records:
    return refused("", refusal("file", "content", value, allowed))
