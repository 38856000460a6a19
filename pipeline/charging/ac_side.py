"""Registers behind the converter, brought to the charger's grid side, where the meter sees the energy."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipeline.portfolio import Charger


def on_ac_side(readings: pl.DataFrame, chargers: Sequence[Charger]) -> pl.DataFrame:
    """Return readings whose registers [Wh] and power [W] all count on the grid side.

    `readings` as `domain.CHARGER_RECORD`. Of a charger with `register_side` dc, the grid gives 1 / efficiency of what
    is counted into the car and gets the efficiency of what is counted out of it. Registers are scaled as running totals
    and rounded then, so that every difference is right to 1 Wh.
    """
    losses = {c.charger_id: c.conversion_efficiency for c in chargers if c.register_side == "dc"}
    if not losses:
        return readings
    efficiency = pl.col("charger_id").replace_strict(losses, default=1.0, return_dtype=pl.Float64)
    power = pl.col("power_w")
    scaled = {
        "energy_import_wh": pl.col("energy_import_wh") / efficiency,
        "energy_export_wh": pl.col("energy_export_wh") * efficiency,
        "power_w": pl.when(power > 0).then(power / efficiency).otherwise(power * efficiency),
    }
    return readings.with_columns(value.round().cast(pl.Int64).alias(name) for name, value in scaled.items())
