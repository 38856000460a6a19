"""How sure we are: the method, the data and what is not counted, each in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from reports.assumed import assumptions
from reports.beside import co2, corrections, outages, outside
from reports.facts import Facts, reason_sentence
from reports.language import NO_BREAK, Language
from reports.missed import advice
from reports.worth import year_ahead

# Reasons that a note of their own, or the headline, already says.
CLOCKS_AND_WIRING = ("clock_measured", "clock_bounded", "clock_contradicted", "wiring_not_compared")
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


def _range(facts: Facts, words: Language) -> str:
    return _joined(words, _reason(facts, "range_not_computed", words), _check(facts, words))


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


VERDICTS = {
    "confirms": "Other days confirm it: the meter shows {estimated} ({low} to {high}), the charger logs {logged}.",
    "consistent": "Other days neither confirm nor contradict it: the meter shows {estimated} ({low} to {high}), "
    "the charger logs {logged}.",
    "contradicts": "Other days contradict it: the meter shows {estimated} ({low} to {high}), "
    "the charger logs {logged}.",
}
"""What the independent check found about the mean cut in the event window of the V2B days."""


WHY_NO_CHECK = (
    "the site has no peak window and its tariff no dearest hours",
    "this bill has no V2B day",
    "no V2B day has a baseline",
    "none of the {days} V2B days has the {least} days like it before it that a baseline takes at least",
    "the baselines of the V2B days rest on days further back than those of the reference days",
    "{references} reference days have a baseline as old as the V2B days have; {needed} are needed",
)
"""What `check.reason` says where no check can be made; numbers stand for the names in braces."""


def _no_check(facts: Facts, words: Language) -> str:
    """Say that other days could not tell, and why; a reason from elsewhere is shown as it stands."""
    if "check_not_possible" not in facts.reasons:
        return ""
    reason = facts.figure("check", "reason")
    if not reason:
        return _reason(facts, "check_not_possible", words)
    for sentence in WHY_NO_CHECK:
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[\\d,.]+)", sentence), reason)
        if found:
            reason = words.say(sentence, **found.groupdict())
            break
    return words.say("V2B days could not be compared with reference days: {why}.", why=reason)


def _check(facts: Facts, words: Language) -> str:
    verdict = facts.figure("check", "verdict")
    if verdict not in VERDICTS:
        return _no_check(facts, words)
    powers = {"estimated": "estimated_kw", "low": "low", "high": "high", "logged": "metered_kw"}
    said = words.say(
        VERDICTS[verdict], **{name: words.kw(facts.figure("check", field)) for name, field in powers.items()}
    )
    days = words.say(
        "Mean of the peak hours on {days} V2B days, baseline {method}, {references} reference days.",
        days=words.number(facts.figure("check", "v2b_days")),
        method=facts.figure("check", "method"),
        references=words.number(facts.figure("check", "reference_days")),
    )
    return words.joined([said, days])
