"""Apparent power in a bill's worlds: the reactive energy is the metered one in each."""

import polars as pl

from pipeline.calendars import window_grid
from pipeline.domain import REACTIVE_RECORD
from tests.chain.cases import ENERGY, PERIOD, result, tariff
from tests.factories import instant

KVA = ENERGY + '[[charges]]\nid = "demand"\nkind = "demand"\nunit = "kVA"\nrate = "10"\n'


def reactive() -> pl.DataFrame:
    """21 kvar from 09:00 to 09:30 of the first day, none in all other half hours."""
    starts = window_grid(PERIOD, "UTC", 30).get_column("interval_start").to_list()
    rows = [("main", at, 1800, 10_500 if at == instant("07-01 09:00") else 0, "measured") for at in starts]
    return pl.DataFrame(rows, schema=dict(REACTIVE_RECORD), orient="row")


def test_apparent_power_is_billed_in_every_world() -> None:
    found = result(tariff=tariff(KVA), reactive=reactive())
    line = next(line for line in found.summary["lines"] if line["charge_id"] == "demand")
    # 20 kW and 21 kvar are 29 kVA, more than the 25 kW and 0 kvar of the recharge at 15:00
    assert (line["quantity_baseline"], line["quantity_actual"], line["unit"]) == (29.0, 29.0, "kVA")
    assert (found.summary["money"]["partial"], line["amount_actual"]) == (False, "290.00")
    stored = found.frames["load_interval"].filter(pl.col("reactive_varh") != 0)
    assert stored.select("interval_start", "reactive_varh").rows() == [(instant("07-01 09:00"), 10_500)]


def test_without_it_such_a_charge_is_refused_by_name() -> None:
    found = result(tariff=tariff(KVA)).summary
    assert found["money"]["partial"] is True
    assert any("reactive" in sentence for sentence in found["data"]["findings"])
