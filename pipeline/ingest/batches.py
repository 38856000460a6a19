"""A file's records in pieces that fit into memory, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.ingest import canonical_blocks, charger_blocks, parquet
from pipeline.ingest.canonical_blocks import OutOfOrderError
from pipeline.ingest.formats import read_file
from pipeline.ingest.records import Records

__all__ = ["OutOfOrderError", "read_batches"]


def read_batches(path: Path, hints: Sequence[str], *, by_time: bool = False) -> Iterator[Records]:
    """Yield what `read_file` returns, a large file in several pieces that are loaded together or not at all.

    Raises OutOfOrderError in the middle of a large file that runs against time: begin again with `by_time`.
    """
    if canonical_blocks.is_large(path):
        yield from canonical_blocks.read_batches(path, by_time=by_time)
    elif canonical_blocks.is_large(path, "charger"):
        yield from charger_blocks.read_batches(path, hints, by_time=by_time)
    elif parquet.is_parquet(path):
        yield from parquet.read_batches(path, hints, by_time=by_time)
    else:
        yield read_file(path, hints)
