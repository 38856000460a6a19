"""Records of the Utility Rate Database: what is used, what is refused by name, what is ambiguous."""

import json
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.calendars import calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import Charge, DemandQuantity, Mask, Ratchet, Tariff, Tier, TierRule, load_tariff
from pipeline.tariff.urdb_fields import COMMENTS, DATES, ELIGIBILITY, FIELDS, FREE_TEXT, INFORMATION
from tests.tariff.bench import DATA, amounts, bill, load

ALL_HOURS = [[0] * 24 for _ in range(12)]
ENERGY = {
    "energyratestructure": [[{"rate": 0.1, "unit": "kWh"}]],
    "energyweekdayschedule": ALL_HOURS,
    "energyweekendschedule": ALL_HOURS,
}
DEMAND = {
    "demandratestructure": [[{"rate": 5}]],
    "demandweekdayschedule": ALL_HOURS,
    "demandweekendschedule": ALL_HOURS,
}
FLAT = {"flatdemandstructure": [[{"rate": 5}], [{"rate": 7}]], "flatdemandmonths": [0] * 6 + [1] * 6}


def real(name: str) -> Tariff:
    return load_tariff(DATA / name, lambda _: [])


@pytest.fixture
def read(tmp_path):
    def _read(record) -> Tariff:
        path = tmp_path / "r.json"
        path.write_text(json.dumps(record), encoding="utf-8")
        return load_tariff(path, lambda _: [])

    return _read


def verdicts(tariff: Tariff) -> dict[str, str]:
    return {verdict.field: verdict.verdict for verdict in tariff.verdicts}


def reason(tariff: Tariff, field: str) -> str:
    return next(verdict.reason for verdict in tariff.verdicts if verdict.field == field)


def test_sce_time_of_use_and_flat_demand_price_a_july() -> None:
    """Plain arithmetic on the record: 1 kWh every hour of July 2018, one window of 100 kWh on Monday the 2nd, 14:00."""
    july = calendar_month("2018-07")
    frame = load(july, lambda n: 100_000 if n == 38 else 1000, zone="UTC", window_min=60)
    record = json.loads((DATA / "sce-gs2-tou-b.json").read_text(), parse_float=Decimal)
    hours = dict.fromkeys(range(5), 0)
    for day in range(31):
        weekend = (day + 6) % 7 >= 5  # 1 July 2018 is a Sunday
        for number in record["energyweekendschedule" if weekend else "energyweekdayschedule"][6]:
            hours[number] += 1
    peak_period = record["energyweekdayschedule"][6][14]
    hours[peak_period] += 99
    priced = amounts(bill(real("sce-gs2-tou-b.json"), frame, july, zone="UTC"))
    for number, kwh in hours.items():
        rate = record["energyratestructure"][number][0]["rate"]
        if ("energy", f"period {number}") in priced:
            assert priced["energy", f"period {number}"] == kwh * rate
        else:
            assert kwh == 0
    assert priced["flat_demand", "period 0"] == 100 * Decimal("13.2")
    at_peak = record["demandweekdayschedule"][6][14]
    assert priced["demand", f"period {at_peak}"] == 100 * record["demandratestructure"][at_peak][0].get("rate", 0)
    assert priced["fixed", "all"] == Decimal("259.2")


def test_fpl_tiered_energy_matches_the_published_bill() -> None:
    """24,000 kWh a year, 2,000 a month: half in each tier, `adj` part of both rates (NREL/REopt_API)."""
    (case,) = [c for c in json.loads((DATA / "bill_cases.json").read_text())["cases"] if "fpl" in c["id"]]
    total = Decimal(0)
    for month in range(1, 13):
        period = calendar_month(f"2022-{month:02d}")
        frame = load(period, lambda n: 2_000_000 if n == 0 else 0, zone="UTC", window_min=60)
        lines = bill(real("fpl-rs1.json"), frame, period, zone="UTC").lines
        energy = [line for line in lines if line.kind == "energy"]
        assert [line.band for line in energy] == ["period 0 tier 1", "period 0 tier 2"]
        assert [line.quantity for line in energy] == [1000, 1000]
        total += sum(line.amount for line in energy)
    assert total == Decimal(str(case["expected_energy"]))


