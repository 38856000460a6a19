"""The least and the most that windows without charger data can hold, by the registers around them."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline import charging
from pipeline.chain.inputs import Prepared
from pipeline.uncertainty import Ints, Reals


def corners_of(prepared: Prepared) -> Reals | None:
    """Return what the world V2B is compared with may differ by [Wh]: nothing, the least and the most, by window.

    A register read before and after a silence bounds what flowed in each of its windows: no more than rose in all, nor
    than the highest power seen allows, no less than what the other windows cannot have held. None where a silence has
    no reading before or after it, or where the register was reset in it.
    """
    windows = prepared.windows
    corners = np.zeros((3, windows.height))
    if prepared.charger_windows.get_column("covered").all():
        return corners
    silent = prepared.charger_windows.filter(~pl.col("covered"))
    starts = windows.get_column("interval_start").dt.epoch("ms").to_numpy()
    lengths = windows.get_column("duration_s").to_numpy() * 1000
    imported, exported = prepared.registers
    for part in silent.partition_by("charger_id"):
        charger_id = str(part.item(0, "charger_id"))
        open_ = np.isin(starts, part.get_column("interval_start").dt.epoch("ms").to_numpy())
        into = _held(imported.get(charger_id), starts[open_], lengths[open_])
        gives = charger_id in exported
        out_of = _held(exported[charger_id], starts[open_], lengths[open_]) if gives else np.zeros((2, len(part)))
        if into is None or out_of is None:
            return None
        corners[1, open_] += out_of[0] - into[1]
        corners[2, open_] += out_of[1] - into[0]
    return corners


def _held(counter: charging.Counter | None, starts: Ints, lengths: Ints) -> Reals | None:
    """How much less and how much more a register can have counted in each window than the straight line says [Wh]."""
    ends = starts + lengths
    if counter is None or len(counter.times) < 2:
        return None
    around = (counter.times[0] <= starts) & (ends <= counter.times[-1])
    if not around.all() or counter.reset_between(starts, ends).any():
        return None
    told = counter.at(ends) - counter.at(starts)
    (low_start, high_start), (low_end, high_end) = counter.limits(starts), counter.limits(ends)
    most = np.minimum(high_end - low_start, np.maximum(counter.most_wh_per_ms * lengths, told))
    least = np.maximum(low_end - high_start, 0)
    step = np.where(most > least, counter.step_wh, 0)
    return np.stack([least - told - step, most - told + step])
