"""Loads of all worlds by demand window: what was metered, without cars, and with the cars of a modelled world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Register
from pipeline.domain import SCENARIOS, V2BError

Wh = np.ndarray[Any, np.dtype[np.int64]]


def metered_windows(meter: pl.DataFrame, meter_ids: list[str], grid: pl.DataFrame) -> pl.DataFrame:
    """Sum the billing meters' intervals onto the demand windows.

    `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh]; `grid` of `calendars.window_grid`.
    Returns the grid with actual_import_wh, actual_export_wh and metered (every meter measured the whole window; the
    energies are 0 where not even a part was measured).
    Raises V2BError for intervals longer than the window or lying across its edge: a window's power is then unknown.
    """
    inside = _Inside.of(meter, meter_ids, grid)
    _refuse_straddling(meter, inside)
    measured_s = inside.summed("duration_s")
    return grid.hstack(
        [
            pl.Series("actual_import_wh", inside.summed("import_wh")),
            pl.Series("actual_export_wh", inside.summed("export_wh")),
            pl.Series("metered", measured_s == inside.lengths_s * len(meter_ids)),
        ]
    )


def reactive_windows(reactive: pl.DataFrame, meter_ids: list[str], windows: pl.DataFrame) -> pl.DataFrame:
    """Add reactive_varh [varh] to demand windows: what all billing meters measured, null where any lacks a part.

    `reactive`: meter_id, interval_start, duration_s [s], reactive_varh. Intervals across windows count in none.
    """
    if reactive.is_empty():
        return windows.hstack([pl.Series("reactive_varh", [None] * windows.height, dtype=pl.Int64)])
    inside = _Inside.of(reactive, meter_ids, windows).whole
    missing = inside.summed("duration_s") != inside.lengths_s * len(meter_ids)
    return windows.with_columns(
        pl.Series("reactive_varh", inside.summed("reactive_varh")).set(pl.Series(missing), None)
    )


@dataclass(frozen=True)
class _Inside:
    """Intervals of meters that begin inside demand windows: their rows, windows, and whether they end there, too."""

    intervals: pl.DataFrame
    rows: Wh
    windows: Wh
    ends_inside: np.ndarray[Any, np.dtype[np.bool_]]
    lengths_s: Wh

    @classmethod
    def of(cls, intervals: pl.DataFrame, meter_ids: list[str], grid: pl.DataFrame) -> _Inside:
        """Lay the intervals of some meters on windows."""
        ids, at = intervals.get_column("meter_id"), instants_us(intervals.get_column("interval_start"))
        starts, lengths_s = instants_us(grid.get_column("interval_start")), grid.get_column("duration_s").to_numpy()
        window = np.searchsorted(starts, at, side="right") - 1
        mine = np.logical_or.reduce([(ids == name).to_numpy() for name in meter_ids])
        rows = np.flatnonzero(mine & (window >= 0))
        offset_s = (at[rows] - starts[window[rows]]) // 1_000_000
        begins = offset_s < lengths_s[window[rows]]
        rows, offset_s = rows[begins], offset_s[begins]
        ends_s = offset_s + intervals.get_column("duration_s").to_numpy()[rows]
        return cls(intervals, rows, window[rows], ends_s <= lengths_s[window[rows]], lengths_s)

    @property
    def whole(self) -> _Inside:
        """The intervals that lie in their window as a whole."""
        kept = self.ends_inside
        return replace(self, rows=self.rows[kept], windows=self.windows[kept], ends_inside=kept[kept])

    def summed(self, name: str) -> Wh:
        """Return the sum of a column by window."""
        found = np.zeros(len(self.lengths_s), dtype=np.int64)
        np.add.at(found, self.windows, Register.of(self.intervals.get_column(name)).wh[self.rows])
        return found


def is_reactive_metered(windows: pl.DataFrame) -> bool:
    """Tell whether any window has its reactive energy."""
    return "reactive_varh" in windows.columns and windows.get_column("reactive_varh").count() > 0


def _refuse_straddling(meter: pl.DataFrame, inside: _Inside) -> None:
    if inside.ends_inside.all():
        return
    across = ~inside.ends_inside
    window_s = inside.lengths_s[inside.windows[across]]
    rows = meter[inside.rows[across]].with_columns(pl.Series("window_s", window_s))
    first: dict[str, Any] = rows.sort("interval_start", maintain_order=True).row(0, named=True)
    raise V2BError(
        f"meter {first['meter_id']}: the interval at {first['interval_start'].isoformat()} is {first['duration_s']} s "
        f"long and does not lie inside one demand window of {first['window_s']} s; allowed: intervals that divide the "
        "window (set demand_window_min to the meter's own interval, or ask the utility for finer data)"
    )


def no_ev(windows: pl.DataFrame) -> pl.DataFrame:
    """Take the cars out of the metered load: adds no_ev_import_wh and no_ev_export_wh [Wh].

    With x = discharge - charge - standby of the chargers, per window: what cars gave is first taken back from the
    export, and what they took is first taken from the import, so that neither side of the meter ever goes below zero
    (IPMVP Option B, metered flows).
    """
    discharge, charge, standby = (_wh(windows, name) for name in ("discharge_wh", "charge_wh", "standby_wh"))
    return windows.hstack(with_added(windows, "actual", discharge - charge - standby, becomes="no_ev"))


def with_added(windows: pl.DataFrame, world: str, added: Wh, *, becomes: str) -> list[pl.Series]:
    """Return import and export of a world with more load in every window, below 0 less [Wh], by the name it becomes.

    More load first uses up the export, less load first the import; neither falls below zero.
    """
    imported, exported = (_wh(windows, f"{world}_{side}_wh") for side in ("import", "export"))
    more, less = np.maximum(added, 0), np.maximum(-added, 0)
    used_up, not_bought = np.minimum(more, exported), np.minimum(less, imported)
    return [
        pl.Series(f"{becomes}_import_wh", imported - not_bought + more - used_up),
        pl.Series(f"{becomes}_export_wh", exported - used_up + less - not_bought),
    ]


def _with_charging(windows: pl.DataFrame, world: str) -> pl.DataFrame:
    """Add a world's charging and the chargers' standby to the world without cars: surplus is used up first."""
    added = _wh(windows, f"{world}_charge_wh") + _wh(windows, "standby_wh")
    return windows.hstack(with_added(windows, "no_ev", added, becomes=world))


def _wh(windows: pl.DataFrame, name: str) -> Wh:
    return windows.get_column(name).to_numpy()


def unmanaged(windows: pl.DataFrame) -> pl.DataFrame:
    """Add plug-in charging to the world without cars: adds unmanaged_import_wh and unmanaged_export_wh [Wh]."""
    return _with_charging(windows, "unmanaged")


def managed(windows: pl.DataFrame) -> pl.DataFrame:
    """Add charging without what it gave back to the world without cars: adds managed_import_wh, managed_export_wh."""
    return _with_charging(windows, "managed")


def modelled_as_metered(windows: pl.DataFrame) -> pl.DataFrame:
    """Let the modelled worlds be what was metered: before the programme cars charged as they came."""
    return windows.with_columns(
        column
        for world in ("unmanaged", "managed")
        for column in (
            (pl.col("charge_wh") - pl.col("discharge_wh")).alias(f"{world}_charge_wh"),
            *[pl.col(f"actual_{side}_wh").alias(f"{world}_{side}_wh") for side in ("import", "export")],
        )
    )


def as_metered(windows: pl.DataFrame) -> pl.DataFrame:
    """Let every world be what was metered: so bills before the programme are priced, and ratchets start equal."""
    return windows.with_columns(
        pl.col(f"actual_{side}_wh").alias(f"{world}_{side}_wh")
        for world in SCENARIOS
        if world != "actual"
        for side in ("import", "export")
    )


def long_load(windows: pl.DataFrame) -> pl.DataFrame:
    """Return the worlds one under the other, in the shape of `domain.LOAD`; all with the metered reactive energy."""
    return pl.concat(
        windows.select(
            pl.lit(world).alias("scenario"),
            "interval_start",
            "duration_s",
            pl.col(f"{world}_import_wh").alias("import_wh"),
            pl.col(f"{world}_export_wh").alias("export_wh"),
            *(["reactive_varh"] if is_reactive_metered(windows) else []),
        )
        for world in SCENARIOS
    )
