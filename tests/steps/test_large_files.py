"""A file too large for memory is loaded in pieces: the same warehouse as in one, in bounded memory, whole or not."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.ingest import canonical_blocks, parquet
from pipeline.ingest.records import Records, empty_rejects
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps import reading
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.steps.progress import listening
from pipeline.warehouse import FileLoad, Warehouse
from tests.factories import METER_HEADER, portfolio_folder
from tests.steps import renditions

START = datetime(2013, 7, 1, tzinfo=UTC)
TABLES = ("meter_interval", "meter_interval_history", "rejected_record", "source_file")
ROWS = 200
UNREAD = "a file that can be read"
Load = Callable[[Path], list[FileOutcome]]


@pytest.fixture(params=["whole", "in pieces"])
def load(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Ingest a portfolio; in pieces, one file is dozens of them."""
    if request.param == "in pieces":
        monkeypatch.setattr(canonical_blocks, "BLOCK_BYTES", 400)
        monkeypatch.setattr(canonical_blocks, "LARGE_BYTES", 0)
        monkeypatch.setattr(canonical_blocks, "_ROWS_A_SPAN", 30)
        monkeypatch.setattr(reading, "_SMALL_BYTES", 0)

    def loaded(root: Path) -> list[FileOutcome]:
        with Warehouse(root) as warehouse:
            return ingest(load_portfolio(root), warehouse, Journal(root), now=START)

    return loaded


def lines(changed: range = range(0), name: Callable[[int], str] = lambda _: "main") -> list[str]:
    """Half hours of one meter in order of time; those of `changed` say one kWh more."""
    return [
        f"{name(n)},{START + timedelta(minutes=30 * n):%Y-%m-%dT%H:%M:%SZ},1800,{n % 7 + (n in changed)}.5,0\n"
        for n in range(ROWS)
    ]


def land(root: Path, name: str, text: list[str]) -> None:
    (root / "landing" / name).write_text(METER_HEADER + "".join(text), encoding="utf-8")


