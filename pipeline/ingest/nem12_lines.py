"""The lines of a NEM12 file, each with the record it stands below; what stands nowhere is refused."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.domain import REJECT

_PARENTS: Final = {
    "200": (["100"], "a 100 record (100,NEM12,...) above it"),
    "250": (["100"], "a 100 record (100,NEM13,...) above it"),
    "300": (["200"], "a 200 record that was read above it"),
    "400": (["300"], "a 300 record that was read above it"),
}
_KNOWN: Final = ["100", "200", "250", "300", "400", "500", "550", "900"]
_NO_INTERVALS: Final = (
    "interval data (NEM12): an accumulated register read by hand (NEM13) does not tell when the energy flowed"
)


def placed(text: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (lines, rejects): line number, raw text, cells, record, and the line a record belongs to (`parent`).

    `record` is empty where a line was refused: no known record, or one that stands below no record it may stand below.
    """
    raw = pl.Series("raw", text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), dtype=pl.String)
    lines = raw.to_frame().with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))
    lines = lines.filter(pl.col("raw").str.strip_chars(" \t,") != "").with_columns(cell=pl.col("raw").str.split(","))
    lines = lines.with_columns(record=pl.col("cell").list.get(0).str.strip_chars(' "\t'))
    known = pl.col("record").is_in(_KNOWN)
    version = pl.col("cell").list.get(1, null_on_oob=True).str.strip_chars(' "\t').str.to_uppercase()
    bad_header = (pl.col("record") == "100") & ~version.is_in(["NEM12", "NEM13"]).fill_null(value=False)
    refused = [
        rejects(lines.filter(~known), "record", pl.col("record").str.slice(0, 80), ", ".join(_KNOWN)),
        rejects(lines.filter(bad_header), "version", version, "NEM12"),
        rejects(lines.filter(pl.col("record") == "250"), "record", pl.lit("250"), _NO_INTERVALS),
    ]
    lines = lines.with_columns(
        record=pl.when(known & ~bad_header & (pl.col("record") != "250")).then("record").otherwise(pl.lit(""))
    )
    for record in ("200", "300", "400"):
        lines, orphans = _below(lines, record)
        refused.append(orphans)
    return lines, pl.concat(refused)


def _below(lines: pl.DataFrame, record: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mark the line each of these records belongs to; refuse those that have none."""
    parents, allowed = _PARENTS[record]
    rank = ["100", "200", "300"]
    above = [*rank[: rank.index(parents[0]) + 1], "900"]
    # A refused line breaks the chain as well: what follows a 200 that was not read must not join the one before it.
    first = pl.col("cell").list.get(0).str.strip_chars(' "\t')
    stands = first.is_in(above)
    owner = pl.when(stands).then(pl.col("record")).forward_fill()
    owner_line = pl.when(stands).then(pl.col("line")).forward_fill()
    here = pl.col("record") == record
    lost = here & ~owner.is_in(parents).fill_null(value=False)
    kept = (
        pl.when(here).then(owner_line).otherwise("parent")
        if "parent" in lines.columns
        else pl.when(here).then(owner_line)
    )
    marked = lines.with_columns(kept.alias("parent"), lost.alias("lost"))
    orphans = rejects(marked.filter("lost"), "record", pl.col("record"), allowed)
    unlost = pl.when("lost").then(pl.lit("")).otherwise("record")
    return marked.with_columns(record=unlost).drop("lost"), orphans


def rejects(lines: pl.DataFrame, field: str, value: pl.Expr, allowed: str | pl.Expr) -> pl.DataFrame:
    """Return a reject for each of the lines (columns line, raw), with its line number for sorting."""
    return lines.select(
        "line",
        pl.format("line {}", "line").alias("position"),
        pl.lit(field).alias("field"),
        value.cast(pl.String).fill_null("").alias("value"),
        (pl.lit(allowed) if isinstance(allowed, str) else allowed).alias("allowed"),
        "raw",
    ).select("line", *REJECT)
