"""Draws x windows of the world V2B is compared with: the rebuilt one plus what each draw makes of its sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.tariff import Matrix
from pipeline.uncertainty.draws import Reals
from pipeline.uncertainty.sources import Flags, Ints


@dataclass(frozen=True)
class Rebuilt:
    """The rebuilt world per window [Wh], and which windows were metered (the others are not billed)."""

    imported: Ints
    exported: Ints
    metered: Flags

    def moved(self, deviations: Reals) -> Matrix:
        """Return the worlds that lie (draws, windows) `deviations` [Wh] beside this one, in whole Wh.

        What flows both ways inside one window stays; the net moves from import to export where it falls below zero.
        """
        both = np.minimum(self.imported, self.exported)
        net = self.imported - self.exported + np.rint(deviations).astype(np.int64)
        present = None if self.metered.all() else np.broadcast_to(self.metered, net.shape)
        if present is not None:
            net = np.where(present, net, 0)
        return Matrix(np.maximum(net, 0) + both, np.maximum(-net, 0) + both, present)
