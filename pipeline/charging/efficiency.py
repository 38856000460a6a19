"""Round trip: what a charger takes for what it stores and gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, Literal

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Reals

ASSUMED_EFFICIENCY: Final = 0.835
"""Middle of 0.79-0.88, the range of round trips to expect of small bidirectional chargers."""

_FEWEST_DISCHARGES: Final = 20
_TELLING_DISCHARGE: Final = 0.15  # of the usable capacity
_WORST_CONDITION: Final = 1e6
_SHARE_PER_PCT: Final = 0.01
_HOURS_PER_US: Final = 1 / 3.6e9


@dataclass(frozen=True)
class RoundTrip:
    """How much AC energy a charger takes for what it stores and gives back, and how that is known.

    `charge_wh_per_battery_wh` k: AC energy per energy stored [Wh/Wh]; `efficiency` eta: AC out per AC in over a whole
    cycle [1]; `standby_w`: draw of the register while plugged in [W]; `sessions`: how many sessions it rests on.
    source: `fit` by least squares, `ratio` of sums, or `assumed`. `charge_error` and `efficiency_error`: standard
    errors of k and of eta where they are fitted, else 0.
    """

    charge_wh_per_battery_wh: float
    efficiency: float
    source: Literal["fit", "ratio", "assumed"]
    standby_w: float = 0.0
    sessions: int = 0
    charge_error: float = 0.0
    efficiency_error: float = 0.0

    @property
    def battery_wh_per_discharge_wh(self) -> float:
        """Energy taken from the battery per AC energy given [Wh/Wh]."""
        return 1 / (self.efficiency * self.charge_wh_per_battery_wh)


def round_trip(sessions: pl.DataFrame, usable_wh: Mapping[str, float]) -> RoundTrip:
    """Measure the round trip from whole sessions.

    `sessions` in the shape of `domain.CHARGING_SESSION`; `usable_wh`: vehicle_id to usable capacity [Wh].
    With at least 20 sessions that discharged 15 % of the capacity or more: least squares of charge = discharge / eta +
    k * stored + standby * hours over these and the sessions without discharge, standby only where it is told apart from
    zero. With fewer, the ratio of sums for equal losses both ways. Without any, eta is assumed and k is the ratio of
    sums of the sessions that only charged.
    """
    table = _round_trip_table(sessions, usable_wh)
    telling = table["discharge"] >= _TELLING_DISCHARGE * table["usable"]
    only_charged = (table["discharge"] == 0) & (table["charge"] > 0)
    found = None
    if np.count_nonzero(telling) >= _FEWEST_DISCHARGES:
        found = _fitted({name: values[telling | only_charged] for name, values in table.items()})
    if found is None and telling.any():
        found = _ratio(table)
    return found or _assumed({name: values[only_charged] for name, values in table.items()})


def _round_trip_table(sessions: pl.DataFrame, usable_wh: Mapping[str, float]) -> dict[str, Reals]:
    cars = sessions.get_column("vehicle_id").to_list()
    usable = np.fromiter(map(usable_wh.get, cars, repeat(np.nan)), np.float64, len(cars))
    soc_in, soc_out = (sessions.get_column(f"soc_{way}_pct").to_numpy() for way in ("in", "out"))
    known = ~np.isnan(usable + soc_in + soc_out)
    complete = sessions.get_column("complete").to_numpy() & known
    chosen = complete if complete.any() else known
    plugged_in, plugged_out = (instants_us(sessions.get_column(f"plugged_{way}_at")) for way in ("in", "out"))
    table = {
        "charge": sessions.get_column("charge_wh").to_numpy().astype(np.float64),
        "discharge": sessions.get_column("discharge_wh").to_numpy().astype(np.float64),
        # A state of charge is written with few digits; the energy it stands for is a whole number of Wh.
        "stored": np.rint(soc_out * _SHARE_PER_PCT * usable) - np.rint(soc_in * _SHARE_PER_PCT * usable),
        "hours": (plugged_out - plugged_in) * _HOURS_PER_US,
        "usable": usable,
    }
    return {name: values[chosen] for name, values in table.items()}


def _fitted(table: Mapping[str, Reals]) -> RoundTrip | None:
    with_standby = _least_squares(table, ("discharge", "stored", "hours"))
    if with_standby is not None and with_standby[0][2] > 2 * with_standby[1][2]:
        solution, errors = with_standby
    else:
        without = _least_squares(table, ("discharge", "stored"))
        if without is None:
            return None
        solution, errors = np.append(without[0], 0.0), without[1]
    per_discharge, per_battery, standby_w = (float(value) for value in solution)
    if per_discharge <= 0:
        return None
    of_discharge, of_battery = (float(error) for error in errors[:2])
    sessions = len(table["charge"])
    found = RoundTrip(
        per_battery, 1 / per_discharge, "fit", standby_w, sessions, of_battery, of_discharge / per_discharge**2
    )
    return _plausible(found)


def _least_squares(table: Mapping[str, Reals], names: Sequence[str]) -> tuple[Reals, Reals] | None:
    """Return coefficients and their standard errors; None where the columns cannot be told apart."""
    columns = np.column_stack([table[name] for name in names])
    scale = np.linalg.norm(columns, axis=0)
    if len(columns) <= len(names) or not scale.all():
        return None
    left, singular, right = np.linalg.svd(columns / scale, full_matrices=False)
    if singular[-1] * _WORST_CONDITION < singular[0]:
        return None
    solution = right.T @ (left.T @ table["charge"] / singular)
    residual = table["charge"] - columns / scale @ solution
    variance = residual @ residual / (len(columns) - len(names))
    errors = np.sqrt(variance * ((right.T / singular) ** 2).sum(axis=1))
    return solution / scale, errors / scale


def _ratio(table: Mapping[str, Reals]) -> RoundTrip | None:
    """Solve u^2 * sum(discharge) + u * sum(stored) = sum(charge) for equal losses u both ways; eta = 1 / u^2."""
    charge, discharge, stored = (float(table[name].sum()) for name in ("charge", "discharge", "stored"))
    loss = (float(np.sqrt(stored**2 + 4 * discharge * charge)) - stored) / (2 * discharge)
    return _plausible(RoundTrip(loss, 1 / loss**2, "ratio", 0.0, len(table["charge"]))) if loss > 0 else None


def _assumed(only_charged: Mapping[str, Reals]) -> RoundTrip:
    symmetric = RoundTrip(float(1 / np.sqrt(ASSUMED_EFFICIENCY)), ASSUMED_EFFICIENCY, "assumed")
    stored = float(only_charged["stored"].sum())
    if stored <= 0:
        return symmetric
    measured = float(only_charged["charge"].sum()) / stored
    return _plausible(RoundTrip(measured, ASSUMED_EFFICIENCY, "assumed", 0.0, len(only_charged["stored"]))) or symmetric


def _plausible(found: RoundTrip) -> RoundTrip | None:
    """Keep what batteries can do; anything else says that the registers or capacities are wrong."""
    possible = 0.5 <= found.efficiency <= 1.1 and 0.9 <= found.charge_wh_per_battery_wh <= 1.6
    return found if possible else None
