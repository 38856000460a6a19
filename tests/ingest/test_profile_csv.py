"""Foreign CSV: every quirk as a file with what it must give, profiles of one's own, and the nights clocks change.

The expectation beside each file holds the site's zone, records as rows, rejects and notes.
"""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import Records, localised, read_file
from pipeline.ingest.csv_profile import shipped
from pipeline.ingest.csv_stamps import day_labels

FAULTS = Path(__file__).resolve().parent.parent / "data" / "faults" / "profile_csv"
QUIRKS = sorted(FAULTS.glob("*.csv"))
ZONE = "America/New_York"
NAMES = {"meter_id": "main", "charger_id": "CP1", "station_id": "weather"}


def found_in(records: Records, zone: str = ZONE) -> dict[str, object]:
    """What a file gives once its site is known, as plain data."""
    frames: dict[str, pl.DataFrame] = {}
    rejects, notes = [records.rejects], list(records.notes)
    for local in records.local:
        placed, refused, said = localised(local, zone, NAMES)
        frames |= placed
        rejects.append(refused)
        notes += said
    return {
        "records": {kind: json.loads(json.dumps(frame.rows(), default=str)) for kind, frame in frames.items()},
        "rejects": [list(row) for row in pl.concat(rejects).select("position", "field", "value").rows()],
        "notes": notes,
    }


@pytest.mark.parametrize("path", QUIRKS, ids=lambda path: path.stem)
def test_a_quirk_gives_what_stands_beside_it(path: Path, tmp_path: Path) -> None:
    """A file that no shipped profile reads has its own beside it, as it would stand in the portfolio's `profiles/`."""
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    profile = path.with_suffix(".profile.toml")
    landed = land(tmp_path, profile.read_text(encoding="utf-8"), path.read_bytes()) if profile.exists() else path
    assert found_in(read_file(landed, ("site", path.stem))) == expected


def land(root: Path, profile: str, content: str | bytes) -> Path:
    (root / "profiles").mkdir(parents=True)
    (root / "profiles" / "own.toml").write_text(profile, encoding="utf-8")
    (root / "landing" / "site").mkdir(parents=True)
    path = root / "landing" / "site" / "own.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


OWN = """
name = "own"
description = "a building management system without header"
kind = "meter"
names = ["at", "kw"]
delimiter = ";"
decimal = ","

[time]
columns = ["at"]
formats = ["%d.%m.%Y %H:%M"]
stamp = "end"
repeated_hour = "averaged"

[[values]]
column = "kw"
unit = "kW"
as = "import"
"""


def test_a_profile_of_ones_own_reads_a_file_without_header(tmp_path: Path) -> None:
    found = found_in(read_file(land(tmp_path, OWN, "01.07.2013 00:15;4,5\n01.07.2013 00:30;8\n"), ("site", "own")))
    assert found["records"] == {
        "meter": [
            ["main", "2013-07-01 04:00:00+00:00", 900, 1125, 0, "measured"],
            ["main", "2013-07-01 04:15:00+00:00", 900, 2000, 0, "measured"],
        ]
    }


def test_an_averaged_hour_stands_for_both_of_its_passes(tmp_path: Path) -> None:
    rows = "".join(f"03.11.2013 {hour:02d}:00;{hour}\n" for hour in (1, 2, 3))
    found = found_in(read_file(land(tmp_path, OWN, rows), ("site", "own")))
    assert [row[1:4] + row[5:] for row in found["records"]["meter"]] == [  # type: ignore[index]
        ["2013-11-03 04:00:00+00:00", 3600, 1000, "measured"],
        ["2013-11-03 05:00:00+00:00", 3600, 2000, "estimated"],
        ["2013-11-03 06:00:00+00:00", 3600, 2000, "estimated"],
        ["2013-11-03 07:00:00+00:00", 3600, 3000, "measured"],
    ]


@pytest.mark.parametrize("labels", [("01:00", "01:00", "02:00"), ("01:00", "02:00", "02:00")])
def test_ends_are_right_whichever_label_comes_twice(tmp_path: Path, labels: tuple[str, ...]) -> None:
    rows = "".join(f"03.11.2013 {label};{number}\n" for number, label in enumerate((*labels, "03:00"), start=1))
    path = land(tmp_path, OWN.replace('repeated_hour = "averaged"', ""), rows)
    found = found_in(read_file(path, ("site", "own")))
    hours = [(row[1][11:13], row[3]) for row in found["records"]["meter"]]  # type: ignore[index]
    assert hours == [("04", 1000), ("05", 2000), ("06", 3000), ("07", 4000)]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (('unit = "kW"', 'unit = "hp"'), "values.0.unit"),
        (('kind = "meter"', 'kind = "weather"'), "profile"),
        (('columns = ["at"]', 'columns = ["("]'), "time.columns.0"),
        (("[time]", "[time"), "file"),
    ],
)
def test_a_wrong_profile_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], place: str) -> None:
    rejects = read_file(land(tmp_path, OWN.replace(*change), "01.07.2013 00:15;4,5\n"), ("site", "own")).rejects
    assert rejects.select("position", "field").rows() == [("profiles/own.toml", place)]


def test_the_shipped_profiles_are_valid_and_named_as_their_files() -> None:
    folder = Path(__file__).resolve().parents[2] / "pipeline" / "ingest" / "profiles"
    assert sorted(profile.name for profile in shipped()) == sorted(path.stem for path in folder.glob("*.toml"))


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        ([f"{m // 60}:{m % 60:02d}" for m in range(0, 1440, 15)], 0),
        ([f"{m // 60}:{m % 60:02d}" for m in range(30, 1441, 30)], 0),
        ([f"{m // 60 % 24:02d}:{m % 60:02d}" for m in range(15, 1441, 15)], 0),
        ([str(number) for number in range(1, 97)], 0),
    ],
)
def test_a_day_begins_at_midnight_however_it_is_labelled(cells: list[str], first: int) -> None:
    found = day_labels(r"(\d{1,2}(?::\d\d)?)", cells)
    step = 1440 // len(cells)
    assert (found.problem, found.step_min, found.counted) == ("", step, False)
    assert (min(found.starts.values()), max(found.starts.values())) == (first, 1440 - step)


def test_the_documented_profile_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    example = text.partition("**Your own profile**")[2].partition("```toml\n")[2].partition("```")[0]
    found = read_file(land(tmp_path, example, "Date;Main (kW)\n01.07.2013 00:15;4,5\n"), ("site", "own"))
    assert found.rejects.select("field", "value").rows() == [("content", "Date;Main (kW)")]
    found = read_file(land(tmp_path / "b", example, "Date;Power (kW)\n01.07.2013 00:15;1.004,5\n"), ("site", "own"))
    assert "profile own" in found.notes
