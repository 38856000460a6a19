"""Figures that look ahead, priced with the whole bill arithmetic at today's tariff (docs/methods.md, 'The year').

`locked`: what past peaks still bring if V2B stopped today and last year repeated. `run_rate`: what twelve months like
the last would bring. `next_roll_off`: when a ratchet next lets go of a peak. Each is None with a reason code where a
month it needs is not known; losses are negative, never cut at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from pipeline.calendars import add_months, calendar_month
from pipeline.domain import BillPeriod, Scenario
from pipeline.savings.facts import Outlook, RollOff
from pipeline.tariff import (
    Bill,
    Measured,
    ResolvedTariff,
    Rows,
    Tariff,
    billing_demand,
    price_measured,
    ratchet_months,
    resolve,
)
from pipeline.tariff.model import DEMAND_KINDS, ENERGY_KINDS, DemandQuantity
from pipeline.tariff.quantities import History

_YEAR: Final = 12
_NO_ROWS: Final[Rows] = {}
_MEASURED: Final = DEMAND_KINDS | ENERGY_KINDS | {"reactive"}
Peaks = dict[tuple[str, str], dict[str, Decimal]]
Load = Mapping[tuple[str, str], Measured]
"""A month's determinants in one world by (charge_id, band); parts of a bill whose prices changed are joined."""


def coming_tariffs(tariff: Tariff, period: BillPeriod) -> dict[str, ResolvedTariff]:
    """Return what would price the calendar months after a bill at today's tariff, at least twelve of them.

    Today's: the version in force on the bill's last day, as if it never ended, and the series' values of that day.
    """
    last = period.read_to - timedelta(days=1)
    version = next(found for found in tariff.versions if found.in_force(last))
    values = {name: [value for day, value in dated if day <= last] for name, dated in tariff.series.items()}
    today = replace(
        tariff,
        versions=(replace(version, valid_from=None, valid_to=None),),
        series={name: ((date.min, found[-1]),) for name, found in values.items() if found},
    )
    first = resolve(today, calendar_month(add_months(period.month, 1)))
    months = [add_months(period.month, ahead) for ahead in range(1, max(_YEAR, ratchet_months(first)) + 1)]
    return {month: resolve(today, calendar_month(month)) for month in months}


@dataclass(frozen=True)
class LastYear:
    """What the last twelve bills measured, and what is to price the next.

    `measured`: determinants (`tariff.measured_rows`) by month and world, of the compared world and the metered one, of
    this bill and of as many earlier ones as there are; `proved`: months with a proved V2B bill; `seeds`: months before
    V2B began; `history`: own peaks [kW] by (scenario, charge_id) and month, this bill's included; `coming` of
    `coming_tariffs`.
    """

    month: str
    headline: Scenario
    demand_charge: str | None
    measured: Mapping[str, Mapping[str, Rows]]
    proved: frozenset[str]
    seeds: frozenset[str]
    history: History
    coming: Mapping[str, ResolvedTariff]
    currency_digits: int


class _UnknownError(Exception):
    """A month or charge that a figure needs is not known; the argument is its reason code."""


def look_ahead(year: LastYear, prices: ComingPrices | None = None) -> Outlook:
    """Return `locked`, `run_rate` and `next_roll_off` as known at this bill; money in major units."""
    simulation = _Simulation(year, prices or ComingPrices(year.coming))
    gaps: list[str] = []

    def stated(figure: Callable[[], Any]) -> Any:
        try:
            return figure()
        except _UnknownError as unknown:
            gaps.extend(code for code in unknown.args if code not in gaps)
            return None

    locked, run_rate = stated(simulation.locked), stated(simulation.run_rate)
    return Outlook(locked, run_rate, stated(simulation.next_roll_off), tuple(gaps))


def run_rates_of(years: Iterable[LastYear], prices: ComingPrices) -> Iterator[Decimal | None]:
    """Yield only the `run_rate` of `look_ahead`, for years that differ in what was measured."""
    for year in years:
        try:
            yield _Simulation(year, prices).run_rate()
        except _UnknownError:
            yield None


