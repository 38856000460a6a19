"""Tiers: how much of a quantity each price of a band applies to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    span: PricedSpan, quantities: Sequence[Decimal], end_of: Callable[[Decimal], Decimal]
) -> Iterator[tuple[PricedBand, list[Decimal]]]:
    """Yield the bands of a span with the part of each tier; `end_of` turns a stated tier end into this bill's.

    `quantities` are those of the bands, in order. Pooled tiers are filled by all bands together and shared among them
    by their quantities.
    """
    rule = span.tiers
    for band, quantity in zip(span.bands, quantities, strict=True):
        if len(band.tiers) == 1:
            yield band, [quantity]
            continue
        ends = [None if tier.up_to is None else end_of(tier.up_to) for tier in band.tiers]
        if rule.scope == "period":
            yield band, list(slices(quantity, ends, all_units=rule.all_units))
        else:
            total = sum(quantities, Decimal(0))
            parts = slices(total, ends, all_units=rule.all_units)
            yield band, [part * quantity / total if total else Decimal(0) for part in parts]
