"""The append-only journal: files seen, reports issued, outbox transitions. Never rebuilt, never rewritten.

Everything else in a portfolio can be deleted and made again from `landing/`, the configuration and this file.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.domain import LockedError, WarehouseError

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
create table if not exists plan_issued (
    seq integer primary key autoincrement, site_id text not null, version integer not null, plan_hash text not null,
    frozen text not null, issued_at text not null, code text not null, unique (site_id, version)
);
"""
_LATER_COLUMNS: Final = (
    ("report_issued", "stated", "text not null default '{}'"),
    ("outbox_transition", "kind", "text not null default 'report'"),
)
"""Columns that journals made by earlier versions lack; they are added where they stand, since nothing is rebuilt."""

_ISSUED: Final = "site_id, month, version, restates, input_hash, result_hash, generated_at, code, stated"
_MAIL: Final = "kind, site_id, month, version, recipient"

MailKind = Literal["report", "reminder", "digest"]
OutboxState = Literal["pending", "sending", "sent", "failed", "unknown"]
_LOCK_NAME: Final = ".v2b.mail.lock"


@dataclass(frozen=True)
class SeenFile:
    """A file the journal knows: `seq` orders loads for ever, also when the warehouse is rebuilt."""

    seq: int
    sha256: str
    path: str
    first_seen: datetime


@dataclass(frozen=True)
class IssuedReport:
    """One version of one report; `stated` holds its first figures, {} where an earlier program kept none."""

    site_id: str
    month: str
    version: int
    restates: int | None
    input_hash: str
    result_hash: str
    generated_at: datetime
    code: str
    stated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IssuedPlan:
    """One version of a site's measurement and verification plan: what it froze, and the hash of that."""

    site_id: str
    version: int
    plan_hash: str
    frozen: Mapping[str, Any]
    issued_at: datetime
    code: str


@dataclass(frozen=True, order=True)
class MailKey:
    """One row of the outbox: a mail to one recipient. A digest is of no site; a reminder's version is its number."""

    kind: MailKind
    site_id: str
    month: str
    version: int
    recipient: str


@dataclass(frozen=True)
class MailState:
    """The latest transition of one row of the outbox; `detail` has the server's or the operator's words."""

    state: OutboxState
    at: datetime
    detail: str


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


