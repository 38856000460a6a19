"""Brings a file of an earlier layout to today's, and keeps every record that was loaded.

Nothing is altered in place: a new file is made beside the old one, filled by column name, and takes its place in one
rename, so that a kill leaves the old file or the new one. What runs compute (`DERIVED`) starts empty: every month is
stale then, and the next run computes it with today's columns.
"""

# ruff: noqa: S608 - names of tables and columns come from the two layouts

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb

from pipeline.domain import WarehouseError
from pipeline.warehouse.layout import (
    BILL_TABLES,
    SCHEMA_VERSION,
    Column,
    columns_of,
    lay_out,
    opened,
    quoted,
    schema_hash,
    schema_sql,
)

_LOG: Final = logging.getLogger(__name__)
_REBUILT: Final = "delete the file and run again: it is rebuilt from landing/ and the journal"
DERIVED: Final = frozenset({*BILL_TABLES, "report", "schema_version"})
"""Tables that runs compute from the records and the journal; all others hold what was loaded."""
FILLED: Final[Mapping[tuple[str, str], str]] = {}
"""The SQL value, by table and column, of a record column that must not be null and that an earlier layout lacks."""


@dataclass(frozen=True)
class _Found:
    """The layout a file has."""

    version: int | None
    text_hash: str | None
    columns: Sequence[Column]

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection) -> Self:
        columns = columns_of(connection)
        own = {column for table, column, *_ in columns if table == "schema_version"}
        if "version" not in own:
            return cls(None, None, columns)
        text_hash = "schema_hash" if "schema_hash" in own else "null"
        version, known_hash = connection.execute(f"select version, {text_hash} from schema_version").fetchone() or (
            None,
            None,
        )
        return cls(version, known_hash, columns)


def opened_today(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file at `path` with today's layout, bringing it there first; the caller holds the portfolio's lock.

    Raises WarehouseError for a broken file, one of a newer program or of something else, for a record column that
    nothing fills, and where the new file cannot be written; the file stays as it was then.
    """
    connection = opened(path)
    try:
        if _is_todays(connection):
            return connection
        found = _Found.read(connection)
        columns = _move_over(path, connection, found)
    except BaseException:
        connection.close()
        raise
    if columns is None:
        return connection
    connection.close()
    _replace(path, found.columns, columns)
    _LOG.warning(
        "%s: layout %s was brought to today's: all that was loaded is kept, all that is computed from it is stale now",
        *(path.name, found.version),
    )
    return opened(path)


def _is_todays(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file says so itself; reading all its columns takes ten times as long."""
    try:
        stated = connection.execute("select version, schema_hash from schema_version").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        return False  # an empty file, an early layout or another program's
    return stated == (SCHEMA_VERSION, schema_hash())


def _move_over(path: Path, connection: duckdb.DuckDBPyConnection, found: _Found) -> list[Column] | None:
    """Do what can be done in place; returns the columns of a new file where one is needed."""
    if not found.columns:
        lay_out(connection)
        return None
    wanted = _todays_columns()
    _refuse_unknown(path, found, wanted)
    if found.columns == wanted:
        _reword(connection)
        return None
    connection.execute("checkpoint")  # nothing may be left in a log beside the file
    return wanted


def _todays_columns() -> list[Column]:
    with duckdb.connect() as connection:
        connection.execute(schema_sql())
        return columns_of(connection)


def _refuse_unknown(path: Path, found: _Found, wanted: Sequence[Column]) -> None:
    if found.version is None:
        raise WarehouseError(f"{path.name} holds tables of another program; {_REBUILT}")
    known = {(table, column) for table, column, *_ in wanted}
    unknown = [f"{t}.{c}" for t, c, *_ in found.columns if t not in DERIVED and (t, c) not in known]
    if found.version > SCHEMA_VERSION or (found.version == SCHEMA_VERSION and unknown):
        raise WarehouseError(
            f"{path.name} has layout {found.version}{f' with {unknown[0]}' if unknown else ''}, this program knows "
            f"layouts up to {SCHEMA_VERSION}: it was written by a newer one; install that again, or {_REBUILT}"
        )


def _reword(connection: duckdb.DuckDBPyConnection) -> None:
    """Take over changed comments; the columns are the same."""
    for statement in connection.extract_statements(schema_sql()):
        if "\ncomment on " in f"\n{statement.query}":
            connection.execute(statement)
    connection.execute("update schema_version set version = ?, schema_hash = ?", [SCHEMA_VERSION, schema_hash()])


def _replace(path: Path, before: Sequence[Column], wanted: Sequence[Column]) -> None:
    fresh = path.with_name(f".{path.name}.new")
    _forget(fresh)
    try:
        with closing(opened(fresh)) as connection:
            lay_out(connection)
            _copy(connection, path, before, wanted)
            connection.execute("checkpoint")
        os.replace(fresh, path)  # noqa: PTH105 - the atomic rename is the point
    except (duckdb.Error, OSError) as error:
        room = f"{path.stat().st_size / 1e6:,.0f} MB"
        raise WarehouseError(
            f"{path.name} cannot be given layout {SCHEMA_VERSION} ({str(error).splitlines()[0]}); the file is as it "
            f"was; it takes up to {room} of free space beside it"
        ) from None
    finally:
        _forget(fresh)


def _forget(fresh: Path) -> None:
    for path in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        path.unlink(missing_ok=True)


def _copy(
    connection: duckdb.DuckDBPyConnection, path: Path, before: Sequence[Column], wanted: Sequence[Column]
) -> None:
    old = {(table, column) for table, column, *_ in before}
    connection.execute(f"attach '{quoted(path)}' as earlier (read_only)")
    for name in sorted({table for table, _ in old} - DERIVED):
        own = [column for column in wanted if column[0] == name]
        values = [_value(column, old) for column in own]
        if own:
            connection.execute(f"insert into {name} by name select {', '.join(values)} from earlier.main.{name}")
    connection.execute("detach earlier")


def _value(column: Column, old: set[tuple[str, str]]) -> str:
    table, name, kind, may_be_null = column
    if (table, name) in old:
        return f'"{name}"'
    if not may_be_null and (table, name) not in FILLED:
        raise WarehouseError(f"no layout before this one has {table}.{name}, and nothing fills it; {_REBUILT}")
    return f'cast({FILLED.get((table, name), "null")} as {kind}) as "{name}"'
