"""The day that set the bill, as plain numbers: what the chart draws and its data table lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from reports.facts import Facts
from reports.inputs import PeakHours


@dataclass(frozen=True)
class Window:
    """One demand window of the day: hours since the day began, wall clock, mean powers [kW]."""

    start_h: float
    end_h: float
    local_start: datetime
    baseline_kw: float | None
    actual_kw: float | None
    charge_kw: float | None
    discharge_kw: float | None

    @property
    def change_kw(self) -> float | None:
        """With V2B minus without [kW]."""
        return None if self.actual_kw is None or self.baseline_kw is None else self.actual_kw - self.baseline_kw


@dataclass(frozen=True)
class Mark:
    """The window that set a world's peak [kW]; hours are None where it lies on another day."""

    kw: float
    at: datetime
    start_h: float | None
    end_h: float | None


@dataclass(frozen=True)
class DemandAxis:
    """A demand axis [kW]: where it starts and ends, and its round values."""

    low: float
    high: float
    ticks: tuple[float, ...]

    @property
    def from_zero(self) -> bool:
        """Whether the axis starts at zero."""
        return self.low == 0


@dataclass(frozen=True)
class PeakDay:
    """A day's windows, the part of it worth drawing, the demand axis and the marks."""

    day: date
    windows: tuple[Window, ...]
    from_h: float
    to_h: float
    axis: DemandAxis
    band_h: tuple[float, float] | None
    baseline: Mark | None
    actual: Mark | None

    @property
    def compared(self) -> bool:
        """Whether the world V2B is compared with is drawn."""
        return any(w.baseline_kw is not None for w in self.windows)

    @property
    def shown(self) -> tuple[Window, ...]:
        """The windows drawn."""
        return tuple(w for w in self.windows if w.start_h >= self.from_h and w.end_h <= self.to_h)


def find_peak_day(facts: Facts) -> PeakDay | None:
    """Return the day of the window that set the compared peak; the highest metered day where none is stated."""
    load, day = facts.data.load, peak_date(facts)
    if day is None:
        return None
    windows = _windows(load.filter(pl.col("local_day") == day).sort("interval_start"), facts)
    if not windows:
        return None
    baseline, actual = _mark(facts, "baseline", windows), _mark(facts, "actual", windows)
    band = _band(windows, facts.site.peak_window)
    from_h, to_h = _hours_shown(windows, band, (baseline, actual))
    shown = [w for w in windows if w.start_h >= from_h and w.end_h <= to_h]
    powers = [kw for w in shown for kw in (w.baseline_kw, w.actual_kw) if kw is not None]
    powers += [mark.kw for mark in (baseline, actual) if mark]
    return PeakDay(day, windows, from_h, to_h, demand_axis(powers), band, baseline, actual)


def demand_axis(powers: list[float], *, room_below: bool = False) -> DemandAxis:
    """Return an axis round about `powers` [kW] with room for a label above the highest.

    It starts at zero unless that would leave more than its lower third empty; `room_below` leaves room for a label
    under the lowest, too.
    """
    low, high = (min(powers), max(powers)) if any(powers) else (0.0, 1.0)
    low = min(low, 0.0) if low < high / 3 else low
    rough = max(high - low, abs(high) * 0.02, 1e-3) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    room = (high - low) * 0.12 if room_below and low > 0 else 0.0
    last = math.floor(high / step + 1e-9)
    first = math.floor((low - room) / step + 1e-9)
    if low != 0:
        first = min(first, last - 2)  # one value has no scale to be read on
    ticks = tuple(round(index * step, 6) for index in range(first, last + 1))
    return DemandAxis(ticks[0], round(high + (high - ticks[0]) * 0.1, 6), ticks)


def power_kw(wh: str) -> pl.Expr:
    """Return the mean power [kW] of an energy column [Wh] over each row's duration."""
    return pl.col(wh) * 3.6 / pl.col("duration_s")


def peak_date(facts: Facts) -> date | None:
    """Return the day of the compared peak; the highest metered day where none is stated, None without meter data."""
    load = facts.data.load.drop_nulls("actual_import_wh")
    if load.is_empty():
        return None
    set_at = facts.set_at("baseline") or facts.set_at("actual")
    if set_at is not None:
        return set_at.date()
    order = [power_kw("actual_import_wh"), pl.col("interval_start")]
    found: date = load.sort(order, descending=[True, False])["local_day"][0]
    return found


def _windows(rows: pl.DataFrame, facts: Facts) -> tuple[Window, ...]:
    if rows.is_empty():
        return ()
    begin: datetime = rows["interval_start"][0]
    frame = rows.select(
        "interval_start",
        "local_start",
        "duration_s",
        baseline=power_kw(f"{facts.headline}_import_wh") if facts.baseline_known else pl.lit(None, pl.Float64),
        actual=power_kw("actual_import_wh"),
        charge=power_kw("charge_wh"),
        discharge=power_kw("discharge_wh"),
    )
    return tuple(_window(row, begin) for row in frame.iter_rows(named=True))


def _window(row: dict[str, Any], begin: datetime) -> Window:
    start_h = (row["interval_start"] - begin).total_seconds() / 3600
    end_h = start_h + row["duration_s"] / 3600
    return Window(start_h, end_h, row["local_start"], row["baseline"], row["actual"], row["charge"], row["discharge"])


def _mark(facts: Facts, world: str, windows: tuple[Window, ...]) -> Mark | None:
    kw = facts.figure("peak_kw", facts.headline if world == "baseline" else "actual")
    at = facts.set_at(world)
    if kw is None or at is None:
        return None
    same = [w for w in windows if w.local_start == at]
    return Mark(kw, at, same[0].start_h, same[0].end_h) if same else Mark(kw, at, None, None)


def _band(windows: tuple[Window, ...], hours: PeakHours | None) -> tuple[float, float] | None:
    """Return the peak window in hours since the day began; None on days it does not cover."""
    day = windows[0].local_start.date()
    if hours is None or day.month not in hours.months or day.isoweekday() not in hours.weekdays:
        return None
    inside = [w for w in windows if hours.start <= f"{w.local_start:%H:%M}" < hours.end]
    return (inside[0].start_h, inside[-1].end_h) if inside else None


def _differs(window: Window) -> bool:
    both = (window.baseline_kw, window.actual_kw)
    return both[0] is not None and both[1] is not None and abs(both[0] - both[1]) > abs(both[0]) * 1e-4


def _hours_shown(
    windows: tuple[Window, ...], band: tuple[float, float] | None, marks: tuple[Mark | None, Mark | None]
) -> tuple[float, float]:
    """Return the span worth drawing: two hours before the first event to two after the last, at least twelve hours."""
    moving = [w for w in windows if (w.discharge_kw or 0) > 0 or _differs(w)]
    spans = [(w.start_h, w.end_h) for w in moving] + ([band] if band else [])
    spans += [(m.start_h, m.end_h) for m in marks if m and m.start_h is not None and m.end_h is not None]
    day_from, day_to = windows[0].start_h, windows[-1].end_h
    if not spans:
        return day_from, day_to
    from_h, to_h = math.floor(min(s for s, _ in spans)) - 2.0, math.ceil(max(e for _, e in spans)) + 2.0
    missing = max(0.0, 12 - (to_h - from_h))
    from_h, to_h = max(day_from, from_h - math.ceil(missing)), min(day_to, to_h)
    return (day_from, day_to) if to_h - from_h > 18 else (from_h, to_h)
