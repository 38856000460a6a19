"""Every kind of charge on a small bill computed by hand: contracts, coincident peaks, reactive energy, credits."""

import json
from decimal import Decimal

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import BillPeriod
from pipeline.tariff import measure, measure_many, price, price_many, resolve
from tests.tariff.bench import DATA, JULY, ZONE, amounts, bill, day, load, native

CASES = {case["id"]: case for case in json.loads((DATA / "bill_cases.json").read_text(encoding="utf-8"))["cases"]}
FLAT = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = 10\n'
DEMAND = '[[charges]]\nid = "d"\nkind = "demand"\nrate = 10\n'


def with_reactive(frame: pl.DataFrame, varh) -> pl.DataFrame:
    """The load with `varh(n)` of reactive energy in its n-th window."""
    return frame.with_columns(reactive_varh=pl.Series([varh(n) for n in range(frame.height)], dtype=pl.Int64))


def bills(text: str, *frames: pl.DataFrame, history=None):
    resolved = resolve(native(text), JULY)
    determinants = measure(resolved, JULY, pl.concat(frames), zone=ZONE, holidays=frozenset())
    return price(resolved, JULY, determinants, history or {})


def reasons(priced) -> dict[str, str]:
    return {refusal.field: refusal.reason for refusal in priced.refused}


CONTRACT = (
    '[[charges]]\nid = "basic"\nkind = "contract_demand"\nrate = 100\nover_contract_factor = "1.5"\n'
    'contract = [{from = 2012-04-01, kw = 1100}, {from = 2013-06-01, kw = 1080, worlds = ["actual"]}]\n'
)


def test_contract_demand_is_billed_as_agreed_in_each_world_and_what_is_above_at_its_factor() -> None:
    """The contract was lowered by 20 kW in the metered world only; both worlds peak at 1,090 kW."""
    peak = [load(JULY, lambda n: 545_000 if n == 700 else 0, scenario=world) for world in ("no_ev", "actual")]
    priced = bills(CONTRACT, *peak)
    assert amounts(priced["no_ev"]) == {("basic", "all"): 110_000, ("basic", "all over contract"): 0}
    assert amounts(priced["actual"]) == {("basic", "all"): 108_000, ("basic", "all over contract"): 10 * 150}
    over = priced["actual"].lines[1]
    assert (over.quantity, over.rate, over.own_peak_kw, over.billing_demand_kw) == (10, 150, 1090, 1080)


def test_a_contract_that_has_not_begun_is_refused_and_one_that_begins_inside_a_bill_is_split_by_days() -> None:
    early = CONTRACT.replace("2012-04-01", "2014-04-01").replace("2013-06-01", "2014-06-01")
    assert reasons(bill(native(early), load(JULY, lambda _: 1))) == {"basic": "no contract demand is in force"}
    inside = CONTRACT.replace("2013-06-01", "2013-07-11").replace("rate = 100", 'rate = 100\nprorate = "days"')
    priced = amounts(bill(native(inside), load(JULY, lambda _: 1)))
    assert priced["basic", "all from 2013-07-01"] == pytest.approx(Decimal(1100 * 100 * 10) / 31)
    assert priced["basic", "all from 2013-07-11"] == pytest.approx(Decimal(1080 * 100 * 21) / 31)


def test_reopt_coincident_peaks_are_charged_once_for_each_set_of_windows() -> None:
    """Hours 1, 2, 100 of the year at 10; hours 6000 (7 September) and 7000 (19 October) at 5, in October's bill."""
    case = CASES["reopt-coincident"]
    tariff = native(
        '[[charges]]\nid = "cp1"\nkind = "coincident"\nrate = 10\nstatistic = "max"\nwindow_min = 60\n'
        "events_known_until = 2014-01-01\n"
        "events = [{starts = [2013-01-01T00:00:00, 2013-01-01T01:00:00, 2013-01-05T03:00:00]}]\n"
        '[[charges]]\nid = "cp2"\nkind = "coincident"\nrate = 5\nstatistic = "max"\nwindow_min = 60\n'
        "events_known_until = 2014-01-01\n"
        "events = [{starts = [2013-09-07T23:00:00, 2013-10-19T15:00:00], "
        "bill_from = 2013-10-01, bill_to = 2013-11-01}]\n"
    )
    resolved = [resolve(tariff, calendar_month(f"2013-{n:02d}")) for n in range(1, 13)]
    year = BillPeriod("2013", day("2013-01-01"), day("2014-01-01"))
    frame = load(year, lambda _: 1000, zone="UTC", window_min=60)
    priced = price_many(resolved, measure_many(resolved, frame, zone="UTC"))
    assert sum(found["actual"].total for found in priced.values()) == Decimal(str(case["expected"]))
    assert not any(found["actual"].refused for found in priced.values())
    assert amounts(priced["2013-10",]["actual"]) == {("cp1", "all"): 0, ("cp2", "all"): 5}


