"""Any load under any tariff, and one load under all of them. No site, no file, no clock.

bills    bills in order, each with the own peaks of those before it
ranking  tariffs compared on the same bills in two worlds
"""

from pipeline.pricing.bills import (
    METERED,
    BillLoad,
    Priced,
    Terms,
    common_span,
    metered_load,
    price_bills,
    whole_bills,
)
from pipeline.pricing.ranking import Ranked, rank_tariffs

__all__ = [
    "METERED",
    "BillLoad",
    "Priced",
    "Ranked",
    "Terms",
    "common_span",
    "metered_load",
    "price_bills",
    "rank_tariffs",
    "whole_bills",
]
