"""Which days are V2B days, which are reference days, and which are neither and why.

A class must not follow from the outcome: a controller that answers the load makes its V2B days the high days. An arming
log decides where there is one; without it, days are classed by what was discharged, and the check cannot confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.baselines.day_grid import Flags, Floats, Whole

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
_OBSERVED_WH: Final = 500.0
_OBSERVED_SHARE: Final = 0.02
_IDLE_SHARE: Final = 0.01
_NONE_UNLIKE: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class EventDays:
    """Local days in order, one entry each, and what happened in the event window.

    `day` [days since 1970]; `window_h` hours of the event window, `charge_wh` and `discharge_wh` inside it; `complete`:
    meter and chargers known all day; `working`: neither weekend nor holiday; `armed` by the arming log, None where
    there is none.
    """

    day: Whole
    window_h: Floats
    charge_wh: Whole
    discharge_wh: Whole
    complete: Flags
    working: Flags
    armed: Flags | None


@dataclass(frozen=True, eq=False)
class DayClasses:
    """The class of every day, one entry each; days that are neither are excluded, with the `reason` in words."""

    days: EventDays
    v2b: Flags
    reference: Flags
    like_day: Flags
    reason: NDArray[np.object_]

    def of_days(self, chosen: Flags) -> pl.DataFrame:
        """Return the classes of some days (DAY_CLASS)."""
        days = self.days
        classes = np.where(self.v2b[chosen], "v2b", np.where(self.reference[chosen], "reference", "excluded"))
        columns = (
            days.day[chosen].astype("datetime64[D]"),
            classes.tolist(),
            ["observed" if days.armed is None else "armed"] * len(classes),
            self.reason[chosen].tolist(),
            *(values[chosen] for values in (days.window_h, days.charge_wh, days.discharge_wh, days.complete)),
            self.like_day[chosen],
        )
        return pl.DataFrame(
            [
                pl.Series(name, values, dtype=kind)
                for (name, kind), values in zip(DAY_CLASS.items(), columns, strict=True)
            ]
        )


def classify_days(days: EventDays, rated_discharge_kw: float, unlike: Mapping[int, str] = _NONE_UNLIKE) -> DayClasses:
    """Return the class of every day.

    `unlike`: days [days since 1970] that are like no other, with the reason: they are excluded whatever they were.
    """
    rated_wh, given = days.window_h * rated_discharge_kw * 1000, days.discharge_wh
    observed = given >= np.maximum(_OBSERVED_WH, rated_wh * _OBSERVED_SHARE)
    idle = (given == 0) | (given < rated_wh * _IDLE_SHARE)
    like = ~np.isin(days.day, list(unlike))
    no_window = days.window_h <= 0
    v2b = like & ~no_window & (observed if days.armed is None else days.armed)
    quiet = like & ~no_window & ~v2b & days.complete & idle
    reason = np.full(days.day.size, None, dtype=np.object_)
    reason[quiet & ~days.working] = WEEKEND
    reason[~idle] = "discharged without being a V2B day"
    reason[~days.complete] = "meter or charger data missing"
    reason[v2b] = None
    reason[no_window] = "no event window on this day"
    for row in np.flatnonzero(~like):
        reason[row] = unlike[int(days.day[row])]
    return DayClasses(days, v2b, quiet & days.working, quiet, reason)
