"""Sessions in which a car gave energy that was to stay in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

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
    inside = (log.at_us >= begin) & (log.at_us < end)
    soc_pct, given_wh = (log.readings.get_column(name).to_numpy() for name in ("soc_pct", "energy_export_wh"))
    told = inside & ~np.isnan(soc_pct)
    known, violations = False, 0
    for car, places in _sessions(log):
        reserve = reserves_pct.get(car or "")
        stated = told[places]
        if reserve is None or not stated.any():
            continue
        known = True
        below = stated & (soc_pct[places] < reserve - TOLERANCE_PCT)
        violations += bool(below.any() and (below[1:] & (_rises(given_wh[places]) > 0)).any())
    return violations if known else None


def _sessions(log: Log) -> Iterator[tuple[str | None, Integers]]:
    """The car of each session, by the first reading that names one, and the places of its readings."""
    ids, cars = (log.readings.get_column(f"{name}_id") for name in ("session", "vehicle"))
    first = np.union1d(ids.ne_missing(ids.shift()).arg_true().to_numpy(), log.bounds[:-1]).astype(np.int64)
    runs: dict[tuple[int, str | None], list[Integers]] = {}
    keys = zip(log.charger_of(first).tolist(), ids.gather(first).to_list(), strict=True)
    for key, begin, end in zip(keys, first, np.append(first[1:], len(ids)), strict=True):
        runs.setdefault(key, []).append(np.arange(begin, end))
    for (_, session), parts in runs.items():
        places = np.concatenate(parts)
        if session is not None:
            yield next((car for car in map(cars.item, places.tolist()) if car is not None), None), places


def _rises(register: Integers | Reals) -> Reals:
    """From reading to reading of one session, those that state no value left as the one before them [Wh]."""
    values = register.astype(np.float64)
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    rises: Reals = np.diff(values[last])
    return rises
