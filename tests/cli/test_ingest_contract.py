"""`v2b ingest --json` is read by machines: every field of every outcome, and the exit code beside it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.entry import main
from tests.factories import METER_HEADER, half_hours, lay_out_warehouse, meter_csv, portfolio_folder

FIELDS = [
    *("path", "sha256", "format", "kind", "outcome", "loaded", "unchanged", "superseded", "rejected"),
    *("first", "last", "reasons"),
]
FILES = {
    "a-whole.csv": meter_csv(half_hours("07-01", 4, 10.0)),
    "b-copy.csv": meter_csv(half_hours("07-01", 4, 10.0)),
    "c-corrected.csv": meter_csv([("2013-07-01 00:30", 12.5), ("2013-07-01 02:00", 1.0)]),
    "d-half.csv": METER_HEADER + "main,2013-07-02T00:00:00+02:00,1800,1,0\nmain,yesterday,1800,1,0\n",
    "e-none.txt": "shopping list\n",
    "f-stranger.csv": meter_csv(half_hours("07-01", 2), meter_id="elsewhere"),
    "charger.csv": "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
    "CP1,2013-07-01T08:00:00Z,1000,0,,50,,\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = portfolio_folder(tmp_path / "portfolio")
    lay_out_warehouse(folder)
    for name, text in FILES.items():
        (folder / "landing" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def told(monkeypatch, capsys):
    """Run `v2b ingest --json`; returns what it tells of each file, and the exit code."""

    def run(root: Path, *paths: str) -> tuple[dict[str, dict[str, Any]], int]:
        monkeypatch.setattr("sys.argv", ["v2b", "ingest", *paths, "--portfolio", str(root), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        return {file["path"]: file for file in json.loads(capsys.readouterr().out)}, ended.value.code or 0

    return run


def without(file: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(value for name, value in file.items() if name not in names)


def test_every_field_of_every_outcome(root, told):
    files, code = told(root)
    assert code == 1, "files were refused in this run"
    assert sorted(files) == sorted(FILES)
    assert [list(file) for file in files.values()] == [FIELDS] * len(FILES)
    assert {name: file["sha256"] for name, file in files.items()} == {
        name: sha256(text.encode()).hexdigest() for name, text in FILES.items()
    }
    # format, kind, outcome, loaded, unchanged, superseded, rejected, first, last
    assert {name: without(file, "path", "sha256", "reasons") for name, file in files.items()} == {
        "a-whole.csv": (*("canonical_csv", "meter", "loaded"), 4, 0, 0, 0, at("01T00:00"), at("01T01:30")),
        "b-copy.csv": (*("canonical_csv", "meter", "unchanged"), 0, 4, 0, 0, at("01T00:00"), at("01T01:30")),
        "c-corrected.csv": (*("canonical_csv", "meter", "loaded"), 2, 0, 1, 0, at("01T00:30"), at("01T02:00")),
        "d-half.csv": (*("canonical_csv", "meter", "partial"), 1, 0, 0, 1, at("01T22:00"), at("01T22:00")),
        "e-none.txt": ("", "", "rejected", 0, 0, 0, 1, None, None),
        "f-stranger.csv": ("canonical_csv", "meter", "rejected", 0, 0, 0, 1, None, None),
        "charger.csv": (*("canonical_csv", "charger", "loaded"), 1, 0, 0, 0, at("01T08:00"), at("01T08:00")),
    }


def at(day_and_time: str) -> str:
    return f"2013-07-{day_and_time}:00+00:00"


def test_every_reason_says_where_what_and_what_is_allowed(root, told):
    files, _ = told(root)
    reasons = {name: file["reasons"] for name, file in files.items() if file["reasons"]}
    assert {name: [list(reason) for reason in found] for name, found in reasons.items()} == {
        name: [["position", "field", "value", "allowed"]] for name in ("d-half.csv", "e-none.txt", "f-stranger.csv")
    }
    ((half,), (none,), (stranger,)) = (reasons[name] for name in sorted(reasons))
    assert (half["position"], half["field"], half["value"]) == ("line 3", "interval_start", "yesterday")
    assert half["allowed"].startswith("a time from 2000 to 2099 with offset or Z")
    assert (none["position"], none["field"], none["value"]) == ("file", "content", "shopping list")
    assert none["allowed"].startswith("one of the formats: canonical CSV")
    assert (stranger["position"], stranger["field"], stranger["value"]) == ("file", "meter_id", "elsewhere")
    assert stranger["allowed"].endswith(": main")


def test_a_second_run_tells_the_same_files_with_nothing_new(root, told):
    first, _ = told(root)
    second, code = told(root)
    assert code == 0, "what an earlier run refused is a result"
    outcomes = {"loaded": "unchanged", "unchanged": "unchanged", "partial": "partial", "rejected": "rejected"}
    for name, file in second.items():
        before = first[name]
        assert (file["outcome"], file["loaded"], file["superseded"]) == (outcomes[before["outcome"]], 0, 0)
        assert file["unchanged"] == before["loaded"] + before["unchanged"]
        changing = ("outcome", "loaded", "unchanged", "superseded")
        assert without(file, *changing) == without(before, *changing)


def test_named_files_alone_are_told_and_an_empty_landing_is_an_empty_list(root, told, tmp_path):
    outside = tmp_path / "late.csv"
    outside.write_text(meter_csv(half_hours("07-03", 2)), encoding="utf-8")
    files, code = told(root, str(outside), str(root / "landing" / "a-whole.csv"))
    assert (sorted(files), code) == (["a-whole.csv", "late.csv"], 0)
    empty = portfolio_folder(tmp_path / "empty")
    lay_out_warehouse(empty)
    assert told(empty) == ({}, 0)
