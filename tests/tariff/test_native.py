"""Native tariffs: what is read, and every refusal with its place, value and what is allowed."""

from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import (
    CHARGE_KINDS,
    Cycle,
    EventSet,
    Mask,
    PowerFactor,
    QuantityStep,
    Ratchet,
    Rounding,
    TierRule,
    load_tariff,
    measure,
    price,
    resolve,
)
from tests.tariff.bench import DATA, HEAD, ZONE, day, load, native

FLAT = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = "10"\n'


def example():
    return load_tariff(DATA / "example.toml", lambda _: [(day("2012-01-01"), Decimal(5))])


EVENTS = [(day("2012-07-17"), Decimal(16)), (day("2012-08-02"), Decimal("16.5"))]


def large():
    return load_tariff(DATA / "example-large.toml", lambda _: EVENTS)


def test_the_examples_hold_every_charge_kind() -> None:
    versions = (*example().versions, *large().versions)
    assert {charge.kind for version in versions for charge in version.charges} == set(CHARGE_KINDS)


def test_the_large_example_prices_its_contract_in_each_world_and_names_what_it_cannot_know() -> None:
    """Charges on the peak that begin on 16 July are first billed in August, as they take what holds on the first day.

    The load has no reactive energy, and the peaks of 2012 are not known.
    """
    july = calendar_month("2013-07")
    frames = [load(july, lambda _: 100_000, scenario=world, window_min=15) for world in ("actual", "no_ev")]
    resolved = resolve(large(), july)
    bills = price(resolved, july, measure(resolved, july, pl.concat(frames), zone=ZONE, holidays=frozenset()), {})
    contract = {
        world: [line.quantity for line in bill.lines if line.charge_id == "contract" and "from" in line.band]
        for world, bill in bills.items()
    }
    share = [Decimal(15) / 31, Decimal(16) / 31]
    assert contract["no_ev"][0] == round(1100 * share[0], 12)
    assert contract["actual"][0] == round(1080 * share[0], 12)
    assert {refusal.field for refusal in bills["actual"].refused} == {"energy", "reactive"}
    august = calendar_month("2013-08")
    (line, over, *_), refused = priced_august(august)
    assert (line.quantity, over.quantity, refused) == (
        1080,
        0,
        {"on-peak", "facilities", "capacity", "energy", "reactive"},
    )


def priced_august(august):
    resolved = resolve(large(), august)
    frame = load(august, lambda _: 100_000, window_min=15)
    bill = price(resolved, august, measure(resolved, august, frame, zone=ZONE, holidays=frozenset()), {})["actual"]
    return bill.lines, {refusal.field for refusal in bill.refused}


def test_demand_charge_reads_what_it_bills() -> None:
    on_peak, facilities, top, capacity = large().versions[1].charges[1:5]
    assert on_peak.quantity.unit == "kVA"
    assert facilities.quantity.step == QuantityStep(Decimal(1), "half_up")
    assert facilities.quantity.ratchets == (Ratchet(Decimal(75), 11, (6, 7, 8, 9), of="on-peak"),)
    assert facilities.quantity.power_factor == PowerFactor(Decimal(90), "ratio", rounding=QuantityStep(Decimal(1)))
    assert (top.quantity.statistic, top.quantity.top, top.quantity.top_of) == ("mean", 5, "days")
    assert capacity.quantity.events == (
        EventSet((datetime(2012, 7, 17, 16), datetime(2012, 8, 2, 16, 30)), day("2013-06-01"), day("2014-06-01")),
    )
    assert (large().clock, large().cycle) == ("standard", Cycle(Decimal(30), (27, 33)))
    assert large().versions[1].charges[5].tiers == TierRule("kW", "facilities")


def test_the_example_labels_what_is_assumed() -> None:
    tariff = example()
    (version,) = tariff.versions
    assert [charge.kind for charge in version.charges] == [
        "fixed",
        "demand",
        "energy",
        "per_kwh_rider",
        "per_kwh_rider",
        "percent_rider",
        "tax",
    ]
    assert [charge_id for charge_id, _ in tariff.assumed] == ["basic", "discount"]
    assert tariff.rounding == Rounding(0, "down", "line")
    assert (tariff.currency, tariff.demand_window_min, tariff.refused) == ("JPY", 30, ())


