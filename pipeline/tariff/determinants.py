"""Billing determinants: one pass over load windows, whatever the number of charges, bands, worlds, sites and months.

Loads become matrices of windows (`matrix`). The hours of all slots of a bill cut its windows into few cells; sums and
peaks are taken once per cell and the slots read them from there. Rarer quantities (kVA, means of the top, sliding
windows, events) look at their own hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import date, datetime, timedelta
from functools import cached_property, reduce
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.calendars import period_utc, with_local_time
from pipeline.domain import UTC, BillPeriod
from pipeline.tariff.clock import Hours, Ints, billed_weekday, grid_hours, hours_of, micros
from pipeline.tariff.figures import BillWindows, Figures, Partial
from pipeline.tariff.matrix import Blocks, Matrix, Moved, Spread, blocks_of, stacked
from pipeline.tariff.model import Mask
from pipeline.tariff.quantities import Measured, Rows
from pipeline.tariff.resolve import ResolvedTariff
from pipeline.tariff.slots import Slot, slots_of

DETERMINANT: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "scenario": pl.String,
    "charge_id": pl.String,
    "band": pl.String,
    "span": pl.Int64,  # 0, or which part of a bill whose prices change inside it
    "import_wh": pl.Int64,
    "export_wh": pl.Int64,
    "own_peak_w": pl.Int64,  # what a demand charge bills, W, VA or var; null for others, and where none was present
    "peak_set_at": UTC,  # start of the earliest window that reached it
    "windows": pl.Int64,  # windows present
    "expected": pl.Int64,  # windows of the band in the bill's calendar
    "reactive_varh": pl.Int64,  # null where no reactive energy was metered in every window
    "own_peak_low_w": pl.Int64,  # apparent or reactive power of a rebuilt world: its chargers' part is a range
    "own_peak_high_w": pl.Int64,
}

_FIGURES: Final = {
    "import_wh": "imported",
    "export_wh": "exported",
    "own_peak_w": "peak",
    "peak_set_at": "set_at",
    "windows": "windows",
    "expected": "expected",
    "reactive_varh": "reactive",
    "own_peak_low_w": "low",
    "own_peak_high_w": "high",
}
"""Columns of determinants and the figures of a slot they hold."""


def masks_expr(masks: Iterable[Mask]) -> pl.Expr:
    """Return whether a window lies in any of the masks; needs local_month, billed_weekday and local_minute."""

    def one(mask: Mask) -> pl.Expr:
        minute = pl.col("local_minute")
        in_hours = reduce(
            lambda left, right: left | right, ((minute >= start) & (minute < end) for start, end in mask.minutes)
        )
        return pl.col("local_month").is_in(mask.months) & pl.col("billed_weekday").is_in(mask.weekdays) & in_hours

    return reduce(lambda left, right: left | right, (one(mask) for mask in masks))


def slot_expr(slot: Slot) -> pl.Expr:
    """Return whether a window lies in the hours and days a slot looks at; needs local_day, too."""
    hours = masks_expr(slot.masks)
    return hours if slot.days is None else hours & pl.col("local_day").is_between(*slot.days, closed="left")


def with_billed_time(
    frame: pl.DataFrame, zone: str, resolved: ResolvedTariff, holidays: frozenset[date]
) -> pl.DataFrame:
    """Add the local calendar of `interval_start` on the tariff's clock, and billed_weekday (ISO).

    A holiday is billed as the tariff says; local_start and local_day stay civil.
    """
    local = with_local_time(frame, zone)
    starts = local.get_column("interval_start").dt.cast_time_unit("us").to_physical().to_numpy()
    hours = hours_of(starts, zone, resolved.clock)
    weekday = billed_weekday(hours, resolved.holidays | holidays, resolved.holidays_billed_as)
    return local.with_columns(
        local_month=pl.Series(hours.month, dtype=pl.Int64),
        local_minute=pl.Series(hours.minute, dtype=pl.Int64),
        billed_weekday=pl.Series(weekday, dtype=pl.Int64),
    )


def _hours_of_bills(bills: Sequence[ResolvedTariff], zone: str, blocks: Blocks) -> list[Hours]:
    """The windows of each bill as the loads have them: the bill's own grid, or the loads' starts where they are off it.

    Off the grid are loads of whole UTC hours in zones of half hours.
    """
    periods = [resolved.period for resolved in bills]
    grids = [
        grid_hours(p.read_from, p.read_to, zone, r.clock, blocks.duration_s)
        for p, r in zip(periods, bills, strict=True)
    ]
    if blocks.all_over(np.concatenate([grid.starts for grid in grids])):
        return grids
    found = []
    for resolved, grid in zip(bills, grids, strict=True):
        first, until = (micros(instant) for instant in period_utc(resolved.period, zone))
        own = blocks.seen[np.searchsorted(blocks.seen, first) : np.searchsorted(blocks.seen, until)]
        off_grid = not np.isin(own, grid.starts).all()
        found.append(hours_of(own, zone, resolved.clock) if off_grid else grid)
    return found


def _figures(name: str, kind: Any, figures: Sequence[Figures]) -> pl.Series:
    """A column of determinants, row by row: load after load, slot after slot."""
    parts = [getattr(figure, _FIGURES[name]) for figure in figures]
    if not isinstance(parts[0], Partial):
        return pl.Series(name, np.stack(parts, axis=1).ravel(), dtype=kind)
    known = np.stack([part.known for part in parts], axis=1).ravel()
    if not known.any():
        return pl.Series(name, [None], dtype=kind).new_from_index(0, len(known))
    column = pl.Series(name, np.stack([part.values for part in parts], axis=1).ravel(), dtype=pl.Int64)
    column = column if known.all() else column.set(pl.Series(~known), None)
    return column if kind == pl.Int64 else column.cast(kind)


def _bill_rows(bill: BillWindows, keys: Mapping[str, Sequence[Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """The determinants of one bill of every load that has a window in it; `keys` has the loads' own columns."""
    slots, loads = slots_of(bill.resolved), len(bill.actual)
    figures = bill.figures(slots)
    listed = {name: [value for value in values for _ in slots] for name, values in keys.items()}
    listed |= {name: [getattr(slot, name) for slot in slots] * loads for name in ("charge_id", "band", "span")}
    listed["month"] = [bill.resolved.period.month] * (loads * len(slots))
    frame = pl.DataFrame(
        [
            _figures(name, kind, figures) if name in _FIGURES else pl.Series(name, listed[name], dtype=kind)
            for name, kind in schema.items()
        ]
    )
    counted = bill.matrix.counted
    return frame if counted.all() else frame.filter(pl.Series(np.repeat(counted > 0, len(slots))))


