"""Assumptions in words: each with its value, its range and its unit."""

from reports.assumed import ASSUMED, assumptions
from reports.facts import Facts
from reports.language import MINUS, catalogue, language
from tests.reports.samples import SAMPLES, with_summary

STATED = [
    {"name": "charger_accuracy", "value": 0.0, "low": -1.0, "high": 1.0, "unit": "%", "sentence": "…"},
    {"name": "clock_offset", "value": None, "low": -60.0, "high": 60.0, "unit": "s", "sentence": "…"},
    {"name": "round_trip_efficiency", "value": 0.866, "low": 0.8192, "high": 0.9128, "unit": "1", "sentence": "…"},
]


def said(code: str) -> str:
    return assumptions(Facts(with_summary(SAMPLES["good"](), assumptions=STATED)), language(code))


def test_each_is_said_with_its_range_and_unit() -> None:
    assert said("en").replace("\u00a0", " ").replace(MINUS, "-") == (
        "Error of the charger registers 0 % (-1 % to 1 %), offset of the charger clocks -60 s to 60 s, "
        "energy given back per energy taken 0.866 (0.819 to 0.913)."
    )


def test_a_result_without_assumptions_says_nothing() -> None:
    assert assumptions(Facts(with_summary(SAMPLES["good"](), assumptions=[])), language("en")) == ""


def test_every_one_has_its_japanese_words() -> None:
    assert [text for text in ASSUMED.values() if text not in catalogue("ja")] == []
    assert "充電器の時計のずれ" in said("ja")
