"""From charger readings to energy per window, sessions, round-trip efficiency and charging power.

Registers count energy since the charger was made, import into the car and export out of it, at the charger's grid side.
Every energy here is a difference of registers; power readings are never integrated.
"""

from pipeline.charging.efficiency import ASSUMED_EFFICIENCY, RoundTrip, round_trip
from pipeline.charging.power import ChargePower, charge_power
from pipeline.charging.session_energy import sessions
from pipeline.charging.window_energy import interval_energy

__all__ = [
    "ASSUMED_EFFICIENCY",
    "ChargePower",
    "RoundTrip",
    "charge_power",
    "interval_energy",
    "round_trip",
    "sessions",
]
