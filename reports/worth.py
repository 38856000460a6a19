"""What a saving came from, what lies ahead of it, and the utility's bill beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from pipeline.calendars import months_between
from reports.facts import Facts, reason_sentence
from reports.language import Language, exact
from reports.theme import ADDED, BASELINE, SAVED
from reports.view import NOT_STATED, Table, tone

PARTS = {
    "energy_volume": "Energy: how much was bought",
    "energy_shift": "Energy: when it was bought",
    "demand_own": "Demand: this bill's own peaks",
    "demand_carried": "Demand: earlier peaks, carried by a ratchet",
    "export": "Energy fed into the grid",
    "riders": "Riders, levies and credits",
    "tax": "Tax",
    "other": "All other lines",
}
STEP_WIDTH = 96  # px
LEVERS = {
    "hosting": "Hosting the cars at all, modelled",
    "managed_charging": "When the cars charged, modelled",
    "discharge": "What the cars gave back, measured; round trip assumed where too few discharges tell it",
}
UTILITY_FIGURES = {"demand": "Billed demand", "energy": "Energy", "amount": "Amount"}


@dataclass(frozen=True)
class WorthRow:
    """One part of the saving: what it is, how much, gain, loss or plain, and its step from the sum before to after."""

    label: str
    amount: str
    tone: str
    step: str = ""


def part_rows(facts: Facts, words: Language) -> tuple[WorthRow, ...]:
    """Return the parts the saving came from, those that are 0 left out; they sum to it."""
    return _rows(facts, "decomposition", PARTS, words)


def lever_rows(facts: Facts, words: Language) -> tuple[WorthRow, ...]:
    """Return what of the saving came from which lever, those that are 0 left out; they sum to it."""
    return _rows(facts, "levers", LEVERS, words)


def _rows(facts: Facts, section: str, labels: Mapping[str, str], words: Language) -> tuple[WorthRow, ...]:
    amounts = [(label, amount) for name, label in labels.items() if (amount := facts.money(section, name))]
    sums = list(accumulate((amount for _, amount in amounts), initial=Decimal(0)))
    return tuple(
        WorthRow(
            words.say(label),
            words.gain(amount, facts.currency),
            tone(words.rounded(amount, facts.currency)),
            _step(sums, place),
        )
        for place, (label, amount) in enumerate(amounts)
    )


def _step(sums: Sequence[Decimal], place: int) -> str:
    """Return a bar from one running sum to the next, on the scale all of them share; a thin line marks zero."""
    low, high = min(sums), max(sums)
    scale = (STEP_WIDTH - 1) / float(high - low)
    start, end, zero = ((float(value - low)) * scale for value in (sums[place], sums[place + 1], Decimal(0)))
    colour = SAVED if end >= start else ADDED
    left, wide = min(start, end), max(abs(end - start), 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{STEP_WIDTH}" height="12" viewBox="0 0 {STEP_WIDTH} 12" '
        f'aria-hidden="true"><rect x="{zero:.1f}" width="1" height="12" fill="{BASELINE}"/>'
        f'<rect x="{left:.1f}" y="1" width="{wide:.1f}" height="10" fill="{colour}"/></svg>'
    )


def mostly_modelled(facts: Facts) -> bool:
    """Whether more than half of the saving comes from worlds that are modelled, not metered."""
    modelled = [facts.money("levers", name) for name in ("hosting", "managed_charging")]
    if facts.saved is None or any(amount is None for amount in modelled):
        return False
    return 2 * abs(sum((amount for amount in modelled if amount), Decimal(0))) > abs(facts.saved)


def year_ahead(facts: Facts, words: Language) -> str:
    """Return the sentences on what past peaks still bring, the run-rate, and what rolls off next."""
    locked, run_rate = facts.money("annual", "locked"), facts.money("annual", "run_rate")
    parts = []
    first = facts.figure("annual", "first_paying_month")
    if first:
        parts.append(words.say("First bill with a lower billed demand: {month}.", month=words.month_year(first)))
    if locked is not None:
        message = (
            "Locked: {amount} is what the bills to come would still differ by if V2B stopped today and last year "
            "repeated."
        )
        parts.append(words.say(message, amount=words.money(locked, facts.currency)))
    if run_rate is not None:
        message = "Run-rate: {amount} a year, a projection of twelve months like the last at today's tariff."
        parts.append(words.say(message, amount=words.money(run_rate, facts.currency)))
    parts.append(_roll_off(facts, words))
    parts += [words.say(reason_sentence(code)) for code in ("no_ratchet", "no_roll_off") if code in facts.reasons]
    return words.joined(part for part in parts if part)


def _roll_off(facts: Facts, words: Language) -> str:
    found = facts.figure("annual", "next_roll_off")
    if found is None:
        return ""
    message = (
        "In {month}, {left}, the ratchet carries {to} with V2B instead of {start}: {amount} less where no higher peak "
        "is set."
        if found["world"] == "actual"
        else "In {month}, {left}, the ratchet would carry {to} without V2B instead of {start}: {amount} less where no "
        "higher peak is set."
    )
    return words.say(
        message,
        month=words.month_year(found["month"]),
        left=_bills_left(facts.month, found["month"], words),
        to=words.kw(found["to_kw"]),
        start=words.kw(found["from_kw"]),
        amount=words.money(found["money"], facts.currency),
    )


def _bills_left(month: str, roll_off: str, words: Language) -> str:
    """Return how many bills after this one a ratchet still holds before the one of its roll-off."""
    left = len(months_between(month, roll_off)) - 2
    if not left:
        return words.say("the next bill")
    return words.say("after one more bill" if left == 1 else "after {count} more bills", count=words.count(left))


def utility_table(facts: Facts, words: Language) -> Table | None:
    """Return the utility's figures beside ours for the metered load; None where its bill is not supplied."""
    figures = facts.figure("reconciliation", "figures")
    if not figures:
        return None
    rows = tuple(_utility_row(entry, facts, words) for entry in figures)
    heads = ("Figure", "Ours, from the meter", "The utility's", "Difference")
    caption = words.say("Beside the utility's bill")
    return Table(caption, tuple(words.say(head) for head in heads), rows)


def _utility_row(entry: Mapping[str, Any], facts: Facts, words: Language) -> tuple[str, ...]:
    def shown(value: str | None) -> str:
        if value is None:
            return NOT_STATED
        if entry["unit"] == "money":
            return words.money(value, facts.currency)
        return words.with_unit(value, entry["unit"], 0, 3)

    label = words.say(UTILITY_FIGURES[entry["figure"]])
    share = entry["difference_pct"]
    difference = NOT_STATED if share is None else ("+" if share > 0 else "") + words.percent(exact(share), 2)
    name = f"{label}, {entry['charge_id']}" if entry["charge_id"] else label
    return name, shown(entry["ours"]), shown(entry["utility"]), difference
