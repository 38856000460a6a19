"""The shape of a finding, and what all rules share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.calendars import instants_us, wall_clock_us
from pipeline.domain import UTC

FINDING: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "name": pl.String,
    "source": pl.String,
    "span_from": UTC,
    "span_to": UTC,
    "value": pl.Float64,
    "unit": pl.String,
    "sentence": pl.String,
}

Whole = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

SECOND_US: Final = 1_000_000
HOUR_S: Final = 3600
ENDS: Final = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
_NOTHING: Final = pl.DataFrame(schema=dict(FINDING))
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - of any clock: what it shows is counted from here


class Finding(NamedTuple):
    """One row of FINDING; its span in µs since 1970 UTC, its end None where nothing ended."""

    name: str
    source: str
    span_from: int
    span_to: int | None
    value: float
    unit: str
    sentence: str


def table(findings: Iterable[Finding]) -> pl.DataFrame:
    """Return findings in the shape of FINDING, in order of time."""
    rows = sorted(findings, key=lambda row: (row.span_from, row.source))
    if not rows:
        return _NOTHING
    columns = zip(FINDING.items(), zip(*rows, strict=True), strict=True)
    return pl.DataFrame([pl.Series(name, values).cast(kind) for (name, kind), values in columns])


def nothing_found() -> pl.DataFrame:
    """Return a table of findings without rows."""
    return _NOTHING


def joined(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of some tables of findings, one after the other."""
    found = [rows for rows in tables if rows.height]
    return pl.concat(found) if found else _NOTHING


def wall_time(shown_us: int) -> str:
    """Return what a wall clock shows, in µs since its own 1970, as YYYY-MM-DD HH:MM."""
    return f"{_EPOCH + timedelta(microseconds=int(shown_us)):%Y-%m-%d %H:%M}"


def local_time(at_us: int, zone: str) -> str:
    """Return an instant [µs UTC] as the wall clock of a zone shows it."""
    return wall_time(int(wall_clock_us(np.array([at_us]), zone)[0]))


def rounded(value: float, digits: int) -> float:
    """Return a value rounded to decimal digits as arrays and frames round: half to even of the scaled value."""
    return float(np.round(value, digits))


def in_time(windows: pl.DataFrame) -> pl.DataFrame:
    """Return windows by interval_start; as they came where they are so already, which costs far less."""
    return windows if windows.get_column("interval_start").is_sorted() else windows.sort("interval_start")


def whole_span(windows: pl.DataFrame) -> tuple[int, int]:
    """Return when the first window begins and the last one ends [µs UTC]; `windows` are those of a bill."""
    starts = instants_us(windows.get_column("interval_start"))
    return int(starts.min()), int((starts + windows.get_column("duration_s").to_numpy() * SECOND_US).max())


def runs(flags: Flags) -> Whole:
    """Return where unbroken runs of true begin and where they end, a row each."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return turns.reshape(-1, 2)


def nearest_quantile(values: Numbers | Whole, share: float) -> float:
    """Return the value nearest to a quantile [0-1] of some values, half places counted up."""
    place = int(np.floor((len(values) - 1) * share + 0.5))
    return float(np.partition(values, place)[place])
