"""Records of the Utility Rate Database: what is used, what is refused by name, what is ambiguous."""

import json
from decimal import Decimal

import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import Mask, Tariff, Tier, demand_charges, load_tariff, resolve
from tests.tariff.bench import DATA, amounts, bill, load

RECORDS = sorted(path for path in DATA.glob("*.json") if path.name != "bill_cases.json")
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


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_field_of_a_real_record_has_a_verdict_and_every_refusal_is_one(path) -> None:
    tariff = load_tariff(path, lambda _: [])
    given = verdicts(tariff)
    assert list(given)[: len(json.loads(path.read_text()))] == list(json.loads(path.read_text()))
    assert all(verdict.reason for verdict in tariff.verdicts)
    assert {refusal.field for refusal in tariff.refused} <= {f for f, word in given.items() if word != "used"}
    assert tariff.currency is None


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


def test_kwh_per_kw_energy_is_refused_and_the_demand_still_priced() -> None:
    tariff = real("south-central-lp1.json")
    assert verdicts(tariff)["energyratestructure"] == "refused"
    assert "kWh/kW" in reason(tariff, "energyratestructure")
    assert verdicts(tariff)["energyweekdayschedule"] == "refused"
    assert [charge.charge_id for charge in tariff.versions[0].charges] == ["flat_demand"]
    july = calendar_month("2018-07")
    priced = bill(tariff, load(july, lambda _: 150_000, zone="UTC", window_min=60), july, zone="UTC")
    # summer: 100 kW at 16.3, the rest at 14.9
    assert [line.amount for line in priced.lines] == [Decimal("1630.0"), Decimal("745.0")]
    assert priced.partial


def test_wallingford_ratchet_and_reactive_power_are_refused_by_name() -> None:
    tariff = real("wallingford-primary.json")
    assert {refusal.field for refusal in tariff.refused} == {"demandratchetpercentage", "demandreactivepowercharge"}
    assert demand_charges(resolve(tariff, calendar_month("2018-01"))) == ("flat_demand",)


def test_export_rates_make_a_bill_partial_only_where_energy_is_exported(read) -> None:
    tariff = read({**ENERGY, "energyratestructure": [[{"rate": 0.1, "unit": "kWh", "sell": 0.05}]]})
    assert verdicts(tariff)["energyratestructure"] == "used"
    assert verdicts(tariff)["energyratestructure.sell"] == "refused"
    july = calendar_month("2018-07")
    assert not bill(tariff, load(july, lambda _: 1), july).partial
    assert bill(tariff, load(july, lambda _: 1, export_wh=1), july).partial


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
    tariff = read({**DEMAND, "demandwindow": 7})
    assert (tariff.demand_window_min, verdicts(tariff)["demandwindow"]) == (None, "refused")


