"""All draws of a bill at once come to what the bill engine says of each, to the last digit."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calendars import calendar_month, grid_starts
from pipeline.tariff import Matrix, load_tariff, resolve
from pipeline.uncertainty import DrawnBills, Terms
from pipeline.uncertainty.exact import NotLinearError, Past, priced

DRAWS = 7
WINDOWS = 28 * 24
TARIFF = """
name = "Everything that is a sum"
currency = "USD"
{rounding}
[[charges]]
id = "service"
kind = "fixed"
rate = "12.345"
[[charges]]
id = "demand"
kind = "demand"
rate = "{demand}"
{quantity}
[[charges]]
id = "energy"
kind = "energy"
  [[charges.periods]]
  name = "peak"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["13:00-17:00"]
  rate = "{energy}"
  [[charges.periods]]
  name = "rest"
  otherwise = true
  rate = "0.0715"
[[charges]]
id = "sold"
kind = "export"
rate = "0.03125"
[[charges]]
id = "discount"
kind = "percent_rider"
percent = "{percent}"
applies_to = ["demand", "energy"]
[[charges]]
id = "tax"
kind = "tax"
percent = "7.25"
"""
ROUNDINGS = (
    "",
    *(
        f'[rounding]\nat = "{at}"\ndigits = {digits}\nmode = "{mode}"'
        for at in ("line", "subtotal", "total")
        for digits, mode in ((0, "down"), (2, "half_up"), (1, "half_even"), (0, "up"))
    ),
)
RATCHET = "  [[charges.ratchets]]\n  percent = {}\n  look_back_months = {}\n"
QUANTITIES = (
    "",
    "floor_kw = 0.75",
    RATCHET.format(100, 11),
    RATCHET.format("72.5", 5) + RATCHET.format(60, 11),
    'step = { step = "0.5", mode = "up" }',
    'step = { step = 1, mode = "half_up" }\n' + RATCHET.format(80, 3),
)
rates = st.decimals(min_value="-9", max_value="99", places=5)


def terms_of(text: str, folder: Path) -> Terms:
    path = folder / "t.toml"
    path.write_text(text)
    tariff = resolve(load_tariff(path, lambda _: []), calendar_month("2025-02"))
    starts = grid_starts(date(2025, 2, 1), date(2025, 3, 1), "UTC", 3600)
    return Terms(tariff, "unmanaged", "UTC", frozenset(), starts, 3600, 2)


def load_of(seed: int, scale: int) -> Matrix:
    source = np.random.default_rng(seed)
    net = scale * source.integers(-300, 2_000, (DRAWS, WINDOWS))
    return Matrix(np.maximum(net, 0), np.maximum(-net, 0), None)


@st.composite
def texts(draw: Any) -> str:
    return TARIFF.format(
        rounding=draw(st.sampled_from(ROUNDINGS)),
        quantity=draw(st.sampled_from(QUANTITIES)),
        demand=draw(rates),
        energy=draw(rates),
        percent=draw(st.sampled_from(["-10", "3.125", "0"])),
    )


@given(text=texts(), seed=st.integers(0, 999), carried=st.integers(0, 4_000), scale=st.sampled_from([1, 10**9]))
def test_every_draw_is_the_engines_bill(
    text: str, seed: int, carried: int, scale: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also of loads whose money does not fit into 64 bits."""
    terms = terms_of(text, tmp_path_factory.mktemp("tariff"))
    before = np.random.default_rng(seed).integers(0, 3_000, DRAWS)
    past: Past = {"demand": {"2025-01": before, "2024-10": Decimal(carried) / 1000}}
    drawn = DrawnBills(terms, terms.measure(load_of(seed, scale)), past)
    totals, own = priced(terms.tariff, drawn.measured, past, drawn.first, 2)
    bills = [drawn.bill(draw) for draw in range(DRAWS)]
    assert totals.tolist() == [float(bill.total) for bill in bills]
    (key, peaks), *rest = own
    of_engine = [line for bill in bills for line in bill.lines if line.kind == "demand"]
    assert key == ("demand", of_engine[0].band)
    assert not rest
    assert peaks.tolist() == [float(line.own_peak_kw or 0) for line in of_engine]
    assert drawn.totals.tolist() == totals.tolist()


def test_tiers_are_left_to_the_engine(tmp_path: Path) -> None:
    """500 kWh at 0.10 and the rest at 0.20: 672 hours of 1 kWh cost 84.40, of 2 kWh 218.80."""
    text = """
name = "Tiers"
currency = "USD"
[[charges]]
id = "energy"
kind = "energy"
  [[charges.tiers]]
  up_to = 500
  rate = "0.10"
  [[charges.tiers]]
  rate = "0.20"
"""
    terms = terms_of(text, tmp_path)
    load = np.repeat([[1_000], [2_000]], WINDOWS, axis=1)
    drawn = DrawnBills(terms, terms.measure(Matrix(load, np.zeros_like(load), None)), {})
    with pytest.raises(NotLinearError):
        priced(terms.tariff, drawn.measured, {}, drawn.first, 2)
    assert drawn.totals.tolist() == [84.40, 218.80]
    assert not drawn.own_peaks


def test_each_draw_has_its_own_past(tmp_path: Path) -> None:
    """A peak of 5.0, 6.0 and 7.0 kW a month ago under a full ratchet, at 10 a kW; 1 kW now."""
    quantity = RATCHET.format(100, 11)
    text = f'name = "R"\ncurrency = "USD"\n[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n{quantity}'
    terms = terms_of(text, tmp_path)
    load = np.full((3, WINDOWS), 1_000)
    past: Past = {"demand": {"2025-01": np.array([5_000, 6_000, 7_000, 8_000])}}
    drawn = DrawnBills(terms, terms.measure(Matrix(load, np.zeros_like(load), None)), past)
    assert drawn.totals.tolist() == [50.0, 60.0, 70.0]
    assert [kw.tolist() for _, kw in drawn.own_peaks] == [[1.0, 1.0, 1.0]]
