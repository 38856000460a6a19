"""Times in their plainest spelling, a column at a time: letter by letter, far faster than by an expression."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.domain import UTC
from pipeline.ingest import cells

_OFFSET: Final = r"^(?:Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9])$"
_LEAST_CLOCK: Final = np.frombuffer(b"2000-00-00T00:00:00", dtype=np.uint8)
_MOST_CLOCK: Final = np.frombuffer(b"2099-19-39T29:59:59", dtype=np.uint8)
_LEAST_IN_UTC: Final = np.append(_LEAST_CLOCK, np.uint8(ord("Z")))
_MOST_IN_UTC: Final = np.append(_MOST_CLOCK, np.uint8(ord("Z")))
_MONTHS: Final = np.arange("2000-01", "2100-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
_DAYS_OF_MONTH: Final = np.diff(_MONTHS)
_MOST_OFFSETS: Final = 8


def utc(texts: pl.Series) -> pl.Series:
    """Return what `cells.utc` does, null included: letter by letter where all texts are plain."""
    found = instants(texts) if len(texts) else None
    if found is None:
        return texts.to_frame("text").select(cells.utc(pl.col("text"))).to_series()
    return found


def instants(texts: pl.Series) -> pl.Series | None:
    """Return UTC [microseconds] of well-formed times with offset; None where any is written otherwise or never was."""
    in_utc = _clocks(texts, _LEAST_IN_UTC, _MOST_IN_UTC)
    if in_utc is not None:
        return (pl.Series(in_utc) * 1_000_000).cast(UTC)
    length = len(_LEAST_CLOCK)
    offsets = texts.str.slice(length)
    found = offsets.unique()
    if len(found) > _MOST_OFFSETS or not found.str.contains(_OFFSET).all(ignore_nulls=False):
        return None
    local = _clocks(texts.str.slice(0, length), _LEAST_CLOCK, _MOST_CLOCK)
    if local is None:
        return None
    minutes = {offset: _minutes(offset) for offset in found}
    if len(minutes) == 1:
        east = pl.Series([next(iter(minutes.values()))], dtype=pl.Int64)
    else:
        east = offsets.replace_strict(minutes, return_dtype=pl.Int64)
    return ((pl.Series(local) - east * 60) * 1_000_000).cast(UTC)


def _clocks(texts: pl.Series, least: NDArray[np.uint8], most: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Seconds from 1970 of clocks such as 2013-07-01T00:30:00 [s]; None where one is written otherwise or never was.

    Letter by letter, all rows at once: a third of the time that Polars takes to look at a text and to parse it.
    """
    count, length = len(texts), len(least)
    if (texts.str.len_bytes() != length).any():  # what one lacks another could have too much
        return None
    letters = np.frombuffer(str(texts.str.join().item()).encode(), dtype=np.uint8)
    if len(letters) != count * length:
        return None
    above = letters - np.tile(least, count)  # what is below wraps around to far above
    if (above > np.tile(most - least, count)).any():
        return None
    digits = above.reshape(count, length)
    year, month, day, hour, minute, second = (
        10 * digits[:, at] + digits[:, at + 1] for at in range(2, len(_LEAST_CLOCK), 3)
    )
    if month.min() < 1 or month.max() > 12 or day.min() < 1 or hour.max() > 23:
        return None
    months = year.astype(np.int64) * 12 + month - 1
    if (day > _DAYS_OF_MONTH[months]).any():
        return None
    days = _MONTHS[months] + day - 1
    clock: NDArray[np.int64] = ((days * 24 + hour) * 60 + minute) * 60 + second
    return clock


def _minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    return (-1 if offset[0] == "-" else 1) * (int(offset[1:3]) * 60 + int(offset[4:6]))
