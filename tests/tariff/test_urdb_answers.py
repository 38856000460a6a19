"""What a record leaves open is asked about, answered in a file beside it, and quoted; nothing else gets in."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import Answer, Charge, DemandQuantity, Ratchet, Tariff, Tier, TierRule, load_tariff, resolve
from pipeline.tariff.urdb_answers import QUESTIONS
from pipeline.tariff.urdb_fields import FIELDS, INFORMATION
from tests.tariff.bench import JULY, bill, load
from tests.tariff.test_urdb import DEMAND, ENERGY, FLAT

ROOT = Path(__file__).resolve().parents[2]
TWO_PERIODS = {
    "demandratestructure": [[{"rate": 5}], [{"rate": 9}]],
    "demandweekdayschedule": [[0] * 12 + [1] * 12] * 12,
    "demandweekendschedule": [[0] * 24] * 12,
}
BECAUSE = 'because = "sheet 2"\n'


@pytest.fixture
def read(tmp_path):
    def _read(record, answers: str = "") -> Tariff:
        (tmp_path / "r.json").write_text(json.dumps(record), encoding="utf-8")
        (tmp_path / "r.answers.toml").write_text(answers, encoding="utf-8")
        return load_tariff(tmp_path / "r.json", lambda _: [])

    return _read


def open_fields(tariff: Tariff) -> dict[str, str]:
    return {v.field: v.reason for v in tariff.verdicts if v.verdict != "used" and not v.reason.startswith("part of")}


def charges(tariff: Tariff) -> dict[str, Charge]:
    return {charge.charge_id: charge for charge in tariff.versions[0].charges}


FEBRUARY = [0, 1] + [0] * 10
LOOK_BACK = {**FLAT, "lookbackPercent": 0.5}
COINCIDENT = {"coincidentratestructure": [[{"rate": 3}]], "coincidentrateschedule": [[0] * 24] * 12}

# record, the open field, the answers, the charge they decide, what that charge then says
QUANTITY = {
    "named months or a range: the months": (
        {**LOOK_BACK, "lookbackMonths": FEBRUARY, "lookbackRange": 3},
        "lookbackPercent",
        '[lookback]\nanswer = "months"\nlook_back_months = 12\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(50), 12, (2,)),)),
    ),
    "named months or a range: the range": (
        {**LOOK_BACK, "lookbackMonths": FEBRUARY, "lookbackRange": 3},
        "lookbackPercent",
        '[lookback]\nanswer = "range"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(50), 3),)),
    ),
    "named months or a range: both": (
        {**LOOK_BACK, "lookbackMonths": FEBRUARY, "lookbackRange": 3},
        "lookbackPercent",
        '[lookback]\nanswer = "both"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(50), 3, (2,)),)),
    ),
    "named months alone": (
        {**LOOK_BACK, "lookbackMonths": FEBRUARY},
        "lookbackPercent",
        '[lookbackMonths]\nanswer = "peaks-of"\nlook_back_months = 11\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(50), 11, (2,)),)),
    ),
    "80 as 80 %": (
        {**FLAT, "lookbackPercent": 80, "lookbackRange": 2},
        "lookbackPercent",
        '[lookbackPercent]\nanswer = "percent"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(80), 2),)),
    ),
    "1.1 as 110 %": (
        {**FLAT, "lookbackPercent": 1.1, "lookbackRange": 2},
        "lookbackPercent",
        '[lookbackPercent]\nanswer = "fraction"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(110), 2),)),
    ),
    "how far a ratchet looks": (
        {**FLAT, "demandratchetpercentage": [0.35] * 12},
        "demandratchetpercentage",
        '[demandratchetpercentage]\nanswer = "last-months"\nlook_back_months = 11\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(ratchets=(Ratchet(Decimal(35), 11),)),
    ),
    "a ratchet on every period": (
        {**FLAT, **TWO_PERIODS, "lookbackPercent": 0.5, "lookbackRange": 3},
        "lookbackPercent",
        '[ratchet_on]\nanswer = "each-period"\n' + BECAUSE,
        "demand.1",
        DemandQuantity(ratchets=(Ratchet(Decimal(50), 3),)),
    ),
    "a ratchet on demand at all hours": (
        {**FLAT, **TWO_PERIODS, "lookbackPercent": 0.5, "lookbackRange": 3},
        "lookbackPercent",
        '[ratchet_on]\nanswer = "flat_demand"\n' + BECAUSE,
        "demand",
        DemandQuantity(),
    ),
    "every day's demand": (
        {**FLAT, "flatdemandunit": "kW daily"},
        "flatdemandstructure",
        '[flatdemandunit.daily]\nanswer = "sum-of-days"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(statistic="sum_of_days"),
    ),
    "the unit nobody states": (
        {**FLAT, "demandunits": "kVA"},
        "flatdemandstructure",
        '[flatdemandunit]\nanswer = "kVA"\n' + BECAUSE,
        "flat_demand",
        DemandQuantity(unit="kVA"),
    ),
    "reactive demand": (
        {**ENERGY, "demandreactivepowercharge": 0.4},
        "demandreactivepowercharge",
        '[demandreactivepowercharge]\nanswer = "highest-kvar"\nfree_pct = 25\n' + BECAUSE,
        "reactive",
        DemandQuantity(unit="kVAr"),
    ),
    "coincident demand as one's own": (
        {**ENERGY, **COINCIDENT},
        "coincidentratestructure",
        '[coincidentratestructure]\nanswer = "own-peak"\n' + BECAUSE,
        "coincident",
        DemandQuantity(),
    ),
}


@pytest.mark.parametrize(("record", "field", "answers", "charge_id", "quantity"), QUANTITY.values(), ids=QUANTITY)
def test_an_answer_decides_what_demand_is_billed(record, field, answers, charge_id, quantity, read) -> None:
    alone = read(record)
    assert set(open_fields(alone)) == {field}
    assert "r.answers.toml may answer" in open_fields(alone)[field]
    tariff = read(record, answers)
    assert open_fields(tariff) == {}
    assert charges(tariff)[charge_id].quantity == quantity
    assert "sheet 2" in next(verdict.reason for verdict in tariff.verdicts if verdict.field == field)


def test_without_an_answer_demand_is_billed_on_the_bills_own_peak(read) -> None:
    tariff = read({**LOOK_BACK, "lookbackMonths": FEBRUARY})
    assert charges(tariff)["flat_demand"].quantity == DemandQuantity()
    assert [refusal.field for refusal in tariff.refused] == ["lookbackpercent"]


def test_horsepower_becomes_kilowatts(read) -> None:
    """One horsepower of electric motors is 746 W: 373 per hp is 500 per kW, and 10 hp are 7.46 kW."""
    record = {**FLAT, "flatdemandunit": "hp", "flatdemandstructure": [[{"rate": 373, "max": 10}, {"rate": 0.746}]] * 2}
    assert set(open_fields(read(record))) == {"flatdemandstructure"}
    tariff = read(record, '[flatdemandunit.hp]\nanswer = "measured"\n' + BECAUSE)
    assert charges(tariff)["flat_demand"].periods[0].tiers == (
        Tier(Decimal(500), None, Decimal("7.460")),
        Tier(Decimal(1)),
    )


def test_tiers_of_several_periods_are_the_periods_own_or_pooled(read) -> None:
    """Pooled tiers are cut at the ends of all periods: the same prices, filled together."""
    record = {
        **ENERGY,
        "energyratestructure": [[{"rate": 1, "max": 100}, {"rate": 2}], [{"rate": 3, "max": 50}, {"rate": 4}]],
        "energyweekdayschedule": [[0] * 12 + [1] * 12] * 12,
    }
    assert set(open_fields(read(record))) == {"energyratestructure"}
    own = charges(read(record, '[energyratestructure.tier_scope]\nanswer = "period"\n' + BECAUSE))["energy"]
    assert (own.tiers, [len(period.tiers) for period in own.periods]) == (TierRule(), [2, 2])
    pooled = charges(read(record, '[energyratestructure.tier_scope]\nanswer = "pooled"\n' + BECAUSE))["energy"]
    assert pooled.tiers == TierRule(scope="pooled")
    assert [[(tier.up_to, tier.rate) for tier in period.tiers] for period in pooled.periods] == [
        [(50, 1), (100, 1), (None, 2)],
        [(50, 3), (100, 4), (None, 4)],
    ]


def test_seasonal_tiers_leave_nothing_open(read) -> None:
    seasons = [[0] * 24] * 6 + [[1] * 24] * 6
    tiers = [[{"rate": 1, "max": 100}, {"rate": 2}], [{"rate": 3}]]
    record = {"energyratestructure": tiers, "energyweekdayschedule": seasons, "energyweekendschedule": seasons}
    assert open_fields(read(record)) == {}


def test_hours_use_counts_billed_or_measured_demand_where_a_ratchet_parts_them(read) -> None:
    record = {
        **ENERGY,
        **FLAT,
        "energyratestructure": [[{"rate": 2, "max": 300, "unit": "kWh/kW"}, {"rate": 1, "unit": "kWh/kW"}]],
        "lookbackPercent": 0.5,
        "lookbackRange": 3,
    }
    assert set(open_fields(read(record))) == {"energyratestructure"}
    for answer, of in (("billed", "flat_demand"), ("measured", "")):
        tariff = read(record, f'[energyratestructure.hours_use]\nanswer = "{answer}"\n' + BECAUSE)
        assert charges(tariff)["energy"].tiers == TierRule("kW", of)


MONEY = {
    "a tier without a rate": (
        {**ENERGY, "energyratestructure": [[{"unit": "kWh"}]]},
        '[energyratestructure.no_rate]\nanswer = "zero"\n',
        "energy",
        (Tier(Decimal(0)),),
    ),
    "a last tier that ends": (
        {**ENERGY, "energyratestructure": [[{"rate": 1, "max": 5}]]},
        '[energyratestructure.above]\nanswer = "last-rate"\n',
        "energy",
        (Tier(Decimal(1)),),
    ),
    "two fixed charges: the older": (
        {**ENERGY, "fixedchargefirstmeter": 1, "fixedchargeunits": "$/month", "fixedmonthlycharge": 2},
        '[fixedchargefirstmeter]\nanswer = "fixedmonthlycharge"\n',
        "fixed",
        (Tier(Decimal(2)),),
    ),
    "two fixed charges: the newer": (
        {**ENERGY, "fixedchargefirstmeter": 1, "fixedchargeunits": "$/month", "fixedmonthlycharge": 2},
        '[fixedchargefirstmeter]\nanswer = "fixedchargefirstmeter"\n',
        "fixed",
        (Tier(Decimal(1)),),
    ),
    "a fixed charge without a unit": (
        {**ENERGY, "fixedchargefirstmeter": 3},
        '[fixedchargeunits]\nanswer = "$/month"\n',
        "fixed",
        (Tier(Decimal(3)),),
    ),
    "a fixed charge for a year": (
        {**ENERGY, "fixedchargefirstmeter": 36, "fixedchargeunits": "$/year"},
        '[fixedchargeunits.year]\nanswer = "twelfth"\n',
        "fixed",
        (Tier(Decimal(3)),),
    ),
    "further meters": (
        {**ENERGY, "fixedchargeeaaddl": 4, "fixedchargeunits": "$/month"},
        '[fixedchargeeaaddl]\nanswer = "meters"\nmeters = 2\n',
        "fixed_further",
        (Tier(Decimal(8)),),
    ),
    "two minimum bills": (
        {**ENERGY, "mincharge": 4, "minchargeunits": "$/month", "minmonthlycharge": 5},
        '[mincharge]\nanswer = "minmonthlycharge"\n',
        "minimum",
        (Tier(Decimal(5)),),
    ),
    "a minimum without a unit": (
        {**ENERGY, "mincharge": 4},
        '[minchargeunits]\nanswer = "$/month"\n',
        "minimum",
        (Tier(Decimal(4)),),
    ),
    "export under a rule that is no price": (
        {**ENERGY, "dgrules": "Net Metering", "energyratestructure": [[{"rate": 1, "sell": 0.25}]]},
        '[dgrules]\nanswer = "as-metered"\n',
        "export",
        (Tier(Decimal("0.25")),),
    ),
}


@pytest.mark.parametrize(("record", "answers", "charge_id", "tiers"), MONEY.values(), ids=MONEY)
def test_an_answer_decides_a_rate(record, answers, charge_id, tiers, read) -> None:
    alone = read(record)
    assert open_fields(alone)
    assert charge_id not in charges(alone)
    tariff = read(record, answers + BECAUSE)
    assert open_fields(tariff) == {}
    assert charges(tariff)[charge_id].periods[0].tiers == tiers


def test_answers_go_with_the_bill(read) -> None:
    tariff = read(
        {**ENERGY, "demandattrs": [{"Discount": "$-0.18/kW"}]}, '[demandattrs]\nanswer = "does-not-apply"\n' + BECAUSE
    )
    assert resolve(tariff, JULY).answers == (Answer("demandattrs", "does-not-apply", "sheet 2"),)
    assert resolve(tariff, JULY).refused == ()


def test_an_unknown_field_can_be_set_aside(read) -> None:
    assert [refusal.field for refusal in read({**ENERGY, "surcharge": 3}).refused] == ["surcharge"]
    assert read({**ENERGY, "surcharge": 3}, '[surcharge]\nanswer = "does-not-apply"\n' + BECAUSE).refused == ()


def test_text_said_as_fields_is_priced(read) -> None:
    record = {**ENERGY, **FLAT, "description": "Minimum charge of $25."}
    tariff = read(record, '[description]\nanswer = "as-fields"\nfields = { minmonthlycharge = 25.50 }\n' + BECAUSE)
    assert charges(tariff)["minimum"].periods[0].tiers == (Tier(Decimal("25.50")),)
    assert tariff.refused == ()


REFUSED = {
    "no table": ("lookback = 1", "lookback"),
    "nobody asked": ('[lookback]\nanswer = "range"\n' + BECAUSE, "lookback"),
    "no such question": ('[lookforward]\nanswer = "range"\n' + BECAUSE, "lookforward"),
    "no such answer": ('[description]\nanswer = "perhaps"\n' + BECAUSE, "description.answer"),
    "no reason": ('[description]\nanswer = "does-not-apply"\n', "description.because"),
    "an empty reason": ('[description]\nanswer = "does-not-apply"\nbecause = " "\n', "description.because"),
    "no answer": ("[description]\n" + BECAUSE, "description.answer"),
    "an unknown key": ('[description]\nanswer = "does-not-apply"\nwhy = 1\n' + BECAUSE, "description.why"),
    "a key of another answer": (
        '[description]\nanswer = "does-not-apply"\nmeters = 1\n' + BECAUSE,
        "description.meters",
    ),
    "a key missing": ('[description]\nanswer = "as-fields"\n' + BECAUSE, "description.fields"),
    "a key of another kind": (
        '[description]\nanswer = "as-fields"\nfields = 3\n' + BECAUSE,
        "description.fields",
    ),
    "a field that is stated": (
        '[description]\nanswer = "as-fields"\nfields = { energyratestructure = [[{ rate = 1 }]] }\n' + BECAUSE,
        "description.fields.energyratestructure",
    ),
    "a field of no schema": (
        '[description]\nanswer = "as-fields"\nfields = { surcharge = 1 }\n' + BECAUSE,
        "description.fields.surcharge",
    ),
    "months beyond three years": (
        '[lookbackmonths]\nanswer = "peaks-of"\nlook_back_months = 37\n' + BECAUSE,
        "lookbackmonths.look_back_months",
    ),
    "a moment with a zone": (
        '[coincidentratestructure]\nanswer = "events"\nevents = [2018-07-12T16:00:00Z]\n' + BECAUSE,
        "coincidentratestructure.events",
    ),
    "a free share over the whole": (
        '[demandreactivepowercharge]\nanswer = "highest-kvar"\nfree_pct = 101\n' + BECAUSE,
        "demandreactivepowercharge.free_pct",
    ),
}


@pytest.mark.parametrize(("answers", "place"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_of_answers_is_refused_as_a_whole(answers, place, read) -> None:
    """The record asks about its description only."""
    record = {**ENERGY, **DEMAND, "description": "5 % discount"}
    described = '[description]\nanswer = "does-not-apply"\n' + BECAUSE
    read(record, described)
    given = answers if "[description]" in answers else f"{answers}\n{described}"
    with pytest.raises(TariffError) as caught:
        read(record, given)
    assert (caught.value.file, caught.value.place) == ("r.answers.toml", place)


def test_an_answer_to_a_later_question_waits_while_an_earlier_one_is_open(read) -> None:
    """Which demand the ratchet is on is asked once it is known how far it looks back."""
    record = {**FLAT, **TWO_PERIODS, "demandratchetpercentage": [0.5] * 12}
    assert read(record, '[ratchet_on]\nanswer = "both"\n' + BECAUSE).refused


@pytest.mark.parametrize("field", sorted(FIELDS - INFORMATION))
def test_what_is_done_with_every_field_is_documented(field: str) -> None:
    assert f"`{field}`" in (ROOT / "docs" / "tariffs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_and_every_answer_is_documented(question: str) -> None:
    text = (ROOT / "docs" / "tariffs.md").read_text(encoding="utf-8")
    for word in (question, *QUESTIONS[question]):
        assert f"`{word}`" in text


def test_of_several_system_peaks_in_a_bill_the_highest_demand_counts(read) -> None:
    """60 kW at one, 90 kW at the other, 200 kW at a moment that was none, at 3 per kW."""
    events = '[coincidentratestructure]\nanswer = "events"\nevents = [2013-07-02T16:00:00, 2013-07-09T16:00:00]\n'
    tariff = read({**ENERGY, **COINCIDENT}, events + "known_until = 2013-12-31\n" + BECAUSE)
    kw = {24 + 16: 60, 8 * 24 + 16: 90, 300: 200}
    frame = load(JULY, lambda n: kw.get(n, 10) * 1000, window_min=60)
    priced = bill(tariff, frame)
    (line,) = [line for line in priced.lines if line.kind == "coincident"]
    assert (line.quantity, line.amount, priced.refused) == (90, 270, ())
    later = bill(tariff, load(calendar_month("2014-01"), lambda _: 1000, window_min=60), calendar_month("2014-01"))
    assert [refusal.field for refusal in later.refused] == ["coincident"]  # after the moments are known
