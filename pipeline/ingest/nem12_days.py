"""NEM12 days: the 300 lines with their streams (200 lines) and quality ranges (400 lines), one row an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from pipeline.ingest import cells
from pipeline.ingest.nem12_lines import rejects

MINUTES: Final = (5, 15, 30)
_WH: Final = {"WH": "1", "KWH": "1000", "MWH": "1000000"}
_VARH: Final = {"VARH": "1", "KVARH": "1000", "MVARH": "1000000"}
_QUALITY: Final = "^[AEFNSV](?:[0-9]{2})?$"
_POWER_OUTAGE: Final = "79"
"""The reason code of a range in which the meter raised its power outage alarm."""
_LARGEST_WH: Final = 10**12
_DAYS_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Days:
    """The whole days of a file.

    `intervals`: one row for each stream and interval: line, nmi, suffix, minutes, at [UTC], wh [exact decimal, null for
    no data; varh of Q and K streams], estimated, alarm (of a power outage). `days`: one row for each of their lines:
    line, raw, nmi, configuration, suffix, minutes, day.
    """

    intervals: pl.DataFrame
    days: pl.DataFrame
    rejects: pl.DataFrame
    notes: tuple[str, ...]


def read(lines: pl.DataFrame) -> Days:
    """Read the days of placed lines, some hundred at a time."""
    streams, bad_streams, others = _streams(lines)
    lines, passed = _without(lines, others)
    days, bad_days = _days(lines, streams)
    ranged, bad_ranges = _qualities(lines, days)
    pieces = [_values(piece) for piece in ranged.iter_slices(_DAYS_AT_ONCE)] or [_values(ranged)]
    values = pl.concat([piece for piece, _ in pieces])
    kept = ranged.join(values.select(pl.col("line").unique()), on="line", how="semi", maintain_order="left")
    kept = kept.select("line", "raw", "nmi", "configuration", "suffix", "minutes", "day")
    losers, contradicted = _contradicted(kept, values)
    kept, values = (table.join(losers, on="line", how="anti", maintain_order="left") for table in (kept, values))
    empty = values.group_by("nmi", "suffix").agg(pl.col("wh").null_count().alias("count")).filter(pl.col("count") > 0)
    notes = tuple(
        f"NMI {nmi}: stream {suffix} says N, no data; intervals passed over: {count}"
        for nmi, suffix, count in empty.sort("nmi", "suffix").iter_rows()
    )
    refused = pl.concat([bad_streams, bad_days, bad_ranges, *(bad for _, bad in pieces), contradicted])
    return Days(values, kept, refused, passed + notes)


def _cell(position: int) -> pl.Expr:
    return pl.col("cell").list.get(position, null_on_oob=True).str.strip_chars(' "\t').fill_null("")


def _streams(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return (energy streams, rejects, streams of anything else) of the 200 lines.

    Reactive ones (Q drawn, K given back) count as energy where their unit is one of reactive energy.
    """
    streams = lines.filter(pl.col("record") == "200").select(
        "line",
        "raw",
        nmi=_cell(1),
        configuration=_cell(2).str.to_uppercase(),
        suffix=_cell(4).str.to_uppercase(),
        unit=_cell(7),
        length=_cell(8),
    )
    unit = pl.col("unit").str.to_uppercase()
    wh = unit.replace_strict(_WH, default=None, return_dtype=pl.String)
    varh = unit.replace_strict(_VARH, default=None, return_dtype=pl.String)
    reactive = pl.col("suffix").str.contains("^[QK][0-9A-Z]$") & varh.is_not_null()
    energy = pl.col("suffix").str.contains("^[EB][0-9A-Z]$") | reactive
    factor = pl.when(reactive).then(varh).otherwise(wh)
    minutes = cells.whole(pl.col("length"), 1, 1440)
    streams = streams.with_columns(energy.alias("energy"), factor.alias("factor"), minutes.alias("minutes"))
    named = cells.name(pl.col("nmi")).is_not_null()
    unit, length = pl.col("factor").is_not_null(), pl.col("minutes").is_in(MINUTES).fill_null(value=False)
    asked = streams.filter("energy")
    refused = [
        rejects(asked.filter(~named), "NMI", pl.col("nmi"), "a name of 1 to 200 characters"),
        rejects(asked.filter(~unit), "unit", pl.col("unit"), "Wh, kWh or MWh for an E or B stream"),
        rejects(asked.filter(~length), "interval length", pl.col("length"), "5, 15 or 30 minutes"),
    ]
    return asked.filter(named & unit & length), pl.concat(refused), streams.filter(~pl.col("energy"))


