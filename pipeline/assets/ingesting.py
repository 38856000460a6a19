"""What comes in: files of `landing/` and the records they leave, current and superseded."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
from dagster import AssetExecutionContext, Config, MaterializeResult, MetadataValue, multi_asset
from pydantic import Field

from pipeline.assets.resources import PortfolioResource, WarehouseResource, now
from pipeline.assets.schema import table_spec
from pipeline.assets.shown import counted, markdown_table
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.steps.progress import tell
from pipeline.steps.settling import settled

LOG: Final = logging.getLogger(__name__)
INGEST_TABLES: Final[Mapping[str, Sequence[str]]] = {
    "source_file": (),
    "rejected_record": ("source_file",),
    "meter_interval": ("source_file",),
    "meter_interval_history": ("meter_interval",),
    "meter_reactive": ("source_file",),
    "meter_reactive_history": ("meter_reactive",),
    "charger_reading": ("source_file",),
    "charger_reading_history": ("charger_reading",),
    "session_record": ("source_file",),
    "weather_hour": ("source_file",),
}


def _told(outcome: FileOutcome, done: int, total: int) -> None:
    tell("ingest", done, total, outcome.path)
    if outcome.is_new:
        LOG.info("file %s: %s", outcome.path, outcome.outcome, extra={"site": outcome.path.partition("/")[0]})


class IngestScope(Config):
    """Run configuration: leave files alone that somebody may still be writing."""

    settle_s: float = Field(0.0, ge=0, description="Seconds a file must have stood still; 0 takes all there are [s].")


@multi_asset(name="ingest_files", specs=[table_spec(table, "ingest", deps) for table, deps in INGEST_TABLES.items()])
def ingest_files(
    context: AssetExecutionContext, config: IngestScope, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> Iterator[MaterializeResult[Any]]:
    """Load everything new under `landing/`."""
    read, at = portfolio.read(), now()
    only = settled(read.root, now_s=at.timestamp(), settle_s=config.settle_s) if config.settle_s else None
    with warehouse.open() as store:
        outcomes = ingest(read, store, portfolio.journal(), now=at, only=only, on_file=_told)
        context.log.info("%s", dict(Counter(outcome.outcome for outcome in outcomes)))
        shown = {table: counted(store, table) for table in INGEST_TABLES}
    shown["source_file"] |= _files_metadata(outcomes)
    for table, metadata in shown.items():  # the warehouse is free again while Dagster records
        yield MaterializeResult(asset_key=table, metadata=metadata)


def _files_metadata(outcomes: Sequence[FileOutcome]) -> dict[str, Any]:
    """What this run decided on: `files` for the command line, `decided` for the eye."""
    fresh = [outcome.as_json() for outcome in outcomes if outcome.is_new]
    rows = [{"file": f["path"], **{name: f[name] for name in ("outcome", "loaded", "rejected")}} for f in fresh]
    decided = {"decided": markdown_table(pl.DataFrame(rows))} if rows else {}
    return {"files": MetadataValue.json(fresh), "files_new": MetadataValue.int(len(fresh)), **decided}
