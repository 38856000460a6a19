"""A bill for every draw: its own peaks and energies, under ratchets that look back on its own past peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.domain import Scenario
from pipeline.savings import LineKey, line_of
from pipeline.tariff import DETERMINANT, Bill, Matrix, ResolvedTariff, measure_draws, price_many
from pipeline.uncertainty.draws import Reals

Ints = npt.NDArray[np.int64]
History = Mapping[tuple[str, str], Mapping[str, Decimal]]

DETERMINANT_DRAW: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "scenario": pl.String,
    "charge_id": pl.String,
    "band": pl.String,
    "span": pl.Int64,
    "import_wh": pl.List(pl.Int64),
    "export_wh": pl.List(pl.Int64),
    "own_peak_w": pl.List(pl.Int64),  # each list has one number a draw, in their order
}


@dataclass(frozen=True)
class Terms:
    """What every draw of a bill is priced by; `starts` of its windows [µs UTC], `history` one per draw."""

    tariff: ResolvedTariff
    scenario: Scenario
    zone: str
    holidays: frozenset[date]
    starts: Ints
    duration_s: int
    currency_digits: int
    history: Sequence[History]


@dataclass(frozen=True)
class DrawnBills:
    """The bills of all draws, in their order, and what they were priced on."""

    bills: Sequence[Bill]
    determinants: pl.DataFrame

    @property
    def totals(self) -> Reals:
        """Return every draw's total in major units."""
        return np.array([float(bill.total) for bill in self.bills])

    def own_peaks_kw(self, line: LineKey | None) -> Reals | None:
        """Return every draw's own peak of one demand line [kW]; None where one has none."""
        found = [line_of(bill, line) for bill in self.bills]
        if any(one is None or one.own_peak_kw is None for one in found):
            return None
        return np.array([float(one.own_peak_kw) for one in found if one is not None and one.own_peak_kw is not None])

    @property
    def frame(self) -> pl.DataFrame:
        """Return the determinants in the shape of `DETERMINANT_DRAW`."""
        keys = ["scenario", "charge_id", "band", "span"]
        lists = ["import_wh", "export_wh", "own_peak_w"]
        by_slot = self.determinants.sort("draw").group_by(keys, maintain_order=True).agg(lists)
        return by_slot.select(pl.col(name).cast(kind) for name, kind in DETERMINANT_DRAW.items())


def bill_draws(terms: Terms, load: Matrix) -> DrawnBills:
    """Return the bill of every draw of a world; `load` has one row a draw, one column a window [Wh]."""
    determinants = measure_draws(
        terms.tariff,
        terms.starts,
        load,
        duration_s=terms.duration_s,
        scenario=terms.scenario,
        zone=terms.zone,
        holidays=terms.holidays,
    )
    priced = price_many(
        [terms.tariff],
        determinants,
        by=("draw",),
        history={(draw,): past for draw, past in enumerate(terms.history)},
        currency_digits=terms.currency_digits,
    )
    month = terms.tariff.period.month
    bills = [priced[draw, month][terms.scenario] for draw in range(len(load.imported))]
    return DrawnBills(bills, determinants.select("draw", *DETERMINANT))


def past_of_draws(
    point: History, drawn: Mapping[str, pl.DataFrame], scenario: Scenario, reach: frozenset[str], draws: int
) -> list[History]:
    """Return each draw's own past peaks [kW]: those it had itself, the rebuilt ones where a month was not drawn.

    `point` as of `tariff.price`; `drawn`: frames of `DETERMINANT_DRAW` by month; `reach`: the months looked back to.
    """
    known = {
        key: {m: kw for m, kw in months.items() if m in reach} for key, months in point.items() if key[0] == scenario
    }
    found = [{key: dict(months) for key, months in known.items()} for _ in range(draws)]
    for month in sorted(reach & drawn.keys()):
        peaks = drawn[month].filter(pl.col("own_peak_w").list.first().is_not_null())
        for charge_id in peaks.get_column("charge_id").unique():
            of_charge = peaks.filter(pl.col("charge_id") == charge_id).get_column("own_peak_w").to_list()
            for draw, watts in enumerate(np.max(np.array(of_charge), axis=0)[:draws]):
                found[draw].setdefault((scenario, charge_id), {})[month] = Decimal(int(watts)) / 1000
    return list(found)
