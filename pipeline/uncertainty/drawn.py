"""What the draws of a bill measured, as it is stored for the bills after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.tariff import Rows
from pipeline.uncertainty.draws import DRAWS, Reals

DETERMINANT_DRAW: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "scenario": pl.String,
    "charge_id": pl.String,
    "band": pl.String,
    "span": pl.Int64,
    "import_wh": pl.List(pl.Int64),
    "export_wh": pl.List(pl.Int64),
    "own_peak_w": pl.List(pl.Int64),  # each list has one number a draw, in their order
}
_KEYS: Final = ("scenario", "charge_id", "span", "band")
_DRAWN: Final = ("import_wh", "export_wh", "own_peak_w")
Slot = tuple[str, int, str]
Changes = dict[Slot, dict[str, Any]]
"""(charge, span, band) -> what a draw measured there, by name of determinant."""


class _Drawn(NamedTuple):
    """The world of every row, and its charge, span and band; by name of determinant, a row each and a column a draw."""

    slots: Sequence[tuple[str, Slot]]
    figures: Mapping[str, Reals]


@dataclass(frozen=True, eq=False)
class DrawnBill:
    """What each draw of one bill measured, in the shape of `DETERMINANT_DRAW`; read once, for many later bills.

    `known`: the same, of a bill just drawn, which need not be read again.
    """

    frame: pl.DataFrame
    known: _Drawn | None = None

    @classmethod
    def of(cls, slots: Sequence[tuple[str, Slot]], figures: Mapping[str, Reals]) -> DrawnBill:
        """Return what was drawn as it is stored; `slots` and `figures` as this class has them."""
        worlds, names = zip(*slots, strict=True)
        keys = dict(zip(_KEYS, (worlds, *zip(*names, strict=True)), strict=True))
        columns = (
            _listed(name, kind, figures[name]) if name in figures else pl.Series(name, keys[name], dtype=kind)
            for name, kind in DETERMINANT_DRAW.items()
        )
        return cls(pl.DataFrame(list(columns)), _Drawn(slots, figures))

    @property
    def slots(self) -> Sequence[tuple[str, Slot]]:
        """The world of every row, and its charge, span and band."""
        return self._drawn.slots

    @property
    def figures(self) -> Mapping[str, Reals]:
        """By name of determinant, a row each and a column a draw; NaN where not known."""
        return self._drawn.figures

    @cached_property
    def _drawn(self) -> _Drawn:
        if self.known:
            return self.known
        worlds, *names = (self.frame.get_column(name).to_list() for name in _KEYS)
        figures = {
            name: self.frame.get_column(name).explode().cast(pl.Float64).to_numpy().reshape(-1, DRAWS)
            for name in _DRAWN
        }
        return _Drawn(list(zip(worlds, zip(*names, strict=True), strict=True)), figures)

    @cached_property
    def peaks_w(self) -> Reals:
        """Every draw's own peaks summed over charges [W]."""
        watts = self.figures["own_peak_w"]
        return np.asarray(watts[np.isfinite(watts).all(axis=1)].sum(axis=0))

    def rows(self, draw: int) -> dict[str, Changes]:
        """Return what one draw measured, by world."""
        columns = (self.figures[name][:, draw].tolist() for name in _DRAWN)
        found: dict[str, Changes] = {}
        for (world, slot), values in zip(self.slots, zip(*columns, strict=True), strict=True):
            known = {name: int(value) for name, value in zip(_DRAWN, values, strict=True) if not isnan(value)}
            found.setdefault(world, {})[slot] = known
        return found


def _listed(name: str, kind: Any, figures: Reals) -> pl.Series:
    """A column of lists, one a row; NaN becomes null."""
    numbers = pl.Series(name, figures.ravel(), nan_to_null=True).cast(pl.Int64)
    return numbers.reshape(figures.shape).cast(kind)


def peaks_w(bills: Iterable[DrawnBill]) -> Reals:
    """Return every draw's own peaks summed over the charges of some bills [W]."""
    return np.asarray(np.sum([bill.peaks_w for bill in bills], axis=0))


def as_drawn(measured: Rows, drawn: Changes) -> Rows:
    """Return determinants of a world with those of one draw in place of the rebuilt ones."""
    return {key: row._replace(**drawn[key]) if key in drawn else row for key, row in measured.items()}
