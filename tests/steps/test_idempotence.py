"""The same readings in any files, in any order, any number of times: the same warehouse content."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import canonical_blocks
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps import reading
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.warehouse import Warehouse
from tests.factories import lay_out_warehouse
from tests.steps import renditions
from tests.steps.renditions import METER_FORMS, OCPP_FORMS, Cells, Claim, depot

NOW = datetime(2013, 8, 3, tzinfo=UTC)
DAYS, HALF_HOURS, HOURS, SESSIONS = 2, 96, 48, 12
DAY = 1440
TABLES = (
    "source_file",
    "rejected_record",
    "meter_interval",
    "meter_interval_history",
    "charger_reading",
    "charger_reading_history",
    "session_record",
    "weather_hour",
)
File = tuple[str, bytes]
Part = tuple[str, str, int, int]
"""Kind, format, from, to: a file's content in short, as Hypothesis shows it."""
Rows = list[tuple[object, ...]]

# What must not depend on the files: everything but which of them brought it. A log cut inside a session names the car
# only in the part that has the start; the session's car is the session's, in whichever of its readings it stands.
MEANING = {
    "meter_interval": "select * exclude (load_id) from meter_interval order by all",
    "meter_interval_history": "select * from meter_interval_history order by all",
    "charger_reading": """
        select * exclude (load_id) replace (
            coalesce(vehicle_id, max(vehicle_id) over (partition by charger_id, session_id)) as vehicle_id
        ) from charger_reading order by all
    """,
    "session_record": "select * exclude (load_id) from session_record order by all",
    "weather_hour": "select * exclude (load_id) from weather_hour order by all",
    "rejected_record": "select * from rejected_record order by all",
}


class Portfolio:
    """A portfolio whose warehouse stays open between the runs of one example."""

    def __init__(self, root: Path, warehouse: Warehouse) -> None:
        self.root, self.warehouse = root, warehouse

    def run(self, landed: Sequence[File] = ()) -> list[FileOutcome]:
        for name, content in landed:
            (self.root / "landing" / name).write_bytes(content)
        return ingest(load_portfolio(self.root), self.warehouse, Journal(self.root), now=NOW)

    def rows(self, sql: str) -> Rows:
        return self.warehouse.query(sql).rows()

    def meaning(self) -> dict[str, Rows]:
        return {table: self.rows(sql) for table, sql in MEANING.items()}

    def everything(self) -> dict[str, Rows]:
        return {table: self.rows(f"select * from {table} order by all") for table in TABLES}

    def rebuild(self) -> None:
        """Make the warehouse anew from landing/, configuration and journal."""
        with self.warehouse.transaction() as connection:
            for table in TABLES:
                connection.execute(f"delete from {table}")
        self.run()


@contextmanager
def portfolio() -> Iterator[Portfolio]:
    with tempfile.TemporaryDirectory() as folder:
        root = depot(Path(folder) / "depot")
        lay_out_warehouse(root)
        with Warehouse(root) as warehouse:
            warehouse.connection.execute("set threads = 1")  # tiny tables: threads cost more than they save
            yield Portfolio(root, warehouse)


# --- consistent data


def meter_claims(low: int, high: int) -> list[Claim]:
    return [Claim(30 * n, 30, 1000 + 37 * n, n % 5) for n in range(low, high)]


def charger_rows(low: int, high: int) -> list[tuple[int, Cells]]:
    return [(30 * n, (100 * n, 10 * n, None, 50.5, f"s{n // 8}", "LEAF1")) for n in range(low, high)]


OCPP = renditions.ocpp_frames(SESSIONS)


def written(*parts: Part) -> bytes:
    """The content of a part of all that is known; of several, a zip."""
    if len(parts) != 1:
        return renditions.bundle([written(part) for part in parts])
    kind, form, low, high = parts[0]
    if kind == "meter":
        if form == "nem12":  # whole days only
            low, high = low // 48 * 48, -(-high // 48) * 48
        return METER_FORMS[form](meter_claims(low, high))
    if kind == "charger":
        return (renditions.charger_parquet if form == "parquet" else renditions.charger_csv)(charger_rows(low, high))
    if kind == "ocpp":
        return OCPP_FORMS[form](OCPP[low:high])
    if kind == "weather":
        return renditions.weather_csv(60 * n for n in range(low, high))
    return renditions.sessions_csv(range(low, high))


KINDS = {
    "meter": (HALF_HOURS, ("csv", "parquet", "espi", "nem12")),
    "charger": (HALF_HOURS, ("csv", "parquet")),
    "ocpp": (len(OCPP), tuple(OCPP_FORMS)),
    "weather": (HOURS, ("csv",)),
    "session": (SESSIONS, ("csv",)),
}


