"""The cars: ready or not, plugged in or not, and what the best possible use of them would have reached.

readiness     departures, throughput and cycles
reserve       sessions in which a car gave what was to stay in it
availability  the share of time the chargers had a car
programme     stays as rows and columns of a linear programme
capture       the lowest peak perfect foresight could have reached
cost          the cheapest bill it could have reached
marginal      what one more kWh or kW would have cost, read off the bill itself
emissions     what the grid emitted more or less for it, at the margin
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.fleet.readiness import (
    Departure,
    Departures,
    Missing,
    Observed,
    departing,
    departures,
    equivalent_full_cycles,
    fleet_section,
    missing_at_departure,
    unstated_fleet,
)
from pipeline.fleet.reserve import reserve_violations
from pipeline.fleet.availability import availability_pct
from pipeline.fleet.programme import Losses, Stay
from pipeline.fleet.capture import PeakLoad, best_possible_peak_kw, capture_pct
from pipeline.fleet.cost import DemandPrice, Plan, Prices, cheapest_plan
from pipeline.fleet.marginal import SlotPrice, cheapest_kwh, marginal_prices
from pipeline.fleet.emissions import Co2Change, co2_change

__all__ = [
    "Co2Change",
    "DemandPrice",
    "Departure",
    "Departures",
    "Losses",
    "Missing",
    "Observed",
    "PeakLoad",
    "Plan",
    "Prices",
    "SlotPrice",
    "Stay",
    "availability_pct",
    "best_possible_peak_kw",
    "capture_pct",
    "cheapest_kwh",
    "cheapest_plan",
    "co2_change",
    "departing",
    "departures",
    "equivalent_full_cycles",
    "fleet_section",
    "marginal_prices",
    "missing_at_departure",
    "reserve_violations",
    "unstated_fleet",
]
