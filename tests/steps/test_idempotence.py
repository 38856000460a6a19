"""The same readings in any files, in any order, any number of times: the same warehouse content."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.warehouse import Warehouse
from tests.factories import METER_HEADER, portfolio_folder

NOW = datetime(2013, 8, 3, tzinfo=UTC)
START = datetime(2013, 7, 1, tzinfo=UTC)
CHARGER_HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
SPAN = 96
CONTENT = {
    "meter_interval": "select * exclude (load_id) from meter_interval order by all",
    "meter_interval_history": "select * from meter_interval_history order by all",
    "charger_reading": "select * exclude (load_id) from charger_reading order by all",
    "charger_reading_history": "select * from charger_reading_history order by all",
}
Content = dict[str, list[tuple[object, ...]]]


def meter_line(number: int, kwh: float | None = None) -> str:
    at = START + timedelta(minutes=30 * number)
    return f"main,{at:%Y-%m-%dT%H:%M:%SZ},1800,{number % 7 + 0.5 if kwh is None else kwh},0\n"


def charger_line(number: int) -> str:
    at = START + timedelta(minutes=30 * number)
    return f"CP1,{at:%Y-%m-%dT%H:%M:%SZ},{number * 100},{number * 10},,50,s{number // 48},LEAF1\n"


def text(kind: str, low: int, high: int) -> str:
    line, header = (meter_line, METER_HEADER) if kind == "meter" else (charger_line, CHARGER_HEADER)
    return header + "".join(line(number) for number in range(low, high))


@st.composite
def files(draw: st.DrawFn) -> list[tuple[str, str]]:
    """(name, text) that together hold all readings: cut anywhere, overlapping, copied under other names, shuffled."""
    found: list[tuple[str, str]] = []
    for kind in ("meter", "charger"):
        cuts = sorted({0, SPAN, *draw(st.lists(st.integers(1, SPAN - 1), max_size=4))})
        for low, high in pairwise(cuts):
            wider = draw(st.integers(0, 20))
            part = text(kind, max(0, low - wider), min(SPAN, high + wider))
            found += [(kind, part)] * draw(st.integers(1, 2))
        if draw(st.booleans()):
            found.append((kind, text(kind, 0, SPAN)))
    shuffled = draw(st.permutations(found))
    return [(f"{number}-{kind}.csv", part) for number, (kind, part) in enumerate(shuffled)]


def load(root: Path) -> list[FileOutcome]:
    with Warehouse(root) as warehouse:
        return ingest(load_portfolio(root), warehouse, Journal(root), now=NOW)


def content(root: Path) -> Content:
    with Warehouse(root) as warehouse:
        return {table: warehouse.query(sql).rows() for table, sql in CONTENT.items()}


def after(runs: Sequence[Sequence[tuple[str, str]]]) -> Iterator[Content]:
    """What a new warehouse holds after each run, every run with more files in landing/."""
    with tempfile.TemporaryDirectory() as folder:
        root = portfolio_folder(Path(folder) / "portfolio")
        for landed in runs:
            for name, part in landed:
                (root / "landing" / name).write_text(part, encoding="utf-8")
            load(root)
            yield content(root)


@settings(max_examples=4)
@given(files(), st.data())
def test_any_way_of_cutting_copying_and_ordering_gives_the_same(
    landed: list[tuple[str, str]], data: st.DataObject
) -> None:
    (whole,) = after([[("meter.csv", text("meter", 0, SPAN)), ("charger.csv", text("charger", 0, SPAN))]])
    assert len(whole["meter_interval"]) == len(whole["charger_reading"]) == SPAN
    first = data.draw(st.integers(0, len(landed)), label="files of the first run")
    *_, again, last = after([landed[:first], landed[first:], []])
    assert again == whole
    assert last == whole


@settings(max_examples=4)
@given(st.sets(st.integers(0, SPAN - 1), min_size=1, max_size=30))
def test_a_corrected_file_supersedes_exactly_what_it_contains(changed: set[int]) -> None:
    """Half a day or any other part: the rest stays, and the earlier values stay queryable."""
    correction = METER_HEADER + "".join(meter_line(number, 99.0) for number in sorted(changed))
    before, now = after([[("a.csv", text("meter", 0, SPAN))], [("b.csv", correction)]])
    stamps = {START + timedelta(minutes=30 * number) for number in changed}
    old = {row[2]: row[4] for row in before["meter_interval"]}
    new = {row[2]: row[4] for row in now["meter_interval"]}
    assert new == {at: 99_000 if at in stamps else wh for at, wh in old.items()}
    history = [(row[2], row[4], row[-1] > row[7]) for row in now["meter_interval_history"]]
    assert history == [(at, old[at], True) for at in sorted(stamps)]
