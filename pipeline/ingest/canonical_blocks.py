"""Canonical meter CSV of any size, block by block in bounded memory: the same values as reading it whole.

Blocks in order of time are handed on as they come. A file that runs against time is read once to see which days it
has, then once for every span of days that fits into memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import UTC, V2BError
from pipeline.ingest import cells
from pipeline.ingest.canonical_csv import (
    FORMAT,
    as_records,
    header_names,
    ignored_columns,
    last_line,
    nearest_kind,
    one_line_each,
    or_no_rows,
    parsed,
    parsed_beside,
    parsed_once,
    parted,
    reactive_beside,
    wrong_header,
)
from pipeline.ingest.records import Records, empty_rejects, joined_rejects
from pipeline.ingest.whole_wh import WHOLE, in_whole_wh

BLOCK_BYTES: Final = 4 << 20
LARGE_BYTES: Final = 4 * BLOCK_BYTES
_HEAD_BYTES: Final = 65_536
_LONGEST_LINE: Final = 1 << 20
_KEPT_OF_LONGER: Final = 4096
_ROWS_A_SPAN: Final = 1_000_000


class OutOfOrderError(V2BError):
    """Blocks cannot be handed on as they come."""


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, line ends made one byte; `last_line` is set in the last block of a torn file."""

    first_line: int
    body: bytes
    share: float  # of the file's bytes
    last_line: int | None = None


def is_large(path: Path, kind: str = "meter") -> bool:
    """Tell whether a file is a CSV of a kind too large to be read at once; every other one belongs to canonical_csv.

    One that cannot be opened is none: whoever reads it says so.
    """
    try:
        if not path.is_file() or path.stat().st_size < LARGE_BYTES:
            return False
        header, _, offset = _opening(path)
    except OSError:
        return False
    return nearest_kind(header) == kind and offset < _HEAD_BYTES


def opened(path: Path) -> tuple[list[str], Iterator[Block]]:
    """Return the header of a file and its lines in blocks."""
    return _opening(path)[0], _blocks(path)


def read_batches(path: Path, *, by_time: bool = False) -> Iterator[Records]:
    """Yield a large file's records piece by piece: together they are what reading it whole would give.

    Raises OutOfOrderError where a block holds an interval that is not later than one of an earlier block; what came
    before counts for nothing then, and `by_time` reads such a file.
    """
    header, _, _ = _opening(path)
    wrong = wrong_header(header, "meter")
    if wrong:
        yield wrong
        return
    notes, found, repeated = ignored_columns(header, "meter"), 0, 0
    refused_one = False
    for batch, again in _by_time(path, header) if by_time else _in_order(path, header):
        found += sum(frame.height for frame in batch.frames.values())
        refused_one |= batch.rejects.height > 0
        repeated += again
        yield batch
    if repeated:
        notes += (f"{repeated} repeated lines counted once",)
    rejects = empty_rejects() if found or refused_one else or_no_rows(empty_rejects())
    yield Records(FORMAT, "meter", {}, rejects, notes, share=0.0)


def _opening(path: Path) -> tuple[list[str], int, int]:
    """Return the header, the number of the line below it and where in the file that line begins."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    first_line, header, body = parted(head)
    return header_names(header), first_line, len(head) - len(body)


def _blocks(path: Path) -> Iterator[Block]:
    """Cut a file at line ends; of a line too long for any record only the beginning is kept, which no rule accepts."""
    _, line, offset = _opening(path)
    rest, size = b"", path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(offset)
        while read := stream.read(BLOCK_BYTES):
            text = rest + read
            cut = _behind_last_line(text)
            if not cut:
                rest = _shortened(text)
                continue
            stream.seek(cut - len(text), os.SEEK_CUR)  # to read the begun line again costs less than to carry it along
            body, rest = _one_line_end(text[:cut]), b""
            yield Block(line, body, cut / size)
            line += body.count(b"\n")
    if rest.strip():
        yield Block(line, rest, len(rest) / size, None if rest.endswith(b"\r") else last_line(rest, line))


def _behind_last_line(text: bytes) -> int:
    """Where the last line of a text ends, 0 if none does; the line feed behind a carriage return may be yet unread."""
    return max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1


def _one_line_end(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _shortened(line: bytes) -> bytes:
    """A line beyond every record's length, cut so that memory stays bounded and marked so that it stays refused."""
    if len(line) <= _LONGEST_LINE:
        return line
    return line[:_KEPT_OF_LONGER] + (b'"\r' if line.endswith(b"\r") else b'"')


def _in_order(path: Path, header: Sequence[str]) -> Iterator[tuple[Records, int]]:
    kinds = _kinds(header)
    carried = {kind: _nothing_carried(kind) for kind in kinds}
    for block in _blocks(path):
        good = {}
        good["meter"], rejects, repeated = parsed_once(block.body, header, "meter", block.first_line)
        if "reactive" in kinds:
            good["reactive"], more = parsed_beside(block.body, header, block.first_line, rejects)
            rejects = pl.concat([rejects, more])
        records, carried = _rounded(good, carried)
        yield replace(as_records("meter", records, rejects, (), block.last_line), share=block.share), repeated


