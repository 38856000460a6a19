"""The cars: departures, whether each was ready, throughput and cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

_READY_TOLERANCE_PCT: Final = 1e-6  # absorbs the decimals a log writes, not a missing kilowatt-hour
_SHORT: Final = pl.col("soc_out_pct") < pl.col("target_pct") - _READY_TOLERANCE_PCT


@dataclass(frozen=True)
class Departures:
    """Departures of one bill [count]; ready + short + unknown = departures."""

    departures: int
    ready: int
    short: int
    unknown: int

    @property
    def ready_pct(self) -> float | None:
        """Share of departures at or above target [%]; None without departures."""
        return 100 * self.ready / self.departures if self.departures else None


def departures(sessions: pl.DataFrame, span: tuple[datetime, datetime], targets_pct: Mapping[str, float]) -> Departures:
    """Classify every completed session that ended inside the half-open UTC `span`.

    `sessions` as `domain.CHARGING_SESSION` with `account` (the car, or the charger where the log names none);
    `targets_pct` the configured target of each car [%], 100 where neither session nor configuration says.
    """
    ended = _ended(sessions, span, targets_pct)
    counts = ended.select(ready=(~_SHORT).sum(), unknown=pl.col("soc_out_pct").is_null().sum()).row(0)
    ready, unknown = int(counts[0] or 0), int(counts[1] or 0)
    return Departures(ended.height, ready, ended.height - ready - unknown, unknown)


def _ended(sessions: pl.DataFrame, span: tuple[datetime, datetime], targets_pct: Mapping[str, float]) -> pl.DataFrame:
    """The departures inside a span, with what each car was to leave with as target_pct."""
    configured = pl.col("account").replace_strict(dict(targets_pct), default=100.0, return_dtype=pl.Float64)
    inside = pl.col("complete") & (pl.col("plugged_out_at") >= span[0]) & (pl.col("plugged_out_at") < span[1])
    return sessions.filter(inside).with_columns(target_pct=pl.coalesce(pl.col("target_soc_pct"), configured))


@dataclass(frozen=True)
class Missing:
    """What short departures lacked: energy in batteries [kWh], and how long full power would have taken [min]."""

    kwh: float
    minutes: float


def missing_at_departure(
    sessions: pl.DataFrame,
    span: tuple[datetime, datetime],
    targets_pct: Mapping[str, float],
    usable_wh: Mapping[str, float],
    stores_w: Mapping[str, float],
) -> Missing | None:
    """Return what the short departures of `departures` lacked, all together; None where a capacity is not known.

    `usable_wh`: capacity of each car [Wh]; `stores_w`: what each charger puts into a battery at full power [W].
    """
    short = _ended(sessions, span, targets_pct).filter(_SHORT)
    lacked_wh = (pl.col("target_pct") - pl.col("soc_out_pct")) / 100 * _of("account", usable_wh)
    found = short.select(wh=lacked_wh, hours=lacked_wh / _of("charger_id", stores_w))
    if found.null_count().sum_horizontal().item():
        return None
    wh, hours = found.sum().row(0)
    return Missing(round(wh / 1000, 3), round(hours * 60, 1))


def _of(column: str, known: Mapping[str, float]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(known), default=None, return_dtype=pl.Float64)


def equivalent_full_cycles(charge_wh: int, discharge_wh: int, usable_wh: float) -> float | None:
    """Return throughput over twice the fleet's usable capacity; None where no capacity is configured."""
    return (charge_wh + discharge_wh) / (2 * usable_wh) if usable_wh else None


def reserve_violations(
    readings: pl.DataFrame, span: tuple[datetime, datetime], reserves_pct: Mapping[str, float]
) -> int | None:
    """Return in how many sessions a car gave energy below its reserve, inside the half-open UTC `span`.

    `readings` as `domain.CHARGER_RECORD`; `reserves_pct` the configured reserve of each car [%]. A car that comes with
    less than its reserve violates nothing while it gives nothing. None where no reading of these cars states a charge.
    """
    session = ["charger_id", "session_id"]
    columns = (*session, "measured_at", "vehicle_id", "energy_export_wh", "soc_pct")
    ordered = readings.select(columns).drop_nulls("session_id").sort("charger_id", "measured_at")
    told = ordered.with_columns(
        car=pl.col("vehicle_id").drop_nulls().first().over(session),
        given_wh=pl.col("energy_export_wh").forward_fill().diff().over(session),
    )
    known = told.filter(
        pl.col("soc_pct").is_not_null()
        & pl.col("car").is_in(list(reserves_pct))
        & (pl.col("measured_at") >= span[0])
        & (pl.col("measured_at") < span[1])
    )
    if known.is_empty():
        return None
    reserve = pl.col("car").replace_strict(dict(reserves_pct), return_dtype=pl.Float64)
    below = known.filter((pl.col("given_wh") > 0) & (pl.col("soc_pct") < reserve - _READY_TOLERANCE_PCT))
    return below.select(session).unique().height


@dataclass(frozen=True)
class Observed:
    """What else was seen of the cars in a bill; each None where it is not known.

    Plugged-in shares of the hours V2B works in and of the span that set the metered peak [%], sessions in which a car
    gave from its reserve [count], and what short departures lacked.
    """

    availability_pct: float | None = None
    available_at_peak_pct: float | None = None
    reserve_violations: int | None = None
    missing: Missing | None = None


def fleet_section(
    counted: Departures,
    charge_wh: int,
    discharge_wh: int,
    usable_wh: float,
    round_trip_efficiency: float,
    observed: Observed,
) -> dict[str, Any]:
    """Return the `fleet` block of `summary.json` for energies of one bill [Wh]; no round trip without discharge."""
    missing = observed.missing
    return {
        "departures": counted.departures,
        "ready": counted.ready,
        "short": counted.short,
        "unknown": counted.unknown,
        "ready_pct": counted.ready_pct,
        "charged_kwh": charge_wh / 1000,
        "discharged_kwh": discharge_wh / 1000,
        "round_trip_efficiency": round_trip_efficiency if discharge_wh else None,
        "equivalent_full_cycles": equivalent_full_cycles(charge_wh, discharge_wh, usable_wh),
        "availability_pct": observed.availability_pct,
        "reserve_violations": observed.reserve_violations,
        "short_kwh": missing.kwh if missing else None,
        "short_minutes": missing.minutes if missing else None,
        "available_at_peak_pct": observed.available_at_peak_pct,
    }


def unstated_fleet() -> dict[str, Any]:
    """Return the `fleet` block of a bill that states nothing."""
    return dict.fromkeys(fleet_section(Departures(0, 0, 0, 0), 0, 0, 0.0, 1.0, Observed()))
