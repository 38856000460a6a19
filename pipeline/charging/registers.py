"""Energy registers as chargers really report them, rebuilt to one counter per direction.

A register may count since the charger was made (lifetime), from 0 in every session, or now one and now the other. A
register that rises as a counter can is left exactly as it is; only the others are walked through reading by reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from pipeline.charging.order import in_order
from pipeline.domain import UTC
from pipeline.portfolio import Charger

REGISTERS: Final = ("energy_import_wh", "energy_export_wh")

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


@dataclass(frozen=True)
class Repaired:
    """Readings whose registers only fall where they were reset, and a row of REPAIR per thing done to make them so."""

    readings: pl.DataFrame
    repairs: pl.DataFrame


def repair_registers(readings: pl.DataFrame, chargers: Sequence[Charger] = ()) -> Repaired:
    """Rebuild one counter per charger and direction [Wh]; registers that never fall or leap stay as they are.

    `readings` in the shape of `domain.CHARGER_RECORD` (other columns are kept), of one site, in any order. Power gets
    the sign that `chargers` state. Where a charger has power but no register in that direction, power is integrated,
    and nothing is known across more than a quarter of an hour without a sample. A register's values are read as
    lifetime or as counted from the session's begin, whichever a charger of that rating can have reached; a begin of 0
    that is neither is ignored; a fall is a reset, or a rollover where it starts just below a power of ten.
    """
    ordered = in_order(readings)
    ordered = _integrated(_signed(ordered, chargers))
    integrated = _integrated_rows(readings, ordered)
    repairs = [integrated]
    limits = {
        charger.charger_id: max(
            _LEAST_LIMIT_W, round(_POWER_MARGIN * 1000 * max(charger.rated_charge_kw, charger.rated_discharge_kw))
        )
        for charger in chargers
    }
    for register in REGISTERS:
        from_power = integrated.filter(pl.col("register") == register).get_column("charger_id").to_list()
        reported = ordered.filter(~pl.col("charger_id").is_in(from_power))
        for charger_id in _suspects(reported, register, limits):
            limit_w = limits.get(charger_id, _UNKNOWN_RATING_W)
            ordered, done = _with_rebuilt(ordered, charger_id, register, limit_w)
            repairs.append(done)
    return Repaired(ordered, pl.concat(repairs))


def _signed(readings: pl.DataFrame, chargers: Sequence[Charger]) -> pl.DataFrame:
    turned = [charger.charger_id for charger in chargers if charger.sign == "export-positive"]
    power = pl.when(pl.col("charger_id").is_in(turned)).then(-pl.col("power_w")).otherwise("power_w")
    return readings.with_columns(power.alias("power_w")) if turned else readings


def _integrated(readings: pl.DataFrame) -> pl.DataFrame:
    """Fill a register that a charger never reports, or only ever as 0, from its power, where it reports that."""
    by_charger = {"energy_import_wh": pl.col("power_w"), "energy_export_wh": -pl.col("power_w")}
    powered = readings.filter(pl.col("power_w").is_not_null())
    for register, towards in by_charger.items():
        bare = (pl.col(register).fill_null(0) == 0).all().over("charger_id")
        flows = (towards > 0).any().over("charger_id")
        wanted = readings.filter(bare & flows).get_column("charger_id").unique()
        if wanted.is_empty():
            continue
        watts = towards.clip(lower_bound=0)
        seconds = pl.col("measured_at").diff().over("charger_id").dt.total_microseconds() / 1e6
        mean_w = (watts + watts.shift().over("charger_id")) / 2
        unknown = ((seconds > _LONGEST_POWER_GAP_S) & (mean_w > 0)).fill_null(value=False)
        energy = pl.when(unknown).then(0.0).otherwise(mean_w * seconds / 3600).fill_null(0.0).cum_sum()
        # Falling by 1 Wh says that nothing is known across the gap.
        counter = energy.over("charger_id").round().cast(pl.Int64) - unknown.cum_sum().over("charger_id").cast(pl.Int64)
        counters = powered.filter(pl.col("charger_id").is_in(wanted.implode())).select(
            "charger_id", "measured_at", counter=counter
        )
        readings = (
            readings.join(counters, on=["charger_id", "measured_at"], how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col("charger_id").is_in(wanted.implode()))
                .then("counter")
                .otherwise(register)
                .alias(register)
            )
            .drop("counter")
        )
    return readings


def _integrated_rows(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each register that rises now and did not before."""

    def moving(readings: pl.DataFrame, register: str) -> set[str]:
        return set(readings.filter(pl.col(register) != 0).get_column("charger_id").unique())

    rows = [
        (charger_id, register, "integrated")
        for register in REGISTERS
        for charger_id in sorted(moving(after, register) - moving(before, register))
    ]
    named = pl.DataFrame(rows, schema=["charger_id", "register", "repair"], orient="row")
    spans = after.group_by("charger_id").agg(span_from=pl.col("measured_at").min(), span_to=pl.col("measured_at").max())
    joined = named.cast(pl.String).join(spans, on="charger_id", how="left", maintain_order="left")
    return joined.cast(pl.Schema(REPAIR))


def _suspects(readings: pl.DataFrame, register: str, limits: Mapping[str, int]) -> list[str]:
    """Return the chargers whose register falls, or rises faster than the charger can."""
    known = readings.drop_nulls(register)
    rise = pl.col(register).diff().over("charger_id")
    hours = pl.col("measured_at").diff().over("charger_id").dt.total_microseconds() / 3.6e9
    limit_w = pl.col("charger_id").replace_strict(dict(limits), default=_UNKNOWN_RATING_W, return_dtype=pl.Int64)
    odd = known.filter((rise < 0) | (rise > limit_w * hours + _SLACK_WH))
    return odd.get_column("charger_id").unique().sort().to_list()


def _with_rebuilt(
    readings: pl.DataFrame, charger_id: str, register: str, limit_w: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    numbered = readings.with_row_index("row")
    own = numbered.filter((pl.col("charger_id") == charger_id) & pl.col(register).is_not_null())
    columns = own.select(pl.col("measured_at").dt.epoch("ms"), register, "session_id", "context")
    walk = _Walk([_Value(*row) for row in columns.iter_rows()], limit_w)
    rebuilt = own.select("row", pl.Series("rebuilt", walk.run(), dtype=pl.Int64))
    mine = pl.col("row").is_in(own.get_column("row").implode())
    joined = numbered.join(rebuilt, on="row", how="left", maintain_order="left").with_columns(
        pl.when(mine).then("rebuilt").otherwise(register).alias(register)
    )
    done = [(charger_id, register, *repair) for repair in walk.repairs()]
    stamps = {"span_from": pl.Int64, "span_to": pl.Int64}
    rows = pl.DataFrame(done, schema={**REPAIR, **stamps}, orient="row")
    return joined.drop("row", "rebuilt"), rows.with_columns(
        pl.from_epoch(pl.col(*stamps), time_unit="ms").dt.replace_time_zone("UTC").cast(UTC)
    )


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