def content(root: Path) -> dict[str, list[tuple[object, ...]]]:
    with Warehouse(root) as warehouse:
        return {table: warehouse.query(f"select * from {table} order by all").rows() for table in TABLES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return portfolio_folder(tmp_path / "portfolio")


@pytest.mark.parametrize("backwards", [False, True])
def test_progress_tells_how_much_of_the_file_is_loaded(root: Path, load: Load, backwards: bool) -> None:
    land(root, "1.csv", lines()[:: -1 if backwards else 1])
    told: list[tuple[int, int | None]] = []
    with listening(lambda _step, done, total, _what: told.append((done, total))):
        load(root)
    if canonical_blocks.LARGE_BYTES == 0:
        assert len(told) > 10
        rising = [done for done, _ in told[told.index(min(told)) :]]  # by time, a second reading begins anew
        assert rising == sorted(rising)
        assert {total for _, total in told} == {100}
        assert told[-1][0] in {99, 100}  # the header is read, not loaded
    else:
        assert told == []


@pytest.mark.parametrize("backwards", [False, True])
def test_every_row_is_loaded_once_and_a_copy_changes_nothing(root: Path, load: Load, backwards: bool) -> None:
    land(root, "1.csv", lines()[:: -1 if backwards else 1])
    assert [(o.outcome, o.result.loaded, o.rejected) for o in load(root)] == [("loaded", ROWS, 0)]
    before = content(root)
    assert [(row[2], row[4]) for row in before["meter_interval"]] == [
        (START + timedelta(minutes=30 * n), n % 7 * 1000 + 500) for n in range(ROWS)
    ]
    land(root, "2.csv", lines())
    copy = load(root)[1]
    assert (copy.outcome, copy.result.loaded, copy.result.unchanged) == ("unchanged", 0, ROWS)
    after = content(root)
    assert [after[table] for table in TABLES[:3]] == [before[table] for table in TABLES[:3]]


def test_a_corrected_file_supersedes_what_it_says_otherwise(root: Path, load: Load) -> None:
    land(root, "1.csv", lines())
    load(root)
    land(root, "2.csv", lines(changed=range(90, 110)))
    corrected = load(root)[1]
    assert (corrected.result.loaded, corrected.result.unchanged, corrected.result.superseded) == (20, 180, 20)
    found = content(root)
    assert {row[2] for row in found["meter_interval_history"]} == {
        START + timedelta(minutes=30 * n) for n in range(90, 110)
    }
    assert sum(int(str(row[4])) for row in found["meter_interval"]) == 1000 * (sum(n % 7 for n in range(ROWS)) + 120)


def test_two_names_of_one_meter_meet_in_different_pieces(root: Path, load: Load) -> None:
    """One name's rows end before the other's begin in the file, but lie among them in time."""
    site = root / "sites" / "atsugi.toml"
    text = site.read_text(encoding="utf-8").replace('meter_id = "main"', 'meter_id = "main"\naliases = ["old"]')
    site.write_text(text, encoding="utf-8")
    every = lines(name=lambda n: "main" if n % 3 else "old")
    land(root, "1.csv", sorted(every, reverse=True))  # all of `old`, then all of `main`
    load(root)
    assert [row[2] for row in content(root)["meter_interval"]] == [
        START + timedelta(minutes=30 * n) for n in range(ROWS)
    ]


def test_two_names_that_contradict_each_other_are_told_of(root: Path, load: Load) -> None:
    """As test_loading's of small files: one value stands, the others are counted; nothing counts as superseded."""
    site = root / "sites" / "atsugi.toml"
    text = site.read_text(encoding="utf-8").replace('meter_id = "main"', 'meter_id = "main"\naliases = ["old"]')
    site.write_text(text, encoding="utf-8")
    one, other = lines(name=lambda _: "main"), lines(changed=range(90, 110), name=lambda _: "old")
    land(root, "1.csv", one + other)
    (told,) = load(root)
    assert (told.outcome, told.result.loaded, told.result.superseded, told.rejected) == ("partial", ROWS, 0, 1)
    assert (told.reasons[0]["field"], told.reasons[0]["value"]) == ("meter_id", "main: contradicted values: 20")
    found = content(root)
    assert (found["meter_interval_history"], len(found["rejected_record"])) == ([], 1)
    assert sum(int(str(row[4])) for row in found["meter_interval"]) == 1000 * (sum(n % 7 for n in range(ROWS)) + 120)
    before = found
    assert [outcome.outcome for outcome in load(root)] == ["partial"]
    assert content(root) == before


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_charger_s_table_is_loaded_alike(root: Path, load: Load, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Two names of a charger whose readings complete each other are seen in any pieces: then the file is read whole."""
    site = root / "sites" / "atsugi.toml"
    text = site.read_text(encoding="utf-8").replace('charger_id = "CP1"', 'charger_id = "CP1"\naliases = ["old"]')
    site.write_text(text, encoding="utf-8")
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 1 if canonical_blocks.LARGE_BYTES == 0 else 1 << 20)
    rows = [(30 * n, (100 * n, 10 * n, None, 50.5, f"s{n // 8}", "LEAF1")) for n in range(60)]
    write = renditions.charger_csv if form == "csv" else renditions.charger_parquet
    (root / "landing" / "1.any").write_bytes(write(rows))
    (told,) = load(root)
    assert (told.outcome, told.result.loaded) == ("loaded", 60)
    if form == "csv":
        other = (
            renditions.charger_csv(rows[:3]).replace(b"CP1", b"old").partition(b"\n")[2].replace(b",50.5,", b",51.5,")
        )
        (root / "landing" / "1.any").unlink()
        (root / "landing" / "2.any").write_bytes(renditions.charger_csv(rows) + other)
        (told,) = load(root)
        assert (told.outcome, told.reasons[0]["value"]) == ("partial", "CP1: contradicted values: 3")


def test_a_large_file_that_cannot_be_read_stops_no_other(root: Path, load: Load) -> None:
    (root / "landing" / "a.csv").symlink_to("/proc/self/mem")
    land(root, "b.csv", lines())
    told = {outcome.path: outcome for outcome in load(root)}
    assert (told["a.csv"].outcome, told["a.csv"].reasons[0]["allowed"]) == ("rejected", "a file that can be read")
    assert told["b.csv"].outcome == "loaded"


def test_a_file_replaced_in_place_is_a_later_file(root: Path, load: Load) -> None:
    """The same path with other content: what it changes is superseded, what it no longer holds stays."""
    land(root, "1.csv", lines())
    load(root)
    land(root, "1.csv", lines(changed=range(3, 5))[:100])
    (told,) = load(root)
    assert (told.outcome, told.result.loaded, told.result.unchanged, told.result.superseded) == ("loaded", 2, 98, 2)
    found = content(root)
    assert (len(found["meter_interval"]), len(found["meter_interval_history"])) == (ROWS, 2)
    assert [row[1] for row in found["source_file"]] == ["1.csv", "1.csv"]
    assert [outcome.outcome for outcome in load(root)] == ["unchanged"]
    assert content(root) == found


def test_an_error_in_a_late_piece_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    land(root, "1.csv", lines())
    calls, add = [], FileLoad.add

    def die_late(file: FileLoad, *rest: object) -> object:
        calls.append(1)
        if len(calls) > 3 or canonical_blocks.LARGE_BYTES:
            raise OSError("no room")
        return add(file, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(FileLoad, "add", die_late)
        with pytest.raises(OSError, match="no room"):
            load(root)
    assert all(not rows for rows in content(root).values())
    assert [outcome.outcome for outcome in load(root)] == ["loaded"]


@pytest.mark.parametrize("load", ["in pieces"], indirect=True)
@pytest.mark.parametrize("good_blocks", [3, 40])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_file_that_cannot_be_read_on_is_refused_as_a_whole_and_the_others_are_loaded(
    root: Path, load: Load, monkeypatch: pytest.MonkeyPatch, good_blocks: int, backwards: bool
) -> None:
    """Forty blocks are the whole file once: in order of time none is missing, against it the second reading fails."""
    land(root, "1.csv", lines()[:: -1 if backwards else 1])
    land(root, "2.csv", lines())
    blocks, read = canonical_blocks._blocks, []

    def failing(path: Path) -> Iterator[canonical_blocks.Block]:
        for block in blocks(path):
            read.append(path)
            if path.name == "1.csv" and len(read) > good_blocks:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            yield block

    monkeypatch.setattr(canonical_blocks, "_blocks", failing)
    first, second = load(root)
    if good_blocks == 3 or backwards:
        told = {"position": "file", "field": "content", "value": "Input/output error", "allowed": UNREAD}
        assert (first.outcome, first.rejected, first.reasons) == ("rejected", 1, (told,))
        assert (second.outcome, second.result.loaded) == ("loaded", ROWS)
    else:
        assert (first.outcome, second.outcome) == ("loaded", "unchanged")
    assert len(content(root)["meter_interval"]) == ROWS


def test_pieces_come_in_order_and_an_error_among_them_is_told() -> None:
    pieces = [Records("", str(number), {}, empty_rejects()) for number in range(50)]
    assert list(reading._some_ahead(iter(pieces))) == pieces

    def cut() -> Iterator[Records]:
        yield pieces[0]
        raise OSError("cut")

    ahead = reading._some_ahead(cut())
    assert next(ahead) is pieces[0]
    with pytest.raises(OSError, match="cut"):
        next(ahead)


# Loads a file in pieces, then a copy of it; tells the peak memory after half of the pieces and after all.
CHILD = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import polars as pl
from pipeline.warehouse import FileLoad, Warehouse

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10

rows, told = 100_000, []
with Warehouse(Path(sys.argv[1])) as warehouse:
    for load_id in (1, 2):
        with warehouse.one_thread(), FileLoad(warehouse, load_id) as file:
            for piece in range(12):
                first = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=piece * rows)
                starts = pl.datetime_range(first, first + timedelta(minutes=rows - 1), "1m", eager=True)
                file.add("meter", pl.DataFrame({"interval_start": starts}).with_columns(
                    site_id=pl.lit("atsugi"), meter_id=pl.lit("main"), duration_s=pl.lit(60, dtype=pl.Int64),
                    import_wh=pl.int_range(rows), export_wh=pl.lit(0, dtype=pl.Int64),
                    quality=pl.lit("measured"), local_day=pl.col("interval_start").dt.date(),
                    bill_month=pl.col("interval_start").dt.strftime("%Y-%m")))
                if piece in (5, 11):
                    told.append(peak_mb())
print(*told)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_pieces_of_a_file(tmp_path: Path) -> None:
    here = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(here), "POLARS_MAX_THREADS": "1"}
    child = tmp_path / "child.py"
    child.write_text(CHILD, encoding="utf-8")  # with -c DuckDB takes the process for a person's and draws its progress
    command = [sys.executable, str(child), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=here, check=True).stdout
    half, whole, copied_half, copied_whole = map(int, told.split())
    assert whole - half < 35, told  # a piece that stays takes 9 MB
    assert copied_whole - copied_half < 60, told  # and beside what it is compared with 20 MB
