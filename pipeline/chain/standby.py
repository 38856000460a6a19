"""What chargers draw outside their registers (`aux_w`): metered, no charge of a car, gone in a world without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.portfolio import Charger


def with_standby(windows: pl.DataFrame, readings: pl.DataFrame, chargers: Sequence[Charger]) -> pl.DataFrame:
    """Add standby_wh, what the chargers drew outside their registers in each window [Wh].

    `windows` with dead_s; a charger draws its `aux_w` from its first reading on, while the grid is alive. Rounded as a
    running total, so that windows sum to what was drawn.
    """
    drawing = {charger.charger_id: charger.aux_w for charger in chargers if charger.aux_w}
    watts = np.zeros(windows.height, dtype=np.int64)
    if drawing:
        heard = readings.group_by("charger_id").agg(pl.col("measured_at").min())
        starts, first = instants_us(windows.get_column("interval_start")), instants_us(heard.get_column("measured_at"))
        for charger_id, begin in zip(heard.get_column("charger_id"), first, strict=True):
            watts += np.where(starts >= begin, drawing.get(charger_id, 0), 0)
    live_s = windows.get_column("duration_s").to_numpy() - windows.get_column("dead_s").to_numpy()
    totals = np.rint(np.cumsum(watts * live_s / 3600)).astype(np.int64)
    return windows.hstack([pl.Series("standby_wh", np.diff(totals, prepend=0))])
