"""What comes in: files of `landing/` and the current records they leave."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, multi_asset

from pipeline.assets.resources import PortfolioResource, WarehouseResource, now
from pipeline.assets.schema import counted, materialized, table_spec
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.steps.progress import tell

INGEST_TABLES: Final = (
    "source_file",
    "rejected_record",
    "meter_interval",
    "charger_reading",
    "session_record",
    "weather_hour",
)


def _told(outcome: FileOutcome, done: int, total: int) -> None:
    tell("ingest", done, total, outcome.path)


@multi_asset(
    name="ingest_files",
    specs=[table_spec(table, "ingest", ["source_file"] if table != "source_file" else []) for table in INGEST_TABLES],
)
def ingest_files(
    context: AssetExecutionContext, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> Iterator[MaterializeResult[Any]]:
    """Load everything new under `landing/`."""
    with warehouse.open() as store:
        outcomes = ingest(portfolio.read(), store, portfolio.journal(), now=now(), on_file=_told)
        context.log.info("%s", Counter(outcome.outcome for outcome in outcomes))
        fresh = [outcome.as_json() for outcome in outcomes if outcome.is_new]
        for table in INGEST_TABLES:
            extra = {"files": MetadataValue.json(fresh)} if table == "source_file" else {}
            yield materialized(table, counted(store, table), **extra)
