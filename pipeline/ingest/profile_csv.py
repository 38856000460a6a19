"""Foreign CSV by profile: long rows and day rows of meters, charging sessions and weather, in local time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import ConfigError
from pipeline.ingest import cells
from pipeline.ingest.csv_lines import Table, rejected_lines, table_of
from pipeline.ingest.csv_profile import (
    IDS,
    Header,
    Profile,
    chosen,
    columns_of,
    decoded,
    find_header,
    profiles_for,
    shipped,
)
from pipeline.ingest.csv_stamps import DayLabels, day_labels, durations, stamped, told_stamp
from pipeline.ingest.records import LocalRecords, Records, joined_rejects, refusal, refused

FORMAT: Final = "profile_csv"
DESCRIPTION: Final = "CSV of a known profile (utility export, day rows, sessions or weather), or of one in profiles/"

_HEAD_BYTES: Final = 65_536
_LARGEST: Final = 10**9
_NUMBER_ALLOWED: Final = "a number as the profile writes it, up to 1e9"
_WH: Final = {"Wh": (1, 1000), "kWh": (1, 1), "MWh": (1000, 1), "W": (1, 1000), "kW": (1, 1)}


@dataclass(frozen=True)
class _Channel:
    """One column of values: what it holds, whose it is, and (day rows) which interval of the day."""

    column: int
    value: int  # position in the profile's values
    meter: str | None
    minutes: int = 0
    length_s: int | None = None


def sniff(head: bytes) -> bool:
    """Tell whether the header of a shipped profile stands in the head of a file."""
    return chosen(shipped(), head) is not None


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read a CSV by the first shipped profile that fits; the records are local until a site places them."""
    with path.open("rb") as stream:
        profile = chosen(shipped(), stream.read(_HEAD_BYTES))
    if profile is None:
        return refused(FORMAT, refusal("file", "header", "", "the header of a profile"))
    return _read_by(profile, path.read_bytes(), hints)


def read_by_own(path: Path, head: bytes, hints: Sequence[str], landed: Path) -> Records | None:
    """Read a CSV by a profile of the portfolio itself, which goes before every other format; None where none fits.

    `landed` is the file in the portfolio's landing folder: the same, or the archive it was taken from.
    """
    try:
        profile = chosen(profiles_for(landed), head)
    except ConfigError as error:
        return refused(FORMAT, refusal(error.file, error.place, str(error.value), error.allowed))
    return _read_by(profile, path.read_bytes(), hints) if profile else None


def _read_by(profile: Profile, content: bytes, hints: Sequence[str]) -> Records:
    text = decoded(content, profile)
    if text is None:
        text = content.decode(profile.encodings[0], "replace").removeprefix("\ufeff")
    header = find_header(profile, text)
    if header is None:
        return _refused(profile, refusal("file", "header", "", " and ".join(profile.header)))
    day = None if profile.time.labels is None else day_labels(profile.time.labels, header.cells)
    channels, problem = _channels(profile, header, day)
    times = [_first(columns_of(pattern, header.cells)) for pattern in profile.time.columns]
    if problem or None in times:
        allowed = problem or f"a column for each of {', '.join(profile.time.columns)}"
        return _refused(profile, refusal(f"line {header.line}", "header", ",".join(header.cells), allowed))
    needed = [place for place in times if place is not None]
    first_values = [min(channel.column for channel in channels)] if channels else []
    table = table_of(text, profile, header, [*needed, *first_values])
    return _records(profile, table, channels, needed, hints, day)


def _refused(profile: Profile, rejects: pl.DataFrame, notes: tuple[str, ...] = ()) -> Records:
    return refused(FORMAT, rejects, profile.kind, (f"profile {profile.name}", *notes))


def _first(places: Sequence[int]) -> int | None:
    return places[0] if places else None


