"""Resources: the portfolio folder and its warehouse."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dagster import Config, ConfigurableResource, InitResourceContext
from pydantic import Field

from pipeline.assets.processes import process_tag
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio, load_portfolio
from pipeline.steps.logs import configure
from pipeline.warehouse import Warehouse

LOG: Final = logging.getLogger(__name__)


class PortfolioResource(ConfigurableResource[Portfolio]):
    """The portfolio folder; read anew by every asset, so that a changed site file needs no restart."""

    folder: str

    def read(self) -> Portfolio:
        """Return the validated portfolio; raises ConfigError."""
        return load_portfolio(Path(self.folder))

    def journal(self) -> Journal:
        """Return the append-only journal of the portfolio."""
        return Journal(Path(self.folder))


class WarehouseResource(ConfigurableResource[Warehouse]):
    """`warehouse.duckdb` under the portfolio's lock."""

    folder: str
    wait_s: float = 600.0

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Tag the run with the process that works on it, so that a killed run can be told from a running one."""
        if context.instance and context.run:
            context.instance.add_run_tags(context.run.run_id, process_tag())
            configure(Path(self.folder), run_id=context.run.run_id)
            LOG.info("run of the job %s begins", context.run.job_name)

    def open(self) -> Warehouse:
        """Return the warehouse, to be used as a context manager and for as short as can be."""
        return Warehouse(Path(self.folder), wait_s=self.wait_s, note="v2b")


class RunScope(Config):
    """Run configuration: narrow a run to some sites; none stands for all."""

    sites: list[str] = Field(default_factory=list, description="Site ids; none stands for all sites.")


def now() -> datetime:
    """Return the time, the one place where an asset asks for it."""
    return datetime.now(UTC)
