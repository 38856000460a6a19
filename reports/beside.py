"""What stands beside the saving: energy left in the cars, outages, CO2, and what a new version of a report corrects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from reports.facts import Facts
from reports.language import Language


def outages(facts: Facts, words: Language) -> str:
    """Return how long the grid was dead and what the cars gave then; empty without an outage."""
    hours = facts.figure("outages", "hours")
    if not hours:
        return ""
    ridden, served = facts.figure("outages", "ridden_through_hours"), facts.figure("outages", "served_kwh")
    said = [words.say("The grid was dead for {time}.", time=words.with_unit(hours, "h", 0, 2))]
    if ridden:
        message = "The cars carried the load through {time} of it and gave {kwh}; no saving counts that energy."
        values = {"time": words.with_unit(ridden, "h", 0, 2), "kwh": words.with_unit(served, "kWh", 1)}
        said.append(words.say(message, **values))
    said.append(words.say("Nothing passes a meter without a grid, so readings missing then are no missing data."))
    return words.joined(said)


def outside(facts: Facts, words: Language) -> str:
    """Return by how much fuller or emptier V2B left the cars than charging from plug-in would have; empty if alike."""
    kwh, value = facts.figure("outside", "kwh"), facts.money("outside", "value")
    if not kwh or value is None:
        return ""
    message = (
        "The bill ended with {kwh} more in the cars than charging from plug-in would have left there, worth {money} at "
        "the cheapest rate; no saving counts it."
        if kwh > 0
        else "The bill ended with {kwh} less in the cars than charging from plug-in would have left there, worth "
        "{money} at the cheapest rate; no saving is reduced by it."
    )
    amount = words.money(abs(value), facts.currency)
    return words.say(message, kwh=words.with_unit(abs(kwh), "kWh", 0, 1), money=amount)


def co2(facts: Facts, words: Language) -> str:
    """Return what the grid emitted more or less, signed; empty without marginal factors or a proved saving."""
    change = facts.figure("co2", "change_kg")
    if change is None:
        return ""
    message = (
        "The grid emitted {mass} more than without V2B, by the marginal factors supplied."
        if change > 0
        else "The grid emitted {mass} less than without V2B, by the marginal factors supplied."
    )
    said = words.say(message, mass=words.with_unit(abs(change), "kg", 0, 1))
    return words.joined([said, words.say("It rests on the modelled and metered energies as they stand; no range.")])


def corrections(facts: Facts, words: Language) -> str:
    """Return which figures this version of the report corrects, and why; empty for a first version."""
    changes = facts.figure("version", "changes")
    if not changes:
        return ""
    figures = changes["figures"]
    said = []
    if "saved" in figures:
        old, new = (_money(figures["saved"][side], facts, words) for side in ("from", "to"))
        said.append(words.say("The saving was stated as {old} before and is now {new}.", old=old, new=new))
    if "peak_reduction_kw" in figures:
        old, new = (_kw(figures["peak_reduction_kw"][side], words) for side in ("from", "to"))
        said.append(words.say("The peak cut was stated as {old} before and is now {new}.", old=old, new=new))
    if "grade" in figures:
        old, new = (str(figures["grade"][side]) for side in ("from", "to"))
        said.append(words.say("The grade was {old} and is now {new}.", old=old, new=new))
    return words.joined([*said, *(words.sentence(reason) for reason in changes["why"])])


def _money(amount: Any, facts: Facts, words: Language) -> str:
    return words.say("not proved") if amount is None else words.money(Decimal(amount), facts.currency)


def _kw(value: float | None, words: Language) -> str:
    return words.say("not proved") if value is None else words.kw(value)
