"""Bills: published cases, and small ones computed by hand."""

import json
from decimal import Decimal

import pytest

from pipeline.calendars import add_months, calendar_month
from pipeline.domain import BillPeriod
from pipeline.tariff import DemandQuantity, Ratchet, billing_demand, measure, price, resolve
from tests.tariff.bench import DATA, HEAD, JULY, ZONE, amounts, bill, day, load, native

CASES = {case["id"]: case for case in json.loads((DATA / "bill_cases.json").read_text(encoding="utf-8"))["cases"]}
BASIC = (
    '[[charges]]\nid = "basic"\nkind = "demand"\nrate = "1560.00"\n'
    "[[charges.ratchets]]\npercent = 100\nlook_back_months = 11\n"
)


def test_tepco_contract_demand_is_the_highest_of_this_and_the_previous_eleven_months() -> None:
    case = CASES["tepco-jitsuryou-contract-demand"]
    tariff = native(BASIC)
    own: dict[str, Decimal] = {}
    contract = []
    for count, peak_kw in enumerate(case["monthly_peak_kw"]):
        month = add_months("2013-07", count)
        period = calendar_month(month)
        frame = load(period, lambda n, peak_kw=peak_kw: peak_kw * 500 if n == 100 else 1000)
        (line,) = bill(tariff, frame, period, history={("actual", "basic"): dict(own)}).lines
        contract.append(line.billing_demand_kw)
        assert line.own_peak_kw == peak_kw
        assert line.amount == line.billing_demand_kw * 1560
        own[month] = line.own_peak_kw
    assert contract == case["expected_contract_kw"]


def test_reopt_look_back_of_35_percent_over_a_year() -> None:
    case = CASES["reopt-lookback-35pct-all-months"]
    tariff = native(
        "[seasons]\nwinter = [1, 2, 3, 4, 11, 12]\nsummer = [5, 6, 7, 8, 9, 10]\n"
        '[[charges]]\nid = "demand"\nkind = "demand"\n'
        '[[charges.periods]]\nname = "winter"\nseason = "winter"\nrate = "10.5"\n'
        '[[charges.periods]]\nname = "summer"\nseason = "summer"\nrate = "11.5"\n'
        "[[charges.ratchets]]\npercent = 35\nlook_back_months = 11\n"
    )
    own: dict[str, Decimal] = {}
    total = Decimal(0)
    for month in (f"2022-{number:02d}" for number in range(1, 13)):
        period = calendar_month(month)
        frame = load(
            period, lambda n, month=month: 100_000 if (month, n) == ("2022-01", 8) else 1000, zone="UTC", window_min=60
        )
        (line,) = bill(tariff, frame, period, zone="UTC", history={("actual", "demand"): dict(own)}).lines
        assert line.carried_from == (None if month == "2022-01" else "2022-01")
        own[month] = line.own_peak_kw
        total += line.amount
    assert total == Decimal(str(case["expected_demand_cost"]))