def test_rates_stay_exact_whether_quoted_or_bare() -> None:
    quoted = native(FLAT.replace('"10"', '"0.1"')).versions
    assert quoted == native(FLAT.replace('"10"', "0.1")).versions
    assert quoted[0].charges[0].periods[0].tiers[0].rate == Decimal("0.1")


def test_demand_charge_reads_ratchets_and_floor() -> None:
    tariff = native(
        '[[charges]]\nid = "d"\nkind = "demand"\nrate = 12\nfloor_kw = 30\nwindow_min = 15\n'
        "[[charges.ratchets]]\npercent = 75\nlook_back_months = 11\nmonths = [6, 7]\n"
    )
    quantity = tariff.versions[0].charges[0].quantity
    assert quantity.ratchets == (Ratchet(Decimal(75), 11, (6, 7)),)
    assert (quantity.floor_kw, quantity.window_min) == (30, 15)


def test_hours_past_midnight_belong_to_each_listed_day() -> None:
    tariff = native(
        '[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "night"\nweekdays = [1]\nhours = ["22:00-08:00"]\nrate = 1\n'
        '[[charges.periods]]\nname = "day"\notherwise = true\nrate = 2\n'
    )
    night, other = tariff.versions[0].charges[0].periods
    assert night.when == (Mask(weekdays=(1,), minutes=((0, 480), (1320, 1440))),)
    assert other.when == (
        Mask(weekdays=(1,), minutes=((480, 1320),)),
        Mask(weekdays=(2, 3, 4, 5, 6, 7), minutes=((0, 1440),)),
    )


def test_otherwise_may_carry_a_season() -> None:
    tariff = native(
        "[seasons]\nsummer = [7, 8, 9]\nwinter = [1, 2, 3, 4, 5, 6, 10, 11, 12]\n"
        '[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "peak"\nseason = "summer"\nhours = ["13:00-16:00"]\nrate = 3\n'
        '[[charges.periods]]\nname = "summer"\nseason = "summer"\notherwise = true\nrate = 2\n'
        '[[charges.periods]]\nname = "winter"\nseason = "winter"\notherwise = true\nrate = 1\n'
    )
    _, summer, winter = tariff.versions[0].charges[0].periods
    assert summer.when == (Mask((7, 8, 9), minutes=((0, 780), (960, 1440))),)
    assert winter.when == (Mask((1, 2, 3, 4, 5, 6, 10, 11, 12)),)


def test_tax_applies_to_the_charges_above_it_by_default() -> None:
    charges = example().versions[0].charges
    assert charges[-1].applies_to == ("service", "basic", "energy", "fuel", "levy", "discount")
    assert charges[-2].applies_to == ("basic",)


def test_notes_over_several_lines_become_one() -> None:
    assert native(FLAT, head=HEAD + 'notes = """first\n  second"""\n').notes == "first second"


