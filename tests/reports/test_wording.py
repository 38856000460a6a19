"""The headline and the subject: good news, bad news and no news, each in its own words."""

from dataclasses import replace
from typing import Any

import pytest

from reports.facts import Facts
from reports.language import language
from reports.wording import Voice, headline, subject
from tests.reports.pages import keyed
from tests.reports.samples import SAMPLES, good, with_summary

WORDS = language("en")


def said(name: str, **changes: Any) -> str:
    return keyed(headline(Facts(with_summary(SAMPLES[name](), **changes)), Voice(WORDS)))


def titled(name: str, **changes: Any) -> str:
    return keyed(subject(Facts(with_summary(SAMPLES[name](), **changes)), WORDS))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "good",
            "Six cars cut July's billed peak by 25.6 kW (2.5 %) and the bill by JPY 41,015; every car left ready.",
        ),
        (
            "full_year",
            (
                "July 2013's ratchet carries 25.6 kW off June's billed demand, and the bill is JPY 41,300 lower; "
                "every car left ready."
            ),
        ),
        (
            "negative",
            (
                "V2B raised July's billed peak by 50.0 kW (4.9 %) and the bill by JPY 167,655; "
                "101 of 108 departures were ready."
            ),
        ),
        (
            "not_provable",
            "Not provable this month. Charger data is missing, so the load without V2B cannot be rebuilt.",
        ),
        ("failed", "July 2013 could not be computed. Tariff refused."),
        (
            "first_month",
            (
                "One car cut July's billed peak by 5.1 kW (0.5 %) and the bill by JPY 8,203; "
                "the car left ready every time."
            ),
        ),
    ],
)
def test_headline(name: str, sentence: str) -> None:
    assert said(name) == sentence


def test_a_saving_carried_by_the_ratchet_never_reads_as_cut() -> None:
    assert " cut " not in said("full_year")
    worse = {"reduction": -25.6, "unmanaged": 998.4, "actual": 1024.0}
    sentence = said("full_year", billing_demand_kw=worse, money={"saved": "-41300"})
    assert sentence.startswith("July 2013's ratchet carries 25.6 kW onto June's billed demand, and the bill is JPY")
    assert "higher" in sentence


def test_a_month_held_at_an_earlier_peak_says_so() -> None:
    changes = {"unmanaged": 1010.0, "reduction": 11.6, "baseline_carried_from": None}
    assert said("full_year", billing_demand_kw=changes).startswith(
        "Six cars kept June's billed demand at July 2013's 998.4 kW, 11.6 kW below what it would have been, and the"
    )


@pytest.mark.parametrize(
    ("cut", "saved", "words"),
    [
        (25.6, "-100", "cut July's billed peak by 25.6 kW (2.5 %), but the bill is JPY 100 higher"),
        (25.6, "0", "but the bill did not change"),
        (-25.6, "100", "V2B raised July's billed peak by 25.6 kW (2.5 %), but the bill is JPY 100 lower"),
        (0.0, "100", "V2B did not change July's billed peak, and the bill is JPY 100 lower"),
        (0.04, "0", "V2B did not change July's billed peak, and the bill did not change"),
        (None, "100", "Six cars cut July's bill by JPY 100"),
        (None, "-100", "V2B raised July's bill by JPY 100"),
        (None, "0", "V2B did not change July's bill"),
    ],
)
def test_peak_and_money_may_disagree(cut: float | None, saved: str, words: str) -> None:
    assert words in said("good", billing_demand_kw={"reduction": cut}, money={"saved": saved})


def test_unknown_departures_are_not_ready() -> None:
    assert "every car" not in said("good", fleet={"ready": 107, "unknown": 1})
    assert said("good", fleet={"departures": 0, "ready": 0}).endswith("JPY 41,015.")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good", "saved JPY 41,015, peak -25.6 kW, all cars ready"),
        ("full_year", "saved JPY 41,300, billed peak -25.6 kW, all cars ready"),
        ("negative", "cost JPY 167,655 more, peak +50.0 kW, 101 of 108 cars ready"),
        ("not_provable", "not provable: 64.6 % of charger data missing"),
        ("failed", "could not be computed"),
    ],
)
def test_subject(name: str, expected: str) -> None:
    title, _, result = titled(name).partition(": ")
    assert title in (
        "V2B Jul 2013 | Advanced Technology Center, Atsugi",
        "V2B Jun 2014 | Advanced Technology Center, Atsugi",
    )
    assert result == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("charger_log_empty", "no charger log"),
        ("ratchet_history_incomplete", "an earlier peak is not known"),
        ("something_new", "see the report"),
    ],
)
def test_subject_of_other_doubts(reason: str, expected: str) -> None:
    assert titled("not_provable", reasons=[reason]).endswith(f"not provable: {expected}")


def test_a_partial_bill_is_told_in_the_subject() -> None:
    reasons = [*good().summary["reasons"], "bill_partial"]
    assert titled("good", reasons=reasons) == f"{titled('good')}, bill partial"


def test_a_small_gap_is_never_rounded_to_nothing() -> None:
    assert titled("not_provable", data={"charger_coverage_pct": 99.99}).endswith("under 0.1 % of charger data missing")


def test_zeros_taken_as_missing_are_named() -> None:
    title = titled("not_provable", reasons=["meter_zero_run"], data={"meter_coverage_pct": 97.92})
    assert title.endswith("not provable: 2.1 % of meter data reads 0 and is taken as missing")


def test_a_subject_has_plain_single_spaces() -> None:
    site = replace(good().site, name="Two  spaces\u00a0Ltd")
    text = subject(Facts(replace(good(), site=site)), WORDS)
    assert text == " ".join(text.split(" "))
    assert "Two spaces Ltd" in text
    assert "\u00a0" not in text


def test_bad_news_is_as_loud_as_good_news() -> None:
    loud = Voice(WORDS, html=True)
    assert str(headline(Facts(good()), loud)).count('class="gain"') == 2
    assert str(headline(Facts(SAMPLES["negative"]()), loud)).count('class="loss"') == 2
