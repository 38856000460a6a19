"""Zip and gzip files: every entry is unpacked within limits and read by its own format.

An archive is a stranger's claim about what it holds, so nothing in it is believed: sizes are counted while unpacking,
names never become paths on this disk, and archives inside archives are not opened.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Final

import polars as pl

from pipeline.ingest.records import (
    LocalRecords,
    Records,
    empty_rejects,
    part_touching_sessions,
    refusal,
    refused,
    with_doubtful_end,
)

FORMAT: Final = "archive"
DESCRIPTION: Final = "a zip or gzip file of these"

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP: Final = b"\x1f\x8b"
_END_OF_DIRECTORY: Final = b"PK\x05\x06"
_BLOCK_BYTES: Final = 1 << 20
_BROKEN: Final = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What the standard library raises on archives that are cut or forged; NotImplementedError is a RuntimeError."""
_PLATFORM_FILES: Final = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|\._)")
_KEYS: Final = {
    "meter": ["meter_id", "interval_start"],
    "reactive": ["meter_id", "interval_start"],
    "charger": ["charger_id", "measured_at"],
    "session": ["charger_id", "session_id"],
    "weather": ["station_id", "observed_at"],
}

ReadFile = Callable[[Path, Sequence[str]], Records]


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; the ratio counts only for what unpacks to more than `ratio_from_bytes`."""

    entries: int = 10_000
    directory_bytes: int = 8 << 20
    unpacked_bytes: int = 4 << 30
    ratio: int = 100
    ratio_from_bytes: int = 16 << 20


LIMITS: Final = Limits()


class _RefusedError(Exception):
    """What is not read: the whole archive or an entry of it, and what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field)
        self.rejects = refusal("file", field, str(value)[:200], allowed)


class _TooLargeError(_RefusedError):
    """An archive beyond its limits."""


class _Budget:
    """Bytes that may still be unpacked from one archive."""

    def __init__(self, packed_bytes: int, limits: Limits) -> None:
        self.limits, self.packed_bytes, self.unpacked = limits, packed_bytes, 0
        self.most_by_ratio = max(packed_bytes * limits.ratio, limits.ratio_from_bytes)

    def unpack(self, source: IO[bytes] | gzip.GzipFile, target: Path) -> None:
        """Copy a stream to a file; raises _TooLargeError where the archive grows beyond its limits."""
        with target.open("wb") as out:
            while block := source.read(_BLOCK_BYTES):
                self.unpacked += len(block)
                if self.unpacked > self.limits.unpacked_bytes:
                    allowed = f"an archive that unpacks to at most {self.limits.unpacked_bytes} bytes; split it"
                    raise _TooLargeError("size", f"more than {self.limits.unpacked_bytes} bytes", allowed)
                if self.unpacked > self.most_by_ratio:
                    allowed = f"content that unpacks to at most {self.limits.ratio} times its packed size"
                    raise _TooLargeError("ratio", f"over {self.most_by_ratio} bytes from {self.packed_bytes}", allowed)
                out.write(block)


def sniff(head: bytes) -> bool:
    """Tell whether a file's first bytes are those of a zip or gzip file."""
    return head.startswith((*_ZIP, _GZIP))


def read(path: Path, hints: Sequence[str], read_file: ReadFile, limits: Limits = LIMITS) -> Records:
    """Read every entry of an archive with `read_file` and join what they hold.

    Positions of rejects begin with the entry's name. An entry that is refused costs itself; an archive that is broken
    or beyond `limits` as a whole gives no records.
    """
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == _GZIP
    with tempfile.TemporaryDirectory(prefix="v2b-") as folder:
        target, budget = Path(folder) / "entry", _Budget(path.stat().st_size, limits)
        entries = _gzip_entry(path, hints, target, budget) if is_gzip else _zip_entries(path, hints, target, budget)
        try:
            return _joined([(name, _read_entry(target, inner, read_file)) for name, inner in entries])
        except _RefusedError as error:
            return refused(FORMAT, error.rejects)
        except _BROKEN as error:
            allowed = "a whole zip or gzip file; copy or export it again"
            return refused(FORMAT, refusal("file", "archive", str(error)[:200] or type(error).__name__, allowed))


_Entry = tuple[str, "tuple[str, ...] | Records"]
"""An entry's name and the hints to read it with, or what became of it already."""


def _gzip_entry(path: Path, hints: Sequence[str], target: Path, budget: _Budget) -> Iterator[_Entry]:
    with gzip.open(path) as stream:
        budget.unpack(stream, target)
    # The stem of CP1.jsonl.gz is CP1.jsonl: the inner ending names nothing.
    inner = (*hints[:-1], PurePosixPath(hints[-1]).stem) if hints else ()
    yield "", inner


def _zip_entries(path: Path, hints: Sequence[str], target: Path, budget: _Budget) -> Iterator[_Entry]:
    """Unpack one entry after the other to `target`; the caller reads each before it asks for the next."""
    _check_directory(path, budget.limits)
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not _PLATFORM_FILES.search(info.filename)]
        if not 1 <= len(infos) <= budget.limits.entries:
            raise _RefusedError("entries", len(infos), f"1 to {budget.limits.entries} files in an archive")
        seen: set[str] = set()
        for info in infos:
            try:
                _check_entry(info, seen)
                with archive.open(info) as stream:
                    budget.unpack(stream, target)
            except _TooLargeError:
                raise
            except _RefusedError as error:
                yield _shown(info), refused(FORMAT, error.rejects)
            except _BROKEN as error:
                rejects = refusal("file", "entry", str(error)[:200], "an entry that unpacks and matches its checksum")
                yield _shown(info), refused(FORMAT, rejects)
            else:
                seen.add(info.filename)
                inside = PurePosixPath(info.filename)
                yield _shown(info), (*hints[:-1], *inside.parts[:-1], inside.stem)


