"""Tiers: how much of a quantity each price of a band applies to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from pipeline.tariff.resolve import PricedBand, PricedSpan

Ends = Sequence[Decimal | None]


def slices(quantity: Decimal, ends: Ends, *, all_units: bool = False) -> Iterator[Decimal]:
    """Yield the part of a quantity in each tier, by cumulative ends (None: no end).

    With `all_units` the whole quantity lies in the tier it reaches; a quantity equal to an end is still below it.
    """
    start, reached = Decimal(0), False
    for end in ends:
        if all_units:
            here = not reached and (end is None or quantity <= end)
            reached = reached or here
            yield quantity if here else Decimal(0)
            continue
        upper = quantity if end is None else min(quantity, end)
        yield max(Decimal(0), upper - start)
        start = end if end is not None else start


def by_band(
    span: PricedSpan, quantities: Mapping[str, Decimal], end_of: Callable[[Decimal], Decimal]
) -> Iterator[tuple[PricedBand, list[Decimal]]]:
    """Yield the bands of a span with the part of each tier; `end_of` turns a stated tier end into this bill's.

    Pooled tiers are filled by all bands together and shared among them by their quantities.
    """
    rule = span.tiers
    total = sum(quantities.values(), Decimal(0))
    for band in span.bands:
        quantity = quantities[band.band]
        if len(band.tiers) == 1:
            yield band, [quantity]
            continue
        ends = [None if tier.up_to is None else end_of(tier.up_to) for tier in band.tiers]
        if rule.scope == "period":
            yield band, list(slices(quantity, ends, all_units=rule.all_units))
        else:
            parts = slices(total, ends, all_units=rule.all_units)
            yield band, [part * quantity / total if total else Decimal(0) for part in parts]
