"""Draws x windows of the world V2B is compared with: the rebuilt one plus what each draw makes of its sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.scenarios import is_reactive_metered
from pipeline.tariff import Matrix
from pipeline.uncertainty.draws import Reals
from pipeline.uncertainty.sources import Flags, Ints


@dataclass(frozen=True)
class Rebuilt:
    """The rebuilt world per window [Wh], and which windows were metered (the others are not billed).

    `reactive` is the metered reactive energy [varh], the same in every draw, and `reactive_metered` where it is known;
    None where none is metered.
    """

    imported: Ints
    exported: Ints
    metered: Flags
    reactive: Ints | None = None
    reactive_metered: Flags | None = None

    @classmethod
    def of(cls, windows: pl.DataFrame, world: str) -> Rebuilt:
        """Read a world off a bill's windows: metered, reactive_varh, and the two energies of the world."""
        imported, exported = (windows.get_column(f"{world}_{side}_wh").to_numpy() for side in ("import", "export"))
        metered = windows.get_column("metered").to_numpy()
        if not is_reactive_metered(windows):
            return cls(imported, exported, metered)
        reactive = windows.get_column("reactive_varh")
        return cls(imported, exported, metered, reactive.fill_null(0).to_numpy(), reactive.is_not_null().to_numpy())

    def moved(self, deviations: Reals) -> Matrix:
        """Return the worlds that lie (draws, windows) `deviations` [Wh] beside this one, in whole Wh.

        What flows both ways inside one window stays; the net moves from import to export where it falls below zero.
        """
        both = np.minimum(self.imported, self.exported)
        net = np.rint(deviations).astype(np.int64)
        net += self.imported - self.exported
        present = None if self.metered.all() else np.broadcast_to(self.metered, net.shape)
        if present is not None:
            net = np.where(present, net, 0)
        imported, exported = net, np.broadcast_to(both, net.shape)
        if net.min(initial=0) < 0:
            imported, exported = np.maximum(net, 0), np.maximum(-net, 0) + both
        if both.any():
            imported = imported + both
        if self.reactive is None or self.reactive_metered is None:
            return Matrix(imported, exported, present)
        known = self.metered & self.reactive_metered
        reactive = np.where(known, self.reactive, 0)
        spread = (np.broadcast_to(reactive, net.shape), np.broadcast_to(known, net.shape))
        return Matrix(imported, exported, present, *spread)
