"""A bill for every draw: its own peaks and energies, under ratchets that look back on its own past peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.domain import Scenario
from pipeline.savings import LineKey
from pipeline.tariff import (
    Bill,
    BillLine,
    Matrix,
    MeasuredDraws,
    Moved,
    ResolvedTariff,
    Rows,
    measure_draws,
    price_measured,
)
from pipeline.uncertainty.drawn import DrawnBill
from pipeline.uncertainty.draws import Reals
from pipeline.uncertainty.exact import Ints, NotLinearError, Past, priced

_ALL: Final = slice(None)
History = Mapping[tuple[str, str], Mapping[str, Decimal]]


@dataclass(frozen=True)
class Terms:
    """What every draw of a bill is priced by; `starts` of its windows [µs UTC]."""

    tariff: ResolvedTariff
    scenario: Scenario
    zone: str
    holidays: frozenset[date]
    starts: Ints
    duration_s: int
    currency_digits: int

    def measure(self, load: Matrix | Moved) -> MeasuredDraws:
        """Return what the bill measures; `load` as of `tariff.measure_draws`."""
        return measure_draws(
            self.tariff, self.starts, load, duration_s=self.duration_s, zone=self.zone, holidays=self.holidays
        )


@dataclass(frozen=True, eq=False)
class DrawnBills:
    """The bills of all draws, in their order: what they were priced on, and own peaks of earlier months.

    `alike`: a bill of the same terms, for the lines that no draw changes; None for that of the first draw.
    """

    terms: Terms
    measured: MeasuredDraws
    past: Past
    alike: Bill | None = None

    def sets(self, sizes: Sequence[int]) -> list[BilledSet]:
        """Return the draws set by set."""
        bounds = np.cumsum([0, *sizes]).tolist()
        return [BilledSet(self, slice(first, until)) for first, until in pairwise(bounds)]

    def bill(self, draw: int) -> Bill:
        """Return the whole bill of one draw."""
        scenario, digits = self.terms.scenario, self.terms.currency_digits
        history: History = {
            (scenario, charge_id): {month: _kw(peak, draw) for month, peak in months.items()}
            for charge_id, months in self.past.items()
        }
        worlds: dict[str, Rows] = {scenario: self.measured.rows(draw)}
        return price_measured(self.terms.tariff, worlds, history, currency_digits=digits)[scenario]

    @cached_property
    def first(self) -> Bill:
        """Return the whole bill of the first draw."""
        return self.bill(0)

    @property
    def sample(self) -> Bill:
        """Return a bill with the lines that every draw has."""
        return self.alike or self.first

    @cached_property
    def _priced(self) -> tuple[Reals, list[tuple[LineKey, Reals]]]:
        try:
            return priced(self.terms.tariff, self.measured, self.past, self.sample, self.terms.currency_digits)
        except NotLinearError:
            return self._by_engine()

    def _by_engine(self) -> tuple[Reals, list[tuple[LineKey, Reals]]]:
        bills = [self.first, *map(self.bill, range(1, len(self.measured.figures[0].imported)))]
        totals = np.array([float(bill.total) for bill in bills])
        peaks: dict[tuple[int, LineKey], list[Decimal | None]] = {}
        for bill in bills:
            for place, line in enumerate(bill.lines):
                peaks.setdefault((place, (line.charge_id, line.band)), []).append(line.own_peak_kw)
        known = {key: [float(kw) for kw in found if kw is not None] for (_, key), found in peaks.items()}
        return totals, [(key, np.array(found)) for key, found in known.items() if len(found) == len(bills)]

    @property
    def totals(self) -> Reals:
        """Return every draw's total in major units."""
        return self._priced[0]

    @property
    def own_peaks(self) -> Sequence[tuple[LineKey, Reals]]:
        """Return every draw's own peak by demand line, in the order of a bill [kW]; none of a line one draw lacks."""
        return self._priced[1]


@dataclass(frozen=True, eq=False)
class BilledSet:
    """Some of the draws of a bill, which were priced together: those at `place`."""

    bills: DrawnBills
    place: slice

    @property
    def lines(self) -> Sequence[BillLine]:
        """Return the lines that every draw has, as one draw has them."""
        return self.bills.sample.lines

    @property
    def totals(self) -> Reals:
        """Return every draw's total in major units."""
        return self.bills.totals[self.place]

    @property
    def own_peaks(self) -> Sequence[tuple[LineKey, Reals]]:
        """Return every draw's own peak by demand line, in the order of a bill [kW]; none of a line one draw lacks."""
        return [(key, values[self.place]) for key, values in self.bills.own_peaks]

    def own_peaks_kw(self, line: LineKey | None) -> Reals | None:
        """Return every draw's own peak of one demand line [kW]; None where one has none."""
        return next((values for key, values in self.own_peaks if key == line), None)

    @property
    def drawn(self) -> DrawnBill:
        """Return what the draws measured, for later bills."""
        slots, figures = zip(*self.bills.measured.of(self.place).by_slot.items(), strict=True)
        return DrawnBill.of(
            [(self.bills.terms.scenario, slot) for slot in slots],
            {
                "import_wh": np.array([of.imported for of in figures], dtype=np.float64),
                "export_wh": np.array([of.exported for of in figures], dtype=np.float64),
                "own_peak_w": np.array([of.peak.numbers for of in figures]),
            },
        )


def _kw(peak: Decimal | Ints, draw: int) -> Decimal:
    return peak if isinstance(peak, Decimal) else Decimal(int(peak[draw])) / 1000


def past_of_draws(
    point: History,
    drawn: Mapping[str, DrawnBill],
    scenario: Scenario,
    reach: frozenset[str],
    draws: Ints | slice = _ALL,
) -> dict[str, dict[str, Decimal | Ints]]:
    """Return own peaks of earlier months: those each draw had itself, the rebuilt ones where a month was not drawn.

    `point` as of `tariff.price`; `drawn`: by month; `reach`: the months looked back to;
    `draws`: their numbers, in the order wanted.
    """
    found: dict[str, dict[str, Decimal | Ints]] = {
        charge_id: {m: kw for m, kw in months.items() if m in reach}
        for (world, charge_id), months in point.items()
        if world == scenario
    }
    for month in sorted(reach & drawn.keys()):
        bill = drawn[month]
        for (_, (charge_id, _, _)), peaks in zip(bill.slots, bill.figures["own_peak_w"], strict=True):
            if np.isfinite(peaks).all():
                watts = peaks[draws].astype(np.int64)
                known = found.setdefault(charge_id, {})
                before = known.get(month)
                known[month] = np.maximum(before, watts) if isinstance(before, np.ndarray) else watts
    return found
