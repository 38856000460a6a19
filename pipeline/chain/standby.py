"""What chargers draw outside their registers (`aux_w`): metered, no charge of a car, gone in a world without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from pipeline.domain import UTC
from pipeline.portfolio import Charger


def with_standby(windows: pl.DataFrame, readings: pl.DataFrame, chargers: Sequence[Charger]) -> pl.DataFrame:
    """Add standby_wh, what the chargers drew outside their registers in each window [Wh].

    `windows` with dead_s; a charger draws its `aux_w` from its first reading on, while the grid is alive. Rounded as a
    running total, so that windows sum to what was drawn.
    """
    first: Mapping[str, datetime] = dict(readings.group_by("charger_id").agg(pl.col("measured_at").min()).iter_rows())
    drawing = [c for c in chargers if c.aux_w and c.charger_id in first]
    watts = [
        pl.when(pl.col("interval_start") >= pl.lit(first[c.charger_id], dtype=UTC)).then(c.aux_w).otherwise(0)
        for c in drawing
    ]
    live_s = pl.col("duration_s") - pl.col("dead_s")
    drawn = windows.select(pl.sum_horizontal(watts) * live_s / 3600 if watts else pl.lit(0.0)).to_series().to_numpy()
    totals = np.rint(np.cumsum(np.broadcast_to(drawn, windows.height))).astype(np.int64)
    return windows.with_columns(standby_wh=pl.Series(np.diff(totals, prepend=0), dtype=pl.Int64))