TAG = (
    '[[charges]]\nid = "tag"\nkind = "coincident"\nrate = 2\nwindow_min = 60\n'
    'events_series = "peaks"\ntag_from_month = 6\n'
)
PEAKS = {"peaks": [(day(text), Decimal(16)) for text in ("2012-06-20", "2012-07-17", "2012-07-18")]}


def test_a_capacity_tag_is_the_mean_of_last_summers_peaks_from_june_on() -> None:
    """One event in June at 90 kW, two in July at 60 kW on average: the mean of three is 70 kW."""
    tariff = native(TAG, PEAKS)
    own = {("actual", "tag"): {"2012-06": Decimal(90), "2012-07": Decimal(60)}}
    frame = load(JULY, lambda _: 1, window_min=60)
    line = bill(tariff, frame, history=own).lines[0]
    assert (line.billing_demand_kw, line.amount) == (70, 140)
    unknown = bill(tariff, frame, history={("actual", "tag"): {"2012-06": Decimal(90)}})
    assert reasons(unknown) == {"tag": "the load at the coincident peaks of 2012-07 is not known"}
    may = calendar_month("2013-05")
    before = bill(tariff, load(may, lambda _: 1, window_min=60), may)
    assert reasons(before) == {"tag": "provisional: coincident peaks are known until 2013-05-01 only"}


def test_the_load_at_each_coincident_peak_is_measured_in_the_month_it_happens() -> None:
    july = calendar_month("2012-07")
    frame = load(july, lambda n: 80_000 if n == 16 * 24 + 16 else 40_000, window_min=60)
    rows = measure(resolve(native(TAG, PEAKS), july), july, frame, zone=ZONE, holidays=frozenset())
    assert rows.select("own_peak_w", "windows", "expected").row(0) == (60_000, 2, 2)


def test_bills_that_end_after_the_last_known_peak_are_provisional() -> None:
    text = (
        '[[charges]]\nid = "cp"\nkind = "coincident"\nrate = 10\nevents_known_until = 2013-07-20\n'
        "events = [{starts = [2013-07-10T15:00:00]}]\n"
    )
    frame = load(JULY, lambda _: 1)
    assert "known until 2013-07-20 only" in reasons(bill(native(text), frame))["cp"]
    known = native(text.replace("07-20", "08-01"))
    assert amounts(bill(known, frame)) == {("cp", "all"): Decimal("0.02")}  # 1 Wh in 30 minutes


KVA = DEMAND.replace("rate", 'unit = "kVA"\nrate')


def test_kva_is_the_root_of_both_powers_in_the_same_window_and_never_assumed() -> None:
    """400 kW and 300 kvar make 500 kVA; the window of 450 kW without reactive power makes 450."""
    frame = load(JULY, lambda n: {7: 225_000, 9: 200_000}.get(n, 0))
    metered = with_reactive(frame, lambda n: -150_000 if n == 9 else 0)
    line = bill(native(KVA), metered).lines[0]
    assert (line.quantity, line.unit, line.amount) == (500, "kVA", 5000)
    assert (line.quantity_low, line.quantity_high) == (None, None)
    assert "no metered reactive energy" in reasons(bill(native(KVA), frame))["d"]
    part = metered.with_columns(reactive_varh=pl.when(pl.int_range(pl.len()) != 3).then("reactive_varh"))
    assert "1 of 1488 windows" in reasons(bill(native(KVA), part))["d"]


