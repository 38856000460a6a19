"""Asset specs for Dagster: descriptions and column schemas from the comments in `sql/schema.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import polars as pl
from dagster import AssetSpec, FreshnessPolicy, TableColumn, TableSchema

from pipeline.warehouse import documented_schema

OWNER: Final = "team:data-engineering"
AUDIENCE: Final = "v2b/audience"
"""Tag: who reads what an asset makes: analyst, manager or operator."""
FRESH: Final = {
    "source_file": FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)),
    "savings_month": FreshnessPolicy.time_window(warn_window=timedelta(days=35), fail_window=timedelta(days=50)),
    "report": FreshnessPolicy.time_window(warn_window=timedelta(days=35), fail_window=timedelta(days=50)),
}
"""landing/ is looked at every morning; a month closes every month, and its data may take three weeks to come."""


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


def table_metadata(table: str) -> dict[str, Any]:
    """Return what is known of a table before any run: its name and columns."""
    return {"dagster/column_schema": table_schema(table), "dagster/table_name": f"main.{table}"}


def table_spec(table: str, group: str, deps: Sequence[str] = (), **extra: Any) -> AssetSpec:
    """Return the asset of one warehouse table, described by its comments."""
    return AssetSpec(
        table,
        deps=list(deps),
        description=table_comment(table),
        group_name=group,
        owners=[OWNER],
        kinds={"duckdb", "polars"},
        tags={AUDIENCE: "analyst"},
        metadata=table_metadata(table),
        freshness_policy=FRESH.get(table),
        **extra,
    )
