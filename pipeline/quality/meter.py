"""What a meter cannot have measured: zeros that mean missing, stuck values, overlaps, the same data twice.

Each rule takes `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh] of one bill with the local
calendar of `calendars.with_local_time`.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.quality.findings import ENDS, HOURS, as_findings, local_text, nothing_found

ZERO_RUN_INTERVALS: Final = 2
"""One zero may be a switching operation; two in a row are no load."""
NEVER_ZERO_SHARE: Final = 0.1
"""A load whose lowest hundredth stays above a tenth of its mean has a base that does not vanish."""
NEVER_ZERO_STEPS: Final = 10
"""Below ten steps of the meter's resolution a zero may be a small load, rounded."""
ZERO_RUNS_PER_DAY: Final = 0.5
"""A load that is zero more often than every other day is switched off by habit."""
STUCK_S: Final = 6 * 3600
STUCK_INTERVALS: Final = 6
"""Six hours and six intervals of one value: real loads of some kWh seldom repeat twice."""
STUCK_ELSEWHERE: Final = 0.1
"""A load that repeats its last value in more than a tenth of its other intervals is simply steady or coarse."""
TWIN_INTERVALS: Final = 24
VARIED_VALUES: Final = 10
"""Equal series prove a copy only where they vary."""
COPY_CHANCE: Final = 0.01
"""An hour like the one before it is a copy where the meter's other hours would make it so less often than this."""


def zero_runs(meter: pl.DataFrame) -> pl.DataFrame:
    """Return runs of exact zero in a load that is otherwise never zero; the value is the length [h]."""
    positive = pl.col("import_wh").filter(pl.col("import_wh") > 0)
    step = positive.unique().sort().diff().min()
    floor = positive.quantile(0.01)
    profile = meter.group_by("meter_id").agg(
        never_zero=(floor >= NEVER_ZERO_SHARE * positive.mean()) & (floor >= NEVER_ZERO_STEPS * step),
        days=pl.col("local_day").n_unique(),
    )
    zero = (pl.col("import_wh") == 0) & (pl.col("export_wh") == 0)
    runs = _runs(meter.with_columns(zero=zero), "zero").filter("zero")
    suspicious = (
        runs.filter(pl.col("intervals") >= ZERO_RUN_INTERVALS)
        .join(profile, on="meter_id")
        .with_columns(runs=pl.len().over("meter_id"))
        .filter(pl.col("never_zero") & (pl.col("runs") <= (ZERO_RUNS_PER_DAY * pl.col("days")).clip(lower_bound=1)))
    )
    sentence = pl.format(
        "Meter {} reads exactly 0 from {} local time for {} h, though its load is never 0: data is probably missing.",
        "meter_id",
        local_text("local_from"),
        pl.col("value").round(2),
    )
    return as_findings(suspicious, "meter.zero_run", pl.col("meter_id"), "h", sentence)


def stuck_values(meter: pl.DataFrame) -> pl.DataFrame:
    """Return long runs of one non-zero value in a load that otherwise changes; the value is the length [h]."""
    runs = _runs(meter, "import_wh").with_columns(
        long=(pl.col("value") * 3600 >= STUCK_S) & (pl.col("intervals") >= STUCK_INTERVALS) & (pl.col("import_wh") > 0)
    )
    others = pl.col("intervals").filter(~pl.col("long"))
    elsewhere = runs.group_by("meter_id").agg(repeats=(others - 1).sum(), intervals_elsewhere=others.sum())
    changes = pl.col("repeats") < STUCK_ELSEWHERE * pl.col("intervals_elsewhere")
    stuck = runs.filter("long").join(elsewhere, on="meter_id").filter(changes)
    sentence = pl.format(
        "Meter {} repeats {} kWh from {} local time for {} h: it may have been stuck.",
        "meter_id",
        pl.col("import_wh") / 1000,
        local_text("local_from"),
        pl.col("value").round(2),
    )
    return as_findings(stuck, "meter.stuck", pl.col("meter_id"), "h", sentence)


def overlaps(meter: pl.DataFrame) -> pl.DataFrame:
    """Return intervals of one meter that begin before the one before has ended; the value is the shared time [s]."""
    ordered = meter.sort("meter_id", "interval_start", "duration_s").with_columns(
        until=ENDS.shift().over("meter_id"), local_from=pl.col("local_start")
    )
    shared = ordered.filter(pl.col("until") > pl.col("interval_start")).with_columns(
        span_from=pl.col("interval_start"),
        span_to=pl.min_horizontal("until", ENDS),
    )
    shared = shared.with_columns(value=(pl.col("span_to") - pl.col("span_from")).dt.total_seconds())
    sentence = pl.format(
        "Meter {} has two intervals that share {} s from {} local time.", "meter_id", "value", local_text("local_from")
    )
    return as_findings(shared, "meter.overlap", pl.col("meter_id"), "s", sentence)


