"""The answer in one sentence, and in a mail's subject. Bad news is said as plainly as good news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from reports.facts import Facts, reason_sentence
from reports.language import MINUS, NO_BREAK, Language

Emphasis = Callable[[str, str], str]


@dataclass(frozen=True)
class Voice:
    """Says a sentence as plain text or as HTML with its figures emphasised."""

    words: Language
    html: bool = False

    def say(self, message: str, **values: str) -> str:
        """Return the message with its values, escaped where it becomes HTML."""
        return self.words.say_marked(message, **values) if self.html else self.words.say(message, **values)

    def figure(self, text: str, *, gain: bool) -> str:
        """Return a figure, in the colour of a gain or of a loss where it becomes HTML."""
        if not self.html:
            return text
        return Markup('<span class="{}">{}</span>').format("gain" if gain else "loss", text)


@dataclass(frozen=True)
class Change:
    """What V2B did to one bill, to the precision it is printed in; positive means less."""

    billed_cut: Decimal | None  # kW
    saved: Decimal

    @classmethod
    def of(cls, facts: Facts, words: Language) -> Change:
        """Return the change of a provable bill."""
        cut = facts.billed_cut_kw
        return cls(
            None if cut is None else round(Decimal(str(cut)), 1), words.rounded(facts.saved or 0, facts.currency)
        )


def headline(facts: Facts, voice: Voice) -> str:
    """Return the answer: what happened to the peak and the bill, and whether the cars were ready."""
    words, month = voice.words, voice.words.month_name(facts.month)
    if facts.state == "seed":
        return voice.say("V2B had not begun in {month}: this bill has no saving.", month=words.month_year(facts.month))
    if facts.state in ("failed", "no_bill"):
        found = words.joined(words.say(reason_sentence(code)) for code in facts.reasons)
        message = "{month} could not be computed. {why}" if facts.state == "failed" else "{month} has no bill. {why}"
        return voice.say(message, month=words.month_year(facts.month), why=found).strip()
    if not facts.provable:
        found = words.say(reason_sentence(facts.blocking[0])) if facts.blocking else ""
        return voice.say("Not provable this month. {why}", why=found).strip()
    return voice.say("{finding}{ready}.", finding=_finding(facts, voice, month), ready=_ready_tail(facts, words))


def _finding(facts: Facts, voice: Voice, month: str) -> str:
    change = Change.of(facts, voice.words)
    if change.billed_cut is None:
        return _bill_only(facts, voice, month, change)
    if change.billed_cut == 0:
        return voice.say(
            "V2B did not change {month}'s billed peak, and {bill}", month=month, bill=_bill(facts, voice, change)
        )
    if facts.carried_from:
        return _carried(facts, voice, month, change)
    if facts.actual_carried_from and change.billed_cut > 0:
        return _kept(facts, voice, month, change)
    return _own_peak(facts, voice, month, change)


def _bill_only(facts: Facts, voice: Voice, month: str, change: Change) -> str:
    if change.saved == 0:
        return voice.say("V2B did not change {month}'s bill", month=month)
    amount = _amount(facts, voice, change)
    if change.saved > 0:
        message = "{cars} cut {month}'s bill by {amount}{moved}"
        moved = _moved(facts, voice.words)
        return voice.say(message, cars=cars(facts, voice.words), month=month, amount=amount, moved=moved)
    return voice.say("V2B raised {month}'s bill by {amount}", month=month, amount=amount)


def _moved(facts: Facts, words: Language) -> str:
    """Return how much energy was moved, where that and not a peak is what saves."""
    share = facts.figure("percent_saved", "moved_out_of_window")
    if facts.bills_peaks or share is None or share <= 0:
        return ""
    return words.say(" and moved {share} of the peak window's energy to other hours", share=words.percent(share))


def _own_peak(facts: Facts, voice: Voice, month: str, change: Change) -> str:
    cut = change.billed_cut or Decimal(0)
    values = {
        "cars": cars(facts, voice.words),
        "month": month,
        "cut": voice.figure(voice.words.kw(abs(cut)), gain=cut > 0),
        "share": _peak_share(facts, voice.words),
        "amount": _amount(facts, voice, change),
    }
    if cut > 0 and change.saved > 0:
        return voice.say("{cars} cut {month}'s billed peak by {cut}{share} and the bill by {amount}", **values)
    if cut < 0 and change.saved < 0:
        return voice.say("V2B raised {month}'s billed peak by {cut}{share} and the bill by {amount}", **values)
    values["bill"] = _bill(facts, voice, change)
    if cut > 0:
        return voice.say("{cars} cut {month}'s billed peak by {cut}{share}, but {bill}", **values)
    return voice.say("V2B raised {month}'s billed peak by {cut}{share}, but {bill}", **values)


def _kept(facts: Facts, voice: Voice, month: str, change: Change) -> str:
    """The metered demand is billed at an earlier month's peak, which this month would have passed without V2B."""
    message = (
        "{cars} kept {month}'s billed demand at {origin}'s {level}, {cut} below what it would have been, and {bill}"
    )
    return voice.say(
        message,
        cars=cars(facts, voice.words),
        month=month,
        origin=_origin(str(facts.actual_carried_from), facts, voice.words),
        level=voice.words.kw(facts.figure("billing_demand_kw", "actual")),
        cut=voice.figure(voice.words.kw(change.billed_cut or 0), gain=True),
        bill=_bill(facts, voice, change),
    )