def _by_time(path: Path, header: Sequence[str]) -> Iterator[tuple[Records, int]]:
    days: dict[date, int] = {}
    torn, kinds = None, _kinds(header)
    for block in _blocks(path):
        values, refused = parsed(block.body, header, "meter", block.first_line, with_raw=True)
        counts = values.group_by(pl.col("interval_start").dt.date().alias("day")).len()
        for day, count in counts.iter_rows():
            days[day] = days.get(day, 0) + count
        torn = block.last_line or torn
        rejects = joined_rejects([refused])
        if "reactive" in kinds:
            _, more = parsed_beside(block.body, header, block.first_line, rejects)
            rejects = pl.concat([rejects, more])
        yield replace(as_records("meter", {}, rejects, (), None), share=block.share / 2), 0
    carried = {kind: _nothing_carried(kind) for kind in kinds}
    spans = list(_spans(days))
    for first, last in spans:
        within = pl.col("interval_start").dt.date().is_between(first, last)
        good, lost, again = {}, [], {}
        for kind in kinds:
            exactly = pl.col(*WHOLE[kind].values()).cast(cells.EXACT)  # a block of whole Wh has fewer decimals
            parts = (parsed(block.body, header, kind, block.first_line, with_raw=True)[0] for block in _blocks(path))
            good[kind], disagreeing, again[kind] = one_line_each(
                pl.concat([part.filter(within).with_columns(exactly) for part in parts]), kind
            )
            lost.append(disagreeing)
        records, carried = _rounded(good, carried)
        rejects = joined_rejects(lost).unique("position", keep="first", maintain_order=True)
        yield replace(as_records("meter", records, rejects, (), torn), share=0.5 / len(spans)), again["meter"]


def _kinds(header: Sequence[str]) -> tuple[str, ...]:
    return ("meter", "reactive") if reactive_beside(header, "meter") else ("meter",)


def _rounded(
    good: Mapping[str, pl.DataFrame], carried: Mapping[str, pl.DataFrame]
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """Return the records in whole Wh or varh, and what the next block has to know."""
    records = {kind: in_whole_wh(values, kind, carried[kind]) for kind, values in good.items()}
    return records, {kind: _carried_on(carried[kind], values, kind) for kind, values in good.items()}


def _spans(days: dict[date, int]) -> Iterator[tuple[date, date]]:
    """First and last day of spans that hold at most so many rows, or one day."""
    first, rows = None, 0
    previous = None
    for day in sorted(days):
        if first is None or previous is None:
            first, rows = day, 0
        elif rows + days[day] > _ROWS_A_SPAN:
            yield first, previous
            first, rows = day, 0
        rows += days[day]
        previous = day
    if first is not None and previous is not None:
        yield first, previous


def _nothing_carried(kind: str) -> pl.DataFrame:
    left = dict.fromkeys(WHOLE[kind].values(), cells.EXACT)
    return pl.DataFrame(schema=pl.Schema({"meter_id": pl.String(), "last_start": UTC, **left}))


def _carried_on(carried: pl.DataFrame, good: pl.DataFrame, kind: str) -> pl.DataFrame:
    """What the next block has to know of each meter: its last interval, and the part of a Wh left over.

    Raises OutOfOrderError where the rows do not all come after those before them.
    """
    exact = list(WHOLE[kind].values())
    start, parted = pl.col("interval_start"), [kwh for kwh in exact if good.schema[kwh] != cells.TO_THE_WH]
    ends = (start.min().alias("first_start"), start.max().alias("last_start"))
    added = _of_each_meter(good, *ends, *(pl.col(kwh).sum() for kwh in parted))
    both = added.join(carried, on="meter_id", how="left", suffix=":before")
    if both.select((pl.col("first_start") <= pl.col("last_start:before")).any()).item():
        raise OutOfOrderError("the file goes back in time")
    left = (_left_over(kwh, f"{kwh}:before") if kwh in parted else pl.col(kwh).fill_null(0) for kwh in exact)
    now = both.select("meter_id", "last_start", *left).cast(carried.schema)
    return pl.concat([carried.join(added, on="meter_id", how="anti"), now])


def _left_over(kwh: str, before: str) -> pl.Expr:
    """What a sum leaves beside whole Wh, together with what was left before."""
    return ((pl.col(kwh) + pl.col(before).fill_null(0)) % pl.lit("0.001").cast(cells.EXACT)).alias(kwh)


def _of_each_meter(values: pl.DataFrame, *found: pl.Expr) -> pl.DataFrame:
    """Aggregate by meter; a block mostly holds one, and to see that costs less than to group its rows."""
    meters = cells.different(values.get_column("meter_id"))
    if len(meters) == 1:
        return values.select(pl.lit(meters.item()).alias("meter_id"), *found)
    return values.group_by("meter_id").agg(*found)
