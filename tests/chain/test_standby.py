"""`aux_w`: in the metered load, gone without chargers, and in every world that has them."""

from typing import Any

import polars as pl

from pipeline.chain import Prepared
from pipeline.portfolio import Outage
from tests.chain.cases import meter, prepared, result
from tests.factories import charger_records, instant, site

WORLDS = ("actual", "no_ev", "unmanaged", "managed")


def house(aux_w: int, **changes: Any) -> Any:
    charger = {"charger_id": "CP1", "rated_charge_kw": 6.0, "rated_discharge_kw": 6.0, "aux_w": aux_w}
    return site(chargers=[charger], **changes)


def drawn(found: Prepared, at: str) -> tuple[int, ...]:
    row = found.windows.row(by_predicate=pl.col("interval_start") == instant(at), named=True)
    return tuple(row[f"{world}_import_wh"] for world in WORLDS)


def test_it_is_drawn_wherever_there_are_chargers() -> None:
    """60 W are 30 Wh in half an hour; the building has 10 kWh, of which 2 are given by the car at 13:00."""
    found = prepared(site=house(60))
    assert drawn(found, "07-02 03:00") == (10_000, 9_970, 10_000, 10_000)
    assert drawn(found, "07-01 13:00") == (8_000, 9_970, 10_000, 10_000)


def test_it_is_hosting_and_no_charge_of_a_car() -> None:
    """96 windows of 30 Wh: the world without cars draws so much less, the one from plug-in the same."""
    plain, aux = (result(site=house(watts)).summary for watts in (0, 60))
    assert aux["money"]["bill_unmanaged"] == plain["money"]["bill_unmanaged"]
    assert aux["energy_kwh"]["no_ev"] == plain["energy_kwh"]["no_ev"] - 2.88
    assert aux["fleet"]["charged_kwh"] == plain["fleet"]["charged_kwh"] == 2.5
    assert aux["levers"] == plain["levers"]


def test_parts_of_a_watt_hour_are_not_lost() -> None:
    """1 W is 0.5 Wh a window: 48 Wh in two days."""
    found = prepared(site=house(1)).windows.get_column("standby_wh")
    assert (found.sum(), sorted(set(found))) == (48, [0, 1])


def test_a_charger_draws_nothing_before_its_first_reading_nor_without_a_grid() -> None:
    rows = [("07-01 08:00", 0, 0), ("07-03 08:00", 0, 0)]
    dead = [Outage(instant("07-02 10:00"), instant("07-02 10:15"))]
    found = prepared(site=house(60), readings=charger_records(rows), meter=meter(), outages=dead).windows
    by_start = dict(found.select("interval_start", "standby_wh").iter_rows())
    starts = ("07-01 07:30", "07-01 08:00", "07-02 10:00")
    assert [by_start[instant(at)] for at in starts] == [0, 30, 15]


def test_other_days_are_asked_for_the_cut_less_what_chargers_drew() -> None:
    """The car gives 2 kWh in two hours, 1 kW; without chargers 60 W less would have been drawn."""
    hours = {"start": "13:00", "end": "15:00"}
    days = result(site=house(60, peak_window=hours)).frames["baseline_day"]
    assert days.filter(pl.col("day_class") == "v2b").get_column("logged_cut_kw").unique().to_list() == [0.94]
