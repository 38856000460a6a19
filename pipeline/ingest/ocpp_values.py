"""Sampled values of OCPP messages to quantities: one row a reading, exact whole Wh and W.

What a value means stands in its attributes, of which a log has few combinations: they are looked up once each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.ingest import cells
from pipeline.ingest.ocpp_columns import ATTRIBUTES, REFUSED_COLUMNS, Decoded
from pipeline.ingest.ocpp_names import MEASURANDS, PLACEHOLDER, RANGES

_QUANTITIES: Final = ("energy_import_wh", "energy_export_wh", "power_in_w", "power_out_w", "soc_pct")
_QUANTITY: Final = pl.Enum(_QUANTITIES)


@dataclass
class Ignored:
    """What was passed over among the values of a log."""

    others: Counter[str] = field(default_factory=Counter)
    special: int = 0

    def add(self, more: Ignored) -> None:
        """Count what else was passed over."""
        self.others.update(more.others)
        self.special += more.special

    def notes(self) -> tuple[str, ...]:
        """Say what and how many."""
        notes = []
        if self.others:
            names = ", ".join(name[:60] for name in sorted(self.others)[:10])
            notes.append(f"{self.others.total()} values of other measurands ignored: {names}")
        if self.special:
            notes.append(f"{self.special} values of single phases or signed data ignored")
        return tuple(notes)


def measured(block: Decoded, dated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Ignored]:
    """Return (readings with a column a quantity and their context, values refused, what was passed over) of a block.

    `dated` are the readings to look at, those with a time, by number.
    """
    samples, ignored = block.columns.samples, Ignored()
    if dated.height < block.columns.readings.height:
        samples = samples.join(dated, on="reading", how="semi", maintain_order="left")
    meanings = _meanings(tuple(block.attributes.rows()))
    impossible = pl.col("reading").is_in(_impossible(samples, meanings).implode()).alias("impossible")
    if _has(samples, meanings.filter("known", "is_line")):
        samples = _with_phase_sums(samples, meanings)
    counts = meanings.join(samples.group_by("attributes").len(), on="attributes", maintain_order="left")
    for measurand, count in counts.filter(~pl.col("known")).select("measurand", "len").iter_rows():
        ignored.others[measurand] += count
    ignored.special = counts.filter("known", "special").select(pl.col("len").sum()).item()
    scaled = _scaled(_of(samples, meanings.filter(pl.col("known") & ~pl.col("special"))), meanings)
    values = scaled.filter(pl.col("number").is_not_null())
    quantities = _by_reading(dated.get_column("reading").to_numpy(), values, meanings)
    readings = pl.concat([dated, quantities], how="horizontal")
    context = _context(values, meanings).alias("context")
    return readings.with_columns(context, impossible), _refused(scaled, meanings, dated), ignored


def _of(samples: pl.DataFrame, meanings: pl.DataFrame) -> pl.DataFrame:
    """Return the samples whose attributes have one of some meanings."""
    return samples.filter(pl.col("attributes").is_in(meanings.get_column("attributes").implode()))


def _has(samples: pl.DataFrame, meanings: pl.DataFrame) -> bool:
    return not meanings.is_empty() and not _of(samples, meanings).is_empty()


def _told(samples: pl.DataFrame, meanings: pl.DataFrame, *names: str) -> list[pl.Series]:
    """Return what the attributes of each sample mean; row n of the meanings are those of the attributes n."""
    attributes = samples.get_column("attributes")
    return [meanings.get_column(name).gather(attributes) for name in names]


@lru_cache(maxsize=64)
def _meanings(rows: tuple[tuple[Any, ...], ...]) -> pl.DataFrame:
    """Return what each combination of attributes means: quantity, factor and bounds, null where its unit is unknown.

    Behind the combinations stand their like without a phase, which sums of phases have; `total` is the number of that.
    Blocks of a log mostly have the same combinations, so that they are looked up once.
    """
    given = pl.DataFrame(rows, schema=ATTRIBUTES, orient="row").with_columns(total=pl.col("attributes") + len(rows))
    attributes = pl.concat([given, given.with_columns(attributes=pl.col("total"), phase=pl.lit(""))])
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
            quantity=pl.col("column").cast(_QUANTITY).to_physical(),
        )
    )


def _impossible(samples: pl.DataFrame, meanings: pl.DataFrame) -> pl.Series:
    """Return the readings whose voltage no charger has: their other values are placeholders."""
    volts = _of(samples, meanings.filter(pl.col("measurand") == PLACEHOLDER["measurand"]))
    above = pl.col("value").cast(pl.Float64, strict=False) > PLACEHOLDER["above"]
    return volts.filter(above).get_column("reading").unique()


def _scaled(samples: pl.DataFrame, meanings: pl.DataFrame) -> pl.DataFrame:
    """Return samples with their exact `number` in Wh, W or percent; null where it is none within its bounds."""
    value = pl.col("value")
    whole = value.cast(pl.Int64, strict=False)
    number = pl.coalesce(whole.cast(cells.EXACT), cells.exact(pl.when(whole.is_null()).then(value)))
    factor, low, high = _told(samples, meanings, "factor", "low", "high")
    scaled = samples.with_columns(number=number * factor)
    return scaled.with_columns(number=pl.when(pl.col("number").is_between(low, high)).then("number"))


def _refused(scaled: pl.DataFrame, meanings: pl.DataFrame, dated: pl.DataFrame) -> pl.DataFrame:
    """Return the values of unknown units and those that are no number in their bounds."""
    wrong = scaled.filter(pl.col("number").is_null())
    wrong = wrong.join(meanings, on="attributes", maintain_order="left")
    wrong = wrong.join(dated.select("reading", "line"), on="reading", maintain_order="left")
    bad_unit = pl.col("factor").is_null()
    bad_units = wrong.filter(bad_unit).with_columns(value=pl.col("unit"), allowed=pl.col("units"))
    columns = [pl.col("measurand").alias("field") if name == "field" else pl.col(name) for name in REFUSED_COLUMNS]
    return pl.concat([bad_units.select(columns), wrong.filter(~bad_unit).select(columns)])


def _with_phase_sums(samples: pl.DataFrame, meanings: pl.DataFrame) -> pl.DataFrame:
    """Put the sum of L1, L2 and L3 in their place where a reading has a quantity by phase only."""
    key = ["reading", "measurand", "location", "context"]
    known = samples.with_row_index("row").join(meanings.filter("known"), on="attributes", maintain_order="left")
    totals = known.filter(pl.col("phase") == "").select("reading", "measurand")
    sums = (
        known.filter("is_line")
        .join(totals, on=["reading", "measurand"], how="anti", maintain_order="left")
        .with_columns(number=cells.exact(pl.col("value")))
        .filter(pl.col("number").is_not_null().all().over(key) & (pl.col("unit").n_unique().over(key) == 1))
        .unique([*key, "phase"], keep="first", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(pl.col("total").first().alias("attributes"), pl.col("number").sum().cast(pl.String).alias("value"))
    )
    parts = known.filter(pl.col("phase") != "").join(sums, on=key, how="semi", nulls_equal=True)
    kept = samples.with_row_index("row").join(parts, on="row", how="anti", maintain_order="left").drop("row")
    return pl.concat([kept, sums.select(kept.columns)])


def _by_reading(readings: NDArray[np.int64], values: pl.DataFrame, meanings: pl.DataFrame) -> pl.DataFrame:
    """Return a row a reading: the first value of each quantity, the outlet's before those of other locations."""
    quantity, outlet = (column.to_numpy() for column in _told(values, meanings, "quantity", "outlet"))
    reading = values.get_column("reading").to_numpy()
    found = {}
    for number, column in enumerate(_QUANTITIES):
        own = np.flatnonzero(quantity == number)
        own = own[np.argsort(reading[own] * 2 + ~outlet[own], kind="stable")]
        first = own[np.diff(reading[own], prepend=-1) > 0]
        place = np.full(readings.max(initial=-1) + 1, len(values), dtype=np.int64)
        place[reading[first]] = first
        # A charge keeps its text, not the decimal: a float of the same digits.
        stated = values.get_column("value" if column == "soc_pct" else "number")
        found[column] = pl.concat([stated, stated.clear(1)]).gather(place[readings])
    told = pl.any_horizontal(pl.col("power_in_w", "power_out_w").is_not_null())
    power = pl.col("power_in_w").fill_null(0) - pl.col("power_out_w").fill_null(0)
    return pl.DataFrame(found).select(
        cells.rounded(pl.col("energy_import_wh", "energy_export_wh")),
        cells.rounded(pl.when(told).then(power)).alias("power_w"),
        pl.col("soc_pct").cast(pl.Float64),
    )


def _context(values: pl.DataFrame, meanings: pl.DataFrame) -> pl.Expr:
    """Return begin, end or sample: as the message says, or the context of one of its values."""

    def said(context: str) -> pl.Expr:
        telling = _of(values, meanings.filter(pl.col("context") == context))
        return pl.col("reading").is_in(telling.get_column("reading").unique().implode())

    begins = (pl.col("kind") == "start") | said("Transaction.Begin")
    ends = (pl.col("kind") == "stop") | said("Transaction.End")
    return pl.when(ends).then(pl.lit("end")).when(begins).then(pl.lit("begin")).otherwise(pl.lit("sample"))