def _check_directory(path: Path, limits: Limits) -> None:
    """Refuse a list of entries too long to hold in memory, before it is read."""
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 66_000))
        tail = stream.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    if at >= 0 and len(tail) >= at + 16:
        (size,) = struct.unpack("<L", tail[at + 12 : at + 16])
        if size > limits.directory_bytes:
            raise _RefusedError("entries", f"{size} bytes of names", f"at most {limits.entries} files")


def _check_entry(info: zipfile.ZipInfo, seen: set[str]) -> None:
    name, parts = info.orig_filename, info.orig_filename.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0] or not name.isprintable():
        raise _RefusedError("name", name, "a relative name without '..', drive letter or control characters")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _RefusedError("entry", "a symbolic link", "a regular file")
    if info.flag_bits & 0x1:
        raise _RefusedError("entry", "encrypted", "an entry without password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _RefusedError("compression", info.compress_type, "stored or deflated entries")
    if info.filename in seen:
        raise _RefusedError("name", name, "one entry of a name")


def _shown(info: zipfile.ZipInfo) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in info.orig_filename)[:200]


def _read_entry(target: Path, inner: tuple[str, ...] | Records, read_file: ReadFile) -> Records:
    if isinstance(inner, Records):
        return inner
    with target.open("rb") as stream:
        if sniff(stream.read(4)):
            return refused(FORMAT, refusal("file", "entry", "an archive", "files that are no archives themselves"))
    return read_file(target, inner)


def _joined(entries: list[tuple[str, Records]]) -> Records:
    """Join the records of all entries; of two that contradict each other one is refused."""
    if len(entries) == 1:
        return _alone(*entries[0])
    entries = [(name, with_doubtful_end(part)) for name, part in entries]
    kinds = list(dict.fromkeys(kind for _, part in entries for kind in part.frames))
    frames, clashes = {}, []
    for kind in kinds:
        parts = [part.frames[kind].with_columns(entry=pl.lit(name)) for name, part in entries if kind in part.frames]
        frames[kind], clash = _one_record_each(pl.concat(parts), kind)
        clashes.append(clash)
    rejects = [_placed(part.rejects, name) for name, part in entries]
    formats = dict.fromkeys(part.format for _, part in entries if part.frames or part.local)
    return Records(
        f"{FORMAT} of {', '.join(formats)}" if formats else FORMAT,
        ", ".join(dict.fromkeys(part.kind for _, part in entries if part.kind)),
        frames,
        pl.concat([empty_rejects(), *rejects, *clashes]),
        tuple(f"{name}: {note}" for name, part in entries for note in part.notes),
        any(part.unterminated for _, part in entries),
        local=tuple(_inside(local, name) for name, part in entries for local in part.local),
    )


def _alone(name: str, part: Records) -> Records:
    """The records of an archive's only entry; a gzip file's entry has no name."""
    local = tuple(_inside(local, name) for local in part.local)
    return replace(part, rejects=_placed(part.rejects, name), local=local) if name else part


def _inside(local: LocalRecords, name: str) -> LocalRecords:
    return replace(local, place=f"{name}: ")


def _placed(rejects: pl.DataFrame, name: str) -> pl.DataFrame:
    return rejects.with_columns(position=pl.concat_str(pl.lit(f"{name}: "), pl.col("position")))


def _one_record_each(frame: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one record a key: measured before estimated, then the later entry; blanks are filled from the others.

    Records that say otherwise are refused, those that only say less are not.
    """
    key = _KEYS[kind]
    if kind == "charger":
        frame = part_touching_sessions(frame)
    content = [name for name in frame.columns if name not in {*key, "entry"}]
    if frame.select(pl.struct(key).is_unique().all()).item():
        return frame.drop("entry"), empty_rejects()
    said = {name: _said(name).last() for name in content}
    graded = "quality" in content
    ordered = frame.sort(pl.col("quality") != "estimated", maintain_order=True) if graded else frame
    contradicts = pl.any_horizontal((_said_here(name) != said[name].over(key)).fill_null(value=False) for name in said)
    marked = ordered.with_columns(contradicts=contradicts)
    kept = marked.filter(~pl.col("contradicts")).group_by(key, maintain_order=True).agg(**said)
    if kind == "charger":
        kept = kept.with_columns(pl.col("context").fill_null("sample"))
    earlier = marked.filter("contradicts").unique([*key, *content], keep="first", maintain_order=True)
    clashes = earlier.select(
        position=pl.concat_str(pl.col("entry"), pl.lit(": record")),
        field=pl.lit(", ".join(key)),
        value=pl.concat_str([pl.col(name).cast(pl.String) for name in key], separator=" "),
        allowed=pl.lit("one record of a key in an archive; another entry says otherwise and is used"),
        raw=pl.struct(*key, *content).struct.json_encode(),
    )
    return kept.select(frame.drop("entry").columns), clashes


def _said_here(column: str) -> pl.Expr:
    """A value, null where it says nothing: `sample` does not deny that a session began or ended."""
    return pl.when(pl.col(column) != "sample").then(column) if column == "context" else pl.col(column)


def _said(column: str) -> pl.Expr:
    return _said_here(column).drop_nulls()