def test_a_rebuilt_world_in_kva_keeps_the_metered_reactive_energy_and_says_how_far_off_it_can_be() -> None:
    """The chargers moved 100 kW: their share of the 300 kvar is at most 100 tan(acos 0.95) = 32.87 kvar either way."""
    actual = with_reactive(load(JULY, lambda n: 150_000 if n == 9 else 0), lambda n: 150_000 if n == 9 else 0)
    no_ev = with_reactive(
        load(JULY, lambda n: 200_000 if n == 9 else 0, scenario="no_ev"), lambda n: 150_000 if n == 9 else 0
    )
    priced = bills(KVA, actual, no_ev)
    line = priced["no_ev"].lines[0]
    assert line.quantity == 500
    assert float(line.quantity_low) == pytest.approx((400**2 + (300 - 32.868) ** 2) ** 0.5, abs=0.002)
    assert float(line.quantity_high) == pytest.approx((400**2 + (300 + 32.868) ** 2) ** 0.5, abs=0.002)
    assert priced["actual"].lines[0].quantity_low is None


JAPAN = (
    '[[charges]]\nid = "basic"\nkind = "demand"\nrate = 1000\nstep = {step = 1, mode = "half_up"}\n'
    '[charges.power_factor]\nreference_pct = 85\nrounding = {step = 1}\nwhen = [{hours = ["08:00-22:00"]}]\n'
)


def test_power_factor_of_the_day_changes_the_basic_charge_by_one_percent_a_point() -> None:
    """3 kWh and 1 kvarh from 08 to 22 h: 94.87 %, in whole points 95, so 10 % less. Contract 100.4 kW bills 100."""

    def by_day(n: int) -> bool:
        return 16 <= n % 48 < 44

    frame = load(JULY, lambda n: 50_200 if n == 2 else 3000 if by_day(n) else 1000)
    metered = with_reactive(frame, lambda n: 1000 if by_day(n) else 30_000)
    line = bill(native(JAPAN), metered).lines[0]
    assert (line.billing_demand_kw, line.power_factor_pct, line.quantity) == (100, 95, 90)
    assert line.amount == 90_000
    assert "reactive" in reasons(bill(native(JAPAN), frame))["basic"]


def test_each_world_has_its_own_power_factor() -> None:
    """40 kWh and 30 kvarh: 80 %; without the 10 kWh of charging 30 and 30: 70.71 %, below 90 either way."""
    rule = '[charges.power_factor]\nreference_pct = 90\nrule = "ratio"\n'
    actual = with_reactive(load(JULY, lambda _: 40_000), lambda _: 30_000)
    no_ev = with_reactive(load(JULY, lambda _: 30_000, scenario="no_ev"), lambda _: 30_000)
    priced = bills(DEMAND + rule, actual, no_ev)
    assert priced["actual"].lines[0].quantity == Decimal(90)  # 80 kW x 90 / 80
    assert float(priced["no_ev"].lines[0].quantity) == pytest.approx(60 * 90 / 70.710678)
    good = with_reactive(load(JULY, lambda _: 40_000), lambda _: 3_000)
    assert bills(DEMAND + rule, good)["actual"].lines[0].quantity == 80


def test_reactive_energy_above_a_free_share_and_reactive_power() -> None:
    """1,488 windows of 10 kWh and 5 kvarh; 33 % of the kWh are free in one charge, 40 % of the kW in the other."""
    text = (
        '[[charges]]\nid = "r"\nkind = "reactive"\nrate = "0.01"\nfree_pct = 33\n'
        '[[charges]]\nid = "q"\nkind = "reactive"\nunit = "kVAr"\nrate = 3\nfree_pct = 40\n'
    )
    frame = load(JULY, lambda _: 10_000)
    priced = bill(native(text), with_reactive(frame, lambda n: 5000 if n else 6000))
    assert amounts(priced) == {
        ("r", "all"): (Decimal(1488) * 5 + 1 - Decimal(14_880) * 33 / 100) / 100,
        ("q", "all"): (12 - 8) * 3,
    }
    assert [line.unit for line in priced.lines] == ["kVArh", "kVAr"]
    assert set(reasons(bill(native(text), frame))) == {"r", "q"}


def test_a_minimum_bill_is_the_shortfall_and_nothing_above() -> None:
    text = FLAT + '[[charges]]\nid = "least"\nkind = "minimum"\nrate = 5000\n'
    assert amounts(bill(native(text), load(JULY, lambda _: 100)))["least", "all"] == 5000 - 1488
    assert amounts(bill(native(text), load(JULY, lambda _: 1000)))["least", "all"] == 0
    daily = text.replace("rate = 5000", 'rate = 100\nper = "day"')
    assert bill(native(daily), load(JULY, lambda _: 100)).total == 3100


