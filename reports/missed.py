"""What the same cars could have saved beyond what they did, by cause, and the advice that follows from the data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reports.checked import clock_advice, hold_out_advice
from reports.facts import Facts
from reports.language import Language, exact
from reports.view import NOT_STATED, Table

CAUSES = {
    "control": "Discharge at the right time and strength",
    "faults": "Charger faults",
    "plugged_in_late": "Cars plugged in after they arrived",
    "arrived_not_full": "Cars that arrived less than full",
}
ADVICE = {
    "control": "Most of what was missed is control: the plugged-in cars held enough to cut {kw} more at the peak.",
    "faults": "Most of what was missed is charger faults: with every charger working the cut would be {kw} larger.",
    "plugged_in_late": "Most of what was missed is late plugging-in: cars at their chargers on arrival would cut {kw} "
    "more.",
    "arrived_not_full": "Most of what was missed is charge on arrival: cars that arrive full would cut {kw} more.",
}
LITTLE_KW = Decimal("0.1")  # what prints as 0.1 kW; advice about less would be noise


def missed_table(facts: Facts, words: Language) -> Table | None:
    """Return what was missed by cause; None where it is not known or nothing was."""
    entries = [entry for entry in _missed(facts) if _stated(entry)]
    if not entries:
        return None
    rows = tuple(_row(entry, facts, words) for entry in entries)
    heads = ("Cause", "Peak not cut, kW", "{currency} not saved")
    return Table(
        words.say("What was missed, and why"), tuple(words.say(head, currency=facts.currency) for head in heads), rows
    )


def advice(facts: Facts, words: Language) -> str:
    """Return what the data suggest to do; empty where they suggest nothing."""
    parts = (_largest, _recharge, _short, hold_out_advice, clock_advice)
    return words.joined(text for text in (part(facts, words) for part in parts) if text)


def _missed(facts: Facts) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry for entry in facts.figure("capture", "missed") or () if isinstance(entry, Mapping))


def _stated(entry: Mapping[str, Any]) -> bool:
    return any(value is not None and exact(value) != 0 for value in (entry.get("kw"), entry.get("money")))


def _row(entry: Mapping[str, Any], facts: Facts, words: Language) -> tuple[str, ...]:
    cause, kw, money = str(entry["cause"]), entry.get("kw"), entry.get("money")
    return (
        words.say(CAUSES.get(cause, cause.replace("_", " "))),
        NOT_STATED if kw is None else words.number(kw, 1),
        NOT_STATED if money is None else words.amount(money, facts.currency),
    )


def _largest(facts: Facts, words: Language) -> str:
    known = [(exact(entry["kw"]), str(entry["cause"])) for entry in _missed(facts) if entry.get("kw") is not None]
    kw, cause = max(known, default=(Decimal(0), ""))
    total = sum((kw for kw, _ in known if kw > 0), Decimal(0))
    if cause not in ADVICE or kw < LITTLE_KW or 2 * kw <= total:
        return ""
    return words.say(ADVICE[cause], kw=words.kw(kw))


def _recharge(facts: Facts, words: Language) -> str:
    """Say when recharge made the month's highest window."""
    at, cut = facts.set_at("actual"), facts.peak_cut_kw
    if at is None or cut is None or cut >= 0:
        return ""
    return words.say(
        "The month's highest window, {date} at {clock}, is one V2B made: charging less then would lower the peak by "
        "up to {kw}.",
        date=words.day_short(at.date()),
        clock=words.clock(at),
        kw=words.kw(abs(cut)),
    )


def _short(facts: Facts, words: Language) -> str:
    short, departures = facts.figure("fleet", "short"), facts.figure("fleet", "departures")
    if not short or not departures:
        return ""
    counts = {"short": words.number(short), "all": words.number(departures)}
    kwh, minutes = facts.figure("fleet", "short_kwh"), facts.figure("fleet", "short_minutes")
    if kwh is None or minutes is None:
        return words.say(
            "{short} of {all} departures were below their target: recharge has to start earlier or discharge end "
            "sooner.",
            **counts,
        )
    return words.say(
        "{short} of {all} departures were below their target, by {kwh} together, {minutes} minutes of charging at full "
        "power: recharge has to start earlier or discharge end sooner.",
        **counts,
        kwh=words.with_unit(kwh, "kWh", 0, 1),
        minutes=words.number(minutes),
    )
