"""The rules of `sql/checks/` as asset checks: offending rows stand in their metadata."""

from collections.abc import Iterator
from typing import Any

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


def _spec(check: Check) -> AssetCheckSpec:
    sentence = f"{check.severity}: {check.sentence}"
    return AssetCheckSpec(check.name, asset=check.asset, description=sentence, metadata={"severity": check.severity})


@multi_asset_check(name="sql_checks", specs=[_spec(check) for check in all_checks()], can_subset=True)
def sql_checks(context: AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[AssetCheckResult]:
    """Run the selected checks of `sql/checks/`."""
    selected = {key.name for key in context.selected_asset_check_keys}
    with warehouse.open() as store:
        for check in all_checks():
            if check.name in selected:
                yield _result(check, store)


def _result(check: Check, warehouse: Warehouse) -> AssetCheckResult:
    offending = warehouse.query(check.sql)
    metadata: dict[str, Any] = {"offending_rows": MetadataValue.int(offending.height)}
    if offending.height:
        metadata["rows"] = markdown_table(offending)
    return AssetCheckResult(
        check_name=check.name,
        asset_key=AssetKey(check.asset),
        passed=offending.is_empty(),
        severity=AssetCheckSeverity[check.severity],
        metadata=metadata,
    )