def test_adj_is_part_of_the_rate_exactly_as_written(read) -> None:
    tariff = read({**ENERGY, "energyratestructure": [[{"rate": 0.1, "adj": 0.2, "unit": "kWh"}]]})
    assert tariff.versions[0].charges[0].periods[0].tiers == (Tier(Decimal("0.3")),)


def test_schedules_become_hours_and_the_weekend_saturday_and_sunday(read) -> None:
    weekday = [[0] * 12 + [1] * 6 + [0] * 6 for _ in range(12)]
    tariff = read({**ENERGY, "energyratestructure": [[{"rate": 1}], [{"rate": 2}]], "energyweekdayschedule": weekday})
    low, high = tariff.versions[0].charges[0].periods
    assert high.when == (Mask(weekdays=(1, 2, 3, 4, 5), minutes=((720, 1080),)),)
    assert low.when == (
        Mask(weekdays=(1, 2, 3, 4, 5), minutes=((0, 720), (1080, 1440))),
        Mask(weekdays=(6, 7)),
    )


def test_flat_demand_follows_its_month(read) -> None:
    tariff = read(FLAT)
    assert [(p.name, p.when[0].months) for p in tariff.versions[0].charges[0].periods] == [
        ("period 0", (1, 2, 3, 4, 5, 6)),
        ("period 1", (7, 8, 9, 10, 11, 12)),
    ]


def test_fixed_charges_per_month_and_per_day(read) -> None:
    july = calendar_month("2018-07")
    frame = load(july, lambda _: 0)
    for unit, expected in (("$/month", 2), ("$/day", 62)):
        tariff = read({**ENERGY, "fixedchargefirstmeter": 2, "fixedchargeunits": unit})
        assert amounts(bill(tariff, frame, july))["fixed", "all"] == expected
    tariff = read({**ENERGY, "fixedmonthlycharge": 3})
    assert amounts(bill(tariff, frame, july))["fixed", "all"] == 3


def test_unit_columns_alone_are_no_charge(read) -> None:
    columns = {"demandrateunit": "kW", "flatdemandunit": "kVA", "coincidentrateunit": "kW", "demandunits": "hp"}
    tariff = read({**ENERGY, **columns, "fixedchargeunits": "$/year", "minchargeunits": "$/month"})
    assert set(verdicts(tariff).values()) == {"used"}
    assert tariff.refused == ()


def test_demand_window_of_the_record_is_used(read) -> None:
    assert read({**DEMAND, "demandwindow": 15}).demand_window_min == 15


def charge(tariff: Tariff, charge_id: str) -> Charge:
    return next(found for found in tariff.versions[0].charges if found.charge_id == charge_id)


def test_units_of_energy_say_what_a_tier_end_counts(read) -> None:
    for unit, rule in (
        ("kWh", TierRule()),
        ("kWh daily", TierRule("day")),
        ("kWh/kW", TierRule("kW", "flat_demand")),
    ):
        tiers = [[{"rate": 1, "max": 5, "unit": unit}, {"rate": 2, "unit": unit}]]
        assert charge(read({**ENERGY, **FLAT, "energyratestructure": tiers}), "energy").tiers == rule
    alone = read({**ENERGY, "energyratestructure": [[{"rate": 1, "max": 5, "unit": "kWh/kW"}, {"rate": 2}]]})
    assert charge(alone, "energy").tiers == TierRule("kW")
    kva = {
        **FLAT,
        "flatdemandunit": "kVA",
        "energyratestructure": [[{"rate": 1, "max": 5, "unit": "kWh/kVA"}, {"rate": 2}]],
    }
    assert charge(read({**ENERGY, **kva}), "energy").tiers == TierRule("kW", "flat_demand")


def test_a_unit_means_nothing_where_no_tier_ends(read) -> None:
    tariff = read({**ENERGY, "energyratestructure": [[{"rate": 1, "unit": "kWh/kW"}]]})
    assert charge(tariff, "energy").tiers == TierRule()


