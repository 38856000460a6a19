"""Do the meter's windows lie where they should, or one window early or late?

A file that stamps the end of each interval and is read as if it stamped the start moves the meter by one window against
its chargers, and a rebuilt peak by a tenth. It is looked for before any clock offset is: an offset is small beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from pipeline.quality.changes import Changes
from pipeline.quality.findings import Finding, nothing_found, table, whole_span

SCANS_S: Final = (tuple(range(-1800, 1801, 60)), tuple(1800 * half for half in range(-28, 29) if abs(half) > 1))
"""By minutes within half an hour; by half hours as far as a wrong time zone reaches."""
NEAR: Final = 0.25
"""A slip is a whole window: what lies farther from one than this share of a window is a clock that is off."""
LEAST_LIKELIHOOD: Final = 8.0
"""How much likelier (as a logarithm) the slip must be than windows that lie right, clocks a quarter window off."""


def scanned_offset_s(changes: Changes) -> float:
    """Return the common offset of all chargers [s], of a coarse scan, that leaves least of the meter unexplained."""
    left = np.concatenate([changes.unexplained(scan) for scan in SCANS_S])
    return float(np.concatenate(SCANS_S)[np.argmin(left)])


def slip_of(changes: Changes, scanned_s: float) -> int:
    """Return by how many windows the chargers seem ahead of the meter: -1, 0 or 1; 0 unless that is certain.

    -1 where the meter's windows lie one window late, as where interval ends are read as starts. `scanned_s` as of
    `scanned_offset_s`. Registers read less often than once a window tell nothing.
    """
    window_s = changes.window_s
    slip = round(scanned_s / window_s)
    if abs(slip) != 1 or abs(scanned_s - slip * window_s) > NEAR * window_s:
        return 0
    if all(register.is_coarse(window_s) for register in changes.registers):
        return 0
    in_place = changes.unexplained([share * window_s for share in (-NEAR, -NEAR / 2, 0.0, NEAR / 2, NEAR)]).min()
    left = changes.unexplained([scanned_s])[0]
    certain = left <= 0 or np.log(in_place / left) * changes.target.size / 2 >= LEAST_LIKELIHOOD
    return slip if certain else 0


def window_slips(windows: pl.DataFrame, slips: Sequence[int], source: str) -> pl.DataFrame:
    """Return one finding where the meter's windows lie one window off; the value is how late they lie [s].

    `windows`: interval_start (UTC), duration_s [s] of the bill; `slips` of its fits, all alike.
    """
    slip = next((slip for slip in slips if slip), 0)
    if not slip:
        return nothing_found()
    begin, end = whole_span(windows)
    late_s = -slip * int(windows.get_column("duration_s").to_numpy().max())
    late = "late: its file probably stamps the end of each interval, and is read as if that were the start"
    early = "early: its file probably stamps the start of each interval, and is read as if that were the end"
    sentence = (
        f"Meter {source} lies one window of {abs(late_s) // 60} min {late if slip < 0 else early} (else every "
        "charger's clock is a window off)."
    )
    return table([Finding("meter.window_slip", source, begin, end, float(late_s), "s", sentence)])
