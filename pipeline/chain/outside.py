"""What a saving leaves out: energy by which the cars ended a bill fuller or emptier than from plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import compress
from typing import Any

import numpy as np
import polars as pl
from babel.numbers import get_currency_precision

from pipeline import fleet, savings
from pipeline.calendars import instants_us
from pipeline.chain.event_window import hours_of_bill
from pipeline.chain.inputs import Prepared
from pipeline.chain.loads import local_midnight
from pipeline.tariff import Rows
from pipeline.tariff.clock import Flags, Hours, Ints, billed_weekday, day_number, in_masks, micros
from pipeline.tariff.slots import Slot, slots_of


def outside_of(prepared: Prepared, metered: Rows) -> dict[str, Any] | None:
    """Return the `outside` section of the result contract: kwh, and its value at the cheapest rate of the bill [money].

    None before the programme. `metered`: the determinants of the metered world.
    """
    if prepared.plug_in is None:
        return None
    kwh = Decimal(outside_wh(prepared)) / 1000
    inputs = prepared.inputs
    rate = fleet.cheapest_kwh(inputs.tariff, metered, inputs.earlier.own_peaks, _rates(prepared))
    value = round(rate * kwh, get_currency_precision(inputs.site.currency))
    return {"kwh": float(kwh) + 0.0, "value": savings.money_text(value, inputs.site.currency)}  # no -0.0


def outside_wh(prepared: Prepared) -> int:
    """Return how much more the cars hold at a bill's end than charging from plug-in would have left them [Wh].

    Measured on the grid side of the charger: taken, less given / eta, less what the unmanaged world draws for the same
    driving. Bills add up to the closing stock of the accounts. What cars gave in an outage counts as given.
    """
    since = micros(local_midnight(prepared.inputs))

    def of(windows: pl.DataFrame, name: str) -> int:
        later = instants_us(windows.get_column("interval_start")) >= since
        return int(windows.get_column(name).to_numpy()[later].sum())

    charge, discharge = (of(prepared.charger_windows, f"{way}_wh") for way in ("charge", "discharge"))
    unmanaged = of(prepared.windows, "unmanaged_charge_wh")
    return charge - round(discharge / prepared.round_trip.efficiency) - unmanaged


def _rates(prepared: Prepared) -> Iterator[list[Slot]]:
    """The slots whose price a kWh pays, for every kind of hour the bill has."""
    inputs, tariff = prepared.inputs, prepared.inputs.tariff
    slots = [slot for slot in slots_of(tariff) if slot.sums_energy]
    hours = hours_of_bill(prepared, tariff.clock)
    weekday = billed_weekday(hours, tariff.holidays | inputs.tariff_holidays, tariff.holidays_billed_as)
    if not slots:
        return
    inside = np.array([_in_slot(slot, hours, weekday) for slot in slots])
    turns = np.append(True, (inside[:, 1:] != inside[:, :-1]).any(axis=0))
    for counts in set(map(tuple, inside[:, turns].T.tolist())):
        yield list(compress(slots, counts))


def _in_slot(slot: Slot, hours: Hours, weekday: Ints) -> Flags:
    """Which windows lie in the hours and days a slot looks at."""
    inside = in_masks(hours, weekday, slot.masks)
    if slot.days is None:
        return inside
    first, until = map(day_number, slot.days)
    return inside & (hours.day >= first) & (hours.day < until)
