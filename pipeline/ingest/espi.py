"""Green Button: ESPI XML feeds of utilities (NAESB REQ.21), interval energy of electricity only.

Times are seconds since 1970 UTC. Energy comes in Wh (uom 72), as mean power in W (uom 38) or, reactive, in varh (uom
73), times ten to a power.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest import cells, espi_intervals
from pipeline.ingest.espi_intervals import rejects
from pipeline.ingest.espi_series import series_of
from pipeline.ingest.espi_xml import READING_COLUMNS, Feed, parse
from pipeline.ingest.records import Records, in_schema, joined_rejects, refusal, refused

FORMAT: Final = "green_button"
DESCRIPTION: Final = "Green Button (ESPI XML)"

_FIRST_S, _UNTIL_S = 946_684_800, 4_102_444_800  # 2000 to 2099
_MEASURED: Final = r"^\s*(?:0|14|17|18|19)?\s*(?:,\s*(?:0|14|17|18|19)\s*)*$"
_LARGEST_WH = 1e12


def sniff(head: bytes) -> bool:
    """Tell whether a file is XML that names the ESPI namespace or holds an IntervalBlock."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and (b"naesb.org/espi" in head or b"IntervalBlock" in head)


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read a Green Button file; a wrong reading is refused with its line, other commodities are passed over by name."""
    feed = parse(path)
    readings, unknown, notes = _meant(feed, hints[-1] if hints else "meter")
    values, wrong = _values(readings)
    intervals, refusals, more = espi_intervals.combined(values.filter(~pl.col("reactive")))
    varh, refusals_of_varh, more_of_varh = espi_intervals.reactive(values.filter("reactive"))
    refusals = pl.concat([unknown, wrong, refusals, refusals_of_varh])
    rejects = pl.concat([feed.rejects, joined_rejects([_with_raw(refusals, feed)])])
    notes += more + more_of_varh
    found = {"meter": intervals, "reactive": varh}
    frames = {kind: in_schema(frame, kind) for kind, frame in found.items() if frame.height}
    if not frames:
        return refused(FORMAT, rejects if rejects.height else _nothing(notes), "meter", notes)
    return Records(FORMAT, next(iter(frames)), frames, rejects, notes)


def _nothing(notes: tuple[str, ...]) -> pl.DataFrame:
    allowed = "at least one IntervalReading of electric energy (uom 72 or 73) or power (uom 38)"
    return refusal("file", "IntervalReading", "; ".join(notes), allowed).select(*REJECT)


def _meant(feed: Feed, fallback_name: str) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return (readings of electricity with their meaning, rejects, notes)."""
    series = series_of(feed, fallback_name)
    names = ("meter", "direction", "power", "reactive", "factor", "tou", "phase", "passed", "wrong")
    columns = {name: [getattr(one, name) for one in series] for name in names}
    defaults = {f"default_{name}": [getattr(one, name) for one in series] for name in ("duration", "quality")}
    strings = {name: pl.Boolean if name in {"power", "reactive"} else pl.String for name in [*columns, *defaults]}
    table = pl.DataFrame(columns | defaults, schema=strings).rename({"tou": "default_tou"})
    table = table.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("block"))
    readings = feed.readings.with_row_index("line_order").join(table, on="block", how="left", maintain_order="left")
    readings = readings.with_columns(
        pl.col("wrong").fill_null("a whole IntervalBlock"),
        pl.col("passed").fill_null(""),
        *(pl.col(name).str.strip_chars() for name in READING_COLUMNS),
    )
    readings = readings.with_columns(written=pl.col("line"), line=pl.col("line_order").cast(pl.Int64))
    unknown = readings.filter(pl.col("wrong") != "").with_columns(count=pl.len().over("block"))
    unknown = unknown.unique("block", keep="first", maintain_order=True)
    passed = readings.filter(pl.col("passed") != "").group_by("meter", "passed").len().sort("meter", "passed")
    notes = tuple(f"{meter}: readings passed over: {count}, {why}" for meter, why, count in passed.iter_rows())
    good = readings.filter((pl.col("passed") == "") & (pl.col("wrong") == ""))
    return good, rejects(unknown, "IntervalBlock", pl.format("readings: {}", "count"), pl.col("wrong")), notes


def _with_raw(rejects: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    texts = (
        pl.format("<{}>{}</{}>", pl.lit(name), pl.col(name).str.strip_chars().str.slice(0, 200), pl.lit(name))
        for name in READING_COLUMNS
    )
    raw = feed.readings[rejects.get_column("line")].select(pl.concat_str(*texts, ignore_nulls=True))
    return rejects.with_columns(raw.to_series().alias("raw"))


def _values(readings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings as numbers, energy in watt-seconds, and those that are none as rejects."""
    default = pl.when(pl.col("default_duration") != "").then("default_duration")
    parsed = readings.with_columns(
        start_us=(cells.between(cells.exact(pl.col("start")), _FIRST_S, _UNTIL_S) * 1_000_000).cast(pl.Int64),
        seconds=cells.between(cells.exact(pl.coalesce("duration", default)), 1, 31_622_400),
        number=cells.exact(pl.col("value")),
        codes=pl.coalesce("quality", pl.col("default_quality")),
        part=pl.concat_str(pl.coalesce("tou", "default_tou").replace("0", ""), "phase", separator="/"),
    )
    whole = (pl.col("seconds") == pl.col("seconds").floor()).fill_null(value=False)
    signed = (pl.col("direction") == "net") | (pl.col("number") >= 0)
    hours = pl.when("power").then(pl.col("seconds").cast(pl.Float64) / 3600).otherwise(1.0)
    about_wh = pl.col("number").cast(pl.Float64) * pl.col("factor").cast(pl.Float64) * hours
    sound = (signed & (about_wh.abs() <= _LARGEST_WH)).fill_null(value=False)
    dated = pl.col("start_us").is_not_null()
    wrong = [
        rejects(parsed.filter(~dated), "start", pl.col("start"), "seconds since 1970 UTC, from 2000 to 2099"),
        rejects(parsed.filter(dated & ~whole), "duration", pl.col("duration"), "whole seconds, 1 or more"),
        rejects(parsed.filter(dated & whole & ~sound), "value", pl.col("value"), "a number from 0 to 1e12 Wh"),
    ]
    good = parsed.filter(dated & whole & sound)
    seconds = pl.when("power").then("seconds").otherwise(pl.lit(3600).cast(cells.EXACT))
    ws = (pl.col("number") * pl.col("factor").cast(cells.EXACT) * seconds).cast(espi_intervals.WATT_SECONDS)
    return good.select(
        "line",
        "written",
        "meter",
        "direction",
        "part",
        "power",
        "reactive",
        interval_start=pl.from_epoch(pl.col("start_us"), "us").dt.replace_time_zone("UTC"),
        duration_s=pl.col("seconds").cast(pl.Int64),
        ws=ws,
        estimated=~pl.col("codes").fill_null("").str.contains(_MEASURED),
    ), pl.concat(wrong)
