"""Compares V2B days with other days: day classes, baselines by every rule, and the verdict on the mean cut.

The look-back takes the loads of earlier bills as they were stored, the placebo days their stored baselines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from pipeline.baselines import DAY_CLASS, Check, baselines_of
from pipeline.chain.day_verdict import CHECKED_DAY, ComparedDays
from pipeline.chain.inputs import Prepared
from pipeline.chain.look_back import look_back
from pipeline.domain import NO_CHECK
from pipeline.tariff.clock import day_number

_NO_WINDOW: Final = Check("no_check", NO_CHECK["no_hours"], 0, 0)


@dataclass(frozen=True)
class Checked:
    """The days of one bill (DAY_CLASS, CHECKED_DAY), the verdict and the baseline rule it rests on."""

    day_class: pl.DataFrame
    baseline_day: pl.DataFrame
    check: Check
    method: str | None

    @property
    def section(self) -> dict[str, Any]:
        """The `check` section of the result contract."""
        found = self.check
        return {
            "verdict": found.verdict,
            "reason": found.reason,
            "method": self.method,
            "v2b_days": found.v2b_days,
            "reference_days": found.reference_days,
            "metered_kw": _to_watts(found.metered_kw),
            "estimated_kw": _to_watts(found.estimated_kw),
            "low": _to_watts(found.low),
            "high": _to_watts(found.high),
            "smallest_detectable_kw": _to_watts(found.smallest_detectable_kw),
        }


def _to_watts(kw: float | None) -> float | None:
    """Return a power [kW] without digits below a watt, which differ between machines."""
    return None if kw is None else round(kw, 3)


def check_days(prepared: Prepared) -> Checked:
    """Return what other days say about the cut of this bill's V2B days."""
    inputs, back = prepared.inputs, look_back(prepared)
    if back is None:
        return Checked(pl.DataFrame(schema=DAY_CLASS), pl.DataFrame(schema=CHECKED_DAY), _NO_WINDOW, None)
    classes = back.classes()
    day = classes.days.day
    mine = (day >= day_number(inputs.period.read_from)) & (day < day_number(inputs.period.read_to))
    own = classes.of_days(mine)
    classed = zip(day[mine].tolist(), own.get_column("day_class").to_list(), strict=True)
    found = baselines_of(back.site_days(classes), {one: kind for one, kind in classed if kind != "excluded"})
    compared = ComparedDays.of(inputs.earlier.baseline_days, found, armed=inputs.armed is not None)
    check, method = compared.verdict()
    return Checked(own, compared.with_intervals(), check, method)
