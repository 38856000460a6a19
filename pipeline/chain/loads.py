"""Rebuilds what each world would have drawn in every demand window of a bill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from pipeline import charging, quality, scenarios
from pipeline.calendars import instant_us, instants_us, period_utc, window_grid
from pipeline.chain.findings import clock_fits, load_findings, log_findings, meter_findings, zero_runs_of
from pipeline.chain.inputs import Inputs, Prepared
from pipeline.chain.outages import with_dead_time, without_served
from pipeline.chain.plug_in import PlugIn
from pipeline.chain.sessions import assign_sessions, found_sessions, known_sessions, since_programme
from pipeline.chain.standby import with_standby
from pipeline.domain import BillPeriod, V2BError

_OUTSIDE_SESSIONS_TOLERANCE: Final = 0.005


def prepare(inputs: Inputs) -> Prepared:
    """Rebuild what each world would have drawn per demand window.

    Zeros that mean missing (quality.zero_runs) count as not metered: they are neither billed nor a peak's history.
    Raises V2BError where the meter's intervals do not fit the demand window.
    """
    site, zone = inputs.site, inputs.site.timezone
    window_min = _window_min(inputs)
    grid = window_grid(inputs.period, zone, window_min)
    span = period_utc(inputs.period, zone)
    windows = scenarios.metered_windows(inputs.meter, site.billing_meter_ids, grid)
    windows = scenarios.reactive_windows(inputs.reactive, site.billing_meter_ids, windows)
    windows = with_dead_time(windows, inputs.outages)
    findings = meter_findings(inputs, windows)
    windows = quality.without_zero_runs(windows, zero_runs_of(findings))
    assigned = assign_sessions(inputs.readings, inputs.session_records)
    repaired = charging.repair_registers(assigned, site.chargers)
    log = repaired.log.with_readings(charging.on_ac_side(repaired.readings, site.chargers))
    fits, log, registers = _on_the_meters_clock(inputs, windows, log)
    chargers = list(dict.fromkeys([*log.charger_ids, *(charger.charger_id for charger in site.chargers)]))
    charger_windows = registers.by_window(chargers, grid, clock_bound_s=inputs.clock_bound_s)
    windows = windows.hstack(_of_fleet(charger_windows, len(chargers), grid.height))
    windows = without_served(windows, log.readings, inputs.outages)
    windows = with_standby(windows, log.readings, site.chargers)
    sessions = known_sessions(inputs.sessions, found_sessions(log, inputs.session_records))
    sessions = sessions[: _before(sessions.get_column("plugged_in_at"), span[1])]
    round_trip = charging.round_trip(sessions, {v.vehicle_id: v.usable_kwh * 1000 for v in site.vehicles})
    outside = _flows_outside_sessions(windows, sessions, span)
    windows, plug_in = _rebuilt(inputs, windows, sessions, log, registers, round_trip)
    found = [load_findings(inputs, windows, fits), log_findings(inputs, repaired, charger_windows, sessions)]
    found.append(quality.efficiency_too_high(windows, round_trip))
    found.append(quality.charging_that_does_not_fit(charger_windows, plug_in.unfit_wh if plug_in else {}))
    findings = quality.joined([findings, *found])
    return Prepared(
        inputs=inputs,
        window_min=window_min,
        windows=windows,
        charger_windows=charger_windows,
        known_sessions=sessions,
        round_trip=round_trip,
        outside_sessions=outside,
        findings=findings,
        clock=quality.clock_of(fits, inputs.clock_bound_s),
        wiring=quality.wiring_of(fits),
        log=log,
        registers=registers,
        fits=fits,
        plug_in=plug_in,
    )


def _window_min(inputs: Inputs) -> int:
    stated = inputs.site.demand_window_min or inputs.tariff.demand_window_min
    if stated is not None:
        return stated
    durations = inputs.meter.get_column("duration_s").unique().sort()
    if durations.len() != 1 or durations[0] % 60:
        raise V2BError(
            f"site {inputs.site.site_id}: neither the site nor its tariff states a demand window and the meter's "
            f"intervals are {durations.to_list()} s long; allowed: demand_window_min in the site file"
        )
    return int(durations[0]) // 60


def _on_the_meters_clock(
    inputs: Inputs, windows: pl.DataFrame, log: charging.Log
) -> tuple[list[quality.Fit], charging.Log, charging.Registers]:
    """The clocks of the chargers as they came, and the log and registers corrected by what the meter tells."""
    registers = charging.registers_of(log)
    fits = clock_fits(inputs, windows, registers)
    ahead_s = quality.corrections_s(fits, inputs.clock_bound_s)
    if not ahead_s:
        return fits, log, registers
    moved = charging.Log.of(charging.on_the_meters_clock(log.readings, ahead_s))
    return fits, moved, charging.registers_of(moved)


def _of_fleet(charger_windows: pl.DataFrame, chargers: int, windows: int) -> list[pl.Series]:
    """What all chargers did in each window; `charger_windows` lie charger by charger."""
    charge, discharge, covered = (
        charger_windows.get_column(name).to_numpy().reshape(chargers, windows)
        for name in ("charge_wh", "discharge_wh", "covered")
    )
    return [
        pl.Series("charge_wh", charge.sum(axis=0)),
        pl.Series("discharge_wh", discharge.sum(axis=0)),
        pl.Series("covered", covered.all(axis=0)),
    ]


def _rebuilt(
    inputs: Inputs,
    windows: pl.DataFrame,
    sessions: pl.DataFrame,
    log: charging.Log,
    registers: charging.Registers,
    round_trip: charging.RoundTrip,
) -> tuple[pl.DataFrame, PlugIn | None]:
    """Return the loads of all worlds, and what the modelled ones were made from; nothing before the programme."""
    if inputs.is_seed:
        return scenarios.modelled_as_metered(scenarios.no_ev(windows)), None
    since = local_midnight(inputs)
    usable_wh = {vehicle.vehicle_id: vehicle.usable_kwh * 1000 for vehicle in inputs.site.vehicles}
    ours = since_programme(sessions, log.readings, since, usable_wh, round_trip)
    plug_in = PlugIn.of(ours, windows, log, inputs.site, round_trip, inputs.outages)
    return _worlds(windows, plug_in.rebuilt, ours, registers, round_trip, since), plug_in


def _summed(drawn: Mapping[str, scenarios.Wh], windows: pl.DataFrame) -> pl.Series:
    total = sum(drawn.values(), np.zeros(windows.height, dtype=np.int64))
    return pl.Series("unmanaged_charge_wh", total, dtype=pl.Int64)


def _worlds(
    windows: pl.DataFrame,
    drawn: Mapping[str, scenarios.Wh],
    ours: pl.DataFrame,
    registers: charging.Registers,
    round_trip: charging.RoundTrip,
    since: datetime,
) -> pl.DataFrame:
    def energy(charger_id: str, edges: scenarios.Wh) -> tuple[scenarios.Wh, scenarios.Wh]:
        return registers.through(charger_id, edges * 1000)

    kept = scenarios.managed_charge(ours, windows, energy=energy, round_trip=round_trip)
    both = windows.hstack([_summed(drawn, windows), pl.Series("managed_charge_wh", kept)])
    rebuilt = scenarios.managed(scenarios.unmanaged(scenarios.no_ev(both)))
    before = _before(rebuilt.get_column("interval_start"), since)
    return pl.concat([scenarios.modelled_as_metered(rebuilt[:before]), rebuilt[before:]]) if before else rebuilt


def local_midnight(inputs: Inputs) -> datetime:
    """Return the instant the programme began, from when on the two worlds may differ."""
    start = inputs.programme_start or inputs.period.read_from
    return period_utc(BillPeriod("", start, start), inputs.site.timezone)[0]


def _flows_outside_sessions(windows: pl.DataFrame, sessions: pl.DataFrame, span: tuple[datetime, datetime]) -> bool:
    """Whether more than 0.5 % of the energy through the chargers belongs to no session of this bill."""
    plugged_out = instants_us(sessions.get_column("plugged_out_at"))
    touching = plugged_out > instant_us(span[0])
    touching[_before(sessions.get_column("plugged_in_at"), span[1]) :] = False
    flows = ("charge_wh", "discharge_wh")
    through = sum(int(windows.get_column(name).sum()) for name in flows)
    logged = sum(int(sessions.get_column(name).to_numpy()[touching].sum()) for name in flows)
    return through > logged * (1 + _OUTSIDE_SESSIONS_TOLERANCE) + 1


def _before(instants: pl.Series, at: datetime) -> int:
    """How many of some instants in order lie before another."""
    return int(np.searchsorted(instants_us(instants), instant_us(at)))
