"""CO2 of a bill: only by factors supplied, only beside a proved saving, and hashed with it."""

from decimal import Decimal

from pipeline.chain import input_hash
from pipeline.portfolio import Co2Factor
from tests.chain.cases import meter, prepared, result
from tests.factories import instant, site

NO_EV = site(headline="no_ev", co2_region="X")
FACTORS = (Co2Factor(instant("07-01 00:00"), instant("07-03 00:00"), Decimal(400)),)


def test_losses_of_half_a_kwh_are_two_hundred_grams_more() -> None:
    """The car gave 2 kWh and took 2.5 kWh, all at 400 g."""
    found = result(site=NO_EV, marginal_co2=FACTORS)
    assert found.summary["co2"] == {"change_kg": 0.2, "hours_without_factor": 0.0}


def test_without_factors_nothing_is_said() -> None:
    found = result(site=site(headline="no_ev")).summary
    assert found["co2"] == {"change_kg": None, "hours_without_factor": None}
    assert "co2_factors_missing" not in found["reasons"]


def test_a_missing_factor_is_told() -> None:
    short = (Co2Factor(instant("07-01 00:00"), instant("07-01 15:00"), Decimal(400)),)
    found = result(site=NO_EV, marginal_co2=short).summary
    assert found["co2"] == {"change_kg": None, "hours_without_factor": 0.5}
    assert "co2_factors_missing" in found["reasons"]


def test_nothing_is_stated_beside_a_saving_that_is_not_proved() -> None:
    gap = meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500}, leave_out=["07-02 10:00"])
    found = result(site=NO_EV, marginal_co2=FACTORS, meter=gap).summary
    assert not found["provable"]
    assert found["co2"]["change_kg"] is None


def test_factors_change_the_hashes_of_a_bill_and_their_absence_does_not() -> None:
    twice = (Co2Factor(FACTORS[0].begin, FACTORS[0].end, Decimal(800)),)
    one, two = (prepared(site=NO_EV, marginal_co2=factors) for factors in (FACTORS, twice))
    assert input_hash(one) != input_hash(two)
    hashes = {result(site=NO_EV, marginal_co2=factors).result_hash for factors in (FACTORS, twice, None)}
    assert len(hashes) == 3
