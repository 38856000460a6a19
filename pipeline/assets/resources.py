"""Resources: the portfolio folder and its warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dagster import Config, ConfigurableResource
from pydantic import Field

from pipeline.journal import Journal
from pipeline.portfolio import Portfolio, load_portfolio
from pipeline.warehouse import Warehouse


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

    def open(self) -> Warehouse:
        """Return the warehouse, to be used as a context manager and for as short as can be."""
        return Warehouse(Path(self.folder), wait_s=self.wait_s, note="v2b")


class RunScope(Config):
    """Run configuration: narrow a run to some sites; none stands for all."""

    sites: list[str] = Field(default_factory=list)


def now() -> datetime:
    """Return the time, the one place where an asset asks for it."""
    return datetime.now(UTC)
