"""Files that contradict each other: the rule alone decides, at any time and after any rebuild."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import canonical_blocks
from pipeline.steps import reading
from tests.steps import renditions
from tests.steps.depot import File, Portfolio, Rows, portfolio
from tests.steps.renditions import DAY, Cells, Claim, Says, contradictions


def standing(files: Sequence[Sequence[Claim]]) -> set[Claim]:
    """What must stand after files in journal order, by the rule and nothing else: every pair of claims is looked at.

    A claim stands where no other that shares a moment with it has a higher rank: measured over estimated, then later.
    The same claim made again is the later one.
    """
    ranked = {claim: (not claim.estimated, number) for number, claims in enumerate(files) for claim in claims}
    return {
        claim
        for claim, rank in ranked.items()
        if not any(
            other.minute < claim.minute + claim.length and claim.minute < other.minute + other.length and above > rank
            for other, above in ranked.items()
        )
    }


CLAIM = (
    "date_diff('minute', ?::timestamptz, interval_start), duration_s // 60, import_wh, export_wh, quality <> 'measured'"
)


def claims_of(one: Portfolio, table: str, where: str = "true") -> set[Claim]:
    sql = f"select {CLAIM} from {table} where {where}"
    return {Claim(*row) for row in one.warehouse.query(sql, [renditions.START]).rows()}


def check_conflicts(files: list[Says], alone: list[bool]) -> None:
    """`alone`: whether a file ends a run, or is first seen together with the one after it."""
    with portfolio() as one:
        waiting: list[File] = []
        for number, file in enumerate(files):
            waiting.append((f"{number}.any", file.content))
            if number == len(files) - 1 or alone[number]:
                one.run(waiting)
                waiting = []
        journal_order = one.rows("select path, load_id from source_file order by load_id")
        claims = [files[int(str(path).partition(".")[0])].claims for path, _ in journal_order]
        assert claims_of(one, "meter_interval") == standing(claims)
        assert one.rows("select count(*) from meter_interval") == [(len(standing(claims)),)]
        every = claims_of(one, "meter_interval") | claims_of(one, "meter_interval_history")
        assert every == {claim for one_file in claims for claim in one_file}, "the earlier values stay queryable"
        for number, (_, load) in enumerate(journal_order, start=1):
            then = claims_of(one, "meter_interval", f"load_id <= {load}")
            then |= claims_of(one, "meter_interval_history", f"load_id <= {load} and superseded_by > {load}")
            assert then == standing(claims[:number]), f"as known after file {number}"
        before = one.everything()
        one.rebuild()
        assert one.everything() == before


CONFLICTS = {
    "files": st.lists(contradictions(), min_size=2, max_size=4),
    "alone": st.lists(st.booleans(), min_size=4, max_size=4),
}


@settings(max_examples=15)
@given(**CONFLICTS)
def test_of_contradicting_files_the_rule_alone_decides(files, alone):
    check_conflicts(files, alone)


@pytest.mark.soak
@settings(max_examples=1000)
@given(**CONFLICTS)
def test_of_many_contradicting_files_the_rule_alone_decides(files, alone):
    check_conflicts(files, alone)


def test_of_files_first_seen_together_the_one_made_later_wins():
    """NEM12 says when it was made; canonical CSV does not and gives way; between equals the name decides."""

    def made(when: str, value: int) -> bytes:
        return Says("nem12", 0, DAY, 30, value, estimated=False).content.replace(b"201307100000", when.encode())

    landed = [
        ("a.any", made("201307120000", 2000)),
        ("b.any", made("201307110000", 1000)),
        ("c.any", Says("csv", 0, DAY, 30, 3000, estimated=False).content),
    ]
    with portfolio() as one:
        one.run(landed)
        assert one.rows("select distinct import_wh from meter_interval") == [(2000,)]
        order = "select path from source_file order by load_id"
        assert one.rows(order) == [("c.any",), ("b.any",), ("a.any",)]
        one.rebuild()
        assert one.rows("select distinct import_wh from meter_interval") == [(2000,)]


# --- chargers: a later file goes before an earlier one, and what it leaves blank stays

SOME = st.one_of(st.none(), st.integers(1, 3))
CELLS: st.SearchStrategy[Cells] = st.tuples(
    *(SOME, SOME, SOME, SOME.map(lambda n: n and n * 10.5)),
    *(SOME.map(lambda n: n and f"s{n}"), SOME.map(lambda n: n and f"CAR{n}")),
)
READING = "energy_import_wh, energy_export_wh, power_w, soc_pct, session_id, vehicle_id"


def completed(files: Sequence[Mapping[int, Cells]]) -> dict[int, Cells]:
    """The last word on each cell of each moment [minutes]."""
    said: dict[int, Cells] = {}
    for file in files:
        for minute, cells in file.items():
            before = said.get(minute, (None,) * 6)
            said[minute] = tuple(new if new is not None else old for new, old in zip(cells, before, strict=True))
    return said


def readings_of(one: Portfolio, table: str, where: str) -> dict[int, Cells]:
    minute = "date_diff('minute', ?::timestamptz, measured_at)"
    found = one.warehouse.query(f"select {minute}, {READING} from {table} where {where}", [renditions.START]).rows()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1:] for row in found}


@settings(max_examples=8)
@given(files=st.lists(st.dictionaries(st.integers(0, 5), CELLS, min_size=1), min_size=2, max_size=4))
def test_of_contradicting_charger_files_the_last_word_on_each_cell_stands(files):
    with portfolio() as one:
        for number, file in enumerate(files):
            one.run([(f"{number}.any", renditions.charger_csv(sorted(file.items())))])
        for number, (load,) in enumerate(one.rows("select load_id from source_file order by load_id"), start=1):
            then = readings_of(one, "charger_reading", f"load_id <= {load}")
            then |= readings_of(one, "charger_reading_history", f"load_id <= {load} and superseded_by > {load}")
            assert then == completed(files[:number]), f"as known after file {number}"
        before = one.everything()
        one.rebuild()
        assert one.everything() == before


# --- one file in pieces


@st.composite
def large_files(draw: st.DrawFn) -> list[tuple[Says, str, bool]]:
    """Files of a meter: what each says, in which order, and whether its last line is torn."""
    order, torn = st.sampled_from(["by time", "against time", "two by two"]), st.booleans()
    return draw(st.lists(st.tuples(contradictions(), order, torn), min_size=1, max_size=3))


def large_csv(says: Says, order: str, *, torn: bool) -> bytes:
    claims = says.claims[::-1] if order == "against time" else says.claims
    if order == "two by two":
        claims = claims[::2] + claims[1::2]
    return (renditions.torn_csv if torn else renditions.meter_csv)(claims)


def loaded_in(block_bytes: int, files: Sequence[bytes]) -> tuple[dict[str, Rows], list[dict[str, object]]]:
    with pytest.MonkeyPatch.context() as patch, portfolio() as one:
        patch.setattr(canonical_blocks, "BLOCK_BYTES", block_bytes)
        patch.setattr(canonical_blocks, "LARGE_BYTES", 2 * block_bytes)
        patch.setattr(reading, "_SMALL_BYTES", 2 * block_bytes)
        told = one.run([(f"{number}.csv", content) for number, content in enumerate(files)])
        return one.everything(), [outcome.as_json() for outcome in told]


def check_pieces(files: list[tuple[Says, str, bool]], block_bytes: int) -> None:
    contents = [large_csv(says, order, torn=torn) for says, order, torn in files]
    assert loaded_in(block_bytes, contents) == loaded_in(1 << 20, contents)


PIECES = {"files": large_files(), "block_bytes": st.integers(60, 1500)}


@settings(max_examples=8)
@given(**PIECES)
def test_a_file_loads_in_pieces_as_it_does_whole(files, block_bytes):
    check_pieces(files, block_bytes)


@pytest.mark.soak
@settings(max_examples=500)
@given(**PIECES)
def test_many_files_load_in_pieces_as_they_do_whole(files, block_bytes):
    check_pieces(files, block_bytes)
