"""The same bills under every tariff, ranked by what the metered load costs; a partial sum is no cost, so no rank."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from pipeline.domain import V2BError
from pipeline.pricing.bills import METERED, BillLoad, Priced, Terms, price_bills
from pipeline.tariff import Tariff


@dataclass(frozen=True)
class Ranked:
    """One tariff: what the bills cost in both worlds; `rank` is None where it is partial or not priced at all.

    `not_priced` names what was refused, or says why nothing could be priced.
    """

    rank: int | None
    tariff: str
    bills: int
    cost_baseline: Decimal | None
    cost_actual: Decimal | None
    partial: bool
    not_priced: str = ""

    @property
    def saved(self) -> Decimal | None:
        """Baseline minus actual."""
        if self.cost_baseline is None or self.cost_actual is None:
            return None
        return self.cost_baseline - self.cost_actual


def rank_tariffs(
    tariffs: Mapping[str, Tariff], loads: Sequence[BillLoad], terms: Terms, *, baseline: str, counted: Collection[str]
) -> list[Ranked]:
    """Return every tariff with the sums of its bills, cheapest in the metered world first, then those without a rank.

    `loads` hold the worlds `actual` and `baseline`; bills of months that are not `counted` feed ratchets only.
    """
    found = [_costs(name, tariff, loads, terms, baseline, counted) for name, tariff in tariffs.items()]
    ordered = sorted(found, key=lambda entry: (_unranked(entry), entry.cost_actual or Decimal(0), entry.tariff))
    return [replace(entry, rank=None if _unranked(entry) else n) for n, entry in enumerate(ordered, start=1)]


def _unranked(entry: Ranked) -> bool:
    return entry.partial or entry.cost_actual is None


def _costs(
    name: str, tariff: Tariff, loads: Sequence[BillLoad], terms: Terms, baseline: str, counted: Collection[str]
) -> Ranked:
    try:
        priced = price_bills(tariff, loads, terms)
    except V2BError as error:  # such as a bill outside the tariff's days: the other tariffs are still worth comparing
        return Ranked(None, name, 0, None, None, partial=False, not_priced=str(error))
    kept = [entry for entry in priced if entry.period.month in counted]
    refused = dict.fromkeys(r.field for entry in kept for bill in entry.bills.values() for r in bill.refused)
    return Ranked(None, name, len(kept), _sum(kept, baseline), _sum(kept, METERED), bool(refused), ", ".join(refused))


def _sum(priced: Sequence[Priced], world: str) -> Decimal:
    return sum((entry.bills[world].total for entry in priced), Decimal(0))
