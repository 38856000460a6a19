"""What lies ahead: the hand table of methods.md section 2, and what is not stated where a month is not known."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.calendars import add_months, calendar_month, months_between
from pipeline.domain import Scenario
from pipeline.savings import LastYear, Outlook, coming_tariffs, look_ahead
from pipeline.tariff import DETERMINANT, measured_rows
from tests.tariff.bench import native

RATCHET = (
    '[[charges]]\nid = "basic"\nkind = "demand"\nrate = "1638"\n'
    "[[charges.ratchets]]\npercent = 100\nlook_back_months = 11\n"
)
FLAT = '[[charges]]\nid = "basic"\nkind = "demand"\nrate = "1638"\n'
TAX = '[[charges]]\nid = "tax"\nkind = "tax"\npercent = "10"\napplies_to = ["basic"]\n'
SEASONS = (
    "[seasons]\nsummer = [7, 8, 9]\nwinter = [1, 2, 3, 4, 5, 6, 10, 11, 12]\n"
    '[[charges]]\nid = "basic"\nkind = "demand"\n'
    '[[charges.periods]]\nname = "summer"\nseason = "summer"\nrate = "2000"\n'
    '[[charges.periods]]\nname = "winter"\nseason = "winter"\nrate = "1000"\n'
)
OWN_KW = dict(zip(range(1, 13), (880, 870, 850, 820, 860, 940, 1010, 1024, 960, 870, 840, 865), strict=True))
CUT = Decimal("25.6")


def row(scenario: str, kw: Decimal, band: str = "all") -> dict[str, Any]:
    """Determinants of a bill of one demand charge, as `tariff.measure` gives them for one window."""
    given = {"scenario": scenario, "charge_id": "basic", "band": band, "span": 0, "import_wh": 0, "export_wh": 0,
             "own_peak_w": int(kw * 1000), "windows": 1, "expected": 1}  # fmt: skip
    return {name: given.get(name) for name in DETERMINANT}


def cut_in(month: str, start: str, missed: frozenset[str]) -> Decimal:
    return CUT if month >= start and month not in missed else Decimal(0)


def ahead(
    month: str,
    *,
    start: str = "2013-07",
    missed: frozenset[str] = frozenset(),
    unproved: frozenset[str] = frozenset(),
    unknown: frozenset[str] = frozenset(),
    text: str = RATCHET,
    first: str | None = None,
    headline: Scenario = "unmanaged",
) -> Outlook:
    """The outlook at a bill; peaks of the hand table every year, cut by 25.6 kW since `start`."""
    begun = first or add_months(start, -12)
    known = [m for m in months_between(begun, month) if m not in unknown]
    own = {m: Decimal(OWN_KW[int(m[-2:])]) for m in known}
    metered = {m: kw - cut_in(m, start, missed) for m, kw in own.items()}

    def band(m: str) -> str:
        return "all" if text != SEASONS else "summer" if m[-2:] in ("07", "08", "09") else "winter"

    worlds: Mapping[str, Mapping[str, Decimal]] = {headline: own, "actual": metered}
    frames = {
        m: pl.DataFrame([row(world, kw[m], band(m)) for world, kw in worlds.items()], schema=dict(DETERMINANT))
        for m in known
    }
    return look_ahead(
        LastYear(
            month=month,
            headline=headline,
            demand_charge="basic",
            measured={m: measured_rows(frame) for m, frame in frames.items()},
            proved=frozenset(m for m in known if m >= start and m not in unproved),
            seeds=frozenset(m for m in known if m < start),
            history={(world, "basic"): kw for world, kw in worlds.items()},
            coming=coming_tariffs(native(text), calendar_month(month)),
            currency_digits=4,
        )
    )


def yen(amount: Decimal | None) -> int | None:
    return None if amount is None else round(amount)


# --- locked


@pytest.mark.parametrize(
    ("month", "locked"),
    [
        ("2013-07", 0),
        ("2013-08", 442_260),
        ("2013-09", 400_327),
        ("2014-06", 22_932),
        ("2014-07", 0),
        ("2014-08", 442_260),
    ],
)
def test_locked_of_a_programme_begun_in_july(month: str, locked: int) -> None:
    """methods.md section 2, to the yen: 25.6 kW x 1,638 in each month that carries August's peak, 14 kW in July."""
    assert yen(ahead(month).locked) == locked


@pytest.mark.parametrize(("start", "missed"), [("2013-09", frozenset[str]()), ("2013-07", frozenset({"2013-08"}))])
def test_nothing_is_locked_before_the_highest_month_was_cut(start: str, missed: frozenset[str]) -> None:
    """A September start, or August missed: 0 in every bill until next August, then as in the table."""
    for month in months_between("2013-09", "2014-07"):
        assert ahead(month, start=start, missed=missed).locked == 0, month
    assert yen(ahead("2014-08", start=start, missed=missed).locked) == 442_260


def test_locked_goes_through_the_whole_bill() -> None:
    """10 % tax on the demand charge makes 442,260 into 486,486."""
    assert yen(ahead("2013-08", text=RATCHET + TAX).locked) == 486_486


def test_without_a_ratchet_nothing_is_locked() -> None:
    found = ahead("2013-08", text=FLAT)
    assert found.locked == 0
    assert (found.next_roll_off, "no_ratchet" in found.gaps) == (None, True)


def test_a_new_peak_is_locked_as_a_loss() -> None:
    """August raised by 10 kW: ten months of 10 kW more, and 24 more in July: -(100 + 24) x 1,638.

    July would draw 1,010 in both worlds, but without V2B 1,024 is still billed: 10 kW again. So 11 x 10 kW.
    """
    worse = ahead("2013-08", start="2013-09", first="2012-07")
    assert worse.locked == 0
    raised = look_ahead(_raised_august())
    assert yen(raised.locked) == -11 * 10 * 1638


