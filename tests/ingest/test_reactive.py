"""Reactive energy beside a meter's energy: a column of canonical CSV, a file of its own, streams of NEM12."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import Records, canonical_blocks, canonical_csv, nem12
from pipeline.ingest.records import with_doubtful_end

HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh,reactive_kvarh\n"


def lines(*values: tuple[str, str]) -> str:
    """One half hour a pair of import and reactive energy."""
    start = datetime(2013, 7, 1, tzinfo=UTC)
    stamps = (start + timedelta(minutes=30 * number) for number in range(len(values)))
    return "".join(
        f"m,{at.isoformat()},1800,{kwh},0,{kvarh}\n" for at, (kwh, kvarh) in zip(stamps, values, strict=True)
    )


def read(folder: Path, text: str) -> Records:
    path = folder / "meter.csv"
    path.write_text(text)
    return canonical_csv.read(path, [])


def varh(records: Records) -> list[tuple[str, int]]:
    frame = records.frames["reactive"]
    return [(at.strftime("%H:%M"), value) for at, value in frame.select("interval_start", "reactive_varh").iter_rows()]


def test_the_column_is_read_where_it_has_a_value_and_no_note_calls_it_ignored(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + lines(("5", "1.5"), ("5", ""), ("5", "-0.25")))
    assert varh(found) == [("00:00", 1500), ("01:00", -250)]
    assert found.frames["meter"].height == 3
    assert (found.notes, found.rejects.height) == ((), 0)


def test_varh_sum_to_what_the_meter_counted(tmp_path: Path) -> None:
    # thirds of a varh: the running total 0.3, 0.7, 1.0 rounds to 0, 1, 1
    found = read(tmp_path, HEADER + lines(("5", "0.000333"), ("5", "0.000333"), ("5", "0.000334")))
    assert [value for _, value in varh(found)] == [0, 1, 0]


def test_a_line_is_refused_once_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + lines(("5", "much"), ("none", "much"), ("5", "1")))
    told = found.rejects.select("position", "field", "value").rows()
    assert sorted(told) == [("line 2", "reactive_kvarh", "much"), ("line 3", "import_kwh", "none")]
    assert varh(found) == [("01:00", 1000)]
    assert found.frames["meter"].height == 2  # the energy of line 2 stands


def test_a_file_may_hold_nothing_else(tmp_path: Path) -> None:
    found = read(tmp_path, "meter_id,interval_start,duration_s,reactive_kvarh\nm,2013-07-01T00:00:00Z,1800,1.5\n")
    assert (found.kind, varh(found)) == ("reactive", [("00:00", 1500)])
    assert "meter" not in found.frames


def test_a_torn_last_line_is_an_estimate_of_both(tmp_path: Path) -> None:
    found = with_doubtful_end(read(tmp_path, (HEADER + lines(("5", "1"), ("5", "12")))[:-1]))
    assert found.frames["meter"].get_column("quality").to_list() == ["measured", "estimated"]
    assert found.frames["reactive"].get_column("quality").to_list() == ["measured", "estimated"]


@pytest.mark.parametrize("by_time", [False, True])
def test_a_file_in_blocks_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_time: bool) -> None:
    monkeypatch.setattr(canonical_blocks, "BLOCK_BYTES", 110)
    text = HEADER + lines(*((f"0.000{n}", f"{n - 8}.0003" if n % 3 else "") for n in range(16)), ("5", "bad"))
    whole = read(tmp_path, text)
    pieces = list(canonical_blocks.read_batches(tmp_path / "meter.csv", by_time=by_time))
    for kind in ("meter", "reactive"):
        together = pl.concat(piece.frames[kind] for piece in pieces if kind in piece.frames)
        assert together.sort("interval_start").equals(whole.frames[kind].sort("interval_start"))
    assert pl.concat(piece.rejects for piece in pieces).rows() == whole.rejects.rows()
    assert whole.rejects.height == 1


def nem12_file(folder: Path, *streams: tuple[str, str, str]) -> Path:
    """One day of half hours for each stream: suffix, unit, the value of every half hour."""
    body = "".join(
        f"200,N1,E1Q1K1,1,{suffix},N1,METER1,{unit},30,\n300,20230101,{','.join([value] * 48)},A,,,20230102000000,\n"
        for suffix, unit, value in streams
    )
    path = folder / "nem12.csv"
    path.write_text(f"100,NEM12,202301020000,MDP,RET\n{body}900\n")
    return path


def test_nem12_streams_of_reactive_energy_add_up_what_is_given_back_below_zero(tmp_path: Path) -> None:
    path = nem12_file(tmp_path, ("E1", "kWh", "5"), ("Q1", "kVArh", "1.5"), ("K1", "VArh", "250"))
    found = nem12.read(path, [])
    frame = found.frames["reactive"]
    assert (frame.height, frame.get_column("reactive_varh").unique().to_list()) == (48, [1250])
    assert (found.frames["meter"].height, found.rejects.height, found.notes) == (48, 0, ())


def test_reactive_streams_of_another_unit_are_passed_over(tmp_path: Path) -> None:
    found = nem12.read(nem12_file(tmp_path, ("E1", "kWh", "5"), ("Q1", "kVAr", "1.5")), [])
    assert "reactive" not in found.frames
    assert found.notes == ("NMI N1: stream Q1 (kVAr) is not energy, active or reactive; days passed over: 1",)