PEAK = '[[charges.periods]]\nname = "peak"\nhours = ["13:00-16:00"]\nrate = 3\n'
DEMAND = '[[charges]]\nid = "d"\nkind = "demand"\nrate = 1\n'
ENERGY = '[[charges]]\nid = "energy"\nkind = "energy"\n'
REFUSED = {
    "unknown key at the top": ("colour = 1\n" + FLAT, "colour", "colour", "demand_window_min"),
    "unknown key in a charge": (FLAT + "colour = 1\n", "charges[0].colour", "colour", "tier_scope"),
    "unknown key in a ratchet": (
        '[[charges]]\nid = "d"\nkind = "demand"\nrate = 1\n[[charges.ratchets]]\npercent = 1\nmonths_back = 3\n',
        "charges[0].ratchets[0].months_back",
        "months_back",
        "look_back_months",
    ),
    "unknown kind": (
        FLAT.replace('"energy"\nrate', '"energies"\nrate'),
        "charges[0].kind",
        "energies",
        "percent_rider",
    ),
    "kind of a strange type": (
        FLAT.replace('"energy"\nrate', "[1]\nrate"),
        "charges[0].kind",
        "a table",
        "percent_rider",
    ),
    "no id": ('[[charges]]\nkind = "energy"\nrate = 1\n', "charges[0].id", "None", "required"),
    "id twice": (FLAT + FLAT, "charges[1].id", "energy", "once"),
    "id of the rounding line": (FLAT.replace('id = "energy"', 'id = "rounding"'), "charges[0].id", "rounding", "once"),
    "rate is text": (FLAT.replace('"10"', '"ten"'), "charges[0].rate", "ten", "a number"),
    "rate is not a number": (FLAT.replace('"10"', "nan"), "charges[0].rate", "NaN", "a number"),
    "rate is true": (FLAT.replace('"10"', "true"), "charges[0].rate", "True", "a number"),
    "rate is huge": (FLAT.replace('"10"', '"1e999999"'), "charges[0].rate", "1e999999", "10^12"),
    "no price": (ENERGY, "charges[0]", "a table", "exactly one of rate, series, tiers, periods, not none"),
    "two prices": (FLAT + 'series = "s"\n', "charges[0]", "a table", "not rate and series"),
    "overlapping periods": (
        ENERGY + PEAK + '[[charges.periods]]\nname = "late"\nhours = ["15:00-20:00"]\nrate = 2\n',
        "charges[0].periods",
        "January, Monday, 15:00-16:00 in both 'peak' and 'late'",
        "one period only",
    ),
    "a period that overlaps itself": (
        ENERGY + '[[charges.periods]]\nname = "p"\nhours = ["01:00-03:00", "02:00-04:00"]\nrate = 1\n',
        "charges[0].periods",
        "January, Monday, 02:00-03:00 twice in 'p'",
        "one period only",
    ),
    "hours without a price": (
        ENERGY + PEAK,
        "charges[0].periods",
        "January, Monday, 00:00-13:00",
        "every hour of the year",
    ),
    "a season without a price": (
        "[seasons]\nsummer = [7]\n" + ENERGY + '[[charges.periods]]\nname = "a"\nseason = "summer"\nrate = 1\n',
        "charges[0].periods",
        "January, Monday, 00:00-24:00",
        "every hour of the year",
    ),
    "unknown season": (
        "[seasons]\nsummer = [7]\n" + ENERGY + PEAK + 'season = "spring"\n',
        "charges[0].periods[0].season",
        "spring",
        "summer",
    ),
    "two periods of one name": (ENERGY + PEAK + PEAK, "charges[0].periods", "peak", "each period name once"),
    "two otherwise": (
        ENERGY
        + PEAK
        + '[[charges.periods]]\nname = "a"\notherwise = true\nrate = 1\n'
        + '[[charges.periods]]\nname = "b"\notherwise = true\nrate = 1\n',
        "charges[0].periods",
        "in both 'a' and 'b'",
        "one otherwise a season",
    ),
    "otherwise with nothing left": (
        ENERGY
        + '[[charges.periods]]\nname = "a"\nrate = 1\n'
        + '[[charges.periods]]\nname = "b"\notherwise = true\nrate = 1\n',
        "charges[0].periods[1].otherwise",
        "True",
        "hours left over",
    ),
    "hours backwards": (
        ENERGY + PEAK.replace("16:00", "13:00"),
        "charges[0].periods[0].hours[0]",
        "13:00",
        "end after",
    ),
    "hours of another clock": (
        ENERGY + PEAK.replace("16:00", "4 pm"),
        "charges[0].periods[0].hours[0]",
        "4 pm",
        "13:00",
    ),
    "weekday 0": (ENERGY + PEAK + "weekdays = [0]\n", "charges[0].periods[0].weekdays[0]", "0", "1"),
    "tiers that fall": (
        ENERGY + "tiers = [{up_to = 5, rate = 1}, {up_to = 3, rate = 1}, {rate = 1}]\n",
        "charges[0]",
        "a table",
        "rising up_to",
    ),
    "last tier with an end": (
        ENERGY + "tiers = [{up_to = 5, rate = 1}]\n",
        "charges[0]",
        "a table",
        "none on the last",
    ),
    "ratchet on two periods of a month": (
        '[[charges]]\nid = "d"\nkind = "demand"\n' + PEAK + '[[charges.periods]]\nname = "b"\nhours = ["01:00-02:00"]\n'
        "rate = 1\n[[charges.ratchets]]\npercent = 50\nlook_back_months = 3\n",
        "charges[0].periods",
        "month 1",
        "one period a month",
    ),
    "ratchet above 100 %": (
        '[[charges]]\nid = "d"\nkind = "demand"\nrate = 1\n[[charges.ratchets]]\npercent = 101\nlook_back_months = 3\n',
        "charges[0].ratchets[0].percent",
        "101",
        "100",
    ),
    "tax on an unknown charge": (
        FLAT + '[[charges]]\nid = "t"\nkind = "tax"\npercent = 5\napplies_to = ["demand"]\n',
        "charges[1].applies_to",
        "demand",
        "energy",
    ),
    "ratchet on no charge": (
        DEMAND + '[[charges.ratchets]]\npercent = 9\nlook_back_months = 3\nof = "e"\n',
        "charges[0], the charge it looks at",
        "e",
        "in this version: d",
    ),
    "hours of use of no charge": (
        FLAT + 'tier_per = "kW"\ntier_demand = "d"\n',
        "charges[0], the charge it looks at",
        "d",
        "none",
    ),
    "credit per kW of an energy charge": (
        FLAT + '[[charges]]\nid = "c"\nkind = "credit"\nrate = 1\nper = "kW"\nof = "energy"\n',
        "charges[1].of",
        "energy",
        "none",
    ),
    "top without a mean": (
        DEMAND + "top = 3\n",
        "charges[0]",
        "a table",
        "statistic",
    ),
    "event with an offset": (
        '[[charges]]\nid = "c"\nkind = "coincident"\nrate = 1\nevents = [{starts = [2013-07-10T15:00:00Z]}]\n',
        "charges[0].events[0]",
        "a table",
        "without an offset",
    ),
    "unknown key of a contract": (
        DEMAND.replace('"demand"', '"contract_demand"') + 'contract = [{from = 2013-01-01, kw = 1, world = "a"}]\n',
        "charges[0].contract[0].world",
        "world",
        "from, kw, worlds",
    ),
    "pooled tiers of two sizes": (
        ENERGY
        + 'tier_scope = "pooled"\n'
        + PEAK.replace("rate = 3", "tiers = [{up_to = 5, rate = 1}, {rate = 2}]")
        + '[[charges.periods]]\nname = "o"\notherwise = true\ntiers = [{up_to = 6, rate = 1}, {rate = 2}]\n',
        "charges[0]",
        "a table",
        "pooled",
    ),
    "a period named like a helper": (
        ENERGY + PEAK.replace('"peak"', '"(peak)"'),
        "charges[0].periods[0].name",
        "(peak)",
        "bracket",
    ),
    "no currency": (FLAT, "currency", "None", "required"),
    "no charges": ("", "file", "a table", "exactly one of charges, versions"),
    "window of 7 minutes": ("demand_window_min = 7\n" + FLAT, "demand_window_min", "7", "5, 10, 15, 20, 30 or 60"),
    "ends before it begins": (
        "valid_from = 2013-07-01\nvalid_to = 2013-07-01\n" + FLAT,
        "valid_to",
        "2013, 7, 1",
        "2013-07-01",
    ),
    "overlapping versions": (
        "[[versions]]\nvalid_to = 2013-07-01\n"
        + FLAT.replace("charges", "versions.charges")
        + "[[versions]]\nvalid_from = 2013-06-01\n"
        + FLAT.replace("charges", "versions.charges"),
        "versions[1].valid_from",
        "2013, 6, 1",
        "valid_to of the version before",
    ),
    "unknown holiday calendar": ('[holidays]\nbase = "XX"\n' + FLAT, "holidays.base", "XX", "holidays"),
    "unknown series": (FLAT.replace('rate = "10"', 'series = "fuel"'), "charge 'energy', series", "fuel", "series"),
    "not TOML": ("=", "file", "Invalid", "TOML"),
}


@pytest.mark.parametrize(("text", "place", "value", "allowed"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_file_place_value_and_what_is_allowed(text, place, value, allowed, request) -> None:
    head = HEAD.replace('currency = "JPY"\n', "") if "no currency" in request.node.name else HEAD
    with pytest.raises(TariffError) as caught:
        native(text, head=head)
    assert (caught.value.file, caught.value.place) == ("t.toml", place)
    assert value in str(caught.value.value) + repr(caught.value.value)
    assert allowed in caught.value.allowed
    assert "\n" not in str(caught.value)


def test_missing_file_and_unknown_suffix_are_refused(tmp_path) -> None:
    with pytest.raises(TariffError, match="existing file"):
        load_tariff(tmp_path / "none.toml", lambda _: [])
    with pytest.raises(TariffError, match="URDB record"):
        load_tariff(tmp_path / "tariff.xlsx", lambda _: [])


def test_placeholder_prices_make_a_bill_partial_until_they_are_replaced() -> None:
    for key, partial in (("placeholder = true\n", True), ("placeholder = false\n", False), ("", False)):
        assert [refusal.field for refusal in native(key + FLAT).refused] == ["placeholder"] * partial
