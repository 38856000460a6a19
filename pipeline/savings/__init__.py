"""Bills of the worlds -> peak, percent, money, its parts, its levers and the figures of a year.

facts      what a result is made of, and money as text
decompose  a saving -> the parts it came from, which sum to it exactly
outlook    what past peaks still bring, what a year like the last would bring, what rolls off next
reconcile  our own bill beside the utility's
summary    all of it in the shape of `summary.json`
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.savings.facts import (
    Assumption,
    Comparison,
    Ends,
    Energy,
    Facts,
    LineKey,
    Outlook,
    PriorBill,
    Ranges,
    RollOff,
    billing_reduction_kw,
    line_of,
    main_demand_line,
    money_text,
    with_reasons,
)
from pipeline.savings.decompose import PARTS, decompose
from pipeline.savings.outlook import ComingPrices, LastYear, coming_tariffs, look_ahead, run_rates_of
from pipeline.savings.reconcile import CAUSES, OurBill, demand_refuted, reconcile
from pipeline.savings.summary import last_bills, summarise, unstated

__all__ = [
    "CAUSES",
    "PARTS",
    "Assumption",
    "ComingPrices",
    "Comparison",
    "Ends",
    "Energy",
    "Facts",
    "LastYear",
    "LineKey",
    "OurBill",
    "Outlook",
    "PriorBill",
    "Ranges",
    "RollOff",
    "billing_reduction_kw",
    "coming_tariffs",
    "decompose",
    "demand_refuted",
    "last_bills",
    "line_of",
    "look_ahead",
    "main_demand_line",
    "money_text",
    "reconcile",
    "run_rates_of",
    "summarise",
    "unstated",
    "with_reasons",
]
