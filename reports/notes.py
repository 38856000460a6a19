"""How sure we are: the method, the data and what is not counted, each in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reports.assumed import assumptions
from reports.beside import co2, corrections, outages, outside
from reports.checked import checked
from reports.facts import Facts, reason_sentence
from reports.language import NO_BREAK, Language
from reports.missed import advice
from reports.worth import year_ahead

# Reasons that a note of their own, or the headline, already says.
CLOCKS_AND_WIRING = ("clock_measured", "clock_bounded", "clock_contradicted", "clock_doubted", "wiring_not_compared")
IN_OTHER_NOTES = ("range_not_computed", "check_not_possible", "wear_not_configured", "no_ratchet", "no_roll_off")
SAID_ELSEWHERE = frozenset({*CLOCKS_AND_WIRING, *IN_OTHER_NOTES, "capture_not_known"})

AHEAD = frozenset({"Best possible", "Ratchet", "The year ahead", "Advice"})

BASELINES = {
    "unmanaged": (
        "“Without V2B” is the metered demand with the chargers' measured energy taken out, plus the same driving "
        "charged at full power from plug-in, which is modelled."
    ),
    "no_ev": (
        "“Without V2B” is the metered demand with the chargers' measured energy taken out: a building without cars."
    ),
}


@dataclass(frozen=True)
class Note:
    """A term and its sentences; whether they say what is to come and what to do, rather than how sure we are."""

    term: str
    text: str
    ahead: bool


def notes(facts: Facts, words: Language) -> tuple[Note, ...]:
    """Return the method footnote, in reading order; empty notes are left out."""
    made = (
        ("Compared with", _baseline(facts, words)),
        ("At the peak", _at_the_peak(facts, words)),
        ("Range and check", _range(facts, words)),
        ("Assumed", assumptions(facts, words)),
        ("Clocks and wiring", _joined(words, *(_reason(facts, code, words) for code in CLOCKS_AND_WIRING))),
        ("Data", _data(facts, words)),
        ("Left in the cars", outside(facts, words)),
        ("Outages", outages(facts, words)),
        ("CO2", co2(facts, words)),
        ("Corrected", corrections(facts, words)),
        ("Best possible", _best(facts, words)),
        ("Losses", _losses(facts, words)),
        ("Ratchet", _ratchet(facts, words)),
        ("The year ahead", year_ahead(facts, words)),
        ("Not counted", _not_counted(facts, words)),
        ("Advice", advice(facts, words)),
        ("Also", _other_reasons(facts, words)),
        ("Tariff", _joined(words, facts.site.tariff_name, facts.site.tariff_notes)),
        ("This site", facts.site.notes),
        ("Second currency", _also(facts, words)),
    )
    return tuple(Note(words.say(term), text, term in AHEAD) for term, text in made if text)


def _joined(words: Language, *parts: str) -> str:
    return words.joined(words.sentence(part) for part in parts if part)


def _reason(facts: Facts, code: str, words: Language) -> str:
    return words.say(reason_sentence(code)) if code in facts.reasons else ""


def _other_reasons(facts: Facts, words: Language) -> str:
    said = SAID_ELSEWHERE if facts.provable else SAID_ELSEWHERE | set(facts.blocking)
    if facts.figure("data", "charger_coverage_pct") != 100:
        said |= {"no_departures"}  # nobody knows who left while no charger told
    return words.joined(words.say(reason_sentence(code)) for code in facts.reasons if code not in said)


def _baseline(facts: Facts, words: Language) -> str:
    text = words.say(BASELINES[facts.headline])
    other = "no_ev" if facts.headline == "unmanaged" else "unmanaged"
    bill, peak = facts.money("money", f"bill_{other}"), facts.figure("peak_kw", other)
    if bill is None:
        return text
    message = (
        "With no cars at all the bill would be {bill}{peak}."
        if other == "no_ev"
        else "With the cars charged from plug-in the bill would be {bill}{peak}."
    )
    at = "" if peak is None else words.say(" at a peak of {kw}", kw=words.kw(peak))
    return words.joined([text, words.say(message, bill=words.money(bill, facts.currency), peak=at)])


def _at_the_peak(facts: Facts, words: Language) -> str:
    """What V2B did while each of the two peaks was set, where they were set at different times."""
    before, after = facts.set_at("baseline"), facts.set_at("actual")
    cut, plugged = facts.figure("peak_kw", "reduction_at_baseline_peak"), facts.figure("fleet", "available_at_peak_pct")
    parts = []
    if cut is not None and before is not None and before != after:
        at = {"date": words.day_short(before.date()), "clock": words.clock(before), "kw": words.kw(abs(cut))}
        message = (
            "When it would have been highest without V2B, {date} at {clock}, demand was {kw} lower."
            if cut >= 0
            else "When it would have been highest without V2B, {date} at {clock}, demand was {kw} higher."
        )
        parts.append(words.say(message, **at))
    if plugged is not None:
        message = "While the peak with V2B was set, {share} of the chargers had a car."
        parts.append(words.say(message, share=words.percent(plugged)))
    return words.joined(parts)


def _range(facts: Facts, words: Language) -> str:
    return _joined(words, _reason(facts, "range_not_computed", words), checked(facts, words))


def _data(facts: Facts, words: Language) -> str:
    meter, charger = facts.figure("data", "meter_coverage_pct"), facts.figure("data", "charger_coverage_pct")
    parts = []
    if meter is not None and charger is not None:
        message = "{meter} of the bill's windows have meter data, {charger} charger data."
        parts.append(words.say(message, meter=_share(meter, words), charger=_share(charger, words)))
    estimated = facts.figure("data", "estimated_intervals")
    if estimated:
        parts.append(words.say("{count} intervals are estimated.", count=words.number(estimated)))
    parts += [_joined(words, str(finding)) for finding in facts.figure("data", "findings") or ()]
    return words.joined(parts)


def _best(facts: Facts, words: Language) -> str:
    """What perfect foresight could have reached with the same cars, and what was missed of it."""
    best, share = facts.figure("capture", "best_possible_peak_kw"), facts.figure("capture", "capture_kw_pct")
    if best is None:
        return _reason(facts, "capture_not_known", words)
    said = [words.say("With perfect foresight the same cars could have held the peak at {kw}.", kw=words.kw(best))]
    if share is not None:
        said.append(words.say("{share} of the possible cut was made.", share=words.percent(share)))
    plugged = facts.figure("fleet", "availability_pct")
    if plugged is not None:
        message = "Cars were plugged in for {share} of the charger hours V2B works in."
        said.append(words.say(message, share=words.percent(plugged)))
    return words.joined(said)


def _share(percent: float, words: Language) -> str:
    """Return a coverage, never rounded up to complete."""
    return f"99.9{NO_BREAK}%" if 99.9 < percent < 100 else words.percent(percent)


def _losses(facts: Facts, words: Language) -> str:
    added, charged, gave = (
        facts.energy_added_kwh,
        facts.figure("fleet", "charged_kwh"),
        facts.figure("fleet", "discharged_kwh"),
    )
    parts = []
    if added is not None:
        message = (
            "{kwh} more were bought than without V2B." if added >= 0 else "{kwh} less were bought than without V2B."
        )
        parts.append(words.say(message, kwh=words.with_unit(abs(added), "kWh", 0, 1)))
    if charged is not None and gave is not None:
        values = {"took": words.with_unit(charged, "kWh", 0, 1), "gave": words.with_unit(gave, "kWh", 0, 1)}
        parts.append(words.say("The cars took {took} and gave {gave} back.", **values))
    efficiency = facts.figure("fleet", "round_trip_efficiency")
    if efficiency is not None:
        parts.append(words.say("Round trip {share}.", share=words.percent(100 * efficiency)))
    return words.joined(parts)


def _ratchet(facts: Facts, words: Language) -> str:
    parts = []
    for world, origin, message in (
        (facts.headline, facts.carried_from, "Without V2B {month}'s peak would still be billed: {kw}."),
        ("actual", facts.actual_carried_from, "With V2B {month}'s peak is still billed: {kw}."),
    ):
        billed = facts.figure("billing_demand_kw", world)
        if origin and billed is not None:
            parts.append(words.say(message, month=words.month_year(origin), kw=words.kw(billed)))
    return words.joined(parts)


def _not_counted(facts: Facts, words: Language) -> str:
    low, high = facts.money("money", "wear_low"), facts.money("money", "wear_high")
    if low is None or high is None:
        return words.say("Battery wear, the cost of the chargers, drivers' time.")
    return words.say(
        "Battery wear of {low} to {high}, the cost of the chargers, drivers' time.",
        low=words.money(low, facts.currency),
        high=words.money(high, facts.currency),
    )


def _also(facts: Facts, words: Language) -> str:
    also = facts.site.also
    if also is None:
        return ""
    return words.say(
        "{rate} for {one}, {date} ({source}); amounts are printed beside, never summed.",
        rate=f"{also.currency}{NO_BREAK}{words.number(also.rate, 0, _decimals(also.rate))}",
        one=f"{facts.currency}{NO_BREAK}1",
        date=words.day(also.rate_date),
        source=also.rate_source,
    )


def _decimals(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))
