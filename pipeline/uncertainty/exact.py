"""What all draws of a bill come to at once, in whole numbers: to the last digit what the bill engine says of each.

Charges whose amount is a sum of quantities times rates are priced here, with ratchets, steps, percentages and every
rounding. A bill with anything else in it (tiers, shares of days, power factors, missing windows) is left to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.calendars import add_months, first_day
from pipeline.savings import LineKey
from pipeline.tariff import Bill, DemandQuantity, MeasuredDraws, Ratchet, ResolvedCharge, ResolvedTariff, Rounding
from pipeline.uncertainty.draws import Reals

Ints = npt.NDArray[np.int64]
Whole = npt.NDArray[Any]
"""Whole numbers, one a draw: of 64 bits where no draw can pass them, else Python's, which have no end."""

Past = Mapping[str, Mapping[str, Decimal | Ints]]
"""Charge -> earlier month -> own peak: [kW] where it is the same in all draws, else [W] of each, and maybe of more."""

_MOST_DECIMALS: Final = 12  # of an amount without a stated rounding
_FITS: Final = 2**61  # into 64 bits, even twice or with one more such number
_EXACT: Final = 2**53  # as floating-point numbers


class NotLinearError(Exception):
    """A bill that only the engine can price; it never leaves this package."""


class Amount(NamedTuple):
    """A number a draw: `whole` times 10 to the power of -`digits`; none of `whole` is larger than `most`."""

    whole: Whole
    digits: int
    most: int

    @classmethod
    def of(cls, whole: Ints, digits: int) -> Amount:
        """Return measured numbers."""
        return cls(whole, digits, int(np.abs(whole).max(initial=0)))

    def _scaled(self, by: int) -> Amount:
        most = max(1, self.most) * abs(by)
        return Amount(_room_for(most, self.whole) * by, self.digits, most)

    def at(self, digits: int) -> Amount:
        """Return the same numbers with more digits."""
        return self if digits == self.digits else self._scaled(10 ** (digits - self.digits))._replace(digits=digits)

    def times(self, rate: Decimal) -> Amount:
        """Return the product with a rate."""
        whole, digits = _whole(rate)
        return self._scaled(whole)._replace(digits=self.digits + digits)

    def divided(self, by: int, mode: str, digits: int) -> Amount:
        """Return whole parts of `by`, rounded, as numbers of so many digits."""
        return Amount(_divided(_room_for(2 * by, self.whole), by, mode), digits, self.most // by + 1)

    def in_steps(self, mode: str, digits: int) -> Amount:
        """Return the number in so many digits."""
        return self if digits >= self.digits else self.divided(10 ** (self.digits - digits), mode, digits)

    def rounded(self, rounding: Rounding | None) -> Amount:
        """Return money as the engine rounds it: as stated, else to 12 decimals."""
        if rounding is None:
            return self.in_steps("half_even", _MOST_DECIMALS)
        return self.in_steps(rounding.mode, rounding.digits)

    @property
    def floats(self) -> Reals:
        """Return the nearest floating-point numbers."""
        unit = 10**self.digits
        if self.most <= _EXACT and unit <= _EXACT:
            exact: Reals = self.whole.astype(np.float64) / unit
            return exact
        return np.array([whole / unit for whole in self.whole.tolist()], dtype=np.float64)


@dataclass
class _Case:
    """All draws of one bill while they are priced."""

    tariff: ResolvedTariff
    rows: MeasuredDraws
    past: Past
    sample: Bill
    count: int
    lines: list[tuple[str, Amount]] = field(default_factory=list)
    own: list[tuple[LineKey, Reals]] = field(default_factory=list)

    @property
    def days(self) -> int:
        return (self.tariff.period.read_to - self.tariff.period.read_from).days

    def same(self, value: Decimal) -> Amount:
        whole, digits = _whole(value)
        kind = np.int64 if abs(whole) < _FITS else object
        return Amount(np.full(self.count, whole, dtype=kind), digits, abs(whole))

    def sum_of(self, lines: Sequence[Amount]) -> Amount:
        digits = max((line.digits for line in lines), default=0)
        return reduce(_sum, [line.at(digits) for line in lines], self.same(Decimal(0)).at(digits))


def priced(
    tariff: ResolvedTariff, rows: MeasuredDraws, past: Past, sample: Bill, currency_digits: int
) -> tuple[Reals, list[tuple[LineKey, Reals]]]:
    """Return every draw's total [money] and own peaks by demand line [kW]; `sample` is the bill of the first draw.

    Raises NotLinearError for a bill that only the engine can price.
    """
    if sample.refused != tuple(refusal for refusal in tariff.refused if refusal in sample.refused):
        raise NotLinearError
    count = len(rows.figures[0].imported)
    case = _Case(tariff, rows, past, sample, count)
    rounding = tariff.rounding or Rounding(currency_digits, "half_up")
    for charge in tariff.charges:
        by_line = charge.rounding or (rounding if rounding.at == "line" else None)
        exact = list(_PRICED.get(charge.kind, _not_linear)(charge, case))
        amounts = [amount.rounded(by_line) for amount in exact]
        if rounding.at == "subtotal" and not charge.rounding and amounts:
            amounts = [case.sum_of(amounts).rounded(rounding)]
        case.lines += [(charge.charge_id, amount) for amount in amounts]
    total = case.sum_of([amount for _, amount in case.lines])
    return (total.rounded(rounding) if rounding.at == "total" else total).floats, case.own


def _whole(value: Decimal) -> tuple[int, int]:
    """A decimal as a whole number and the count of its decimals."""
    sign, figures, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise NotLinearError
    whole = int("".join(map(str, figures))) * (-1 if sign else 1)
    return (whole * 10**exponent, 0) if exponent > 0 else (whole, -exponent)


def _sum(one: Amount, other: Amount) -> Amount:
    """The sum of two amounts of as many digits."""
    most = one.most + other.most
    return Amount(_room_for(most, one.whole) + other.whole, one.digits, most)


def _room_for(most: int, whole: Whole) -> Whole:
    """The same numbers, such that they can become so large."""
    return whole if most < _FITS else whole.astype(object)


def _divided(whole: Whole, by: int, mode: str) -> Whole:
    """Divide and round; `down` and `up` are towards and away from zero."""
    size = abs(whole)
    quotient, rest = size // by, size % by
    size = quotient + _UP[mode](quotient, rest, by).astype(whole.dtype)
    rounded: Whole = np.where(whole < 0, -size, size)
    return rounded


_UP: Final[Mapping[str, Callable[[Whole, Whole, int], Whole]]] = {
    "down": lambda _quotient, rest, _by: rest < 0,
    "up": lambda _quotient, rest, _by: rest > 0,
    "half_up": lambda _quotient, rest, by: 2 * rest >= by,
    "half_even": lambda quotient, rest, by: (2 * rest > by) | ((2 * rest == by) & (quotient % 2 == 1)),
}
"""Which quotients are rounded away from zero."""


def _not_linear(_charge: ResolvedCharge, _case: _Case) -> Iterator[Amount]:
    raise NotLinearError


def _same(charge: ResolvedCharge, case: _Case) -> Iterator[Amount]:
    """Lines that no draw changes: those of the sample, which are rounded already."""
    for line in case.sample.lines:
        if line.charge_id == charge.charge_id and line.kind == charge.kind:
            yield case.same(line.amount)


def _energy(charge: ResolvedCharge, case: _Case) -> Iterator[Amount]:
    export = charge.kind == "export"
    for number, span in enumerate(charge.spans):
        if not span.untiered:
            raise NotLinearError
        for band in span.bands:
            row = case.rows.by_slot[charge.charge_id, number, band.band]
            rate = band.tiers[0].rate
            yield Amount.of(row.exported, 3).times(-rate) if export else Amount.of(row.imported, 3).times(rate)


def _demand(charge: ResolvedCharge, case: _Case) -> Iterator[Amount]:
    for number, span in enumerate(charge.spans):
        quantity = span.quantity
        if span.days != case.days or case.tariff.months or quantity.unit != "kW" or quantity.power_factor:
            raise NotLinearError
        for band in span.bands:
            row = case.rows.by_slot[charge.charge_id, number, band.band]
            if len(band.tiers) > 1 or not row.peak.known.all() or (row.windows < row.expected).any():
                raise NotLinearError
            own = row.peak.values
            case.own.append(((charge.charge_id, band.lines[0]), own / 1000))
            yield _billed(quantity, Amount.of(own, 3), charge.charge_id, case).times(band.tiers[0].rate)


def _billed(quantity: DemandQuantity, own: Amount, charge_id: str, case: _Case) -> Amount:
    """The demand [kW] that floor, ratchets and steps make of own peaks [kW], as `tariff.billing_demand`."""
    known = [own, case.same(quantity.floor_kw)] if quantity.floor_kw else [own]
    for ratchet in quantity.ratchets:
        if ratchet.of or ratchet.percent < 0:
            raise NotLinearError
        held = list(_held(ratchet, own, case.past.get(charge_id, {}), case))
        known += [_highest(held).times(ratchet.percent.scaleb(-2))] if held else []
    highest = _highest(known)
    if quantity.step is None:
        return highest
    step, step_digits = _whole(quantity.step.step)
    digits = max(highest.digits, step_digits)
    steps = highest.at(digits).divided(step * 10 ** (digits - step_digits), quantity.step.mode, 0)
    return steps.times(quantity.step.step)


def _highest(amounts: Sequence[Amount]) -> Amount:
    """The highest of some amounts, draw by draw."""
    if len(amounts) == 1:
        return amounts[0]
    digits = max(amount.digits for amount in amounts)
    known = [amount.at(digits) for amount in amounts]
    return Amount(reduce(np.maximum, [amount.whole for amount in known]), digits, max(amount.most for amount in known))


def _held(ratchet: Ratchet, own: Amount, past: Mapping[str, Decimal | Ints], case: _Case) -> Iterator[Amount]:
    """The peaks a ratchet looks back to."""
    month = case.tariff.period.month
    for back in range(ratchet.look_back_months + 1):
        at = add_months(month, -back)
        if first_day(at).month not in ratchet.months:
            continue
        if back == 0:
            yield from [own] if ratchet.include_current else []
        elif at in past:
            peak = past[at]
            yield case.same(peak) if isinstance(peak, Decimal) else Amount.of(peak[: case.count], 3)


def _percent(charge: ResolvedCharge, case: _Case) -> Iterator[Amount]:
    base = case.sum_of([amount for charge_id, amount in case.lines if charge_id in charge.applies_to])
    for span in charge.spans:
        if span.days != case.days:
            raise NotLinearError
        for band in span.bands:
            yield base.times(band.tiers[0].rate.scaleb(-2))


_PRICED: Final[Mapping[str, Callable[[ResolvedCharge, _Case], Iterator[Amount]]]] = {
    "fixed": _same,
    "energy": _energy,
    "per_kwh_rider": _energy,
    "export": _energy,
    "demand": _demand,
    "percent_rider": _percent,
    "tax": _percent,
}
"""The kinds whose amounts are sums of quantities times rates."""
