"""Sampled values of OCPP messages to quantities: one row a reading, exact whole Wh and W.

What a value means stands in its attributes, of which a log has few combinations: they are looked up once each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from pipeline.ingest import cells
from pipeline.ingest.ocpp_columns import REFUSED_COLUMNS, Decoded
from pipeline.ingest.ocpp_names import MEASURANDS, PLACEHOLDER, RANGES

_QUANTITIES: Final = ("energy_import_wh", "energy_export_wh", "power_in_w", "power_out_w", "soc_pct")
_QUANTITY: Final = pl.Enum(_QUANTITIES)


@dataclass
class Ignored:
    """What was passed over among the values of a log."""

    others: Counter[str] = field(default_factory=Counter)
    special: int = 0

    def notes(self) -> tuple[str, ...]:
        """Say what and how many."""
        notes = []
        if self.others:
            names = ", ".join(name[:60] for name in sorted(self.others)[:10])
            notes.append(f"{self.others.total()} values of other measurands ignored: {names}")
        if self.special:
            notes.append(f"{self.special} values of single phases or signed data ignored")
        return tuple(notes)


def measured(block: Decoded, dated: pl.DataFrame, ignored: Ignored) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (readings with a column a quantity and their context, values refused) of a block.

    `dated` are the readings to look at, those with a time, by number; `ignored` counts what is passed over.
    """
    lines = dated.select("reading", "line")
    samples = block.columns.samples.join(lines, on="reading", maintain_order="left")
    meanings = _meanings(block.attributes)
    known = samples.join(meanings, on="attributes", maintain_order="left")
    _count_others(known.filter(~pl.col("known")), ignored)
    summed = _with_phase_sums(known.filter("known"))
    ignored.special += summed.filter("special").height
    scaled = summed.filter(~pl.col("special")).with_columns(number=_scaled(pl.col("value")))
    values = scaled.select("reading", "quantity", "value", "number", "outlet", "context").drop_nulls("number")
    quantities = _by_reading(dated.select("reading", "kind"), values)
    quantities = quantities.with_columns(impossible=pl.col("reading").is_in(_impossible(known).implode()))
    return dated.join(quantities, on="reading", how="left", maintain_order="left"), _refused(scaled)


def _meanings(attributes: pl.DataFrame) -> pl.DataFrame:
    """Return what each combination of attributes means: column, factor and bounds, null where its unit is unknown."""
    defaults = MEASURANDS.unique("measurand", keep="first").select("measurand", default_unit="unit", known=True)
    units = MEASURANDS.with_columns(unit_key=pl.col("unit").str.to_lowercase()).drop("unit")
    allowed = MEASURANDS.group_by("measurand").agg(pl.col("unit").sort().str.join(" or ").alias("units"))
    bounds = pl.DataFrame(
        [(name, *bound) for name, bound in RANGES.items()], schema=["column", "low", "high", "allowed"], orient="row"
    )
    named = attributes.join(defaults, on="measurand", how="left", maintain_order="left")
    meant = pl.coalesce("unit", "default_unit").str.to_lowercase().alias("unit_key")
    is_line = pl.col("phase").str.contains("^L[123](-N)?$") & (pl.col("measurand") != "SoC")
    return (
        named.with_columns(meant, pl.col("known").fill_null(value=False))
        .join(units, on=["measurand", "unit_key"], how="left", maintain_order="left")
        .join(allowed, on="measurand", how="left", maintain_order="left")
        .join(bounds, on="column", how="left", maintain_order="left")
        .with_columns(
            special=(pl.col("phase") != "") | (pl.col("format") == "SignedData"),
            is_line=is_line,
            outlet=pl.col("location").is_in(["", "Outlet"]),
            quantity=pl.col("column").cast(_QUANTITY),
        )
    )


def _count_others(others: pl.DataFrame, ignored: Ignored) -> None:
    for measurand, count in others.group_by("measurand").len().iter_rows():
        ignored.others[measurand] += count


