"""Billing determinants: one pass over load windows, whatever the number of charges, bands and scenarios.

Every window gets one small integer key (which band of each charge it lies in); loads are summed by scenario and key,
and the charges read their bands from those few rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Final

import polars as pl

from pipeline.calendars import period_utc, window_grid, with_local_time
from pipeline.domain import LOAD, UTC, BillPeriod, TariffError
from pipeline.tariff.model import Mask
from pipeline.tariff.resolve import PricedBand, ResolvedCharge, ResolvedTariff

DETERMINANT: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "scenario": pl.String,
    "charge_id": pl.String,
    "band": pl.String,
    "span": pl.Int64,  # 0, or which part of a bill whose prices change inside it
    "import_wh": pl.Int64,
    "export_wh": pl.Int64,
    "own_peak_w": pl.Int64,  # highest window mean of a demand charge; null for others, and where no window was present
    "peak_set_at": UTC,  # start of the earliest window that reached it
    "windows": pl.Int64,  # windows present
}


@dataclass(frozen=True)
class _Slot:
    """One charge in one span; its column holds the number of the band a window lies in, null for none."""

    column: str
    charge: ResolvedCharge
    span: int
    window_s: int

    @property
    def bands(self) -> tuple[PricedBand, ...]:
        return self.charge.spans[self.span].bands


def masks_expr(masks: Iterable[Mask]) -> pl.Expr:
    """Return whether a window lies in any of the masks; needs local_month, billed_weekday and local_minute."""

    def one(mask: Mask) -> pl.Expr:
        minute = pl.col("local_minute")
        in_hours = reduce(
            lambda left, right: left | right, ((minute >= start) & (minute < end) for start, end in mask.minutes)
        )
        return pl.col("local_month").is_in(mask.months) & pl.col("billed_weekday").is_in(mask.weekdays) & in_hours

    return reduce(lambda left, right: left | right, (one(mask) for mask in masks))


def with_billed_time(
    frame: pl.DataFrame, zone: str, resolved: ResolvedTariff, holidays: frozenset[date]
) -> pl.DataFrame:
    """Add the local calendar of `interval_start` and billed_weekday (ISO): a holiday is billed as the tariff says."""
    days = sorted(resolved.holidays | holidays)
    return with_local_time(frame, zone).with_columns(
        billed_weekday=pl.when(pl.col("local_day").is_in(days))
        .then(pl.lit(resolved.holidays_billed_as, dtype=pl.Int64))
        .otherwise(pl.col("local_weekday"))
    )


def _band_expr(slot: _Slot) -> pl.Expr:
    span = slot.charge.spans[slot.span]
    number = pl.lit(None, dtype=pl.Int64)
    for index, band in reversed(list(enumerate(span.bands))):
        number = pl.when(masks_expr(band.when)).then(pl.lit(index, dtype=pl.Int64)).otherwise(number)
    if slot.charge.kind != "demand":  # a demand charge looks at the whole bill, whatever the span of its price
        in_span = (pl.col("local_day") >= span.first) & (pl.col("local_day") < span.until)
        number = pl.when(in_span).then(number)
    return number.alias(slot.column)


def _duration(load: pl.DataFrame) -> int:
    durations = load.get_column("duration_s").unique().to_list()
    if len(durations) != 1:
        raise TariffError("load", "duration_s", sorted(durations), "windows of one length in one bill")
    return int(durations[0])


def _slots(resolved: ResolvedTariff, duration_s: int) -> list[_Slot]:
    slots: list[_Slot] = []
    measured = [charge for charge in resolved.charges if charge.kind in ("energy", "per_kwh_rider", "demand")]
    for charge in measured:
        window_s = duration_s
        if charge.kind == "demand":
            window_s = (charge.quantity.window_min or 0) * 60 or duration_s
            if window_s % duration_s or 3600 % window_s:
                place = f"charge {charge.charge_id!r}, demand window"
                raise TariffError(
                    "load", place, f"windows of {duration_s} s", f"windows that fill {window_s} s and an hour"
                )
        slots += [_Slot(f"slot_{len(slots) + n}", charge, n, window_s) for n in range(len(charge.spans))]
    return slots


def _to_windows(load: pl.DataFrame, grid: pl.DataFrame, window_s: int, duration_s: int) -> pl.DataFrame:
    """Sum finer rows to demand windows; a window with a row missing is left out, never billed as if it were whole."""
    if window_s == duration_s:
        return load
    starts = grid.select("interval_start", window_start="interval_start").sort("interval_start")
    return (
        load.sort("interval_start")
        .join_asof(starts, on="interval_start", strategy="backward")
        .group_by("scenario", "window_start")
        .agg(pl.col("import_wh", "export_wh").sum(), rows=pl.len())
        .filter(pl.col("rows") == window_s // duration_s)
        .select("scenario", "import_wh", "export_wh", interval_start="window_start")
    )


def _keyed(load: pl.DataFrame, calendar: pl.DataFrame, slots: Sequence[_Slot]) -> pl.DataFrame:
    """Return sums by (scenario, slot column, band number)."""
    columns = [slot.column for slot in slots]
    banded = calendar.select("interval_start", *(_band_expr(slot) for slot in slots))
    keys = banded.select(columns).unique(maintain_order=True).with_row_index("key")
    keyed = banded.join(keys, on=columns, nulls_equal=True).select("interval_start", "key")
    peak = pl.col("import_wh") == pl.col("import_wh").max()
    totals = (
        load.join(keyed, on="interval_start")
        .group_by("scenario", "key")
        .agg(
            pl.col("import_wh", "export_wh").sum(),
            pl.col("import_wh").max().alias("peak_wh"),
            pl.col("interval_start").filter(peak).min().alias("peak_set_at"),
            pl.len().cast(pl.Int64).alias("windows"),
        )
    )
    highest = pl.col("peak_wh") == pl.col("peak_wh").max()
    return (
        keys.unpivot(index="key", on=columns, variable_name="column", value_name="number")
        .drop_nulls("number")
        .join(totals, on="key")
        .group_by("scenario", "column", "number")
        .agg(
            pl.col("import_wh", "export_wh").sum(),
            pl.col("peak_wh").max(),
            pl.col("peak_set_at").filter(highest).min(),
            pl.col("windows").sum(),
        )
    )


def _frame_of_bands(slots: Sequence[_Slot], scenarios: Sequence[str]) -> pl.DataFrame:
    rows = [
        (scenario, slot.column, number, slot.charge.charge_id, band.band, slot.span, slot.window_s, slot.charge.kind)
        for scenario in scenarios
        for slot in slots
        for number, band in enumerate(slot.bands)
    ]
    names = ["scenario", "column", "number", "charge_id", "band", "span", "window_s", "kind"]
    types = [pl.String, pl.String, pl.Int64, pl.String, pl.String, pl.Int64, pl.Int64, pl.String]
    return pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")


def measure(
    resolved: ResolvedTariff, period: BillPeriod, load: pl.DataFrame, *, zone: str, holidays: frozenset[date]
) -> pl.DataFrame:
    """Return the billing determinants of every scenario of a load, one row per charge, band and span.

    `load` is of shape `domain.LOAD` [Wh]; rows outside the bill are ignored. `holidays` are billed like the tariff's
    own. The columns are `DETERMINANT`; a tariff without energy and demand charges gives one row of totals a scenario
    with an empty charge_id. A band that has no window in the bill's calendar has a peak of 0 W, one whose
    windows are all missing from the load has none.
    Raises TariffError where the load is coarser than a demand window.
    """
    start, end = period_utc(period, zone)
    inside = load.select(list(LOAD)).filter((pl.col("interval_start") >= start) & (pl.col("interval_start") < end))
    if inside.is_empty():
        return pl.DataFrame(schema=dict(DETERMINANT))
    duration_s = _duration(inside)
    slots = _slots(resolved, duration_s)
    scenarios = inside.get_column("scenario").unique(maintain_order=True).to_list()
    if not slots:
        return _totals(inside)
    frame = _frame_of_bands(slots, scenarios)
    found, occurring = [], set()
    for window_s in sorted({slot.window_s for slot in slots}):
        of_window = [slot for slot in slots if slot.window_s == window_s]
        grid = with_billed_time(window_grid(period, zone, window_s // 60), zone, resolved, holidays)
        occurring |= _occurring(grid, of_window)
        windows = _to_windows(inside, grid, window_s, duration_s)
        present = with_billed_time(windows.select("interval_start").unique(), zone, resolved, holidays)
        found.append(_keyed(windows, present, of_window))
    return _finished(frame, found, occurring)


def _totals(load: pl.DataFrame) -> pl.DataFrame:
    """A tariff that measures nothing still bills each scenario: one row each, of no charge."""
    totals = load.group_by("scenario", maintain_order=True).agg(
        pl.col("import_wh", "export_wh").sum(), pl.len().alias("windows")
    )
    blank = totals.with_columns(charge_id=pl.lit(""), band=pl.lit(""), span=0, own_peak_w=None, peak_set_at=None)
    return blank.select(pl.col(name).cast(kind) for name, kind in DETERMINANT.items())


def _occurring(grid: pl.DataFrame, slots: Sequence[_Slot]) -> set[tuple[str, int]]:
    banded = grid.select(_band_expr(slot) for slot in slots)
    return {(slot.column, n) for slot in slots for n in banded.get_column(slot.column).drop_nulls().unique().to_list()}


def _finished(frame: pl.DataFrame, found: Sequence[pl.DataFrame], occurring: set[tuple[str, int]]) -> pl.DataFrame:
    known = pl.DataFrame(
        sorted(occurring), schema={"column": pl.String, "number": pl.Int64}, orient="row"
    ).with_columns(occurs=pl.lit(True))  # noqa: FBT003 - a literal column
    keys = ["scenario", "column", "number"]
    joined = frame.join(pl.concat(found), on=keys, how="left", maintain_order="left").join(
        known, on=["column", "number"], how="left", maintain_order="left"
    )
    peak_w = pl.col("peak_wh") * 3600 // pl.col("window_s")
    own = pl.when(pl.col("occurs").is_null()).then(pl.lit(0, dtype=pl.Int64)).otherwise(peak_w)
    demand = pl.col("kind") == "demand"
    return joined.with_columns(
        pl.col("import_wh", "export_wh", "windows").fill_null(0),
        own_peak_w=pl.when(demand).then(own),
        peak_set_at=pl.when(demand).then(pl.col("peak_set_at")),
    ).select(pl.col(name).cast(kind) for name, kind in DETERMINANT.items())
