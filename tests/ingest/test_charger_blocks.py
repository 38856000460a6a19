"""A large charger CSV in blocks: together exactly what reading it whole gives."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.ingest import Records, canonical_blocks, read_file
from pipeline.ingest.batches import OutOfOrderError, read_batches

HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of two or three lines: every file is a large one."""
    monkeypatch.setattr(canonical_blocks, "BLOCK_BYTES", 110)
    monkeypatch.setattr(canonical_blocks, "LARGE_BYTES", 0)
    yield
    monkeypatch.undo()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "charger.csv"


def line(minute: int, session: str = "S1", *, charger: str = "CP1", wh: str | None = None) -> str:
    wh = str(100 * minute) if wh is None else wh
    return f"{charger},2013-07-01T{minute // 60:02}:{minute % 60:02}:00Z,{wh},,7000,50,{session},LEAF1\n"


def pieces(path: Path) -> tuple[list[Records], bool]:
    """All pieces, and whether the file had to be read at once."""
    try:
        return list(read_batches(path, [])), False
    except OutOfOrderError:
        return list(read_batches(path, [], by_time=True)), True


def agree(path: Path) -> bool:
    """Check the blocks against the whole file; returns whether it was read at once."""
    whole, (found, at_once) = read_file(path, []), pieces(path)
    frames = [records.frames["charger"] for records in found if "charger" in records.frames]
    assert bool(frames) == ("charger" in whole.frames)
    if frames:
        assert_frame_equal(pl.concat(frames).sort("charger_id", "measured_at"), whole.frames["charger"])
    order = ["position", "field", "value"]
    assert_frame_equal(pl.concat(r.rejects for r in found).sort(order), whole.rejects.sort(order))
    assert sorted(note for r in found for note in r.notes) == sorted(whole.notes)
    assert sum(records.share for records in found) <= 1
    return at_once


@st.composite
def charger_lines(draw: st.DrawFn) -> str:
    """One line, mostly sound: two chargers, three sessions that may touch, blanks and a wrong number."""
    charger = draw(st.sampled_from(["CP1", "CP1", "CP2"]))
    session, wh = draw(st.sampled_from(["S1", "S2", "S3", ""])), draw(st.sampled_from(["1000", "2000", "", "x"]))
    return line(draw(st.integers(0, 9)), session, charger=charger, wh=wh)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(charger_lines(), min_size=1, max_size=14), ordered=st.booleans())
def test_any_file_in_blocks_is_the_file(path: Path, lines: list[str], ordered: bool) -> None:
    path.write_text(HEADER + "".join(sorted(lines) if ordered else lines))
    agree(path)


def test_readings_in_order_come_as_they_are_read(path: Path) -> None:
    path.write_text(HEADER + "".join(line(minute, charger=f"CP{n}") for minute in range(12) for n in (1, 2)))
    assert not agree(path)
    assert len(pieces(path)[0]) > 8


@pytest.mark.parametrize("first", range(1, 6))
def test_sessions_that_touch_are_parted_as_in_the_whole_file(path: Path, first: int) -> None:
    """Wherever the blocks are cut: S2 begins in the instant S1 ends, and S0 in the instant S2 ends."""
    body = [line(n, "S1") for n in range(first + 1)] + [line(first, "S2"), line(first + 2, "S2"), line(first + 2, "S0")]
    path.write_text(HEADER + "".join([*body, line(first + 5, "S0")]))
    agree(path)
    found = pl.concat(records.frames["charger"] for records in pieces(path)[0] if records.frames)
    assert found["session_id"].to_list() == ["S1"] * (first + 1) + ["S2"] * 2 + ["S0"] * 2


def test_a_reading_far_below_that_completes_another_is_still_seen(path: Path) -> None:
    path.write_text(HEADER + line(0, wh="") + "".join(line(n) for n in range(1, 12)) + line(0, wh="7"))
    assert agree(path)


@pytest.mark.parametrize("text", ["charger_id,measured_at,power_w\nCP1,x,1\n", HEADER, HEADER + "\n\n"])
def test_what_has_no_reading_is_refused_alike(path: Path, text: str) -> None:
    path.write_text(text)
    agree(path)
