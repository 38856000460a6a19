"""Stamps of foreign CSV: formats, 24:00, day-row labels and the length of an interval; still on the file's clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from pipeline.ingest.csv_lines import rejected_lines
from pipeline.ingest.csv_profile import Header, Profile, columns_of

_MIDNIGHT = r"\b24:00(:00)?\b"
_CLOCK = r"^\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?$"


_HOURS: Final = {24: 24, 48: 24, 96: 24, 25: 25, 50: 25, 100: 25}
"""Numbered columns a day may have, and the hours they hold: 25 where the day of 25 hours has columns of its own."""


@dataclass(frozen=True)
class DayLabels:
    """Columns of a day with the minute each interval starts at; `counted` from midnight on, not by the clock.

    `problem` says what the header lacks, where it is not such a day.
    """

    starts: Mapping[int, int]
    step_min: int = 0
    counted: bool = False
    problem: str = ""


def day_labels(pattern: str, header: Sequence[str]) -> DayLabels:
    """Return what the columns of a day are.

    Labels are clock times (0:30, 00:30:00, 0030) or numbers (1 to 24, 48 or 96; HE1). A day that begins at 00:00 is
    labelled by starts, one that ends at 24:00 or 00:00 by ends, whatever the columns are called. Numbers up to 25, 50
    or 100 count the day's intervals, so that a day on which clocks change has 23 or 25 hours of them.
    """
    found = [(place, re.fullmatch(pattern, cell, re.IGNORECASE)) for place, cell in enumerate(header)]
    texts = [(place, match.group(1)) for place, match in found if match]
    if len(texts) < 2:
        return DayLabels({}, problem="a column for every interval of a day")
    clock = [_minute(text) for _, text in texts]
    if all(minute is not None for minute in clock):
        return _starts([place for place, _ in texts], [minute for minute in clock if minute is not None])
    numbers = [int(text) for _, text in texts if re.fullmatch(r"\d{1,3}", text)]
    hours = _HOURS.get(len(set(numbers)))
    if hours is None or len(numbers) != len(texts) or max(numbers) - min(numbers) + 1 != len(set(numbers)):
        return DayLabels({}, problem="24, 48 or 96 columns a day (25, 50, 100 with a 25th hour), by clock or number")
    step = hours * 60 // len(set(numbers))
    starts = {place: (number - min(numbers)) * step for (place, _), number in zip(texts, numbers, strict=True)}
    return DayLabels(starts, step, counted=hours > 24)


def _starts(places: Sequence[int], clock: Sequence[int]) -> DayLabels:
    ends_day = clock[-1] in (0, 1440) and clock[0] != 0
    minutes = [1440 if ends_day and minute == 0 else minute for minute in clock]
    distinct = sorted(set(minutes))
    steps = {after - before for before, after in pairwise(distinct)}
    step = min(steps)
    if len(steps) != 1 or step * len(distinct) != 1440 or distinct[0] not in (0, step):
        return DayLabels({}, problem="columns in equal steps over the whole day")
    shift = step if distinct[0] == step else 0
    return DayLabels({place: minute - shift for place, minute in zip(places, minutes, strict=True)}, step)


def _minute(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,2}):?(\d\d)(?::00)?", text) if len(text) > 2 else None
    if found is None or int(found[2]) > 59 or int(found[1]) * 60 + int(found[2]) > 1440:
        return None
    return int(found[1]) * 60 + int(found[2])


def stamped(
    frame: pl.DataFrame, profile: Profile, header: Header, columns: Sequence[int]
) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Add `local_at` and `end_at` (naive) and `length_s`; returns (frame, lines without a time, clock).

    The format is the one that reads most stamps of the file, the first of equals: day and month never swap inside a
    file. Stamps with an offset come back on the clock of UTC.
    """
    time = profile.time
    cell = [pl.col("cell").list.get(place, null_on_oob=True).str.strip_chars() for place in columns]
    text = pl.concat_str(cell, separator=" ").str.replace_all(r"\s+", " ")
    ends = [columns_of(pattern, header.cells) for pattern in time.end]
    end = pl.lit(None, dtype=pl.String)
    if time.end and all(ends):
        end_cells = [pl.col("cell").list.get(places[0], null_on_oob=True).str.strip_chars() for places in ends]
        end = pl.concat_str(end_cells, separator=" ").str.replace_all(r"\s+", " ")
    if time.split:
        text, end = (text.str.split(time.split).list.get(part, null_on_oob=True).str.strip_chars() for part in (0, 1))
    texts = frame.with_columns(at_text=text, end_text=end)
    form = _best_format(texts["at_text"], time.formats)
    parsed = texts.with_columns(local_at=_instant(pl.col("at_text"), form, time.add_years)).with_columns(
        end_at=pl.coalesce(_instant(pl.col("end_text"), form, time.add_years), _clock_after(pl.col("end_text")))
    )
    bad = parsed["local_at"].is_null()
    if profile.kind == "session":
        bad |= parsed["end_at"].is_null() & ~_blank(parsed["end_text"], profile)
    rejects = rejected_lines(parsed.filter(bad), "time", pl.col("at_text"), f"a time as {' or '.join(time.formats)}")
    clock = "UTC" if "%z" in form or form.endswith("GMT") else time.clock
    return parsed.filter(~bad).with_columns(length_s=_length()).drop("at_text", "end_text"), rejects, clock


