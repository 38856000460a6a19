"""Sessions in which a car gave energy that was to stay in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.charging.columns import Integers, Reals
from pipeline.charging.order import Log
from pipeline.fleet.readiness import TOLERANCE_PCT


def reserve_violations(
    readings: pl.DataFrame, span: tuple[datetime, datetime], reserves_pct: Mapping[str, float]
) -> int | None:
    """Return in how many sessions a car gave energy below its reserve, inside the half-open UTC `span`.

    `readings` as `domain.CHARGER_RECORD`; `reserves_pct` the configured reserve of each car [%]. A car that comes with
    less than its reserve violates nothing while it gives nothing. None where no reading of these cars states a charge.
    """
    if readings.get_column("soc_pct").null_count() == readings.height:
        return None
    log = Log.of(readings)
    begin, end = (at.timestamp() * 1e6 for at in span)
    soc_pct = log.readings.get_column("soc_pct").to_numpy()
    session, begins, cars = _sessions(log)
    reserve_pct = np.repeat(
        [np.nan if car is None else reserves_pct.get(car, np.nan) for car in cars],
        np.diff(begins, append=readings.height),
    )
    told = (log.at_us >= begin) & (log.at_us < end) & ~np.isnan(soc_pct) & ~np.isnan(reserve_pct)
    if not told.any():
        return None
    below = told & (soc_pct < reserve_pct - TOLERANCE_PCT)
    given_wh = log.readings.get_column("energy_export_wh").to_numpy()
    inside = (np.flatnonzero(session == number) for number in np.unique(session[below]))
    return sum(bool((below[places[1:]] & (_rises(given_wh[places]) > 0)).any()) for places in inside)


class _Stays(NamedTuple):
    """The session of each reading, by number; where unbroken runs of one begin; and each run's car, if it is named."""

    session: Integers
    begins: Integers
    cars: list[str | None]


def _sessions(log: Log) -> _Stays:
    """The car of a session is that of its first reading that names one; readings outside sessions have none."""
    ids, vehicles = (log.readings.get_column(f"{name}_id") for name in ("session", "vehicle"))
    begins = np.union1d(np.flatnonzero(ids[1:].ne_missing(ids[:-1]).to_numpy()) + 1, log.bounds[:-1])
    keys = list(zip(log.charger_of(begins).tolist(), ids[begins].to_list(), strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    cars: dict[tuple[int, str | None], str | None] = {}
    ends = np.append(begins[1:], len(ids)).tolist()
    for key, begin, end, named in zip(keys, begins.tolist(), ends, vehicles[begins].to_list(), strict=True):
        if key[1] is not None and cars.get(key) is None:
            cars[key] = named or next(iter(vehicles[begin:end].drop_nulls().to_list()), None)
    session = np.repeat([numbers[key] for key in keys], np.diff(begins, append=len(ids)))
    return _Stays(session, begins, [cars.get(key) for key in keys])


def _rises(register: Integers | Reals) -> Reals:
    """From reading to reading of one session, those that state no value left as the one before them [Wh]."""
    values = register.astype(np.float64)
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    rises: Reals = np.diff(values[last])
    return rises