def test_export_is_paid_for_by_its_hours() -> None:
    text = (
        FLAT + '[[charges]]\nid = "sold"\nkind = "export"\n'
        '[[charges.periods]]\nname = "noon"\nhours = ["10:00-14:00"]\nrate = 8\n'
        '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = 5\n'
    )
    priced = bill(native(text), load(JULY, lambda _: 0, export_wh=1000))
    assert amounts(priced)["sold", "noon"] == -8 * 8 * 31
    assert amounts(priced)["sold", "rest"] == -5 * 40 * 31
    assert priced.lines[1].rate == -8


def test_credits_by_month_day_kwh_and_billed_kw() -> None:
    text = (
        DEMAND
        + '[[charges]]\nid = "kw"\nkind = "credit"\nrate = "0.5"\nper = "kW"\nof = "d"\n'
        + '[[charges]]\nid = "month"\nkind = "credit"\nrate = 7\n'
        + '[[charges]]\nid = "day"\nkind = "credit"\nrate = 1\nper = "day"\n'
        + '[[charges]]\nid = "kwh"\nkind = "credit"\nrate = "0.01"\nper = "kWh"\n'
    )
    priced = amounts(bill(native(text), load(JULY, lambda _: 1000)))
    assert priced == {
        ("d", "all"): 20,
        ("kw", "all"): -1,
        ("month", "all"): -7,
        ("day", "all"): -31,
        ("kwh", "all"): Decimal("-14.88"),
    }


def test_fpl_tiers_of_a_month() -> None:
    case = CASES["reopt-tiered-energy-fpl-rs1"]
    tiers = 'tiers = [{up_to = 1000, rate = "0.08721"}, {rate = "0.10803"}]'
    resolved = [
        resolve(native(FLAT.replace("rate = 10", tiers)), calendar_month(f"2013-{n:02d}")) for n in range(1, 13)
    ]
    per_month = pl.concat(load(r.period, lambda n: 2_000_000 if n == 7 else 0, window_min=60) for r in resolved)
    priced = price_many(resolved, measure_many(resolved, per_month, zone=ZONE))
    assert sum(found["actual"].total for found in priced.values()) == Decimal(str(case["expected_energy"]))


def energy_tiers(rule: str, frame: pl.DataFrame, before: str = "") -> dict[str, Decimal]:
    tiers = "tiers = [{up_to = 10, rate = 1}, {rate = 3}]\n"
    priced = bill(native(before + FLAT.replace("rate = 10\n", tiers + rule)), frame)
    assert not priced.refused
    return {line.band: line.quantity for line in priced.lines if line.charge_id == "energy"}


def test_tiers_by_day_by_kw_and_of_the_whole_quantity() -> None:
    """1,488 kWh in July, highest window 4 kW."""
    frame = load(JULY, lambda n: 2000 if n == 5 else 0 if n == 6 else 1000)
    assert energy_tiers("", frame) == {"all tier 1": 10, "all tier 2": 1478}
    assert energy_tiers('tier_per = "day"\n', frame) == {"all tier 1": 310, "all tier 2": 1178}
    assert energy_tiers('tier_per = "kW"\n', frame) == {"all tier 1": 40, "all tier 2": 1448}
    floored = DEMAND.replace("rate", "floor_kw = 30\nrate")
    assert energy_tiers('tier_per = "kW"\ntier_demand = "d"\n', frame, floored) == {
        "all tier 1": 300,
        "all tier 2": 1188,
    }
    assert energy_tiers("all_units = true\n", frame) == {"all tier 1": 0, "all tier 2": 1488}
    assert energy_tiers('all_units = true\ntier_per = "day"\n', load(JULY, lambda _: 200)) == {
        "all tier 1": Decimal("297.6"),
        "all tier 2": 0,
    }


