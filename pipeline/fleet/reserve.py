"""Sessions in which a car gave energy that was to stay in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np

from pipeline.charging.columns import Flags, Integers, Reals
from pipeline.charging.order import Log, Readings
from pipeline.fleet.readiness import TOLERANCE_PCT


def reserve_violations(
    readings: Readings, span: tuple[datetime, datetime], reserves_pct: Mapping[str, float]
) -> int | None:
    """Return in how many sessions a car gave energy below its reserve, inside the half-open UTC `span`.

    `readings` as `domain.CHARGER_RECORD`; `reserves_pct` the configured reserve of each car [%]. A car that comes with
    less than its reserve violates nothing while it gives nothing. None where no reading of these cars states a charge.
    """
    log = Log.of(readings)
    if not reserves_pct or not log.marks.states_soc.any():
        return None
    begin, end = (round(at.timestamp() * 1e6) for at in span)
    soc_pct, given_wh = (log.readings.get_column(name).to_numpy() for name in ("soc_pct", "energy_export_wh"))
    told = (log.at_us >= begin) & (log.at_us < end) & ~np.isnan(soc_pct) & ~log.marks.idle
    reserve_pct = _by_reading(log, reserves_pct)
    below = told & (soc_pct < reserve_pct - TOLERANCE_PCT)
    violations = sum(
        bool((below[places][1:] & (_rises(given_wh[places]) > 0)).any()) for places in _sessions(log, below)
    )
    return violations if (told & ~np.isnan(reserve_pct)).any() else None


def _by_reading(log: Log, reserves_pct: Mapping[str, float]) -> Reals:
    """The reserve of the car that every reading is of [%]; NaN where it has none."""
    reserves = [np.nan if car is None else reserves_pct.get(car, np.nan) for car in log.visits.cars]
    return np.repeat(reserves, np.diff(log.visits.begins, append=len(log.at_us)))


def _sessions(log: Log, readings: Flags) -> Iterator[Integers]:
    """The places of all readings of the sessions that some readings belong to."""
    ids, left = log.readings.get_column("session_id"), readings.copy()
    while left.any():
        place = int(left.argmax())
        own = log.span(int(log.charger_of(np.array(place))))
        places = own.start + np.flatnonzero(ids[own].eq_missing(ids[place]).to_numpy())
        left[places] = False
        yield places


def _rises(register: Integers | Reals) -> Reals:
    """From reading to reading of one session, those that state no value left as the one before them [Wh]."""
    values = register.astype(np.float64)
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    rises: Reals = np.diff(values[last])
    return rises
