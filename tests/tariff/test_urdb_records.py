"""Every copied record of the Utility Rate Database is priced in full or refused by name, with and without answers."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.tariff import Tariff, load_tariff
from tests.tariff.bench import DATA, bill, load

RECORDS = {
    path.stem: path for path in (*DATA.glob("*.json"), *(DATA / "urdb").glob("*.json")) if path.stem != "bill_cases"
}
JULY = calendar_month("2018-07")

WITHOUT_ANSWERS = {
    "custom-4d1a7ca353": {},
    "custom-623778302c": {},
    "custom-81bc3ca8ca": {},
    "custom-aae3210c8b": {"dgrules": "refused", "energyratestructure": "ambiguous"},
    "custom-bf3d27019b": {"dgrules": "ambiguous"},
    "dixie-net-metering": {"energyratestructure": "ambiguous"},
    "entergy-arkansas-pst": {"usenetmetering": "refused"},
    "entergy-louisiana-lips-l": {
        "demandcomments": "refused",  # an amount in words
        "demandreactivepowercharge": "ambiguous",
        "flatdemandstructure": "ambiguous",  # its last tier ends
        "usenetmetering": "refused",
    },
    "fpl-rs1": {},
    "peco-gs-ht": {
        "coincidentratestructure": "ambiguous",
        "demandattrs": "refused",
        "energyratestructure.sell": "ambiguous",
    },
    "psco-residential-demand": {"dgrules": "refused"},
    "sce-gs2-tou-b": {"demandattrs": "refused", "energyattrs": "refused"},
    "seward-d28": {"energyratestructure": "refused"},  # its schedule names a second period, and there is one
    "south-central-lp1": {"description": "refused"},  # 'Minimum charge of $1000.00.'
    "wallingford-primary": {"demandratchetpercentage": "ambiguous", "demandreactivepowercharge": "ambiguous"},
}
ONLY_WITH_EXPORT = {"dgrules", "usenetmetering", "energyratestructure.sell"}
CHARGES = {
    "custom-4d1a7ca353": "energy demand",
    "custom-623778302c": "fixed energy demand",
    "custom-81bc3ca8ca": "fixed energy demand flat_demand",
    "custom-aae3210c8b": "fixed energy demand flat_demand minimum",
    "custom-bf3d27019b": "fixed energy demand flat_demand export",
    "dixie-net-metering": "fixed energy",
    "entergy-arkansas-pst": "fixed energy demand",
    "entergy-louisiana-lips-l": "fixed energy flat_demand reactive",
    "fpl-rs1": "fixed energy",
    "peco-gs-ht": "fixed energy flat_demand coincident export",
    "psco-residential-demand": "fixed energy flat_demand",
    "sce-gs2-tou-b": "fixed energy demand flat_demand",
    "seward-d28": "fixed",
    "south-central-lp1": "energy flat_demand minimum",
    "wallingford-primary": "fixed energy flat_demand reactive",
}
STILL_REFUSED = {"seward-d28": {"energyratestructure"}}
"""Records that no answer completes."""


def answered(name: str, folder: Path) -> Tariff:
    """The record with the answers made up for it."""
    path = folder / f"{name}.json"
    shutil.copyfile(RECORDS[name], path)
    answers = DATA / "answers" / f"{name}.answers.toml"
    if answers.exists():
        shutil.copyfile(answers, folder / answers.name)
    return load_tariff(path, lambda _: [])


def test_every_record_and_every_file_of_answers_is_in_the_tables() -> None:
    assert set(RECORDS) == set(WITHOUT_ANSWERS) == set(CHARGES)
    answers = {path.name.removesuffix(".answers.toml") for path in (DATA / "answers").iterdir()}
    assert answers == {name for name, refused in WITHOUT_ANSWERS.items() if refused} - set(STILL_REFUSED)


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_alone_is_priced_or_refused_by_name(name: str) -> None:
    tariff = load_tariff(RECORDS[name], lambda _: [])
    verdicts = {verdict.field: verdict for verdict in tariff.verdicts}
    assert {refusal.field: verdicts[refusal.field].verdict for refusal in tariff.refused} == WITHOUT_ANSWERS[name]
    assert {r.field for r in tariff.refused if r.only_with_export} == ONLY_WITH_EXPORT & set(WITHOUT_ANSWERS[name])
    stated = list(json.loads(RECORDS[name].read_text()))
    assert [verdict.field for verdict in tariff.verdicts][: len(stated)] == stated
    assert all(verdict.reason for verdict in tariff.verdicts)
    assert (tariff.currency, tariff.answers) == (None, ())


@pytest.mark.parametrize("name", RECORDS)
def test_answers_complete_a_record_and_are_quoted(name: str, tmp_path: Path) -> None:
    tariff = answered(name, tmp_path)
    assert {refusal.field for refusal in tariff.refused} == STILL_REFUSED.get(name, set())
    assert [charge.charge_id for charge in tariff.versions[0].charges] == CHARGES[name].split()
    said = " ".join(verdict.reason for verdict in tariff.verdicts)
    for answer in tariff.answers:
        assert f'answered {answer.question} = "{answer.answer}": {answer.reason}' in said


def test_a_question_about_text_does_not_hide_behind_a_price(tmp_path: Path) -> None:
    """South Central's 'Minimum charge of $1000.00' becomes a charge when it is said as fields."""
    minimum = answered("south-central-lp1", tmp_path).versions[0].charges[-1]
    assert (minimum.kind, minimum.per, minimum.periods[0].tiers[0].rate) == ("minimum", "month", 1000)
    assert minimum.applies_to == ("energy", "flat_demand")


