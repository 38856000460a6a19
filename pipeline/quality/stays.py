"""Charging sessions that cannot all be true: one charger with two cars, one car at two chargers."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.quality.findings import as_findings

SHARED_S: Final = 120
"""Two clocks that are each a minute off make sessions touch by two minutes."""


def overlapping_sessions(sessions: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return sessions that begin before the last one of the same charger or car has ended; the value is minutes.

    `sessions`: charger_id, vehicle_id, plugged_in_at, plugged_out_at (open ones are left out).
    """
    closed = sessions.drop_nulls("plugged_out_at").select("charger_id", "vehicle_id", "plugged_in_at", "plugged_out_at")
    return pl.concat(
        [
            _shared(closed, "charger_id", "Charger {} has two sessions at once", zone),
            _shared(closed, "vehicle_id", "Car {} is in two sessions at once", zone),
        ]
    )


def _shared(sessions: pl.DataFrame, column: str, told: str, zone: str) -> pl.DataFrame:
    ordered = sessions.drop_nulls(column).sort(column, "plugged_in_at", "plugged_out_at")
    until = pl.col("plugged_out_at").cum_max().shift().over(column)
    followed = ordered.with_columns(until=until).drop_nulls("until")
    found = followed.with_columns(
        span_from=pl.col("plugged_in_at"), span_to=pl.min_horizontal("until", "plugged_out_at")
    ).filter((pl.col("span_to") - pl.col("span_from")).dt.total_seconds() > SHARED_S)
    found = found.with_columns(value=(pl.col("span_to") - pl.col("span_from")).dt.total_seconds() / 60)
    sentence = pl.format(
        told + " from {} local time for {} minutes.",
        column,
        pl.col("span_from").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M"),
        pl.col("value").round(1),
    )
    return as_findings(found, "session.overlap", pl.col(column), "min", sentence)
