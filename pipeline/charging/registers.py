"""Energy registers as chargers really report them, rebuilt to one counter per direction.

A register may count since the charger was made (lifetime), from 0 in every session, or now one and now the other. A
register that rises as a counter can is left exactly as it is; only the others are walked through reading by reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from pipeline.charging.columns import Integers, Register
from pipeline.charging.order import Log
from pipeline.domain import UTC
from pipeline.portfolio import Charger

_SIGNS: Final = {"energy_import_wh": 1, "energy_export_wh": -1}
"""The registers, and the sign of power that flows their way."""
_Repair = tuple[str, str, str, int, int]
"""A row of REPAIR."""

_UNKNOWN_RATING_W: Final = 400_000
_POWER_MARGIN: Final = 3  # times the rating: more than a mistaken rating, less than another register
_LEAST_LIMIT_W: Final = 50_000
_SLACK_WH: Final = 1000
_LIKELIER: Final = 20
_LONGEST_POWER_GAP_S: Final = 900
_SMALLEST_ROLLOVER: Final = 10**5

REPAIR: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "charger_id": pl.String,
    "register": pl.String,
    # of a whole register: session (counts every session from 0), mixed (now so, now lifetime), integrated (from power,
    # for want of a register); of one value: ignored (no counter can have shown it), reset (a fall or leap across which
    # nothing is known), rollover
    "repair": pl.String,
    "span_from": UTC,
    "span_to": UTC,
}


_NONE: Final = pl.DataFrame(schema=dict(REPAIR))


@dataclass(frozen=True)
class Repaired:
    """Readings whose registers only fall where they were reset, and a row of REPAIR per thing done to make them so."""

    log: Log
    repairs: pl.DataFrame

    @property
    def readings(self) -> pl.DataFrame:
        """The readings by charger and time."""
        return self.log.readings


def repair_registers(readings: pl.DataFrame, chargers: Sequence[Charger] = ()) -> Repaired:
    """Rebuild one counter per charger and direction [Wh]; registers that never fall or leap stay as they are.

    `readings` in the shape of `domain.CHARGER_RECORD` (other columns are kept), of one site, in any order. Power gets
    the sign that `chargers` state. Where a charger has power but no register in that direction, power is integrated,
    and nothing is known across more than a quarter of an hour without a sample. A register's values are read as
    lifetime or as counted from the session's begin, whichever a charger of that rating can have reached; a begin of 0
    that is neither is ignored; a fall is a reset, or a rollover where it starts just below a power of ten.
    """
    log = Log.of(_signed(readings, chargers))
    limits_w = np.array([_limits_w(chargers).get(name, _UNKNOWN_RATING_W) for name in log.charger_ids], dtype=np.int64)
    power = Register.of(log.readings.get_column("power_w"))
    columns, integrated, walked = list[pl.Series](), list[_Repair](), list[_Repair]()
    for name, sign in _SIGNS.items():
        stated = Register.of(log.readings.get_column(name))
        register, from_power = _integrated(log, stated, Register(sign * power.wh, power.told))
        for number in from_power:
            span = log.at_us[log.span(number)]
            integrated.append((log.charger_ids[number], name, "integrated", int(span[0]), int(span[-1])))
        for number in [odd for odd in _suspects(log, register, limits_w) if odd not in from_power]:
            register, done = _walked(log, register, number, int(limits_w[number]))
            walked += [(log.charger_ids[number], name, *repair) for repair in done]
        if register is not stated:
            columns.append(register.column(name))
    repaired = [*integrated, *walked]
    repairs = pl.DataFrame(repaired, schema=dict(REPAIR), orient="row") if repaired else _NONE
    return Repaired(log.with_readings(log.readings.with_columns(columns)) if columns else log, repairs)


def _limits_w(chargers: Sequence[Charger]) -> dict[str, int]:
    """Return more power than each charger can have."""
    rated_kw = {charger.charger_id: max(charger.rated_charge_kw, charger.rated_discharge_kw) for charger in chargers}
    return {name: max(_LEAST_LIMIT_W, round(_POWER_MARGIN * 1000 * rated)) for name, rated in rated_kw.items()}


def _signed(readings: pl.DataFrame, chargers: Sequence[Charger]) -> pl.DataFrame:
    turned = [charger.charger_id for charger in chargers if charger.sign == "export-positive"]
    if not turned:
        return readings
    power = pl.when(pl.col("charger_id").is_in(turned)).then(-pl.col("power_w")).otherwise("power_w")
    return readings.with_columns(power.alias("power_w"))


def _integrated(log: Log, stated: Register, towards: Register) -> tuple[Register, list[int]]:
    """Fill a register that a charger never reports, or only ever as 0, from its power that way [W], where it has some.

    Returns the numbers of the chargers whose register rises now, too.
    """
    bare = [number for number in range(len(log.charger_ids)) if not stated.wh[log.span(number)].any()]
    wanted = [number for number in bare if (towards.wh[log.span(number)] > 0).any()]
    if not wanted:
        return stated, []
    wh, told = stated.wh.copy(), stated.told.copy()
    for number in wanted:
        span = log.span(number)
        wh[span], told[span] = _counted(log.at_us[span], Register(towards.wh[span], towards.told[span]))
    return Register(wh, told), [number for number in wanted if wh[log.span(number)].any()]


def _counted(at_us: Integers, towards: Register) -> Register:
    """Return a counter of one charger's power; a fall by 1 Wh across a gap says that nothing is known there."""
    heard_us, watts = at_us[towards.told], np.maximum(towards.wh[towards.told], 0)
    seconds, mean_w = np.diff(heard_us) / 1e6, (watts[1:] + watts[:-1]) / 2
    unknown = (seconds > _LONGEST_POWER_GAP_S) & (mean_w > 0)
    energy = np.cumsum(np.where(unknown, 0.0, mean_w * seconds / 3600))
    counter = np.append(0, np.rint(energy).astype(np.int64) - np.cumsum(unknown))
    place = np.searchsorted(heard_us, at_us, side="right") - 1
    told = (place >= 0) & (heard_us[place] == at_us)
    return Register(np.where(told, counter[place], 0), told)


