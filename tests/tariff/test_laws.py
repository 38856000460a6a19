"""What holds of every bill, whatever the load and the rates; before rounding unless said."""

import json
from datetime import date
from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.calendars import with_local_time
from pipeline.domain import BillPeriod
from pipeline.tariff import DemandQuantity, billing_demand, measure, price, resolve
from pipeline.tariff.model import Ratchet
from tests.tariff.bench import HEAD, ZONE, bill, load, native

WEEK = BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 8))
WINDOWS = 7 * 24
CHARGES = (
    '[[charges]]\nid = "service"\nkind = "fixed"\nrate = "{0}"\n'
    '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "{1}"\n'
    '[[charges]]\nid = "energy"\nkind = "energy"\n'
    '[[charges.periods]]\nname = "peak"\nweekdays = [1, 2, 3, 4, 5]\nhours = ["13:00-16:00"]\nrate = "{2}"\n'
    '[[charges.periods]]\nname = "other"\notherwise = true\ntiers = [{{up_to = 40, rate = "{3}"}}, {{rate = "{4}"}}]\n'
    '[[charges]]\nid = "rider"\nkind = "percent_rider"\npercent = "{5}"\napplies_to = ["demand"]\n'
    '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "8"\n'
)
RATE = st.decimals(min_value=0, max_value=2000, places=3)
RATES = st.tuples(*[RATE] * 5, st.decimals(min_value=0, max_value=30, places=1))
LOAD = st.lists(st.integers(0, 2_000_000), min_size=WINDOWS, max_size=WINDOWS)
ROUNDINGS = st.sampled_from(
    ["", '[rounding]\ndigits = 0\nmode = "down"\n', '[rounding]\nat = "total"\ndigits = 2\nmode = "half_even"\n']
)
few = settings(max_examples=20, deadline=None)


def tariff(rates, head=HEAD):
    return native(CHARGES.format(*rates), head=head)


def week(wh):
    return load(WEEK, lambda n: wh[n], window_min=60)


@few
@given(RATES, LOAD, ROUNDINGS)
def test_lines_sum_to_the_total(rates, wh, rounding) -> None:
    priced = bill(tariff(rates, HEAD + rounding), week(wh), WEEK)
    assert sum(line.amount for line in priced.lines) == priced.total


@few
@given(RATES, LOAD, st.randoms(use_true_random=False))
def test_order_inside_a_band_does_not_matter(rates, wh, random) -> None:
    frame = with_local_time(week(wh), ZONE)
    in_peak = ((frame["local_weekday"] <= 5) & frame["local_minute"].is_between(780, 959)).to_list()
    moved = list(wh)
    for band in (True, False):
        places = [n for n in range(WINDOWS) if in_peak[n] is band]
        values = [wh[n] for n in places]
        random.shuffle(values)
        for place, value in zip(places, values, strict=True):
            moved[place] = value
    assert bill(tariff(rates), week(moved), WEEK).total == bill(tariff(rates), week(wh), WEEK).total


@few
@given(RATES, LOAD, st.integers(0, 50))
def test_scaling_every_rate_scales_the_bill(rates, wh, factor) -> None:
    scaled = (*(rate * factor for rate in rates[:5]), rates[5])
    assert bill(tariff(scaled), week(wh), WEEK).total == factor * bill(tariff(rates), week(wh), WEEK).total


KINDS = {
    "fixed": "",
    "energy": "",
    "per_kwh_rider": "",
    "export": "",
    "demand": 'step = {step = 1, mode = "half_up"}\n',
    "contract_demand": "contract = [{from = 2013-01-01, kw = 700}]\nover_contract_factor = 2\n",
    "coincident": "events = [{starts = [2013-07-03T15:00:00]}]\n",
    "credit": 'per = "kWh"\n',
}