def _raised_august() -> LastYear:
    months = months_between("2012-08", "2013-08")
    own = {m: Decimal(OWN_KW[int(m[-2:])]) for m in months}
    metered = {**own, "2013-08": Decimal(1034)}
    frames = {
        m: pl.DataFrame([row("unmanaged", own[m]), row("actual", metered[m])], schema=dict(DETERMINANT)) for m in months
    }
    measured = {m: measured_rows(frame) for m, frame in frames.items()}
    return LastYear(
        "2013-08", "unmanaged", "basic", measured, frozenset({"2013-08"}), frozenset(months) - {"2013-08"},
        {("unmanaged", "basic"): own, ("actual", "basic"): metered},
        coming_tariffs(native(RATCHET), calendar_month("2013-08")), 4,
    )  # fmt: skip


def test_a_year_with_a_month_missing_states_nothing_ahead() -> None:
    found = ahead("2013-08", unknown=frozenset({"2012-12"}))
    assert (found.locked, found.run_rate) == (None, None)
    assert "year_not_known" in found.gaps


# --- run-rate


def test_the_run_rate_wraps_the_look_back_round_the_year() -> None:
    """Once August is proved: 25.6 x 1,638 x 12 = 503,193.6, though July's bill itself saved nothing yet."""
    assert ahead("2013-08").run_rate == CUT * 1638 * 12
    assert ahead("2014-06").run_rate == CUT * 1638 * 12


def test_there_is_no_run_rate_before_the_month_that_sets_the_peak_is_proved() -> None:
    for month, changes in (
        ("2013-07", {}),  # August is still to come
        ("2014-03", {"start": "2013-09"}),  # its August lies before V2B
        ("2013-10", {"unproved": frozenset({"2013-08"})}),
    ):
        found = ahead(month, **changes)  # type: ignore[arg-type]
        assert (found.run_rate, "run_rate_not_known" in found.gaps) == (None, True), month


def test_a_missed_august_is_a_proved_year_that_saves_nothing() -> None:
    assert ahead("2013-12", missed=frozenset({"2013-08"})).run_rate == 0


def test_months_to_come_take_the_smallest_cut_seen_in_their_season() -> None:
    """Without a ratchet: August cut 25.6, July not at all (missed): ten months of no cut, one of 25.6."""
    found = ahead("2013-08", text=FLAT, missed=frozenset({"2013-07"}))
    assert found.run_rate == CUT * 1638


def test_a_season_without_a_proved_bill_has_no_run_rate() -> None:
    found = ahead("2013-09", text=SEASONS)
    assert (found.run_rate, "run_rate_not_known" in found.gaps) == (None, True)
    assert ahead("2013-10", text=SEASONS).run_rate == CUT * (3 * 2000 + 9 * 1000)


def test_the_world_without_cars_is_projected_alike() -> None:
    assert ahead("2013-08", headline="no_ev") == ahead("2013-08")


# --- what rolls off


def test_the_next_roll_off_is_the_first_bill_a_ratchet_lets_go_of_a_peak() -> None:
    """In July 2013 August 2012's 1,024 kW are carried; August 2013 looks back to September: July's 984.4 kW."""
    found = ahead("2013-07").next_roll_off
    assert found is not None
    assert (found.month, found.world, found.from_kw, found.to_kw) == (
        "2013-08", "actual", Decimal(1024), Decimal("984.4"),
    )  # fmt: skip
    assert found.money == Decimal("39.6") * 1638


def test_the_compared_worlds_peak_may_roll_off_first() -> None:
    """From June 2014 on only July lies between: in August 2014 both let go of August 2013, and the metered is told."""
    found = ahead("2014-06").next_roll_off
    assert found is not None
    assert (found.month, found.from_kw, found.to_kw) == ("2014-08", Decimal("998.4"), Decimal("934.4"))


def test_a_peak_of_this_bill_that_outlasts_the_look_back_rolls_off_nowhere() -> None:
    found = ahead("2013-08")
    assert (found.next_roll_off, "no_roll_off" in found.gaps) == (None, True)


# --- today's tariff


def test_todays_tariff_is_the_version_and_the_values_of_the_bills_last_day() -> None:
    text = (
        "[[versions]]\nvalid_to = 2013-08-01\n"
        '[[versions.charges]]\nid = "basic"\nkind = "demand"\nrate = "1000"\n'
        "[[versions]]\nvalid_from = 2013-08-01\n"
        '[[versions.charges]]\nid = "basic"\nkind = "demand"\nrate = "2000"\n'
    )
    for month, rate in (("2013-07", 1000), ("2013-08", 2000)):
        coming = coming_tariffs(native(text), calendar_month(month))
        assert list(coming) == months_between(add_months(month, 1), add_months(month, 12))
        rates = {band.tiers[0].rate for t in coming.values() for c in t.charges for band in c.spans[0].bands}
        assert rates == {Decimal(rate)}
    series = '[[charges]]\nid = "fuel"\nkind = "per_kwh_rider"\nseries = "fuel"\n'
    values = {"fuel": [(date(2013, 7, 1), Decimal(1)), (date(2013, 9, 1), Decimal(2))]}
    coming = coming_tariffs(native(series, values), calendar_month("2013-08"))
    assert {span.bands[0].tiers[0].rate for t in coming.values() for c in t.charges for span in c.spans} == {Decimal(1)}