def _carried(facts: Facts, voice: Voice, month: str, change: Change) -> str:
    """The difference comes from an earlier month's peak: this month's cars did not make it."""
    cut = change.billed_cut or Decimal(0)
    off = "{origin}'s ratchet carries {cut} off {month}'s billed demand, and {bill}"
    onto = "{origin}'s ratchet carries {cut} onto {month}'s billed demand, and {bill}"
    return voice.say(
        off if cut > 0 else onto,
        origin=_origin(str(facts.carried_from), facts, voice.words),
        cut=voice.figure(voice.words.kw(abs(cut)), gain=cut > 0),
        month=month,
        bill=_bill(facts, voice, change),
    )


def _origin(month: str, facts: Facts, words: Language) -> str:
    """Return an earlier month's name, with its year where that is another."""
    return words.month_name(month) if month[:4] == facts.month[:4] else words.month_year(month)


def _bill(facts: Facts, voice: Voice, change: Change) -> str:
    if change.saved == 0:
        return voice.say("the bill did not change")
    amount = _amount(facts, voice, change)
    return voice.say("the bill is {amount} lower" if change.saved > 0 else "the bill is {amount} higher", amount=amount)


def _amount(facts: Facts, voice: Voice, change: Change) -> str:
    """Return the amount saved or lost, its range behind it where one is stated."""
    words, sign = voice.words, 1 if change.saved > 0 else -1
    amount = voice.figure(words.money(abs(change.saved), facts.currency), gain=change.saved > 0)
    bounds = (facts.money("money", "low"), facts.money("money", "high"))
    known = sorted(sign * bound for bound in bounds if bound is not None)
    if len(known) < 2:
        return amount
    low, high = words.money(known[0], facts.currency), words.amount(known[1], facts.currency)
    return voice.say("{amount} ({low} to {high})", amount=amount, low=low, high=high)


def _peak_share(facts: Facts, words: Language) -> str:
    """Return the share of the own peak and its range, in brackets; the range where nothing is carried into the bill."""
    share, cut = facts.figure("percent_saved", "peak"), facts.peak_cut_kw or 0
    bounds = (facts.figure("peak_kw", "low"), facts.figure("peak_kw", "high"))
    known = sorted(bound if cut > 0 else -bound for bound in bounds if bound is not None)
    inside = [] if share is None else [words.percent(abs(share))]
    if len(known) == 2 and not facts.actual_carried_from:
        inside.append(words.say("{low} to {high}", low=words.number(known[0], 1), high=words.kw(known[1])))
    return words.say(" ({share})", share=words.listed(inside)) if inside else ""


