"""One file into the warehouse, piece by piece: loaded as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from pipeline.domain import Outcome
from pipeline.ingest import Records, refusal
from pipeline.ingest.batches import OutOfOrderError
from pipeline.ingest.records import ascends, with_doubtful_end
from pipeline.journal import SeenFile
from pipeline.portfolio import Portfolio
from pipeline.steps.filing import filed
from pipeline.steps.names import Names, owned
from pipeline.steps.placing import placed
from pipeline.steps.progress import tell
from pipeline.steps.reading import Unread, UnreadableError
from pipeline.warehouse import FileLoad, LoadResult, Warehouse

MOST_REASONS: Final = 1000
"""Refused records told of one file; all of them stand in rejected_record."""

_KEYS: Final = {
    "meter": ("site_id", "meter_id", "interval_start"),
    "reactive": ("site_id", "meter_id", "interval_start"),
    "charger": ("site_id", "charger_id", "measured_at"),
    "session": ("site_id", "charger_id", "session_id"),
    "weather": ("station_id", "observed_at"),
}

Device = tuple[str, str]
"""The column that names it, and its name: ('meter_id', 'main')."""


@dataclass(frozen=True)
class _Piece:
    """Records ready for the warehouse, by kind; what was refused and, apart from it, the names nobody owns.

    `names` are (kind, name in the file, site, configured id); `contradicted` counts values that names say otherwise.
    """

    format: str
    kind: str
    frames: Mapping[str, pl.DataFrame]
    rejects: pl.DataFrame
    unowned: pl.DataFrame
    names: frozenset[tuple[str, str, str, str]]
    contradicted: Counter[Device]
    notes: tuple[str, ...]
    share: float


@dataclass
class Tally:
    """What the pieces of one file came to so far."""

    result: LoadResult = field(default_factory=LoadResult)
    rejected: int = 0
    reasons: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    format: str = ""
    kind: str = ""
    strangers: set[str] = field(default_factory=set)
    names: frozenset[tuple[str, str, str, str]] = frozenset()
    contradicted: Counter[Device] = field(default_factory=Counter)
    share: float = 0.0  # of the file

    def add(self, piece: _Piece, result: LoadResult, rejects: pl.DataFrame) -> None:
        """Count one more piece of the file."""
        self.format, self.kind = piece.format, piece.kind
        self.result += result
        self.share += piece.share
        self.contradicted += piece.contradicted
        self.refuse(rejects)
        self.notes.extend(piece.notes)

    def meet(self, piece: _Piece, *, by_time: bool) -> None:
        """Take note of the names in a piece of a file that comes in several.

        Raises OutOfOrderError where a device has two of them: only read `by_time` do all its values of a moment come
        in one piece, and are seen to agree or not.
        """
        self.names |= piece.names
        devices = {(kind, site, configured) for kind, _, site, configured in self.names}
        if len(devices) < len(self.names) and piece.share < 1 and not by_time:
            raise OutOfOrderError("a device has two names")

    def refuse(self, rejects: pl.DataFrame) -> None:
        """Count records that were refused, and tell of the first."""
        self.rejected += rejects.height
        told = rejects.head(MOST_REASONS - len(self.reasons)).select("position", "field", "value", "allowed")
        self.reasons.extend(told.iter_rows(named=True))

    def first_told(self, unowned: pl.DataFrame) -> pl.DataFrame:
        """Names nobody owns, each told once a file."""
        new = unowned.filter(~pl.col("value").is_in(list(self.strangers)))
        self.strangers.update(new.get_column("value"))
        return new

    @property
    def outcome(self) -> Outcome:
        """How the file ended, or would if this was all of it."""
        if self.rejected:
            return "partial" if self.result.loaded or self.result.unchanged else "rejected"
        return "loaded" if self.result.loaded else "unchanged"


def load_file(portfolio: Portfolio, warehouse: Warehouse, unread: Unread, names: Names) -> Tally:
    """Load a file's records, its refused ones and its row of source_file in one transaction; returns what it came to.

    A kill leaves the file loaded or not, never half; one that cannot be read to its end is refused as a whole.
    """
    try:
        return _load_in_order(portfolio, warehouse, unread, names)
    except UnreadableError as error:  # everything so far was rolled back
        return _load_pieces(portfolio, warehouse, unread.as_refused(error.refused), names, by_time=False)


def _load_in_order(portfolio: Portfolio, warehouse: Warehouse, unread: Unread, names: Names) -> Tally:
    try:
        return _load_pieces(portfolio, warehouse, unread, names, by_time=False)
    except OutOfOrderError:  # everything so far was rolled back
        return _load_pieces(portfolio, warehouse, unread, names, by_time=True)


def _load_pieces(portfolio: Portfolio, warehouse: Warehouse, unread: Unread, names: Names, *, by_time: bool) -> Tally:
    tally, file = Tally(), unread.file
    with FileLoad(warehouse, file.seq) as load:
        for table in ("rejected_record", "source_file"):
            warehouse.connection.execute(f"delete from {table} where load_id = ?", [file.seq])  # noqa: S608 - constants
        for piece in unread.pieces(lambda read: _made_ready(portfolio, names, unread.hints, read), by_time=by_time):
            tally.meet(piece, by_time=by_time)
            result = sum((load.add(kind, frame) for kind, frame in piece.frames.items()), LoadResult())
            rejects = pl.concat([piece.rejects, tally.first_told(piece.unowned)])
            warehouse.insert("rejected_record", rejects.with_columns(load_id=pl.lit(file.seq, dtype=pl.Int64)))
            tally.add(piece, result, rejects)
            if unread.read is None:
                tell("load", round(100 * tally.share), 100, file.path)
        contradictions = _contradictions(tally.contradicted)
        warehouse.insert("rejected_record", contradictions.with_columns(load_id=pl.lit(file.seq, dtype=pl.Int64)))
        tally.refuse(contradictions)
        warehouse.insert_row("source_file", _source_row(file, tally, names))
    return tally


def _made_ready(portfolio: Portfolio, names: Names, hints: Sequence[str], read: Records) -> _Piece:
    """Give records their site, day and bill, without looking at the warehouse: while the piece before is loaded."""
    records = placed(read, names, portfolio)
    frames, unowned, contradicted = {}, [records.rejects.clear()], Counter[Device]()
    known: set[tuple[str, str, str, str]] = set()
    for kind, frame in with_doubtful_end(records).frames.items():
        kept, unknown, owners = owned(frame, kind, names, hints, portfolio.sites)
        known |= {(kind, *owner) for owner in owners}
        frames[kind], contradicting = _one_each(filed(portfolio, kept, kind), kind)
        contradicted += contradicting
        unowned.append(unknown)
    about = (records.format, records.kind, frames, records.rejects)
    return _Piece(*about, pl.concat(unowned), frozenset(known), contradicted, records.notes, records.share)


def _one_each(frame: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, Counter[Device]]:
    """Of records that became one by an alias, the last; and of each device how many others say otherwise [count]."""
    key = list(_KEYS[kind])
    if ascends(frame, key):
        return frame, Counter()
    kept = frame.unique(key, keep="last", maintain_order=True)
    denied = frame.unique(maintain_order=True).join(kept, on=frame.columns, how="anti", nulls_equal=True)
    return kept, Counter((key[-2], name) for name in denied.get_column(key[-2]))


def _contradictions(counts: Counter[Device]) -> pl.DataFrame:
    """Tell once a device that its names contradict each other."""
    allowed = "one name of a device in a file, or the same values under each; are these names really of one device?"
    told = [
        refusal("file", column, f"{name}: contradicted values: {count}", allowed)
        for (column, name), count in sorted(counts.items())
    ]
    return pl.concat([refusal("file", "", "", "").clear(), *told])


def _source_row(file: SeenFile, tally: Tally, names: Names) -> dict[str, Any]:
    return {
        "load_id": file.seq,
        "path": file.path,
        "sha256": file.sha256,
        "format": tally.format,
        "kind": tally.kind,
        "outcome": tally.outcome,
        "loaded": tally.result.loaded,
        "unchanged": tally.result.unchanged,
        "superseded": tally.result.superseded,
        "rejected": tally.rejected,
        "first_at": tally.result.first_at,
        "last_at": tally.result.last_at,
        "seen_at": file.first_seen,
        "names_hash": names.fingerprint,
        "notes": tally.notes,
    }