def _channels(profile: Profile, header: Header, day: DayLabels | None) -> tuple[list[_Channel], str]:
    """Return every column of values, or what the header lacks."""
    if day is not None:
        found = [
            _Channel(column, value, None, minutes, day.step_min * 60)
            for column, minutes in day.starts.items()
            for value in range(len(profile.values))
        ]
        return found, day.problem
    found = [
        _Channel(column, value, _named(entry.column, header.cells[column]))
        for value, entry in enumerate(profile.values)
        for column in columns_of(entry.column, header.cells)
    ]
    if profile.kind == "session":  # energy in kWh and again in Wh is one energy: the first counts
        return list({profile.values[channel.value].as_: channel for channel in reversed(found)}.values()), ""
    if profile.values and not found:
        return [], f"a column for one of {', '.join(entry.column for entry in profile.values)}"
    return found, ""


def _named(pattern: str, cell: str) -> str | None:
    found = re.fullmatch(pattern, cell, re.IGNORECASE)
    return found.groupdict().get("meter") if found else None


def _records(
    profile: Profile,
    table: Table,
    channels: Sequence[_Channel],
    times: Sequence[int],
    hints: Sequence[str],
    day: DayLabels | None,
) -> Records:
    base = _with_ids(profile, table)
    timed, bad_times, clock = stamped(base, profile, table.header, times)
    rejects = [table.rejects, bad_times]
    notes = [f"profile {profile.name}", *([profile.note] if profile.note else [])]
    if profile.kind == "session":
        frame, bad, missing = _wide_values(profile, timed, channels)
    else:
        values, bad, missing = _long_values(profile, timed, channels)
        notes += _passed_over(profile, timed, channels)
        frame, no_length = _merged(profile, values) if profile.kind == "meter" else (_observed(values), None)
        if no_length:
            return _refused(profile, refusal("file", "interval", "", no_length), tuple(notes))
    if missing:
        notes.append(f"{missing} values are missing (blank or marked so)")
    if table.preamble.strip():
        notes.append(f"{table.header.line - 1} lines above the header")
    all_rejects = joined_rejects([*rejects, bad])
    if frame.is_empty():
        nothing = refusal("file", "rows", "", "at least one reading below the header")
        return _refused(profile, all_rejects if all_rejects.height else nothing, tuple(notes))
    if table.torn and profile.kind == "meter":
        last = table.rows["line"].max()
        frame = frame.with_columns(
            quality=pl.when(pl.col("line") == last).then(pl.lit("estimated")).otherwise("quality")
        )
    stamp, said = _stamp(profile, frame, timed, times, day)
    if day is not None and day.counted:
        frame = frame.with_columns(counted_from=pl.col("local_day"))
    notes += said
    frame = frame.drop("local_day", strict=False)
    local = LocalRecords(profile.kind, frame, tuple(hints), "", clock, stamp, profile.time.repeated_hour)
    return Records(FORMAT, profile.kind, {}, all_rejects, tuple(notes), unterminated=table.torn, local=(local,))


def _stamp(
    profile: Profile, frame: pl.DataFrame, timed: pl.DataFrame, times: Sequence[int], day: DayLabels | None
) -> tuple[str, list[str]]:
    """Return which end of its interval a stamp is, and what to say of it."""
    if day is not None:  # labels are turned into starts
        said = ["columns count the hours of the day from midnight: 23 or 25 where clocks change"]
        return "start", said if day.counted else []
    if profile.time.stamp != "told":
        return profile.time.stamp, []
    told = told_stamp(frame, timed.select(_text(times[-1])).to_series())
    if told is None:
        return "start", ["nothing in the file tells whether its times begin or end their intervals: taken to begin"]
    return told, ["its times tell that they end their intervals"] if told == "end" else []