@st.composite
def parts(draw: st.DrawFn, kind: str) -> list[Part]:
    """Files that together hold all readings of a kind: cut anywhere, overlapping, each in some format."""
    size, forms = KINDS[kind]
    cuts = sorted({0, size, *draw(st.lists(st.integers(1, size - 1), max_size=2))})
    wider = draw(st.integers(0, size // 4))
    return [
        (kind, draw(st.sampled_from(forms)), max(0, low - wider), min(size, high + wider))
        for low, high in pairwise(cuts)
    ]


Landing = list[tuple[str, list[Part]]]


@st.composite
def landings(draw: st.DrawFn) -> tuple[Landing, Landing]:
    """Two runs of named files that together hold all readings of a kind or two; some twice, some merged into a zip."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2, unique=True))
    contents = [[part] for kind in kinds for part in draw(parts(kind))]
    if draw(st.booleans()):
        contents = [contents[0] + contents[-1], *contents[1:]]
    contents += draw(st.lists(st.sampled_from(contents), max_size=2))
    names = draw(st.permutations([f"{number}.any" for number in range(len(contents))]))
    named = list(zip(names, draw(st.permutations(contents)), strict=True))
    first = draw(st.integers(0, len(named)))
    return named[:first], named[first:]


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, Rows]]:
    """What a warehouse holds after all readings of one kind in one file, by kind."""
    found = {}
    for kind, (size, forms) in KINDS.items():
        with portfolio() as one:
            (outcome,) = one.run([(kind, written((kind, forms[0], 0, size)))])
            assert outcome.outcome == "loaded"
            found[kind] = one.meaning()
            assert sum(map(len, found[kind].values())) == (7 * SESSIONS if kind == "ocpp" else size)
    return found


def check_same(whole: dict[str, dict[str, Rows]], runs: tuple[Landing, Landing]) -> None:
    kinds = {part[0] for run in runs for _, content in run for part in content}
    with portfolio() as one:
        for run in runs:
            outcomes = one.run([(name, written(*content)) for name, content in run])
            assert {outcome.outcome for outcome in outcomes} <= {"loaded", "unchanged"}, outcomes
        for table, rows in one.meaning().items():
            assert rows == sorted(row for kind in kinds for row in whole[kind][table]), table
        before = one.everything()
        assert {outcome.outcome for outcome in one.run()} == {"unchanged"}
        assert one.everything() == before


@settings(max_examples=30)
@given(runs=landings())
def test_any_way_of_cutting_copying_and_ordering_gives_the_same(whole, runs):
    check_same(whole, runs)


@pytest.mark.soak
@settings(max_examples=1000)
@given(runs=landings())
def test_many_ways_of_cutting_copying_and_ordering_give_the_same(whole, runs):
    check_same(whole, runs)


# --- data that contradict each other


@dataclass(frozen=True)
class Says:
    """A file that says `value` of every interval of a part of the day [minutes]."""

    form: str
    low: int
    high: int
    length: int
    value: int
    estimated: bool

    @property
    def claims(self) -> list[Claim]:
        starts = range(self.low, self.high - self.length + 1, self.length)
        torn = starts[-1] if self.form == "torn" else None
        return [Claim(at, self.length, self.value, 0, self.estimated or at == torn) for at in starts]

    @property
    def content(self) -> bytes:
        return METER_FORMS[self.form](self.claims)


@st.composite
def contradictions(draw: st.DrawFn) -> Says:
    """A file about a day, whose parts may shift against those of others by a quarter of an hour."""
    form, length = draw(st.sampled_from(sorted(METER_FORMS))), draw(st.sampled_from([30, 15]))
    low, high = 0, DAY
    if form != "nem12":
        low = draw(st.integers(0, DAY // 15 - 2)) * 15
        high = min(DAY, low + draw(st.integers(1, 24)) * length)
    estimated = form in {"espi", "nem12"} and draw(st.booleans())
    return Says(form, low, high, length, draw(st.integers(1, 3)) * 1000, estimated)


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


@settings(max_examples=20)
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


@settings(max_examples=15)
@given(**PIECES)
def test_a_file_loads_in_pieces_as_it_does_whole(files, block_bytes):
    check_pieces(files, block_bytes)


@pytest.mark.soak
@settings(max_examples=500)
@given(**PIECES)
def test_many_files_load_in_pieces_as_they_do_whole(files, block_bytes):
    check_pieces(files, block_bytes)
