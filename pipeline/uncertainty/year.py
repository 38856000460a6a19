"""Figures that many bills make: each draw keeps its sources through all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.tariff import Rows
from pipeline.uncertainty.draws import DRAWS, Reals
from pipeline.uncertainty.ranges import HIGH_RANK, LOW_RANK

SAVING_DRAW: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "saved": pl.List(pl.Float64),
    **dict.fromkeys(("bias", "open_below", "open_above"), pl.Float64),
}
_KEYS: Final = ("scenario", "charge_id", "span", "band")
_DRAWN: Final = ("import_wh", "export_wh", "own_peak_w")
Changes = dict[tuple[str, int, str], dict[str, Any]]
"""(charge, span, band) -> what a draw measured there, by name of determinant."""


@dataclass(frozen=True, eq=False)
class DrawnSaving:
    """What each draw of one bill saved, the bias of its range, and how much more gaps leave open below and above it.

    All in major units of money.
    """

    saved: Reals
    bias: float
    open_below: float = 0.0
    open_above: float = 0.0

    @property
    def frame(self) -> pl.DataFrame:
        """Return one row in the shape of `SAVING_DRAW`."""
        row = (self.saved.tolist(), self.bias, self.open_below, self.open_above)
        named = zip(SAVING_DRAW.items(), row, strict=True)
        return pl.DataFrame([pl.Series(name, [value], dtype=kind) for (name, kind), value in named])

    @classmethod
    def of(cls, frame: pl.DataFrame) -> DrawnSaving:
        """Return what a row of `SAVING_DRAW` holds."""
        saved, *amounts = frame.select(SAVING_DRAW.keys()).row(0)
        return cls(np.array(saved), *amounts)


def at_ends(values: Reals) -> set[int]:
    """Return the numbers of the draws at ranks 5 and 195."""
    order = np.argsort(values, kind="stable")
    return {int(order[LOW_RANK - 1]), int(order[HIGH_RANK - 1])}


def peaks_w(frames: Mapping[str, pl.DataFrame]) -> Reals:
    """Return every draw's own peaks summed over charges and months [W]; `frames` of `DETERMINANT_DRAW` by month."""
    watts = _by_draw(frames, "own_peak_w")
    known = watts.is_not_null().to_numpy().reshape(-1, DRAWS).all(axis=1)
    return np.asarray(watts.fill_null(0).to_numpy().reshape(-1, DRAWS)[known].sum(axis=0))


def _joined(frames: Mapping[str, pl.DataFrame], name: str) -> pl.Series:
    return pl.concat([frame.get_column(name) for frame in frames.values()])


def _by_draw(frames: Mapping[str, pl.DataFrame], name: str) -> pl.Series:
    """A column of some months' lists on end: as many numbers as draws for every row."""
    return _joined(frames, name).explode()


def drawn_rows(frames: Mapping[str, pl.DataFrame], draws: Sequence[int]) -> list[dict[str, dict[str, Changes]]]:
    """Return what some draws measured, by month and world; `frames` of `DETERMINANT_DRAW` by month."""
    months = [month for month, frame in frames.items() for _ in range(frame.height)]
    worlds, *slots = (_joined(frames, name).to_list() for name in _KEYS)
    places = list(zip(months, worlds, zip(*slots, strict=True), strict=True))
    at = (np.array(draws)[:, None] + np.arange(len(places)) * DRAWS).ravel()
    figures = zip(*(_by_draw(frames, name)[at].to_list() for name in _DRAWN), strict=True)
    found = []
    for _ in draws:
        by_month: dict[str, dict[str, Changes]] = {}
        for (month, world, slot), values in zip(places, islice(figures, len(places)), strict=True):
            known = {name: value for name, value in zip(_DRAWN, values, strict=True) if value is not None}
            by_month.setdefault(month, {}).setdefault(world, {})[slot] = known
        found.append(by_month)
    return found


def as_drawn(measured: Rows, drawn: Changes) -> Rows:
    """Return determinants of a world with those of one draw in place of the rebuilt ones."""
    return {key: row._replace(**drawn[key]) if key in drawn else row for key, row in measured.items()}
