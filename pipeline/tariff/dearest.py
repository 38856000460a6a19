"""The hours in which a kWh costs most under a tariff: the natural window to discharge in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

from pipeline.tariff.hours import DayType, Span, masks_of
from pipeline.tariff.model import MINUTES_OF_DAY, Mask
from pipeline.tariff.resolve import ResolvedTariff

_Priced = tuple[tuple[Mask, ...], Decimal]


def _prices(resolved: ResolvedTariff) -> Iterator[_Priced]:
    for charge in resolved.charges:
        if charge.kind in ("energy", "per_kwh_rider"):
            for band in charge.spans[0].bands:
                yield band.when, band.tiers[0].rate


def _edges(prices: list[_Priced]) -> list[int]:
    minutes = {edge for masks, _ in prices for mask in masks for span in mask.minutes for edge in span}
    return sorted(minutes | {0, MINUTES_OF_DAY})


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def dearest_window(resolved: ResolvedTariff) -> tuple[Mask, ...]:
    """Return the hours of this bill whose price per kWh is highest; () where every hour costs the same.

    All per-kWh charges count, by their first tier and the prices at the start of the bill. `determinants.masks_expr`
    tells which windows lie in the hours.
    """
    prices = list(_prices(resolved))
    edges = _edges(prices)
    cost: dict[tuple[DayType, Span], Decimal] = {}
    for masks, rate in prices:
        for mask in masks:
            for day_type, span in itertools.product(
                itertools.product(mask.months, mask.weekdays), itertools.pairwise(edges)
            ):
                if any(start <= span[0] and span[1] <= end for start, end in mask.minutes):
                    cost[day_type, span] = cost.get((day_type, span), Decimal(0)) + rate
    if len(set(cost.values())) < 2:
        return ()
    highest = max(cost.values())
    spans: dict[DayType, list[Span]] = {}
    for (day_type, span), value in sorted(cost.items()):
        if value == highest:
            spans.setdefault(day_type, []).append(span)
    return masks_of((day_type, _joined(found)) for day_type, found in spans.items())
