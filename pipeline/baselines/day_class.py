"""Which days are V2B days, which are reference days, and which are neither and why.

A class must not follow from the outcome: a controller that answers the load makes its V2B days the high days. An arming
log decides where there is one; without it, days are classed by what was discharged, and the check cannot confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

DAY_CLASS: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "local_day": pl.Date,
    "day_class": pl.String,  # v2b | reference | excluded
    "basis": pl.String,  # armed | observed
    "reason": pl.String,  # why a day is excluded, null for the others
    "window_h": pl.Float64,  # hours of the event window on this day
    "charge_wh": pl.Int64,  # inside the event window
    "discharge_wh": pl.Int64,  # inside the event window
    "complete": pl.Boolean,  # meter and chargers known all day
    "like_day": pl.Boolean,  # may serve in the baseline of a later day of its kind: a reference day, or idle weekend
}
WEEKEND: Final = "weekend or holiday"
_OBSERVED_WH: Final = 500
_OBSERVED_SHARE: Final = 0.02
_IDLE_SHARE: Final = 0.01


def classify_days(
    days: pl.DataFrame, rated_discharge_kw: float, armed: Mapping[date, bool] | None, working: Mapping[date, bool]
) -> pl.DataFrame:
    """Return the class of every day (DAY_CLASS), in day order.

    `days`: local_day, window_h [h], charge_wh, discharge_wh [Wh] inside the event window, complete. `armed` is the
    arming log, None where there is none; a day it does not name was not armed. `working` tells working days from
    weekends and holidays; a day it does not name is none.
    """
    rated_wh = pl.col("window_h") * rated_discharge_kw * 1000
    given = pl.col("discharge_wh")
    named = list(days.get_column("local_day"))
    known = days.with_columns(
        armed=pl.Series([bool(armed and armed.get(day)) for day in named], dtype=pl.Boolean),
        working=pl.Series([working.get(day, False) for day in named], dtype=pl.Boolean),
    )
    observed = given >= pl.max_horizontal(pl.lit(float(_OBSERVED_WH)), rated_wh * _OBSERVED_SHARE)
    is_v2b = (pl.col("window_h") > 0) & (observed if armed is None else pl.col("armed"))
    idle = (given == 0) | (given < rated_wh * _IDLE_SHARE)
    why = (
        pl.when(pl.col("window_h") <= 0)
        .then(pl.lit("no event window on this day"))
        .when(is_v2b)
        .then(None)
        .when(~pl.col("complete"))
        .then(pl.lit("meter or charger data missing"))
        .when(~idle)
        .then(pl.lit("discharged without being a V2B day"))
        .when(~pl.col("working"))
        .then(pl.lit(WEEKEND))
    )
    return (
        known.with_columns(
            reason=why,
            basis=pl.lit("observed" if armed is None else "armed"),
            day_class=pl.when(is_v2b)
            .then(pl.lit("v2b"))
            .when(why.is_null())
            .then(pl.lit("reference"))
            .otherwise(pl.lit("excluded")),
            like_day=why.eq_missing(pl.lit(WEEKEND)) | (why.is_null() & ~is_v2b),
        )
        .select(DAY_CLASS.keys())
        .cast(pl.Schema(DAY_CLASS))
        .sort("local_day")
    )