def test_demand_in_kva_is_measured_in_kva(read) -> None:
    assert charge(read({**FLAT, "flatdemandunit": "kVA"}), "flat_demand").quantity == DemandQuantity(unit="kVA")
    in_tier = {**DEMAND, "demandrateunit": "kW", "demandratestructure": [[{"rate": 5, "unit": "kVA"}]]}
    assert charge(read(in_tier), "demand").quantity == DemandQuantity(unit="kVA")


def test_a_look_back_of_months_is_a_ratchet_on_the_only_demand(read) -> None:
    """Records write 0.8 for 80 %."""
    tariff = read({**FLAT, "lookbackPercent": 0.8, "lookbackRange": 11})
    assert charge(tariff, "flat_demand").quantity.ratchets == (Ratchet(Decimal(80), 11),)
    assert tariff.refused == ()
    assert reason(tariff, "lookbackRange") == "part of lookbackpercent"


def test_fuel_adjustments_are_a_rider_per_kwh_by_month(read) -> None:
    tariff = read({**ENERGY, "fueladjustmentsmonthly": [0.01] * 6 + [-0.02] * 6})
    fuel = charge(tariff, "fuel")
    assert (fuel.kind, len(fuel.periods)) == ("per_kwh_rider", 12)
    july = calendar_month("2018-07")
    frame = load(july, lambda n: 1000 if n < 100 else 0, zone="UTC", window_min=60)
    assert amounts(bill(tariff, frame, july, zone="UTC"))["fuel", "month 7"] == Decimal("-2.00")
    (only,) = charge(read({**ENERGY, "fueladjustmentsmonthly": [0.01] * 12}), "fuel").periods
    assert only.tiers == (Tier(Decimal("0.01")),)


def test_export_as_metered_is_credited_at_the_sell_rate_of_the_hour(read) -> None:
    tariff = read(
        {**ENERGY, "dgrules": "Net Billing Instantaneous", "energyratestructure": [[{"rate": 1, "sell": 0.05}]]}
    )
    assert tariff.refused == ()
    export = charge(tariff, "export")
    assert (export.kind, export.periods[0].tiers) == ("export", (Tier(Decimal("0.05")),))
    assert [
        found.charge_id for found in read({**ENERGY, "dgrules": "Net Billing Instantaneous"}).versions[0].charges
    ] == ["energy"]


@pytest.mark.parametrize(
    "rule", [{"dgrules": "Net Metering"}, {"usenetmetering": True}, {"dgrules": "Buy All Sell All"}, {}]
)
def test_other_rules_for_export_make_a_bill_partial_only_where_energy_is_exported(rule, read) -> None:
    tariff = read({**ENERGY, **rule, "energyratestructure": [[{"rate": 0.1, "sell": 0.05}]]})
    assert verdicts(tariff)["energyratestructure"] == "used"
    assert verdicts(tariff)["energyratestructure.sell"] == ("refused" if rule else "ambiguous")
    july = calendar_month("2018-07")
    assert not bill(tariff, load(july, lambda _: 1), july).partial
    assert bill(tariff, load(july, lambda _: 1, export_wh=1), july).partial


def test_minimum_bills_are_over_every_other_charge(read) -> None:
    for change, per in (
        ({"minmonthlycharge": 50}, "month"),
        ({"mincharge": 50, "minchargeunits": "$/month", "minmonthlycharge": 50}, "month"),
        ({"mincharge": 50, "minchargeunits": "$/day"}, "day"),
    ):
        minimum = charge(read({**ENERGY, **FLAT, "fixedmonthlycharge": 3, **change}), "minimum")
        assert (minimum.kind, minimum.per, minimum.periods[0].tiers) == ("minimum", per, (Tier(Decimal(50)),))
        assert minimum.applies_to == ("fixed", "energy", "flat_demand")


def test_text_with_an_amount_is_refused_and_text_without_is_information(read) -> None:
    harmless = "For demand over 1,000 kW. Rates include the fuel adjustment."
    assert verdicts(read({**ENERGY, "description": harmless}))["description"] == "used"
    for text in ("A minimum of $25 applies", "5% discount above 13 kV", "2.5 cents per kWh", "10 percent surcharge"):
        tariff = read({**ENERGY, "demandcomments": text})
        assert verdicts(tariff)["demandcomments"] == "refused"
        assert text[:20] in reason(tariff, "demandcomments")


