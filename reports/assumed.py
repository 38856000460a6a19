"""What the figures rest on that nobody measured exactly, each with its range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.facts import Facts
from reports.language import Language

ASSUMED = {
    "charger_accuracy": "error of the charger registers",
    "meter_accuracy": "error of the billing meter",
    "clock_offset": "offset of the charger clocks",
    "power_in_steps": "draws in which charging power changes with the meter's windows",
    "conversion": "conversion behind a register on the DC side",
    "hidden_dc_side": "chance that a register stands on the DC side unsaid",
    "charge_per_stored": "grid energy per energy stored",
    "round_trip_efficiency": "energy given back per energy taken",
    "charging_power": "charging power from plug-in, of what was seen",
}
"""The names of `assumptions` in `summary.json` in words."""


def assumptions(facts: Facts, words: Language) -> str:
    """Return every assumption with its value and range; empty where the result rests on none."""
    stated = [one for one in facts.figure("assumptions") or () if one["name"] in ASSUMED]
    if not stated:
        return ""
    listed = words.listed(dict.fromkeys(_stated(one, words) for one in stated))
    return words.sentence(listed[:1].upper() + listed[1:])


def _stated(one: Mapping[str, Any], words: Language) -> str:
    what, unit = words.say(ASSUMED[one["name"]]), "" if one["unit"] == "1" else one["unit"]

    def shown(value: float) -> str:
        return words.with_unit(value, unit, 0, 3) if unit else words.number(value, 0, 3)

    if one["low"] is None or one["high"] is None:
        return words.say("{what} {value}", what=what, value=shown(one["value"]))
    span = {"what": what, "low": shown(one["low"]), "high": shown(one["high"])}
    if one["value"] is None:
        return words.say("{what} {low} to {high}", **span)
    return words.say("{what} {value} ({low} to {high})", value=shown(one["value"]), **span)