def _suspects(log: Log, register: Register, limits_w: Integers) -> list[int]:
    """Return the numbers of chargers whose register falls, or rises faster than the charger can."""
    stated = np.flatnonzero(register.told)
    begins = np.searchsorted(stated, log.bounds)
    limit_w = np.repeat(limits_w, np.diff(begins))[1:]
    rises, hours = np.diff(register.wh[stated]), np.diff(log.at_us[stated]) / 3.6e9
    odd = np.flatnonzero((rises < 0) | (rises > limit_w * hours + _SLACK_WH)) + 1
    odd = odd[~np.isin(odd, begins)]  # a charger's first value rises from nothing
    return sorted(set((np.searchsorted(begins, odd, side="right") - 1).tolist()))


def _walked(log: Log, register: Register, number: int, limit_w: int) -> tuple[Register, list[tuple[str, int, int]]]:
    """Rebuild one charger's register value by value; with what was done, as (repair, from, to) [us since 1970]."""
    span = log.span(number)
    places = span.start + np.flatnonzero(register.told[span])
    columns = [log.column(name, places).to_list() for name in ("session_id", "context")]
    values = zip((log.at_us[places] // 1000).tolist(), register.wh[places].tolist(), *columns, strict=True)
    walk = _Walk([_Value(*value) for value in values], limit_w)
    counter = walk.run()
    wh, told = register.wh.copy(), register.told.copy()
    wh[places], told[places] = [total or 0 for total in counter], [total is not None for total in counter]
    return Register(wh, told), [(repair, begin * 1000, end * 1000) for repair, begin, end in walk.repairs()]


@dataclass(frozen=True)
class _Value:
    ms: int
    raw: int
    session: str | None
    context: str


@dataclass
class _Walk:
    """Walks through one register in order of time; `total` is the counter at the last value that was believed."""

    values: Sequence[_Value]
    limit_w: int
    total: int | None = None
    at_ms: int = 0
    shift: int = 0  # from the lifetime register to the counter
    last_raw: int = 0
    base: int = 0  # the counter when the session began
    session: str | None = None
    relative: bool | None = None  # how the last telling value was meant
    kinds: set[str] = field(default_factory=set)
    events: list[tuple[str, int, int]] = field(default_factory=list)

    def run(self) -> list[int | None]:
        """Return the counter at each value, None where a value is ignored."""
        return [self._step(number, value) for number, value in enumerate(self.values)]

    def repairs(self) -> list[tuple[str, int, int]]:
        """Return what was done as (repair, from, to) [ms]; a register that only counts a lifetime has no repair."""
        if "session" not in self.kinds:
            return self.events
        whole = "mixed" if len(self.kinds) > 1 else "session"
        return [(whole, self.values[0].ms, self.values[-1].ms), *self.events]

    def _did(self, repair: str, value: _Value) -> None:
        self.events.append((repair, value.ms if repair == "ignored" else self.at_ms, value.ms))

    def _step(self, number: int, value: _Value) -> int | None:
        following = self.values[number + 1] if number + 1 < len(self.values) else None
        if self.total is None:
            return self._first(value, following)
        begins = value.context == "begin"
        if (value.session is not None and value.session != self.session) or (value.session is None and begins):
            self.session, self.base = value.session, self.total
        if value.raw == 0 and self.total > 0:
            return self._zero(value, following)
        meant = self._meant(value)
        if meant is not None:
            return self._believe(value, meant, relative=self._is_relative(value, meant))
        return self._odd(value, following)

    def _first(self, value: _Value, following: _Value | None) -> int | None:
        leaps = following is not None and following.raw > self._reach(value.ms, following.ms)
        if value.raw == 0 and value.context == "begin" and leaps:
            self._did("ignored", value)
            return None
        self.session = value.session
        self.base = value.raw if value.context == "begin" else 0
        return self._believe(value, value.raw, relative=None)

    def _zero(self, value: _Value, following: _Value | None) -> int | None:
        """A 0 begins a session's own count, where the next value goes on from it; else it stands for nothing."""
        total = self.total or 0
        starts = following is not None and following.session == value.session and value.session is not None
        if starts and following is not None and self.base == total:
            goes_on = following.raw <= self._reach(value.ms, following.ms)
            as_lifetime = following.raw + self.shift >= total
            if goes_on and not (
                as_lifetime and following.raw + self.shift - total < following.raw and not self.relative
            ):
                return self._believe(value, total, relative=True)
        self._did("ignored", value)
        return None

    def _reach(self, from_ms: int, to_ms: int) -> float:
        """The most a register can rise in a time [Wh]."""
        return self.limit_w * (to_ms - from_ms) / 3_600_000 + _SLACK_WH

    def _meant(self, value: _Value, *, after_begin: bool = False) -> int | None:
        """Return the counter a value means, as lifetime or since the session's begin; None where it can be neither.

        A session's own count begins near 0, so that a begin above it is no such count, and what follows it neither.
        """
        total = self.total or 0
        counts = not after_begin and (value.context != "begin" or value.raw <= _SLACK_WH)
        most = self._reach(self.at_ms, value.ms)
        rises = {
            relative: counter - total
            for relative, counter in ((False, value.raw + self.shift), (True, self.base + value.raw))
            if 0 <= counter - total <= most and (counts or not relative)
        }
        if not rises:
            return None
        preferred = bool(self.relative) if bool(self.relative) in rises else not self.relative
        other = rises.get(not preferred)
        if other is not None and rises[preferred] > _LIKELIER * other + _SLACK_WH:
            preferred = not preferred
        return total + rises[preferred]

    def _is_relative(self, value: _Value, counter: int) -> bool | None:
        """Tell how a value was meant; None where both readings give the same counter."""
        lifetime, relative = counter == value.raw + self.shift, counter == self.base + value.raw
        return None if lifetime and relative else relative

    def _believe(self, value: _Value, counter: int, *, relative: bool | None) -> int:
        self.total, self.at_ms = counter, value.ms
        if relative is not None:
            self.relative = relative
            self.kinds.add("session" if relative else "lifetime")
        if not relative:
            self.last_raw = value.raw
        return counter

    def _odd(self, value: _Value, following: _Value | None) -> int | None:
        """Place a value that no counter reaches: a glitch, a rollover, an anchor, a reset or a leap."""
        total = self.total or 0
        rolled = self._rollover(value)
        if rolled:
            self.shift += rolled
            self._did("rollover", value)
            return self._believe(value, value.raw + self.shift, relative=False)
        begins = value.context == "begin"
        if following is None:
            back = value.raw + self.shift > total // 2
        else:
            back = self._meant(following, after_begin=begins) is not None
        if back and not (following is None and value.raw + self.shift > total):
            self._did("ignored", value)
            return None
        if self.kinds == {"session"}:
            # The first lifetime value of a register that counted sessions: it only says where the counter stands.
            self.shift = total - value.raw
            return self._believe(value, total, relative=False)
        self._did("reset", value)
        falls = value.raw < self.last_raw
        # A counter that falls says that nothing is known in between.
        self.shift = min(0, total - 1 - value.raw) if falls else total - 1 - value.raw
        self.base = value.raw + self.shift
        return self._believe(value, value.raw + self.shift, relative=False)

    def _rollover(self, value: _Value) -> int:
        """Return the power of ten a register passed; 0 where it did not."""
        power = 10 ** len(str(self.last_raw))
        rise = value.raw + power - self.last_raw
        near = power >= _SMALLEST_ROLLOVER and 0 <= rise <= self._reach(self.at_ms, value.ms)
        return power if near and self.last_raw >= power * 0.99 else 0
