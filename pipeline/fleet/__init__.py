"""The cars: ready or not, plugged in or not, and what the best possible use of them would have reached.

readiness     departures, throughput and cycles
availability  the share of time the chargers had a car
capture       the lowest peak perfect foresight could have reached
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.fleet.readiness import Departures, departures, equivalent_full_cycles, fleet_section, unstated_fleet
from pipeline.fleet.availability import availability_pct
from pipeline.fleet.capture import PeakLoad, Stay, best_possible_peak_kw, capture_pct

__all__ = [
    "Departures",
    "PeakLoad",
    "Stay",
    "availability_pct",
    "best_possible_peak_kw",
    "capture_pct",
    "departures",
    "equivalent_full_cycles",
    "fleet_section",
    "unstated_fleet",
]