@dataclass(frozen=True, eq=False)
class MeasuredDraws:
    """What the slots of one bill measure in many draws of one world; every figure has one entry a draw."""

    slots: tuple[Slot, ...]
    figures: tuple[Figures, ...]

    def of(self, draws: slice) -> MeasuredDraws:
        """Return what some of the draws measure."""
        return MeasuredDraws(self.slots, tuple(figures.of(draws) for figures in self.figures))

    @cached_property
    def by_slot(self) -> Mapping[tuple[str, int, str], Figures]:
        """Return the figures by charge, span and band."""
        names = ((slot.charge_id, slot.span, slot.band) for slot in self.slots)
        return dict(zip(names, self.figures, strict=True))

    def rows(self, draw: int) -> Rows:
        """Return the determinants of one draw, as `measured_rows` does."""
        return {name: _row(figures, draw) for name, figures in self.by_slot.items()}


def _row(figures: Figures, draw: int) -> Measured:
    """One load's determinants of one slot."""
    at_us = figures.set_at.at(draw)
    return Measured(
        import_wh=int(figures.imported[draw]),
        export_wh=int(figures.exported[draw]),
        own_peak_w=figures.peak.at(draw),
        peak_set_at=None if at_us is None else datetime.fromtimestamp(0, UTC_ZONE) + timedelta(microseconds=at_us),
        windows=int(figures.windows[draw]),
        expected=int(figures.expected[draw]),
        reactive_varh=figures.reactive.at(draw),
        own_peak_low_w=figures.low.at(draw),
        own_peak_high_w=figures.high.at(draw),
    )


