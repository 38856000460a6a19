"""Fault fixtures: the smallest file that shows a quirk, with what must come of it beside it (`<quirk>.expected.json`).

`runs` are rows of meter records, equal neighbours written once: meter, first start, duration, count, import, export,
quality; those of `reactive` have one energy. `rejects` are position, field and value.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest import Records

FAULTS = Path(__file__).parents[1] / "data" / "faults"


def faults(name: str) -> list[Any]:
    """Every fixture of one format as a pytest parameter: the file and what is expected of it."""
    found = sorted(FAULTS.joinpath(name).glob("*.expected.json"))
    return [pytest.param(_file(path), json.loads(path.read_text()), id=path.name.partition(".")[0]) for path in found]


def _file(expected: Path) -> Path:
    stem = expected.name.removesuffix(".expected.json")
    return next(path for path in expected.parent.glob(f"{stem}.*") if path != expected)


def rows(runs: list[list[Any]]) -> list[tuple[Any, ...]]:
    """The records that the runs stand for."""
    return sorted(
        (meter, datetime.fromisoformat(start) + timedelta(seconds=duration * number), duration, *content)
        for meter, start, duration, count, *content in runs
        for number in range(count)
    )


def outcome(records: Records) -> str:
    """What the loader calls a file with these records."""
    if not records.frames:
        return "rejected"
    return "partial" if records.rejects.height else "loaded"


def check(records: Records, expected: dict[str, Any]) -> None:
    """Compare a reader's answer with the expectation, field by field; a rejected value of null may be any."""
    found = records.rejects.select("position", "field", "value").rows()
    wanted = expected["rejects"]
    free = {(position, field) for position, field, value in wanted if value is None}
    found = [(place, field, None if (place, field) in free else value) for place, field, value in found]
    assert sorted(found, key=str) == sorted(map(tuple, wanted), key=str)
    assert outcome(records) == expected["outcome"]
    for kind, runs in (("meter", expected["runs"]), ("reactive", expected.get("reactive", []))):
        frame = records.frames.get(kind)
        assert (sorted(frame.rows()) if frame is not None else []) == rows(runs)
    assert list(records.notes) == expected["notes"]
    assert all(records.rejects["allowed"])
