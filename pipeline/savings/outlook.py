"""Figures that look ahead, priced with the whole bill arithmetic at today's tariff (docs/methods.md, 'The year').

`locked`: what past peaks still bring if V2B stopped today and last year repeated. `run_rate`: what twelve months like
the last would bring. `next_roll_off`: when a ratchet next lets go of a peak. Each is None with a reason code where a
month it needs is not known; losses are negative, never cut at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import polars as pl

from pipeline.calendars import add_months, calendar_month
from pipeline.domain import BillPeriod, Scenario
from pipeline.savings.facts import Outlook, RollOff
from pipeline.tariff import Bill, ResolvedTariff, Tariff, billing_demand, price, ratchet_months, resolve
from pipeline.tariff.model import DEMAND_KINDS, ENERGY_KINDS, DemandQuantity
from pipeline.tariff.quantities import History

_YEAR: Final = 12
_MEASURED: Final = DEMAND_KINDS | ENERGY_KINDS | {"reactive"}
Peaks = dict[tuple[str, str], dict[str, Decimal]]
Key = tuple[str, str]
Row = Mapping[str, Any]


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

    `measured`: determinants of `tariff.measure` by month, of the compared world and the metered one, this bill's and
    as many earlier ones as there are; `proved`: months with a proved V2B bill; `seeds`: months before V2B began;
    `history`: own peaks [kW] by (scenario, charge_id) and month, this bill's included; `coming` of `coming_tariffs`.
    """

    month: str
    headline: Scenario
    demand_charge: str | None
    measured: Mapping[str, pl.DataFrame]
    proved: frozenset[str]
    seeds: frozenset[str]
    history: History
    coming: Mapping[str, ResolvedTariff]
    currency_digits: int


class _UnknownError(Exception):
    """A month or charge that a figure needs is not known; the argument is its reason code."""


def look_ahead(year: LastYear) -> Outlook:
    """Return `locked`, `run_rate` and `next_roll_off` as known at this bill; money in major units."""
    simulation = _Simulation(year)
    gaps: list[str] = []

    def stated(figure: Callable[[], Any]) -> Any:
        try:
            return figure()
        except _UnknownError as unknown:
            gaps.extend(code for code in unknown.args if code not in gaps)
            return None

    locked, run_rate = stated(simulation.locked), stated(simulation.run_rate)
    return Outlook(locked, run_rate, stated(simulation.next_roll_off), tuple(gaps))


