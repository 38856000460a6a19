"""What a proved saving came from and what it leads to, with the ranges that the draws of many bills make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from babel.numbers import get_currency_precision

from pipeline import savings, uncertainty
from pipeline.calendars import add_months
from pipeline.chain.inputs import OwnPeaks, Prepared
from pipeline.chain.measured import BillMeasured
from pipeline.chain.non_routine import without_events
from pipeline.chain.ranging import Drawn, ends_of
from pipeline.tariff import Rows

_YEAR = 12


def with_worth(prepared: Prepared, bill: BillMeasured, facts: savings.Facts, drawn: Drawn | None) -> savings.Facts:
    """Add what a proved saving came from, and what it leads to with ranges."""
    inputs = prepared.inputs
    digits = get_currency_precision(inputs.site.currency)
    facts = replace(facts, ranges=replace(facts.ranges, realised=_realised(prepared, facts, drawn, digits)))
    if not facts.provable:
        return facts
    parts = savings.decompose(
        inputs.tariff, bill.rows, inputs.earlier.own_peaks, headline=inputs.site.headline, currency_digits=digits
    )
    month = inputs.period.month
    measured = without_events({**inputs.earlier.measured, month: bill}, inputs.events)
    worlds = {inputs.site.headline, "actual"}
    year = savings.LastYear(
        month=month,
        headline=inputs.site.headline,
        demand_charge=facts.demand_line[0] if facts.demand_line else None,
        measured={
            m: {world: rows for world, rows in found.routine.items() if world in worlds}
            for m, found in measured.items()
            if found.routine
        },
        proved=frozenset({month, *(bill.month for bill in inputs.earlier.prior if bill.provable)}),
        seeds=inputs.earlier.seeds,
        history=_with_own_peaks(inputs.earlier.own_peaks, month, bill.rows),
        coming=inputs.coming,
        currency_digits=digits,
    )
    prices = savings.ComingPrices(inputs.coming)
    outlook = savings.look_ahead(year, prices)
    unadjusted = {m: found.rows for m, found in measured.items() if found.adjusted}
    ranges = replace(facts.ranges, run_rate=_run_rate(prepared, _Draws(year, prices, unadjusted), outlook, drawn))
    return replace(facts, parts=parts, outlook=outlook, ranges=ranges)


def _with_own_peaks(earlier: OwnPeaks, month: str, measured: Mapping[str, Rows]) -> OwnPeaks:
    """Add this bill's own peaks to those of the bills before it."""
    highest: dict[tuple[str, str], int] = {}
    for world, rows in measured.items():
        for (charge_id, _, _), row in rows.items():
            if row.own_peak_w is not None:
                highest[world, charge_id] = max(highest.get((world, charge_id), row.own_peak_w), row.own_peak_w)
    known = {key: dict(months) for key, months in earlier.items()}
    for key, watts in highest.items():
        known.setdefault(key, {})[month] = Decimal(watts) / 1000
    return known


def _drawn_year(prepared: Prepared, drawn: Drawn) -> dict[str, uncertainty.DrawnSaving]:
    """What the draws of the proved bills among the last twelve saved, this one's included."""
    earlier, month = prepared.inputs.earlier, prepared.inputs.period.month
    first = add_months(month, 1 - _YEAR)
    proved = {bill.month for bill in earlier.prior if bill.provable and first <= bill.month < month}
    return {m: saving for m, saving in earlier.drawn_savings.items() if m in proved} | {month: drawn.savings}


