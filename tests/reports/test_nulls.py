"""Any figure may be null: the words around it must still be sayable, and no 'None' may be printed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from reports.captions import days_caption, months_caption, peak_day_caption
from reports.days import find_days
from reports.facts import Facts
from reports.inputs import ReportInput
from reports.language import language
from reports.monthly import render_report
from reports.months import find_months
from reports.notes import notes
from reports.peak_day import find_peak_day
from reports.view import bill_rows, bill_total, tiles
from reports.wording import Voice, headline, subject
from reports.worth import lever_rows, part_rows
from tests.reports.pages import keyed, parse, text_of
from tests.reports.samples import SAMPLES, full_year, good, with_summary

WORDS = language("en")
NULLABLE = (
    "peak_kw",
    "billing_demand_kw",
    "percent_saved",
    "energy_kwh",
    "money",
    "annual",
    "levers",
    "decomposition",
    "fleet",
    "data",
)


def leaves(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for block in NULLABLE:
        yield from ((block, key) for key in summary[block])


def every_word(data: ReportInput) -> str:
    facts = Facts(data)
    said = [headline(facts, Voice(WORDS)), subject(facts, WORDS)]
    said += [repr(replace(tile, line=())) for tile in tiles(facts, WORDS)]
    said += [note.text for note in notes(facts, WORDS)]
    said += [repr(row) for row in (*part_rows(facts, WORDS), *lever_rows(facts, WORDS))]
    said += [repr(row) for row in (*bill_rows(facts, WORDS), bill_total(facts, WORDS))]
    day, days = find_peak_day(facts), find_days(facts)
    said += [repr(peak_day_caption(facts, day, WORDS))] if day else []
    said += [repr(days_caption(facts, days, WORDS))] if days else []
    said.append(repr(months_caption(find_months(facts.bills), WORDS)))
    return "\n".join(said)


@pytest.mark.parametrize(("block", "key"), sorted(set(leaves(good().summary))))
def test_one_null(block: str, key: str) -> None:
    value = False if key == "partial" else [] if key == "findings" else None
    for data in (good(), full_year()):
        assert "None" not in every_word(with_summary(data, **{block: {key: value}}))


def test_a_share_that_is_not_stated_is_not_zero() -> None:
    details = tiles(Facts(with_summary(good(), percent_saved={"peak": None})), WORDS)[0].details
    assert not any("%" in detail for detail in details)


def test_a_tariff_without_demand_charge() -> None:
    data = good()
    blank = [pl.lit(None, pl.Float64).alias(name) for name in data.months.columns if name.endswith("_kw")]
    nothing = {block: dict.fromkeys(data.summary[block]) for block in ("peak_kw", "billing_demand_kw")}
    flat = with_summary(data, **nothing, percent_saved={"peak": None}, reasons=["no_demand_charge"])
    report = render_report(replace(flat, months=data.months.with_columns(blank)))
    text = keyed(text_of(parse(report.html)))
    moved = "moved 2.1 % of the peak window's energy to other hours"
    assert f"Six cars cut July's bill by JPY 41,015 and {moved}; every car left ready." in text
    assert "The tariff has no demand charge, so there is no billed peak." in text
    assert "Energy moved out of the peak window 2.1 %" in text
    assert "Highest window of each day" not in text  # no peak costs anything
    assert "The day of the month's highest demand" in text


def test_the_world_without_cars_as_headline() -> None:
    data = good()
    money = {**data.summary["money"], "bill_unmanaged": "9050000"}
    text = every_word(with_summary(data, headline="no_ev", money=money))
    assert "a building without cars" in text
    assert "With the cars charged from plug-in the bill would be JPY\u00a09,050,000" in text


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_say_no_none(name: str) -> None:
    assert "None" not in every_word(SAMPLES[name]())


CHECKED = {
    "method": "caiso_10_in_10",
    "v2b_days": 20,
    "reference_days": 90,
    "metered_kw": 7.9,
    "estimated_kw": 7.1,
    "low": 3.2,
    "high": 11.0,
    "smallest_detectable_kw": 5.5,
}


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("confirms", "Other days confirm it: the meter shows 7.1\N{NO-BREAK SPACE}kW"),
        ("consistent", "Other days neither confirm nor contradict it: the meter shows"),
        ("contradicts", "Other days contradict it: the meter shows"),
    ],
)
def test_the_check_is_said_with_its_interval(verdict: str, said: str) -> None:
    text = every_word(with_summary(good(), check={**CHECKED, "verdict": verdict}))
    assert said in text
    assert "the charger logs 7.9" in text
    assert "20 V2B days, baseline caiso_10_in_10, 90 reference days" in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("this bill has no V2B day", "with reference days: this bill has no V2B day."),
        ("7 reference days have a baseline fit to compare; 30 are needed", "days: 7 reference days have"),
        ("a reason of tomorrow", "with reference days: a reason of tomorrow."),
        (None, "V2B days could not be compared with reference days. "),
    ],
)
def test_a_check_that_cannot_be_made_says_why(reason: str | None, said: str) -> None:
    check = {"verdict": "no_check", "reason": reason}
    report = render_report(with_summary(good(), check=check, reasons=["check_not_possible"]))
    assert said in keyed(text_of(parse(report.html))) + " "


def test_why_there_is_no_check_is_told_in_the_readers_language() -> None:
    reason = "7 reference days have a baseline fit to compare; 30 are needed"
    facts = Facts(with_summary(good(), check={"verdict": "no_check", "reason": reason}, reasons=["check_not_possible"]))
    [said] = [note.text for note in notes(facts, language("ja")) if "参照日と比較できません" in note.text]
    assert "参照日は7日で、30日が必要" in said


def test_a_bill_of_which_nothing_was_read_is_told_and_nothing_is_drawn_as_zero() -> None:
    report = render_report(SAMPLES["silent"]())
    page = parse(report.html)
    text = keyed(text_of(page))
    assert "Not provable this month. Meter data is missing" in text
    assert "Charger data is missing, so the load without V2B cannot be rebuilt." in text
    assert "Meter data is missing from 2013-07-01 00:00 local time for 744.0 h." in text
    assert text.count("not stated") == 4  # the tiles, readiness among them: nobody knows who left
    assert "Fleet power" not in text
    assert report.peak_day_png == b""
    assert "not provable: 100 % of meter data missing" in keyed(report.subject)
