"""Figures that many bills make: each draw keeps its sources through all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from pipeline.uncertainty.draws import Reals

SAVING_DRAW: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "saved": pl.List(pl.Float64),
    **dict.fromkeys(("bias", "open_below", "open_above"), pl.Float64),
}


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
        amounts = np.array([[self.bias], [self.open_below], [self.open_above]])
        named = zip(SAVING_DRAW.items(), (self.saved[None, :], *amounts), strict=True)
        return pl.DataFrame([pl.Series(name, values).cast(kind) for (name, kind), values in named])

    @classmethod
    def of(cls, frame: pl.DataFrame) -> DrawnSaving:
        """Return what a row of `SAVING_DRAW` holds."""
        saved, *amounts = frame.select(SAVING_DRAW.keys()).row(0)
        return cls(np.array(saved), *amounts)