class Journal:
    """`journal.sqlite` of one portfolio; each call is its own transaction. Raises WarehouseError where it is broken."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.sqlite"
        try:
            with closing(self._connect()) as connection, connection:
                connection.executescript(_LAYOUT)
                _complete(connection)
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
        of_bill = "where site_id = ? and month = ? order by version desc limit 1"
        return next(iter(self._issued(of_bill, (site_id, month))), None)

    def report(self, site_id: str, month: str, version: int) -> IssuedReport | None:
        """Return one version of a report; None where there is none."""
        rows = self._issued("where site_id = ? and month = ? and version = ?", (site_id, month, str(version)))
        return next(iter(rows), None)

    def reports(self) -> list[IssuedReport]:
        """Return every version of every report, in the order they were issued."""
        return self._issued("order by seq", ())

    def _issued(self, which: str, values: Sequence[str]) -> list[IssuedReport]:
        with closing(self._connect()) as connection:
            rows = connection.execute(f"select {_ISSUED} from report_issued {which}", values).fetchall()  # noqa: S608
        return [_report(*row) for row in rows]

    def issue_report(
        self,
        site_id: str,
        month: str,
        hashes: tuple[str, str],
        *,
        at: datetime,
        code: str,
        stated: Mapping[str, Any] | None = None,
    ) -> IssuedReport:
        """Return the version that states these results (input hash, result hash); a new one only if they changed.

        The same results never get a second version, so that a rebuilt warehouse restates and mails nothing. `stated`
        holds the figures a later version may have to name as what it corrects.
        """
        input_hash, result_hash = hashes
        latest = self.latest_report(site_id, month)
        if latest is not None and latest.result_hash == result_hash:
            return latest
        version = latest.version + 1 if latest else 1
        restates, figures = latest.version if latest else None, dict(stated or {})
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "insert into report_issued (site_id, month, version, restates, input_hash, result_hash, generated_at, "
                "code, stated) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (site_id, month, version, restates, input_hash, result_hash, _text(at), code, json.dumps(figures)),
            )
        stamped = datetime.fromisoformat(_text(at))
        return IssuedReport(site_id, month, version, restates, input_hash, result_hash, stamped, code, figures)

    def plans(self, site_id: str) -> list[IssuedPlan]:
        """Return every version of a site's plan, the oldest first."""
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "select version, plan_hash, frozen, issued_at, code from plan_issued "
                "where site_id = ? order by version",
                (site_id,),
            ).fetchall()
        return [
            IssuedPlan(site_id, version, plan_hash, json.loads(frozen), datetime.fromisoformat(at), code)
            for version, plan_hash, frozen, at, code in rows
        ]

    def issue_plan(
        self, site_id: str, plan_hash: str, frozen: Mapping[str, Any], *, at: datetime, code: str
    ) -> IssuedPlan:
        """Return the plan that freezes these choices; a new version only where they are not those of the last one."""
        plans = self.plans(site_id)
        if plans and plans[-1].plan_hash == plan_hash:
            return plans[-1]
        version = len(plans) + 1
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "insert into plan_issued (site_id, version, plan_hash, frozen, issued_at, code) "
                "values (?, ?, ?, ?, ?, ?)",
                (site_id, version, plan_hash, json.dumps(frozen, ensure_ascii=False), _text(at), code),
            )
        return self.plans(site_id)[-1]

    def mails(self) -> dict[MailKey, MailState]:
        """Return the latest state of every row of the outbox."""
        with closing(self._connect()) as connection:
            rows = connection.execute(
                f"select {_MAIL}, state, at, detail from outbox_transition "  # noqa: S608
                f"where seq in (select max(seq) from outbox_transition group by {_MAIL}) order by seq"
            ).fetchall()
        return {MailKey(*row[:5]): MailState(row[5], datetime.fromisoformat(row[6]), row[7]) for row in rows}

    def outbox_states(self) -> dict[tuple[str, str, int, str], str]:
        """Return the latest state of every report's e-mail by (site, month, version, recipient)."""
        return {
            (key.site_id, key.month, key.version, key.recipient): mail.state
            for key, mail in self.mails().items()
            if key.kind == "report"
        }

    def note_mail(self, key: MailKey, state: OutboxState, at: datetime, detail: str = "") -> None:
        """Append one transition of one row of the outbox."""
        with closing(self._connect()) as connection, connection:
            _append(connection, key, state, at, detail)

    def claim_mail(self, key: MailKey, at: datetime) -> bool:
        """Turn a new or pending row into `sending`; False where another run was first or it is no longer to be sent.

        The state is read and the transition written under SQLite's write lock, so of any number of runs one claims.
        """
        with closing(self._connect()) as connection, connection:
            connection.execute("begin immediate")
            row = connection.execute(
                f"select state from outbox_transition where ({_MAIL}) = (?, ?, ?, ?, ?) "  # noqa: S608
                "order by seq desc limit 1",
                (key.kind, key.site_id, key.month, key.version, key.recipient),
            ).fetchone()
            free = row is None or row[0] == "pending"
            if free:
                _append(connection, key, "sending", at, "")
            return free

    @contextmanager
    def mailing(self, wait_s: float, at: datetime) -> Iterator[None]:
        """Be the one process of the portfolio that mails; the kernel ends this with the process.

        So a row found in `sending` is of a process that died before it gave the message away: it becomes pending.
        Raises LockedError when another process still mails after `wait_s` [s].
        """
        with (self._path.parent / _LOCK_NAME).open("a") as stream:
            deadline = time.monotonic() + wait_s
            while not _locked(stream.fileno()):
                if time.monotonic() >= deadline:
                    raise LockedError(f"another process sends the mail of {self._path.parent}; waited {wait_s:g} s")
                time.sleep(0.05)
            for key, mail in self.mails().items():
                if mail.state == "sending":
                    self.note_mail(key, "pending", at, "the process that had begun to send it ended before DATA")
            yield


def _report(
    site_id: str, month: str, version: int, restates: int | None, inputs: str, results: str, *rest: str
) -> IssuedReport:
    at, code, stated = rest
    made = datetime.fromisoformat(at)
    return IssuedReport(site_id, month, version, restates, inputs, results, made, code, json.loads(stated))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _append(connection: sqlite3.Connection, key: MailKey, state: OutboxState, at: datetime, detail: str) -> None:
    connection.execute(
        "insert into outbox_transition (kind, site_id, month, version, recipient, state, at, detail) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        (key.kind, key.site_id, key.month, key.version, key.recipient, state, _text(at), detail),
    )


def _lacking(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return [
        (table, column, kind)
        for table, column, kind in _LATER_COLUMNS
        if column not in {row[1] for row in connection.execute(f"pragma table_info({table})")}
    ]


def _complete(connection: sqlite3.Connection) -> None:
    """Add what an earlier version's journal lacks; looked at again under the write lock, so that two may open it."""
    if _lacking(connection):
        connection.execute("begin immediate")
        for table, column, kind in _lacking(connection):
            connection.execute(f"alter table {table} add column {column} {kind}")
