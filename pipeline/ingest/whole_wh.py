"""kWh and kvarh of any decimals -> whole Wh and varh that sum to what the meter counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from pipeline.ingest import cells

_ABOVE_ZERO: Final = 10**17  # halves away from zero are halves up there, whatever whole Wh a block before left out
WHOLE: Final[Mapping[str, Mapping[str, str]]] = {
    "meter": {"import_wh": "import_kwh", "export_wh": "export_kwh"},
    "reactive": {"reactive_varh": "reactive_kvarh"},
}
"""Which column in whole Wh or varh is rounded from which, by kind."""


def _all_whole(values: pl.DataFrame, kwh: str) -> bool:
    """Whether a column of exact kWh or kvarh holds whole Wh or varh only; of `cells.TO_THE_WH` its type says so."""
    if values.schema[kwh] == cells.TO_THE_WH:
        return True
    return bool(values.select((pl.col(kwh).cast(cells.TO_THE_WH) == pl.col(kwh)).all()).item())


def in_whole_wh(values: pl.DataFrame, kind: str, carried: pl.DataFrame | None = None) -> pl.DataFrame:
    """Add what `WHOLE` names and quality to a meter's values in order of time.

    A meter's running total is rounded, then differenced: the sum of any span is right to half a Wh at either end.
    `carried` has by meter_id the part of a Wh [kWh] that its earlier intervals left over, in the columns rounded.
    """
    columns = WHOLE[kind]
    measured = values.with_columns(quality=pl.lit("measured"))
    if all(_all_whole(values, kwh) for kwh in columns.values()):
        as_integer = (pl.col(kwh).cast(cells.TO_THE_WH).to_physical().alias(wh) for wh, kwh in columns.items())
        return measured.with_columns(wh.cast(pl.Int64) for wh in as_integer)
    if carried is None:
        carried = values.select("meter_id", *columns.values()).clear()
    left = carried.select("meter_id", *(pl.col(kwh).alias(f"left:{kwh}") for kwh in columns.values()))
    joined = measured.join(left, on="meter_id", how="left", maintain_order="left")
    differences = (_differenced(kwh).alias(wh) for wh, kwh in columns.items())
    return joined.with_columns(differences).drop(f"left:{kwh}" for kwh in columns.values())


def _wh(kwh: str) -> pl.Expr:
    return pl.col(kwh) * 1000


def _differenced(kwh: str) -> pl.Expr:
    before = _wh(f"left:{kwh}").fill_null(0) + _ABOVE_ZERO
    total = cells.rounded(_wh(kwh).cum_sum().over("meter_id") + before)
    return total - total.shift(1).over("meter_id").fill_null(cells.rounded(before))
