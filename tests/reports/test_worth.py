"""What a report says of the parts of a saving, of what lies ahead and of the utility's bill."""

from typing import Any

import pytest

from reports.facts import Facts
from reports.inputs import ReportInput
from reports.language import language
from reports.monthly import render_report
from reports.view import tiles
from reports.worth import lever_rows, mostly_modelled, part_rows, utility_table, year_ahead
from tests.reports.pages import keyed, parse, text_of
from tests.reports.samples import full_year, good, not_provable, with_summary

WORDS = language("en")
AHEAD = {
    "locked": "442260",
    "run_rate": "503194",
    "first_paying_month": "2013-08",
    "next_roll_off": {"month": "2014-07", "world": "actual", "from_kw": 998.4, "to_kw": 984.4, "money": "22932"},
}


def page(data: ReportInput) -> str:
    return keyed(text_of(parse(render_report(data).html)))


def with_parts(**changes: Any) -> ReportInput:
    """A month carried by a ratchet: 41,933 saved, 933 of it lost again on energy."""
    parts = dict.fromkeys(good().summary["decomposition"], "0")
    return with_summary(
        good(), decomposition={**parts, "demand_carried": "41933", "energy_volume": "-933"}, **changes
    )  # fmt: skip


def test_the_parts_stand_in_the_page_without_those_that_are_nothing() -> None:
    rows = part_rows(Facts(with_parts()), WORDS)
    assert [(row.label, keyed(row.amount), row.tone) for row in rows] == [
        ("Energy: how much was bought", "-933", "loss"),
        ("Demand: earlier peaks, carried by a ratchet", "+41,933", "gain"),
    ]
    text = page(with_parts())
    assert "Where the money came from, JPY" in text
    assert "Demand: earlier peaks, carried by a ratchet" in text
    assert "+41,933" in text


def test_a_saving_that_is_not_stated_has_no_parts() -> None:
    assert part_rows(Facts(not_provable()), WORDS) == lever_rows(Facts(not_provable()), WORDS) == ()
    assert "Where the money came from" not in page(not_provable())


def test_levers_say_what_is_measured_and_what_is_modelled() -> None:
    levers = {"hosting": "0", "managed_charging": "-200", "discharge": "41215"}
    labels = [row.label for row in lever_rows(Facts(with_summary(good(), levers=levers)), WORDS)]
    assert [label.partition(",")[2].split(";")[0].strip() for label in labels] == ["modelled", "measured"]


def test_a_saving_that_is_mostly_modelled_says_so_before_the_figures() -> None:
    sentence = "More than half of this saving is when the cars charged, which is modelled."
    most = with_summary(good(), levers={"hosting": "0", "managed_charging": "30000", "discharge": "11015"})
    assert mostly_modelled(Facts(most))
    assert sentence in page(most)
    assert sentence not in page(good())
    loss = {"hosting": "0", "managed_charging": "-30000", "discharge": "71015"}
    assert mostly_modelled(Facts(with_summary(good(), levers=loss)))


def test_what_lies_ahead_stands_beneath_the_realised_sum_with_its_sentence() -> None:
    data = with_summary(full_year(), annual=AHEAD)
    details = [keyed(detail) for detail in tiles(Facts(data), WORDS)[2].details]
    assert details[-2:] == ["locked JPY 442,260", "run-rate JPY 503,194 a year"]
    assert keyed(year_ahead(Facts(data), WORDS)) == (
        "First bill with a lower billed demand: August 2013. Locked: JPY 442,260 is what the bills to come would still "
        "differ by if V2B stopped today and last year repeated. Run-rate: JPY 503,194 a year, a projection of twelve "
        "months like the last at today's tariff. In July 2014, the next bill, the ratchet carries 984.4 kW with V2B "
        "instead of 998.4 kW: JPY 22,932 less where no higher peak is set."
    )
    report = render_report(data)
    assert "Locked: JPY" in keyed(report.email_text)
    assert "guaranteed" not in report.html


def test_the_world_compared_with_may_let_go_first() -> None:
    first = {**AHEAD["next_roll_off"], "world": "unmanaged"}  # type: ignore[dict-item]
    said = year_ahead(Facts(with_summary(full_year(), annual={**AHEAD, "next_roll_off": first})), WORDS)
    assert "the ratchet would carry" in said
    assert "without V2B" in said


def test_a_loss_ahead_is_a_loss() -> None:
    said = keyed(year_ahead(Facts(with_summary(full_year(), annual={**AHEAD, "locked": "-1000"})), WORDS))
    assert "Locked: JPY -1,000 is" in said


def test_the_utilitys_figures_stand_beside_ours() -> None:
    figures = [
        {"figure": "demand", "unit": "kW", "charge_id": None, "ours": "998.4", "utility": "960",
         "difference_pct": 4.0, "cause": "window"},
        {"figure": "amount", "unit": "money", "charge_id": "basic", "ours": None, "utility": "1635379",
         "difference_pct": None, "cause": "charge"},
    ]  # fmt: skip
    data = with_summary(good(), reconciliation={"verdict": "differs", "figures": figures})
    table = utility_table(Facts(data), WORDS)
    assert table is not None
    assert [tuple(keyed(cell) for cell in row) for row in table.rows] == [
        ("Billed demand", "998.4 kW", "960 kW", "+4.00 %"),
        ("Amount, basic", "\u2013", "JPY 1,635,379", "\u2013"),
    ]
    assert "Beside the utility's bill" in page(data)
    assert utility_table(Facts(good()), WORDS) is None
    assert "Beside the utility" not in page(good())


def test_a_demand_the_utility_does_not_bear_out_is_not_provable() -> None:
    data = with_summary(not_provable(), reasons=["demand_not_reconciled"])
    report = render_report(data)
    assert "not provable: the utility billed another demand" in report.subject
    assert "The utility billed another demand than we find for the same days" in page(data)


@pytest.mark.parametrize(
    ("roll_off", "said"),
    [
        ("2014-07", "In July 2014, the next bill, the ratchet"),
        ("2014-08", "In August 2014, after one more bill, the ratchet"),
        ("2015-06", "In June 2015, after eleven more bills, the ratchet"),
    ],
)
def test_how_many_bills_a_ratchet_still_holds_is_said(roll_off: str, said: str) -> None:
    """The bill is June 2014's: those between it and the roll-off are still held."""
    later = {**AHEAD["next_roll_off"], "month": roll_off}  # type: ignore[dict-item]
    assert said in keyed(year_ahead(Facts(with_summary(full_year(), annual={"next_roll_off": later})), WORDS))
