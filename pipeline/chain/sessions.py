"""Sessions of a bill: those the registers tell, completed and corrected by sessions files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline import charging
from pipeline.calendars import instant_us, instants_us
from pipeline.domain import CHARGING_SESSION, SESSION_RECORD, UTC

_Rows = np.ndarray[Any, np.dtype[np.int64]]
_KEY: Final = ["charger_id", "session_id"]
_FROM_RECORD: Final = [name for name in SESSION_RECORD if name not in _KEY]


def assign_sessions(readings: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Give readings without a session the one that a sessions file says was plugged in at that charger then."""
    if records.is_empty() or readings.is_empty():
        return readings
    spans = records.select(
        "charger_id", "plugged_in_at", "plugged_out_at", record_id="session_id", record_vehicle="vehicle_id"
    ).sort("plugged_in_at")
    joined = charging.in_order(readings).join_asof(
        spans, left_on="measured_at", right_on="plugged_in_at", by="charger_id", check_sortedness=False
    )
    inside = pl.col("plugged_out_at").is_null() | (pl.col("measured_at") <= pl.col("plugged_out_at"))
    return joined.with_columns(
        session_id=pl.coalesce("session_id", pl.when(inside).then("record_id")),
        vehicle_id=pl.coalesce("vehicle_id", pl.when(inside).then("record_vehicle")),
    ).select(readings.columns)


def found_sessions(readings: charging.Readings, records: pl.DataFrame) -> pl.DataFrame:
    """Return every session of the readings, in the shape of `domain.CHARGING_SESSION`.

    What a sessions file says of one (times, states of charge, target) stands above what the readings suggest.
    """
    found = charging.sessions(readings)
    if records.is_empty():
        return found
    stated = records.select(*_KEY, *[pl.col(name).alias(f"stated_{name}") for name in _FROM_RECORD])
    merged = found.join(stated, on=_KEY, how="full", coalesce=True).with_columns(
        *[pl.coalesce(f"stated_{name}", name).alias(name) for name in _FROM_RECORD],
        complete=pl.col("complete").fill_null(value=False) | pl.col("stated_plugged_out_at").is_not_null(),
        charge_wh=pl.col("charge_wh").fill_null(0),
        discharge_wh=pl.col("discharge_wh").fill_null(0),
    )
    return (
        merged.with_columns(plugged_out_at=pl.coalesce("plugged_out_at", "plugged_in_at"))
        .select(CHARGING_SESSION.keys())
        .sort("plugged_in_at", "session_id")
    )


def since_programme(
    sessions: pl.DataFrame,
    readings: pl.DataFrame,
    since: datetime,
    usable_wh: Mapping[str, float],
    round_trip: charging.RoundTrip,
) -> pl.DataFrame:
    """Return the sessions from `since` on; one plugged in before is cut there, with the charge it held at that moment.

    What it charged before belongs to the time when nothing was managed. `sessions` as of `known_sessions`; the state of
    charge at the cut follows from the registers and the round trip, exact where losses are proportional.
    """
    begun_us, out_us = (instants_us(sessions.get_column(f"plugged_{way}_at")) for way in ("in", "out"))
    first = int(np.searchsorted(begun_us, instant_us(since)))
    across, later = np.flatnonzero(out_us[:first] > instant_us(since)), sessions[first:]
    if not across.size:
        return later
    rows = []
    for session in sessions[across].iter_rows(named=True):
        span = pl.DataFrame({"interval_start": [session["plugged_in_at"]]}, schema={"interval_start": UTC})
        span = span.with_columns(duration_s=pl.lit(int((since - session["plugged_in_at"]).total_seconds())))
        before = charging.interval_energy(readings.filter(pl.col("charger_id") == session["charger_id"]), span)
        if before.is_empty() or not bool(before.get_column("covered").all()):
            continue  # its charge at the cut is not known: the car's account begins with its next session
        charged = int(before.get_column("charge_wh").sum())
        given = int(before.get_column("discharge_wh").sum())
        stored = charged / round_trip.charge_wh_per_battery_wh - given * round_trip.battery_wh_per_discharge_wh
        usable = usable_wh.get(session["account"])
        soc = session["soc_in_pct"]
        rows.append(
            {
                **session,
                "plugged_in_at": since,
                "soc_in_pct": None if soc is None or usable is None else soc + 100 * stored / usable,
                "charge_wh": session["charge_wh"] - charged,
                "discharge_wh": session["discharge_wh"] - given,
            }
        )
    cut = pl.DataFrame(rows, schema=sessions.schema)
    return pl.concat([cut, later]).sort("plugged_in_at", "session_id")


def known_sessions(stored: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Join the sessions that earlier bills stored with those found now; of two of one id the fuller one stays.

    Adds `account`, whose energy a session moves: the car, or its charger where the log names no car.
    """
    both = pl.concat([stored[list(CHARGING_SESSION)], found], rechunk=True)
    chosen = both[_by_plug_in(both, _fullest(both))]
    cars = chosen.get_column("vehicle_id")
    if cars.null_count():
        cars = cars.zip_with(cars.is_not_null(), chosen.get_column("charger_id"))
    return chosen.hstack([cars.alias("account")])


def _fullest(sessions: pl.DataFrame) -> _Rows:
    """Return the rows to keep, one a charger and id: complete ones first, then by plug-out, then the later sight."""
    kept = ~sessions.get_column("session_id").is_duplicated().to_numpy()
    again = np.flatnonzero(~kept)
    if again.size:
        complete, out_us = (sessions.get_column(name)[again] for name in ("complete", "plugged_out_at"))
        fullness = again[np.lexsort((instants_us(out_us), complete.to_numpy()))]
        keys = zip(*(sessions.get_column(name)[fullness].to_list() for name in _KEY), strict=True)
        kept[list(dict(zip(keys, fullness.tolist(), strict=True)).values())] = True
    return np.flatnonzero(kept)


def _by_plug_in(sessions: pl.DataFrame, rows: _Rows) -> _Rows:
    """Return some rows in order of plug-in, those of one instant by name."""
    begun_us, names = instants_us(sessions.get_column("plugged_in_at")), sessions.get_column("session_id")
    order = rows[np.argsort(begun_us[rows], kind="stable")]
    alike = begun_us[order[1:]] == begun_us[order[:-1]]
    tied = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    keys = zip(begun_us[order[tied]].tolist(), names[order[tied]].to_list(), strict=True)
    order[tied] = [row for _, row in sorted(zip(keys, order[tied].tolist(), strict=True))]
    return order
