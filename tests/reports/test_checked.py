"""What would let other days and the meter tell, and what V2B did at the two peaks, as the notes of a report say it."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.domain import LACK_OF_DAYS, NO_CHECK
from reports.checked import clock_advice, hold_out_advice
from reports.facts import Facts
from reports.language import Language, language
from reports.missed import advice
from reports.notes import notes
from tests.reports.samples import SAMPLES

SAMPLE = SAMPLES["good"]()
WORDS = language("en")


def facts(**sections: Any) -> Facts:
    merged = {
        name: {**SAMPLE.summary[name], **section} if isinstance(section, dict) else section
        for name, section in sections.items()
    }
    return Facts(replace(SAMPLE, summary={**SAMPLE.summary, **merged}))


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


def no_check(reason: str, **sections: Any) -> Facts:
    return facts(check={"verdict": "no_check", "reason": reason}, **sections)


def note(found: Facts, term: str, words: Language = WORDS) -> str:
    return next((plain(one.text) for one in notes(found, words) if one.term == words.say(term)), "")


@pytest.mark.parametrize("sentence", [NO_CHECK[lack] for lack in sorted(LACK_OF_DAYS)])
def test_where_other_days_lack_the_report_says_how_to_get_them(sentence: str) -> None:
    found = no_check(sentence.format(days=20, least=5, references=7, needed=30), billing_demand_kw={"actual": 1000.0})
    said = plain(hold_out_advice(found, WORDS))
    assert "among those forecast to stay under 930.0 kW" in said  # 93 % of the 1,000 kW that stand
    assert "drawn by lot in advance" in note(found, "Advice")


@pytest.mark.parametrize("sentence", [NO_CHECK[other] for other in sorted(NO_CHECK.keys() - LACK_OF_DAYS)])
def test_where_no_other_day_would_help_nothing_is_advised(sentence: str) -> None:
    assert hold_out_advice(no_check(sentence), WORDS) == ""


def test_a_check_that_was_made_needs_no_advice() -> None:
    made = facts(check={"verdict": "consistent", "reason": NO_CHECK["older"]})
    assert hold_out_advice(made, WORDS) == ""


def test_without_a_billed_peak_no_power_bounds_the_days() -> None:
    found = no_check(NO_CHECK["older"], billing_demand_kw={"actual": None}, peak_kw={"actual": None})
    assert plain(hold_out_advice(found, WORDS)).endswith("on a few days drawn by lot in advance.")


def test_clocks_on_which_the_peak_hangs_get_advice_and_others_none() -> None:
    assert "twenty full-power pulses" in clock_advice(facts(reasons=["clock_unresolved"]), WORDS)
    assert clock_advice(facts(reasons=["clock_bounded"]), WORDS) == ""


@pytest.mark.parametrize(("cut", "said"), [(12.34, "12.3 kW lower"), (-4.0, "4.0 kW higher")])
def test_what_v2b_did_when_demand_would_have_been_highest(cut: float, said: str) -> None:
    moments = {"baseline_set_at": "2013-07-09T14:00:00+09:00", "actual_set_at": "2013-07-10T13:30:00+09:00"}
    found = facts(peak_kw={**moments, "reduction_at_baseline_peak": cut}, fleet={"available_at_peak_pct": 83.33})
    text = note(found, "At the peak")
    assert f"at 14:00, demand was {said}." in text
    assert "While the peak with V2B was set, 83.3 % of the chargers had a car." in text


def test_two_peaks_at_one_time_are_the_headline_and_no_note() -> None:
    moment = "2013-07-09T14:00:00+09:00"
    peaks = {"baseline_set_at": moment, "actual_set_at": moment, "reduction_at_baseline_peak": 25.6}
    assert note(facts(peak_kw=peaks, fleet={"available_at_peak_pct": None}), "At the peak") == ""


def test_what_short_cars_lacked_is_told_in_energy_and_time() -> None:
    short = {"short": 2, "departures": 40, "short_kwh": 7.25, "short_minutes": 73.0}
    text = plain(advice(facts(fleet=short), WORDS))
    assert "2 of 40 departures were below their target, by 7.2 kWh together, 73 minutes of charging" in text


def test_all_of_it_is_told_in_japanese() -> None:
    found = no_check(
        NO_CHECK["few_seasons"],
        reasons=["check_not_possible", "clock_unresolved"],
        fleet={"short": 2, "departures": 40, "short_kwh": 7.25, "short_minutes": 73.0},
    )
    words = language("ja")
    said = note(found, "Advice", words) + note(found, "Range and check", words) + note(found, "At the peak", words)
    assert not any(word in said for word in ("reference", "drawn", "pulses", "departures", "chargers"))
