"""Assumptions are listed as the draws take them, with what only the levers rest on."""

from dataclasses import replace

from pipeline.chain import assumptions_of
from pipeline.quality import Fit, clock_of
from pipeline.savings import Assumption
from tests.chain.cases import prepared
from tests.factories import site

BOUND_S = 60


def listed(*fits: Fit, **changes: object) -> dict[str, Assumption]:
    base = prepared(**changes)
    found = replace(base, fits=list(fits), clock=clock_of(fits, BOUND_S)) if fits else base
    return {one.name: one for one in assumptions_of(found)}


def clock(*fits: Fit) -> tuple[float | None, float | None, float | None]:
    found = listed(*fits)["clock_offset"]
    return found.value, found.low, found.high


def test_clocks_that_the_meter_does_not_tell_lie_within_the_bound() -> None:
    assert clock() == (None, -60.0, 60.0)


def test_a_clock_that_the_meter_tells_lies_within_its_own_range() -> None:
    """3 s off, which may be chance and is left: sqrt(3^2 + 2^2) = 3.61 s to either side, 1.96 times for 95 of 100."""
    assert clock(Fit("CP1", 3.0, 2.0, 1.0, 0.01)) == (3, -7.1, 7.1)


def test_a_clock_that_was_corrected_lies_around_what_was_taken_off() -> None:
    """40 s with a standard error of 2 s: 1.96 times that to either side."""
    assert clock(Fit("CP1", 40.0, 2.0, 1.0, 0.01)) == (40, 36.1, 43.9)


def test_a_wrong_clock_has_no_range() -> None:
    assert clock(Fit("CP1", 300.0, 2.0, 1.0, 0.01)) == (300, None, None)


def test_what_the_levers_rest_on_is_listed_against_any_world() -> None:
    modelled = {"charge_per_stored", "round_trip_efficiency", "charging_power"}
    for headline in ("unmanaged", "no_ev"):
        assert modelled <= listed(site=site(headline=headline)).keys()


def test_the_share_of_draws_in_which_power_steps_is_listed() -> None:
    """98 of 199 draws."""
    found = listed()["power_in_steps"]
    assert (found.value, found.low, found.high, found.unit) == (49, None, None, "%")
