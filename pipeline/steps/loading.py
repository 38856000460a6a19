"""From `landing/` into the warehouse: every file ends as loaded, unchanged, partial or rejected, with its reasons."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.domain import InputError, Outcome
from pipeline.ingest.created import created_at
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio
from pipeline.steps.file_load import MOST_REASONS, load_file
from pipeline.steps.known_files import digest, file_digests
from pipeline.steps.names import Names, names_of
from pipeline.steps.reading import Unread, read_ahead
from pipeline.warehouse import LoadResult, Warehouse

_FILE_LIKE: Final = frozenset({".csv", ".json", ".jsonl", ".xml", ".parquet", ".zip", ".gz", ".txt", ".log", ".xlsx"})
_RECORD_TABLES: Final = (
    "source_file",
    "rejected_record",
    "meter_interval",
    "meter_interval_history",
    "meter_reactive",
    "meter_reactive_history",
    "charger_reading",
    "charger_reading_history",
    "session_record",
    "weather_hour",
)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file; `is_new` where this run decided it, not an earlier one."""

    path: str
    sha256: str
    format: str
    kind: str
    outcome: Outcome
    result: LoadResult
    rejected: int
    reasons: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    is_new: bool

    def as_json(self) -> dict[str, Any]:
        """Return the machine contract of `v2b ingest --json`."""
        first, last = self.result.first_at, self.result.last_at
        return {
            "path": self.path,
            "sha256": self.sha256,
            "format": self.format,
            "kind": self.kind,
            "outcome": self.outcome,
            "loaded": self.result.loaded,
            "unchanged": self.result.unchanged,
            "superseded": self.result.superseded,
            "rejected": self.rejected,
            "first": first.isoformat() if first else None,
            "last": last.isoformat() if last else None,
            "reasons": list(self.reasons),
        }


def copy_to_landing(portfolio: Portfolio, paths: Iterable[Path]) -> list[str]:
    """Copy files that lie elsewhere below `landing/`; returns their paths below it.

    A file already there with the same content is left alone; another content of the same name gets a numbered one.
    Raises InputError for a path that is no file, or cannot be read or copied.
    """
    landing = portfolio.root / "landing"
    landed = []
    for path in paths:
        if not _is_file(path):
            raise InputError(str(path), "path", path.name, "an existing file (of a folder: the files in it)")
        if path.resolve().is_relative_to(landing.resolve()):
            landed.append(str(path.resolve().relative_to(landing.resolve())))
            continue
        try:
            landed.append(_copied(path, landing))
        except OSError as error:
            allowed = "a file that can be read, and room for its copy below landing/"
            raise InputError(str(path), "copy", error.strerror or str(error), allowed) from None
    return landed


def _is_file(path: Path) -> bool:
    """Whether a path is a regular file; a name no file system holds is none."""
    with contextlib.suppress(OSError):
        return path.is_file()
    return False


def _copied(path: Path, landing: Path) -> str:
    """The name below landing/ under which a file's content is there now."""
    target, number = landing / path.name, 1
    while target.exists() and digest(target) != digest(path):
        number += 1
        target = landing / f"{path.stem}-{number}{path.suffix}"
    if not target.exists():
        landing.mkdir(exist_ok=True)
        partial = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(path, partial)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
    return target.name


def landed(landing: Path) -> dict[str, Path]:
    """Return files below landing/, and folders named like a file, by name; hidden ones are still being written.

    A name that is no UTF-8 is known by its readable part.
    """
    found = {}
    for path in sorted(landing.rglob("*")):
        relative = path.relative_to(landing)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and (path.is_file() or (path.is_dir() and path.suffix.lower() in _FILE_LIKE)):
            found[os.fsencode(relative).decode("utf-8", "replace")] = path
    return found


def _by_age(files: Mapping[str, Path], names: Iterable[str]) -> list[str]:
    """Names in the order of the creation stamps inside the files, those without one first; then by name."""
    stamps = {name: created_at(files[name]) for name in names}
    return sorted(stamps, key=lambda name: (stamp.timestamp() if (stamp := stamps[name]) else 0.0, name))