def test_dates_are_reported_and_not_enforced(read) -> None:
    tariff = read({**ENERGY, "startdate": 1433116800, "enddate": 1451520000.0})
    assert reason(tariff, "startdate") == "information: reported, not enforced: 2015-06-01"
    assert reason(tariff, "enddate") == "information: reported, not enforced: 2015-12-31"
    assert (tariff.versions[0].valid_from, tariff.versions[0].valid_to) == (None, None)


def test_every_field_of_the_schema_has_its_verdict(read) -> None:
    """Names as in the documentation of the service, with a value that a record may hold."""
    record = {
        **ENERGY,
        **DEMAND,
        **FLAT,
        **dict.fromkeys(INFORMATION | ELIGIBILITY, "x"),
        **dict.fromkeys(COMMENTS, "text"),
        **dict.fromkeys(DATES, 0),
        **{name: [] for name in FREE_TEXT},
    }
    units = {name: "kW" for name in FIELDS if name.endswith("unit")}
    found = verdicts(read({**dict.fromkeys(FIELDS - set(record), 0), **units, **record}))
    assert set(found) == FIELDS
    assert {name for name, word in found.items() if word != "used"} == set()


NOT_PRICED = {
    "unknown unit of energy": ({"energyratestructure": [[{"rate": 1, "unit": "kWh/hp"}]]}, "energyratestructure"),
    "tier ends in two units": (
        {
            "energyratestructure": [
                [{"rate": 1, "max": 5, "unit": "kWh/kW"}, {"rate": 1, "max": 9, "unit": "kWh"}, {"rate": 1}]
            ]
        },
        "energyratestructure",
    ),
    "kWh/kVA without a demand in kVA": (
        {**FLAT, "energyratestructure": [[{"rate": 1, "max": 5, "unit": "kWh/kVA"}, {"rate": 2, "unit": "kWh/kVA"}]]},
        "energyratestructure",
    ),
    "tiers fall": (
        {"energyratestructure": [[{"rate": 1, "max": 5}, {"rate": 1, "max": 4}, {"rate": 1}]]},
        "energyratestructure",
    ),
    "an endless tier in the middle": (
        {"energyratestructure": [[{"rate": 1}, {"rate": 1, "max": 4}]]},
        "energyratestructure",
    ),
    "unknown tier key": ({"energyratestructure": [[{"rate": 1, "minimum": 5}]]}, "energyratestructure"),
    "rate is text": ({"energyratestructure": [[{"rate": "1"}]]}, "energyratestructure"),
    "rate is endless": ({"energyratestructure": [[{"rate": 1e300}]]}, "energyratestructure"),
    "tier is no table": ({"energyratestructure": [[1]]}, "energyratestructure"),
    "period without tiers": ({"energyratestructure": [[]]}, "energyratestructure"),
    "fixed unit is a list": ({"fixedchargefirstmeter": 1, "fixedchargeunits": ["$/day"]}, "fixedchargefirstmeter"),
    "period missing": ({"energyweekdayschedule": [[1] * 24] * 12}, "energyratestructure"),
    "schedule too short": ({"energyweekdayschedule": [[0] * 24] * 11}, "energyratestructure"),
    "unknown unit of demand": ({**DEMAND, "demandrateunit": "kWh"}, "demandratestructure"),
    "demand in two units": (
        {**DEMAND, "demandratestructure": [[{"rate": 1, "unit": "kW", "max": 5}, {"rate": 1, "unit": "kVA"}]]},
        "demandratestructure",
    ),
    "minimum of a year": ({"mincharge": 1, "minchargeunits": "$/year"}, "mincharge"),
    "a year's minimum that may bind": ({"annualmincharge": 13, "minmonthlycharge": 1}, "annualmincharge"),
    "a year's minimum, credited": (
        {"annualmincharge": 12, "fixedmonthlycharge": 5, "fueladjustmentsmonthly": [-0.01] * 12},
        "annualmincharge",
    ),
    "demand that sells": ({**DEMAND, "demandratestructure": [[{"rate": 1, "sell": 1}]]}, "demandratestructure"),
    "eleven fuel adjustments": ({"fueladjustmentsmonthly": [0.01] * 11}, "fueladjustmentsmonthly"),
    "sell differs between tiers": (
        {
            "dgrules": "Net Billing Instantaneous",
            "energyratestructure": [[{"rate": 1, "max": 5, "sell": 1}, {"rate": 1}]],
        },
        "dgrules",
    ),
    "ratchets that differ": ({**FLAT, "demandratchetpercentage": [0.5] * 11 + [0.6]}, "demandratchetpercentage"),
    "a look-back of years": ({**FLAT, "lookbackPercent": 0.8, "lookbackRange": 99}, "lookbackpercent"),
    "a window of 7 minutes": ({**DEMAND, "demandwindow": 7}, "demandwindow"),
}


