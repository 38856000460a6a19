"""Outages: spans in which the grid was dead, so that nothing passed the meter and what cars gave fed an island.

What a car gives then is served energy, not a saving: no world without V2B would have bought it. It is taken out of the
flows that the worlds are rebuilt from and counted apart; what charging it again costs stays in the metered bill.
Outages are listed in outages.csv or told by the meter itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline import charging, quality
from pipeline.calendars import Ints, instant_us, instants_us
from pipeline.domain import UTC
from pipeline.portfolio import Outage

_ENDS: Final = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
_SECOND_US: Final = 1_000_000
Flags = np.ndarray[Any, np.dtype[np.bool_]]


def with_dead_time(windows: pl.DataFrame, outages: Sequence[Outage]) -> pl.DataFrame:
    """Add dead_s, the seconds of each window without a grid [s]; a window that was dead throughout is metered.

    The grid import of a dead window is 0 by physics, so its missing reading leaves nothing unknown. A window in part
    dead needs its reading as any other. Where the meter measured energy in a window that is said to be dead
    throughout, the meter is believed and dead_s is 0 (`contradictions` tells).
    """
    if not outages:
        return windows.hstack([pl.Series("dead_s", np.zeros(windows.height, dtype=np.int64))])
    dead_s = _spans(windows, outages).total_s(windows.height)
    whole = dead_s == windows.get_column("duration_s").to_numpy()
    nothing = _nothing_passed(windows)
    dead_s[whole & ~nothing] = 0
    metered = windows.get_column("metered").to_numpy() | (whole & nothing)
    return windows.with_columns(pl.Series("metered", metered), pl.Series("dead_s", dead_s))


def _nothing_passed(windows: pl.DataFrame) -> Flags:
    imported, exported = (windows.get_column(f"actual_{side}_wh").to_numpy() for side in ("import", "export"))
    return np.asarray((imported == 0) & (exported == 0))


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
    if not outages:
        return quality.nothing_found()
    listed_s = _spans(windows, outages).total_s(windows.height)
    alive = (listed_s != windows.get_column("duration_s").to_numpy()) | _nothing_passed(windows)
    both = windows.with_columns(pl.Series("alive", alive))
    runs = quality.gaps(both, "alive", name="outage.contradicted", source=source, what="Grid")
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
    spans = _spans(windows, outages)
    spans = spans.of(windows.get_column("dead_s").to_numpy()[spans.window] > 0)
    if not len(spans.window):
        return windows.hstack([pl.Series("served_wh", np.zeros(windows.height, dtype=np.int64))])
    flows = charging.interval_energy(readings, spans.frame())
    charged, served = (
        spans.by_window(flows.get_column(name).to_numpy().reshape(-1, len(spans.window)).sum(axis=0), windows.height)
        for name in ("charge_wh", "discharge_wh")
    )
    return windows.with_columns(
        charge_wh=windows.get_column("charge_wh") - pl.Series(charged),
        discharge_wh=windows.get_column("discharge_wh") - pl.Series(served),
        served_wh=pl.Series(served),
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


class _Spans(NamedTuple):
    """Parts of windows that lie in an outage: each one's window by number, its begin [us UTC] and length [s]."""

    window: Ints
    begin_us: Ints
    duration_s: Ints

    def of(self, chosen: Flags) -> _Spans:
        """Return some of the parts."""
        return _Spans(*(column[chosen] for column in self))

    def frame(self) -> pl.DataFrame:
        """Return interval_start and duration_s [s] of each part."""
        begins = pl.Series("interval_start", self.begin_us, dtype=UTC)
        return pl.DataFrame([begins, pl.Series("duration_s", self.duration_s)])

    def total_s(self, windows: int) -> Ints:
        """Return how much of each window lies in an outage [s]."""
        return self.by_window(self.duration_s, windows)

    def by_window(self, values: Ints, windows: int) -> Ints:
        """Return the sum of a number of each part by window."""
        found = np.zeros(windows, dtype=np.int64)
        np.add.at(found, self.window, values)
        return found


def _spans(windows: pl.DataFrame, outages: Sequence[Outage]) -> _Spans:
    starts = instants_us(windows.get_column("interval_start"))
    ends = starts + windows.get_column("duration_s").to_numpy() * _SECOND_US
    found = [np.zeros((3, 0), dtype=np.int64)]
    for begin, end in ((instant_us(outage.begin), instant_us(outage.end)) for outage in outages):
        window = np.flatnonzero((ends > begin) & (starts < end))
        begins = np.maximum(starts[window], begin)
        found.append(np.stack([window, begins, (np.minimum(ends[window], end) - begins) // _SECOND_US]))
    parts = np.concatenate(found, axis=1)
    return _Spans(*parts[:, np.argsort(parts[1], kind="stable")])


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
    dead_s, served_wh = (windows.get_column(name).to_numpy() for name in ("dead_s", "served_wh"))
    return Served(int(dead_s.sum()), int(dead_s[served_wh > 0].sum()), int(served_wh.sum()))
