"""Energy per window: registers interpolated at the windows' edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipeline.domain import CHARGER_INTERVAL

Integers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


def interval_energy(readings: pl.DataFrame, grid: pl.DataFrame) -> pl.DataFrame:
    """Return each charger's energy per window, in the shape of `domain.CHARGER_INTERVAL`.

    `readings`: charger_id, measured_at, energy_import_wh, energy_export_wh [Wh] of one site, in any order, with one
    reading before and after the grid where there is one; `grid`: interval_start and duration_s [s] of
    `calendars.window_grid`.
    The registers are interpolated and rounded at the windows' edges, so that windows sum exactly to the registers'
    difference. `covered`: at both edges each register is known, by a reading on the edge, by two readings around it at
    most one window apart, or by two equal readings around it however far apart. A register that falls was reset:
    nothing is counted across the fall and the windows it touches are not covered. A charger whose readings never hold
    an export register gives back nothing. Chargers without readings have no rows.
    """
    starts = grid.get_column("interval_start").dt.epoch("ms").to_numpy()
    lengths = grid.get_column("duration_s").to_numpy() * 1000
    charger_ids = readings.get_column("charger_id").unique().sort()
    frames = [pl.DataFrame(schema=dict(CHARGER_INTERVAL))]
    for charger_id in charger_ids:
        own = readings.filter(pl.col("charger_id") == charger_id)
        charged, charge_known = _window_energy(own, "energy_import_wh", starts, lengths)
        discharged, discharge_known = _window_energy(own, "energy_export_wh", starts, lengths)
        if own.get_column("energy_export_wh").is_null().all():
            discharge_known = np.ones_like(charge_known)
        frame = grid.select(
            pl.lit(charger_id).alias("charger_id"),
            "interval_start",
            "duration_s",
            pl.Series("charge_wh", charged),
            pl.Series("discharge_wh", discharged),
            pl.Series("covered", charge_known & discharge_known),
        )
        frames.append(frame.cast(dict(CHARGER_INTERVAL)))  # type: ignore[arg-type]
    return pl.concat(frames)


def _window_energy(
    readings: pl.DataFrame, register: str, starts: Integers, lengths: Integers
) -> tuple[Integers, Flags]:
    """Return a register's rise in each window [Wh] and whether it is known; nothing is known without a reading."""
    known = readings.drop_nulls(register).select(pl.col("measured_at").dt.epoch("ms").alias("ms"), register)
    known = known.sort("ms", register).unique("ms", keep="last", maintain_order=True)
    if known.is_empty():
        return np.zeros_like(starts), np.zeros(len(starts), dtype=np.bool_)
    counter = _Counter.of(known.get_column("ms").to_numpy(), known.get_column(register).to_numpy())
    ends = starts + lengths
    energy = counter.at(ends) - counter.at(starts)
    close = counter.close_to(starts, lengths) & counter.close_to(ends, lengths)
    return energy, close & ~counter.reset_between(starts, ends)


@dataclass(frozen=True)
class _Counter:
    """A register as a line that never falls: times [ms], running total [Wh], and which pieces cross a reset."""

    times: Integers
    totals: Integers
    resets: Flags

    @classmethod
    def of(cls, times: Integers, values: Integers) -> _Counter:
        rises = np.diff(values)
        totals = np.concatenate(([0], np.cumsum(np.maximum(rises, 0))))
        return cls(times, totals, rises < 0)

    def _piece(self, edges: Integers) -> tuple[Integers, Flags]:
        """Return the last reading at or before each edge, and whether another one follows it."""
        last = np.searchsorted(self.times, edges, side="right") - 1
        inside = (last >= 0) & (last < len(self.times) - 1)
        return np.clip(last, 0, max(len(self.times) - 2, 0)), inside

    def at(self, edges: Integers) -> Integers:
        """Return the interpolated total, rounded half up in integers; flat before the first and after the last."""
        if len(self.times) == 1:
            return np.zeros_like(edges)
        piece, _ = self._piece(edges)
        length = self.times[piece + 1] - self.times[piece]
        passed = np.clip(edges - self.times[piece], 0, length)
        # rise = quotient * length + rest keeps the products small enough for 64 bits.
        quotient, rest = np.divmod(self.totals[piece + 1] - self.totals[piece], length)
        total: Integers = self.totals[piece] + quotient * passed + (2 * rest * passed + length) // (2 * length)
        return total

    def close_to(self, edges: Integers, window_ms: Integers) -> Flags:
        """Tell at which edges the total is known well enough."""
        on_reading = np.isin(edges, self.times)
        if len(self.times) == 1:
            return on_reading
        piece, inside = self._piece(edges)
        near = self.times[piece + 1] - self.times[piece] <= window_ms
        flat = (self.totals[piece + 1] == self.totals[piece]) & ~self.resets[piece]
        known: Flags = on_reading | (inside & (near | flat))
        return known

    def reset_between(self, starts: Integers, ends: Integers) -> Flags:
        """Tell in which windows, in part or whole, a piece across a reset lies."""
        before = np.concatenate(([0], np.cumsum(self.resets)))
        first = np.clip(np.searchsorted(self.times, starts, side="right") - 1, 0, len(self.times) - 1)
        last = np.clip(np.searchsorted(self.times, ends, side="left"), 0, len(self.times) - 1)
        return np.asarray(before[last] > before[first])