@pytest.mark.parametrize(("change", "field"), NOT_PRICED.values(), ids=NOT_PRICED)
def test_what_is_not_priced_is_refused_by_name(change, field, read) -> None:
    tariff = read({**ENERGY, **change})
    assert {name.lower(): word for name, word in verdicts(tariff).items()}[field] == "refused"
    assert [refusal.field for refusal in tariff.refused] == [field]


@pytest.mark.parametrize(
    "change",
    [
        {"minmonthlycharge": 0, "annualmincharge": 0.0, "dgrules": "", "usenetmetering": False},
        {"lookbackPercent": 0.0, "lookbackMonths": [1] * 12, "lookbackRange": 3},
        {"lookbackMonths": [0] * 12, "energyattrs": [{}], "description": None},
        {"energyratestructure": [[{"rate": 1, "sell": 0, "max": 1e38}]]},
        {**DEMAND, "demandratestructure": [[{"rate": 0}], [{"rate": 0, "adj": 0}]], "demandrateunit": "hp daily"},
        {"demandratchetpercentage": [0.35] * 12},
        {"annualmincharge": 60, "fixedmonthlycharge": 5},
        {"annualmincharge": 60, "minmonthlycharge": 5},
    ],
)
def test_what_has_no_effect_refuses_nothing(change, read) -> None:
    tariff = read({**ENERGY, **change})
    assert set(verdicts(tariff)) == {*ENERGY, *change}
    assert tariff.refused == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "file"),
        ("[]", "file"),
        ('{"name": "no rates"}', "file"),
        ('{"energyratestructure": NaN}', "file"),
        ('{"items": []}', "items"),
        ("[" * 100_000, "file"),
    ],
)
def test_a_file_that_is_no_record_is_refused_as_a_whole(text, place, tmp_path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(TariffError) as caught:
        load_tariff(tmp_path / "r.json", lambda _: [])
    assert (caught.value.file, caught.value.place) == ("r.json", place)


def test_a_record_as_the_service_answers_is_unwrapped(read) -> None:
    assert verdicts(read({"items": [ENERGY]})) == verdicts(read(ENERGY))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**13), 10**13)
    | st.sampled_from([0.5, -1e-300, 1e300, 1e38])
    | st.sampled_from(["", "kW", "kVA", "hp daily", "$/day", "$/year", "kWh/kW", "Net Metering", "5 %"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, min_size=12, max_size=12)
        | st.dictionaries(st.sampled_from(["rate", "adj", "max", "unit", "sell"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES, max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_a_field_holds_it_gets_a_verdict(change) -> None:
    """Never a traceback, and what is not priced is always a refusal."""
    record = {**ENERGY, **DEMAND, **FLAT, **change}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.json"
        path.write_text(json.dumps(record), encoding="utf-8")
        tariff = load_tariff(path, lambda _: [])
    found = verdicts(tariff)
    assert set(found) >= set(record)
    assert {refusal.field for refusal in tariff.refused} <= {field for field, word in found.items() if word != "used"}
    shared = {v.field for v in tariff.verdicts if v.reason.startswith(("part of", "the same charge as"))}
    open_fields = {field for field, word in found.items() if word != "used"} - shared - {"energyratestructure.sell"}
    exports = {"dgrules", "usenetmetering"}
    assert open_fields - exports <= {refusal.field for refusal in tariff.refused}


def test_line_ends_written_as_letters_are_spaces(read):
    assert "one two" in read({**ENERGY, "name": "N", "description": "one\\r\\n\\r\\ntwo"}).notes