@pytest.mark.parametrize("name", RECORDS)
def test_an_answered_record_prices_a_month(name: str, tmp_path: Path) -> None:
    """Every line of money is there; reactive demand asks for kVArh, which this load does not have."""
    frame = load(JULY, lambda n: 100_000 if n % 24 == 14 else 40_000, zone="UTC", window_min=60)
    if name == "entergy-arkansas-pst":  # its demand window is 15 minutes
        frame = load(JULY, lambda n: 25_000 if n % 96 == 56 else 10_000, zone="UTC", window_min=15)
    priced = bill(answered(name, tmp_path), frame.with_columns(pl.lit("actual").alias("scenario")), JULY, zone="UTC")
    unpriced = {refusal.field for refusal in priced.refused}
    assert unpriced == STILL_REFUSED.get(name, set()) | ({"reactive"} & set(CHARGES[name].split()))
    assert {line.charge_id for line in priced.lines} == set(CHARGES[name].split()) - unpriced
    assert priced.total == sum(line.amount for line in priced.lines)


def test_reactive_demand_is_billed_above_what_is_free(tmp_path: Path) -> None:
    """Wallingford, answered with 50 % free: 100 kW and 80 kVAr at the highest are 30 kVAr at 2.70, 81.00."""
    frame = load(JULY, lambda _: 100_000, zone="UTC", window_min=60).with_columns(
        reactive_varh=pl.when(pl.int_range(pl.len()) == 500).then(80_000).otherwise(20_000).cast(pl.Int64)
    )
    priced = bill(answered("wallingford-primary", tmp_path), frame, JULY, zone="UTC")
    assert not priced.partial
    (line,) = [line for line in priced.lines if line.charge_id == "reactive"]
    assert (line.quantity, line.unit, line.amount) == (30, "kVAr", Decimal("81.0"))


def test_a_ratchet_from_answers_carries_last_winters_peak(tmp_path: Path) -> None:
    """Wallingford bills 35 % of the last 11 months' highest: 35 % of February's 400 kW are 140, July's own are 100."""
    tariff = answered("wallingford-primary", tmp_path)
    frame = load(JULY, lambda _: 100_000, zone="UTC", window_min=60)
    past = {("actual", "flat_demand"): {"2018-02": Decimal(400), "2017-07": Decimal(900)}}
    (line,) = [line for line in bill(tariff, frame, JULY, zone="UTC", history=past).lines if line.kind == "demand"]
    assert (line.quantity, line.carried_from, line.amount) == (140, "2018-02", 140 * Decimal("11.5"))


def test_coincident_demand_is_that_of_the_answered_moments(tmp_path: Path) -> None:
    """PECO: 120 kW in the hour of the answered peak of 22 August 2017, 40 kW otherwise, at 0.79."""
    august = calendar_month("2017-08")
    moment = 21 * 24 + 16
    frame = load(august, lambda n: 120_000 if n == moment else 40_000, zone="UTC", window_min=60)
    priced = bill(answered("peco-gs-ht", tmp_path), frame, august, zone="UTC")
    (line,) = [line for line in priced.lines if line.charge_id == "coincident"]
    assert (line.quantity, line.amount) == (120, Decimal("94.80"))
    assert not priced.partial
