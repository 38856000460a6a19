"""Everything the figures rest on that was not measured exactly, with its range: what a sceptic would ask for."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline import quality
from pipeline.chain.inputs import Prepared
from pipeline.chain.ranging import CONVERSION, chargers_of, dc_chance, losses_of, power_of
from pipeline.savings import Assumption
from pipeline.uncertainty import DC_LOSS, IN_STEP

_SOURCES = {
    "fit": "fitted to this site's stays",
    "ratio": "from sums over this site's stays",
    "assumed": "assumed, for want of discharges to measure it by",
}


def assumptions_of(prepared: Prepared) -> tuple[Assumption, ...]:
    """Return the assumptions of one bill, measurement before model; none before the programme or without chargers."""
    if prepared.inputs.is_seed or not prepared.inputs.site.chargers:
        return ()
    return (*_measurement(prepared), *_model(prepared))


def _around(name: str, value: float, half: float, unit: str, sentence: str) -> Assumption:
    low, high = (round(value * (1 + side * half), 4) for side in (-1, 1))
    return Assumption(name, round(value, 4), low, high, unit, sentence)


def _measurement(prepared: Prepared) -> Iterator[Assumption]:
    site = prepared.inputs.site
    for accuracy in sorted({charger.accuracy_pct for charger in site.chargers}):
        ids = ", ".join(charger.charger_id for charger in site.chargers if charger.accuracy_pct == accuracy)
        yield Assumption("charger_accuracy", 0.0, -accuracy, accuracy, "%", f"Registers of {ids} are of this class.")
    meter = max((meter.accuracy_pct for meter in site.meters if meter.role == "billing"), default=0.0)
    yield Assumption("meter_accuracy", 0.0, -meter, meter, "%", "The billing meter is of this class.")
    yield _clocks(prepared)
    said = (
        "Share of the draws that take chargers to change their power where the meter's windows begin. "
        "Nothing tells whether they do; ranges cover both."
    )
    yield Assumption("power_in_steps", round(100 * float(IN_STEP.mean())), None, None, "%", said)
    dc = [charger for charger in site.chargers if charger.register_side == "dc"]
    for charger in dc:
        efficiency = charger.conversion_efficiency or 1.0
        said = f"Conversion between the register of {charger.charger_id} and the grid, as the site file states it."
        yield _around("conversion", efficiency, CONVERSION, "1", said)
    if len(dc) < len(site.chargers):
        chance = round(100 * dc_chance(prepared.fits), 1)
        said = (
            f"Chance that registers stand on the DC side unsaid, so far as the meter does not rule it out; "
            f"{100 * DC_LOSS[0]:.0f} to {100 * DC_LOSS[1]:.0f} % would then be lost on either way."
        )
        yield Assumption("hidden_dc_side", chance, None, None, "%", said)


def _clocks(prepared: Prepared) -> Assumption:
    """The farthest clock, and from where to where the draws take all of them: 95 of 100 where the meter tells."""
    offset = prepared.clock.offset_s
    if not prepared.clock.resolved:
        return Assumption("clock_offset", offset, None, None, "s", "The clocks are wrong, so no load was rebuilt.")
    corrected = quality.corrections_s(prepared.fits, prepared.inputs.clock_bound_s)
    known = [(corrected.get(source.charger_id, 0.0), source.clock) for source in chargers_of(prepared)]
    spans = [(at, clock.bound_s if clock.error_s is None else clock.reach_s) for at, clock in known]
    low, high = min(at - half for at, half in spans), max(at + half for at, half in spans)
    sentence = (
        f"The meter does not tell every clock better than the {prepared.inputs.clock_bound_s} s they are taken to keep."
        if offset is None
        else "The farthest charger clock as the meter tells it; clocks that are certainly off were corrected."
    )
    return Assumption("clock_offset", offset, round(low, 1), round(high, 1), "s", sentence)


def _model(prepared: Prepared) -> Iterator[Assumption]:
    """What the modelled worlds rest on: the saving against charging from plug-in, else its levers alone."""
    if prepared.plug_in is None:
        return
    trip = prepared.round_trip
    losses, efficiency = losses_of(trip)
    known = _SOURCES[trip.source]
    said = f"Grid energy per energy stored, {known}."
    yield _around("charge_per_stored", trip.charge_wh_per_battery_wh, losses, "Wh/Wh", said)
    said = f"Energy given back per energy taken over a whole cycle, {known}."
    yield _around("round_trip_efficiency", trip.efficiency, efficiency, "1", said)
    half = 100 * power_of(prepared.plug_in)
    said = "Charging power from plug-in, as a share of what registers (or, without charging, ratings) show."
    yield Assumption("charging_power", 100.0, 100 - half, 100 + half, "%", said)
