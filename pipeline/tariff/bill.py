"""The exact second stage: a few determinants per bill become lines of money, each amount rounded once.

The total is the sum of the lines. Shares of days and long rates can have endless decimals: what a line shows is cut to
12 of them, after the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from itertools import pairwise, repeat
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.domain import BillPeriod
from pipeline.tariff.determinants import DETERMINANT
from pipeline.tariff.lines import EXACT, PRICERS, BillLine, Case, rounded
from pipeline.tariff.model import ROUNDING_CHARGE, Refusal, Rounding
from pipeline.tariff.quantities import Demands, History, Measured, Rows, kilo
from pipeline.tariff.resolve import ResolvedTariff, demand_charges


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of one scenario; partial when anything was refused."""

    lines: tuple[BillLine, ...]
    total: Decimal
    refused: tuple[Refusal, ...]

    @property
    def partial(self) -> bool:
        """Whether anything in the tariff or the data could not be priced."""
        return bool(self.refused)


def _step(scenario: str, charge_id: str, band: str, exact: Decimal, rounding: Rounding) -> BillLine:
    """The line that takes what rounding a sum adds to it."""
    step = rounded(exact, rounding) - exact
    return BillLine(scenario, charge_id, band, ROUNDING_CHARGE, "Rounding", "money", step, Decimal(1), step)


_AMOUNT: Final[Callable[[BillLine], Decimal]] = itemgetter(BillLine._fields.index("amount"))
_NOTHING: Final = Decimal(0)


def _sum(lines: Iterable[BillLine]) -> Decimal:
    return sum(map(_AMOUNT, lines), _NOTHING)


def _price_scenario(case: Case, rounding: Rounding | None) -> Bill:
    resolved, scenario = case.demands.resolved, case.scenario
    place = rounding.at if rounding else "line"
    for charge in resolved.charges:
        case.rounding = charge.rounding or (rounding if place == "line" else None)
        # evaluated whole before the lines are added: a percentage is not taken of itself
        lines = list(PRICERS[charge.kind](charge, case))
        case.lines += lines
        if place == "subtotal" and rounding and not charge.rounding and lines:
            exact = _sum(lines)
            case.lines.append(_step(scenario, charge.charge_id, ROUNDING_CHARGE, exact, rounding))
    if place == "total" and rounding:
        case.lines.append(_step(scenario, ROUNDING_CHARGE, "total", _sum(case.lines), rounding))
    refused = resolved.refused
    if any(refusal.only_with_export for refusal in refused):
        exports = any(row.export_wh for row in case.rows.values())
        refused = tuple(refusal for refusal in refused if exports or not refusal.only_with_export)
    return Bill(tuple(case.lines), _sum(case.lines), (*refused, *case.refused))


_UNKNOWN: Final = Decimal("NaN")
_UTC: Final = ZoneInfo("UTC")
_NAMES: Final = ("charge_id", "span", "band")
_MEASURED: Final = [name for name in DETERMINANT if name not in ("scenario", *_NAMES)]


def _values(column: pl.Series) -> list[Any]:
    """The Python values of a column; instants by way of numpy, which makes them several times faster."""
    if not column.dtype.is_temporal():
        return column.to_list()
    micros = instants_us(column)
    once = np.unique(micros)
    instants = once.view("datetime64[us]").tolist()  # None where not a time
    made = [None if instant is None else instant.replace(tzinfo=_UTC) for instant in instants]
    return list(map(dict(zip(once.tolist(), made, strict=True)).get, micros.tolist()))


