"""Readings on the meter's clock."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def on_the_meters_clock(readings: pl.DataFrame, ahead_s: Mapping[str, float]) -> pl.DataFrame:
    """Return `domain.CHARGER_RECORD` with `measured_at` moved back by how far each charger's clock is ahead [s].

    A clock that is behind has a negative number; chargers that are not named keep their times.
    """
    if not ahead_s:
        return readings
    moved_ms = {charger_id: round(-1000 * seconds) for charger_id, seconds in ahead_s.items()}
    shift = pl.col("charger_id").replace_strict(moved_ms, default=0, return_dtype=pl.Int64)
    moved = pl.col("measured_at") + pl.duration(milliseconds=shift)
    return readings.with_columns(moved.cast(readings.schema["measured_at"]))
