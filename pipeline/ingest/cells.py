"""Text to values, a column at a time: what a cell may hold, and null where it holds something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipeline.domain import UTC

EXACT = pl.Decimal(38, 18)  # kWh with 18 decimals: rounding happens once, later, at the running total
TO_THE_WH = pl.Decimal(38, 3)  # kWh or kvarh that are whole Wh or varh: nothing is left to round
_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"  # Polars' own, but for a dot without digits
_TIME = (
    r"^(?P<day>20[0-9]{2}-[0-9]{2}-[0-9]{2})[Tt ](?P<clock>[0-9]{2}:[0-9]{2})"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hour>[0-9]{2}):?(?P<minute>[0-5][0-9])?)$"
)
TIME_ALLOWED = "a time from 2000 to 2099 with offset or Z, such as 2013-07-10T13:00:00+09:00"


@dataclass(frozen=True)
class Cell:
    """One column of a file: how its text is read (null where it is wrong) and what is allowed."""

    read: Callable[[pl.Expr], pl.Expr]
    allowed: str
    optional: bool = False


def different(texts: pl.Series) -> pl.Series:
    """Return the different texts of a column; mostly there is one, and to see that costs less than to hash them."""
    first = texts.head(1)
    return first if (texts == first).all(ignore_nulls=False) else texts.unique()


def exact(text: pl.Expr) -> pl.Expr:
    """Return decimal text as an exact decimal; null for NaN, blanks, words and what has more than 20 digits."""
    return pl.when(text.str.contains(_NUMBER)).then(text).cast(EXACT, strict=False)


def rounded(number: pl.Expr) -> pl.Expr:
    """Return an exact decimal as the nearest integer, halves away from zero."""
    return number.round(0, mode="half_away_from_zero").cast(pl.Int64, strict=False)


def between(number: pl.Expr, low: int, high: int) -> pl.Expr:
    """Return the number, null where it is outside two bounds."""
    return pl.when(number.is_between(low, high)).then(number)


def real(text: pl.Expr, low: float, high: float) -> pl.Expr:
    """Return decimal text as a float between two bounds, both included; null elsewhere."""
    number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)
    return pl.when(number.is_between(low, high)).then(number)


def whole(text: pl.Expr, low: int, high: int) -> pl.Expr:
    """Return text of digits only as an integer between two bounds, both included; null elsewhere."""
    number = pl.when(text.str.contains(r"^[0-9]{1,12}$")).then(text).cast(pl.Int64, strict=False)
    return pl.when(number.is_between(low, high)).then(number)


def name(text: pl.Expr) -> pl.Expr:
    """Return an id as written; null where it is longer than 200 characters or holds control characters."""
    return pl.when(text.str.contains(r"^[^\x00-\x1f\x7f]{1,200}$")).then(text)


def utc(text: pl.Expr) -> pl.Expr:
    """Return ISO 8601 time text with offset or Z as UTC [microseconds]; null for local times and impossible dates."""
    part = text.str.extract_groups(_TIME).struct
    second = part.field("second").fill_null("00")
    fraction = part.field("fraction").fill_null("0").str.slice(0, 6)
    stamp = pl.concat_str(
        part.field("day"), pl.lit("T"), part.field("clock"), pl.lit(":"), second, pl.lit("."), fraction
    )
    local = stamp.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    hour = part.field("hour").fill_null("00").cast(pl.Int64)
    minute = part.field("minute").fill_null("00").cast(pl.Int64)
    east = pl.when(part.field("sign") == "-").then(-1).otherwise(1) * (hour * 60 + minute)
    return pl.when(hour <= 18).then(local - pl.duration(minutes=east)).dt.replace_time_zone("UTC").cast(UTC)