def cars(facts: Facts, words: Language) -> str:
    """Return the fleet as the subject of a sentence: 'Six cars', 'One car', 'V2B' where no car is configured."""
    count = facts.site.vehicles
    if count == 0:
        return "V2B"
    text = words.say("{count} car" if count == 1 else "{count} cars", count=words.count(count))
    return text[:1].upper() + text[1:]


def _ready_tail(facts: Facts, words: Language) -> str:
    departures, ready = facts.figure("fleet", "departures"), facts.figure("fleet", "ready")
    if not departures or ready is None:
        return ""
    if ready == departures:
        one = facts.site.vehicles == 1
        return words.say("; the car left ready every time" if one else "; every car left ready")
    return words.say(
        "; {ready} of {all} departures were ready", ready=words.number(ready), all=words.number(departures)
    )


def subject(facts: Facts, words: Language) -> str:
    """Return a mail's subject, which carries the result."""
    values = {"month": words.month_year_short(facts.month), "site": facts.site.name}
    text = words.say("V2B {month} | {site}: {result}", **values, result=result(facts, words))
    # Mail software folds subjects at white space of any kind: only single plain spaces survive that everywhere.
    return " ".join(text.split())


def result(facts: Facts, words: Language) -> str:
    """Return the result in a few words, as a subject or one line of a list says it."""
    if facts.state == "seed":
        return words.say("V2B had not begun")
    if facts.state == "failed":
        return words.say("could not be computed")
    if facts.state == "no_bill":
        return words.say("no bill")
    if not facts.provable:
        return words.say("not provable: {why}", why=_doubt(facts, words))
    change = Change.of(facts, words)
    amount = words.money(abs(change.saved), facts.currency)
    parts = [words.say("saved {amount}" if change.saved >= 0 else "cost {amount} more", amount=amount)]
    if change.billed_cut is not None:
        sign = MINUS if change.billed_cut > 0 else "+" if change.billed_cut < 0 else ""
        message = "billed peak {change}" if facts.carried_from else "peak {change}"
        parts.append(words.say(message, change=sign + words.kw(abs(change.billed_cut))))
    departures, ready = facts.figure("fleet", "departures"), facts.figure("fleet", "ready")
    if departures and ready is not None:
        some = words.say("{ready} of {all} cars ready", ready=words.number(ready), all=words.number(departures))
        parts.append(words.say("all cars ready") if ready == departures else some)
    if facts.partial:
        parts.append(words.say("bill partial"))
    return words.listed(parts)


def _doubt(facts: Facts, words: Language) -> str:
    """Return in few words why a bill is not provable."""
    code = facts.blocking[0] if facts.blocking else ""
    for gap, key, message in (
        ("meter_gap", "meter_coverage_pct", "{share} of meter data missing"),
        ("meter_zero_run", "meter_coverage_pct", "{share} of meter data reads 0 and is taken as missing"),
        ("charger_gap", "charger_coverage_pct", "{share} of charger data missing"),
    ):
        coverage = facts.figure("data", key)
        if code == gap and coverage is not None and coverage < 100:
            missing = 100 - coverage
            share = words.percent(missing) if missing >= 0.05 else words.say("under {share}", share=f"0.1{NO_BREAK}%")
            return words.say(message, share=share)
    short = {
        "charger_log_empty": "no charger log",
        "clock_contradicted": "a charger's clock is wrong",
        "clock_slipped": "the meter lies a window off",
        "clock_doubted": "a charger's clock was wrong",
        "wiring_contradicted": "a charger is wired otherwise than stated",
        "check_contradicts": "the meter contradicts the charger logs",
        "sessions_unknown": "charging sessions not known",
        "demand_not_reconciled": "the utility billed another demand",
        "ratchet_history_incomplete": "an earlier peak is not known",
        "clock_unresolved": "clocks are not known well enough",
        "range_too_wide": "the range is too wide",
    }
    return words.say(short.get(code, "see the report"))
