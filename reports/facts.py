"""What a `summary.json` says, asked by name: the one place that knows its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.domain import PARTIAL, REASONS
from reports.inputs import ReportInput, ReportSite
from reports.language import exact

# Codes that keep a saving from being stated, worst first; the other codes only explain a figure.
BLOCKING = (
    "charger_log_empty",
    "meter_gap",
    "meter_zero_run",
    "charger_gap",
    "clock_contradicted",
    "clock_slipped",
    "clock_doubted",
    "wiring_contradicted",
    "check_contradicts",
    "sessions_unknown",
    "demand_not_reconciled",
    "ratchet_history_incomplete",
    "clock_unresolved",
    "range_too_wide",
)


@dataclass(frozen=True)
class Facts:
    """One site-month, read for a report. Figures that are not stated are None."""

    data: ReportInput

    @property
    def summary(self) -> Mapping[str, Any]:
        """The result as published."""
        return self.data.summary

    @property
    def site(self) -> ReportSite:
        """The site."""
        return self.data.site

    @property
    def month(self) -> str:
        """The bill's month, 'YYYY-MM'."""
        return str(self.summary["month"])

    @property
    def state(self) -> str:
        """The bill's state: seed, ok, no_bill or failed."""
        return str(self.summary["state"])

    @property
    def provable(self) -> bool:
        """Whether the bill states a saving."""
        return self.state == "ok" and bool(self.summary["provable"])

    @property
    def headline(self) -> str:
        """The world V2B is compared with."""
        return str(self.summary["headline"])

    @property
    def currency(self) -> str:
        """The bill's currency."""
        return str(self.summary["currency"])

    def figure(self, *path: str) -> Any:
        """Return the value at a path of the summary, None where any part of it is missing or null."""
        value: Any = self.summary
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def money(self, *path: str) -> Decimal | None:
        """Return an amount of the summary, exact."""
        value = self.figure(*path)
        return None if value is None else exact(value)

    @property
    def saved(self) -> Decimal | None:
        """Money saved on this bill, negative where V2B cost."""
        return self.money("money", "saved")

    @property
    def bill_baseline(self) -> Decimal | None:
        """The bill of the world V2B is compared with."""
        return self.money("money", f"bill_{self.headline}")

    @property
    def peak_cut_kw(self) -> float | None:
        """Own peak of this bill, baseline minus actual [kW]."""
        return self.figure("peak_kw", "reduction")  # type: ignore[no-any-return]

    @property
    def billed_cut_kw(self) -> float | None:
        """Billed demand after ratchets, baseline minus actual [kW]."""
        return self.figure("billing_demand_kw", "reduction")  # type: ignore[no-any-return]

    @property
    def bills_peaks(self) -> bool:
        """Whether the tariff bills a peak; without a demand charge no peak costs anything."""
        return "no_demand_charge" not in self.reasons

    @property
    def carried_from(self) -> str | None:
        """The earlier month whose peak sets the demand that would have been billed without V2B."""
        return self.figure("billing_demand_kw", "baseline_carried_from")  # type: ignore[no-any-return]

    @property
    def actual_carried_from(self) -> str | None:
        """The earlier month whose peak sets the demand that is billed."""
        return self.figure("billing_demand_kw", "actual_carried_from")  # type: ignore[no-any-return]

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Reason codes, once each, in the order given."""
        return tuple(dict.fromkeys(str(code) for code in self.summary.get("reasons") or ()))

    @cached_property
    def blocking(self) -> tuple[str, ...]:
        """The reasons that keep the saving from being stated, worst first; all reasons where none is known to block."""
        return tuple(code for code in BLOCKING if code in self.reasons) or self.reasons

    @property
    def partial(self) -> str | None:
        """The code of what makes the bill partial; None for a bill priced in full."""
        return next((code for code in PARTIAL if code in self.reasons), None)

    def set_at(self, world: str) -> datetime | None:
        """Return when the own peak of 'baseline' or 'actual' began, wall clock of the site."""
        value = self.figure("peak_kw", f"{world}_set_at")
        return None if value is None else datetime.fromisoformat(str(value)).replace(tzinfo=None)

    def also(self, amount: Decimal | None) -> Decimal | None:
        """Return an amount in the second currency; None without one."""
        return None if amount is None or self.site.also is None else amount * self.site.also.rate

    @property
    def energy_added_kwh(self) -> float | None:
        """Energy bought beyond what the compared world would have bought [kWh]."""
        actual, baseline = self.figure("energy_kwh", "actual"), self.figure("energy_kwh", self.headline)
        return None if actual is None or baseline is None else actual - baseline

    @property
    def baseline_known(self) -> bool:
        """Whether the compared world's load is known in every window; where not, none of it is drawn."""
        return self.figure("energy_kwh", self.headline) is not None

    @property
    def bills(self) -> pl.DataFrame:
        """Up to 13 bills, oldest first."""
        return self.data.months


def reason_sentence(code: str) -> str:
    """Return the sentence of a reason code; a code from elsewhere is shown as its own words."""
    known = REASONS.get(code)
    return known.sentence if known else code.replace("_", " ").capitalize() + "."
