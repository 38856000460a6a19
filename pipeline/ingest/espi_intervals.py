"""Green Button readings to meter intervals: parts added up, long readings over short ones left out, both directions."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest import cells
from pipeline.ingest.espi_xml import LAST_LINE

WATT_SECONDS: Final = pl.Decimal(38, 9)
_PHASES: Final = {"128": "A", "129": "A", "64": "B", "65": "B", "32": "C", "33": "C"}
_MOST_NESTINGS = 16
_INTERVAL: Final = ["meter", "interval_start", "duration_s"]
_STREAM: Final = ["meter", "direction"]


def rejects(readings: pl.DataFrame, field: str, value: pl.Expr, allowed: str | pl.Expr) -> pl.DataFrame:
    """Return a reject for each reading, placed by its line, or by its number where the line is beyond counting.

    `raw` is left empty.
    """
    by_line = pl.format("line {}", "written")
    return readings.select(
        "line",
        pl.when(pl.col("written") < LAST_LINE)
        .then(by_line)
        .otherwise(pl.format("IntervalReading {}", pl.col("line") + 1))
        .alias("position"),
        pl.lit(field).alias("field"),
        value.cast(pl.String).fill_null("").str.slice(0, 200).alias("value"),
        (pl.lit(allowed) if isinstance(allowed, str) else allowed).alias("allowed"),
        pl.lit("").alias("raw"),
    ).select("line", *REJECT)


def combined(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return (meter records in whole Wh, rejects, notes) of parsed readings."""
    shortest, refusals, passed = _each_once(values)
    intervals, alone, notes = _both_directions(shortest)
    power = values.filter("power").select(pl.col("meter").unique().sort()).to_series()
    notes += tuple(f"{meter}: power in W counts as the mean of its interval" for meter in power)
    return _whole_wh(intervals), pl.concat([refusals, alone]), notes + passed


