"""Any load under any tariff: bills in order, each with the own peaks of those before it.

A load that cannot tell what a charge bills (windows missing, or intervals coarser than its hours or its demand window)
makes that charge refused by name, and the bill partial: a gap is never billed as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.calendars import (
    add_months,
    calendar_month,
    first_day,
    month_of,
    months_between,
    period_utc,
    window_grid,
)
from pipeline.domain import LOAD, BillPeriod, InputError
from pipeline.scenarios import metered_windows
from pipeline.tariff import (
    Bill,
    Refusal,
    ResolvedCharge,
    ResolvedTariff,
    Tariff,
    masks_expr,
    measure,
    price,
    resolve,
    with_billed_time,
)

METERED: Final = "actual"
"""The scenario of a load that was read from a meter."""

_HOUR_S: Final = 3600
_OwnPeaks: TypeAlias = dict[tuple[str, str], dict[str, Decimal]]


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
    """The load of one bill: whole windows of every world (shape `domain.LOAD`), and the windows that are missing."""

    period: BillPeriod
    load: pl.DataFrame
    missing: pl.DataFrame


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


def metered_load(meter: pl.DataFrame, period: BillPeriod, zone: str) -> BillLoad:
    """Return the load of one bill, all meters of a frame added up window by window.

    `meter`: meter_id, interval_start, duration_s [s], import_wh, export_wh [Wh]. The windows are as long as the longest
    interval in the bill; one that any meter measured only in part is missing.
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
    known = windows.filter("metered").select(
        pl.lit(METERED).alias("scenario"),
        "interval_start",
        "duration_s",
        import_wh="actual_import_wh",
        export_wh="actual_export_wh",
    )
    return BillLoad(period, known.select(list(LOAD)), windows.filter(~pl.col("metered")).select(*_WINDOW))


_WINDOW: Final = ("interval_start", "duration_s")


def price_bills(tariff: Tariff, loads: Iterable[BillLoad], terms: Terms) -> list[Priced]:
    """Return the bills of consecutive loads in every world, in their order.

    Raises TariffError where the tariff has no version, or a series no value, for a bill.
    """
    peaks: _OwnPeaks = {}
    unknown: set[tuple[str, str]] = set()  # (charge_id, month) whose own peak the load does not tell
    priced = []
    for load in loads:
        resolved, month = resolve(tariff, load.period), load.period.month
        if load.load.is_empty():
            unknown |= {(charge.charge_id, month) for charge in resolved.charges}
            continue
        silent = dict(_cannot_tell(resolved, load, terms))
        told = _without(resolved, silent)
        determinants = measure(told, load.period, load.load, zone=terms.zone, holidays=terms.holidays)
        billed = _without(told, dict(_cannot_look_back(told, unknown)))
        billed = replace(billed, refused=(*billed.refused, *_energy_missing(load, terms.zone)))
        worlds = determinants.get_column("scenario").unique().to_list()
        history = _history(billed, worlds, peaks, terms.seeds)
        bills = price(billed, load.period, determinants, history, currency_digits=terms.currency_digits)
        unknown |= {(charge_id, month) for charge_id in silent}
        _learn(peaks, month, determinants)
        priced.append(Priced(load.period, billed, bills))
    return priced


def _cannot_tell(resolved: ResolvedTariff, load: BillLoad, terms: Terms) -> Iterator[tuple[str, str]]:
    """Charges by name whose quantity this load does not tell, with the reason."""
    missing = with_billed_time(load.missing, terms.zone, resolved, terms.holidays)
    longest_s = int(load.load.get_column("duration_s").max() or 0)  # type: ignore[arg-type]  # an integer column
    for charge in resolved.charges:
        crossed = _crossed_edge(charge, longest_s)
        if crossed is not None:
            yield (
                charge.charge_id,
                f"its hours change at {crossed}, inside the load's {longest_s // 60}-minute intervals",
            )
        if charge.kind != "demand":
            continue
        window_min = charge.quantity.window_min
        if window_min is not None and (window_min * 60) % (longest_s or 60):
            yield charge.charge_id, f"its {window_min}-minute demand is not told by {longest_s // 60}-minute intervals"
        hours = [mask for span in charge.spans for band in span.bands for mask in band.when]
        lost = missing.filter(masks_expr(hours)) if hours else missing.clear()
        if lost.height:
            yield charge.charge_id, f"{_counted(lost, terms.zone)} of its hours, where the peak may lie"


def _crossed_edge(charge: ResolvedCharge, longest_s: int) -> str | None:
    """The first wall-clock time at which hours change inside an interval of the load; None where none does."""
    masks = (mask for span in charge.spans for band in span.bands for mask in band.when)
    edges = sorted({edge for mask in masks for span in mask.minutes for edge in span})
    inside = next((edge for edge in edges if longest_s and edge * 60 % longest_s), None)
    return None if inside is None else f"{inside // 60:02d}:{inside % 60:02d}"


def _cannot_look_back(resolved: ResolvedTariff, unknown: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Charges by name with a ratchet that reaches a month whose own peak is not known."""
    for charge in resolved.charges:
        months = sorted(
            past
            for ratchet in charge.quantity.ratchets
            for past in (add_months(resolved.period.month, -back) for back in range(1, ratchet.look_back_months + 1))
            if (charge.charge_id, past) in unknown and first_day(past).month in ratchet.months
        )
        if months:
            yield charge.charge_id, f"its ratchet looks back to {months[0]}, whose peak the load does not tell"


def _counted(missing: pl.DataFrame, zone: str) -> str:
    first = missing.get_column("interval_start").min()
    local = first.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") if isinstance(first, datetime) else ""
    one = missing.height == 1
    return f"the load lacks {missing.height} window{'' if one else 's'} ({'at' if one else 'the first at'} {local})"


def _without(resolved: ResolvedTariff, silent: Mapping[str, str]) -> ResolvedTariff:
    """Leave charges out, each refused by name with its reason."""
    kept = tuple(charge for charge in resolved.charges if charge.charge_id not in silent)
    refused = (Refusal(charge_id, reason) for charge_id, reason in silent.items())
    return replace(resolved, charges=kept, refused=(*resolved.refused, *refused))


def _energy_missing(load: BillLoad, zone: str) -> list[Refusal]:
    """Missing windows are said whatever the charges, for lines on kWh hold only what was measured."""
    if load.missing.is_empty():
        return []
    return [Refusal("load", f"{_counted(load.missing, zone)}, whose energy is not billed")]


def _history(
    resolved: ResolvedTariff, worlds: Iterable[str], peaks: _OwnPeaks, seeds: Mapping[str, Decimal]
) -> _OwnPeaks:
    """Own peaks of earlier months; what the load told stands before a seed."""
    month = resolved.period.month
    before = {past: kw for past, kw in seeds.items() if past < month}
    return {
        (world, charge.charge_id): {**before, **peaks.get((world, charge.charge_id), {})}
        for world in worlds
        for charge in resolved.charges
    }


def _learn(peaks: _OwnPeaks, month: str, determinants: pl.DataFrame) -> None:
    highest = determinants.drop_nulls("own_peak_w").group_by("scenario", "charge_id").agg(pl.col("own_peak_w").max())
    for world, charge_id, watts in highest.iter_rows():
        peaks.setdefault((world, charge_id), {})[month] = Decimal(watts).scaleb(-3)
