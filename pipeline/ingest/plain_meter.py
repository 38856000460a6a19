"""Lines of canonical meter CSV in their plainest spelling, a column at a time: ten times faster than any spelling."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from pipeline.domain import UTC
from pipeline.ingest import cells

_WHOLE: Final = r"^[1-9][0-9]{0,6}$"
_LONGEST_S: Final = 31_622_400
_LARGEST_KWH: Final = 10**9
_TIME: Final = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9])$"
_NAME: Final = r"^[^\s\x00-\x1f\x7f\x{fffd}](?:[^\x00-\x1f\x7f\x{fffd}]{0,198}\S)?$"
_CLOCK: Final = "%Y-%m-%dT%H:%M:%S"
_CLOCK_LENGTH: Final = 19
_MOST_OFFSETS: Final = 8
_FEW: Final = {"meter_id": _NAME, "duration_s": _WHOLE}  # a block holds few different ones
_KWH: Final = ("import_kwh", "export_kwh")


def plain_values(
    block: bytes, header: Sequence[str], first_line: int, *, with_raw: bool = False
) -> pl.DataFrame | None:
    """Return line, raw and the five meter columns of every line, or None where any line is not plainly right.

    Whoever gets None reads the block by the general rules, which tell what is wrong; here no line is refused and none
    is changed, so both ways give the same values. `raw` is empty unless asked for.
    """
    table = _cells(block, header)
    if table is None or not _all_plain(table):
        return None
    at = _instants(table.get_column("interval_start"))
    if at is None:
        return None
    return table.select(
        pl.int_range(first_line, first_line + table.height, dtype=pl.Int64).alias("line"),
        (pl.Series(block.decode().split("\n")[: table.height]) if with_raw else pl.lit("")).alias("raw"),
        "meter_id",
        at.alias("interval_start"),
        pl.col("duration_s").cast(pl.Int64),
        *_KWH,
    )


def _cells(block: bytes, header: Sequence[str]) -> pl.DataFrame | None:
    """Split lines at their commas; None where a quote, a blank line or another count of cells asks for more care.

    The energies come as exact decimals: what is none, or has a blank behind it, is null.
    """
    height = block.count(b"\n") + (not block.endswith(b"\n"))
    if b'"' in block or b"\r" in block or block.count(b",") != height * (len(header) - 1) or _ends_in_a_dot(block):
        return None
    names = [f"column {number}" if header.count(name) > 1 or not name else name for number, name in enumerate(header)]
    try:
        table = pl.read_csv(
            io.BytesIO(block),
            has_header=False,
            schema={name: cells.EXACT if name in _KWH else pl.String for name in names},
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    return table if table.height == height else None


def _ends_in_a_dot(block: bytes) -> bool:
    """Whether a dot stands before no digit: a number may have been cut there, and Polars would not mind."""
    letters = np.frombuffer(block + b"\n", dtype=np.uint8)
    behind = letters[np.flatnonzero(letters == ord(".")) + 1]
    return bool(((behind < ord("0")) | (behind > ord("9"))).any())


def _all_plain(table: pl.DataFrame) -> bool:
    few = (table.get_column(name).unique().str.contains(rule) for name, rule in _FEW.items())
    if not all(matches.all(ignore_nulls=False) for matches in few):
        return False
    if table.get_column("duration_s").unique().cast(pl.Int64).max() > _LONGEST_S:  # type: ignore[operator]  # a line is there
        return False
    energies = (pl.col(name).is_between(0, _LARGEST_KWH).all(ignore_nulls=False) for name in _KWH)
    times = pl.col("interval_start").str.contains(_TIME).all(ignore_nulls=False)
    return all(table.select(times, *energies).row(0))


def _instants(texts: pl.Series) -> pl.Series | None:
    """UTC of well-formed times; None where a clock or a calendar has no such time, or offsets are many."""
    offsets = pl.Series(["Z"]) if texts.str.ends_with("Z").all() else texts.str.slice(_CLOCK_LENGTH)
    found = offsets.unique()
    if len(found) > _MOST_OFFSETS:
        return None
    local = texts.str.slice(0, _CLOCK_LENGTH).str.to_datetime(_CLOCK, time_unit="us", strict=False, cache=False)
    minutes = {offset: _minutes(offset) for offset in found}
    if len(minutes) == 1:
        east = pl.Series([next(iter(minutes.values()))], dtype=pl.Int64)
    else:
        east = offsets.replace_strict(minutes, return_dtype=pl.Int64)
    utc = local - (east * 60_000_000).cast(pl.Duration("us"))
    return None if utc.null_count() else utc.dt.replace_time_zone("UTC").cast(UTC)


def _minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    return (-1 if offset[0] == "-" else 1) * (int(offset[1:3]) * 60 + int(offset[4:6]))