def _realised(prepared: Prepared, facts: savings.Facts, drawn: Drawn | None, digits: int) -> savings.Ends | None:
    """Sum draw by draw: a source that is off is off in every month alike.

    A bill that is not proved adds what it adds to the sum itself, whatever its draws: its lower bound, or nothing.
    """
    if drawn is None or not facts.provable:
        return None
    month = prepared.inputs.period.month
    first = add_months(month, 1 - _YEAR)
    prior = [bill for bill in prepared.inputs.earlier.prior if first <= bill.month < month]
    known = {bill.month: float(bill.counted) for bill in prior if bill.counted is not None}
    year = _drawn_year(prepared, drawn)
    fixed = sum(amount for m, amount in known.items() if m not in year)
    total = np.sum([saving.saved for saving in year.values()], axis=0) + fixed
    found = uncertainty.range_of_either(total, sum(saving.bias for saving in year.values()))
    found = found.holding(drawn.saving + sum(known.values())).widened(*_left_open(year))
    return ends_of(found, digits)


def _left_open(year: Mapping[str, uncertainty.DrawnSaving]) -> tuple[float, float]:
    """What the gaps of all bills leave open below and above: bounds, which add up."""
    return sum(saving.open_below for saving in year.values()), sum(saving.open_above for saving in year.values())


def _run_rate(prepared: Prepared, draws: _Draws, outlook: savings.Outlook, drawn: Drawn | None) -> savings.Ends | None:
    """Price the year of those draws that lie at the ends of what the year's draws saved, or of what they drew.

    A year has two dozen bills, so that only the draws at the ends of either order are priced.
    """
    if outlook.run_rate is None or drawn is None:
        return None
    savings_of_year, year = _drawn_year(prepared, drawn), draws.year
    bills = {**prepared.inputs.earlier.drawn, year.month: drawn.bill}
    first = add_months(year.month, 1 - _YEAR)
    bills = {m: bill for m, bill in bills.items() if m in year.measured and m >= first}
    if not bills or not any(np.ptp(saving.saved) for saving in savings_of_year.values()):
        alone = uncertainty.Range(float(outlook.run_rate), float(outlook.run_rate), 0.0)
        return ends_of(alone.widened(*_left_open(savings_of_year)), year.currency_digits)
    saved = np.sum([saving.saved for saving in savings_of_year.values()], axis=0)
    bias = sum(saving.bias for saving in savings_of_year.values())
    chosen = sorted(uncertainty.at_ends(saved, bias) | uncertainty.at_ends(uncertainty.peaks_w(bills.values())))
    drawn_rows = ({m: bill.rows(draw) for m, bill in bills.items()} for draw in chosen)
    priced = zip(chosen, savings.run_rates_of(map(draws.year_of, drawn_rows), draws.prices), strict=True)
    worth = [
        (float(amount), 0.0 if uncertainty.IN_STEP[draw] else bias) for draw, amount in priced if amount is not None
    ]
    if not worth:
        return None
    ends = [amount - moved for amount, of in (*worth, (float(outlook.run_rate), bias)) for moved in (0.0, 2 * of)]
    found = uncertainty.Range(min(ends), max(ends), bias)
    return ends_of(found.widened(*_left_open(savings_of_year)), year.currency_digits)


@dataclass(frozen=True)
class _Draws:
    """A year, its prices, and what its adjusted months measured before the load of events was taken off them."""

    year: savings.LastYear
    prices: savings.ComingPrices
    unadjusted: Mapping[str, Mapping[str, Rows]]

    def year_of(self, drawn: Mapping[str, Mapping[str, uncertainty.Changes]]) -> savings.LastYear:
        """Return the year as one draw has it; in an adjusted month a draw lies as far beside it as before."""
        measured = dict(self.year.measured)
        for month, worlds in drawn.items():
            moved = {
                world: uncertainty.as_drawn(measured[month][world], self._changes(month, world, changes))
                for world, changes in worlds.items()
                if world in measured[month]
            }
            measured[month] = {**measured[month], **moved}
        return replace(self.year, measured=measured)

    def _changes(self, month: str, world: str, drawn: uncertainty.Changes) -> uncertainty.Changes:
        if month not in self.unadjusted:
            return drawn
        before, after = self.unadjusted[month][world], self.year.measured[month][world]
        return {
            key: {
                name: max(0, value + getattr(after[key], name) - getattr(before[key], name))
                for name, value in figures.items()
            }
            for key, figures in drawn.items()
        }
