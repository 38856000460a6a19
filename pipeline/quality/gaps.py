"""What is missing: runs of windows without data, and the hour that a clock change swallowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from pipeline.calendars import instants_us
from pipeline.quality.findings import HOUR_S, SECOND_US, Finding, in_time, rounded, runs, table, wall_time

_SHIFTED: Final = pl.col("local_start") - pl.col("interval_start").dt.replace_time_zone(None)


def gaps(windows: pl.DataFrame, present: str, *, name: str, source: str, what: str) -> pl.DataFrame:
    """Return one finding per unbroken run of windows where the boolean column `present` is false.

    `windows`: interval_start, duration_s [s], local_start and `present`; the value is the length of the run [h].
    """
    return table(_gaps(in_time(windows), present, name=name, source=source, what=what))


def _gaps(windows: pl.DataFrame, present: str, *, name: str, source: str, what: str) -> Iterator[Finding]:
    missing = runs(~windows.get_column(present).to_numpy())
    if not len(missing):
        return
    starts, wall = (instants_us(windows.get_column(f"{of}_start")) for of in ("interval", "local"))
    lengths_s = windows.get_column("duration_s").to_numpy()
    for first, until in missing:
        hours = float(lengths_s[first:until].sum()) / HOUR_S
        sentence = f"{what} is missing from {wall_time(wall[first])} local time for {rounded(hours, 2)} h."
        end = int(starts[until - 1] + lengths_s[until - 1] * SECOND_US)
        yield Finding(name, source, int(starts[first]), end, hours, "h", sentence)


def clock_change_gaps(windows: pl.DataFrame, gap_findings: pl.DataFrame) -> pl.DataFrame:
    """Rename the gaps that lie within the hours a clock change moved: `meter.dst`, not `meter.gap`.

    Exports written in wall-clock time drop the repeated hour of autumn or leave out an hour too many in spring.
    """
    if gap_findings.is_empty():
        return gap_findings
    ordered = in_time(windows).with_columns(shift=_SHIFTED)
    changes = ordered.filter(pl.col("shift") != pl.col("shift").shift()).select(
        change="interval_start", hour=(pl.col("shift") - ordered.get_column("shift").first()).abs()
    )
    if changes.is_empty():
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