def _rows_by(determinants: pl.DataFrame, names: Sequence[str]) -> Mapping[tuple[Any, ...], Mapping[str, Rows]]:
    """Return determinants by the values of some columns, then by scenario, then by charge, span and band.

    The rows of one world of one bill mostly lie together, and are then filed together.
    """

    def tuples(columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        return zip(*(_values(determinants.get_column(name)) for name in columns), strict=True)

    heads, slots = list(tuples((*names, "scenario"))), list(tuples(_NAMES))
    rows = list(map(tuple.__new__, repeat(Measured), tuples(_MEASURED)))
    begins = [number for number, head in enumerate(heads) if not number or head != heads[number - 1]]
    found: dict[tuple[Any, ...], dict[str, dict[tuple[str, int, str], Measured]]] = {}
    for first, until in pairwise([*begins, len(rows)]):
        world = found.setdefault(heads[first][:-1], {}).setdefault(heads[first][-1], {})
        world.update(zip(slots[first:until], rows[first:until], strict=True))
    return found


def _price(
    resolved: ResolvedTariff, worlds: Mapping[str, Rows], history: History, currency_digits: int | None
) -> dict[str, Bill]:
    default = None if currency_digits is None else Rounding(currency_digits, "half_up")
    period, length = resolved.period, resolved.months
    days = (period.read_to - period.read_from).days
    bills = {}
    for scenario, rows in worlds.items():
        demands = Demands(resolved, scenario, period, rows, history)
        case = Case(demands, rows, scenario, days, length)
        bills[scenario] = _price_scenario(case, resolved.rounding or default)
    return bills


def price(
    resolved: ResolvedTariff,
    period: BillPeriod,
    determinants: pl.DataFrame,
    history: History,
    *,
    currency_digits: int | None = None,
) -> dict[str, Bill]:
    """Return the bill of every scenario in the determinants (of `measure`).

    `history` gives own peaks [kW] of earlier months by (scenario, charge_id) and month; only months that exist.
    `currency_digits` rounds each line half up where the tariff does not say how; None leaves such lines exact.
    A demand of which windows are missing is refused by name; kWh are billed as metered, and the bill says what lacks.
    """
    worlds = measured_rows(determinants)
    return price_measured(replace(resolved, period=period), worlds, history, currency_digits=currency_digits)


def measured_rows(determinants: pl.DataFrame) -> Mapping[str, Rows]:
    """Return the determinants of one bill by scenario, then by charge, span and band."""
    return _rows_by(determinants, ()).get((), {})


def price_measured(
    resolved: ResolvedTariff, worlds: Mapping[str, Rows], history: History, *, currency_digits: int | None = None
) -> dict[str, Bill]:
    """Return the bill of every scenario, as `price` does, of rows taken from a frame before (`measured_rows`).

    For callers that price many changes of a few rows: making a frame of each takes longer than its bill.
    """
    with localcontext(EXACT):
        return _price(resolved, worlds, history, currency_digits)


def price_many(
    bills: Sequence[ResolvedTariff],
    determinants: pl.DataFrame,
    *,
    by: Sequence[str] = (),
    history: Mapping[tuple[Any, ...], History] | None = None,
    seed: Mapping[str, Decimal] | None = None,
    currency_digits: int | None = None,
) -> dict[tuple[Any, ...], dict[str, Bill]]:
    """Return the bills of every load, month and scenario by (*values of `by`, month), months in order.

    `determinants` are of `measure_many` with the same `bills` and `by`. Own peaks [kW] are carried from bill to bill
    as ratchets need them, after `seed` (month -> kW, of every demand charge and world) and `history` (by the values of
    `by`) of months before.
    """
    by_load = _rows_by(determinants, (*by, "month"))
    loads = dict.fromkeys(key[:-1] for key in by_load)
    found: dict[tuple[Any, ...], dict[str, Bill]] = {}
    in_order = sorted(bills, key=lambda bill: bill.period.read_from)
    looks_back = any(map(_looks_back, bills))
    with localcontext(EXACT):
        for load in loads:
            peaks = {key: dict(months) for key, months in (history or {}).get(load, {}).items()}
            for resolved in in_order:
                key = (*load, resolved.period.month)
                worlds = by_load.get(key)
                if not worlds:
                    continue
                if seed:
                    _seed(peaks, resolved, worlds, seed)
                found[key] = _price(resolved, worlds, peaks, currency_digits)
                if looks_back:
                    _learn(peaks, resolved.period.month, worlds)
    return found


def _looks_back(resolved: ResolvedTariff) -> bool:
    """Whether a bill may depend on a peak of an earlier one."""
    quantities = (span.quantity for charge in resolved.charges for span in charge.spans)
    return any(quantity.ratchets or quantity.events for quantity in quantities)


def _seed(
    peaks: dict[tuple[str, str], dict[str, Decimal]],
    resolved: ResolvedTariff,
    worlds: Iterable[str],
    seed: Mapping[str, Decimal],
) -> None:
    for scenario in worlds:
        for charge_id in demand_charges(resolved):
            known = peaks.setdefault((scenario, charge_id), {})
            for month, kw in seed.items():
                known.setdefault(month, kw)


def _learn(peaks: dict[tuple[str, str], dict[str, Decimal]], month: str, worlds: Mapping[str, Rows]) -> None:
    """Remember the own peaks of a bill, NaN where windows are missing: a higher one may have been in them."""
    for scenario, rows in worlds.items():
        own: dict[str, Decimal] = {}
        for (charge_id, _, _), row in rows.items():
            if row.own_peak_w is not None or row.windows < row.expected:
                kw = kilo(row.own_peak_w) if row.own_peak_w is not None and row.windows == row.expected else _UNKNOWN
                own[charge_id] = kw if charge_id not in own or kw.is_nan() else max(own[charge_id], kw)
        for charge_id, kw in own.items():
            peaks.setdefault((scenario, charge_id), {})[month] = kw
