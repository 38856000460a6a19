"""The cars: departures, whether each was ready, throughput and cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

TOLERANCE_PCT: Final = 1e-6  # absorbs the decimals a log writes, not a missing kilowatt-hour
_FULL_PCT: Final = 100.0


class Departure(NamedTuple):
    """How a car (or the charger's, where the log names none) left, and what it was to leave with [%]."""

    account: str
    charger_id: str
    soc_pct: float | None
    target_pct: float

    @property
    def lacked_pct(self) -> float:
        """What a short departure lacked [%], 0 for any other."""
        short = self.soc_pct is not None and self.soc_pct < self.target_pct - TOLERANCE_PCT
        return self.target_pct - self.soc_pct if short and self.soc_pct is not None else 0.0


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


def departing(
    sessions: pl.DataFrame, span: tuple[datetime, datetime], targets_pct: Mapping[str, float]
) -> list[Departure]:
    """Return every completed session that ended inside the half-open UTC `span`.

    `sessions` as `domain.CHARGING_SESSION` with `account` (the car, or the charger where the log names none);
    `targets_pct` the configured target of each car [%], 100 where neither session nor configuration says.
    """
    ended = sessions.get_column("plugged_out_at").to_numpy()
    begin, end = (np.datetime64(round(at.timestamp() * 1e6), "us") for at in span)
    ours = pl.Series(sessions.get_column("complete").to_numpy() & (ended >= begin) & (ended < end))
    columns = ("account", "charger_id", "soc_out_pct", "target_soc_pct")
    accounts, chargers, reached, targets = (sessions.get_column(name).filter(ours).to_list() for name in columns)
    stated = (
        targets_pct.get(account, _FULL_PCT) if target is None else target
        for account, target in zip(accounts, targets, strict=True)
    )
    return list(map(Departure, accounts, chargers, reached, stated))


def departures(left: Sequence[Departure]) -> Departures:
    """Classify the `departing` cars of a bill."""
    short = sum(one.lacked_pct > 0 for one in left)
    unknown = sum(one.soc_pct is None for one in left)
    return Departures(len(left), len(left) - short - unknown, short, unknown)


@dataclass(frozen=True)
class Missing:
    """What short departures lacked: energy in batteries [kWh], and how long full power would have taken [min]."""

    kwh: float
    minutes: float


def missing_at_departure(
    left: Sequence[Departure], usable_wh: Mapping[str, float], stores_w: Mapping[str, float]
) -> Missing | None:
    """Return what the short ones of `departing` lacked, all together; None where a capacity is not known.

    `usable_wh`: capacity of each car [Wh]; `stores_w`: what each charger puts into a battery at full power [W].
    """
    short = [one for one in left if one.lacked_pct]
    if not all(one.account in usable_wh and one.charger_id in stores_w for one in short):
        return None
    lacked_wh = [one.lacked_pct / 100 * usable_wh[one.account] for one in short]
    hours = [wh / stores_w[one.charger_id] for wh, one in zip(lacked_wh, short, strict=True)]
    return Missing(round(sum(lacked_wh, 0.0) / 1000, 3), round(sum(hours, 0.0) * 60, 1))


def equivalent_full_cycles(charge_wh: int, discharge_wh: int, usable_wh: float) -> float | None:
    """Return throughput over twice the fleet's usable capacity; None where no capacity is configured."""
    return (charge_wh + discharge_wh) / (2 * usable_wh) if usable_wh else None


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
