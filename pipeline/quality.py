"""Findings about the data of a bill: what is missing, where, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from pipeline.domain import UTC

FINDING: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "name": pl.String,
    "source": pl.String,
    "span_from": UTC,
    "span_to": UTC,
    "value": pl.Float64,
    "unit": pl.String,
    "sentence": pl.String,
}


def gaps(windows: pl.DataFrame, present: str, *, name: str, source: str, what: str) -> pl.DataFrame:
    """Return one finding per unbroken run of windows where the boolean column `present` is false.

    `windows`: interval_start, duration_s [s], local_start and `present`; the value is the length of the run [h].
    """
    ordered = windows.sort("interval_start")
    runs = (
        ordered.with_columns(run=pl.col(present).rle_id())
        .filter(~pl.col(present))
        .group_by("run", maintain_order=True)
        .agg(
            span_from=pl.col("interval_start").first(),
            span_to=(pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))).last(),
            value=pl.col("duration_s").sum() / 3600,
            local_from=pl.col("local_start").first(),
        )
    )
    sentence = pl.format(
        "{} {} from {} local time for {} h.",
        pl.lit(what),
        pl.lit("is missing"),
        pl.col("local_from").dt.strftime("%Y-%m-%d %H:%M"),
        pl.col("value").round(2),
    )
    return runs.select(
        pl.lit(name).alias("name"),
        pl.lit(source).alias("source"),
        "span_from",
        "span_to",
        "value",
        pl.lit("h").alias("unit"),
        sentence.alias("sentence"),
    ).cast(pl.Schema(FINDING))
