"""Charging that cannot have been done from plug-in: a wrong rating is told, and the saving is not split into levers."""

from typing import Any

import pytest

from tests.chain.cases import meter, result
from tests.factories import charger_records, instant, site

# 5 kWh in the hour of the first stay, 2 kWh given back in the second.
READINGS: list[tuple[Any, ...]] = [
    ("06-30 20:00", 0, 0),
    ("07-01 08:00", 0, 0, {"session_id": "a", "vehicle_id": "LEAF1", "context": "begin"}),
    ("07-01 08:30", 2500, 0, {"session_id": "a"}),
    ("07-01 09:00", 5000, 0, {"session_id": "a", "context": "end"}),
    ("07-01 13:00", 5000, 0, {"session_id": "b", "vehicle_id": "LEAF1", "context": "begin"}),
    ("07-01 13:30", 5000, 2000, {"session_id": "b"}),
    ("07-01 18:00", 5000, 2000, {"session_id": "b", "context": "end"}),
    ("07-03 08:00", 5000, 2000),
]
METERED = {"07-01 08:00": 12_500, "07-01 08:30": 12_500, "07-01 13:00": 8_000}


def found(rated_kw: float) -> Any:
    charger = {"charger_id": "CP1", "rated_charge_kw": rated_kw, "rated_discharge_kw": 6.0}
    return result(
        site=site(headline="no_ev", chargers=[charger]), meter=meter(METERED), readings=charger_records(READINGS)
    )


def unfit(rated_kw: float) -> list[tuple[Any, ...]]:
    rows = found(rated_kw).frames["quality_finding"]
    return [row for row in rows.iter_rows(named=True) if row["name"] == "charger.unfit_charging"]


def test_a_rating_below_what_was_charged_is_told_and_no_lever_is_stated() -> None:
    """Rated 3 kW: of 5 kWh in one hour 2 kWh do not fit."""
    (row,) = unfit(3.0)
    assert (row["source"], row["value"], row["unit"]) == ("CP1", 2.0, "kWh")
    assert (row["span_from"], row["span_to"]) == (instant("07-01 00:00"), instant("07-03 00:00"))
    summary = found(3.0).summary
    assert summary["provable"]
    assert set(summary["levers"].values()) == {None}
    assert "charging_does_not_fit" in summary["reasons"]


@pytest.mark.parametrize(("rated_kw", "told"), [(5.0, 0), (6.0, 0), (4.76, 0), (3.9, 1)])
def test_a_little_may_be_left_over(rated_kw: float, told: int) -> None:
    """4.76 kW leave 240 Wh, less than 5 % and less than 1 kWh; 3.9 kW leave 1,100 Wh, more than either."""
    assert len(unfit(rated_kw)) == told


def test_where_all_fits_the_levers_sum_to_the_saving() -> None:
    summary = found(6.0).summary
    assert "charging_does_not_fit" not in summary["reasons"]
    levers = [float(summary["levers"][name]) for name in ("hosting", "managed_charging", "discharge")]
    assert sum(levers) == pytest.approx(float(summary["money"]["saved"]), abs=1e-9)