@dataclass(frozen=True, eq=False)
class ComingPrices:
    """What the months to come are priced by, whatever was measured, and what was made of it already.

    `priced`: the last year of each world; `fitted`: rows under a coming month's charges, by month and the rows' `id`,
    kept with the rows so that no others get their `id`.
    """

    coming: Mapping[str, ResolvedTariff]
    priced: dict[str, tuple[Mapping[str, Rows], Decimal]] = field(default_factory=dict)
    fitted: dict[tuple[str, int], tuple[Rows, Rows]] = field(default_factory=dict)

    @cached_property
    def reach(self) -> int:
        """Months that ratchets look back over."""
        return max((ratchet_months(tariff) for tariff in self.coming.values()), default=0)

    @cached_property
    def slots(self) -> Mapping[str, Sequence[tuple[str, int, str]]]:
        """(charge, span, band) of all that is measured in each month."""
        return {
            month: [
                (charge.charge_id, number, band.band)
                for charge in tariff.charges
                if charge.kind in _MEASURED
                for number, span in enumerate(charge.spans)
                for band in span.bands
            ]
            for month, tariff in self.coming.items()
        }

    @cached_property
    def seasons(self) -> Mapping[str, list[Any]]:
        """What tells the season of a month of the year (01-12): bands of each charge and their prices, not hours."""
        return {month[-2:]: _season(tariff) for month, tariff in list(self.coming.items())[:_YEAR]}

    @cached_property
    def ratcheted(self) -> frozenset[str]:
        """The charges that look back."""
        return frozenset(
            charge.charge_id
            for tariff in self.coming.values()
            for charge in tariff.charges
            if any(span.quantity.ratchets for span in charge.spans)
        )