def test_pooled_tiers_are_filled_by_all_periods_and_shared_by_their_kwh() -> None:
    """186 of 1,488 windows are in the peak, an eighth: so is an eighth of each pooled tier."""
    prices = "tiers = [{up_to = 800, rate = 1}, {rate = 3}]\n"
    text = (
        '[[charges]]\nid = "e"\nkind = "energy"\nSCOPE'
        '[[charges.periods]]\nname = "peak"\nhours = ["13:00-16:00"]\n' + prices + "[[charges.periods]]\n"
        'name = "rest"\notherwise = true\n' + prices
    )
    frame = load(JULY, lambda _: 1000)
    own = bill(native(text.replace("SCOPE", "")), frame)
    assert [line.quantity for line in own.lines] == [186, 0, 800, 502]
    pooled = bill(native(text.replace("SCOPE", 'tier_scope = "pooled"\n')), frame)
    assert [line.quantity for line in pooled.lines] == [100, 86, 700, 602]


@pytest.mark.parametrize(("sliding", "kw"), [("false", 8), ("true", 12)])
def test_a_sliding_window_finds_the_peak_that_the_clock_cuts_in_two(sliding, kw) -> None:
    """Three five-minute intervals of 1 kWh from 00:10: two in one quarter-hour, or all in a sliding one."""
    frame = load(JULY, lambda n: 1000 if n in (1, 2, 3) else 0, window_min=5)
    line = bill(native(DEMAND.replace("rate", f"window_min = 15\nsliding = {sliding}\nrate")), frame).lines[0]
    assert line.quantity == kw


STATISTICS = {
    'statistic = "mean"\ntop = 3\ntop_of = "windows"': (90 + 80 + 70) / 3,
    'statistic = "mean"\ntop = 2\ntop_of = "days"': (90 + 60) / 2,
    'statistic = "sum_of_days"': 90 + 60 + 29 * 2,
}


@pytest.mark.parametrize(("rule", "kw"), STATISTICS.items(), ids=["windows", "days", "sum"])
def test_means_of_the_top_and_sums_of_daily_peaks(rule, kw) -> None:
    """On the first day 90, 80 and 70 kW, on the third 60, else 2 kW."""
    special = {10: 45_000, 12: 40_000, 20: 35_000, 100: 30_000}
    priced = bill(native(DEMAND.replace("rate", rule + "\nrate")), load(JULY, lambda n: special.get(n, 1000)))
    assert float(priced.lines[0].quantity) == pytest.approx(kw, abs=0.0005)
    assert priced.lines[0].set_at == load(JULY, lambda _: 0)["interval_start"][10]


def test_an_off_peak_ratchet_looks_at_the_peaks_of_the_on_peak_charge() -> None:
    text = (
        '[[charges]]\nid = "on"\nkind = "demand"\n'
        '[[charges.periods]]\nname = "day"\nhours = ["08:00-20:00"]\nrate = 10\n'
        '[[charges]]\nid = "off"\nkind = "demand"\n'
        '[[charges.periods]]\nname = "night"\nhours = ["20:00-08:00"]\nrate = 1\n'
        '[[charges.ratchets]]\npercent = 50\nlook_back_months = 11\nof = "on"\ninclude_current = true\n'
    )
    frame = load(JULY, lambda n: 100_000 if n == 20 else 10_000)
    past = {("actual", "on"): {"2012-12": Decimal(900)}, ("actual", "off"): {"2012-12": Decimal(9000)}}
    assert amounts(bill(native(text), frame)) == {("on", "day"): 2000, ("off", "night"): 100}
    carried = bill(native(text), frame, history=past).lines[1]
    assert (carried.billing_demand_kw, carried.carried_from) == (450, "2012-12")


def test_floors_and_ratchets_of_both_versions_count_for_their_days() -> None:
    """10 of 30 days in June at 50 kW, 20 in July at 40 kW; the rate does not change in the first two cases."""
    period = BillPeriod("2013-07", day("2013-06-21"), day("2013-07-21"))
    frame = load(period, lambda n: 25_000 if n < 480 else 20_000)

    def lines(prorate: str, floors: tuple[int, int], rates: tuple[int, int]):
        version = '[[versions.charges]]\nid = "d"\nkind = "demand"\nprorate = "{0}"\nfloor_kw = {1}\nrate = {2}\n'
        june, july = (version.format(prorate, *figures) for figures in zip(floors, rates, strict=True))
        text = f"[[versions]]\nvalid_to = 2013-07-01\n{june}[[versions]]\nvalid_from = 2013-07-01\n{july}"
        return [(x.own_peak_kw, x.billing_demand_kw, x.amount) for x in bill(native(text), frame, period).lines]

    assert lines("days", (80, 60), (3, 3)) == [(50, 80, 80), (50, 60, 120)]
    assert lines("first_day", (80, 60), (3, 6)) == [(50, 80, 240)]
    assert lines("parts", (0, 0), (3, 6)) == [(50, 50, 50), (40, 40, 160)]


