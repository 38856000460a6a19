"""A large meter CSV in blocks: together exactly what reading it whole gives."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.ingest import Records, canonical_blocks, read_file
from pipeline.ingest.batches import OutOfOrderError, read_batches
from tests.factories import METER_HEADER
from tests.ingest.test_plain_meter import meter_lines

PLACE = ["meter_id", "interval_start"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of two or three lines, spans of three rows: every file is a large one."""
    monkeypatch.setattr(canonical_blocks, "BLOCK_BYTES", 110)
    monkeypatch.setattr(canonical_blocks, "LARGE_BYTES", 0)
    monkeypatch.setattr(canonical_blocks, "_ROWS_A_SPAN", 3)
    yield
    monkeypatch.undo()


def batches(path: Path) -> tuple[list[Records], bool]:
    """All pieces, and whether the file had to be read by time."""
    try:
        return list(read_batches(path, [])), False
    except OutOfOrderError:
        return list(read_batches(path, [], by_time=True)), True


def merged(found: list[Records], part: str) -> pl.DataFrame | None:
    frames = [getattr(records, part)["meter"] for records in found if "meter" in getattr(records, part)]
    return pl.concat(frames).sort(PLACE) if frames else None


def agree(path: Path) -> bool:
    """Check every part of the blocks against the whole file; returns whether it was read by time."""
    whole, (found, by_time) = read_file(path, []), batches(path)
    for part in ("frames", "last_line"):
        expected, got = getattr(whole, part).get("meter"), merged(found, part)
        assert (expected is None) == (got is None), part
        if expected is not None and got is not None:
            assert_frame_equal(got, expected)
    order = ["position", "field", "value"]
    assert_frame_equal(pl.concat(r.rejects for r in found).sort(order), whole.rejects.sort(order))
    assert sorted(note for r in found for note in r.notes) == sorted(whole.notes)
    return by_time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "meter.csv"


def line(minute: int, kwh: str = "1", meter: str = "main") -> str:
    return f"{meter},2013-07-01T{minute // 60:02}:{minute % 60:02}:00Z,900,{kwh},0\n"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(meter_lines(), min_size=1, max_size=14),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.booleans(),
    st.booleans(),
)
def test_any_file_in_blocks_is_the_file(path: Path, lines: list[str], end: str, ended: bool, ordered: bool) -> None:
    body = sorted(lines) if ordered else lines
    path.write_bytes((METER_HEADER.strip() + end + end.join(body) + (end if ended else "")).encode())
    agree(path)


def test_parts_of_a_wh_are_carried_from_block_to_block(path: Path) -> None:
    """0.3 Wh twelve times is 3.6 Wh: rounded one by one it would be nothing."""
    path.write_text(METER_HEADER + "".join(line(15 * n, "0.0003") for n in range(12)))
    assert not agree(path)
    found = merged(batches(path)[0], "frames")
    assert found is not None
    assert found["import_wh"].sum() == 4
    assert len(batches(path)[0]) > 3


def test_meters_one_after_the_other_and_side_by_side(path: Path) -> None:
    one, other = [[line(15 * n, "0.0007", meter) for n in range(9)] for meter in ("roof", "main")]
    path.write_text(METER_HEADER + "".join(one + other))
    assert not agree(path)
    path.write_text(METER_HEADER + "".join(pair for both in zip(one, other, strict=True) for pair in both))
    assert not agree(path)


def test_a_file_that_runs_against_time_is_read_by_time(path: Path) -> None:
    path.write_text(METER_HEADER + "".join(line(15 * n, "0.0003") for n in reversed(range(30))))
    assert agree(path)


def test_a_repeated_line_far_below_is_still_seen(path: Path) -> None:
    path.write_text(METER_HEADER + "".join(line(15 * n) for n in range(12)) + line(0) + line(15, "7"))
    assert agree(path)
    found, _ = batches(path)
    assert [note for records in found for note in records.notes] == ["1 repeated lines counted once"]
    (refused,) = pl.concat(records.rejects for records in found).iter_rows(named=True)
    assert (refused["position"], refused["raw"]) == ("line 3", line(15).strip())


def test_a_line_without_end_costs_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical_blocks, "_LONGEST_LINE", 1000)
    monkeypatch.setattr(canonical_blocks, "_KEPT_OF_LONGER", 50)
    path.write_text(METER_HEADER + line(0) + line(15).strip() + "0" * 5000 + "\n" + line(30))
    found, _ = batches(path)
    frame = merged(found, "frames")
    assert frame is not None
    assert frame["interval_start"].dt.minute().to_list() == [0, 30]
    (refused,) = pl.concat(records.rejects for records in found).iter_rows(named=True)
    assert refused["position"] == "line 3"
    assert len(refused["raw"]) <= 1000 + 110


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", range(180, 300))
def test_a_line_without_end_ends_with_its_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, end: str, size: int
) -> None:
    """Wherever the blocks are cut: the line after it is read, and has its number."""
    monkeypatch.setattr(canonical_blocks, "_LONGEST_LINE", 60)
    monkeypatch.setattr(canonical_blocks, "_KEPT_OF_LONGER", 20)
    rows = [METER_HEADER.strip(), line(0).strip(), "x" * size, line(30).strip(), line(45, "bad").strip()]
    path.write_bytes("".join(row + end for row in rows).encode())
    found, _ = batches(path)
    frame = merged(found, "frames")
    assert frame is not None
    assert frame["interval_start"].dt.minute().to_list() == [0, 30]
    rejects = pl.concat(records.rejects for records in found)
    assert rejects["position"].to_list() == ["line 3", "line 5"]


@pytest.mark.parametrize("text", ["", "meter_id,interval_start,duration_s\nmain,x,1\n", METER_HEADER])
def test_what_has_no_reading_is_refused_alike(path: Path, text: str) -> None:
    path.write_text(text)
    agree(path)