def twins(meter: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of meters that measure the same: one meter under two names, billed twice; the value is intervals."""
    if meter.get_column("meter_id").n_unique() < 2:
        return nothing_found()
    table = meter.select("meter_id", "interval_start", "duration_s", "import_wh", "local_start")
    pairs = table.join(table, on="interval_start", suffix="_other").filter(
        pl.col("meter_id") < pl.col("meter_id_other")
    )
    alike = pairs.group_by("meter_id", "meter_id_other").agg(
        span_from=pl.col("interval_start").min(),
        span_to=ENDS.max(),
        value=pl.len(),
        equal=(pl.col("import_wh") == pl.col("import_wh_other")).all(),
        values=pl.col("import_wh").n_unique(),
    )
    same = alike.filter(pl.col("equal") & (pl.col("value") >= TWIN_INTERVALS) & (pl.col("values") >= VARIED_VALUES))
    sentence = pl.format(
        "Meters {} and {} read the same in all {} intervals: one meter may be counted twice.",
        "meter_id",
        "meter_id_other",
        "value",
    )
    return as_findings(same, "meter.duplicate", pl.col("meter_id_other"), "1", sentence)


def repeated_days(meter: pl.DataFrame) -> pl.DataFrame:
    """Return days whose every interval equals the day before: copied, not measured; the value is intervals."""
    days = (
        meter.sort("meter_id", "interval_start")
        .group_by("meter_id", "local_day", maintain_order=True)
        .agg(
            span_from=pl.col("interval_start").first(),
            span_to=ENDS.last(),
            value=pl.len(),
            values=pl.col("import_wh").n_unique(),
            loads=pl.col("import_wh"),
        )
        .with_columns(copied=(pl.col("loads") == pl.col("loads").shift().over("meter_id")))
    )
    same = days.filter(pl.col("copied") & (pl.col("values") >= VARIED_VALUES))
    sentence = pl.format("Meter {} repeats the day before on {}, interval by interval.", "meter_id", "local_day")
    return as_findings(same, "meter.repeated_day", pl.col("meter_id"), "1", sentence)


def copied_hours(meter: pl.DataFrame) -> pl.DataFrame:
    """Return hours that came twice and were measured the same in both passes; the value is intervals.

    How often the meter's other intervals equal those an hour before tells what chance would do.
    """
    measured = meter.filter(pl.col("quality") == "measured")
    if not measured.select(pl.struct("meter_id", "local_start").is_duplicated().any()).item():
        return nothing_found()  # no hour came twice
    table = measured.select("meter_id", "interval_start", "duration_s", "import_wh", "local_start", "local_day")
    hour_before = table.select(
        "meter_id", pl.col("interval_start").dt.offset_by("1h"), before_wh="import_wh", local_before="local_start"
    )
    pairs = table.join(hour_before, on=["meter_id", "interval_start"]).with_columns(
        again=pl.col("local_start") == pl.col("local_before"), equal=pl.col("import_wh") == pl.col("before_wh")
    )
    usual = pairs.group_by("meter_id").agg(
        share=((pl.col("equal") & ~pl.col("again")).sum() + 1) / ((~pl.col("again")).sum() + 1)
    )
    hours = (
        pairs.filter("again")
        .group_by("meter_id", "local_day")
        .agg(
            span_from=pl.col("interval_start").min(),
            span_to=ENDS.max(),
            value=pl.len(),
            copied=pl.col("equal").all() & (pl.col("import_wh") > 0).any(),
        )
        .join(usual, on="meter_id")
    )
    found = hours.filter(pl.col("copied") & (pl.col("share").pow(pl.col("value")) <= COPY_CHANCE))
    sentence = pl.format(
        "Meter {} reads the same in both passes of the hour that came twice on {}: the second may be a copy.",
        "meter_id",
        "local_day",
    )
    return as_findings(found, "meter.dst", pl.col("meter_id"), "1", sentence)


def without_zero_runs(windows: pl.DataFrame, zero_findings: pl.DataFrame) -> pl.DataFrame:
    """Return the windows with `metered` false wherever a zero run touches them: such zeros are not billed."""
    if zero_findings.is_empty():
        return windows
    spans = zero_findings.select("span_from", "span_to")
    touched = (
        windows.select("interval_start", until=ENDS)
        .join_where(spans, pl.col("interval_start") < pl.col("span_to"), pl.col("until") > pl.col("span_from"))
        .get_column("interval_start")
        .unique()
    )
    return windows.with_columns(metered=pl.col("metered") & ~pl.col("interval_start").is_in(touched.implode()))


def _runs(meter: pl.DataFrame, column: str) -> pl.DataFrame:
    """Unbroken runs of one value of `column`; a gap between intervals ends a run."""
    ordered = meter.sort("meter_id", "interval_start")
    broken = (
        (pl.col("meter_id") != pl.col("meter_id").shift())
        | (pl.col("interval_start") != ENDS.shift())
        | (pl.col(column) != pl.col(column).shift())
    )
    return (
        ordered.with_columns(run=broken.fill_null(value=True).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("meter_id", column).first(),
            span_from=pl.col("interval_start").first(),
            span_to=ENDS.last(),
            value=HOURS,
            intervals=pl.len(),
            local_from=pl.col("local_start").first(),
        )
    )
