"""Publishes `analytics.duckdb`: the analysts' read-only copy, built aside and swapped in at once."""

# ruff: noqa: S608 - names of tables and columns come from constants

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import duckdb

from pipeline.warehouse.layout import quoted, schema_sql, transaction, view_files
from pipeline.warehouse.store import Warehouse

PUBLISHED_NAME: Final = "analytics.duckdb"


def _fingerprint(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, int, int | None]]:
    """Row count and order-free content hash of every table; equal lists mean equal content."""
    tables = connection.execute(
        "select table_name from duckdb_tables() where not internal and not temporary "
        "and database_name = ? order by all",
        [catalog],
    ).fetchall()
    found = []
    for (name,) in tables:
        row = connection.execute(f"select count(*), sum(hash(t)) from {catalog}.main.{name} as t").fetchone()
        found.append((name, *(row or (0, None))))
    return found


def _layout(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, str, str | None]]:
    """Every column and comment, and the text of every view."""
    return connection.execute(
        "select table_name, column_name, comment from duckdb_columns() where not internal and database_name = ? "
        "union all select table_name, '', comment from duckdb_tables() where not internal and database_name = ? "
        "union all select view_name, sql, comment from duckdb_views() where not internal and database_name = ? "
        "order by all",
        [catalog, catalog, catalog],
    ).fetchall()


def _catalog(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("select current_database()").fetchone()
    return str(row[0]) if row else ""


def _is_current(warehouse: Warehouse, target: Path) -> bool:
    if not target.is_file():
        return False
    try:
        warehouse.connection.execute(f"attach '{quoted(target)}' as published (read_only)")
    except duckdb.Error:  # an older or broken copy is simply replaced
        return False
    try:
        here = _catalog(warehouse.connection)
        if _layout(warehouse.connection, here) != _layout(warehouse.connection, "published"):
            return False
        return _fingerprint(warehouse.connection, here) == _fingerprint(warehouse.connection, "published")
    finally:
        warehouse.connection.execute("detach published")


def publish(warehouse: Warehouse) -> bool:
    """Replace the analysts' copy; False where nothing changed since the last one.

    The copy is checkpointed, mode 0444, and takes the old one's place in one rename, so that a reader sees the old
    state or the new, never a mixture. A write-ahead log left behind by a killed reader is moved aside first: DuckDB
    would replay it into the new file.
    """
    target = warehouse.path.with_name(PUBLISHED_NAME)
    if _is_current(warehouse, target):
        return False
    fresh = target.with_name(f".{PUBLISHED_NAME}.new")
    fresh.unlink(missing_ok=True)
    _build(warehouse, fresh)
    fresh.chmod(0o444)
    stray = target.with_name(f"{PUBLISHED_NAME}.wal")
    if stray.exists():
        stray.replace(stray.with_name(f"{stray.name}.stray"))
    os.replace(fresh, target)  # noqa: PTH105 - the atomic rename is the point
    return True


def _build(warehouse: Warehouse, fresh: Path) -> None:
    with duckdb.connect(str(fresh)) as copy, transaction(copy):
        copy.execute(schema_sql())
        for path in view_files():
            copy.execute(path.read_text(encoding="utf-8"))
    connection = warehouse.connection
    here = _catalog(connection)
    connection.execute(f"attach '{quoted(fresh)}' as fresh")
    try:
        for name, *_ in _fingerprint(connection, here):
            connection.execute(f"insert into fresh.main.{name} by name select * from {here}.main.{name}")
        connection.execute("checkpoint fresh")
    finally:
        connection.execute("detach fresh")
