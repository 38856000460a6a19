"""Loads of all worlds by demand window: what was metered, without cars, and with the cars of a modelled world."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from pipeline.domain import SCENARIOS, V2BError

Wh = np.ndarray[Any, np.dtype[np.int64]]


def metered_windows(meter: pl.DataFrame, meter_ids: list[str], grid: pl.DataFrame) -> pl.DataFrame:
    """Sum the billing meters' intervals onto the demand windows.

    `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh]; `grid` of `calendars.window_grid`.
    Returns the grid with actual_import_wh, actual_export_wh and metered (every meter measured the whole window; the
    energies are 0 where not even a part was measured).
    Raises V2BError for intervals longer than the window or lying across its edge: a window's power is then unknown.
    """
    edges = grid.select(window_start="interval_start", window_s="duration_s").sort("window_start")
    rows = (
        meter.filter(pl.col("meter_id").is_in(meter_ids))
        .sort("interval_start")
        .join_asof(edges, left_on="interval_start", right_on="window_start")
        .drop_nulls("window_start")
        .with_columns(offset_s=(pl.col("interval_start") - pl.col("window_start")).dt.total_seconds())
        .filter(pl.col("offset_s") < pl.col("window_s"))
    )
    _refuse_straddling(rows)
    sums = rows.group_by("window_start").agg(
        actual_import_wh=pl.col("import_wh").sum(),
        actual_export_wh=pl.col("export_wh").sum(),
        measured_s=pl.col("duration_s").sum(),
    )
    return (
        grid.join(sums, left_on="interval_start", right_on="window_start", how="left")
        .with_columns(
            metered=pl.col("measured_s").fill_null(0) == pl.col("duration_s") * len(meter_ids),
            actual_import_wh=pl.col("actual_import_wh").fill_null(0),
            actual_export_wh=pl.col("actual_export_wh").fill_null(0),
        )
        .drop("measured_s")
        .sort("interval_start")
    )


def reactive_windows(reactive: pl.DataFrame, meter_ids: list[str], windows: pl.DataFrame) -> pl.DataFrame:
    """Add reactive_varh [varh] to demand windows: what all billing meters measured, null where any lacks a part.

    `reactive`: meter_id, interval_start, duration_s [s], reactive_varh. Intervals across windows count in none.
    """
    edges = windows.select(window_start="interval_start", window_s="duration_s").sort("window_start")
    offset = (pl.col("interval_start") - pl.col("window_start")).dt.total_seconds()
    inside = (
        reactive.filter(pl.col("meter_id").is_in(meter_ids))
        .sort("interval_start")
        .join_asof(edges, left_on="interval_start", right_on="window_start")
        .filter(offset + pl.col("duration_s") <= pl.col("window_s"))
    )
    sums = inside.group_by("window_start").agg(pl.col("reactive_varh").sum(), measured_s=pl.col("duration_s").sum())
    whole = pl.col("measured_s") == pl.col("duration_s") * len(meter_ids)
    return (
        windows.join(sums, left_on="interval_start", right_on="window_start", how="left", maintain_order="left")
        .with_columns(reactive_varh=pl.when(whole).then("reactive_varh"))
        .drop("measured_s")
    )


def is_reactive_metered(windows: pl.DataFrame) -> bool:
    """Tell whether any window has its reactive energy."""
    return "reactive_varh" in windows.columns and windows.get_column("reactive_varh").count() > 0


def _refuse_straddling(rows: pl.DataFrame) -> None:
    across = rows.filter(pl.col("offset_s") + pl.col("duration_s") > pl.col("window_s"))
    if across.is_empty():
        return
    first: dict[str, Any] = across.row(0, named=True)
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
    cars = pl.col("discharge_wh") - pl.col("charge_wh") - pl.col("standby_wh")
    return windows.with_columns(with_added("actual", cars, becomes="no_ev"))


def with_added(world: str, added: pl.Expr, *, becomes: str) -> list[pl.Expr]:
    """Return import and export of a world with more load in every window, below 0 less [Wh], by the name it becomes.

    More load first uses up the export, less load first the import; neither falls below zero.
    """
    imported, exported = (pl.col(f"{world}_{side}_wh") for side in ("import", "export"))
    zero = pl.lit(0, dtype=pl.Int64)
    more = added >= 0
    return [
        pl.when(more)
        .then(imported + pl.max_horizontal(zero, added - exported))
        .otherwise(pl.max_horizontal(zero, imported + added))
        .alias(f"{becomes}_import_wh"),
        pl.when(more)
        .then(pl.max_horizontal(zero, exported - added))
        .otherwise(exported + pl.max_horizontal(zero, -added - imported))
        .alias(f"{becomes}_export_wh"),
    ]


def _with_charging(windows: pl.DataFrame, world: str) -> pl.DataFrame:
    """Add a world's charging and the chargers' standby to the world without cars: surplus is used up first."""
    return windows.with_columns(with_added("no_ev", pl.col(f"{world}_charge_wh") + pl.col("standby_wh"), becomes=world))


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
