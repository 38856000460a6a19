"""Registers behind a converter of 0.8: 1,000 Wh in the battery's side cost 1,250 at the grid, 1,000 out bring 800."""

from pipeline.charging import on_ac_side
from tests.chain.cases import V2B_DAY, meter, prepared
from tests.factories import charger_records, site

DC = {"charger_id": "CP1", "rated_charge_kw": 6.0, "rated_discharge_kw": 6.0}
CONVERTED = site(chargers=[{**DC, "register_side": "dc", "conversion_efficiency": 0.8}])


def test_only_chargers_on_the_dc_side_are_scaled():
    readings = charger_records(
        [
            ("07-01 08:00", 1000, 1000, {"power_w": 4000}),
            ("07-01 09:00", 1001, 1001, {"power_w": -4000}),
            ("07-01 10:00", None, None, {"power_w": None}),
            ("07-01 08:00", 1000, 1000, {"charger_id": "CP2", "power_w": 4000}),
        ]
    )
    found = on_ac_side(readings, CONVERTED.chargers)
    columns = ["energy_import_wh", "energy_export_wh", "power_w"]
    assert found.select(columns).rows() == [
        (1250, 800, 5000),
        (1251, 801, -3200),
        (None, None, None),
        (1000, 1000, 4000),
    ]
    assert on_ac_side(readings, site().chargers).equals(readings)
    assert found.schema == readings.schema


def test_the_load_without_cars_takes_what_passed_the_meter():
    """2,000 Wh given on the DC side are 1,600 at the meter, 2,500 taken are 3,125."""
    metered = meter({"07-01 13:00": 8_400, "07-01 15:00": 13_125})
    windows = prepared(site=CONVERTED, readings=charger_records(V2B_DAY), meter=metered).windows
    assert set(windows.get_column("no_ev_import_wh")) == {10_000}
    assert (windows.get_column("charge_wh").sum(), windows.get_column("discharge_wh").sum()) == (3_125, 1_600)
