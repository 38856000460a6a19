"""NEM12 and NEM13, the Australian meter data files (AEMO Meter Data File Format: 100, 200, 300, 400, 500, 900 records).

One 300 line is one day of one data stream; it loads whole or not at all. Times are National Electricity Market time,
UTC+10 all year. E streams are drawn from the grid, B streams fed into it, Q and K streams are reactive
energy drawn and given back; the streams of one NMI are added up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import REJECT, UTC
from pipeline.ingest import cells, nem12_days
from pipeline.ingest.nem12_lines import placed, rejects
from pipeline.ingest.records import Records, in_schema, joined_rejects, refusal, refused

FORMAT: Final = "nem12"
DESCRIPTION: Final = "NEM12 (Australian interval meter data)"

_BEGINS = re.compile(rb"100\s*,\s*\"?NEM1[0-9]|200,[^,\r\n]*,[^,\r\n]*,|250,[^,\r\n]*,[^,\r\n]*,", re.IGNORECASE)


def sniff(head: bytes) -> bool:
    """Tell whether the first record is a NEM12/NEM13 header, or a 200 or 250 record whose header is missing."""
    return _BEGINS.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()) is not None


def read(path: Path, hints: Sequence[str]) -> Records:  # noqa: ARG001  # every format has these two parameters
    """Read a NEM12 file; a day that is not whole is refused with its line. NEM13 holds no intervals and is refused."""
    text = path.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
    lines, misplaced = placed(text)
    found = nem12_days.read(lines)
    reactive = _reactive(found)
    found = _active(found)
    streams, incomplete, more = _whole_intervals(found)
    refusals = joined_rejects([misplaced, found.rejects, incomplete])
    notes = found.notes + more
    unended = lines.filter(pl.col("record") != "").select(pl.col("record").last()).to_series().to_list() != ["900"]
    if unended:
        last = lines.select(pl.col("line").max()).item()
        refusals = pl.concat([refusals, refusal(f"line {last}", "end", "", "a 900 record at the end: the file is cut")])
    frames = {"meter": in_schema(_whole_wh(streams), "meter"), "reactive": in_schema(reactive, "reactive")}
    frames = {kind: frame for kind, frame in frames.items() if frame.height}
    if not frames:
        return refused(FORMAT, _or_no_days(refusals), "meter", notes)
    return Records(FORMAT, "meter", frames, refusals, notes, not text.endswith("\n"))


_IS_ACTIVE: Final = pl.col("suffix").str.contains("^[EB]")


def _active(found: nem12_days.Days) -> nem12_days.Days:
    return replace(found, intervals=found.intervals.filter(_IS_ACTIVE), days=found.days.filter(_IS_ACTIVE))


def _reactive(found: nem12_days.Days) -> pl.DataFrame:
    """Add up the reactive streams of each NMI, what is given back counting below zero.

    An interval counts where every Q and K stream that the NMI's configuration names, or that is in the file, has a
    value: without what is given back, what is drawn is not the reactive energy.
    """
    signed = pl.when(pl.col("suffix").str.starts_with("Q")).then(pl.col("wh")).otherwise(-pl.col("wh"))
    streams = found.intervals.filter(~_IS_ACTIVE)
    wanted = _named(found.days).filter(~_IS_ACTIVE).group_by("nmi").agg(pl.len().alias("wanted"))
    summed = streams.group_by("nmi", "at", "minutes").agg(
        signed.sum().alias("varh"), pl.col("wh").count().alias("count"), pl.col("estimated").any()
    )
    whole = summed.join(wanted, on="nmi").filter(pl.col("count") == pl.col("wanted")).sort("nmi", "at")
    total = cells.rounded(pl.col("varh").cum_sum().over("nmi"))
    return whole.select(
        meter_id="nmi",
        interval_start=pl.col("at").cast(UTC),
        duration_s=pl.col("minutes") * 60,
        reactive_varh=total - total.shift(1, fill_value=0).over("nmi"),
        quality=pl.when("estimated").then(pl.lit("estimated")).otherwise(pl.lit("measured")),
    )


def _whole_intervals(found: nem12_days.Days) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Add up the streams of each NMI; (intervals, refused days, notes).

    An interval counts where every E stream that the NMI's configuration names has a value: a part of the import is not
    the import. Where only a B stream lacks, export counts without it, and the interval as estimated.
    """
    days, wanted = found.days, _configured(found.days)
    mixed = days.filter(pl.col("minutes").n_unique().over("nmi", "day") > 1)
    unequal = rejects(
        mixed,
        "interval length",
        pl.col("minutes"),
        "one interval length for each NMI and day",
    )
    same = found.intervals.join(mixed, on="line", how="anti")
    interval = ["nmi", "at"]
    is_import, known = pl.col("suffix").str.starts_with("E"), pl.col("wh").is_not_null()
    summed = same.select(
        *(*interval, "minutes", "estimated", "alarm"),
        pl.when(is_import).then("wh").alias("import"),
        pl.when(~is_import).then("wh").alias("export"),
        (is_import & known).alias("imports"),
        (~is_import & known).alias("exports"),
    )
    summed = summed.group_by(*interval, "minutes").agg(
        pl.col("import", "export", "imports", "exports").sum(), pl.col("estimated", "alarm").any()
    )
    summed = summed.join(wanted, on="nmi")
    present = summed.filter((pl.col("imports") >= pl.col("E")) & (pl.col("imports") + pl.col("exports") > 0))
    missing = summed.filter(pl.col("imports") < pl.col("E"))
    held = same.filter(pl.col("wh").is_not_null()).join(missing.select(*interval, "E", "named"), on=interval)
    lacking = held.group_by("line", "nmi", "suffix", "named").agg(pl.len().alias("count")).sort("line")
    incomplete = rejects(
        lacking.join(days.select("line", "raw"), on="line"),
        "stream",
        pl.format("{} intervals of {}", "count", "suffix"),
        pl.format("every import stream of NMI {} ({}) for the same interval", "nmi", "named"),
    )
    short = present.filter(pl.col("exports") < pl.col("B"))
    notes = tuple(
        f"NMI {nmi}: not all of its export streams ({streams}) are there; intervals counted as estimated: {count}"
        for nmi, streams, count in short.group_by("nmi", "named_b").len().sort("nmi").iter_rows()
    )
    return present, pl.concat([unequal, incomplete]), notes