def _forget_other_names(warehouse: Warehouse, names: Names) -> dict[tuple[str, str], str]:
    """Empty the record tables where they were loaded under other names, zones or bill cycles.

    All files then load in journal order, as into a new warehouse: so a changed configuration and a rebuild never
    differ. Returns the outcomes known before, by (path, sha256).
    """
    rows = warehouse.query("select path, sha256, outcome, names_hash from source_file").to_dicts()
    if any(row["names_hash"] != names.fingerprint for row in rows):
        with warehouse.transaction() as connection:
            for table in _RECORD_TABLES:
                connection.execute(f"delete from {table}")  # noqa: S608 - a constant
    return {(row["path"], row["sha256"]): row["outcome"] for row in rows}


def ingest(
    portfolio: Portfolio,
    warehouse: Warehouse,
    journal: Journal,
    *,
    now: datetime,
    only: Iterable[str] | None = None,
    on_file: Callable[[FileOutcome, int, int], None] | None = None,
) -> list[FileOutcome]:
    """Load everything new under `landing/` (or the paths `only`), in journal order; returns one outcome per file.

    Each file is one transaction: a kill leaves it loaded or not, never half. When names, zones or bill cycles of the
    configuration change, every file is loaded anew (unless a site file is refused: its records stay as they are).
    """
    names, files = names_of(portfolio), landed(portfolio.root / "landing")
    earlier = {} if portfolio.refused else _forget_other_names(warehouse, names)
    known = {(row["path"], row["sha256"]): row for row in warehouse.query("select * from source_file").to_dicts()}
    if only is not None and (known or not earlier):
        files = {name: path for name, path in files.items() if name in set(only)}
    digests = file_digests(portfolio.root, files)
    journal.note_files([(digests[name], name) for name in _by_age(files, digests)], now)
    seen = [file for file in journal.files() if digests.get(file.path) == file.sha256]
    new = [(file, files[file.path]) for file in seen if (file.path, file.sha256) not in known]
    outcomes = []
    with contextlib.closing(read_ahead(new)) as ahead, warehouse.one_thread():
        for number, file in enumerate(seen, start=1):
            row = known.get((file.path, file.sha256))
            if row is not None:
                outcome = _remembered(warehouse, row)
            else:
                outcome = _load_one(portfolio, warehouse, next(ahead), names)
                outcome = replace(outcome, is_new=earlier.get((file.path, file.sha256)) != outcome.outcome)
            outcomes.append(outcome)
            if on_file:
                on_file(outcome, number, len(seen))
    return outcomes


def _remembered(warehouse: Warehouse, row: Mapping[str, Any]) -> FileOutcome:
    """A file an earlier run decided: its records are all known; refused ones keep their reasons."""
    rejects = warehouse.query(
        "select position, field, value, allowed from rejected_record where load_id = ? order by rowid limit ?",
        [row["load_id"], MOST_REASONS],
    )
    outcome: Outcome = "unchanged" if row["outcome"] == "loaded" else row["outcome"]
    counts = LoadResult(0, row["loaded"] + row["unchanged"], 0, row["first_at"], row["last_at"])
    return FileOutcome(
        row["path"],
        row["sha256"],
        row["format"] or "",
        row["kind"] or "",
        outcome,
        counts,
        row["rejected"],
        tuple(rejects.iter_rows(named=True)),
        tuple(row["notes"]),
        is_new=False,
    )


def _load_one(portfolio: Portfolio, warehouse: Warehouse, unread: Unread, names: Names) -> FileOutcome:
    tally = load_file(portfolio, warehouse, unread, names)
    return FileOutcome(
        unread.file.path,
        unread.file.sha256,
        tally.format,
        tally.kind,
        tally.outcome,
        tally.result,
        tally.rejected,
        tuple(tally.reasons),
        tuple(tally.notes),
        is_new=True,
    )
