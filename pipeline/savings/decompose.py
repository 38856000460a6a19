"""A saving -> the parts it came from; they sum to it exactly, to the last digit.

Riders, tax, export credits and fixed charges are parts of their own: what their lines changed by. Everything else is
shared among what differs between the two worlds: how much energy, when it was drawn, this bill's own peaks, the peaks
a ratchet carries. Tiers, minimum bills and hours-use prices make these depend on each other, so each is credited with
its Shapley value: what switching it from one world to the other saves, averaged over every order of switching.
Shapley, L. S. (1953), 'A value for n-person games', Contributions to the Theory of Games II.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from math import factorial, floor
from typing import Final, TypeVar

from pipeline.domain import Scenario
from pipeline.tariff import Bill, Measured, ResolvedTariff, Rows, price_measured
from pipeline.tariff.lines import EXACT
from pipeline.tariff.quantities import History

PARTS: Final = (
    "energy_volume",
    "energy_shift",
    "demand_own",
    "demand_carried",
    "export",
    "riders",
    "tax",
    "other",
)
"""The parts of a saving, in the order they are shown."""

_WHOLE_LINES: Final[Mapping[str, str]] = {
    "export": "export",
    "per_kwh_rider": "riders",
    "percent_rider": "riders",
    "credit": "riders",
    "tax": "tax",
    "fixed": "other",
    "reactive": "other",
    "rounding": "other",
}
"""Kinds of line whose whole change is one part; the lines of all other kinds are shared."""

_ENERGY: Final = "import_wh"
_EXPORT: Final = "export_wh"
K = TypeVar("K", bound=Hashable)
Key = tuple[str, int, str]


@dataclass(frozen=True)
class _Worlds:
    """What prices a bill of any mixture of two worlds, the compared one first."""

    tariff: ResolvedTariff
    currency_digits: int
    names: tuple[str, str]
    rows: tuple[Rows, Rows]
    past: tuple[Mapping[str, Mapping[str, Decimal]], Mapping[str, Mapping[str, Decimal]]]

    def bill(self, switched: frozenset[str]) -> Bill:
        """Price the bill in which only what is `switched` is as metered."""
        own, carried = "demand_own" in switched, "demand_carried" in switched
        world = self.names[own]  # a contract demand may be agreed in one world only
        history = {(world, charge): peaks for charge, peaks in self.past[carried].items()}
        rows = {world: self._mixed(switched)}
        return price_measured(self.tariff, rows, history, currency_digits=self.currency_digits)[world]

    @cached_property
    def energies(self) -> Mapping[tuple[bool, bool], Mapping[Key, int]]:
        """Energy per band [Wh] with volume and shift each of either world."""
        mixtures = itertools.product((False, True), repeat=2)
        return {(volume, shift): _mixed_energy(self.rows, volume=volume, shift=shift) for volume, shift in mixtures}

    def _mixed(self, switched: frozenset[str]) -> Rows:
        energy = self.energies["energy_volume" in switched, "energy_shift" in switched]
        exported, others = (self.rows[name in switched] for name in ("export", "demand_own"))
        return {
            key: row._replace(import_wh=energy[key], export_wh=exported[key].export_wh) for key, row in others.items()
        }


def decompose(
    tariff: ResolvedTariff,
    measured: Mapping[str, Rows],
    history: History,
    *,
    headline: Scenario,
    currency_digits: int,
) -> dict[str, Decimal]:
    """Return the parts of bill(headline) - bill(actual) by name, in the order of `PARTS`; parts not met are 0.

    `measured` of `tariff.measured_rows` and `history` of `tariff.price`, both with the two worlds. Parts are rounded to
    the decimals of the currency, or of the saving where it has more, by largest remainders: they sum to it exactly.
    """
    names = (str(headline), "actual")
    worlds = _Worlds(
        tariff=tariff,
        currency_digits=currency_digits,
        names=names,
        rows=(measured[names[0]], measured[names[1]]),
        past=(_past(history, names[0]), _past(history, names[1])),
    )
    players = _players(worlds)
    bills = {switched: worlds.bill(switched) for switched in _coalitions(players)}
    before, after = bills[frozenset()], bills[frozenset(players)]
    costs = {switched: _shared_cost(bill) for switched, bill in bills.items()}
    shared = {name: _shapley(name, players, costs) for name in players}
    whole = _whole_lines(before, after)
    parts = {name: shared.get(name, Fraction(0)) + whole.get(name, Fraction(0)) for name in PARTS}
    return _to_digits(parts, max(currency_digits, _decimals(before.total - after.total)))


def _past(history: History, world: str) -> dict[str, Mapping[str, Decimal]]:
    return {charge: peaks for (scenario, charge), peaks in history.items() if scenario == world}


def _players(worlds: _Worlds) -> tuple[str, ...]:
    """Name what differs between the worlds: only that can have saved anything."""
    base, actual = worlds.rows
    differ = {name for key in base for name, one, two in _compared(base[key], actual[key]) if one != two}
    steps = (step for charge in worlds.tariff.charges for span in charge.spans for step in span.quantity.contract)
    charges = [charge for charge, _, _ in base]
    holds = {
        "energy_volume": _ENERGY in differ,
        "energy_shift": _ENERGY in differ and len(charges) > len(set(charges)),
        "demand_own": bool(differ - {_ENERGY, _EXPORT}) or any(step.scenarios for step in steps),
        "demand_carried": worlds.past[0] != worlds.past[1],
        "export": _EXPORT in differ,
    }
    return tuple(name for name in PARTS if holds.get(name))


def _compared(one: Measured, two: Measured) -> Iterator[tuple[str, object, object]]:
    return zip(Measured._fields, one, two, strict=True)


def _coalitions(players: Sequence[str]) -> Iterator[frozenset[str]]:
    for size in range(len(players) + 1):
        yield from map(frozenset, itertools.combinations(players, size))


def _mixed_energy(worlds: tuple[Rows, Rows], *, volume: bool, shift: bool) -> dict[Key, int]:
    """Energy per band [Wh]: how much and in which shares are each of one world or of the other."""
    if volume == shift:
        return {key: row.import_wh for key, row in worlds[volume].items()}
    mixed: dict[Key, int] = {}
    for charge in dict.fromkeys(key[0] for key in worlds[0]):
        keys = [key for key in worlds[0] if key[0] == charge]
        shape, amounts = worlds[shift], worlds[volume]
        whole, total = sum(shape[key].import_wh for key in keys), sum(amounts[key].import_wh for key in keys)
        if not whole:  # a world without any energy has no shares: the other's
            shape, whole = amounts, total
        shares = {key: Fraction(shape[key].import_wh * total, whole or 1) for key in keys}
        mixed |= {key: int(wh) for key, wh in _to_digits(shares, 0).items()}
    return mixed


def _whole_lines(before: Bill, after: Bill) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for sign, bill in ((1, before), (-1, after)):
        for line in bill.lines:
            if line.kind in _WHOLE_LINES:
                part = _WHOLE_LINES[line.kind]
                found[part] = found.get(part, Fraction(0)) + sign * Fraction(line.amount)
    return found


def _shared_cost(bill: Bill) -> Decimal:
    with localcontext(EXACT):
        return sum((line.amount for line in bill.lines if line.kind not in _WHOLE_LINES), Decimal(0))


def _shapley(player: str, players: Sequence[str], costs: Mapping[frozenset[str], Decimal]) -> Fraction:
    others, value = [other for other in players if other != player], Decimal(0)
    with localcontext(EXACT):
        for switched in _coalitions(others):
            orders = factorial(len(switched)) * factorial(len(others) - len(switched))
            value += orders * (costs[switched] - costs[switched | {player}])
    return Fraction(value) / factorial(len(players))


def _decimals(amount: Decimal) -> int:
    return max(0, -int(amount.normalize().as_tuple().exponent))


def _to_digits(parts: Mapping[K, Fraction], digits: int) -> dict[K, Decimal]:
    """Round parts so that they still sum to their sum, itself a number of `digits` decimals: largest remainders."""
    scaled = {name: part * 10**digits for name, part in parts.items()}
    whole = {name: floor(part) for name, part in scaled.items()}
    missing = int(sum(scaled.values(), Fraction(0)) - sum(whole.values()))
    by_remainder = sorted(parts, key=lambda name: whole[name] - scaled[name])
    for name in by_remainder[:missing]:
        whole[name] += 1
    return {name: Decimal(units).scaleb(-digits) for name, units in whole.items()}