def test_pseg_convenience_store_to_the_cent() -> None:
    """The source gives 262.34 for 30 kW; the rate per kW is that amount's."""
    case = CASES["pseg-glp-convenience-store"]
    tariff = native(
        '[[charges]]\nid = "customer"\nkind = "fixed"\nrate = "3.74"\n'
        '[[charges]]\nid = "energy"\nkind = "energy"\nrate = "0.09444"\n'
        '[[charges]]\nid = "eca"\nkind = "per_kwh_rider"\nrate = "-0.017192"\n'
        '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "8.7447"\n',
        head='name = "GLP"\ncurrency = "USD"\n[rounding]\ndigits = 2\nmode = "half_up"\n',
    )
    windows = 744 * 4 - 1
    rest = case["kwh"] * 1000 - 7500
    frame = load(JULY, lambda n: 7500 if n == 0 else rest // windows + (n <= rest % windows), window_min=15)
    priced = bill(tariff, frame)
    expected = {name: Decimal(str(amount)) for name, amount in case["expected"].items()}
    assert {line.charge_id: line.amount for line in priced.lines} | {"total": priced.total} == expected


RATCHETS = {
    "own peak": ((), 0, {"2013-06": 900}, 100, (100, None)),
    "floor": ((), 120, {}, 100, (120, None)),
    "carried": ((Ratchet(Decimal(80), 11),), 0, {"2012-08": 500, "2013-06": 400}, 100, (400, "2012-08")),
    "twelve months ago is out of reach": ((Ratchet(Decimal(100), 11),), 0, {"2012-07": 500}, 100, (100, None)),
    "equals its own": ((Ratchet(Decimal(100), 11),), 0, {"2013-06": 100}, 100, (100, None)),
    "the latest of equals": ((Ratchet(Decimal(100), 11),), 0, {"2013-05": 200, "2013-04": 200}, 100, (200, "2013-05")),
    "named months": (
        (Ratchet(Decimal(100), 11, (8, 9)),),
        0,
        {"2012-08": 200, "2013-06": 900},
        100,
        (200, "2012-08"),
    ),
    "highest of two": (
        (Ratchet(Decimal(50), 11), Ratchet(Decimal(100), 1)),
        0,
        {"2012-09": 300, "2013-06": 140},
        100,
        (150, "2012-09"),
    ),
}


@pytest.mark.parametrize(("ratchets", "floor", "history", "own", "expected"), RATCHETS.values(), ids=RATCHETS)
def test_billing_demand(ratchets, floor, history, own, expected) -> None:
    quantity = DemandQuantity(floor_kw=Decimal(floor), ratchets=ratchets)
    past = {month: Decimal(kw) for month, kw in history.items()}
    assert billing_demand(quantity, "2013-07", Decimal(own), past) == expected


FULL = (
    '[[charges]]\nid = "service"\nkind = "fixed"\nrate = "500"\n'
    '[[charges]]\nid = "energy"\nkind = "energy"\n'
    '[[charges.periods]]\nname = "peak"\nweekdays = [1, 2, 3, 4, 5]\nhours = ["13:00-16:00"]\nrate = "17.13"\n'
    '[[charges.periods]]\nname = "other"\notherwise = true\nrate = "10.07"\n'
    '[[charges]]\nid = "fuel"\nkind = "per_kwh_rider"\nseries = "fuel"\n'
    '[[charges]]\nid = "discount"\nkind = "percent_rider"\npercent = "-15"\napplies_to = ["service"]\n'
    '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "5"\n'
)
FUEL = {"fuel": [(day("2013-06-01"), Decimal("-0.5")), (day("2013-07-01"), Decimal("0.33"))]}


def full(rounding: str):
    return native(FULL, FUEL, head=HEAD + rounding)


def test_every_line_of_a_bill_rounded_down_to_the_yen() -> None:
    """July 2013: 23 working days of 6 peak windows; 1,488 windows of 1,001 Wh."""
    priced = bill(full('[rounding]\ndigits = 0\nmode = "down"\n'), load(JULY, lambda _: 1001))
    assert amounts(priced) == {
        ("service", "all"): 500,
        ("energy", "peak"): 2366,  # 138 x 1.001 x 17.13 = 2366.30394
        ("energy", "other"): 13608,  # 1350 x 1.001 x 10.07 = 13608.0945
        ("fuel", "all"): 491,  # 1488 x 1.001 x 0.33 = 491.531
        ("discount", "all"): -75,
        ("tax", "all"): 844,  # 5 % of 16,890 = 844.5
    }
    assert priced.total == 17734
    assert [line.unit for line in priced.lines] == ["month", "kWh", "kWh", "kWh", "money", "money"]
    assert [line.kind for line in priced.lines][3:] == ["per_kwh_rider", "percent_rider", "tax"]


@pytest.mark.parametrize(("mode", "tax"), [("half_even", 844), ("half_up", 845), ("down", 844), ("up", 845)])
def test_rounding_modes_on_a_half(mode, tax) -> None:
    text = FULL.replace('percent = "5"', f'percent = "5"\nrounding = {{digits = 0, mode = "{mode}"}}')
    tariff = native(text, FUEL, head=HEAD + '[rounding]\ndigits = 0\nmode = "down"\n')
    assert amounts(bill(tariff, load(JULY, lambda _: 1001)))["tax", "all"] == tax


def test_rounding_at_the_total_adds_a_line_that_makes_the_sum_exact() -> None:
    priced = bill(full('[rounding]\nat = "total"\ndigits = 0\nmode = "half_up"\n'), load(JULY, lambda _: 1001))
    assert priced.lines[-1].charge_id == "rounding"
    assert priced.total == sum(line.amount for line in priced.lines)
    assert priced.total == 17735  # 1.05 x (500 - 75 + 2366.30394 + 13608.0945 + 491.53104) = 17735.475954
    assert priced.lines[-1].amount == 17735 - Decimal("1.05") * Decimal("16890.92948")


def test_without_a_rounding_rule_lines_are_exact_or_at_the_digits_of_the_currency() -> None:
    frame = load(JULY, lambda _: 1001)
    assert amounts(bill(full(""), frame))["energy", "peak"] == Decimal("2366.30394")
    assert amounts(bill(full(""), frame, currency_digits=2))["energy", "peak"] == Decimal("2366.30")


def test_two_worlds_have_the_same_lines_and_each_its_own_peak_and_history() -> None:
    tariff = native(BASIC + FULL, FUEL)
    resolved = resolve(tariff, JULY)
    frames = [
        load(JULY, lambda n: 512_000 if n == 700 else 400_000, scenario="no_ev"),
        load(JULY, lambda n: 499_200 if n in (703, 900) else 400_000),
    ]
    determinants = measure(resolved, JULY, frames[0].vstack(frames[1]), zone=ZONE, holidays=frozenset())
    history = {("no_ev", "basic"): {"2013-06": Decimal(990)}, ("actual", "basic"): {"2013-06": Decimal(1000)}}
    bills = price(resolved, JULY, determinants, history)
    assert [(x.charge_id, x.band) for x in bills["no_ev"].lines] == [
        (x.charge_id, x.band) for x in bills["actual"].lines
    ]
    no_ev, actual = bills["no_ev"].lines[0], bills["actual"].lines[0]
    assert (no_ev.own_peak_kw, no_ev.billing_demand_kw, no_ev.carried_from) == (1024, 1024, None)
    assert (actual.own_peak_kw, actual.billing_demand_kw, actual.carried_from) == (Decimal("998.4"), 1000, "2013-06")
    # window 703 of a bill that begins on 30 June 15:00 UTC: the earlier of the two equal ones
    assert actual.set_at.isoformat() == "2013-07-15T06:30:00+00:00"


def test_a_tariff_of_fixed_charges_only_still_bills() -> None:
    priced = bill(native('[[charges]]\nid = "s"\nkind = "fixed"\nrate = 5\nper = "day"\n'), load(JULY, lambda _: 1))
    assert (priced.total, priced.lines[0].quantity, priced.lines[0].unit) == (155, 31, "day")


def test_tiers_slice_demand_and_show_empty_slices() -> None:
    tariff = native('[[charges]]\nid = "d"\nkind = "demand"\ntiers = [{up_to = 50, rate = 2}, {rate = 1}]\n')
    low = bill(tariff, load(JULY, lambda _: 20_000)).lines
    high = bill(tariff, load(JULY, lambda _: 30_000)).lines
    assert [(x.band, x.quantity, x.amount) for x in low] == [("all tier 1", 40, 80), ("all tier 2", 0, 0)]
    assert [(x.band, x.quantity, x.amount) for x in high] == [("all tier 1", 50, 100), ("all tier 2", 10, 10)]
    assert {x.billing_demand_kw for x in high} == {60}


def test_demand_without_any_load_in_its_hours_is_refused_not_billed_as_zero() -> None:
    tariff = native(
        '[[charges]]\nid = "d"\nkind = "demand"\n'
        '[[charges.periods]]\nname = "peak"\nhours = ["13:00-16:00"]\nrate = 1\n'
        '[[charges.periods]]\nname = "night"\nhours = ["00:00-06:00"]\nrate = 1\n'
    )
    frame = load(JULY, lambda _: 20_000)
    priced = bill(tariff, frame.filter(frame["interval_start"].dt.hour() > 8))  # 13:00 in Tokyo is 04:00 UTC
    assert [line.band for line in priced.lines] == ["night"]
    assert [refusal.field for refusal in priced.refused] == ["d"]


def test_hours_that_do_not_occur_in_a_short_bill_cost_nothing() -> None:
    tariff = native(
        '[[charges]]\nid = "d"\nkind = "demand"\n[[charges.periods]]\nname = "sunday"\nweekdays = [7]\nrate = 1\n'
    )
    monday = BillPeriod("2013-07", day("2013-07-01"), day("2013-07-02"))
    priced = bill(tariff, load(monday, lambda _: 20_000), monday)
    assert (priced.total, priced.refused) == (0, ())
    assert priced.lines[0].own_peak_kw == 0


def test_shares_of_days_show_at_most_12_decimals() -> None:
    tariff = native(
        "[seasons]\na = [1, 2, 3, 4, 5, 6, 7]\nb = [8, 9, 10, 11, 12]\n"
        '[[charges]]\nid = "d"\nkind = "demand"\nprorate = "days"\n'
        '[[charges.periods]]\nname = "a"\nseason = "a"\nrate = 10\n'
        '[[charges.periods]]\nname = "b"\nseason = "b"\nrate = 20\n'
    )
    period = BillPeriod("2013-08", day("2013-07-25"), day("2013-08-24"))  # 7 of 30 days in July
    priced = bill(tariff, load(period, lambda _: 50_000), period)
    assert [line.quantity for line in priced.lines] == [Decimal("23.333333333333"), Decimal("76.666666666667")]
    assert [round(line.amount, 6) for line in priced.lines] == [Decimal("233.333333"), Decimal("1533.333333")]
    assert [line.band for line in priced.lines] == ["a from 2013-07-25", "b from 2013-08-01"]
