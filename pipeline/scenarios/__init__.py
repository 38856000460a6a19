"""The worlds a bill is computed for: actual, no_ev, unmanaged and managed.

worlds     loads of all worlds by demand window
plugged_in  what the same cars would have drawn had each charged from plug-in
repaid     what they would have drawn had they given nothing back
"""

from pipeline.scenarios.plugged_in import Battery, Charged, Model, PlugIns, unmanaged_by_charger
from pipeline.scenarios.repaid import Energy, managed_charge, match_debt
from pipeline.scenarios.worlds import (
    Wh,
    as_metered,
    is_reactive_metered,
    long_load,
    managed,
    metered_windows,
    modelled_as_metered,
    no_ev,
    reactive_windows,
    unmanaged,
    with_added,
)

__all__ = [
    "Battery",
    "Charged",
    "Energy",
    "Model",
    "PlugIns",
    "Wh",
    "as_metered",
    "is_reactive_metered",
    "long_load",
    "managed",
    "managed_charge",
    "match_debt",
    "metered_windows",
    "modelled_as_metered",
    "no_ev",
    "reactive_windows",
    "unmanaged",
    "unmanaged_by_charger",
    "with_added",
]
