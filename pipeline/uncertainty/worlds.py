"""Draws x windows of the world V2B is compared with: the rebuilt one plus what each draw makes of its sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipeline.scenarios import is_reactive_metered
from pipeline.tariff import Matrix, Moved
from pipeline.uncertainty.draws import Ints
from pipeline.uncertainty.registers import Flags
from pipeline.uncertainty.sources import Deviations


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

    def moved(self, deviations: Deviations) -> Moved:
        """Return the worlds that lie so far beside this one, in whole Wh.

        What flows both ways inside one window stays; the net moves from import to export where it falls below zero.
        """
        base = self._alone
        there = base.picked(deviations.windows)
        both, every = np.minimum(there.imported, there.exported), deviations.wh.shape
        net = np.rint(deviations.wh).astype(np.int64)
        net += there.imported - there.exported
        if there.present is not None:
            net *= there.present
        spread = there.changed(lambda wh: np.broadcast_to(wh, every), lambda flags: np.broadcast_to(flags, every))
        imported, exported = net, np.broadcast_to(np.zeros_like(both), every)
        if net.min(initial=0) < 0:
            imported, exported = np.maximum(net, 0), np.maximum(-net, 0)
        if both.any():
            imported, exported = imported + both, exported + both
        return Moved(base, replace(spread, imported=imported, exported=exported), deviations.windows)

    @property
    def _alone(self) -> Matrix:
        """This world as the only load; what was not metered counts 0."""
        imported, exported = (np.where(self.metered, wh, 0)[None, :] for wh in (self.imported, self.exported))
        present = None if self.metered.all() else self.metered[None, :]
        if self.reactive is None or self.reactive_metered is None:
            return Matrix(imported, exported, present)
        known = self.metered & self.reactive_metered
        return Matrix(imported, exported, present, np.where(known, self.reactive, 0)[None, :], known[None, :])