def _clock_after(text: pl.Expr) -> pl.Expr:
    """Return a bare clock time as the first such moment after `local_at`."""
    bare = text.str.contains(_CLOCK)
    date = pl.col("local_at").dt.strftime("%Y-%m-%d ")
    at = pl.coalesce(
        (date + text).str.to_datetime(form, strict=False, time_unit="us")
        for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p")
    )
    midnight = text.str.contains(_MIDNIGHT)
    at = pl.when(midnight).then(pl.col("local_at").dt.truncate("1d") + pl.duration(days=1)).otherwise(at)
    return pl.when(bare).then(pl.when(at <= pl.col("local_at")).then(at + pl.duration(days=1)).otherwise(at))


def _length() -> pl.Expr:
    """Seconds from stamp to end; 00:14, 00:59 and 00:14:59 mean the moment just after them."""
    seconds = (pl.col("end_at") - pl.col("local_at")).dt.total_seconds()
    to_minute = pl.when(seconds % 60 == 59).then(seconds + 1).otherwise(seconds)
    return pl.when(to_minute // 60 % 5 == 4).then(to_minute + 60).otherwise(to_minute)


def durations(values: pl.DataFrame, profile: Profile) -> tuple[pl.DataFrame, str]:
    """Add `duration_s`: the profile's, else each row's own, else the commonest step; or say that none is known.

    A row that seems to last more than four times the commonest has its end where clocks went back: it gets that one.
    """
    if profile.time.interval_minutes is not None:
        return values.with_columns(duration_s=pl.lit(profile.time.interval_minutes * 60, dtype=pl.Int64)), ""
    own = values["length_s"].drop_nulls()
    if own.is_empty():
        stamps = values.select("meter_id", "local_at").unique().sort("meter_id", "local_at")
        steps = stamps.select(pl.col("local_at").diff().over("meter_id").dt.total_seconds().alias("step"))
        own = steps["step"].drop_nulls()
    if values.is_empty():
        return values.with_columns(duration_s=pl.lit(None, dtype=pl.Int64)), ""
    if own.is_empty():
        return values, "interval_minutes in the profile, or two readings at least"
    common = int(own.value_counts(sort=True).sort("count", own.name, descending=[True, False]).item(0, 0))
    length = pl.col("length_s").fill_null(common)
    return values.with_columns(duration_s=pl.when(length > 4 * common).then(common).otherwise(length)), ""


def told_stamp(stamps: pl.DataFrame, texts: pl.Series) -> str | None:
    """Return 'start' or 'end', whichever a file's first and last stamp tell; None where they tell nothing.

    `stamps`: local_at and duration_s [s] of a meter's readings; `texts`: the stamps as written. Whole days begin at
    00:00 and end one interval before midnight where stamps are starts, begin one interval after midnight and end at
    00:00 where they are ends. 24:00 can only be an end.
    """
    if texts.str.contains(_MIDNIGHT).any():
        return "end"
    ordered = stamps.sort("local_at")
    midnight, step = pl.col("local_at").dt.truncate("1d"), pl.duration(seconds="duration_s")
    first_offset = pl.col("local_at") - midnight
    at_start, after_start = first_offset == pl.duration(seconds=0), first_offset == step
    before_end = (pl.col("local_at") + step) == (pl.col("local_at") + step).dt.truncate("1d")
    told = ordered.select(starts=at_start.first() & before_end.last(), ends=after_start.first() & at_start.last())
    return "start" if told.item(0, "starts") else "end" if told.item(0, "ends") else None


def _blank(text: pl.Series, profile: Profile) -> pl.Series:
    return text.is_null() | text.is_in(profile.missing) | (text == "")


def _best_format(texts: pl.Series, formats: Sequence[str]) -> str:
    frame = texts.head(20_000).to_frame("text")
    counts = {form: frame.select(_instant(pl.col("text"), form, 0).count()).item() for form in formats}
    return max(formats, key=lambda form: counts[form])


def _instant(text: pl.Expr, form: str, add_years: int) -> pl.Expr:
    late = text.str.contains(_MIDNIGHT)
    text = text.str.replace(_MIDNIGHT, "00:00$1")
    if "%z" in form:
        at = text.str.to_datetime(form, strict=False, time_unit="us").dt.convert_time_zone("UTC")
        at = at.dt.replace_time_zone(None)
    else:
        at = text.str.to_datetime(form, strict=False, time_unit="us")
    at = pl.when(late).then(at + pl.duration(days=1)).otherwise(at)
    if add_years:
        at = pl.when(at.dt.year() < 100).then(at.dt.offset_by(f"{add_years}y")).otherwise(at)
    return pl.when(at.dt.year().is_between(2000, 2099)).then(at)
