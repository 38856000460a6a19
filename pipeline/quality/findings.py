"""The shape of a finding, and what all rules share."""

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

HOURS: Final = pl.col("duration_s").sum() / 3600
ENDS: Final = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))


def nothing_found() -> pl.DataFrame:
    """Return a table of findings without rows."""
    return pl.DataFrame(schema=dict(FINDING))


def in_time(windows: pl.DataFrame) -> pl.DataFrame:
    """Return windows by interval_start; as they came where they are so already, which costs far less."""
    return windows if windows.get_column("interval_start").is_sorted() else windows.sort("interval_start")


def local_text(column: str) -> pl.Expr:
    """Return a naive local time as YYYY-MM-DD HH:MM."""
    return pl.col(column).dt.strftime("%Y-%m-%d %H:%M")


def as_findings(rows: pl.DataFrame, name: str, source: pl.Expr, unit: str, sentence: pl.Expr) -> pl.DataFrame:
    """Return rows (span_from, span_to, value and what the sentence needs) as findings, in order of time."""
    if rows.is_empty():
        return nothing_found()
    found = rows.select(
        pl.lit(name).alias("name"),
        source.alias("source"),
        "span_from",
        "span_to",
        "value",
        pl.lit(unit).alias("unit"),
        sentence.alias("sentence"),
    )
    return found.cast(pl.Schema(FINDING)).sort("span_from", "source")
