"""Outages: spans in which the grid was dead, so that nothing passed the meter and what cars gave fed an island.

What a car gives then is served energy, not a saving: no world without V2B would have bought it. It is taken out of the
flows that the worlds are rebuilt from and counted apart; what charging it again costs stays in the metered bill.
Outages are listed in outages.csv or told by the meter itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from pipeline import charging, quality
from pipeline.domain import UTC
from pipeline.portfolio import Outage

_DEAD: Final = pl.col("dead_s") > 0
_ENDS: Final = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
_NOTHING_PASSED: Final = (pl.col("actual_import_wh") == 0) & (pl.col("actual_export_wh") == 0)


def with_dead_time(windows: pl.DataFrame, outages: Sequence[Outage]) -> pl.DataFrame:
    """Add dead_s, the seconds of each window without a grid [s]; a window that was dead throughout is metered.

    The grid import of a dead window is 0 by physics, so its missing reading leaves nothing unknown. A window in part
    dead needs its reading as any other. Where the meter measured energy in a window that is said to be dead
    throughout, the meter is believed and dead_s is 0 (`contradictions` tells).
    """
    spans = _spans(windows, outages).group_by("window_start").agg(pl.col("duration_s").sum().alias("dead_s"))
    listed = windows.join(spans, left_on="interval_start", right_on="window_start", how="left", maintain_order="left")
    listed = listed.with_columns(pl.col("dead_s").fill_null(0))
    whole = pl.col("dead_s") == pl.col("duration_s")
    return listed.with_columns(
        metered=pl.col("metered") | (whole & _NOTHING_PASSED),
        dead_s=pl.when(whole & ~_NOTHING_PASSED).then(0).otherwise("dead_s"),
    )


def outages_of(listed: Sequence[Outage], told: pl.DataFrame) -> tuple[Outage, ...]:
    """Return the outages of a site in order: those listed and those its meters tell of, each time counted once.

    `told`: interval_start and duration_s [s] of the intervals in which every billing meter had no power.
    """
    spans = [(outage.begin, outage.end) for outage in listed]
    spans += told.select("interval_start", _ENDS.alias("end")).iter_rows()
    found: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return tuple(Outage(begin, end) for begin, end in found)


def contradictions(windows: pl.DataFrame, outages: Sequence[Outage], source: str) -> pl.DataFrame:
    """Return one finding per run of windows listed as dead in which the meter measured energy; value is its length [h].

    `windows` with dead_s of `with_dead_time`.
    """
    listed = _spans(windows, outages).group_by("window_start").agg(listed_s=pl.col("duration_s").sum())
    both = windows.join(listed, left_on="interval_start", right_on="window_start", how="left", maintain_order="left")
    alive = (pl.col("listed_s").fill_null(0) != pl.col("duration_s")) | _NOTHING_PASSED
    runs = quality.gaps(both.with_columns(alive=alive), "alive", name="outage.contradicted", source=source, what="Grid")
    starts = windows.select("local_start", span_from="interval_start")
    sentence = pl.format(
        "The meter measured energy from {} local time for {} h, which outages.csv lists as an outage; the meter is "
        "believed.",
        pl.col("local_start").dt.strftime("%Y-%m-%d %H:%M"),
        pl.col("value").round(2),
    )
    return runs.join(starts, on="span_from", how="left").with_columns(sentence=sentence).select(quality.FINDING.keys())


def outside(meter: pl.DataFrame, outages: Sequence[Outage]) -> pl.DataFrame:
    """Return the meter's intervals that no outage covers: zeros of a dead grid are no zeros of a load."""
    for outage in outages:
        meter = meter.filter(~((pl.col("interval_start") >= outage.begin) & (pl.lit(outage.end, dtype=UTC) >= _ENDS)))
    return meter


