"""How much of the time the chargers had a car to work with."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Integers

_SECOND_US = 1_000_000


def availability_pct(sessions: pl.DataFrame, starts: Integers, lengths_s: Integers, chargers: int) -> float | None:
    """Return the share of charger time in some windows during which a car was plugged in [%].

    `sessions`: plugged_in_at, plugged_out_at (UTC); the windows by their starts [us UTC] and lengths [s], in order of
    time, no two overlapping. None without windows or chargers.
    """
    if not len(starts) or not chargers:
        return None
    begins = starts // _SECOND_US
    passed = np.concatenate([[0], np.cumsum(lengths_s)])
    instants = np.column_stack([begins, begins + lengths_s]).ravel()
    window_time = np.column_stack([passed[:-1], passed[1:]]).ravel()  # rises inside windows, stands still between

    def until(column: str) -> float:
        seconds = instants_us(sessions.get_column(column)) / _SECOND_US
        return float(np.interp(seconds, instants, window_time).sum())

    return 100 * (until("plugged_out_at") - until("plugged_in_at")) / (int(passed[-1]) * chargers)