def reactive(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return (records of reactive energy in whole varh, rejects, notes) of parsed readings; `ws` in var-seconds.

    What is given back counts below zero. Where a meter tells of both directions, an interval of one is passed over:
    without what is given back, what is drawn is not the reactive energy.
    """
    shortest, refusals, passed = _each_once(values)
    sign = pl.when(pl.col("direction") == "import").then(1).otherwise(-1)
    directions = shortest.group_by("meter").agg(of_meter=pl.col("direction").n_unique())
    summed = shortest.group_by(_INTERVAL).agg(
        (pl.col("ws") * sign).sum(), pl.col("estimated").any(), told=pl.col("direction").n_unique()
    )
    marked = summed.join(directions, on="meter").sort("meter", "interval_start")
    half = pl.col("told") < pl.col("of_meter")
    why = "reactive energy of one direction, without the other of its interval"
    kept = marked.filter(~half)
    total = cells.rounded(pl.col("ws").cum_sum().over("meter") / 3600)
    frame = kept.select(
        "interval_start",
        "duration_s",
        meter_id="meter",
        reactive_varh=total - total.shift(1, fill_value=0).over("meter"),
        quality=pl.when("estimated").then(pl.lit("estimated")).otherwise(pl.lit("measured")),
    )
    return frame, refusals, passed + _counted(marked.filter(half), why)


def _each_once(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return the reading of each meter, direction and time, what is refused and what is passed over."""
    directed = _directed(values)
    single, contradicted = _last_of_each(directed)
    whole, some_phases, notes = _of_whole_service(single)
    total, parts_passed = _without_parts(whole)
    shortest, long_passed = _shortest(total)
    notes += _counted(parts_passed, "parts by time of use or phase, beside their total")
    notes += _counted(long_passed, "of longer intervals, where shorter ones lie in the same time")
    return shortest, pl.concat([contradicted, some_phases]), notes


def _counted(passed: pl.DataFrame, why: str) -> tuple[str, ...]:
    counts = passed.group_by("meter").len().sort("meter").iter_rows()
    return tuple(f"{meter}: readings passed over: {count}, {why}" for meter, count in counts)


def _directed(values: pl.DataFrame) -> pl.DataFrame:
    """Split net readings by their sign: energy flows one way in an interval as far as a net meter can tell."""
    net = values.filter(pl.col("direction") == "net")
    drawn = net.with_columns(direction=pl.lit("import"), ws=pl.when(pl.col("ws") > 0).then("ws").otherwise(pl.lit(0)))
    fed = net.with_columns(
        direction=pl.lit("export"), ws=pl.when(pl.col("ws") < 0).then(-pl.col("ws")).otherwise(pl.lit(0))
    )
    split = [part.with_columns(pl.col("ws").cast(WATT_SECONDS)) for part in (drawn, fed)]
    return pl.concat([values.filter(pl.col("direction") != "net"), *split])


def _last_of_each(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep the last reading of each interval and part; an earlier one with another value is refused."""
    key = [*_INTERVAL, "direction", "part"]
    ordered = values.sort("line")
    losers = ordered.with_columns(
        winner=pl.col("written").last().over(key),
        last=pl.col("line").last().over(key),
        wins=pl.col("ws").last().over(key),
    ).filter(pl.col("line") != pl.col("last"))
    differing = losers.filter(pl.col("ws") != pl.col("wins")).unique("line", maintain_order=True)
    allowed = pl.format("one value for each interval; that of line {} is used", "winner")
    value = pl.col("interval_start").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    return ordered.unique(key, keep="last", maintain_order=True), rejects(differing, "value", value, allowed)


def _of_whole_service(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Refuse readings by phase that are not all of their interval; (readings, rejects, notes).

    Without a total, three phases are the whole and one is, where the meter never names another; two may lack the third.
    """
    phases = values.select("meter", "direction", phase=_phase()).drop_nulls().unique()
    if phases.is_empty():
        return values, rejects(values.clear(), "", pl.lit(""), ""), ()
    interval = [*_INTERVAL, "direction"]
    named = values.with_columns(phase=_phase(), has_total=(pl.col("part") == "/").any().over(interval))
    counts = phases.group_by(_STREAM).len("of_meter")
    judged = named.join(counts, on=_STREAM, how="left", maintain_order="left").with_columns(
        in_interval=pl.col("phase").drop_nulls().n_unique().over(interval),
        beside_others=pl.col("phase").is_null().any().over(interval),
        told=pl.col("phase").drop_nulls().unique().sort().str.join(", ").over(interval),
    )
    unsplit = pl.col("has_total") | (pl.col("in_interval") == 0)
    complete = (pl.col("in_interval") == len(set(_PHASES.values()))) | (pl.col("of_meter") == 1)
    is_whole = unsplit | (complete & ~pl.col("beside_others"))
    allowed = "the total of the interval, or its phases A, B and C: the sum of some of them is not the whole"
    some = rejects(judged.filter(~is_whole), "phase", pl.col("told"), allowed)
    alone = judged.filter(~unsplit & is_whole & (pl.col("of_meter") == 1))
    told = alone.select(_STREAM[0], "told").unique().sort(_STREAM[0], "told").iter_rows()
    notes = tuple(f"{meter}: only phase {phase} is told of, and taken as the whole service" for meter, phase in told)
    return judged.filter(is_whole).select(values.columns), some, notes


def _phase() -> pl.Expr:
    return pl.col("part").str.extract(r"/(\d+)$").replace_strict(_PHASES, default=None, return_dtype=pl.String)


def _without_parts(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add up the parts by time of use or phase where there is no total; (one row an interval, parts passed over)."""
    key = [*_INTERVAL, "direction"]
    is_total = pl.col("part") == "/"
    has_total = is_total.any().over(key)
    passed = values.filter(has_total & ~is_total)
    kept = values.filter(~has_total | is_total)
    summed = kept.group_by(key).agg(pl.col("ws").sum(), pl.col("estimated").any(), pl.col("line", "written").first())
    return summed, passed


def _shortest(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out each reading that a shorter one of the same meter and direction overlaps."""
    kept, left_out = values.sort(*_STREAM, "interval_start", "duration_s", descending=[False, False, False, True]), []
    end = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
    for _ in range(_MOST_NESTINGS):
        meets = (pl.col("interval_start").shift(-1).over(_STREAM) < end).fill_null(value=False)
        longer = meets & (pl.col("duration_s") > pl.col("duration_s").shift(-1).over(_STREAM))
        met = meets.shift(1, fill_value=False).over(_STREAM)
        longer |= met & (pl.col("duration_s") > pl.col("duration_s").shift(1).over(_STREAM))
        marked = kept.with_columns(longer.fill_null(value=False).alias("longer"))
        if not marked["longer"].any():
            break
        left_out.append(marked.filter("longer").drop("longer"))
        kept = marked.filter(~pl.col("longer")).drop("longer")
    return kept, pl.concat(left_out) if left_out else values.clear()


def _both_directions(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Join import and export of each interval; (intervals, rejects, notes).

    Export that lacks beside import counts as none, and the interval as estimated. Import that lacks where the meter has
    import elsewhere is not known, so the export alone is refused.
    """
    imports = values.filter(pl.col("direction") == "import")
    exports = values.filter(pl.col("direction") == "export")
    both = imports.join(exports, on=_INTERVAL, how="full", coalesce=True, suffix="_export")
    both = both.join(imports.select("meter").unique().with_columns(imports=True), on="meter", how="left")
    both = both.join(exports.select("meter").unique().with_columns(exports=True), on="meter", how="left")
    no_import, no_export = pl.col("ws").is_null(), pl.col("ws_export").is_null()
    lost = no_import & pl.col("imports").fill_null(value=False)
    about = both.filter(lost).select("line_export", "written_export", "interval_start")
    alone = rejects(
        about.rename({"line_export": "line", "written_export": "written"}),
        "flowDirection",
        pl.col("interval_start").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
        "import of the same interval beside the export",
    )
    guessed = no_import | (no_export & pl.col("exports").fill_null(value=False))
    kept = both.filter(~lost).with_columns(guessed.alias("guessed"))
    counts = kept.filter("guessed").group_by("meter").len().sort("meter").iter_rows()
    notes = tuple(
        f"{meter}: one direction of two is there, the other counted as 0 and the interval as estimated: {count}"
        for meter, count in counts
    )
    return kept, alone, notes


def _whole_wh(intervals: pl.DataFrame) -> pl.DataFrame:
    """Round each meter's running total, then difference: the sum of any span is right to half a Wh at either end."""
    ordered = intervals.sort("meter", "interval_start")
    estimated = pl.col("estimated").fill_null(value=False) | pl.col("estimated_export").fill_null(value=False)

    def wh(column: str) -> pl.Expr:
        total = cells.rounded(pl.col(column).fill_null(0).cum_sum().over("meter") / 3600)
        return total - total.shift(1, fill_value=0).over("meter")

    return ordered.select(
        pl.col("meter").alias("meter_id"),
        "interval_start",
        "duration_s",
        wh("ws").alias("import_wh"),
        wh("ws_export").alias("export_wh"),
        pl.when(estimated | pl.col("guessed")).then(pl.lit("estimated")).otherwise(pl.lit("measured")).alias("quality"),
    )
