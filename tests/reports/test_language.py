"""Numbers, money and dates as printed."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.language import language

WORDS = language("en")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (WORDS.kw(1024), "1,024.0\u00a0kW"),
        (WORDS.kw(-25.6), "\u221225.6\u00a0kW"),
        (WORDS.kw(-0.04), "0.0\u00a0kW"),
        (WORDS.money("43338", "JPY"), "JPY\u00a043,338"),
        (WORDS.money("-1234.5", "USD"), "USD\u00a0\u22121,234.50"),
        (WORDS.gain("41779", "JPY"), "+41,779"),
        (WORDS.gain("-20265", "JPY"), "\u221220,265"),
        (WORDS.gain("0.004", "USD"), "0.00"),
        (WORDS.about(Decimal("4878.3"), "USD"), "USD\u00a04,878"),
        (WORDS.about(Decimal("42.167"), "USD"), "USD\u00a042.17"),
        (WORDS.percent(2.5), "2.5\u00a0%"),
        (WORDS.percent(100), "100\u00a0%"),
        (WORDS.day(date(2013, 7, 10)), "10 July 2013"),
        (WORDS.month_year("2013-07"), "July 2013"),
        (WORDS.month_year_short("2013-07"), "Jul 2013"),
        (WORDS.count(6), "six"),
        (WORDS.count(13), "13"),
        (WORDS.number("5.25", 1, 3), "5.25"),
    ],
)
def test_format(printed: str, expected: str) -> None:
    assert printed == expected


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_money_reads_back_exactly(amount: Decimal) -> None:
    text = WORDS.amount(amount, "USD").replace(",", "").replace("\u2212", "-")
    assert Decimal(text) == amount


def test_values_in_html_sentences_are_escaped() -> None:
    assert str(WORDS.say_marked("{month}'s peak", month="<b>")) == "&lt;b&gt;\u2019s peak"
