"""Stamps of foreign CSV: formats, 24:00, day-row labels and the length of an interval; still on the file's clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import polars as pl

from pipeline.ingest.csv_lines import rejected_lines
from pipeline.ingest.csv_profile import Header, Profile, columns_of

_MIDNIGHT = r"\b24:00(:00)?\b"
_CLOCK = r"^\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?$"


def day_labels(pattern: str, header: Sequence[str]) -> tuple[Mapping[int, int], str]:
    """Return the columns of a day with the minute their interval starts at, or what is wrong with them.

    Labels are clock times (0:30, 00:30:00, 0030) or numbers (1 to 24, 48 or 96; HE1). A day that begins at 00:00 is
    labelled by starts, one that ends at 24:00 or 00:00 by ends, whatever the columns are called.
    """
    found = [(place, re.fullmatch(pattern, cell, re.IGNORECASE)) for place, cell in enumerate(header)]
    texts = [(place, match.group(1)) for place, match in found if match]
    if len(texts) < 2:
        return {}, "a column for every interval of a day"
    clock = [_minute(text) for _, text in texts]
    if any(minute is None for minute in clock):
        numbers = [int(text) for _, text in texts if re.fullmatch(r"\d{1,2}", text)]
        if len(numbers) != len(texts) or len(set(numbers)) not in (24, 48, 96):
            return {}, "24, 48 or 96 columns a day, labelled by clock or number"
        step = 1440 // len(set(numbers))
        return {place: (number - min(numbers)) * step for (place, _), number in zip(texts, numbers, strict=True)}, ""
    return _starts([place for place, _ in texts], [minute for minute in clock if minute is not None])


def _starts(places: Sequence[int], clock: Sequence[int]) -> tuple[Mapping[int, int], str]:
    ends_day = clock[-1] in (0, 1440) and clock[0] != 0
    minutes = [1440 if ends_day and minute == 0 else minute for minute in clock]
    distinct = sorted(set(minutes))
    steps = {after - before for before, after in pairwise(distinct)}
    step = min(steps)
    if len(steps) != 1 or step * len(distinct) != 1440 or distinct[0] not in (0, step):
        return {}, "columns in equal steps over the whole day"
    shift = step if distinct[0] == step else 0
    return {place: minute - shift for place, minute in zip(places, minutes, strict=True)}, ""


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
