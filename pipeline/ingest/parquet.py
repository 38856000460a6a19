"""Parquet with the columns of canonical CSV: the same rules, cell by cell."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.domain import V2BError
from pipeline.ingest import canonical_blocks, canonical_csv, charger_blocks
from pipeline.ingest.records import Records, refusal, refused

FORMAT: Final = "parquet"
DESCRIPTION: Final = "Parquet with the columns of canonical CSV"

_MAGIC: Final = b"PAR1"
_ROWS_AT_ONCE: Final = 65_536
_MOST_ROWS: Final = 50_000_000  # a few bytes can claim any number of rows
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, KeyError, pl.exceptions.PolarsError)


def sniff(head: bytes) -> bool:
    """Tell whether a file begins as Parquet files do."""
    return head.startswith(_MAGIC)


def is_parquet(path: Path) -> bool:
    """Tell whether a path is a file that begins as Parquet does; one that cannot be read is none."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return sniff(stream.read(len(_MAGIC)))
    return False


def is_long(path: Path) -> bool:
    """Tell whether a Parquet file says that it holds many rows, however few bytes they take."""
    if not is_parquet(path):
        return False
    try:
        return bool(pq.read_metadata(path).num_rows > _ROWS_AT_ONCE)
    except _BROKEN:
        return False  # whoever reads it says so


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read a Parquet file as the canonical CSV of the same columns; rows are counted from 1."""
    with tempfile.TemporaryDirectory(prefix="v2b-") as folder:
        table = Path(folder) / "table.csv"
        wrong = _write_csv(path, table)
        return _by_row(canonical_csv.read(table, hints)) if wrong is None else wrong


def read_batches(path: Path, hints: Sequence[str], *, by_time: bool = False) -> Iterator[Records]:
    """Yield what `read` returns, a meter's table in several pieces; needs room on disk for the table as CSV.

    Raises OutOfOrderError as canonical_blocks does: begin again with `by_time`.
    """
    with tempfile.TemporaryDirectory(prefix="v2b-") as folder:
        table = Path(folder) / "table.csv"
        wrong = _write_csv(path, table)
        if wrong is not None:
            yield wrong
        elif canonical_blocks.is_large(table):
            yield from map(_by_row, canonical_blocks.read_batches(table, by_time=by_time))
        elif canonical_blocks.is_large(table, "charger"):
            yield from map(_by_row, charger_blocks.read_batches(table, hints, by_time=by_time))
        else:
            yield _by_row(canonical_csv.read(table, hints))


def _write_csv(path: Path, table: Path) -> Records | None:
    """Write the rows as canonical CSV, some at a time; returns the refusal of a file that has none to write."""
    try:
        with pq.ParquetFile(path) as file, table.open("wb") as out:
            names = file.schema_arrow.names
            kind = canonical_csv.nearest_kind(names)
            if not kind:
                return refused(
                    FORMAT, refusal("file", "columns", ",".join(names)[:200], "the columns of canonical CSV")
                )
            if file.metadata.num_rows > _MOST_ROWS:
                rows = str(file.metadata.num_rows)
                return refused(FORMAT, refusal("file", "rows", rows, f"at most {_MOST_ROWS}"), kind)
            wanted = [name for name in names if name in canonical_csv.COLUMNS[kind]]
            pl.DataFrame(schema=wanted).write_csv(out)
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
                frame = pl.DataFrame(pl.from_arrow(batch)).select(wanted)
                cells = frame.select(_text(name, dtype) for name, dtype in frame.schema.items())
                _append(cells, out)
    except _BROKEN as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        return refused(FORMAT, refusal("file", "content", reason, "a whole Parquet file"))
    return None


def _append(cells: pl.DataFrame, out: BinaryIO) -> None:
    """Write some rows; a full disk is no fault of the file, so it ends the run and is not told as one."""
    try:
        cells.write_csv(out, include_header=False)
    except OSError as error:
        raise V2BError(f"a Parquet file needs room for temporary files in {tempfile.gettempdir()}: {error}") from None


def _by_row(found: Records) -> Records:
    """Records of the table as those of its Parquet file: a line of the one is a row of the other."""
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
        return at.dt.cast_time_unit("us").dt.to_string(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    text = pl.col(name).cast(pl.String, strict=False)
    return text.str.replace_all(r"[\r\n]", "\x01")
