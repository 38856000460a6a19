"""Any load under any tariff: bills in order, each with the own peaks of those before it.

A load that cannot tell what a charge bills (windows missing, or intervals coarser than its hours or its demand window)
makes that charge refused by name, and the bill partial: a gap is never billed as zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.calendars import calendar_month, month_of, months_between, period_utc, window_grid
from pipeline.domain import LOAD, BillPeriod, InputError, TariffError
from pipeline.scenarios import is_reactive_metered, metered_windows, reactive_windows
from pipeline.tariff import (
    Bill,
    Refusal,
    ResolvedTariff,
    Tariff,
    demand_charges,
    measure,
    price_many,
    resolve,
)

METERED: Final = "actual"
"""The scenario of a load that was read from a meter."""

_HOUR_S: Final = 3600


@dataclass(frozen=True)
class Terms:
    """What a bill depends on beside tariff and load.

    `holidays` are billed like the tariff's own; `seeds` are own peaks [kW] of months before the load, for ratchets, the
    same in every world; `currency_digits` as in `tariff.price`.
    """

    zone: str
    holidays: frozenset[date] = frozenset()
    seeds: Mapping[str, Decimal] = field(default_factory=dict)
    currency_digits: int | None = None


@dataclass(frozen=True)
class BillLoad:
    """The load of one bill: whole windows of every world (shape `domain.LOAD`); the starts of those that lack."""

    period: BillPeriod
    load: pl.DataFrame
    missing: pl.Series


@dataclass(frozen=True)
class Priced:
    """One bill in every world of its load; `resolved` is what priced it."""

    period: BillPeriod
    resolved: ResolvedTariff
    bills: Mapping[str, Bill]


def whole_bills(
    span: tuple[datetime, datetime], zone: str, cycles: Sequence[BillPeriod] = ()
) -> tuple[list[BillPeriod], list[BillPeriod]]:
    """Return the bills that lie wholly inside a half-open span of data, and those that only touch it.

    The bills are `cycles`, calendar months of the zone without any.
    """
    begin, end = span
    first, last = (at.astimezone(ZoneInfo(zone)).date() for at in (begin, end - timedelta(microseconds=1)))
    months = months_between(month_of(first), month_of(last))
    touching = [
        period
        for period in cycles or [calendar_month(month) for month in months]
        if period.read_from <= last and period.read_to > first
    ]
    spans = {period: period_utc(period, zone) for period in touching}
    whole = [period for period in touching if begin <= spans[period][0] and spans[period][1] <= end]
    return whole, [period for period in touching if period not in whole]


def common_span(meter: pl.DataFrame) -> tuple[datetime, datetime]:
    """Return the half-open span in which every meter of a frame has begun and none has ended."""
    ends = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
    each = meter.group_by("meter_id").agg(pl.col("interval_start").min(), ends.max().alias("end"))
    begin, end = each.select(pl.col("interval_start").max(), pl.col("end").min()).row(0)
    return begin, end


def metered_load(meter: pl.DataFrame, period: BillPeriod, zone: str, reactive: pl.DataFrame | None = None) -> BillLoad:
    """Return the load of one bill, all meters of a frame added up window by window.

    `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh]; `reactive`: its reactive energy in
    the shape of `domain.REACTIVE_RECORD`, from which kVA and power factors are billed. The windows are as long
    as the longest interval in the bill; one that any meter measured only in part is missing.
    Raises InputError for intervals that do not divide an hour, V2BError for such that lie across windows.
    """
    begin, end = period_utc(period, zone)
    inside = meter.filter((pl.col("interval_start") >= begin) & (pl.col("interval_start") < end))
    longest_s = int(inside.get_column("duration_s").max() or _HOUR_S)  # type: ignore[arg-type]  # an integer column
    if _HOUR_S % longest_s or longest_s % 60:
        at = inside.filter(pl.col("duration_s") == longest_s).item(0, "interval_start")
        allowed = "intervals of whole minutes that divide an hour: what a longer one hides cannot be billed by the hour"
        raise InputError("load", f"interval at {at.isoformat()}, duration_s", longest_s, allowed)
    meter_ids = meter.get_column("meter_id").unique().to_list()
    windows = metered_windows(inside, meter_ids, window_grid(period, zone, longest_s // 60))
    if reactive is not None:
        windows = reactive_windows(reactive, meter_ids, windows)
    extra = ["reactive_varh"] if is_reactive_metered(windows) else []
    known = windows.filter("metered").select(
        pl.lit(METERED).alias("scenario"),
        "interval_start",
        "duration_s",
        import_wh="actual_import_wh",
        export_wh="actual_export_wh",
        **{name: pl.col(name) for name in extra},
    )
    missing = windows.filter(~pl.col("metered")).get_column("interval_start")
    return BillLoad(period, known.select(*LOAD, *extra), missing)


def price_bills(tariff: Tariff, loads: Sequence[BillLoad], terms: Terms) -> list[Priced]:
    """Return the bills of loads in order of time, in every world; a bill without any load is left out.

    Raises TariffError where the tariff has no version, or a series no value, for a bill.
    """
    measured = [_measured(resolve(tariff, load.period), load, terms) for load in loads]
    bills = price_many(
        [told for told, _, _ in measured],
        pl.concat(determinants for _, determinants, _ in measured),
        history={(): _not_told(measured, loads)},
        seed=terms.seeds,
        currency_digits=terms.currency_digits,
    )
    priced = ((told, bills.get((told.period.month,))) for told, _, _ in measured)
    return [Priced(told.period, told, worlds) for told, worlds in priced if worlds]


_Measured: TypeAlias = tuple[ResolvedTariff, pl.DataFrame, frozenset[str]]
"""What prices a bill, its determinants, and the demand charges whose own peak the load does not tell."""


def _measured(resolved: ResolvedTariff, load: BillLoad, terms: Terms) -> _Measured:
    """Measure a load; charges that it is too coarse for are refused by name, and the others measured all the same."""

    def determinants(of: ResolvedTariff) -> pl.DataFrame:
        found = measure(of, load.period, load.load, zone=terms.zone, holidays=terms.holidays)
        return found.with_columns(month=pl.lit(load.period.month))

    if load.load.is_empty():
        return resolved, determinants(resolved), frozenset(demand_charges(resolved))
    try:
        return resolved, determinants(resolved), frozenset()
    except TariffError:
        refused, kept = [], []
        for charge in resolved.charges:
            try:
                determinants(replace(resolved, charges=(charge,)))
                kept.append(charge)
            except TariffError as error:
                refused.append(Refusal(charge.charge_id, f"the load is in {error.value}; needed are {error.allowed}"))
    told = replace(resolved, charges=tuple(kept), refused=(*resolved.refused, *refused))
    return told, determinants(told), frozenset(demand_charges(resolved)) - frozenset(demand_charges(told))


def _not_told(measured: Iterable[_Measured], loads: Iterable[BillLoad]) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Own peaks that no load tells, as NaN: a ratchet that looks back to one is refused, not taken from the others."""
    worlds = {world for load in loads for world in load.load.get_column("scenario").unique()}
    peaks: dict[tuple[str, str], dict[str, Decimal]] = {}
    for told, _, charge_ids in measured:
        for world, charge_id in itertools.product(worlds, charge_ids):
            peaks.setdefault((world, charge_id), {})[told.period.month] = Decimal("NaN")
    return peaks
