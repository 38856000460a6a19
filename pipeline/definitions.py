"""The one name `workspace.yaml` knows: `defs`, built from the assets, for the portfolio in V2B_PORTFOLIO."""

import os
from pathlib import Path

from dagster import Definitions, in_process_executor

from pipeline.assets.automation import SCHEDULES, SENSORS
from pipeline.assets.checking import sql_checks
from pipeline.assets.ingesting import ingest_files
from pipeline.assets.jobs import ingest_job, months_job, send_job
from pipeline.assets.mailing import email
from pipeline.assets.monthly import analytics, compute, report, run_outcome
from pipeline.assets.resources import PortfolioResource, WarehouseResource


def _folder() -> Path:
    return Path(os.environ.get("V2B_PORTFOLIO", "portfolio")).resolve()


def build_definitions(folder: Path, *, wait_s: float = 600.0) -> Definitions:
    """Return all assets, checks, jobs, sensors and schedules for one portfolio folder."""
    return Definitions(
        assets=[ingest_files, compute, report, analytics, run_outcome, email],
        asset_checks=[sql_checks],
        jobs=[ingest_job, months_job, send_job],
        sensors=SENSORS,
        schedules=SCHEDULES,
        resources={
            "portfolio": PortfolioResource(folder=str(folder)),
            "warehouse": WarehouseResource(folder=str(folder), wait_s=wait_s),
        },
        executor=in_process_executor,
    )


defs = build_definitions(_folder())
