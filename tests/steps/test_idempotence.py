"""The same readings in any files, in any order, any number of times: the same warehouse content."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps import renditions
from tests.steps.depot import Rows, portfolio
from tests.steps.renditions import METER_FORMS, OCPP_FORMS, Cells, Claim

HALF_HOURS, HOURS, SESSIONS = 96, 48, 12
Part = tuple[str, str, int, int]
"""Kind, format, from, to: a file's content in short, as Hypothesis shows it."""


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


@settings(max_examples=20)
@given(runs=landings())
def test_any_way_of_cutting_copying_and_ordering_gives_the_same(whole, runs):
    check_same(whole, runs)


@pytest.mark.soak
@settings(max_examples=1000)
@given(runs=landings())
def test_many_ways_of_cutting_copying_and_ordering_give_the_same(whole, runs):
    check_same(whole, runs)
