"""Up to twelve bills as plain numbers: what the chart of monthly peaks draws and its data table lists."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.peak_day import DemandAxis, demand_axis

SHOWN = 12


@dataclass(frozen=True)
class MonthPeaks:
    """One bill's own peaks and billed demand in both worlds [kW, None where not stated]."""

    month: str
    state: str
    provable: bool | None
    baseline_kw: float | None
    actual_kw: float | None
    billed_baseline_kw: float | None
    billed_actual_kw: float | None

    @property
    def change_kw(self) -> float | None:
        """Own peak with V2B minus without [kW]; None where either is not stated."""
        return None if self.actual_kw is None or self.baseline_kw is None else self.actual_kw - self.baseline_kw

    @property
    def lower_kw(self) -> float | None:
        """The lower of the two own peaks [kW]."""
        return min((kw for kw in (self.actual_kw, self.baseline_kw) if kw is not None), default=None)


@dataclass(frozen=True)
class Months:
    """Bills, oldest first, and the demand axis they are drawn on."""

    rows: tuple[MonthPeaks, ...]
    axis: DemandAxis

    @property
    def compared(self) -> bool:
        """Whether any bill's own peak differs between the worlds."""
        return any(row.change_kw for row in self.rows)

    @property
    def billed_apart(self) -> bool:
        """Whether any bill's billed demand without V2B is drawn and differs from the metered one."""
        return any(row.billed_baseline_kw not in (None, row.billed_actual_kw) for row in self.rows)

    @property
    def empty(self) -> bool:
        """Whether there is no peak to draw."""
        return all(row.actual_kw is None and row.billed_actual_kw is None for row in self.rows)


def find_months(bills: pl.DataFrame) -> Months:
    """Return the last twelve bills of `ReportInput.months`."""
    columns = (
        "month",
        "state",
        "provable",
        "peak_baseline_kw",
        "peak_actual_kw",
        "billing_baseline_kw",
        "billing_actual_kw",
    )
    rows = tuple(MonthPeaks(*values) for values in bills.sort("month").tail(SHOWN).select(columns).iter_rows())
    powers = [
        kw
        for row in rows
        for kw in (row.baseline_kw, row.actual_kw, row.billed_baseline_kw, row.billed_actual_kw)
        if kw is not None
    ]
    return Months(rows, demand_axis(powers, room_below=True))
