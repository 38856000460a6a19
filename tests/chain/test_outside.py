"""Energy by which the cars ended a bill fuller or emptier than charging from plug-in: apart, at the cheapest rate."""

from typing import Any

from pipeline.portfolio import Outage
from tests.chain.cases import ENERGY, V2B_DAY, meter, result, summary, tariff
from tests.factories import charger_records, instant, site

LEFT_AS_CAME = [{"vehicle_id": "LEAF1", "usable_kwh": 20.0, "target_soc_pct": 90}]
"""Nothing is charged from plug-in then: the car gave 2 kWh and took 2.5 where 2 / 0.835 = 2.395 replace them."""
NIGHT = """[[charges]]
id = "energy"
kind = "energy"
[[charges.periods]]
name = "night"
rate = "0.50"
hours = ["22:00-06:00"]
[[charges.periods]]
name = "day"
rate = "2.00"
hours = ["06:00-22:00"]
"""
RIDER = '[[charges]]\nid = "rider"\nkind = "per_kwh_rider"\nrate = "0.10"\n'
TAX = '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "10"\n'


def left(**changes: Any) -> dict[str, Any]:
    return dict(summary(**{"site": site(vehicles=LEFT_AS_CAME), **changes})["outside"])


def test_what_was_taken_beyond_the_driving_is_stated_at_the_cheapest_rate_with_riders_and_tax() -> None:
    """0.105 kWh; (0.50 + 0.10) x 1.1 = 0.66 a kWh at night: 0.0693."""
    assert left(tariff=tariff(NIGHT + RIDER + TAX)) == {"kwh": 0.105, "value": "0.07"}


def test_a_car_that_leaves_emptier_than_from_plug_in_is_stated_below_zero() -> None:
    """To be full 2 kWh x 1.0943 (1 / sqrt 0.835) would have been drawn from plug-in: 0.105 - 2.189."""
    assert left(site=site()) == {"kwh": -2.084, "value": "-0.21"}


def test_energy_from_elsewhere_is_not_taken_from_the_saving() -> None:
    """The car gives 2 kWh it never took here: 2 / 0.835 = 2.395 kWh, while the saving holds all of its 2 kWh."""
    rows = [row for row in V2B_DAY if row[0] not in {"07-01 15:00", "07-01 15:30"}]
    gives = [(row[0], 0, *row[2:]) for row in rows]
    found = summary(
        site=site(vehicles=LEFT_AS_CAME), readings=charger_records(gives), meter=meter({"07-01 13:00": 8_000})
    )
    assert found["outside"] == {"kwh": -2.395, "value": "-0.24"}
    assert found["money"]["saved"] == "0.20"


def test_what_was_given_to_an_island_and_charged_again_is_not_left_in_the_car() -> None:
    dead = {"meter": meter({"07-01 15:00": 12_500}, leave_out=["07-01 13:00"])}
    found = left(**dead, outages=[Outage(instant("07-01 13:00"), instant("07-01 13:30"))])
    assert found == {"kwh": 0.105, "value": "0.01"}


def test_a_tariff_without_a_price_of_energy_values_it_at_nothing() -> None:
    fixed = '[[charges]]\nid = "fixed"\nkind = "fixed"\nrate = "5"\n'
    assert left(tariff=tariff(fixed)) == {"kwh": 0.105, "value": "0.00"}


def test_nothing_is_stated_where_the_world_from_plug_in_is_not_known() -> None:
    nothing = {"kwh": None, "value": None}
    assert left(meter=meter(leave_out=["07-02 10:00"])) == nothing
    assert left(programme_start=None) == nothing
    unplugged = [(row[0], row[1], row[2]) for row in V2B_DAY]
    lost = summary(site=site(vehicles=LEFT_AS_CAME, headline="no_ev"), readings=charger_records(unplugged))
    assert lost["outside"] == nothing
    assert "levers_not_known" in lost["reasons"]


def test_the_bill_states_it_whatever_world_it_is_compared_with() -> None:
    found = result(site=site(vehicles=LEFT_AS_CAME, headline="no_ev"), tariff=tariff(ENERGY)).summary
    assert found["outside"] == {"kwh": 0.105, "value": "0.01"}
