"""How much of the time the chargers had a car to work with."""

from __future__ import annotations

import numpy as np
import polars as pl


def availability_pct(sessions: pl.DataFrame, windows: pl.DataFrame, chargers: int) -> float | None:
    """Return the share of charger time in some windows during which a car was plugged in [%].

    `sessions`: plugged_in_at, plugged_out_at (UTC); `windows`: interval_start (UTC), duration_s [s], no two
    overlapping. None without windows or chargers.
    """
    if windows.is_empty() or not chargers:
        return None
    ordered = windows.sort("interval_start")
    starts = ordered.get_column("interval_start").dt.epoch("s").to_numpy()
    lengths = ordered.get_column("duration_s").to_numpy()
    passed = np.concatenate([[0], np.cumsum(lengths)])
    instants = np.column_stack([starts, starts + lengths]).ravel()
    window_time = np.column_stack([passed[:-1], passed[1:]]).ravel()  # rises inside windows, stands still between

    def until(column: str) -> float:
        seconds = sessions.get_column(column).dt.epoch("us").to_numpy() / 1e6
        return float(np.interp(seconds, instants, window_time).sum())

    return 100 * (until("plugged_out_at") - until("plugged_in_at")) / (int(passed[-1]) * chargers)
