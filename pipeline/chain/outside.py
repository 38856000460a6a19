"""What a saving leaves out: energy by which the cars ended a bill fuller or emptier than from plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl
from babel.numbers import get_currency_precision

from pipeline import fleet, savings
from pipeline.chain.inputs import Prepared
from pipeline.chain.loads import local_midnight
from pipeline.tariff import measured_rows, slot_expr, with_billed_time
from pipeline.tariff.slots import Slot, slots_of


def outside_of(prepared: Prepared, determinants: pl.DataFrame) -> dict[str, Any] | None:
    """Return the `outside` section of the result contract: kwh, and its value at the cheapest rate of the bill [money].

    None before the programme. `determinants` of all worlds, as `tariff.measure` gives them.
    """
    if prepared.plug_in is None:
        return None
    kwh = Decimal(outside_wh(prepared)) / 1000
    rows = measured_rows(determinants)["actual"]
    inputs = prepared.inputs
    rate = fleet.cheapest_kwh(inputs.tariff, rows, inputs.earlier.own_peaks, _rates(prepared))
    value = round(rate * kwh, get_currency_precision(inputs.site.currency))
    return {"kwh": float(kwh) + 0.0, "value": savings.money_text(value, inputs.site.currency)}  # no -0.0


def outside_wh(prepared: Prepared) -> int:
    """Return how much more the cars hold at a bill's end than charging from plug-in would have left them [Wh].

    Measured on the grid side of the charger: taken, less given / eta, less what the unmanaged world draws for the same
    driving. Bills add up to the closing stock of the accounts. What cars gave in an outage counts as given.
    """
    since = pl.col("interval_start") >= local_midnight(prepared.inputs)
    flows = prepared.charger_windows.filter(since).select("charge_wh", "discharge_wh").sum().row(0)
    unmanaged = prepared.windows.filter(since).get_column("unmanaged_charge_wh").sum()
    charge, discharge = (int(flow or 0) for flow in flows)
    return charge - round(discharge / prepared.round_trip.efficiency) - int(unmanaged)


def _rates(prepared: Prepared) -> Iterator[list[Slot]]:
    """The slots whose price a kWh pays, for every kind of hour the bill has."""
    inputs = prepared.inputs
    slots = [slot for slot in slots_of(inputs.tariff) if slot.sums_energy]
    timed = with_billed_time(prepared.windows, inputs.site.timezone, inputs.tariff, inputs.tariff_holidays)
    inside = timed.select(slot_expr(slot).alias(str(number)) for number, slot in enumerate(slots)).unique()
    for row in inside.iter_rows():
        yield [slot for slot, counts in zip(slots, row, strict=True) if counts]