NOT_PRICED = {
    "unit of energy": ({"energyratestructure": [[{"rate": 1, "unit": "kWh daily"}]]}, "energyratestructure", "refused"),
    "no rate": ({"energyratestructure": [[{"unit": "kWh"}]]}, "energyratestructure", "ambiguous"),
    "last tier ends": ({"energyratestructure": [[{"rate": 1, "max": 5}]]}, "energyratestructure", "ambiguous"),
    "tiers fall": (
        {"energyratestructure": [[{"rate": 1, "max": 5}, {"rate": 1, "max": 4}, {"rate": 1}]]},
        "energyratestructure",
        "refused",
    ),
    "unknown tier key": ({"energyratestructure": [[{"rate": 1, "minimum": 5}]]}, "energyratestructure", "refused"),
    "rate is text": ({"energyratestructure": [[{"rate": "1"}]]}, "energyratestructure", "refused"),
    "rate is endless": ({"energyratestructure": [[{"rate": 1e300}]]}, "energyratestructure", "refused"),
    "fixed unit is a list": (
        {"fixedchargefirstmeter": 1, "fixedchargeunits": ["$/day"]},
        "fixedchargefirstmeter",
        "refused",
    ),
    "period missing": ({"energyweekdayschedule": [[1] * 24] * 12}, "energyratestructure", "refused"),
    "schedule too short": ({"energyweekdayschedule": [[0] * 24] * 11}, "energyratestructure", "refused"),
    "demand unit column": ({**DEMAND, "demandrateunit": "kVA"}, "demandratestructure", "refused"),
    "demand unit in the tier": (
        {**DEMAND, "demandratestructure": [[{"rate": 1, "unit": "kW daily"}]]},
        "demandratestructure",
        "refused",
    ),
    "units of all demand": ({**DEMAND, "demandunits": "hp"}, "demandratestructure", "refused"),
    "flat demand without months": ({"flatdemandstructure": [[{"rate": 1}]]}, "flatdemandstructure", "ambiguous"),
    "flat demand in kVA": ({**FLAT, "flatdemandunit": "kVA"}, "flatdemandstructure", "refused"),
    "yearly fixed charge": (
        {"fixedchargefirstmeter": 1, "fixedchargeunits": "$/year"},
        "fixedchargefirstmeter",
        "refused",
    ),
    "fixed charge without unit": ({"fixedchargefirstmeter": 1}, "fixedchargefirstmeter", "ambiguous"),
    "two fixed charges": (
        {"fixedchargefirstmeter": 1, "fixedchargeunits": "$/month", "fixedmonthlycharge": 2},
        "fixedchargefirstmeter",
        "ambiguous",
    ),
    "minimum": ({"minmonthlycharge": 1}, "minmonthlycharge", "refused"),
    "reactive power": ({"demandreactivepowercharge": 0.4}, "demandreactivepowercharge", "refused"),
    "coincident": ({"coincidentratestructure": [[{"rate": 0.79}]]}, "coincidentratestructure", "refused"),
    "fuel adjustment": ({"fueladjustmentsmonthly": [0.01] * 12}, "fueladjustmentsmonthly", "refused"),
    "look-back": ({"lookbackPercent": 80, "lookbackRange": 11}, "lookbackRange", "refused"),
    "look-back said twice": (
        {"lookbackPercent": 80, "lookbackRange": 11, "lookbackMonths": [1] * 12},
        "lookbackMonths",
        "ambiguous",
    ),
    "unknown field": ({"surcharge": 3}, "surcharge", "refused"),
}


@pytest.mark.parametrize(("change", "field", "verdict"), NOT_PRICED.values(), ids=NOT_PRICED)
def test_what_is_not_priced_is_refused_by_name(change, field, verdict, read) -> None:
    tariff = read({**ENERGY, **change})
    assert verdicts(tariff)[field] == verdict
    assert field.lower() in {refusal.field.lower() for refusal in tariff.refused}


@pytest.mark.parametrize(
    "change",
    [
        {"minmonthlycharge": 0, "annualmincharge": 0.0, "dgrules": "", "usenetmetering": False},
        {"lookbackPercent": 0.0, "lookbackMonths": [1] * 12, "lookbackRange": 3},
        {"lookbackMonths": [0] * 12, "energyattrs": [{}], "description": None},
        {"energyratestructure": [[{"rate": 1, "sell": 0, "max": 1e38}]]},
    ],
)
def test_zeros_refuse_nothing(change, read) -> None:
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


def test_answers_beside_a_record_are_checked(read, tmp_path) -> None:
    (tmp_path / "r.answers.toml").write_text("# nothing to answer\n")
    assert read(ENERGY).refused == ()
    (tmp_path / "r.answers.toml").write_text("lookbackMonths = 1\n")
    with pytest.raises(TariffError, match=r"r\.answers\.toml: lookbackMonths"):
        read(ENERGY)


def test_line_ends_written_as_letters_are_spaces(read):
    assert "one two" in read({**ENERGY, "name": "N", "description": "one\\r\\n\\r\\ntwo"}).notes
