"""Column schemas and row counts for Dagster, from the comments in `sql/schema.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import polars as pl
from dagster import AssetSpec, MaterializeResult, MetadataValue, TableColumn, TableSchema

from pipeline.warehouse import Warehouse, documented_schema

OWNER = "team:data-engineering"


@lru_cache(maxsize=1)
def _comments() -> pl.DataFrame:
    return documented_schema()


def table_schema(table: str) -> TableSchema:
    """Return a table's columns with types and comments."""
    rows = _comments().filter((pl.col("table_name") == table) & (pl.col("column_name") != ""))
    return TableSchema(
        columns=[
            TableColumn(name=row["column_name"], type=row["data_type"].lower(), description=row["comment"] or "")
            for row in rows.iter_rows(named=True)
        ]
    )


def table_comment(table: str) -> str:
    """Return what one row of a table is."""
    rows = _comments().filter((pl.col("table_name") == table) & (pl.col("column_name") == ""))
    return str(rows.item(0, "comment"))


def table_spec(table: str, group: str, deps: Sequence[str] = (), **extra: Any) -> AssetSpec:
    """Return the asset of one warehouse table, described by its comments."""
    return AssetSpec(
        table,
        deps=list(deps),
        description=table_comment(table),
        group_name=group,
        owners=[OWNER],
        kinds={"duckdb", "polars"},
        metadata={"dagster/column_schema": table_schema(table), "dagster/table_name": f"main.{table}"},
        **extra,
    )


def counted(warehouse: Warehouse, table: str, months: Sequence[str] | None = None) -> int:
    """Return the rows of a table, of some months only where it has them."""
    where = "" if months is None else " where list_contains(?, month)"
    rows = warehouse.query(f"select count(*) as n from {table}{where}", [list(months)] if months is not None else [])  # noqa: S608
    return int(rows.item())


def materialized(table: str, rows: int, **metadata: Any) -> MaterializeResult[Any]:
    """Return the event of one table, with its row count."""
    return MaterializeResult(asset_key=table, metadata={"dagster/row_count": MetadataValue.int(rows), **metadata})
