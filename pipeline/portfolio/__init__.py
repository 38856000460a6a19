"""The portfolio folder as validated data: `v2b.toml`, `sites/*.toml` and the CSV tables beside them."""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.portfolio.models import (
    Charger,
    Meter,
    PeakWindow,
    PortfolioSettings,
    Site,
    SiteTariff,
    Vehicle,
    minute_of_day,
)
from pipeline.portfolio.tables import EVENT_KINDS, TABLES, read_series, read_table
from pipeline.portfolio.arming import read_arming
from pipeline.portfolio.spans import Event, Outage, Span, read_events, read_outages
from pipeline.portfolio.emissions import Co2Factor, read_marginal_co2
from pipeline.portfolio.utility_bills import UtilityBill
from pipeline.portfolio.load import Portfolio, load_portfolio, load_site, read_cycles, read_seeds

__all__ = [
    "EVENT_KINDS",
    "TABLES",
    "Charger",
    "Co2Factor",
    "Event",
    "Meter",
    "Outage",
    "PeakWindow",
    "Portfolio",
    "PortfolioSettings",
    "Site",
    "SiteTariff",
    "Span",
    "UtilityBill",
    "Vehicle",
    "load_portfolio",
    "load_site",
    "minute_of_day",
    "read_arming",
    "read_cycles",
    "read_events",
    "read_marginal_co2",
    "read_outages",
    "read_seeds",
    "read_series",
    "read_table",
]
