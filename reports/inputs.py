"""What a report is made from, and what it is made into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

STAYS: Mapping[str, Any] = {
    "session_id": pl.String,
    "name": pl.String,
    "plugged_in_at": pl.Datetime("us", "UTC"),
    "plugged_out_at": pl.Datetime("us", "UTC"),
    "soc_out_pct": pl.Float64,
    "target_soc_pct": pl.Float64,
}
CHARGE: Mapping[str, Any] = {"session_id": pl.String, "measured_at": pl.Datetime("us", "UTC"), "soc_pct": pl.Float64}

CHART_CID = "peak-day@v2b-savings"
"""The Content-ID under which the e-mail's HTML shows the peak day."""


@dataclass(frozen=True)
class PeakHours:
    """The hours V2B works in: wall clock HH:MM, months 1-12, ISO weekdays 1-7."""

    start: str
    end: str
    months: tuple[int, ...]
    weekdays: tuple[int, ...]


@dataclass(frozen=True)
class AlsoCurrency:
    """A second currency printed beside the first, never summed: `rate` units of it buy one unit of the first."""

    currency: str
    rate: Decimal
    rate_date: date
    rate_source: str


@dataclass(frozen=True)
class ReportSite:
    """The site as the report names it."""

    site_id: str
    name: str
    timezone: str
    language: str
    currency: str
    vehicles: int
    demand_window_min: int
    peak_window: PeakHours | None
    notes: str
    tariff_name: str
    tariff_notes: str
    also: AlsoCurrency | None = None


@dataclass(frozen=True)
class ReportInput:
    """One site-month: its `summary.json`, its demand windows and the bills that led to it.

    `load` has one row per demand window of the bill: interval_start (UTC), local_start (naive), local_day, duration_s
    [s], actual_import_wh, no_ev_import_wh, unmanaged_import_wh, charge_wh, discharge_wh [Wh, null where not known].
    `months` has up to 13 bills ending with this one, oldest first: month 'YYYY-MM', state, provable, peak_baseline_kw,
    peak_actual_kw, billing_baseline_kw, billing_actual_kw [kW], saved, realised [decimal string], ready_pct [%].
    `stays` and `charge` tell the cars of the peak day: who was plugged in, and each state of charge logged [%].
    """

    summary: Mapping[str, Any]
    site: ReportSite
    load: pl.DataFrame
    months: pl.DataFrame
    stays: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAYS))
    charge: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CHARGE))


@dataclass(frozen=True)
class RenderedReport:
    """A report in every form it is published in; the same input gives the same bytes."""

    html: str
    peak_day_svg: str
    peak_day_png: bytes
    email_html: str
    email_text: str
    subject: str
    pdf: bytes = b""
