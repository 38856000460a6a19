"""What the cars of a bill did: ready or not, plugged in or not, also when the peak was set, and what they cut there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline import fleet, savings
from pipeline.calendars import instants_us, period_utc
from pipeline.chain.event_window import hours_of_bill, in_event_hours
from pipeline.chain.inputs import Prepared
from pipeline.tariff import Bill
from pipeline.tariff.clock import Flags, Ints, micros

Span = tuple[datetime, datetime]


def fleet_of(prepared: Prepared, energy: savings.Energy, peak: Span | None) -> dict[str, Any]:
    """Return the `fleet` section of the result contract; `peak` is the span that set the metered demand."""
    site, span = prepared.inputs.site, period_utc(prepared.inputs.period, prepared.inputs.site.timezone)
    targets = {vehicle.vehicle_id: vehicle.target_soc_pct for vehicle in site.vehicles}
    reserves = {vehicle.vehicle_id: vehicle.min_soc_pct for vehicle in site.vehicles}
    usable = {vehicle.vehicle_id: vehicle.usable_kwh * 1000 for vehicle in site.vehicles}
    per_stored = prepared.round_trip.charge_wh_per_battery_wh
    stores = {charger.charger_id: charger.rated_charge_kw * 1000 / per_stored for charger in site.chargers}
    left = fleet.departing(prepared.known_sessions, span, targets)
    hours = hours_of_bill(prepared, "prevailing")
    in_event = in_event_hours(prepared.inputs, hours)
    return fleet.fleet_section(
        fleet.departures(left),
        energy.charge_wh,
        energy.discharge_wh,
        sum(usable.values()),
        prepared.round_trip.efficiency,
        fleet.Observed(
            availability_pct=_availability_pct(prepared, in_event),
            available_at_peak_pct=_availability_pct(prepared, None if peak is None else _within(hours.starts, peak)),
            reserve_violations=fleet.reserve_violations(prepared.log, span, reserves),
            missing=fleet.missing_at_departure(left, usable, stores),
        ),
    )


def _availability_pct(prepared: Prepared, inside: Flags | None) -> float | None:
    """The plugged-in share of charger time in some windows."""
    sessions, windows = prepared.known_sessions, prepared.windows
    if inside is None or sessions.get_column("plugged_out_at").null_count():
        return None
    starts = instants_us(windows.get_column("interval_start"))[inside]
    lengths_s = windows.get_column("duration_s").to_numpy()[inside]
    share = fleet.availability_pct(sessions, starts, lengths_s, len(prepared.inputs.site.chargers))
    return None if share is None else round(share, 2)


def peak_span(prepared: Prepared, bills: Mapping[str, Bill], world: str) -> Span | None:
    """Return from when until when a world set its own peak of the headline demand line; None without one."""
    headline = bills.get(prepared.inputs.site.headline)
    key = savings.main_demand_line(headline, prepared.inputs.earlier.demand_amounts) if headline else None
    line = savings.line_of(bills.get(world), key)
    if key is None or line is None or line.set_at is None:
        return None
    charge = next(charge for charge in prepared.inputs.tariff.charges if charge.charge_id == key[0])
    return line.set_at, line.set_at + timedelta(minutes=charge.spans[0].quantity.window_min or prepared.window_min)


def cut_at_baseline_peak_kw(prepared: Prepared, bills: Mapping[str, Bill]) -> float | None:
    """Return by how much less was drawn while the compared world set its peak [kW]; None without a demand line."""
    world = prepared.inputs.site.headline
    span = peak_span(prepared, bills, world)
    if span is None:
        return None
    windows = prepared.billed_windows
    inside = _within(instants_us(windows.get_column("interval_start")), span)
    if not inside.any():
        return None
    names = (f"{world}_import_wh", "actual_import_wh", "duration_s")
    ours, actual, lasted_s = (int(windows.get_column(name).to_numpy()[inside].sum()) for name in names)
    return (ours - actual) / (lasted_s / 3600) / 1000


def _within(starts: Ints, span: Span) -> Flags:
    """Which windows begin in a half-open span."""
    inside: Flags = (starts >= micros(span[0])) & (starts < micros(span[1]))
    return inside
