"""Hostile input over every registered format: the readers never raise and never drop anything in silence.

Hypothesis chooses a file of the corpus and mutations, and shrinks what it finds.
"""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.domain import RECORDS, REJECT
from pipeline.ingest import FORMATS, Records, read_file
from tests.ingest.mutations import CHOICES, MUTATIONS, SEEDS, Mutation, mutated


def assert_one_of_the_four(found: Records) -> None:
    """A reader's answer is whole: something loaded, refused with a reason, or noted; never nothing."""
    assert isinstance(found, Records)
    assert found.frames or found.local or found.rejects.height
    assert dict(found.rejects.schema) == dict(REJECT)
    if found.rejects.height:
        assert found.rejects.select(pl.col("position", "allowed").str.len_chars().min() > 0).row(0) == (True, True)
    for kind, frame in found.frames.items():
        assert dict(frame.schema) == dict(RECORDS[kind])
        assert frame.height or found.notes or found.rejects.height, "nothing is dropped in silence"
    if (meter := found.frames.get("meter")) is not None and meter.height:
        assert meter.select(pl.all().null_count().sum()).row(0) == (0,) * meter.width
        assert meter.select(pl.min_horizontal(pl.col("import_wh", "export_wh").min())).item() >= 0
        assert meter["interval_start"].dt.year().is_between(2000, 2100).all()
        assert meter.select("meter_id", "interval_start").is_unique().all()
    if (charger := found.frames.get("charger")) is not None:
        assert charger.select("charger_id", "measured_at", "context").null_count().row(0) == (0, 0, 0)
        assert charger.select("charger_id", "measured_at").is_unique().all()


def attack(path: Path, name: str, mutations: list[Mutation], seed: int) -> None:
    path.write_bytes(mutated(name, mutations, seed))
    assert_one_of_the_four(read_file(path, ("site", "CP1_2013-07")))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "file.any"


def test_every_format_has_a_seed():
    found = {entry.name for entry in FORMATS if any(entry.sniff(content[:65_536]) for content in SEEDS.values())}
    assert found == {entry.name for entry in FORMATS}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_of_every_kind_of_file(place, mutation):
    """One draw for each pair; Hypothesis looks deeper below."""
    for number, name in enumerate(sorted(SEEDS)):
        if number % 4 == MUTATIONS.index(mutation) % 4:
            attack(place, name, [mutation], number)


LAX = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=150, deadline=None, suppress_health_check=LAX)
@given(choice=CHOICES)
def test_mutated_files_end_as_one_of_the_four(place, choice):
    attack(place, *choice)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=LAX)
@given(choice=CHOICES)
def test_many_mutated_files_end_as_one_of_the_four(place, choice):
    attack(place, *choice)
