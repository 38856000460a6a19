"""Parquet with the columns of canonical CSV: the same rules, cell by cell."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest import canonical_csv
from pipeline.ingest.records import Records, refusal, refused

FORMAT: Final = "parquet"
DESCRIPTION: Final = "Parquet with the columns of canonical CSV"

_MAGIC: Final = b"PAR1"
_MOST_ROWS: Final = 50_000_000  # a few bytes can claim any number of rows
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, KeyError, pl.exceptions.PolarsError)


def sniff(head: bytes) -> bool:
    """Tell whether a file begins as Parquet files do."""
    return head.startswith(_MAGIC)


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read a Parquet file as the canonical CSV of the same columns; rows are counted from 1."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        kind = canonical_csv.nearest_kind(names)
        if not kind:
            return refused(FORMAT, refusal("file", "columns", ",".join(names)[:200], "the columns of canonical CSV"))
        if file.metadata.num_rows > _MOST_ROWS:
            return refused(FORMAT, refusal("file", "rows", str(file.metadata.num_rows), f"at most {_MOST_ROWS}"), kind)
        wanted = [name for name in names if name in canonical_csv.COLUMNS[kind]]
        frame = pl.DataFrame(pl.from_arrow(file.read(columns=wanted)))
        table = frame.select(_text(name, dtype) for name, dtype in frame.schema.items())
    except _BROKEN as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        return refused(FORMAT, refusal("file", "content", reason, "a whole Parquet file"))
    with tempfile.TemporaryDirectory(prefix="v2b-") as folder:
        as_csv = Path(folder) / "table.csv"
        table.write_csv(as_csv)
        found = canonical_csv.read(as_csv, hints)
    row = pl.col("position").str.extract(r"^line (\d+)$", 1).cast(pl.Int64) - 1
    rejects = found.rejects.with_columns(
        position=pl.coalesce(pl.when(row > 0).then(pl.format("row {}", row)), pl.lit("file"))
    )
    return replace(found, format=FORMAT, rejects=rejects)


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as canonical text; a line break in a name stays one bad cell."""
    if isinstance(dtype, pl.Datetime):
        zone = "Z" if dtype.time_zone else ""
        at = pl.col(name).dt.convert_time_zone("UTC") if dtype.time_zone else pl.col(name)
        return at.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.6f{zone}")
    text = pl.col(name).cast(pl.String, strict=False)
    return text.str.replace_all(r"[\r\n]", "\x01")
