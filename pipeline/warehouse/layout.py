"""What a warehouse file looks like: the SQL that makes it, its version, and how any such file is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Final

import duckdb

from pipeline.domain import WarehouseError

SCHEMA_VERSION: Final = 3
BILL_TABLES: Final = (
    "charger_interval",
    "charging_session",
    "load_interval",
    "billing_determinant",
    "bill_line",
    "savings_month",
    "quality_finding",
    "utility_bill",
    "day_class",
    "baseline_day",
    "determinant_draw",
    "saving_draw",
    "site_month",
    "bill_source",
)
"""Tables that hold one slice per (site_id, month), replaced as a whole."""

Column = tuple[str, str, str, bool]
"""Table, column, type, and whether it may be null."""

_OPTIONS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "storage_compatibility_version": "v1.4.0",  # an older one takes a third longer to store texts
}


def sql_folder() -> Path:
    """Return the folder of the SQL files: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(resources.files("pipeline"))) / "sql"
    return packaged if packaged.is_dir() else packaged.parent.parent / "sql"


def schema_sql() -> str:
    """Return the statements that make every table with its comments."""
    return (sql_folder() / "schema.sql").read_text(encoding="utf-8")


def view_files() -> list[Path]:
    """Return the files of the analysts' views, in name order."""
    return sorted((sql_folder() / "views").glob("*.sql"))


def schema_hash() -> str:
    """Return the hash of the statements that make the tables: as long as a file holds it, its layout is today's."""
    return sha256(schema_sql().encode()).hexdigest()


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a warehouse file for writing, times in UTC. Raises WarehouseError where it is broken."""
    try:
        connection = duckdb.connect(str(path), config=_OPTIONS)
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0]
        raise WarehouseError(
            f"{path.name} cannot be opened ({first_line}); if it is broken, delete it and run again: "
            "it is rebuilt from landing/ and the journal"
        ) from None
    connection.execute("set global timezone = 'UTC'")  # for its cursors too
    return connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit everything inside, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def lay_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every table in an empty file, in one transaction."""
    with transaction(connection):
        connection.execute(schema_sql())
        connection.execute("insert into schema_version values (?, '', ?)", [SCHEMA_VERSION, schema_hash()])


def columns_of(connection: duckdb.DuckDBPyConnection) -> list[Column]:
    """Return every column of every table, in their order."""
    return connection.execute(
        "select table_name, column_name, data_type, is_nullable from duckdb_columns() where not internal "
        "and table_oid in (select table_oid from duckdb_tables()) order by table_name, column_index"
    ).fetchall()


def quoted(path: Path) -> str:
    """Return a path as it stands between the quotes of an SQL text."""
    return str(path).replace("'", "''")
