"""From charger readings to energy per window, sessions, round-trip efficiency and charging power.

Registers count energy into the car (import) and out of it (export). Every energy here is a difference of registers;
power is integrated only where a charger has none.

columns         columns of frames as arrays and back
order           readings charger by charger in order of time
ac_side         registers behind a converter, brought to the charger's grid side
clock_shift     readings on the meter's clock
efficiency      what a charger takes for what it stores and gives back
power           charging power: what each car was seen to draw at each charger
registers       one counter of each register
counter         a register as a line: its total at any instant, and how far that can be off
session_energy  when a car was plugged in, and what went in and out
window_energy   registers read at the edges of windows
"""

from pipeline.charging.ac_side import on_ac_side
from pipeline.charging.clock_shift import on_the_meters_clock
from pipeline.charging.columns import numbered
from pipeline.charging.counter import Counter
from pipeline.charging.efficiency import ASSUMED_EFFICIENCY, RoundTrip, round_trip
from pipeline.charging.order import Log, Readings, in_order
from pipeline.charging.power import ChargePower, charge_power
from pipeline.charging.registers import Repaired, repair_registers
from pipeline.charging.session_energy import sessions
from pipeline.charging.window_energy import Registers, interval_energy, registers_of

__all__ = [
    "ASSUMED_EFFICIENCY",
    "ChargePower",
    "Counter",
    "Log",
    "Readings",
    "Registers",
    "Repaired",
    "RoundTrip",
    "charge_power",
    "in_order",
    "interval_energy",
    "numbered",
    "on_ac_side",
    "on_the_meters_clock",
    "registers_of",
    "repair_registers",
    "round_trip",
    "sessions",
]
