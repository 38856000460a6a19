"""Energy per window: registers interpolated at the windows' edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Flags, Integers, Register, framed
from pipeline.charging.counter import UNHEARD, Counter, Placed
from pipeline.charging.order import Log, Readings
from pipeline.domain import CHARGER_INTERVAL


def interval_energy(readings: pl.DataFrame, grid: pl.DataFrame, *, clock_bound_s: int = 0) -> pl.DataFrame:
    """Return each charger's energy per window, in the shape of `domain.CHARGER_INTERVAL`.

    `readings`: charger_id, measured_at, energy_import_wh, energy_export_wh [Wh] of one site, in any order, with one
    reading before and after the grid where there is one; `grid`: interval_start and duration_s [s] of
    `calendars.window_grid`.
    The registers are interpolated and rounded at the windows' edges, so that windows sum exactly to the registers'
    difference. `covered`: at both edges each register is known, by a reading on the edge, by two readings around it at
    most one window apart, or by two equal readings around it however far apart. A register that falls was reset:
    nothing is counted across the fall and the windows it touches are not covered. A charger whose readings never hold
    an export register gives back nothing. Chargers without readings have no rows.
    `error_wh` bounds the error of the energy in and of the energy out together, null where not covered: one step of
    each register, and how far a window's rise may be from the interpolated one if the clock is at most `clock_bound_s`
    [s] off, both edges alike, and the register runs between its readings as the highest power seen allows.
    """
    charger_ids = readings.get_column("charger_id").unique().sort().to_list()
    return registers_of(readings).by_window(charger_ids, grid, clock_bound_s=clock_bound_s)


class Registers(NamedTuple):
    """Both registers of every charger that states them, by charger."""

    imported: Mapping[str, Counter]
    exported: Mapping[str, Counter]

    def through(self, charger_id: str, edges: Integers) -> tuple[Integers, Integers]:
        """Return energy into the car and out of it between edges [Wh], nothing where a register is not stated."""
        both = self._both(charger_id)
        charge, discharge = (
            np.diff(counter.total(placed)) for counter, placed in zip(both, _laid(both, edges), strict=True)
        )
        return charge, discharge

    def by_window(self, charger_ids: Sequence[str], grid: pl.DataFrame, *, clock_bound_s: int = 0) -> pl.DataFrame:
        """Return the `interval_energy` of some chargers, in their order."""
        if not charger_ids:
            return pl.DataFrame(schema=dict(CHARGER_INTERVAL))
        windows = _Windows.of(grid)
        rises = [windows.rises(self._both(name), clock_bound_s * 1000) for name in charger_ids]
        one_way = [name not in self.exported for name in charger_ids]
        covered = np.concatenate(
            [into.known & (out.known | only) for (into, out), only in zip(rises, one_way, strict=True)]
        )
        error_wh = np.concatenate([into.error_wh + out.error_wh for into, out in rises])
        columns = {
            "charger_id": pl.Series(charger_ids)[np.repeat(np.arange(len(charger_ids)), grid.height)],
            **{name: pl.concat([grid.get_column(name)] * len(rises)) for name in ("interval_start", "duration_s")},
            "charge_wh": np.concatenate([into.wh for into, _ in rises]),
            "discharge_wh": np.concatenate([out.wh for _, out in rises]),
            "covered": covered,
            "error_wh": Register(error_wh, covered).column("error_wh"),
        }
        return framed(columns, CHARGER_INTERVAL)

    def _both(self, charger_id: str) -> tuple[Counter, Counter]:
        return self.imported.get(charger_id, UNHEARD), self.exported.get(charger_id, UNHEARD)


def registers_of(readings: Readings) -> Registers:
    """Return the registers of all chargers; `readings` as of `interval_energy`.

    Of readings at one instant the highest counts.
    """
    log = Log.of(readings)
    times = log.at_us // 1000
    stated = [Register.of(log.readings.get_column(name)) for name in ("energy_import_wh", "energy_export_wh")]
    found: tuple[dict[str, Counter], dict[str, Counter]] = ({}, {})
    for number, charger_id in enumerate(log.charger_ids):
        span, together = log.span(number), times[:0]
        for register, counters in zip(stated, found, strict=True):
            at, wh = _by_instant(times[span], register.wh[span], register.told[span])
            together = together if np.array_equal(at, together) else at
            if len(at):
                counters[charger_id] = Counter.of(together, wh)
    return Registers(*found)


def _by_instant(times: Integers, wh: Integers, told: Flags) -> tuple[Integers, Integers]:
    """Return when a register was read, every instant once, and the highest it stood at then [Wh]."""
    at, wh = (times, wh) if told.all() else (times[told], wh[told])
    new = np.flatnonzero(np.diff(at, prepend=at[:1] - 1))
    return (at, wh) if len(new) == len(at) else (at[new], np.maximum.reduceat(wh, new))


def _laid(both: tuple[Counter, Counter], edges: Integers) -> tuple[Placed, Placed]:
    """Lay instants between the readings of both registers, once where these were read together."""
    into, out_of = both
    placed = Placed.of(into.times, edges)
    return placed, placed if out_of.times is into.times else Placed.of(out_of.times, edges)


class _Rise(NamedTuple):
    """A register's rise in each window [Wh], whether it is known, and the bound of its error [Wh]."""

    wh: Integers
    known: Flags
    error_wh: Integers


@dataclass(frozen=True)
class _Windows:
    """Windows by the instants they begin and end at [ms], every instant once: neighbours share their edge."""

    instants: Integers
    first: Integers
    last: Integers
    starts: Integers
    ends: Integers

    @classmethod
    def of(cls, grid: pl.DataFrame) -> _Windows:
        """Return the windows of a grid."""
        starts = instants_us(grid.get_column("interval_start")) // 1000
        ends = starts + grid.get_column("duration_s").to_numpy() * 1000
        edges = np.sort(np.concatenate([starts, ends]), kind="stable")
        instants = edges[np.diff(edges, prepend=edges[:1] - 1) > 0]
        return cls(instants, np.searchsorted(instants, starts), np.searchsorted(instants, ends), starts, ends)

    def rises(self, both: tuple[Counter, Counter], clock_bound_ms: int) -> tuple[_Rise, _Rise]:
        """Return what a charger's registers count in each window; nothing is known without a reading."""
        before, after = _laid(both, self.starts - clock_bound_ms), _laid(both, self.ends + clock_bound_ms)
        laid = zip(both, _laid(both, self.instants), before, after, strict=True)
        into, out_of = (
            self._rise(counter, placed, counter.moves_between(*around), clock_bound_ms)
            for counter, placed, *around in laid
        )
        return into, out_of

    def _rise(self, counter: Counter, placed: Placed, moves: Flags, clock_bound_ms: int) -> _Rise:
        total, apart = counter.total(placed), counter.apart(placed)
        wh = total[self.last] - total[self.first]
        close = np.maximum(apart[self.first], apart[self.last]) <= self.ends - self.starts
        known = close & ~counter.reset_between(self.starts, self.ends)
        error_wh = np.full(len(wh), counter.step_wh if len(counter.times) > 1 else 0)
        moving = np.flatnonzero(moves)
        if len(moving):
            first, last = self.first[moving], self.last[moving]
            used = np.zeros(len(total), dtype=np.bool_)
            used[first] = used[last] = True
            number = np.cumsum(used) - 1
            edges = self.instants[used]
            error_wh[moving] += counter.off_by(edges, number[first], number[last], wh[moving], clock_bound_ms)
        return _Rise(wh, known, error_wh)