def test_a_bill_longer_than_a_month_counts_more_months_where_the_tariff_says_so() -> None:
    long = BillPeriod("2013-07", day("2013-06-28"), day("2013-08-03"))  # 36 days
    text = (
        "[cycle]\nmonth_days = 30\nnormal_days = [27, 33]\n"
        '[[charges]]\nid = "f"\nkind = "fixed"\nrate = 100\n'
        + DEMAND
        + FLAT.replace("rate = 10", "tiers = [{up_to = 10, rate = 1}, {rate = 3}]")
    )
    priced = amounts(bill(native(text), load(long, lambda _: 1000), long))
    assert (priced["f", "all"], priced["d", "all"], priced["energy", "all tier 1"]) == (120, 24, 12)
    month = amounts(bill(native(text), load(JULY, lambda _: 1000)))
    assert (month["f", "all"], month["d", "all"], month["energy", "all tier 1"]) == (100, 20, 10)


def test_tariff_hours_on_standard_time_begin_an_hour_later_on_the_summer_clock() -> None:
    text = (
        'clock = "{0}"\n[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "noon"\nhours = ["12:00-13:00"]\nrate = 1\n'
        '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = 0\n'
    )
    june, january = calendar_month("2014-06"), calendar_month("2014-01")

    def noon(clock: str, period: BillPeriod, hour: int) -> Decimal:
        frame = load(period, lambda n: 1000 if n % 24 == hour else 0, zone="Europe/Berlin", window_min=60)
        return amounts(bill(native(text.format(clock)), frame, period, zone="Europe/Berlin"))["e", "noon"]

    assert [noon("prevailing", june, hour) for hour in (12, 13)] == [30, 0]
    assert [noon("standard", june, hour) for hour in (12, 13)] == [0, 30]
    assert noon("standard", january, 12) == 31
    whole = load(june, lambda _: 1000, zone="Europe/Berlin", window_min=60)
    rows = measure(
        resolve(native(text.format("standard")), june), june, whole, zone="Europe/Berlin", holidays=frozenset()
    )
    assert rows["windows"].sum() == 720  # the first civil hour belongs to the bill, though it is still May there


def test_rounding_at_subtotals_rounds_the_sum_of_each_charge_once() -> None:
    text = (
        '[rounding]\nat = "subtotal"\ndigits = 0\nmode = "half_up"\n[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "a"\nhours = ["00:00-12:00"]\nrate = "0.00101"\n'
        '[[charges.periods]]\nname = "b"\nhours = ["12:00-24:00"]\nrate = "0.00101"\n'
        '[[charges]]\nid = "tax"\nkind = "tax"\npercent = 10\n'
    )
    priced = bill(native(text), load(JULY, lambda _: 1_000))
    assert priced.total == 2 + 0  # 1.50288 -> 2, and a tenth of it 0.2 -> 0
    assert [(line.charge_id, line.band) for line in priced.lines] == [
        ("e", "a"),
        ("e", "b"),
        ("e", "rounding"),
        ("tax", "all"),
        ("tax", "rounding"),
    ]


def test_a_gap_is_never_billed_as_zero() -> None:
    frame = load(JULY, lambda _: 1000)
    priced = bill(native(FLAT + DEMAND), frame.filter(pl.int_range(pl.len()) != 99))
    assert amounts(priced) == {("energy", "all"): 14_870}
    assert reasons(priced) == {
        "energy": "1 of 1488 windows of band 'all' have no data",
        "d": "1 of 1488 windows of band 'all' have no data",
    }


def test_a_february_of_a_leap_year_has_29_days() -> None:
    text = '[[charges]]\nid = "f"\nkind = "fixed"\nrate = 1\nper = "day"\n'
    for month, days in (("2016-02", 29), ("2015-02", 28), ("1900-02", 28)):
        period = calendar_month(month)
        assert bill(native(text), load(period, lambda _: 0), period).total == days