def _impossible(known: pl.DataFrame) -> pl.Series:
    """Return the readings whose voltage no charger has: their other values are placeholders."""
    volts = known.filter(pl.col("measurand") == PLACEHOLDER["measurand"])
    above = pl.col("value").cast(pl.Float64, strict=False) > PLACEHOLDER["above"]
    return volts.filter(above).get_column("reading").unique()


def _scaled(value: pl.Expr) -> pl.Expr:
    number = cells.exact(value) * pl.col("factor")
    return pl.when(number.is_between(pl.col("low"), pl.col("high"))).then(number)


def _refused(scaled: pl.DataFrame) -> pl.DataFrame:
    """Return the values of unknown units and those that are no number in their bounds."""
    bad_unit = pl.col("factor").is_null()
    bad_units = scaled.filter(bad_unit).with_columns(value=pl.col("unit"), allowed=pl.col("units"))
    bad_values = scaled.filter(~bad_unit & pl.col("number").is_null())
    columns = [pl.col("measurand").alias("field") if name == "field" else pl.col(name) for name in REFUSED_COLUMNS]
    return pl.concat([bad_units.select(columns), bad_values.select(columns)])


def _with_phase_sums(known: pl.DataFrame) -> pl.DataFrame:
    """Add the sum of L1, L2 and L3 where a reading has a quantity by phase only."""
    key = ["reading", "measurand", "location", "context"]
    lines = known.filter("is_line")
    if lines.is_empty():
        return known
    totals = known.filter(pl.col("phase") == "").select("reading", "measurand")
    sums = (
        lines.join(totals, on=["reading", "measurand"], how="anti")
        .with_columns(number=cells.exact(pl.col("value")))
        .filter(pl.col("number").is_not_null().all().over(key) & (pl.col("unit").n_unique().over(key) == 1))
        .unique([*key, "phase"], keep="first", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(pl.exclude("value", "phase", "number").first(), pl.col("number").sum().cast(pl.String).alias("value"))
        .with_columns(phase=pl.lit(""), special=pl.col("format") == "SignedData")
    )
    summed = sums.select(key).with_columns(summed=pl.lit(value=True))
    rest = known.join(summed, on=key, how="left", nulls_equal=True, maintain_order="left")
    kept = rest.filter(pl.col("summed").is_null() | (pl.col("phase") == "")).drop("summed")
    return pl.concat([kept, sums.select(kept.columns)])


def _by_reading(readings: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Return a row a reading: the first value of each quantity, the outlet's before those of other locations."""
    wide = readings
    for column in _QUANTITIES:
        own = values.filter(pl.col("quantity") == column)
        if not own["outlet"].all():
            own = own.sort(~pl.col("outlet"), maintain_order=True)
        first = own.filter(pl.col("reading").is_first_distinct())
        # A charge keeps its text, not the decimal: a float of the same digits.
        number = pl.col("value").cast(pl.Float64) if column == "soc_pct" else pl.col("number")
        wide = wide.join(first.select("reading", number.alias(column)), on="reading", how="left", maintain_order="left")
    power = pl.col("power_in_w").fill_null(0) - pl.col("power_out_w").fill_null(0)
    told = pl.any_horizontal(pl.col("power_in_w", "power_out_w").is_not_null())
    return wide.select(
        "reading",
        cells.rounded(pl.col("energy_import_wh")).alias("energy_import_wh"),
        cells.rounded(pl.col("energy_export_wh")).alias("energy_export_wh"),
        cells.rounded(pl.when(told).then(power)).alias("power_w"),
        "soc_pct",
        _context(values).alias("context"),
    )


def _context(values: pl.DataFrame) -> pl.Expr:
    """Return begin, end or sample: as the message says, or the context of one of its values."""

    def said(context: str) -> pl.Expr:
        return pl.col("reading").is_in(values.filter(pl.col("context") == context)["reading"].unique().implode())

    begins = (pl.col("kind") == "start") | said("Transaction.Begin")
    ends = (pl.col("kind") == "stop") | said("Transaction.End")
    return pl.when(ends).then(pl.lit("end")).when(begins).then(pl.lit("begin")).otherwise(pl.lit("sample"))
