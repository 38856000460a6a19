"""Charging sessions that cannot all be true: a charger with two cars, a car at two chargers, too much for one stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from pipeline.calendars import instants_us
from pipeline.quality.findings import (
    SECOND_US,
    Finding,
    joined,
    local_time,
    nothing_found,
    rounded,
    table,
    whole_span,
)

SHARED_S: Final = 120
"""Two clocks that are each a minute off make sessions touch by two minutes."""
UNFIT_SHARE: Final = 0.05
"""Measured charging power varies by some percent; what a wrong rating or clock leaves out is more than that."""
UNFIT_WH: Final = 1000
UNFIT: Final = "charger.unfit_charging"


def overlapping_sessions(sessions: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return sessions that begin before the last one of the same charger or car has ended; the value is minutes.

    `sessions`: charger_id, vehicle_id, plugged_in_at, plugged_out_at (open ones are left out).
    """
    times = [instants_us(sessions.get_column(name)).tolist() for name in ("plugged_in_at", "plugged_out_at")]
    told = {
        "charger_id": "Charger {} has two sessions at once",
        "vehicle_id": "Car {} is in two sessions at once",
    }
    found = []
    for column, what in told.items():
        stays = zip(sessions.get_column(column).to_list(), *times, strict=True)
        closed = sorted((owner, begin, end) for owner, begin, end in stays if owner is not None and begin <= end)
        found.append(table(_shared(closed, what, zone)))
    return joined(found)


def _shared(stays: Sequence[tuple[str, int, int]], told: str, zone: str) -> Iterator[Finding]:
    """Findings about stays [µs UTC], in order of owner and time, that begin before an earlier one has ended."""
    until: dict[str, int] = {}
    for owner, begin, end in stays:
        shared_us = min(until.get(owner, begin), end) - begin
        shared_s = shared_us // SECOND_US
        if shared_s > SHARED_S:
            minutes = shared_s / 60
            at = local_time(begin, zone)
            sentence = f"{told.format(owner)} from {at} local time for {rounded(minutes, 1)} minutes."
            yield Finding("session.overlap", owner, begin, begin + shared_us, minutes, "min", sentence)
        until[owner] = max(until.get(owner, end), end)


def charging_that_does_not_fit(charger_windows: pl.DataFrame, unfit_wh: Mapping[str, float]) -> pl.DataFrame:
    """Return chargers at which the cars cannot have charged from plug-in what they did charge; the value is kWh.

    `charger_windows`: charger_id, interval_start, duration_s [s], charge_wh [Wh] of the bill. Told where more than
    `UNFIT_SHARE` of a charger's energy, and `UNFIT_WH`, does not fit.
    """
    if max(unfit_wh.values(), default=0.0) <= UNFIT_WH:
        return nothing_found()
    return table(_unfit(charger_windows, unfit_wh))


def _unfit(charger_windows: pl.DataFrame, unfit_wh: Mapping[str, float]) -> Iterator[Finding]:
    charged = charger_windows.group_by("charger_id").agg(pl.col("charge_wh").sum())
    for charger_id, charge_wh in charged.iter_rows():
        unfit = unfit_wh.get(charger_id, 0.0)
        if unfit > max(UNFIT_WH, UNFIT_SHARE * charge_wh):
            kwh = rounded(unfit / 1000, 1)
            sentence = (
                f"Charger {charger_id}: {kwh} kWh that cars took in this bill do not fit into their stays at the power "
                "measured or rated: rating, capacity, state of charge or clock is wrong."
            )
            yield Finding(UNFIT, charger_id, *whole_span(charger_windows), kwh, "kWh", sentence)