def _with_ids(profile: Profile, table: Table) -> pl.DataFrame:
    """Add the names of the meter, session ... that columns or the preamble say; null where nothing does."""
    frame = table.rows
    for role in IDS[profile.kind]:
        place = _first(columns_of(profile.ids.get(role), table.header.cells))  # type: ignore[call-overload]
        if place is not None:
            name = _text(place)
            name = pl.when(name.is_in(list(profile.missing))).then(None).otherwise(cells.name(name))
        else:
            pattern = profile.preamble.get(role)  # type: ignore[call-overload]
            found = re.search(pattern, table.preamble, re.IGNORECASE) if pattern else None
            name = pl.lit(found.group(1).strip() if found else None, dtype=pl.String)
        frame = frame.with_columns(name.alias(f"{role}_id"))
    for value in profile.values:
        places = columns_of(value.where_column, table.header.cells)
        if value.where_column is not None:
            kind = _text(places[0]) if places else pl.lit(None, dtype=pl.String)
            frame = frame.with_columns(kind.alias(f"where:{profile.values.index(value)}"))
    return frame


def _text(place: int) -> pl.Expr:
    return pl.col("cell").list.get(place, null_on_oob=True).str.strip_chars()


def _is_missing(profile: Profile, text: pl.Expr) -> pl.Expr:
    """Blank or one of the profile's words; a number among them is meant however it is written (-9999.00)."""
    words = [word.casefold() for word in profile.missing]
    numbers = [float(word) for word in profile.missing if re.fullmatch(r"[+-]?\d+(\.\d+)?", word)]
    as_number = text.cast(pl.Float64, strict=False)
    return (
        text.is_null() | text.str.to_lowercase().is_in([*words, ""]) | as_number.is_in(numbers).fill_null(value=False)
    )


def _number(profile: Profile, text: pl.Expr) -> pl.Expr:
    if profile.thousands:
        text = text.str.replace_all(profile.thousands, "", literal=True)
    if profile.decimal != ".":
        text = text.str.replace_all(profile.decimal, ".", literal=True)
    return cells.between(cells.exact(text), -_LARGEST, _LARGEST)


def _applies(profile: Profile, value: int) -> pl.Expr:
    entry = profile.values[value]
    if entry.where_column is None:
        return pl.lit(value=True)
    return pl.col(f"where:{value}").str.contains(f"(?i)^(?:{entry.where})$").fill_null(value=False)


