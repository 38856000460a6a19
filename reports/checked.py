"""What other days say of the saving, or why they cannot, and what would let them."""

from __future__ import annotations

import re
from decimal import Decimal

from pipeline.domain import LACK_OF_DAYS, NO_CHECK
from reports.facts import Facts, reason_sentence
from reports.language import Language, exact

VERDICTS = {
    "confirms": "Other days confirm it: the meter shows {estimated} ({low} to {high}), the charger logs {logged}.",
    "consistent": "Other days neither confirm nor contradict it: the meter shows {estimated} ({low} to {high}), "
    "the charger logs {logged}.",
    "contradicts": "Other days contradict it: the meter shows {estimated} ({low} to {high}), "
    "the charger logs {logged}.",
}
"""What the independent check found about the mean cut in the event window of the V2B days."""

HOLD_OUT_SHARE = Decimal("0.93")
"""Days forecast below this share of the standing peak set no new one without V2B: forecasts err by a few percent."""


def checked(facts: Facts, words: Language) -> str:
    """Return the verdict of the check with what it rests on, or why there is none."""
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


def hold_out_advice(facts: Facts, words: Language) -> str:
    """Return how other days could come by without costing a peak; empty where the check lacks none of them."""
    if not any(_numbers(facts, NO_CHECK[lack]) is not None for lack in LACK_OF_DAYS):
        return ""
    standing = facts.figure("billing_demand_kw", "actual") or facts.figure("peak_kw", "actual")
    if standing is None:
        return words.say("A check needs other days: leave V2B off on a few days drawn by lot in advance.")
    return words.say(
        "A check needs other days: leave V2B off on a few days drawn by lot in advance, among those forecast to stay "
        "under {kw}, where no new peak is to be feared.",
        kw=words.kw(HOLD_OUT_SHARE * exact(standing)),
    )


def clock_advice(facts: Facts, words: Language) -> str:
    """Return how the meter could tell the chargers' clocks; empty where nothing hangs on them."""
    if not {"clock_unresolved", "clock_doubted"} & set(facts.reasons):
        return ""
    return words.say(
        "Start discharging at moments drawn by lot, or give twenty full-power pulses in a quiet hour: then the meter "
        "can tell the chargers' clocks."
    )


def _numbers(facts: Facts, sentence: str) -> dict[str, str] | None:
    """The numbers of the reason for no check where it is this sentence, else None."""
    if facts.figure("check", "verdict") != "no_check":
        return None
    found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[\\d,.]+)", sentence), facts.figure("check", "reason") or "")
    return None if found is None else found.groupdict()


def _no_check(facts: Facts, words: Language) -> str:
    """Say that other days could not tell, and why; a reason from elsewhere is shown as it stands."""
    if "check_not_possible" not in facts.reasons:
        return ""
    reason = facts.figure("check", "reason")
    if not reason:
        return words.say(reason_sentence("check_not_possible"))
    for sentence in NO_CHECK.values():
        numbers = _numbers(facts, sentence)
        if numbers is not None:
            reason = words.say(sentence, **numbers)
    return words.say("V2B days could not be compared with reference days: {why}.", why=reason)
