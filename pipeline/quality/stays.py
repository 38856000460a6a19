"""Charging sessions that cannot all be true: a charger with two cars, a car at two chargers, too much for one stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from pipeline.quality.findings import ENDS, as_findings, nothing_found

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
    closed = sessions.drop_nulls("plugged_out_at").select("charger_id", "vehicle_id", "plugged_in_at", "plugged_out_at")
    return pl.concat(
        [
            _shared(closed, "charger_id", "Charger {} has two sessions at once", zone),
            _shared(closed, "vehicle_id", "Car {} is in two sessions at once", zone),
        ]
    )


def _shared(sessions: pl.DataFrame, column: str, told: str, zone: str) -> pl.DataFrame:
    ordered = sessions.drop_nulls(column).sort(column, "plugged_in_at", "plugged_out_at")
    until = pl.col("plugged_out_at").cum_max().shift().over(column)
    followed = ordered.with_columns(until=until).drop_nulls("until")
    found = followed.with_columns(
        span_from=pl.col("plugged_in_at"), span_to=pl.min_horizontal("until", "plugged_out_at")
    ).filter((pl.col("span_to") - pl.col("span_from")).dt.total_seconds() > SHARED_S)
    found = found.with_columns(value=(pl.col("span_to") - pl.col("span_from")).dt.total_seconds() / 60)
    sentence = pl.format(
        told + " from {} local time for {} minutes.",
        column,
        pl.col("span_from").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M"),
        pl.col("value").round(1),
    )
    return as_findings(found, "session.overlap", pl.col(column), "min", sentence)


def charging_that_does_not_fit(charger_windows: pl.DataFrame, unfit_wh: Mapping[str, float]) -> pl.DataFrame:
    """Return chargers at which the cars cannot have charged from plug-in what they did charge; the value is kWh.

    `charger_windows`: charger_id, interval_start, duration_s [s], charge_wh [Wh] of the bill. Told where more than
    `UNFIT_SHARE` of a charger's energy, and `UNFIT_WH`, does not fit.
    """
    if max(unfit_wh.values(), default=0.0) <= UNFIT_WH:
        return nothing_found()
    unfit = pl.DataFrame({"charger_id": list(unfit_wh), "unfit_wh": list(unfit_wh.values())})
    charged = charger_windows.group_by("charger_id").agg(
        pl.col("charge_wh").sum(), span_from=pl.col("interval_start").min(), span_to=ENDS.max()
    )
    told = charged.join(unfit, on="charger_id").filter(
        (pl.col("unfit_wh") > UNFIT_WH) & (pl.col("unfit_wh") > UNFIT_SHARE * pl.col("charge_wh"))
    )
    found = told.with_columns(value=(pl.col("unfit_wh") / 1000).round(1))
    sentence = pl.format(
        "Charger {}: {} kWh that cars took in this bill do not fit into their stays at the power measured or rated: "
        "rating, capacity, state of charge or clock is wrong.",
        "charger_id",
        "value",
    )
    return as_findings(found, UNFIT, pl.col("charger_id"), "kWh", sentence)
