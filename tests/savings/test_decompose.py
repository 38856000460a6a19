"""What a saving came from: by hand for each part, and as a law that the parts sum to it to the last digit."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.savings import PARTS, decompose
from pipeline.tariff import DETERMINANT, measured_rows, price, resolve
from tests.tariff.bench import JULY, native

HEAD = 'name = "test"\ncurrency = "USD"\n'
FLAT = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = "0.10"\n'
TIERED = '[[charges]]\nid = "energy"\nkind = "energy"\ntiers = [ { up_to = 100, rate = "0.10" }, { rate = "0.30" } ]\n'
TIMES = (
    '[[charges]]\nid = "energy"\nkind = "energy"\n'
    '[[charges.periods]]\nname = "peak"\nhours = ["13:00-16:00"]\nrate = "0.30"\n'
    '[[charges.periods]]\nname = "night"\notherwise = true\nrate = "0.10"\n'
)
DEMAND = (
    '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n'
    "[[charges.ratchets]]\npercent = 100\nlook_back_months = 11\n"
)
RIDER = '[[charges]]\nid = "levy"\nkind = "per_kwh_rider"\nrate = "0.02"\n'
SURCHARGE = '[[charges]]\nid = "surcharge"\nkind = "percent_rider"\npercent = "3"\napplies_to = ["energy", "demand"]\n'
TAX = '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "20"\n'

World = dict[tuple[str, str], int]
"""(charge, band) -> energy [Wh], or own peak [W] of the charge 'demand'."""


def determinants(base: World, actual: World) -> pl.DataFrame:
    rows = [
        {
            **dict.fromkeys(DETERMINANT), "scenario": scenario, "charge_id": charge, "band": band, "span": 0,
            "import_wh": 0 if charge == "demand" else value, "export_wh": 0,
            "own_peak_w": value if charge == "demand" else None, "windows": 1, "expected": 1,
        }
        for scenario, world in (("unmanaged", base), ("actual", actual))
        for (charge, band), value in world.items()
    ]  # fmt: skip
    return pl.DataFrame([{name: row[name] for name in DETERMINANT} for row in rows], schema=dict(DETERMINANT))


def parts(text: str, base: World, actual: World, past: tuple[int, int] = (0, 0), digits: int = 2) -> dict[str, Decimal]:
    """The parts that are not 0; `past` are the peaks of June [kW] in both worlds. Checks the sum on the way."""
    tariff = resolve(native(text, head=HEAD), JULY)
    history = {
        (world, "demand"): {"2013-06": Decimal(kw)} for world, kw in zip(("unmanaged", "actual"), past, strict=True)
    }
    frame = determinants(base, actual)
    found = decompose(tariff, measured_rows(frame), history, headline="unmanaged", currency_digits=digits)
    assert tuple(found) == PARTS
    bills = price(tariff, JULY, frame, history, currency_digits=digits)
    assert sum(found.values(), Decimal(0)) == bills["unmanaged"].total - bills["actual"].total
    return {name: amount for name, amount in found.items() if amount}


def kwh(value: int, band: str = "all", charge: str = "energy") -> World:
    return {(charge, band): value * 1000}


def kw(value: int) -> World:
    return {("demand", "all"): value * 1000}


def test_less_energy_at_one_price_is_volume() -> None:
    assert parts(FLAT, kwh(1000), kwh(900)) == {"energy_volume": Decimal(10)}


def test_more_energy_is_a_loss() -> None:
    assert parts(FLAT, kwh(900), kwh(1000)) == {"energy_volume": Decimal(-10)}


def test_the_same_energy_at_another_time_is_shift() -> None:
    """50 kWh from 0.30 to 0.10."""
    base, actual = kwh(100, "peak") | kwh(100, "night"), kwh(50, "peak") | kwh(150, "night")
    assert parts(TIMES, base, actual) == {"energy_shift": Decimal(10)}


def test_volume_and_shift_share_what_they_do_together() -> None:
    """40 against 31. The 10 kWh more at the old shares: 42; the old energy at the new shares: 14.29 + 15.24 = 29.53.

    Volume = ((40 - 42) + (29.53 - 31)) / 2 = -1.735; shift = ((40 - 29.53) + (42 - 31)) / 2 = 10.735; together 9: of
    two equal remainders the first gets the cent.
    """
    base, actual = kwh(100, "peak") | kwh(100, "night"), kwh(50, "peak") | kwh(160, "night")
    assert parts(TIMES, base, actual) == {"energy_volume": Decimal("-1.73"), "energy_shift": Decimal("10.73")}


def test_the_dear_tier_saved_is_volume() -> None:
    """100 x 0.10 + 20 x 0.30 = 16 against 80 x 0.10 = 8."""
    assert parts(TIERED, kwh(120), kwh(80)) == {"energy_volume": Decimal(8)}


def test_a_world_without_energy_has_no_shares_of_its_own() -> None:
    nothing = kwh(0, "peak") | kwh(0, "night")
    assert parts(TIMES, nothing, kwh(100, "peak") | kwh(0, "night")) == {"energy_volume": Decimal(-30)}
    assert parts(TIMES, kwh(100, "peak") | kwh(0, "night"), nothing) == {"energy_volume": Decimal(30)}


@pytest.mark.parametrize(
    ("own", "past", "found"),
    [
        ((130, 100), (0, 0), {"demand_own": 300}),  # this month's cut, nothing behind it
        ((100, 90), (120, 110), {"demand_carried": 100}),  # June's ratchet: this month's cars did not make it
        ((130, 100), (120, 110), {"demand_own": 150, "demand_carried": 50}),  # 130, 130, 120, 110 kW: shared
        ((100, 130), (120, 120), {"demand_own": -100}),  # a new peak
        ((100, 100), (110, 130), {"demand_carried": -200}),  # an earlier one
        ((100, 100), (120, 120), {}),
    ],
)
def test_demand_is_told_apart_into_this_bill_and_what_is_carried(
    own: tuple[int, int], past: tuple[int, int], found: dict[str, int]
) -> None:
    assert parts(DEMAND, kw(own[0]), kw(own[1]), past) == {name: Decimal(money) for name, money in found.items()}


def test_riders_and_tax_are_parts_of_their_own() -> None:
    """100 kWh less: 10 of energy, 2 of levy, 3 % of 10, and 20 % of 12.30."""
    base = kwh(1000) | kwh(1000, charge="levy")
    actual = kwh(900) | kwh(900, charge="levy")
    assert parts(FLAT + RIDER + SURCHARGE.replace(', "demand"', "") + TAX, base, actual) == {
        "energy_volume": Decimal(10),
        "riders": Decimal("2.30"),
        "tax": Decimal("2.46"),
    }


def test_parts_are_rounded_by_largest_remainders() -> None:
    """5 yen between volume (1.5) and shift (3.5): whole yen, and still 5."""
    yen = TIMES.replace("0.30", "3").replace("0.10", "1")
    base = {("energy", "peak"): 3000, ("energy", "night"): 1000}
    actual = {("energy", "peak"): 1000, ("energy", "night"): 2000}
    found = parts(yen, base, actual, digits=0)
    assert set(found) == {"energy_volume", "energy_shift"}
    assert sum(found.values()) == 5
    assert all(amount == int(amount) for amount in found.values())


watts = st.integers(0, 10**9)


@settings(max_examples=40, deadline=None)
@given(st.lists(watts, min_size=8, max_size=8), st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), st.booleans())
def test_the_parts_sum_to_the_saving_to_the_last_digit(values: list[int], past: tuple[int, int], exact: bool) -> None:
    """Every kind of line at once, rounded to whole units or not at all; `parts` checks the sum."""
    names = [("energy", "peak"), ("energy", "night"), ("demand", "all"), ("levy", "all")]
    base: Any = dict(zip(names, values[:4], strict=True))
    actual: Any = dict(zip(names, values[4:], strict=True))
    rounding = "" if exact else '[rounding]\nat = "total"\ndigits = 0\nmode = "half_even"\n'
    parts(rounding + TIMES + DEMAND + RIDER + SURCHARGE + TAX, base, actual, past, digits=12 if exact else 0)


@given(watts, watts, watts, watts)
@settings(max_examples=20, deadline=None)
def test_worlds_that_are_equal_have_no_parts(peak: int, night: int, own: int, levy: int) -> None:
    world: World = {
        ("energy", "peak"): peak, ("energy", "night"): night, ("demand", "all"): own, ("levy", "all"): levy,
    }  # fmt: skip
    assert parts(TIMES + DEMAND + RIDER + SURCHARGE + TAX, world, dict(world), (7, 7)) == {}
