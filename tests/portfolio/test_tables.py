"""Bill cycles and dated series: read dates, refusals with line and column."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain import BillPeriod, ConfigError
from pipeline.portfolio import UtilityBill, load_portfolio, read_series, read_table
from tests.factories import portfolio_folder

HEADER = "site_id,read_from,read_to\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return portfolio_folder(tmp_path)


def cycles(root: Path, text: str) -> list[BillPeriod]:
    (root / "bill_cycles.csv").write_text(text, encoding="utf-8")
    return list(load_portfolio(root).cycles["atsugi"])


def test_a_bill_is_filed_under_the_month_of_its_last_day(root: Path) -> None:
    found = cycles(root, HEADER + "atsugi,2013-07-20,2013-08-20\natsugi,2013-06-20,2013-07-20\n")
    assert found == [
        BillPeriod("2013-07", date(2013, 6, 20), date(2013, 7, 20)),
        BillPeriod("2013-08", date(2013, 7, 20), date(2013, 8, 20)),
    ]


def test_a_bill_read_on_the_first_belongs_to_the_month_before(root: Path) -> None:
    (found,) = cycles(root, HEADER + "atsugi,2013-07-01,2013-08-01\n")
    assert found.month == "2013-07"


def test_the_month_may_be_named(root: Path) -> None:
    found = cycles(
        root, "site_id,read_from,read_to,month\natsugi,2013-07-02,2013-07-31,2013-07\natsugi,2013-07-31,2013-08-29,\n"
    )
    assert [period.month for period in found] == ["2013-07", "2013-08"]


def test_bills_touching_a_span_are_found_and_calendar_months_stand_in(root: Path) -> None:
    cycles(root, HEADER + "atsugi,2013-06-20,2013-07-20\natsugi,2013-07-20,2013-08-20\n")
    portfolio = load_portfolio(root)
    assert [p.month for p in portfolio.periods("atsugi", date(2013, 7, 19), date(2013, 7, 20))] == [
        "2013-07",
        "2013-08",
    ]
    assert [p.month for p in portfolio.periods("atsugi", date(2013, 7, 20), date(2013, 7, 20))] == ["2013-08"]
    (root / "bill_cycles.csv").unlink()
    months = load_portfolio(root).periods("atsugi", date(2013, 6, 30), date(2013, 7, 1))
    assert [p.month for p in months] == ["2013-06", "2013-07"]


@pytest.mark.parametrize(
    ("rows", "place", "value", "allowed"),
    [
        (
            "atsugi,2013-07-20,2013-08-20\natsugi,2013-08-19,2013-09-20\n",
            "lines 2 and 3, read_from",
            date(2013, 8, 19),
            "bills that do not overlap",
        ),
        (
            "atsugi,2013-07-02,2013-07-30\natsugi,2013-07-30,2013-08-01\n",
            "lines 2 and 3, month",
            "2013-07",
            "one bill a month",
        ),
        ("atsugi,2013-07-20,2013-07-20\n", "line 2, read_to", date(2013, 7, 20), "a day after read_from"),
        ("atsugi,2013-07-20,20.8.2013\n", "line 2, read_to", "20.8.2013", "YYYY-MM-DD"),
        ("atsugi,20130720,2013-08-20\n", "line 2, read_from", "20130720", "YYYY-MM-DD"),
        ("atsugi,2013-02-30,2013-08-20\n", "line 2, read_from", "2013-02-30", "YYYY-MM-DD"),
        ("atsugy,2013-07-20,2013-08-20\n", "line 2, site_id", "atsugy", "a site of sites/: atsugi"),
        ("atsugi,2013-07-20\n", "line 2", "atsugi,2013-07-20", "3 cells"),
    ],
)
def test_wrong_cycles_are_refused_with_their_lines(
    root: Path, rows: str, place: str, value: object, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        cycles(root, HEADER + rows)
    error = caught.value
    assert (error.file, error.place, error.value) == ("bill_cycles.csv", place, value)
    assert allowed in error.allowed


def test_named_months_must_follow_the_dates(root: Path) -> None:
    rows = "atsugi,2013-07-01,2013-08-01,2013-09\natsugi,2013-08-01,2013-09-01,2013-08\n"
    with pytest.raises(ConfigError, match="a month after 2013-09"):
        cycles(root, "site_id,read_from,read_to,month\n" + rows)


def test_cycles_of_a_site_whose_file_is_refused_stop_nobody(root: Path) -> None:
    (root / "sites" / "office.toml").write_text("broken", encoding="utf-8")
    found = cycles(root, HEADER + "atsugi,2013-07-20,2013-08-20\noffice,2013-07-20,2013-08-20\n")
    assert len(found) == 1


@pytest.mark.parametrize(
    "text",
    ["site_id,from,to\n", "read_from,read_to,site_id\n", "", "\xff\xfe\x00"],
    ids=["names", "order", "empty", "odd"],
)
def test_another_header_is_refused(root: Path, text: str) -> None:
    (root / "bill_cycles.csv").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"bill_cycles\.csv: (header|file)"):
        load_portfolio(root)


def test_other_tables_are_read_with_their_types(root: Path) -> None:
    (root / "arming.csv").write_text(
        "site_id,date,armed\natsugi,2013-07-10,true\natsugi,2013-07-11,0\n", encoding="utf-8"
    )
    assert [row["armed"] for row in read_table(root, "arming")] == [True, False]
    (root / "utility_bills.csv").write_text(
        "site_id,read_from,read_to,charge_id,billed_kw,energy_kwh,amount\natsugi,2013-07-01,2013-08-01,,998.4,,1635379\n",
        encoding="utf-8",
    )
    (row,) = read_table(root, "utility_bills")
    assert (row["charge_id"], row["billed_kw"], row["energy_kwh"], row["amount"]) == (
        None,
        Decimal("998.4"),
        None,
        1635379,
    )
    assert read_table(root, "outages") == []


UTILITY = "site_id,read_from,read_to,charge_id,billed_kw,energy_kwh,amount\n"


def utility_bills(root: Path, text: str) -> list[UtilityBill]:
    (root / "utility_bills.csv").write_text(text, encoding="utf-8")
    return list(load_portfolio(root).utility_bills["atsugi"])


def test_the_utilitys_bills_are_read_of_the_whole_bill_or_of_a_charge(root: Path) -> None:
    found = utility_bills(
        root, UTILITY + "atsugi,2013-07-01,2013-08-01,,998.4,,1635379\natsugi,2013-07-01,2013-08-01,basic,998.4,,\n"
    )
    days = (date(2013, 7, 1), date(2013, 8, 1))
    assert found == [
        UtilityBill(*days, None, Decimal("998.4"), None, Decimal(1635379)),
        UtilityBill(*days, "basic", Decimal("998.4"), None, None),
    ]
    without = "site_id,read_from,read_to,billed_kw,energy_kwh,amount\natsugi,2013-07-01,2013-08-01,998.4,,1635379\n"
    assert utility_bills(root, without) == found[:1]
    (root / "utility_bills.csv").unlink()
    assert load_portfolio(root).utility_bills == {}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("elsewhere,2013-07-01,2013-08-01,,1,,\n", "line 2, site_id: 'elsewhere' .* a site of sites/: atsugi"),
        ("atsugi,2013-08-01,2013-08-01,,1,,\n", "line 2, read_to: .* a day after read_from"),
        ("atsugi,2013-07-01,2013-08-01,,,,\n", "line 2: .* at least one of billed_kw, energy_kwh, amount"),
        ("atsugi,2013-07-01,2013-08-01,,-1,,\n", "line 2, billed_kw: .* 0 or more"),
        ("atsugi,2013-07-01,2013-08-01,,,-1,\n", "line 2, energy_kwh: .* 0 or more"),
        ("atsugi,2013-07-01,2013-08-01,,x,,\n", "line 2, billed_kw: 'x' .* a number"),
        (2 * "atsugi,2013-07-01,2013-08-01,,1,,\n", "lines 2 and 3: .* one row a bill"),
    ],
)
def test_a_wrong_row_of_the_utilitys_bills_is_refused(root: Path, rows: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        utility_bills(root, UTILITY + rows)


def test_a_credit_note_may_be_negative(root: Path) -> None:
    (found,) = utility_bills(root, UTILITY + "atsugi,2013-07-01,2013-08-01,,,,-12.50\n")
    assert found.amount == Decimal("-12.50")


def test_a_time_without_its_offset_is_refused(root: Path) -> None:
    """Whose midnight would it be?"""
    (root / "outages.csv").write_text(
        "site_id,from,to\natsugi,2013-07-01T10:00,2013-07-01T11:00+09:00\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"outages\.csv: line 2, from: '2013-07-01T10:00'.*with its offset"):
        read_table(root, "outages")


OUTAGES = "site_id,from,to\n"
EVENTS = "site_id,from,to,kind,kw,note\n"
NINE, TEN, ELEVEN = (f"2013-07-01T{hour:02}:00:00+09:00" for hour in (9, 10, 11))


def spans(root: Path, name: str, text: str) -> list[Any]:
    (root / f"{name}.csv").write_text(text, encoding="utf-8")
    return list(getattr(load_portfolio(root), name)["atsugi"])


def test_outages_and_events_are_read_in_order_of_time(root: Path) -> None:
    found = spans(root, "outages", OUTAGES + f"atsugi,{TEN},{ELEVEN}\natsugi,{NINE},{TEN}\n")
    assert [outage.begin.isoformat() for outage in found] == [NINE, TEN]
    (event,) = spans(root, "events", EVENTS + f'atsugi,{NINE},{TEN},load,-12.5,"a chiller, off"\n')
    assert (event.kind, event.kw, event.note) == ("load", Decimal("-12.5"), "a chiller, off")
    (bare,) = spans(root, "events", EVENTS + f"atsugi,{NINE},{TEN},meter_swap,,\n")
    assert (bare.kw, bare.note) == (None, "")


def test_a_span_knows_its_local_days(root: Path) -> None:
    (span,) = spans(root, "outages", OUTAGES + "atsugi,2013-07-01T23:00:00+09:00,2013-07-03T00:00:00+09:00\n")
    assert span.days("Asia/Tokyo") == [date(2013, 7, 1), date(2013, 7, 2)]
    assert span.days("UTC") == [date(2013, 7, 1), date(2013, 7, 2)]


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("outages", f"office,{NINE},{TEN}\n", "line 2, site_id: 'office' .* a site of sites/: atsugi"),
        ("outages", f"atsugi,{TEN},{TEN}\n", f"line 2, to: '{re.escape(TEN)}' .* a time after from"),
        ("outages", f"atsugi,{NINE},{ELEVEN}\natsugi,{TEN},{ELEVEN}\n", "lines 2 and 3, from: .* do not overlap"),
        ("events", f"office,{NINE},{TEN},load,,\n", "line 2, site_id: 'office' .* a site of sites/: atsugi"),
        ("events", f"atsugi,{ELEVEN},{TEN},load,,\n", "line 2, to: .* a time after from"),
        ("events", f"atsugi,{NINE},{TEN},crane,,\n", "line 2, kind: 'crane' .* load, closure, meter_swap"),
        ("events", f"atsugi,{NINE},{TEN},load,much,\n", "line 2, kw: 'much' .* a number"),
    ],
)
def test_a_wrong_row_of_outages_or_events_is_refused(root: Path, name: str, rows: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}\.csv: {words}"):
        spans(root, name, (OUTAGES if name == "outages" else EVENTS) + rows)


def test_a_series_is_in_date_order_and_exact(root: Path) -> None:
    path = root / "series" / "fuel.csv"
    path.write_text("date,value\n2013-08-01,-0.10\n\n2013-07-01,1.23\n", encoding="utf-8-sig")
    assert load_portfolio(root).series("fuel") == [
        (date(2013, 7, 1), Decimal("1.23")),
        (date(2013, 8, 1), Decimal("-0.10")),
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("2013-07-01,1\n2013-07-01,2\n", "line 2, date: .* each date once"),
        ("2013-07-01,NaN\n", "line 2, value: 'NaN'"),
        ("2013-07-01,1e400000\n2013-08-01,one\n", "line 3, value: 'one'"),
        ("2013-07-01,\n", "line 2, value: ''"),
    ],
)
def test_a_wrong_series_is_refused(root: Path, rows: str, words: str) -> None:
    path = root / "series" / "fuel.csv"
    path.write_text("date,value\n" + rows, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_series(path)


def test_a_series_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"a file series/fuel\.csv with the header date,value"):
        load_portfolio(root).series("fuel")
