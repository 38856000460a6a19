"""The warehouse file: one writer at a time, short transactions, whole bills replaced at once."""

# ruff: noqa: S608 - names of tables come from constants, values only as parameters

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import duckdb
import polars as pl
import polars.selectors as cs

from pipeline.domain import LockedError, WarehouseError
from pipeline.warehouse.layout import BILL_TABLES, schema_sql, transaction, view_files
from pipeline.warehouse.migrate import opened_today

LOCK_NAME: Final = ".v2b.lock"
_OUTSIDE: Final = ("No space left", "Could not write", "File too large", "Read-only file system", "Permission denied")
"""Words of DuckDB's errors that tell of the machine, not of this program."""


@contextlib.contextmanager
def exclusive_lock(folder: Path, wait_s: float, note: str = "") -> Iterator[None]:
    """Hold the portfolio's lock; the kernel frees it when the process dies.

    Raises LockedError naming the holder when it is not free within `wait_s` [s].
    """
    with (folder / LOCK_NAME).open("a+", encoding="utf-8") as stream:
        deadline = time.monotonic() + wait_s
        while not _try_lock(stream):
            if time.monotonic() >= deadline:
                stream.seek(0)
                holder = stream.read().strip() or "another process"
                raise LockedError(f"the warehouse in {folder} is in use by {holder}; waited {wait_s:g} s")
            time.sleep(0.05)
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()}{f' ({note})' if note else ''}")
        stream.flush()
        yield


def _try_lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Warehouse:
    """`warehouse.duckdb` of one portfolio, opened under its lock; use as a context manager."""

    def __init__(self, folder: Path, *, wait_s: float = 600.0, note: str = "") -> None:
        self._folder, self._wait_s, self._note = folder, wait_s, note
        self._stack = contextlib.ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._columns: dict[str, tuple[str, ...]] = {}

    @property
    def path(self) -> Path:
        """The warehouse file."""
        return self._folder / "warehouse.duckdb"

    def __enter__(self) -> Self:
        self._stack.enter_context(exclusive_lock(self._folder, self._wait_s, self._note))
        try:
            self._connection = opened_today(self.path)
            self._stack.callback(self._connection.close)
            self._refresh_views()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stack.close()
        finally:
            self._connection = None
        if isinstance(error, duckdb.Error) and any(words in str(error) for words in _OUTSIDE):
            raise WarehouseError(
                f"{self.path.name} cannot be written ({str(error).splitlines()[0]}); what was committed stands: "
                "make room on the disk or mend its rights, then run again"
            ) from error

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection; raises WarehouseError outside the context."""
        if self._connection is None:
            raise WarehouseError("the warehouse is not open")
        return self._connection

    def _refresh_views(self) -> None:
        texts = [path.read_text(encoding="utf-8") for path in view_files()]
        wanted = sha256("".join(texts).encode()).hexdigest()
        if self.connection.execute("select views_hash from schema_version").fetchone() == (wanted,):
            return
        with self.transaction() as connection:
            for text in texts:
                connection.execute(text)
            connection.execute("update schema_version set views_hash = ?", [wanted])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Commit everything inside, or nothing of it."""
        with transaction(self.connection):
            yield self.connection

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pl.DataFrame:
        """Return the rows of a select; values only as parameters, never pasted into the text."""
        return _in_texts(self.connection.execute(sql, parameters or None).pl())

    def insert(self, table: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table by column name."""
        if frame.is_empty():
            return
        self.execute_on(frame, f"insert into {_known(table)} by name select * from given")

    def insert_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Append one row, values by column name: for a single one half as costly as a frame."""
        names, places = ", ".join(map(_known, row)), ", ".join("?" * len(row))
        self.connection.execute(f"insert into {_known(table)} ({names}) values ({places})", list(row.values()))

    def execute_on(
        self,
        given: pl.DataFrame,  # noqa: ARG002 - DuckDB finds it by its name in the statement
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] = (),
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement that reads a frame under the name `given`.

        A frame that is registered instead, or a temporary table, stays in memory until the transaction ends.
        """
        return self.connection.execute(sql, parameters or None)

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns in their order, asked for once: the layout of an open file stays."""
        if table not in self._columns:
            asked = self.connection.execute(f"select * from {_known(table)} limit 0").description
            self._columns[table] = tuple(str(column[0]) for column in asked or ())
        return self._columns[table]

    @contextlib.contextmanager
    def as_committed(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """See the warehouse as it stood before the open transaction, which goes on undisturbed."""
        with contextlib.closing(self.connection.cursor()) as committed:
            yield committed

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """Let DuckDB work alone inside: what several threads append is compressed twice where their parts meet."""
        self.connection.execute("set threads = 1")
        try:
            yield
        finally:
            self.connection.execute("reset threads")

    def replace_bill(self, site_id: str, month: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Replace every slice of one bill in one transaction; tables not named become empty for it."""
        keyed = {
            table: frame.with_columns(site_id=pl.lit(site_id), month=pl.lit(month)) for table, frame in frames.items()
        }
        with self.transaction() as connection:
            for table in BILL_TABLES:
                connection.execute(f"delete from {table} where site_id = ? and month = ?", [site_id, month])
                if table in keyed:
                    self.insert(table, keyed[table])

    def replace_rows(self, table: str, site_id: str, month: str, frame: pl.DataFrame) -> None:
        """Replace the rows of one bill in one table."""
        with self.transaction() as connection:
            connection.execute(f"delete from {_known(table)} where site_id = ? and month = ?", [site_id, month])
            self.insert(table, frame.with_columns(site_id=pl.lit(site_id), month=pl.lit(month)))


_COMMENTS: Final = """
select table_name, '' as column_name, 'table' as data_type, comment from duckdb_tables() where not internal
union all by name
select view_name as table_name, '' as column_name, 'view' as data_type, comment from duckdb_views() where not internal
union all by name
select table_name, column_name, data_type, comment from duckdb_columns() where not internal
"""


def _in_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows, what the database keeps as one of a few texts being a text again."""
    return frame.with_columns((cs.categorical() | cs.enum()).cast(pl.String))


def _known(table: str) -> str:
    if not table.replace("_", "").isalnum():
        raise WarehouseError(f"{table!r} is no table name")
    return table


def read_copy(path: Path, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Run one read-only statement on the analysts' copy.

    Raises WarehouseError with DuckDB's words for a wrong statement, or where the copy is absent.
    """
    if not path.is_file():
        raise WarehouseError(f"{path.name} is not there yet; run `v2b run` first")
    try:
        options: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "enable_external_access": "false",
        }
        with duckdb.connect(str(path), read_only=True, config=options) as connection:
            connection.execute("set timezone = 'UTC'")
            # an empty text gives no result at all, whatever the type stub says
            result: duckdb.DuckDBPyConnection | None = connection.execute(sql, parameters)
            if result is None:
                raise WarehouseError("there is no statement; allowed: one SQL statement, such as SELECT 1")
            return _in_texts(result.pl())
    except duckdb.Error as error:
        raise WarehouseError(str(error).strip()) from None


def documented_schema() -> pl.DataFrame:
    """Return table, column, type and comment of everything `sql/` defines, without touching any warehouse file."""
    with duckdb.connect() as connection:
        connection.execute(schema_sql())
        for path in view_files():
            connection.execute(path.read_text(encoding="utf-8"))
        return connection.execute(_COMMENTS).pl()