@dataclass(frozen=True, eq=False)
class _Simulation:
    year: LastYear
    prices: ComingPrices

    @property
    def worlds(self) -> tuple[Scenario, Scenario]:
        return self.year.headline, "actual"

    @property
    def reach(self) -> int:
        return self.prices.reach

    def locked(self) -> Decimal:
        """Sum what the next bills would differ by: the same loads in both worlds, each with its own past peaks."""
        past, total = _copied(self.year.history, self.worlds), Decimal(0)
        for month in self._ahead(self.reach):
            rows = self._repeated(month)
            bills = [self._bill(month, world, rows, past) for world in self.worlds]
            total += bills[0].total - bills[1].total
            peaks = _own_peaks_kw(rows)
            for world in self.worlds:
                _add_peaks(past, month, world, peaks)
        return total

    def run_rate(self) -> Decimal:
        """Sum twelve bills of a year that repeats itself: look-backs reach round its end into its beginning."""
        months = list(self.year.coming)[:_YEAR]
        loads = {month: self._loads_of_year(month) for month in months}
        self._must_be_proved(loads)
        compared, actual = (
            self._total_of_year(world, {month: of_worlds[number] for month, of_worlds in loads.items()})
            for number, world in enumerate(self.worlds)
        )
        return compared - actual

    def _total_of_year(self, world: Scenario, loads: Mapping[str, Rows]) -> Decimal:
        """Sum the bills of one world; years that differ in the other world only are priced once."""
        known, total = self.prices.priced.get(world, (None, Decimal(0)))
        if known == loads:
            return total
        own_peaks = {month: _own_peaks_kw(rows) for month, rows in loads.items()}
        past: Peaks = {}
        for month, peaks in own_peaks.items():
            for lap in range(1, self.reach // _YEAR + 2):
                _add_peaks(past, add_months(month, -lap * _YEAR), world, peaks)
        total = Decimal(0)
        for month, rows in loads.items():
            total += self._bill(month, world, rows, past).total
            _add_peaks(past, month, world, own_peaks[month])
        self.prices.priced[world] = loads, total
        return total

    def next_roll_off(self) -> RollOff:
        """Find the first coming bill to which a ratchet carries less than to the one before it.

        Where both worlds' do in one bill, the metered one is told: its bill is the one that is paid.
        """
        charge = self.year.demand_charge
        if charge is None or not self.reach:
            raise _UnknownError("no_ratchet")
        for month in self._ahead(self.reach):
            quantity, before = _quantity(self.year.coming[month], charge), add_months(month, -1)
            for world in reversed(self.worlds):
                known = self.year.history.get((world, charge), {})
                from_kw = _carried(quantity, before, {m: kw for m, kw in known.items() if m < before})
                to_kw = _carried(quantity, month, known)
                if to_kw < from_kw:
                    return RollOff(month, world, from_kw, to_kw, self._freed(month, world, charge))
        raise _UnknownError("no_roll_off")

    def _freed(self, month: str, world: Scenario, charge: str) -> Decimal:
        """Return what a bill falls by because the look-back moves on by a month, its own peak lying below both."""
        rows = {
            key: row._replace(own_peak_w=0) if key[0] == charge else row for key, row in self._repeated(month).items()
        }
        past = _copied(self.year.history, [world])
        oldest = add_months(month, -self.reach)
        known = past.get((world, charge), {})
        dropped = known.get(add_months(oldest, -1), Decimal(0))
        held = {**past, (world, charge): {**known, oldest: max(known.get(oldest, Decimal(0)), dropped)}}
        return self._bill(month, world, rows, held).total - self._bill(month, world, rows, past).total

    def _ahead(self, count: int) -> list[str]:
        return list(self.year.coming)[:count]

    def _repeated(self, month: str) -> Rows:
        """Return last year's determinants of a month in the compared world: what it draws without V2B."""
        source = self._source(month)
        if not self._is_known(source):
            raise _UnknownError("year_not_known")
        return self._fitted(month, source, self.year.headline)

    def _load(self, month: str, world: str) -> Load:
        return _joined_parts(self._rows(month, world))

    def _rows(self, month: str, world: str) -> Rows:
        return self.year.measured[month].get(world, _NO_ROWS)

    def _is_known(self, month: str) -> bool:
        return month in self.year.measured

    def _source(self, month: str) -> str:
        while month > self.year.month:
            month = add_months(month, -_YEAR)
        return month

    def _fitted(self, month: str, source: str, world: str) -> Rows:
        """Return a year-old measurement under the charges and bands of today's tariff."""
        rows = self._rows(source, world)
        known = self.prices.fitted.get((month, id(rows)))
        if known is None:
            slots, found = self.prices.slots[month], _joined_parts(rows)
            if any((charge, band) not in found for charge, _, band in slots):
                raise _UnknownError("year_not_known")
            known = rows, {slot: found[slot[0], slot[2]] for slot in slots}
            self.prices.fitted[month, id(rows)] = known
        return known[1]

    def _loads_of_year(self, month: str) -> tuple[Rows, Rows]:
        """Return a month's determinants in both worlds: of its proved bill, else as the least effective month."""
        source = self._source(month)
        if source in self.year.proved and self._is_known(source):
            base, actual = (self._fitted(month, source, world) for world in self.worlds)
            return base, actual
        seed = next((m for m in (source, add_months(source, -_YEAR)) if m in self.year.seeds), None)
        if seed is None or not self._is_known(seed):
            raise _UnknownError("run_rate_not_known")
        base = self._fitted(month, seed, self.year.headline)
        return base, self._least_changed(month, base)

    def _least_changed(self, month: str, base: Rows) -> Rows:
        """Change each quantity by the smallest change that a proved bill of the same season shows."""
        seasons = self.prices.seasons
        like = [m for m in self._proved_year() if seasons[m[-2:]] == seasons[month[-2:]]]
        if not like:
            raise _UnknownError("run_rate_not_known")
        worlds = [[self._load(m, world) for world in self.worlds] for m in like]
        changed: dict[tuple[str, int, str], Measured] = {}
        for (charge, number, band), row in base.items():
            key = charge, band
            pairs = [(one[key], two[key]) for one, two in worlds if key in one and key in two]
            least = {
                name: min((getattr(one, name) - getattr(two, name) for one, two in pairs if _has(one, name)), default=0)
                for name in _QUANTITIES
                if _has(row, name)
            }
            cut = {name: max(0, getattr(row, name) - change) for name, change in least.items()}
            changed[charge, number, band] = row._replace(**cut)
        return changed

    def _proved_year(self) -> list[str]:
        first = add_months(self.year.month, 1 - _YEAR)
        return [m for m in sorted(self.year.proved) if m >= first and self._is_known(m)]

    def _must_be_proved(self, loads: Mapping[str, tuple[Rows, Rows]]) -> None:
        """Refuse a year whose highest peak may be that of a month in which V2B has proved nothing yet."""
        proved = set(self._proved_year())
        for charge in self.prices.ratcheted:
            kept = [_own_w(rows[1], charge) for month, rows in loads.items() if self._source(month) in proved]
            open_w = [_own_w(rows[0], charge) for month, rows in loads.items() if self._source(month) not in proved]
            if open_w and max(open_w) > max(kept, default=0):
                raise _UnknownError("run_rate_not_known")

    def _bill(self, month: str, world: Scenario, rows: Rows, past: Peaks) -> Bill:
        digits = self.year.currency_digits
        return price_measured(self.year.coming[month], {world: rows}, past, currency_digits=digits)[world]


def _copied(history: History, worlds: Iterable[str]) -> Peaks:
    return {key: dict(peaks) for key, peaks in history.items() if key[0] in worlds}


_SUMMED: Final = ("import_wh", "export_wh", "windows", "expected", "reactive_varh")
_HIGHEST: Final = ("own_peak_w", "own_peak_low_w", "own_peak_high_w")
_COUNTS: Final = ("windows", "expected")
_QUANTITIES: Final = tuple(name for name in (*_SUMMED, *_HIGHEST) if name not in _COUNTS)
"""What V2B can change; counts of windows are no quantities."""


def _has(row: Measured, name: str) -> bool:
    return getattr(row, name) is not None


def _joined_parts(rows: Rows) -> Load:
    found: dict[tuple[str, str], Measured] = {}
    for (charge, _, band), row in rows.items():
        known = found.get((charge, band))
        found[charge, band] = _joined(known, row) if known else row
    return found


def _joined(first: Measured, second: Measured) -> Measured:
    """Join two parts of a bill: sums where there is something to sum, the higher of two peaks."""
    joined: dict[str, Any] = {}
    for name in (*_SUMMED, *_HIGHEST):
        values = [getattr(row, name) for row in (first, second) if _has(row, name)]
        joined[name] = (sum(values) if name in _SUMMED else max(values)) if values else None
    return first._replace(**joined)


def _own_w(rows: Rows, charge: str) -> int:
    return max((row.own_peak_w or 0 for (charge_id, _, _), row in rows.items() if charge_id == charge), default=0)


def _add_peaks(past: Peaks, month: str, world: str, own_kw: Mapping[str, Decimal]) -> None:
    for charge, kw in own_kw.items():
        past.setdefault((world, charge), {})[month] = kw


def _own_peaks_kw(rows: Rows) -> dict[str, Decimal]:
    """The own peak of each charge that has one [kW]."""
    highest: dict[str, int] = {}
    for (charge, _, _), row in rows.items():
        if row.own_peak_w is not None:
            highest[charge] = max(highest.get(charge, 0), row.own_peak_w)
    return {charge: Decimal(watts) / 1000 for charge, watts in highest.items()}


def _quantity(tariff: ResolvedTariff, charge_id: str) -> DemandQuantity:
    found = next((c for c in tariff.charges if c.charge_id == charge_id), None)
    if found is None:
        raise _UnknownError("year_not_known")
    return found.spans[0].quantity


def _carried(quantity: DemandQuantity, month: str, known: Mapping[str, Decimal]) -> Decimal:
    return billing_demand(quantity, month, Decimal(0), known)[0]


def _season(tariff: ResolvedTariff) -> list[Any]:
    return [(c.charge_id, [(band.band, band.tiers) for span in c.spans for band in span.bands]) for c in tariff.charges]
