"""The append-only journal: files seen, reports issued, outbox transitions. Never rebuilt, never rewritten.

Everything else in a portfolio can be deleted and made again from `landing/`, the configuration and this file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.domain import WarehouseError

_LAYOUT: Final = """
create table if not exists file_seen (
    seq integer primary key autoincrement, sha256 text not null, path text not null, first_seen text not null,
    unique (sha256, path)
);
create table if not exists report_issued (
    seq integer primary key autoincrement, site_id text not null, month text not null, version integer not null,
    restates integer, input_hash text not null, result_hash text not null, generated_at text not null,
    code text not null, unique (site_id, month, version)
);
create table if not exists outbox_transition (
    seq integer primary key autoincrement, site_id text not null, month text not null, version integer not null,
    recipient text not null, state text not null, at text not null, detail text not null default ''
);
"""


@dataclass(frozen=True)
class SeenFile:
    """A file the journal knows: `seq` orders loads for ever, also when the warehouse is rebuilt."""

    seq: int
    sha256: str
    path: str
    first_seen: datetime


@dataclass(frozen=True)
class IssuedReport:
    """One version of one report."""

    site_id: str
    month: str
    version: int
    restates: int | None
    input_hash: str
    result_hash: str
    generated_at: datetime
    code: str


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


class Journal:
    """`journal.sqlite` of one portfolio; each call is its own transaction. Raises WarehouseError where it is broken."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.sqlite"
        try:
            with closing(self._connect()) as connection, connection:
                connection.executescript(_LAYOUT)
        except sqlite3.DatabaseError as error:
            raise WarehouseError(
                f"{self._path.name} cannot be read ({error}); it records what was seen and sent, which nothing else "
                "does: restore it from a backup"
            ) from None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=60)

    def note_files(self, files: Sequence[tuple[str, str]], seen_at: datetime) -> None:
        """Remember (sha256, path) pairs in the given order; those known already keep their place."""
        rows = [(sha256, path, _text(seen_at)) for sha256, path in files]
        with closing(self._connect()) as connection, connection:
            connection.executemany(
                "insert into file_seen (sha256, path, first_seen) values (?, ?, ?) on conflict do nothing", rows
            )

    def files(self) -> list[SeenFile]:
        """Return every file ever seen, in the order it was first seen."""
        with closing(self._connect()) as connection:
            rows = connection.execute("select seq, sha256, path, first_seen from file_seen order by seq").fetchall()
        return [SeenFile(seq, sha, path, datetime.fromisoformat(at)) for seq, sha, path, at in rows]

    def latest_report(self, site_id: str, month: str) -> IssuedReport | None:
        """Return the newest version issued for a bill; None where none was."""
        with closing(self._connect()) as connection:
            row = connection.execute(
                "select site_id, month, version, restates, input_hash, result_hash, generated_at, code "
                "from report_issued where site_id = ? and month = ? order by version desc limit 1",
                (site_id, month),
            ).fetchone()
        if row is None:
            return None
        site, bill, version, restates, inputs, results, at, code = row
        return IssuedReport(site, bill, version, restates, inputs, results, datetime.fromisoformat(at), code)

    def issue_report(
        self, site_id: str, month: str, hashes: tuple[str, str], *, at: datetime, code: str
    ) -> IssuedReport:
        """Return the version that states these results (input hash, result hash); a new one only if they changed.

        The same results never get a second version, so that a rebuilt warehouse restates and mails nothing.
        """
        input_hash, result_hash = hashes
        latest = self.latest_report(site_id, month)
        if latest is not None and latest.result_hash == result_hash:
            return latest
        version = latest.version + 1 if latest else 1
        restates = latest.version if latest else None
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "insert into report_issued (site_id, month, version, restates, input_hash, result_hash, generated_at, "
                "code) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (site_id, month, version, restates, input_hash, result_hash, _text(at), code),
            )
        stamped = datetime.fromisoformat(_text(at))
        return IssuedReport(site_id, month, version, restates, input_hash, result_hash, stamped, code)

    def note_outbox(self, report: tuple[str, str, int], recipient: str, state: str, at: datetime) -> None:
        """Append one transition of the e-mail of (site, month, version) to one recipient."""
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "insert into outbox_transition (site_id, month, version, recipient, state, at) "
                "values (?, ?, ?, ?, ?, ?)",
                (*report, recipient, state, _text(at)),
            )

    def outbox_states(self) -> dict[tuple[str, str, int, str], str]:
        """Return the latest state of every e-mail by (site, month, version, recipient)."""
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "select site_id, month, version, recipient, state from outbox_transition order by seq"
            ).fetchall()
        return {(site, month, version, recipient): state for site, month, version, recipient, state in rows}