def without_served(windows: pl.DataFrame, readings: pl.DataFrame, outages: Sequence[Outage]) -> pl.DataFrame:
    """Take what flowed through the chargers in dead time out of charge_wh and discharge_wh; adds served_wh [Wh].

    `windows` with charge_wh, discharge_wh and dead_s; `readings` as of `charging.interval_energy`.
    """
    dead = windows.filter(_DEAD)
    spans = _spans(dead, outages)
    flows = charging.interval_energy(readings, spans.drop("window_start")) if not spans.is_empty() else None
    if flows is None or flows.is_empty():
        return windows.with_columns(served_wh=pl.lit(0, dtype=pl.Int64))
    by_window = (
        flows.join(spans.select("interval_start", "window_start"), on="interval_start")
        .group_by("window_start")
        .agg(island_charge_wh=pl.col("charge_wh").sum(), served_wh=pl.col("discharge_wh").sum())
    )
    joined = windows.join(by_window, left_on="interval_start", right_on="window_start", how="left")
    return (
        joined.with_columns(pl.col("island_charge_wh", "served_wh").fill_null(0))
        .with_columns(
            charge_wh=pl.col("charge_wh") - pl.col("island_charge_wh"),
            discharge_wh=pl.col("discharge_wh") - pl.col("served_wh"),
        )
        .drop("island_charge_wh")
        .sort("interval_start")
    )


def in_live_time(frame: pl.DataFrame, columns: Sequence[str], outages: Sequence[Outage]) -> pl.DataFrame:
    """Return instants on a clock that stands still while the grid is dead: nothing can be charged in that time.

    A column duration_s becomes live seconds, which may be 0.
    """
    if not outages:
        return frame
    if "duration_s" in frame.columns:
        ends = _live(_ENDS, outages) - _live(pl.col("interval_start"), outages)
        frame = frame.with_columns(duration_s=ends.dt.total_seconds())
    return frame.with_columns(_live(pl.col(name), outages).alias(name) for name in columns)


def _live(at: pl.Expr, outages: Sequence[Outage]) -> pl.Expr:
    zero = pl.duration(seconds=0)
    past = (
        pl.max_horizontal(zero, pl.min_horizontal(at, pl.lit(outage.end, dtype=UTC)) - pl.lit(outage.begin, dtype=UTC))
        for outage in outages
    )
    return at - pl.sum_horizontal(past)


def _spans(windows: pl.DataFrame, outages: Sequence[Outage]) -> pl.DataFrame:
    """The parts of windows that lie in an outage: window_start, interval_start and duration_s [s] of each."""
    listed = pl.DataFrame(
        {"begin": [outage.begin for outage in outages], "end": [outage.end for outage in outages]},
        schema={"begin": UTC, "end": UTC},
    )
    starts = windows.select(window_start="interval_start", window_end=_ENDS)
    return (
        starts.join_where(listed, pl.col("begin") < pl.col("window_end"), pl.col("end") > pl.col("window_start"))
        .select(
            "window_start",
            interval_start=pl.max_horizontal("window_start", "begin"),
            duration_s=(
                pl.min_horizontal("window_end", "end") - pl.max_horizontal("window_start", "begin")
            ).dt.total_seconds(),
        )
        .filter(pl.col("duration_s") > 0)
        .sort("interval_start")
    )


@dataclass(frozen=True)
class Served:
    """What outages of one bill came to: dead time, the part of it in which a car gave energy [s], that energy [Wh]."""

    dead_s: int
    ridden_s: int
    served_wh: int

    @property
    def section(self) -> dict[str, Any]:
        """The `outages` section of the result contract."""
        return {
            "hours": round(self.dead_s / 3600, 4),
            "ridden_through_hours": round(self.ridden_s / 3600, 4),
            "served_kwh": self.served_wh / 1000,
        }


def served(windows: pl.DataFrame) -> Served:
    """Sum up `windows` of `without_served`; a window counts as ridden through where a car gave energy in it."""
    ridden = windows.filter(pl.col("served_wh") > 0)
    return Served(
        int(windows.get_column("dead_s").sum()),
        int(ridden.get_column("dead_s").sum()),
        int(windows.get_column("served_wh").sum()),
    )
