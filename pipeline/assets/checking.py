"""The rules of `sql/checks/` as asset checks: offending rows stand in their metadata."""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    multi_asset_check,
)

from pipeline.assets.resources import WarehouseResource
from pipeline.assets.shown import markdown_table
from pipeline.warehouse import Check, Warehouse, all_checks

_MOST: Final = 1000


def _spec(check: Check) -> AssetCheckSpec:
    sentence = f"{check.severity}: {check.sentence}"
    return AssetCheckSpec(check.name, asset=check.asset, description=sentence, metadata={"severity": check.severity})


@multi_asset_check(name="sql_checks", specs=[_spec(check) for check in all_checks()], can_subset=True)
def sql_checks(context: AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[AssetCheckResult]:
    """Run the selected checks of `sql/checks/`."""
    selected = {key.name for key in context.selected_asset_check_keys}
    with warehouse.open() as store:
        results = [_result(check, store) for check in all_checks() if check.name in selected]
    yield from results  # the warehouse is free again while Dagster records


def _by_site_month(pairs: pl.DataFrame) -> dict[str, Any]:
    """Which site-months a rule fails for: their number plots over time, and programs read their names."""
    named = [f"{site_id} {month}" for site_id, month in pairs.iter_rows()]
    return {"site_months": MetadataValue.int(len(named)), "which": MetadataValue.json(named[:_MOST])}


def _result(check: Check, warehouse: Warehouse) -> AssetCheckResult:
    offending = warehouse.query(check.sql)
    metadata: dict[str, Any] = {"offending_rows": MetadataValue.int(offending.height)}
    if offending.height:
        metadata["rows"] = markdown_table(offending)
    if {"site_id", "month"} <= set(offending.columns):
        metadata |= _by_site_month(offending.select("site_id", "month").unique().sort("site_id", "month"))
    return AssetCheckResult(
        check_name=check.name,
        asset_key=AssetKey(check.asset),
        passed=offending.is_empty(),
        severity=AssetCheckSeverity[check.severity],
        metadata=metadata,
    )