def _without(lines: pl.DataFrame, others: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Leave out the days of streams that are no energy, and say so."""
    other = others.select(pl.col("line").alias("parent"), "nmi", "suffix", "unit")
    passed = lines.filter(pl.col("record") == "300").join(other, on="parent")
    below = lines.join(passed.select(pl.col("line").alias("parent")), on="parent", how="semi")
    counts = passed.group_by("nmi", "suffix", "unit").len().sort("nmi", "suffix", "unit")
    notes = tuple(
        f"NMI {nmi}: stream {suffix} ({unit or 'no unit'}) is not energy, active or reactive; days passed over: {count}"
        for nmi, suffix, unit, count in counts.iter_rows()
    )
    left_out = pl.concat([passed.select("line"), below.select("line")])
    return lines.join(left_out, on="line", how="anti", maintain_order="left"), notes


def _days(lines: pl.DataFrame, streams: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (whole days, rejects) of the 300 lines: as many values as a day has intervals, then a quality."""
    rows = lines.filter(pl.col("record") == "300").select("line", "raw", "cell", "parent")
    about = streams.rename({"line": "parent"}).drop("raw", "energy", "length", "unit")
    days = rows.join(about, on="parent", maintain_order="left")
    strangers = rows.join(about, on="parent", how="anti")
    count = 1440 // pl.col("minutes")
    days = days.with_columns(
        count.alias("count"),
        _cell(1).alias("written_day"),
        _cell(1).str.to_date("%Y%m%d", strict=False).alias("day"),
        pl.col("cell").list.get(count + 2, null_on_oob=True).str.strip_chars(' "\t').str.to_uppercase().alias("flag"),
    )
    dated = pl.col("day").dt.year().is_between(2000, 2099).fill_null(value=False) & (
        pl.col("written_day").str.len_chars() == 8
    )
    whole = pl.col("flag").str.contains(_QUALITY).fill_null(value=False)
    expected = pl.format("{} values of {} minutes, then a quality A, E, F, N, S or V", "count", "minutes")
    refused = [
        rejects(strangers, "record", pl.lit("300"), "a 200 record that was read above it"),
        rejects(days.filter(~dated), "day", pl.col("written_day"), "a day from 2000 to 2099 as YYYYMMDD"),
        rejects(days.filter(dated & ~whole), "values", pl.col("flag"), expected),
    ]
    return days.filter(dated & whole), pl.concat(refused)


def _qualities(lines: pl.DataFrame, days: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give each day its quality ranges; a day whose 400 lines are wrong, overlap or leave a V unsaid is refused."""
    ranges = lines.filter(pl.col("record") == "400").select(
        "line",
        "raw",
        day_line="parent",
        start=cells.whole(_cell(1), 1, 1440),
        end=cells.whole(_cell(2), 1, 1440),
        range_flag=_cell(3).str.to_uppercase(),
        reason=_cell(4),
    )
    of_days = days.select(pl.col("line").alias("day_line"), "count")
    strangers = ranges.join(of_days, on="day_line", how="anti")
    ranges = ranges.join(of_days, on="day_line", maintain_order="left")
    right = (
        (pl.col("start") <= pl.col("end"))
        & (pl.col("end") <= pl.col("count"))
        & pl.col("range_flag").str.contains("^[AEFNS](?:[0-9]{2})?$")
    ).fill_null(value=False)
    wrong = rejects(
        ranges.filter(~right),
        "range",
        pl.concat_str("start", "end", "range_flag", separator=",", ignore_nulls=True),
        pl.format("first and last interval from 1 to {}, then a quality A, E, F, N or S", "count"),
    )
    ordered = ranges.sort("day_line", "start").with_columns(
        follows=pl.col("start") > pl.col("end").shift(1, fill_value=0).over("day_line")
    )
    told = ordered.group_by("day_line").agg(
        (right.all() & pl.col("follows").all()).alias("sound"),
        (pl.col("end") - pl.col("start") + 1).sum().alias("covered"),
        *("start", "end", "range_flag", "reason"),
    )
    days = days.join(told, left_on="line", right_on="day_line", how="left", maintain_order="left")
    variable = pl.col("flag").str.starts_with("V")
    sound = pl.col("sound").fill_null(value=True) & (~variable | (pl.col("covered").fill_null(0) == pl.col("count")))
    unsound = rejects(
        days.filter(~sound),
        "quality",
        pl.col("flag"),
        pl.format("400 records below it that name each interval from 1 to {} once", "count"),
    )
    unowned = rejects(strangers, "record", pl.lit("400"), "a 300 record that was read above it")
    return days.filter(sound), pl.concat([wrong, unsound, unowned])


def _listed(days: pl.DataFrame) -> pl.DataFrame:
    """Return one row an interval, with the text of its value and the quality that holds for it."""
    listed = days.select(
        *("line", "raw", "nmi", "suffix", "minutes", "day", "flag", "factor"),
        text=pl.col("cell").list.slice(2, pl.col("count")).list.eval(pl.element().str.strip_chars(' "\t')),
        number=pl.int_ranges(1, pl.col("count") + 1),
    ).explode("text", "number")
    spans = days.select("line", "start", "end", "range_flag", "reason").filter(pl.col("start").is_not_null())
    spans = spans.explode("start", "end", "range_flag", "reason").sort("line", "start")
    ranged = listed.sort("line", "number").join_asof(
        spans, left_on="number", right_on="start", by="line", strategy="backward", check_sortedness=False
    )
    inside = pl.col("number") <= pl.col("end")
    return ranged.with_columns(
        flag=pl.when(inside).then("range_flag").otherwise("flag"),
        alarm=(inside & (pl.col("reason") == _POWER_OUTAGE)).fill_null(value=False),
    )


def _values(days: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return one row an interval, and the days refused for a value that is no energy."""
    listed = _listed(days)
    wh = cells.exact(pl.col("text")) * pl.col("factor").cast(cells.EXACT)
    listed = listed.with_columns(wh=cells.between(wh, 0, _LARGEST_WH))
    no_data = pl.col("flag").str.starts_with("N")
    wrong = pl.col("wh").is_null() & ~no_data
    refused = rejects(
        listed.filter(wrong).unique("line", keep="first", maintain_order=True),
        "value",
        pl.col("text"),
        "a number, 0 or more; the whole day is refused",
    )
    good = listed.filter(~wrong.any().over("line"))
    nem_time = pl.col("day").cast(pl.Datetime("us")) + pl.duration(minutes=(pl.col("number") - 1) * pl.col("minutes"))
    return good.select(
        "line",
        "nmi",
        "suffix",
        "minutes",
        at=(nem_time - pl.duration(hours=10)).dt.replace_time_zone("UTC"),
        wh=pl.when(~no_data).then("wh"),
        estimated=~pl.col("flag").str.starts_with("A"),
        alarm="alarm",
    ), refused


def _contradicted(days: pl.DataFrame, values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines that a later one of their stream and day replaces, and as rejects those that differ from it."""
    key = ["nmi", "suffix", "day"]
    shared = days.filter(pl.len().over(key) > 1)
    row = pl.concat_str(pl.col("wh").cast(pl.String), pl.col("estimated").cast(pl.String), ignore_nulls=True)
    said = values.join(shared, on="line", how="semi").group_by("line").agg(row.str.join(",").alias("said"))
    last = shared.join(said, on="line").sort("line").with_columns(winner=pl.col("line").last().over(key))
    losers = last.filter(pl.col("line") != pl.col("winner"))
    differs = losers.join(said.rename({"line": "winner", "said": "stands"}), on="winner").filter(
        pl.col("said") != pl.col("stands")
    )
    allowed = pl.format("one line for each stream and day; line {} is used", "winner")
    return losers.select("line"), rejects(differs.sort("line"), "day", pl.col("day"), allowed)
