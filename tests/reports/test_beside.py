"""Energy left in the cars, outages ridden through and corrected figures, as the notes of a report tell them."""

from dataclasses import replace
from typing import Any

import pytest

from reports.beside import corrections, outages, outside
from reports.facts import Facts
from reports.language import language
from reports.notes import notes
from tests.reports.samples import SAMPLES

SAMPLE = SAMPLES["good"]()
WORDS = language("en")


def facts(**sections: Any) -> Facts:
    return Facts(replace(SAMPLE, summary={**SAMPLE.summary, **sections}))


def changes(why: str = "Data came.", **figures: tuple[Any, Any]) -> dict[str, Any]:
    told = {name: {"from": old, "to": new} for name, (old, new) in figures.items()}
    return {**SAMPLE.summary["version"], "changes": {"since": "2013-08-03", "figures": told, "why": [why]}}


@pytest.mark.parametrize(
    ("kwh", "value", "said"),
    [
        (12.5, "187", "with 12.5 kWh more in the cars than charging from plug-in would have left there, worth JPY 187"),
        (
            -12.5,
            "-187",
            "with 12.5 kWh less in the cars than charging from plug-in would have left there, worth JPY 187",
        ),
    ],
)
def test_what_was_left_in_the_cars_is_told_with_its_worth(kwh: float, value: str, said: str) -> None:
    text = outside(facts(outside={"kwh": kwh, "value": value}), WORDS)
    assert said in text.replace("\u202f", " ").replace("\xa0", " ")
    assert "no saving" in text


@pytest.mark.parametrize("found", [{"kwh": 0.0, "value": "0"}, {"kwh": None, "value": None}, {}])
def test_cars_as_full_as_from_plug_in_need_no_note(found: dict[str, Any]) -> None:
    assert outside(facts(outside=found), WORDS) == ""


def test_hours_without_a_grid_and_what_cars_gave_then_are_told() -> None:
    text = outages(facts(outages={"hours": 1.5, "ridden_through_hours": 1.25, "served_kwh": 1.909}), WORDS)
    plain = text.replace("\u202f", " ").replace("\xa0", " ")
    assert plain.startswith(
        "The grid was dead for 1.5 h. The cars carried the load through 1.25 h of it and gave 1.9 kWh;"
    )
    assert "no saving counts that energy" in plain


def test_an_outage_that_no_car_rode_through_says_no_more_than_that() -> None:
    text = outages(facts(outages={"hours": 2.0, "ridden_through_hours": 0.0, "served_kwh": 0.0}), WORDS)
    assert "The cars carried" not in text
    assert text.startswith("The grid was dead for 2")


@pytest.mark.parametrize("found", [{"hours": 0.0, "ridden_through_hours": 0.0, "served_kwh": 0.0}, {"hours": None}, {}])
def test_without_an_outage_there_is_no_note(found: dict[str, Any]) -> None:
    assert outages(facts(outages=found), WORDS) == ""


def test_corrected_figures_are_told_from_and_to_and_why() -> None:
    text = corrections(facts(version=changes(saved=("43000", "40999"), peak_reduction_kw=(26.0, 25.6))), WORDS)
    assert "43,000" in text
    assert "40,999" in text
    assert text.index("26") < text.index("25.6")
    assert text.endswith("Data came.")


def test_a_figure_that_is_no_longer_proved_is_told_so() -> None:
    text = corrections(facts(version=changes(saved=("43000", None), grade=("B", "F"))), WORDS)
    assert "is now not proved" in text
    assert "The grade was B and is now F." in text


def test_a_first_version_corrects_nothing() -> None:
    assert corrections(facts(version={**SAMPLE.summary["version"], "changes": None}), WORDS) == ""
    assert corrections(facts(), WORDS) == ""


def test_both_stand_in_the_notes() -> None:
    shown = facts(
        outages={"hours": 1.5, "ridden_through_hours": 1.5, "served_kwh": 1.9},
        version=changes(saved=("43000", "40999")),
    )
    terms = [note.term for note in notes(shown, WORDS)]
    assert terms.index("Data") + 1 == terms.index("Outages") == terms.index("Corrected") - 1
