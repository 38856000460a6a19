"""What one more kWh or kW costs: the tariff's own figures, with tax and riders in them."""

from decimal import Decimal

import pytest

from pipeline.fleet import marginal_prices
from pipeline.tariff import measured_rows
from tests.chain.cases import DEMAND, ENERGY, RATCHET, result, tariff

TAX = '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "10"\n'
RIDER = '[[charges]]\nid = "rider"\nkind = "per_kwh_rider"\nrate = "0.02"\n'


def found(text, history=None):
    rows = measured_rows(result(tariff=tariff(text)).frames["billing_determinant"])["actual"]
    return marginal_prices(tariff(text), rows, history or {}, 30)


def by_charge(text, history=None):
    return {price.slot.charge_id: price for price in found(text, history)}


def test_tax_and_riders_are_in_the_price_of_a_kwh():
    prices = by_charge(ENERGY + RIDER + TAX)
    assert prices["energy"].per_import_kwh == pytest.approx(0.11)
    assert prices["rider"].per_import_kwh == pytest.approx(0.022)
    assert prices["energy"].per_export_kwh == 0.0


def test_a_kw_costs_its_rate_above_the_floor_that_earlier_peaks_carry():
    history = {("actual", "demand"): {"2013-06": Decimal(100)}}
    price = by_charge(RATCHET + TAX, history)["demand"]
    assert (price.per_kw, price.floor_kw) == (pytest.approx(11.0), 80.0)
    assert by_charge(RATCHET)["demand"].floor_kw == 0.0


def test_a_charge_on_anything_but_the_highest_window_has_no_such_price():
    assert found(DEMAND) is not None
    assert found(DEMAND + 'statistic = "mean"\ntop = 3\ntop_of = "days"\n') is None
    assert found(DEMAND + "window_min = 60\n") is None


def test_a_tier_gives_the_price_of_the_next_kwh():
    tiers = '[[charges]]\nid = "energy"\nkind = "energy"\ntiers = [{up_to = "5", rate = "0.3"}, {rate = "0.1"}]\n'
    (price,) = found(tiers)
    assert price.per_import_kwh == pytest.approx(0.1)