def _named(days: pl.DataFrame) -> pl.DataFrame:
    """Each NMI's streams of any kind: those its configuration names and those in the file."""
    named = days.select("nmi", suffix=pl.col("configuration").str.extract_all("[A-Z][0-9A-Z]")).explode("suffix")
    return pl.concat([named.drop_nulls("suffix"), days.select("nmi", "suffix")]).unique()


def _configured(days: pl.DataFrame) -> pl.DataFrame:
    """Count and name the E and B streams of each NMI: those its configuration names and those in the file."""
    streams = _named(days).sort("nmi", "suffix")
    letter = pl.col("suffix").str.slice(0, 1)
    imports, exports = pl.col("suffix").filter(letter == "E"), pl.col("suffix").filter(letter == "B")
    return streams.group_by("nmi").agg(
        imports.len().alias("E"),
        imports.str.join(" ").alias("named"),
        exports.len().alias("B"),
        exports.str.join(" ").alias("named_b"),
    )


def _whole_wh(intervals: pl.DataFrame) -> pl.DataFrame:
    """Round each meter's running total, then difference: the sum of any span is right to half a Wh at either end.

    An interval under a power outage alarm that measured nothing was dead throughout; one that measured something was
    dead for a part that nobody tells.
    """
    ordered = intervals.sort("nmi", "at")
    estimated = pl.col("estimated") | (pl.col("exports") < pl.col("B"))
    dead = pl.col("alarm") & (pl.col("import") == 0) & (pl.col("export") == 0)
    totals = {name: cells.rounded(pl.col(name).cum_sum().over("nmi")) for name in ("import", "export")}
    return ordered.select(
        pl.col("nmi").alias("meter_id"),
        pl.col("at").cast(UTC).alias("interval_start"),
        (pl.col("minutes") * 60).alias("duration_s"),
        *((total - total.shift(1, fill_value=0).over("nmi")).alias(f"{name}_wh") for name, total in totals.items()),
        quality=pl.when(estimated)
        .then(pl.lit("estimated"))
        .when(dead)
        .then(pl.lit("outage"))
        .otherwise(pl.lit("measured")),
    )


def _or_no_days(refusals: pl.DataFrame) -> pl.DataFrame:
    nothing = refusal("file", "300", "", "at least one day of interval data (a 300 record of an E, B, Q or K stream)")
    return refusals if refusals.height else nothing.select(*REJECT)
