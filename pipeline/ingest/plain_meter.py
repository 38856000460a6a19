"""Lines of canonical meter CSV in their plainest spelling, a column at a time: ten times faster than any spelling."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import polars as pl

from pipeline.domain import UTC
from pipeline.ingest import cells

_WHOLE: Final = r"^[1-9][0-9]{0,6}$"
_KWH: Final = r"^[0-9]{1,8}(?:\.[0-9]{1,9})?$"
_TIME: Final = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9])$"
_CLOCK_LENGTH: Final = 19
_MOST_OFFSETS: Final = 8


def plain_values(
    block: bytes, header: Sequence[str], first_line: int, *, with_raw: bool = False
) -> pl.DataFrame | None:
    """Return line, raw and the five meter columns of every line, or None where any line is not plainly right.

    Whoever gets None reads the block by the general rules, which tell what is wrong; here no line is refused and none
    is changed, so both ways give the same values. `raw` is empty unless asked for.
    """
    table = _text_cells(block, header)
    if table is None or not _all_plain(table):
        return None
    at = _instants(table.get_column("interval_start"))
    if at is None:
        return None
    raw = pl.concat_str(pl.col(table.columns).fill_null(""), separator=",") if with_raw else pl.lit("")
    values = table.lazy().select(
        pl.int_range(first_line, first_line + table.height, dtype=pl.Int64).alias("line"),
        raw.alias("raw"),
        "meter_id",
        at.alias("interval_start"),
        pl.col("duration_s").cast(pl.Int64),
        pl.col("import_kwh").cast(cells.EXACT, strict=False),
        pl.col("export_kwh").cast(cells.EXACT, strict=False),
    )
    found = values.collect()
    too_long = found.get_column("duration_s").max() > 31_622_400  # type: ignore[operator]  # there is a line
    return None if too_long or any(found.null_count().row(0)) else found


def _text_cells(block: bytes, header: Sequence[str]) -> pl.DataFrame | None:
    """Split lines at their commas; None where a quote, a blank line or another count of cells asks for more care."""
    height = block.count(b"\n") + (not block.endswith(b"\n"))
    if b'"' in block or b"\r" in block or block.count(b",") != height * (len(header) - 1):
        return None
    names = [f"column {number}" if header.count(name) > 1 or not name else name for number, name in enumerate(header)]
    try:
        table = pl.read_csv(
            io.BytesIO(block),
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    return table if table.height == height else None


def _all_plain(table: pl.DataFrame) -> bool:
    names = table.get_column("meter_id").unique()
    good_names = names.str.contains(r"^[^\s\x00-\x1f\x7f\x{fffd}](?:[^\x00-\x1f\x7f\x{fffd}]{0,198}\S)?$").all(
        ignore_nulls=False
    )
    patterns = {"interval_start": _TIME, "duration_s": _WHOLE, "import_kwh": _KWH, "export_kwh": _KWH}
    plain = (pl.col(name).str.contains(pattern).all(ignore_nulls=False) for name, pattern in patterns.items())
    checks = table.lazy().select(plain)
    return bool(good_names and all(checks.collect().row(0)))


def _instants(texts: pl.Series) -> pl.Series | None:
    """UTC of well-formed times; None where a clock or a calendar has no such time, or offsets are many."""
    offsets = texts.str.slice(_CLOCK_LENGTH).alias("offset")
    found = offsets.unique()
    if len(found) > _MOST_OFFSETS:
        return None
    local = texts.str.slice(0, _CLOCK_LENGTH).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
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