def _long_values(
    profile: Profile, timed: pl.DataFrame, channels: Sequence[_Channel]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return one row a reading with its exact number, the cells that are no number, and how many are missing."""
    ids = [f"{role}_id" for role in IDS[profile.kind]]
    parts = []
    for number, channel in enumerate(channels):
        entry = profile.values[channel.value]
        named = {"meter_id": pl.lit(channel.meter)} if channel.meter else {}
        at = pl.col("local_at") + pl.duration(minutes=channel.minutes)
        parts.append(
            timed.filter(_applies(profile, channel.value))
            .with_columns(**named)
            .select(
                "line",
                "raw",
                *ids,
                at.alias("local_at"),
                pl.col("local_at").alias("local_day"),
                pl.coalesce(pl.lit(channel.length_s, dtype=pl.Int64), "length_s").alias("length_s"),
                pl.lit(entry.as_).alias("as"),
                pl.lit(entry.unit).alias("unit"),
                pl.lit(number).alias("channel"),
                _text(channel.column).alias("text"),
            )
        )
    values = pl.concat(parts).sort("line", "channel")
    given = values.filter(~_is_missing(profile, pl.col("text"))).with_columns(number=_number(profile, pl.col("text")))
    wrong = given.filter(pl.col("number").is_null())
    bad = rejected_lines(wrong, "value", pl.col("text"), _NUMBER_ALLOWED)
    return given.drop_nulls("number"), bad, values.height - given.height


def _passed_over(profile: Profile, timed: pl.DataFrame, channels: Sequence[_Channel]) -> list[str]:
    """Name the rows that belong to no value, such as gas in a file of electricity."""
    used = sorted({channel.value for channel in channels})
    if not used or any(profile.values[value].where_column is None for value in used):
        return []
    other = timed.filter(~pl.any_horizontal(_applies(profile, value) for value in used))
    counted = other.group_by(f"where:{used[0]}").len().sort(f"where:{used[0]}")
    return [f"{count} lines of {kind or '(blank)'} passed over" for kind, count in counted.iter_rows()]


def _merged(profile: Profile, values: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """Return one row a meter, stamp and pass of that stamp, with import and export, in the order of time."""
    values, problem = durations(values, profile)
    if problem:
        return values, problem
    scale, power = pl.col("unit"), pl.col("unit").is_in(["W", "kW"])
    kwh = pl.col("number")
    kwh = pl.when(scale == "MWh").then(kwh * 1000).when(scale.is_in(["Wh", "W"])).then(kwh / 1000).otherwise(kwh)
    kwh = pl.when(power).then(kwh * pl.col("duration_s") / 3600).otherwise(kwh).cast(cells.EXACT)
    zero = pl.lit(0, dtype=cells.EXACT)
    whole, part = pl.col("as") == "net", pl.col("kwh")
    imported = pl.when((pl.col("as") == "import") | (whole & (part > 0))).then(part).otherwise(zero)
    exported = pl.when((pl.col("as") == "export") | (whole & (part < 0))).then(part.abs()).otherwise(zero)
    backwards = pl.col("local_at").first() > pl.col("local_at").last()
    seen = pl.int_range(pl.len())
    same = ["meter_id", "local_at", "as"]
    rows = values.with_columns(kwh=kwh).with_columns(
        import_kwh=imported,
        export_kwh=exported,
        occurrence=pl.when(backwards.over("meter_id"))
        .then(pl.len().over(same) - 1 - seen.over(same))
        .otherwise(seen.over(same)),
    )
    frame = rows.group_by("meter_id", "local_at", "occurrence", maintain_order=True).agg(
        pl.col("line", "raw").last(),
        pl.col("duration_s").first().cast(pl.Int64),
        pl.col("local_day").first(),
        pl.col("import_kwh", "export_kwh").sum(),
    )
    return frame.with_columns(quality=pl.lit("measured")).sort("meter_id", "local_at", "occurrence"), None


def _observed(values: pl.DataFrame) -> pl.DataFrame:
    celsius = pl.when(pl.col("unit") == "F").then((pl.col("number").cast(pl.Float64) - 32) / 1.8)
    temperature = celsius.otherwise(pl.col("number").cast(pl.Float64)).round(6)
    same = ["station_id", "local_at"]
    return values.select(
        "line", "raw", *same, temperature.alias("temperature_c"), pl.int_range(pl.len()).over(same).alias("occurrence")
    )


def _wide_values(
    profile: Profile, timed: pl.DataFrame, channels: Sequence[_Channel]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return one row a session with its values as columns, lines with a bad cell, and how many cells are missing."""
    names = {"import": "import_kwh", "export": "export_kwh", "net": "net_kwh"}
    columns, wrong, missing = [], pl.lit(value=False), pl.lit(0)
    for channel in channels:
        entry = profile.values[channel.value]
        text = _text(channel.column)
        gone = _is_missing(profile, text)
        number: pl.Expr = pl.when(~gone).then(_number(profile, text))
        if entry.as_ in names:
            up, down = _WH[entry.unit]
            number = (number * up / down).cast(cells.EXACT)
            number = number if entry.as_ == "net" else cells.between(number, 0, _LARGEST)
        else:
            number = cells.between(number, 0, 100).cast(pl.Float64)
        columns.append(number.alias(names.get(entry.as_, f"{entry.as_}_pct")))
        wrong |= ~gone & number.is_null()
        missing += gone.cast(pl.Int64)
    frame = timed.with_columns(*columns, wrong=wrong, missing=missing)
    bad = rejected_lines(frame.filter("wrong"), "value", pl.col("raw"), _NUMBER_ALLOWED)
    total = int(frame["missing"].sum())
    return frame.filter(~pl.col("wrong")).drop("cell", "wrong", "missing"), bad, total
