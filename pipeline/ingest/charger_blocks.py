"""Canonical charger CSV of any size, block by block: the same values as reading it whole.

Blocks are handed on as they come while every charger's readings go on in time; any other file is read as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from pipeline.ingest import canonical_csv
from pipeline.ingest.canonical_blocks import OutOfOrderError, opened
from pipeline.ingest.canonical_csv import FORMAT, ignored_columns, or_no_rows, parsed_once, wrong_header
from pipeline.ingest.records import Records, empty_rejects, in_schema


def read_batches(path: Path, hints: Sequence[str], *, by_time: bool = False) -> Iterator[Records]:
    """Yield a large file's records piece by piece: together they are what reading it whole would give.

    Raises OutOfOrderError where a block holds a reading that is not later than its charger's in an earlier block; what
    came before counts for nothing then, and `by_time` reads the file at once.
    """
    header, blocks = opened(path)
    wrong = wrong_header(header, "charger")
    if wrong or by_time:
        yield wrong or canonical_csv.read(path, hints)
        return
    last: Mapping[str, datetime] = {}
    found = refused = repeated = 0
    for block in blocks:
        good, rejects, again = parsed_once(block.body, header, "charger", block.first_line)
        last = _carried_on(last, good)
        found, refused, repeated = found + good.height, refused + rejects.height, repeated + again
        frames = {"charger": in_schema(good.with_columns(context=pl.lit("sample")), "charger")} if good.height else {}
        yield Records(FORMAT, "charger", frames, rejects, (), block.last_line is not None, share=block.share)
    notes = ignored_columns(header, "charger")
    notes += (f"{repeated} repeated lines counted once",) if repeated else ()
    rejects = empty_rejects() if found or refused else or_no_rows(empty_rejects())
    yield Records(FORMAT, "charger", {}, rejects, notes, share=0.0)


def _carried_on(last: Mapping[str, datetime], good: pl.DataFrame) -> Mapping[str, datetime]:
    """Return the last moment of each charger so far; the rows are in order of charger and time.

    Two sessions that touch in a charger's first moment of a block lie a microsecond apart here: which of them had begun
    before, only the file as a whole tells.
    """
    moment = pl.col("measured_at")
    spans = good.group_by("charger_id").agg(first=moment.first(), second=moment.slice(1, 1).first(), last=moment.last())
    for charger, first, second, _ in spans.iter_rows():
        touches = second is not None and (second - first).total_seconds() <= 1e-6
        if touches or (charger in last and first <= last[charger]):
            raise OutOfOrderError("the file goes back in time, or parts sessions that touch")
    return {**last, **dict(spans.select("charger_id", "last").iter_rows())}
