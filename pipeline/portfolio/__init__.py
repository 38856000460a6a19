"""The portfolio folder as validated data: `v2b.toml`, `sites/*.toml` and the CSV tables beside them."""

from pipeline.portfolio.load import Portfolio, load_portfolio, load_site
from pipeline.portfolio.models import (
    Charger,
    Meter,
    PeakWindow,
    PortfolioSettings,
    Site,
    SiteTariff,
    Vehicle,
)
from pipeline.portfolio.tables import TABLES, read_series, read_table

__all__ = [
    "TABLES",
    "Charger",
    "Meter",
    "PeakWindow",
    "Portfolio",
    "PortfolioSettings",
    "Site",
    "SiteTariff",
    "Vehicle",
    "load_portfolio",
    "load_site",
    "read_series",
    "read_table",
]
