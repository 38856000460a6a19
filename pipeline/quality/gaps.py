"""What is missing: runs of windows without data, and the hour that a clock change swallowed."""

from __future__ import annotations

from typing import Final

import polars as pl

from pipeline.quality.findings import ENDS, HOURS, as_findings, local_text

_SHIFTED: Final = pl.col("local_start") - pl.col("interval_start").dt.replace_time_zone(None)


def gaps(windows: pl.DataFrame, present: str, *, name: str, source: str, what: str) -> pl.DataFrame:
    """Return one finding per unbroken run of windows where the boolean column `present` is false.

    `windows`: interval_start, duration_s [s], local_start and `present`; the value is the length of the run [h].
    """
    runs = _runs(windows, present)
    sentence = pl.format(
        "{} is missing from {} local time for {} h.", pl.lit(what), local_text("local_from"), pl.col("value").round(2)
    )
    return as_findings(runs, name, pl.lit(source), "h", sentence)


def clock_change_gaps(windows: pl.DataFrame, gap_findings: pl.DataFrame) -> pl.DataFrame:
    """Rename the gaps that lie within the hours a clock change moved: `meter.dst`, not `meter.gap`.

    Exports written in wall-clock time drop the repeated hour of autumn or leave out an hour too many in spring.
    """
    ordered = windows.sort("interval_start").with_columns(shift=_SHIFTED)
    changes = ordered.filter(pl.col("shift") != pl.col("shift").shift()).select(
        change="interval_start", hour=(pl.col("shift") - ordered.get_column("shift").first()).abs()
    )
    if changes.is_empty() or gap_findings.is_empty():
        return gap_findings
    paired = gap_findings.with_row_index("row").join(changes, how="cross")
    within = (pl.col("span_from") >= pl.col("change") - pl.col("hour")) & (
        pl.col("span_to") <= pl.col("change") + pl.col("hour")
    )
    swallowed = paired.filter(within).get_column("row").unique()
    is_change = pl.col("row").is_in(swallowed.implode())
    told = pl.col("sentence") + " Clocks changed then: the export may have dropped the hour."
    return (
        gap_findings.with_row_index("row")
        .with_columns(
            name=pl.when(is_change).then(pl.lit("meter.dst")).otherwise("name"),
            sentence=pl.when(is_change).then(told).otherwise("sentence"),
        )
        .drop("row")
    )


def _runs(windows: pl.DataFrame, present: str) -> pl.DataFrame:
    return (
        windows.sort("interval_start")
        .with_columns(run=pl.col(present).rle_id())
        .filter(~pl.col(present))
        .group_by("run", maintain_order=True)
        .agg(
            span_from=pl.col("interval_start").first(),
            span_to=ENDS.last(),
            value=HOURS,
            local_from=pl.col("local_start").first(),
        )
    )
