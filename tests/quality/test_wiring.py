"""A charger whose energy the meter sees turned round, doubled, in part or not at all is named in words."""

import pytest

from pipeline import quality
from pipeline.charging import RoundTrip, registers_of
from pipeline.quality.fits import Fit
from tests.quality.worlds import charges, load_wh, readings, windows


def fit(gain, gain_error=0.01, charger_id="CP1"):
    return Fit(charger_id, 0.0, 10.0, gain, gain_error)


def faults(*fits):
    found = quality.wiring_faults(windows(load_wh()), fits)
    return list(found.get_column("sentence"))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (-1.0, "turned round (sign)"),
        (0.0, "does not stand behind this meter"),
        (1 / 3, "one phase of three"),
        (3.0, "one phase of three"),
        (0.5, "counted twice"),
        (2.0, "counts it twice"),
    ],
)
def test_what_the_meter_sees_of_a_charger_tells_its_wiring(seen, words):
    energies = charges()
    metered = [load + round(seen * energy) for load, energy in zip(load_wh(), energies, strict=True)]
    frame = windows(metered, energies)
    fits = quality.fitted_offsets(frame, registers_of(readings(energies)))
    assert quality.wiring_of(fits).beta == pytest.approx(seen, abs=0.06)
    assert not quality.wiring_of(fits).accepted
    found = quality.wiring_faults(frame, fits)
    assert found.select("name", "source", "unit").row(0) == ("charger.wiring", "CP1", "1")
    assert words in found.item(0, "sentence")


def test_a_charger_wired_as_configured_is_accepted():
    energies = charges()
    frame = windows([load + energy for load, energy in zip(load_wh(), energies, strict=True)], energies)
    fits = quality.fitted_offsets(frame, registers_of(readings(energies)))
    assert quality.wiring_of(fits).accepted
    assert quality.wiring_faults(frame, fits).is_empty()


def test_three_per_cent_or_four_standard_errors_are_accepted():
    assert faults(fit(1.029, 0.005), fit(0.971, 0.005), fit(1.1, 0.026), fit(0.0, 0.26)) == []
    assert len(faults(fit(1.031, 0.005), fit(0.969, 0.005), fit(1.1, 0.024))) == 3


def test_a_dc_register_is_told_from_an_ac_one_where_the_gain_is_known_well():
    assert "DC side" in faults(fit(0.94, 0.005))[0]
    assert "DC side" in faults(fit(1.06, 0.005))[0]


def test_a_number_without_one_plain_explanation_gets_none():
    assert "one number does not tell" in faults(fit(0.75))[0]
    assert "one number does not tell" in faults(fit(0.44, 0.04))[0]


def test_a_poorly_known_gain_is_doubted_only_where_one_explanation_stands_out():
    # a controller that answers to the building bends such gains; a turned sign is told all the same
    assert faults(fit(0.264, 0.138)) == []
    assert "sign" in faults(fit(-1.02, 0.25))[0]


def test_the_gain_of_all_is_weighted_by_what_is_known_of_each():
    # weights 100^2 and 50^2: (1.0 * 4 + 1.1 * 1) / 5
    assert quality.wiring_of([fit(1.0, 0.01), fit(1.1, 0.02, "CP2")]).beta == pytest.approx(1.02)
    assert quality.wiring_of([]).beta is None
    assert quality.wiring_of([fit(1.0, float("inf"))]).beta is None


@pytest.mark.parametrize(
    ("efficiency", "source", "found"), [(0.93, "fit", 1), (0.92, "fit", 0), (0.95, "ratio", 1), (0.95, "assumed", 0)]
)
def test_a_round_trip_better_than_any_charger_is_a_finding(efficiency, source, found):
    rows = quality.efficiency_too_high(windows(load_wh()), RoundTrip(1.0, efficiency, source))
    assert rows.height == found
    if found:
        row = rows.row(0, named=True)
        assert (row["name"], row["value"]) == ("charger.efficiency", efficiency)
        assert "DC side" in row["sentence"]
