"""Two bills become peak, percent, money and annual figures; losses are losses everywhere."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calendars import add_months, calendar_month
from pipeline.domain import REASONS, SCENARIOS
from pipeline.fleet import unstated_fleet
from pipeline.savings import (
    Ends,
    Energy,
    Facts,
    PriorBill,
    Ranges,
    billing_reduction_kw,
    line_of,
    main_demand_line,
    money_text,
    summarise,
    unstated,
    with_reasons,
)
from pipeline.tariff import Bill, BillLine, measure, price, resolve
from tests.factories import site
from tests.tariff.bench import load, native

JULY = calendar_month("2013-07")
NOON = datetime(2013, 7, 10, 4, 30, tzinfo=UTC)


def energy_line(amount: str, band: str = "peak", scenario: str = "actual") -> BillLine:
    value = Decimal(amount)
    return BillLine(scenario, "energy", band, "energy", "Energy", "kWh", value * 10, Decimal("0.1"), value)


def demand_line(own_kw: str, billed_kw: str, *, carried_from: str | None = None, charge_id: str = "demand") -> BillLine:
    own, billed = Decimal(own_kw), Decimal(billed_kw)
    return BillLine(
        "actual", charge_id, "all", "demand", "Demand", "kW", billed, Decimal(10), billed * 10,
        set_at=NOON, own_peak_kw=own, billing_demand_kw=billed, carried_from=carried_from,
    )  # fmt: skip


def a_bill(*lines: BillLine) -> Bill:
    return Bill(lines, sum((line.amount for line in lines), Decimal(0)), ())


UNMANAGED = a_bill(demand_line("100", "100"), energy_line("50"))
ACTUAL = a_bill(demand_line("97.5", "97.5"), energy_line("51"))


def facts(**changes: Any) -> Facts:
    known: dict[str, Any] = {
        "site": site(timezone="Asia/Tokyo"),
        "period": JULY,
        "state": "ok",
        "bills": {"actual": ACTUAL, "no_ev": UNMANAGED, "unmanaged": UNMANAGED},
        "demand_line": ("demand", "all"),
        "energy": Energy(dict.fromkeys(SCENARIOS, 1000), 0, 0, None),
        "fleet": {},
        "meter_coverage_pct": 100.0,
        "charger_coverage_pct": 100.0,
        "reasons": (),
        "findings": (),
        "provable": True,
        "prior": (),
    }
    return Facts(**{**known, **changes})


# --- money as text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234", "JPY", "1234"),
        ("1234.50", "JPY", "1234.5"),
        ("1234.5", "USD", "1234.50"),
        ("0.123", "USD", "0.123"),
        ("1.005", "KWD", "1.005"),
        ("1E+3", "JPY", "1000"),
        ("-0.10", "USD", "-0.10"),
        ("-0", "USD", "0.00"),
        ("-0.000", "JPY", "0"),
        ("1000.00", "JPY", "1000"),
    ],
)
def test_money_has_the_decimals_of_its_currency_and_more_only_where_it_needs_them(
    amount: str, currency: str, text: str
) -> None:
    assert money_text(Decimal(amount), currency) == text


def test_money_that_is_not_known_has_no_text() -> None:
    assert money_text(None, "JPY") is None


@given(st.decimals(-(10**12), 10**12, places=12), st.sampled_from(["JPY", "USD", "KWD"]))
def test_money_text_is_exact(amount: Decimal, currency: str) -> None:
    assert Decimal(money_text(amount, currency) or "") == amount


# --- lines


def test_lines_are_aligned_by_charge_and_band_not_by_place() -> None:
    baseline = a_bill(energy_line("30", "night"), energy_line("50", "peak"))
    actual = a_bill(energy_line("48", "peak"), energy_line("33", "night"))
    lines = summarise(facts(bills={"actual": actual, "unmanaged": baseline}, demand_line=None))["lines"]
    assert [(line["band"], line["amount_baseline"], line["amount_actual"], line["saved"]) for line in lines] == [
        ("peak", "50.00", "48.00", "2.00"),
        ("night", "30.00", "33.00", "-3.00"),
    ]


def test_a_line_is_found_by_its_key_and_by_nothing_else() -> None:
    assert line_of(UNMANAGED, ("energy", "peak")) == energy_line("50")
    assert line_of(UNMANAGED, ("energy", "night")) is None
    assert line_of(None, ("energy", "peak")) is None
    assert line_of(UNMANAGED, None) is None


amounts = st.lists(
    st.tuples(st.decimals(-(10**6), 10**6, places=12), st.decimals(-(10**6), 10**6, places=12)),
    min_size=1,
    max_size=12,
)


@given(amounts, st.sampled_from(["JPY", "USD", "KWD"]))
def test_the_savings_of_the_lines_sum_exactly_to_the_saving(
    pairs: Sequence[tuple[Decimal, Decimal]], currency: str
) -> None:
    baseline = a_bill(*(energy_line(str(one), f"b{n}") for n, (one, _) in enumerate(pairs)))
    actual = a_bill(*(energy_line(str(two), f"b{n}") for n, (_, two) in enumerate(pairs)))
    summary = summarise(
        facts(site=site(currency=currency), bills={"actual": actual, "unmanaged": baseline}, demand_line=None)
    )
    total = sum((Decimal(line["saved"]) for line in summary["lines"]), Decimal(0))
    assert total == Decimal(summary["money"]["saved"])
    assert total == Decimal(summary["money"]["bill_unmanaged"]) - Decimal(summary["money"]["bill_actual"])


# --- gains, losses, and what cannot be proved


def test_a_gain_by_hand() -> None:
    """1,000 + 50 without V2B, 975 + 51 with: 24 saved; 2.5 kW of 100; 24 of 1,050."""
    summary = summarise(facts())
    assert summary["money"]["saved"] == "24.00"
    assert summary["peak_kw"]["reduction"] == 2.5
    assert summary["billing_demand_kw"]["reduction"] == 2.5
    assert summary["percent_saved"]["peak"] == 2.5
    assert summary["percent_saved"]["bill"] == pytest.approx(100 * 24 / 1050)
    assert summary["peak_kw"]["demand_line"] == "demand/all"
    assert summary["peak_kw"]["actual_set_at"] == "2013-07-10T13:30:00+09:00"
    assert summary["annual"]["first_paying_month"] == "2013-07"


@pytest.mark.parametrize("provable", [True, False])
def test_percentages_have_the_ranges_of_what_they_are_of(provable: bool) -> None:
    """2 to 3 kW above the metered 97.5, and 20 to 28 above the metered bill of 1,026; they stay without a proof."""
    ranges = Ranges(peak_kw=Ends(Decimal(2), Decimal(3)), money=Ends(Decimal(20), Decimal(28)))
    found = summarise(facts(provable=provable, ranges=ranges))["percent_saved"]
    assert [found["peak_low"], found["peak_high"]] == [pytest.approx(200 / 99.5), pytest.approx(300 / 100.5)]
    assert [found["bill_low"], found["bill_high"]] == [pytest.approx(2000 / 1046), pytest.approx(2800 / 1054)]
    assert (found["peak"] is None) == (not provable)


def test_a_loss_is_negative_everywhere() -> None:
    """The same bills the other way round: V2B recharged into a new peak."""
    worse = Energy(
        {"actual": 1100, "no_ev": 1000, "unmanaged": 1000}, 0, 0, {"actual": 220, "no_ev": 200, "unmanaged": 200}
    )
    summary = summarise(facts(bills={"actual": UNMANAGED, "no_ev": ACTUAL, "unmanaged": ACTUAL}, energy=worse))
    assert summary["money"]["saved"] == "-24.00"
    assert summary["peak_kw"]["reduction"] == -2.5
    assert summary["billing_demand_kw"]["reduction"] == -2.5
    assert summary["percent_saved"]["peak"] == pytest.approx(-2.5 / 97.5 * 100)
    assert summary["percent_saved"]["bill"] == pytest.approx(-24 / 1026 * 100)
    assert summary["percent_saved"]["moved_out_of_window"] == -10.0
    assert {line["charge_id"]: line["saved"] for line in summary["lines"]} == {"demand": "-25.00", "energy": "1.00"}
    assert summary["annual"]["realised"] == "-24.00"
    assert summary["annual"]["first_paying_month"] is None


def test_a_saving_that_is_not_proved_is_null_and_the_bills_stay() -> None:
    summary = summarise(facts(provable=False, reasons=("charger_gap",)))
    assert summary["grade"] == "F"
    assert summary["money"]["saved"] is None
    assert (summary["money"]["bill_unmanaged"], summary["money"]["bill_actual"]) == ("1050.00", "1026.00")
    assert summary["peak_kw"]["reduction"] is None
    assert (summary["peak_kw"]["unmanaged"], summary["peak_kw"]["actual"]) == (100.0, 97.5)
    assert summary["billing_demand_kw"]["reduction"] is None
    assert set(summary["percent_saved"].values()) == {None}
    assert {line["saved"] for line in summary["lines"]} == {None}
    assert billing_reduction_kw(facts(provable=False)) is None
    assert summary["reasons"] == ["charger_gap"]


def test_worlds_that_are_not_known_are_null_not_zero() -> None:
    summary = summarise(facts(bills={"actual": ACTUAL}, provable=False, reasons=("charger_gap",)))
    assert summary["money"]["bill_unmanaged"] is None
    assert summary["energy_kwh"] == {"no_ev": None, "unmanaged": None, "actual": 1.0}
    assert summary["peak_kw"]["unmanaged"] is None
    assert [line["amount_baseline"] for line in summary["lines"]] == [None, None]


def test_without_a_metered_bill_there_are_no_lines() -> None:
    assert summarise(facts(bills={}, demand_line=None, provable=False))["lines"] == []


def test_the_headline_world_is_the_one_compared_with() -> None:
    no_ev = a_bill(demand_line("110", "110"), energy_line("40"))
    bills = {"actual": ACTUAL, "no_ev": no_ev, "unmanaged": UNMANAGED}
    assert summarise(facts(bills=bills))["money"]["saved"] == "24.00"
    other = summarise(facts(bills=bills, site=site(headline="no_ev")))
    assert (other["money"]["saved"], other["peak_kw"]["reduction"]) == ("114.00", 12.5)


def test_without_a_demand_charge_there_is_no_peak() -> None:
    bills = {"actual": a_bill(energy_line("48")), "unmanaged": a_bill(energy_line("50"))}
    summary = summarise(facts(bills=bills, demand_line=None))
    assert set(summary["peak_kw"].values()) == {None}
    assert set(summary["billing_demand_kw"].values()) == {None}
    assert summary["percent_saved"]["peak"] is None
    assert summary["money"]["saved"] == "2.00"


def test_a_peak_carried_by_a_ratchet_names_the_month() -> None:
    baseline = a_bill(demand_line("90", "100", carried_from="2013-02"))
    summary = summarise(facts(bills={"actual": a_bill(demand_line("91", "91")), "unmanaged": baseline}))
    billed = summary["billing_demand_kw"]
    assert (billed["reduction"], billed["baseline_carried_from"], billed["actual_carried_from"]) == (
        9.0,
        "2013-02",
        None,
    )
    assert summary["peak_kw"]["reduction"] == -1.0  # the cars did not cut this month, and the summary says so


@pytest.mark.parametrize(
    ("provable", "other_peak_control", "grade"),
    [(True, False, "B"), (True, True, "C"), (False, False, "F"), (False, True, "F")],
)
def test_something_else_that_reacts_to_the_meter_caps_the_grade(
    provable: bool, other_peak_control: bool, grade: str
) -> None:
    assert summarise(facts(provable=provable, site=site(other_peak_control=other_peak_control)))["grade"] == grade


def test_battery_wear_stands_beside_the_saving_as_a_range() -> None:
    """12.5 kWh discharged at 0.04 to 0.12."""
    worn = site(wear={"low": Decimal("0.04"), "high": Decimal("0.12")})
    energy = Energy(dict.fromkeys(SCENARIOS, 0), 0, 12_500, None)
    money = summarise(facts(site=worn, energy=energy))["money"]
    assert (money["wear_low"], money["wear_high"], money["saved"]) == ("0.50", "1.50", "24.00")
    assert summarise(facts(energy=energy))["money"]["wear_low"] is None
    assert summarise(facts(site=worn, energy=energy, charger_coverage_pct=99.9))["money"]["wear_low"] is None


def test_the_main_demand_line_is_the_one_with_the_largest_yearly_amount() -> None:
    bill = a_bill(demand_line("10", "10", charge_id="facility"), demand_line("9", "9", charge_id="peak"))
    assert main_demand_line(bill, {}) == ("facility", "all")
    assert main_demand_line(bill, {("peak", "all"): Decimal("10.01")}) == ("peak", "all")
    assert main_demand_line(a_bill(energy_line("1")), {("peak", "all"): Decimal(9)}) is None


def test_every_null_of_a_full_summary_has_its_reason() -> None:
    """Codes name the fields they leave null; an unknown code is refused."""
    with pytest.raises(KeyError):
        with_reasons(facts(), ["no_such_reason"])
    assert with_reasons(facts(), ["meter_gap"]).reasons == ("meter_gap",)
    for code, reason in REASONS.items():
        for field in reason.fields:
            section, _, name = field.partition(".")
            block = summarise(facts(fleet=unstated_fleet())).get(section, {} if section == "*" else None)
            assert block is not None, f"{code}: {section}"
            assert name in {"", "*"} or name in block, f"{code}: {field}"


def test_a_failed_month_states_its_reason_and_no_figure() -> None:
    summary = unstated(site(), JULY, "failed", ("computation_failed", "the tariff is broken"), unstated_fleet())
    assert (summary["state"], summary["provable"], summary["grade"]) == ("failed", False, "F")
    assert summary["reasons"] == ["computation_failed"]
    assert summary["data"]["findings"] == ["the tariff is broken"]
    figures = [
        value
        for section in ("peak_kw", "billing_demand_kw", "percent_saved", "energy_kwh", "annual", "fleet", "levers")
        for value in summary[section].values()
    ]
    assert set(figures) == {None}
    assert summary["lines"] == []


# --- the year


def prior(month: str, saved: str | None, kw: str | None = "0") -> PriorBill:
    return PriorBill(month, Decimal(saved) if saved else None, saved is not None, Decimal(kw) if kw else None)


def test_realised_adds_the_last_twelve_bills() -> None:
    bills = [prior(add_months("2012-07", n), "10") for n in range(-3, 12)]
    annual = summarise(facts(prior=bills))["annual"]
    assert (annual["realised"], annual["bills"], annual["provable_bills"]) == ("134.00", 12, 12)  # 11 x 10 + 24


def test_bills_that_are_not_proved_are_counted_and_add_nothing() -> None:
    annual = summarise(facts(prior=[prior("2013-05", "10"), prior("2013-06", None, None)]))["annual"]
    assert (annual["realised"], annual["bills"], annual["provable_bills"]) == ("34.00", 3, 2)
    none = summarise(facts(prior=[prior("2013-06", None, None)], provable=False))["annual"]
    assert (none["realised"], none["bills"], none["provable_bills"]) == (None, 2, 0)


def test_a_bill_that_is_not_proved_enters_with_the_least_it_can_have_saved() -> None:
    """As a later bill will count it: 10 proved, 3 at least in June, 5 at least in this bill."""
    bills = [prior("2013-05", "10"), replace(prior("2013-06", None), low=Decimal(3))]
    ranges = Ranges(money=Ends(Decimal(5), Decimal(9)))
    annual = summarise(facts(prior=bills, provable=False, ranges=ranges))["annual"]
    assert (annual["realised"], annual["bills"], annual["provable_bills"]) == ("18.00", 3, 1)


def test_a_bill_of_more_than_a_year_ago_does_not_fill_in_for_one_that_failed() -> None:
    """July 2012 and July 2013 never stand in one annual sum, though a month between has no bill."""
    bills = [prior(add_months("2012-06", n), "10") for n in range(13) if n != 5]
    annual = summarise(facts(prior=bills))["annual"]
    assert (annual["bills"], annual["realised"]) == (11, "124.00")


def test_before_the_programme_there_is_no_annual_figure() -> None:
    annual = summarise(facts(state="seed", provable=False))["annual"]
    assert set(annual.values()) == {None}


def test_the_first_paying_month_is_the_first_with_a_lower_billed_demand() -> None:
    bills = [prior("2013-04", "-5", "-1"), prior("2013-05", "3", "0"), prior("2013-06", "3", "0.1")]
    assert summarise(facts(prior=bills))["annual"]["first_paying_month"] == "2013-06"


RATCHET = (
    '[[charges]]\nid = "basic"\nkind = "demand"\nrate = "1638"\n'
    "[[charges.ratchets]]\npercent = 100\nlook_back_months = 11\n"
)
OWN_KW = dict(zip(range(1, 13), (880, 870, 850, 820, 860, 940, 1010, 1024, 960, 870, 840, 865), strict=True))


def hand_table(start: str, last: str, missed: frozenset[str] = frozenset()) -> dict[str, tuple[str | None, str | None]]:
    """(saved, realised) by month, priced with the ratchet; peaks of methods.md section 2, cut 25.6 since `start`."""
    tariff = native(RATCHET)
    history: dict[tuple[str, str], dict[str, Decimal]] = {(world, "basic"): {} for world in SCENARIOS}
    found: dict[str, tuple[str | None, str | None]] = {}
    done: list[PriorBill] = []
    month = add_months(start, -12)
    while month <= last:
        period = calendar_month(month)
        kw = Decimal(OWN_KW[period.read_from.month])
        cut = Decimal("25.6") if month >= start and month not in missed else Decimal(0)
        own = {"actual": kw - cut, "no_ev": kw, "unmanaged": kw}
        loads = pl.concat(
            load(period, lambda n, wh=int(peak * 500): wh if n == 0 else 0, zone="UTC", scenario=world)
            for world, peak in own.items()
        )
        resolved = resolve(tariff, period)
        measured = measure(resolved, period, loads, zone="UTC", holidays=frozenset())
        bills = price(resolved, period, measured, history)  # exact, as the table, which rounds what it prints
        for world, peak in own.items():
            history[world, "basic"][month] = peak
        if month >= start:
            these = facts(
                site=site(currency="JPY", timezone="UTC"), period=period, bills=bills, prior=tuple(done),
                demand_line=("basic", "all"),
            )  # fmt: skip
            summary = summarise(these)
            found[month] = (summary["money"]["saved"], summary["annual"]["realised"])
            done.append(PriorBill(month, Decimal(found[month][0] or ""), True, billing_reduction_kw(these)))
        month = add_months(month, 1)
    return found


def to_the_yen(row: tuple[str | None, str | None]) -> tuple[int, int]:
    saved, realised = (round(Decimal(text or "nan")) for text in row)
    return saved, realised


def test_hand_table_of_a_programme_begun_in_july() -> None:
    """methods.md section 2: 25.6 kW x 1,638 = 41,932.80 a month from August on, carried by the July peak."""
    table = {month: to_the_yen(row) for month, row in hand_table("2013-07", "2014-08").items()}
    assert table["2013-07"] == (0, 0)
    assert table["2013-08"] == (41_933, 41_933)
    assert table["2013-09"] == (41_933, 83_866)
    assert table["2014-06"] == (41_933, 461_261)
    assert table["2014-07"] == (41_933, 503_194)
    assert table["2014-08"] == (41_933, 503_194)


@pytest.mark.parametrize(("start", "missed"), [("2013-09", frozenset[str]()), ("2013-07", frozenset({"2013-08"}))])
def test_hand_table_where_the_highest_month_was_not_cut(start: str, missed: frozenset[str]) -> None:
    """A September start, or August missed: 0 everywhere until next August."""
    table = {month: to_the_yen(row) for month, row in hand_table(start, "2014-08", missed).items()}
    assert {row for month, row in table.items() if month < "2014-08"} == {(0, 0)}
    assert table["2014-08"] == (41_933, 41_933)