@few
@given(RATE, LOAD, st.integers(0, 1000), st.sampled_from(sorted(KINDS)))
def test_two_charges_that_share_a_rate_bill_what_one_does(rate, wh, permille, kind) -> None:
    part = rate * permille / 1000
    one = '[[charges]]\nid = "{0}"\nkind = "{1}"\nrate = "{2:f}"\n{3}'
    frame = week(wh).with_columns(export_wh=pl.col("import_wh") // 3)
    whole = bill(native(one.format("a", kind, rate, KINDS[kind])), frame, WEEK)
    shared = native(one.format("a", kind, part, KINDS[kind]) + one.format("b", kind, rate - part, KINDS[kind]))
    assert bill(shared, frame, WEEK).total == whole.total
    assert not whole.refused


LARGE = (
    '[[charges]]\nid = "contract"\nkind = "contract_demand"\nrate = "{0}"\nover_contract_factor = 2\n'
    "contract = [{{from = 2013-01-01, kw = 700}}]\n"
    '[[charges]]\nid = "top"\nkind = "demand"\nrate = "{1}"\nstatistic = "mean"\ntop = 3\ntop_of = "windows"\n'
    '[[charges]]\nid = "daily"\nkind = "demand"\nrate = "{2}"\nstatistic = "sum_of_days"\n'
    '[[charges]]\nid = "cp"\nkind = "coincident"\nrate = "{3}"\n'
    "events = [{{starts = [2013-07-03T15:00:00, 2013-07-04T16:00:00]}}]\n"
    '[[charges]]\nid = "least"\nkind = "minimum"\nrate = "{4}"\n'
    '[[charges]]\nid = "rider"\nkind = "percent_rider"\npercent = "{5}"\n'
)


@few
@given(RATES, LOAD, ROUNDINGS, st.integers(0, WINDOWS - 1), st.integers(0, 500_000))
def test_more_load_never_lowers_the_bill_of_a_large_customer(rates, wh, rounding, place, more) -> None:
    """Means are rounded to 1 W, which a higher window never undoes."""
    known = native(LARGE.format(*rates), head=HEAD + rounding)
    raised = [value + (more if n == place else 0) for n, value in enumerate(wh)]
    low, high = bill(known, week(wh), WEEK), bill(known, week(raised), WEEK)
    assert high.total >= low.total
    assert sum(line.amount for line in low.lines) == low.total


@few
@given(RATES, LOAD, st.integers(0, 50))
def test_scaling_every_rate_scales_the_bill_of_a_large_customer(rates, wh, factor) -> None:
    scaled = (*(rate * factor for rate in rates[:5]), rates[5])
    one, many = (bill(native(LARGE.format(*figures)), week(wh), WEEK).total for figures in (rates, scaled))
    assert many == factor * one


@few
@given(LOAD, st.integers(1, 50_000), st.booleans())
def test_pooled_tiers_bill_every_kwh_once(wh, end, all_units) -> None:
    """At a price of 1 in every tier and period the bill is the kWh, to the 12 decimals that a share is shown in."""
    tiers = f"tiers = [{{up_to = {end}, rate = 1}}, {{rate = 1}}]\n"
    text = (
        f'[[charges]]\nid = "e"\nkind = "energy"\ntier_scope = "pooled"\nall_units = {str(all_units).lower()}\n'
        '[[charges.periods]]\nname = "peak"\nhours = ["13:00-16:00"]\n' + tiers + "[[charges.periods]]\n"
        'name = "rest"\notherwise = true\n' + tiers
    )
    total = bill(native(text), week(wh), WEEK).total
    assert abs(total - Decimal(sum(wh)) / 1000) < Decimal("1e-11")


@few
@given(RATES, LOAD, ROUNDINGS, st.integers(0, WINDOWS - 1), st.integers(0, 500_000))
def test_more_load_never_lowers_the_bill(rates, wh, rounding, place, more) -> None:
    raised = [value + (more if n == place else 0) for n, value in enumerate(wh)]
    known = tariff(rates, HEAD + rounding)
    assert bill(known, week(raised), WEEK).total >= bill(known, week(wh), WEEK).total


@few
@given(RATES, LOAD, ROUNDINGS)
def test_identical_loads_give_identical_bills(rates, wh, rounding) -> None:
    resolved = resolve(tariff(rates, HEAD + rounding), WEEK)
    frame = week(wh)
    worlds = pl.concat([frame.with_columns(scenario=pl.lit(name)) for name in ("actual", "no_ev", "unmanaged")])
    bills = price(resolved, WEEK, measure(resolved, WEEK, worlds, zone=ZONE, holidays=frozenset()), {})
    lines = {tuple(line._replace(scenario="") for line in found.lines) for found in bills.values()}
    assert len(bills) == 3
    assert len(lines) == 1


KW = st.decimals(min_value=0, max_value=5000, places=1)
MONTHS = [f"2012-{n:02d}" for n in range(7, 13)] + [f"2013-{n:02d}" for n in range(1, 7)]


@given(
    KW,
    KW,
    st.lists(
        st.builds(
            Ratchet,
            st.decimals(min_value=1, max_value=100, places=0),
            st.integers(1, 12),
            st.sampled_from([(6, 7, 8), tuple(range(1, 13))]),
            st.booleans(),
        ),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(MONTHS), KW),
)
def test_billed_demand_is_the_highest_of_its_parts(own, floor, ratchets, history) -> None:
    """By a plain list of candidates: own peak, floor, and each reachable month's share."""
    billed, carried_from = billing_demand(DemandQuantity(None, floor, tuple(ratchets)), "2013-07", own, history)
    candidates = [own, floor]
    for ratchet in ratchets:
        reach = [m for m in MONTHS[12 - ratchet.look_back_months :] if int(m[5:]) in ratchet.months]
        candidates += [history[m] * ratchet.percent / 100 for m in reach if m in history]
    assert billed == max(candidates)
    assert (carried_from is None) == (billed == max(own, floor))


def test_canonical_text_is_json() -> None:
    assert json.loads(resolve(tariff([1] * 6), WEEK).canonical())["currency"] == "JPY"