@dataclass(frozen=True)
class _Simulation:
    year: LastYear

    @property
    def worlds(self) -> tuple[Scenario, Scenario]:
        return self.year.headline, "actual"

    @property
    def reach(self) -> int:
        return max((ratchet_months(tariff) for tariff in self.year.coming.values()), default=0)

    def locked(self) -> Decimal:
        """Sum what the next bills would differ by: the same loads in both worlds, each with its own past peaks."""
        past, total = _copied(self.year.history, self.worlds), Decimal(0)
        for month in self._ahead(self.reach):
            rows = self._repeated(month)
            bills = [self._bill(month, world, rows, past) for world in self.worlds]
            total += bills[0].total - bills[1].total
            for world in self.worlds:
                _add_peaks(past, world, month, rows)
        return total

    def run_rate(self) -> Decimal:
        """Sum twelve bills of a year that repeats itself: look-backs reach round its end into its beginning."""
        months = list(self.year.coming)[:_YEAR]
        loads = {month: self._loads_of_year(month) for month in months}
        self._must_be_proved(loads)
        past: Peaks = {}
        for month in months:
            for world, rows in zip(self.worlds, loads[month], strict=True):
                for lap in range(self.reach // _YEAR + 2):
                    _add_peaks(past, world, add_months(month, -lap * _YEAR), rows)
        total = Decimal(0)
        for month in months:
            before = {key: {m: kw for m, kw in peaks.items() if m < month} for key, peaks in past.items()}
            bills = [
                self._bill(month, world, rows, before) for world, rows in zip(self.worlds, loads[month], strict=True)
            ]
            total += bills[0].total - bills[1].total
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
        rows: list[Row] = [
            {**row, "own_peak_w": 0} if row["charge_id"] == charge else row for row in self._repeated(month)
        ]
        past = _copied(self.year.history, [world])
        oldest = add_months(month, -self.reach)
        known = past.get((world, charge), {})
        dropped = known.get(add_months(oldest, -1), Decimal(0))
        held = {**past, (world, charge): {**known, oldest: max(known.get(oldest, Decimal(0)), dropped)}}
        return self._bill(month, world, rows, held).total - self._bill(month, world, rows, past).total

    def _ahead(self, count: int) -> list[str]:
        return list(self.year.coming)[:count]

    def _repeated(self, month: str) -> list[Row]:
        """Return last year's determinants of a month in the compared world: what it draws without V2B."""
        source = self._source(month)
        if source not in self.year.measured:
            raise _UnknownError("year_not_known")
        return self._fitted(month, _of_world(self.year.measured[source], self.year.headline))

    def _source(self, month: str) -> str:
        while month > self.year.month:
            month = add_months(month, -_YEAR)
        return month

    def _fitted(self, month: str, found: Mapping[Key, Row]) -> list[Row]:
        """Return a year-old measurement under the charges and bands of today's tariff."""
        rows: list[Row] = []
        for charge in self.year.coming[month].charges:
            if charge.kind not in _MEASURED:
                continue
            for number, span in enumerate(charge.spans):
                for band in span.bands:
                    if (charge.charge_id, band.band) not in found:
                        raise _UnknownError("year_not_known")
                    rows.append({**found[charge.charge_id, band.band], "span": number})
        return rows

    def _loads_of_year(self, month: str) -> tuple[list[Row], list[Row]]:
        """Return a month's determinants in both worlds: of its proved bill, else as the least effective month."""
        source = self._source(month)
        if source in self.year.proved and source in self.year.measured:
            frame = self.year.measured[source]
            found = tuple(self._fitted(month, _of_world(frame, world)) for world in self.worlds)
            return found[0], found[1]
        seed = next((m for m in (source, add_months(source, -_YEAR)) if m in self.year.seeds), None)
        if seed is None or seed not in self.year.measured:
            raise _UnknownError("run_rate_not_known")
        base = self._fitted(month, _of_world(self.year.measured[seed], self.year.headline))
        return base, self._least_changed(month, base)

    def _least_changed(self, month: str, base: list[Row]) -> list[Row]:
        """Change each quantity by the smallest change that a proved bill of the same season shows."""
        season = _season(self.year.coming[month])
        like = [m for m in self._proved_year() if _season(self.year.coming[self._next(m)]) == season]
        if not like:
            raise _UnknownError("run_rate_not_known")
        worlds = [[_of_world(self.year.measured[m], world) for world in self.worlds] for m in like]
        changed: list[Row] = []
        for row in base:
            key = row["charge_id"], row["band"]
            pairs = [(one[key], two[key]) for one, two in worlds if key in one and key in two]
            least = {
                name: min((one[name] - two[name] for one, two in pairs if one[name] is not None), default=0)
                for name in _quantities(row)
            }
            changed.append({**row, **{name: max(0, row[name] - cut) for name, cut in least.items()}})
        return changed

    def _proved_year(self) -> list[str]:
        first = add_months(self.year.month, 1 - _YEAR)
        return [m for m in sorted(self.year.proved) if m >= first and m in self.year.measured]

    def _next(self, month: str) -> str:
        return next(m for m in self.year.coming if m[-2:] == month[-2:])

    def _must_be_proved(self, loads: Mapping[str, tuple[list[Row], list[Row]]]) -> None:
        """Refuse a year whose highest peak may be that of a month in which V2B has proved nothing yet."""
        proved = set(self._proved_year())
        for charge in {c.charge_id for tariff in self.year.coming.values() for c in _ratcheted(tariff)}:
            kept = [_own_w(rows[1], charge) for month, rows in loads.items() if self._source(month) in proved]
            open_w = [_own_w(rows[0], charge) for month, rows in loads.items() if self._source(month) not in proved]
            if open_w and max(open_w) > max(kept, default=0):
                raise _UnknownError("run_rate_not_known")

    def _bill(self, month: str, world: Scenario, rows: list[Row], past: Peaks) -> Bill:
        schema = next(iter(self.year.measured.values())).schema
        frame = pl.DataFrame([{**row, "scenario": world} for row in rows], schema=schema)
        tariff = self.year.coming[month]
        return price(tariff, tariff.period, frame, past, currency_digits=self.year.currency_digits)[world]


def _copied(history: History, worlds: Iterable[str]) -> Peaks:
    return {key: dict(peaks) for key, peaks in history.items() if key[0] in worlds}


def _of_world(frame: pl.DataFrame, world: str) -> dict[Key, Row]:
    """Return a world's determinants by charge and band, the parts of a bill whose prices changed inside it joined."""
    found: dict[Key, Row] = {}
    for row in frame.filter(pl.col("scenario") == world).to_dicts():
        key = row["charge_id"], row["band"]
        known = found.get(key)
        found[key] = _joined(known, row) if known else row
    return found


_SUMMED: Final = frozenset({"import_wh", "export_wh", "windows", "expected", "reactive_varh"})


def _quantities(row: Row) -> list[str]:
    """Name the columns that hold what V2B can change; counts of windows are no quantities."""
    return [
        name
        for name, value in row.items()
        if isinstance(value, int | Decimal) and name not in ("span", "windows", "expected")
    ]


def _joined(first: Row, second: Row) -> Row:
    joined = dict(first)
    for name in _quantities(second) + [name for name in ("windows", "expected") if name in second]:
        join = sum if name in _SUMMED else max
        joined[name] = join(value for value in (first[name], second[name]) if value is not None)
    return joined


def _own_w(rows: Iterable[Row], charge: str) -> Any:
    return max((row["own_peak_w"] or 0 for row in rows if row["charge_id"] == charge), default=0)


def _add_peaks(past: Peaks, world: str, month: str, rows: list[Row]) -> None:
    for charge in {row["charge_id"] for row in rows if row["own_peak_w"] is not None}:
        past.setdefault((world, charge), {})[month] = Decimal(_own_w(rows, charge)) / 1000


def _ratcheted(tariff: ResolvedTariff) -> list[Any]:
    return [c for c in tariff.charges if any(span.quantity.ratchets for span in c.spans)]


def _quantity(tariff: ResolvedTariff, charge_id: str) -> DemandQuantity:
    found = next((c for c in tariff.charges if c.charge_id == charge_id), None)
    if found is None:
        raise _UnknownError("year_not_known")
    return found.spans[0].quantity


def _carried(quantity: DemandQuantity, month: str, known: Mapping[str, Decimal]) -> Decimal:
    return billing_demand(quantity, month, Decimal(0), known)[0]


def _season(tariff: ResolvedTariff) -> list[Any]:
    """Return what tells a tariff's seasons apart: the bands of each charge and their prices, not their hours."""
    return [(c.charge_id, [(band.band, band.tiers) for span in c.spans for band in span.bands]) for c in tariff.charges]