def measure_many(
    bills: Sequence[ResolvedTariff],
    load: pl.DataFrame,
    *,
    zone: str,
    holidays: frozenset[date] = frozenset(),
    by: Sequence[str] = (),
    worlds: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the billing determinants of many bills of many loads in one pass.

    `load` is of shape `domain.LOAD` [Wh] with the columns `by` that tell loads apart (such as site_id) and, where it
    is metered, `reactive_varh` [varh]; or wide: the worlds as columns `<world>_import_wh` and `<world>_export_wh`, for
    each of `worlds`. All loads are in `zone`, on these bills and in windows of one length. The columns are `by`, month
    and `DETERMINANT`, by bill and then by load. Errors as `measure`.
    """
    schema = {**{name: load.schema[name] for name in by}, "month": pl.String, **DETERMINANT}
    if load.is_empty() or not bills:
        return pl.DataFrame(schema=schema)
    return pl.concat(_frames(bills, load, (zone, holidays), (by, worlds), schema))


def _frames(
    bills: Sequence[ResolvedTariff],
    load: pl.DataFrame,
    calendar: tuple[str, frozenset[date]],
    names: tuple[Sequence[str], Sequence[str]],
    schema: Mapping[str, Any],
) -> Iterator[pl.DataFrame]:
    """The determinants of each bill, for `measure_many`: zone and holidays, `by` and `worlds`."""
    (zone, holidays), (by, worlds) = calendar, names
    blocks = blocks_of(load, by if worlds else [*by, "scenario"])
    hours = _hours_of_bills(bills, zone, blocks)
    spread = Spread(blocks, np.concatenate([found.starts for found in hours]))
    matrices = [spread.matrix(world) for world in worlds] or [spread.matrix()]
    loads = [(*key, world) for world in worlds for key in blocks.keys] if worlds else blocks.keys
    keys = dict(zip([*by, "scenario"], zip(*loads, strict=True), strict=True))
    actual, first = _actual_rows(loads), 0
    for resolved, of_bill in zip(bills, hours, strict=True):
        until = first + len(of_bill.starts)
        matrix = stacked([matrix.columns(first, until) for matrix in matrices])
        yield _bill_rows(
            BillWindows(resolved, zone, holidays, blocks.duration_s, of_bill, matrix, actual), keys, schema
        )
        first = until


def measure_draws(
    resolved: ResolvedTariff,
    starts: Ints,
    load: Matrix | Moved,
    *,
    duration_s: int,
    zone: str,
    holidays: frozenset[date] = frozenset(),
) -> MeasuredDraws:
    """Return the determinants of many draws of one world of one bill.

    `load` has one row a draw and one column a window [Wh], windows starting at `starts` [µs UTC], all inside the bill;
    `Moved` where draws differ in some of them only.
    Errors as `measure`.
    """
    grid = grid_hours(resolved.period.read_from, resolved.period.read_to, zone, resolved.clock, duration_s)
    hours = grid if np.array_equal(grid.starts, starts) else hours_of(starts, zone, resolved.clock)
    rows = np.arange(load.loads)
    bill = BillWindows(resolved, zone, holidays, duration_s, hours, load, rows)
    slots = slots_of(resolved)
    return MeasuredDraws(tuple(slots), tuple(bill.figures(slots)))


def _actual_rows(keys: Sequence[tuple[Any, ...]]) -> Ints:
    """For each load the number of the metered load of the same name, its own where there is none."""
    metered = {key[:-1]: number for number, key in enumerate(keys) if key[-1] == "actual"}
    return np.array([metered.get(key[:-1], number) for number, key in enumerate(keys)], dtype=np.int64)


def measure(
    resolved: ResolvedTariff,
    period: BillPeriod,
    load: pl.DataFrame,
    *,
    zone: str,
    holidays: frozenset[date],
    worlds: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the billing determinants of every scenario of a load, one row per charge, band and span.

    `load` is of shape `domain.LOAD` [Wh], or wide by `worlds` as in `measure_many`, and may carry `reactive_varh`
    [varh]; rows outside the bill are ignored. `holidays` are billed like the tariff's own. The columns are
    `DETERMINANT`; a tariff that measures nothing gives one row of totals a scenario with an empty charge_id. A band
    that has no window in the bill's calendar has a peak of 0 W, one whose windows are all missing from the load has
    none.
    Raises TariffError where the load is coarser than a demand window, is in windows of two lengths or states a window
    twice.
    """
    start, end = period_utc(period, zone)
    instants = load.get_column("interval_start")
    outside = not load.is_empty() and not (start <= instants.min() and instants.max() < end)  # type: ignore[operator]
    if outside:
        load = load.filter((pl.col("interval_start") >= start) & (pl.col("interval_start") < end))
    if load.is_empty():
        return pl.DataFrame(schema=dict(DETERMINANT))
    return next(_frames([resolved], load, (zone, holidays), ((), worlds), DETERMINANT))
