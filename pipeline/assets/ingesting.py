"""What comes in: files of `landing/` and the records they leave, current and superseded."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, multi_asset

from pipeline.assets.resources import PortfolioResource, WarehouseResource, now
from pipeline.assets.schema import table_spec
from pipeline.assets.shown import counted, markdown_table
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.steps.progress import tell

INGEST_TABLES: Final[Mapping[str, Sequence[str]]] = {
    "source_file": (),
    "rejected_record": ("source_file",),
    "meter_interval": ("source_file",),
    "meter_interval_history": ("meter_interval",),
    "charger_reading": ("source_file",),
    "charger_reading_history": ("charger_reading",),
    "session_record": ("source_file",),
    "weather_hour": ("source_file",),
}


def _told(outcome: FileOutcome, done: int, total: int) -> None:
    tell("ingest", done, total, outcome.path)


@multi_asset(name="ingest_files", specs=[table_spec(table, "ingest", deps) for table, deps in INGEST_TABLES.items()])
def ingest_files(
    context: AssetExecutionContext, portfolio: PortfolioResource, warehouse: WarehouseResource
) -> Iterator[MaterializeResult[Any]]:
    """Load everything new under `landing/`."""
    with warehouse.open() as store:
        outcomes = ingest(portfolio.read(), store, portfolio.journal(), now=now(), on_file=_told)
        context.log.info("%s", dict(Counter(outcome.outcome for outcome in outcomes)))
        for table in INGEST_TABLES:
            extra = _files_metadata(outcomes) if table == "source_file" else {}
            yield MaterializeResult(asset_key=table, metadata={**counted(store, table), **extra})


def _files_metadata(outcomes: Sequence[FileOutcome]) -> dict[str, Any]:
    """What this run decided on: `files` for the command line, `decided` for the eye."""
    fresh = [outcome.as_json() for outcome in outcomes if outcome.is_new]
    rows = [{"file": f["path"], **{name: f[name] for name in ("outcome", "loaded", "rejected")}} for f in fresh]
    decided = {"decided": markdown_table(pl.DataFrame(rows))} if rows else {}
    return {"files": MetadataValue.json(fresh), "files_new": MetadataValue.int(len(fresh)), **decided}
