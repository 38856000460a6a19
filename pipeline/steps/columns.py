"""Which column of `savings_month` holds which figure of `summary.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import polars as pl

from pipeline.savings import PARTS

_MONEY: Final = pl.Decimal(38, 12)
_PATHS: Final[Mapping[str, tuple[str, pl.DataType | type[pl.DataType]]]] = {
    "bill_from": ("bill_from", pl.Date),
    "bill_to": ("bill_to", pl.Date),
    "currency": ("currency", pl.String),
    "headline": ("headline", pl.String),
    "state": ("state", pl.String),
    "provable": ("provable", pl.Boolean),
    "grade": ("grade", pl.String),
    "reasons": ("reasons", pl.List(pl.String)),
    "demand_line": ("peak_kw.demand_line", pl.String),
    "peak_no_ev_kw": ("peak_kw.no_ev", pl.Float64),
    "peak_unmanaged_kw": ("peak_kw.unmanaged", pl.Float64),
    "peak_actual_kw": ("peak_kw.actual", pl.Float64),
    "peak_reduction_kw": ("peak_kw.reduction", pl.Float64),
    "baseline_set_at": ("peak_kw.baseline_set_at", pl.Datetime("us", "UTC")),
    "actual_set_at": ("peak_kw.actual_set_at", pl.Datetime("us", "UTC")),
    "billing_no_ev_kw": ("billing_demand_kw.no_ev", pl.Float64),
    "billing_unmanaged_kw": ("billing_demand_kw.unmanaged", pl.Float64),
    "billing_actual_kw": ("billing_demand_kw.actual", pl.Float64),
    "billing_reduction_kw": ("billing_demand_kw.reduction", pl.Float64),
    "baseline_carried_from": ("billing_demand_kw.baseline_carried_from", pl.String),
    "actual_carried_from": ("billing_demand_kw.actual_carried_from", pl.String),
    "peak_saved_pct": ("percent_saved.peak", pl.Float64),
    "moved_out_of_window_pct": ("percent_saved.moved_out_of_window", pl.Float64),
    "bill_saved_pct": ("percent_saved.bill", pl.Float64),
    "energy_no_ev_kwh": ("energy_kwh.no_ev", pl.Float64),
    "energy_unmanaged_kwh": ("energy_kwh.unmanaged", pl.Float64),
    "energy_actual_kwh": ("energy_kwh.actual", pl.Float64),
    "bill_no_ev": ("money.bill_no_ev", _MONEY),
    "bill_unmanaged": ("money.bill_unmanaged", _MONEY),
    "bill_actual": ("money.bill_actual", _MONEY),
    "bill_managed": ("money.bill_managed", _MONEY),
    "saved": ("money.saved", _MONEY),
    "lever_hosting": ("levers.hosting", _MONEY),
    "lever_managed_charging": ("levers.managed_charging", _MONEY),
    "lever_discharge": ("levers.discharge", _MONEY),
    **{f"saved_by_{part}": (f"decomposition.{part}", _MONEY) for part in PARTS},
    "partial": ("money.partial", pl.Boolean),
    "wear_low": ("money.wear_low", _MONEY),
    "wear_high": ("money.wear_high", _MONEY),
    "realised": ("annual.realised", _MONEY),
    "bills": ("annual.bills", pl.Int64),
    "provable_bills": ("annual.provable_bills", pl.Int64),
    "locked": ("annual.locked", _MONEY),
    "run_rate": ("annual.run_rate", _MONEY),
    "reconciliation": ("reconciliation.verdict", pl.String),
    "first_paying_month": ("annual.first_paying_month", pl.String),
    "departures": ("fleet.departures", pl.Int64),
    "ready": ("fleet.ready", pl.Int64),
    "short": ("fleet.short", pl.Int64),
    "unknown": ("fleet.unknown", pl.Int64),
    "ready_pct": ("fleet.ready_pct", pl.Float64),
    "charged_kwh": ("fleet.charged_kwh", pl.Float64),
    "discharged_kwh": ("fleet.discharged_kwh", pl.Float64),
    "round_trip_efficiency": ("fleet.round_trip_efficiency", pl.Float64),
    "equivalent_full_cycles": ("fleet.equivalent_full_cycles", pl.Float64),
    "outage_hours": ("outages.hours", pl.Float64),
    "ridden_through_hours": ("outages.ridden_through_hours", pl.Float64),
    "served_kwh": ("outages.served_kwh", pl.Float64),
    "reduction_at_baseline_peak_kw": ("peak_kw.reduction_at_baseline_peak", pl.Float64),
    "short_kwh": ("fleet.short_kwh", pl.Float64),
    "short_minutes": ("fleet.short_minutes", pl.Float64),
    "available_at_peak_pct": ("fleet.available_at_peak_pct", pl.Float64),
    "outside_kwh": ("outside.kwh", pl.Float64),
    "outside_value": ("outside.value", _MONEY),
    "co2_change_kg": ("co2.change_kg", pl.Float64),
    "co2_missing_hours": ("co2.hours_without_factor", pl.Float64),
    "check_verdict": ("check.verdict", pl.String),
    "check_method": ("check.method", pl.String),
    "check_metered_kw": ("check.metered_kw", pl.Float64),
    "check_estimated_kw": ("check.estimated_kw", pl.Float64),
    "check_low_kw": ("check.low", pl.Float64),
    "check_high_kw": ("check.high", pl.Float64),
    "clock_offset_s": ("data.clock_offset_s", pl.Int64),
    "beta": ("data.beta", pl.Float64),
    "meter_coverage_pct": ("data.meter_coverage_pct", pl.Float64),
    "charger_coverage_pct": ("data.charger_coverage_pct", pl.Float64),
    "reduction_low_kw": ("peak_kw.low", pl.Float64),
    "reduction_high_kw": ("peak_kw.high", pl.Float64),
    "peak_saved_low_pct": ("percent_saved.peak_low", pl.Float64),
    "peak_saved_high_pct": ("percent_saved.peak_high", pl.Float64),
    "bill_saved_low_pct": ("percent_saved.bill_low", pl.Float64),
    "bill_saved_high_pct": ("percent_saved.bill_high", pl.Float64),
    "saved_low": ("money.low", _MONEY),
    "saved_high": ("money.high", _MONEY),
    "saved_measurement_low": ("uncertainty.money.measurement.low", _MONEY),
    "saved_measurement_high": ("uncertainty.money.measurement.high", _MONEY),
    "saved_modelling_low": ("uncertainty.money.modelling.low", _MONEY),
    "saved_modelling_high": ("uncertainty.money.modelling.high", _MONEY),
    "realised_low": ("annual.realised_low", _MONEY),
    "realised_high": ("annual.realised_high", _MONEY),
    "run_rate_low": ("annual.run_rate_low", _MONEY),
    "run_rate_high": ("annual.run_rate_high", _MONEY),
}


def _typed(value: Any, dtype: pl.DataType | type[pl.DataType]) -> Any:
    if value is None:
        return None
    if dtype == _MONEY:
        return Decimal(value)
    if dtype == pl.Date:
        return date.fromisoformat(value)
    if dtype == pl.Datetime("us", "UTC"):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def _at(summary: Mapping[str, Any], path: str) -> Any:
    value: Any = summary
    for name in path.split("."):
        value = value[name]
    return value


def savings_row(summary: Mapping[str, Any], input_hash: str, result_hash: str) -> pl.DataFrame:
    """Return the one row of `savings_month` that holds a summary."""
    row = {column: _typed(_at(summary, path), dtype) for column, (path, dtype) in _PATHS.items()}
    schema = {column: dtype for column, (_, dtype) in _PATHS.items()}
    text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
    return pl.DataFrame([row], schema=schema).with_columns(
        input_hash=pl.lit(input_hash), result_hash=pl.lit(result_hash), summary=pl.lit(text)
    )
