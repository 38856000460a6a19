"""Which bill's mail is due: dates and figures in, a decision out. No clock, no journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, Self

from pipeline.portfolio.models import Schedule

Step = Literal["wait", "remind", "report"]
REMIND_EVERY_DAYS: Final = 7


def bill_step(read_to: date, today: date, schedule: Schedule, *, complete: bool) -> Step:
    """Return what is due for a bill on a local day.

    `read_to` is the local day after its last. A closed bill whose data is complete is reported; an incomplete one is
    reminded of from `days_after_close` on and reported as it is, not provable, from `grace_days` on.
    """
    age = (today - read_to).days
    if age < 0:
        return "wait"
    if complete or age >= schedule.grace_days:
        return "report"
    return "remind" if age >= schedule.days_after_close else "wait"


def reminder_number(read_to: date, today: date, schedule: Schedule) -> int:
    """Return which reminder of a bill is due on a local day: 1 on the first day of reminding, one more every week."""
    return 1 + ((today - read_to).days - schedule.days_after_close) // REMIND_EVERY_DAYS


@dataclass(frozen=True)
class Stated:
    """The figures that a version of a report stated first: what a correction names."""

    provable: bool
    currency: str
    saved: Decimal | None

    @classmethod
    def read(cls, stated: Mapping[str, Any]) -> Self | None:
        """Return what the journal keeps of a version; None where an earlier program kept nothing."""
        if not stated:
            return None
        saved = stated["saved"]
        return cls(bool(stated["provable"]), str(stated["currency"]), None if saved is None else Decimal(saved))


def stated_figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the journal keeps of a report's `summary.json`: the figures of its first sentence."""
    return {
        "provable": summary["provable"],
        "grade": summary["grade"],
        "currency": summary["currency"],
        "saved": summary["money"]["saved"],
        "peak_reduction_kw": summary["peak_kw"]["reduction"],
    }


def moved(before: Stated | None, now: Stated | None, restate_pct: float) -> bool:
    """Return whether a new version is worth a mail: its saving moved by more than `restate_pct` [%] of the old one.

    A saving that came to be stated, or is no longer, always is; what was never kept cannot be compared, so it is too.
    """
    if before is None or now is None or before.currency != now.currency:
        return True
    if before.saved is None or now.saved is None:
        return before.saved is not now.saved
    return abs(now.saved - before.saved) * 100 > Decimal(str(restate_pct)) * abs(before.saved)
