"""Faults planted in files: each is read as a portfolio would read it, and gives exactly the findings beside it.

`expected.json`: the site's zone, demand window [min], meters and chargers (rating [kW]), the bill's days, and the
findings as name, source, from, to, value, unit; a value of null may be any. `beside` names further findings that the
same fault may give; `before` is the first day of the bill before; `estimated` and `rejected` count intervals and
records.
"""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.chain import EARLIER_WINDOW, Prepared, prepare
from pipeline.domain import CHARGER_RECORD, METER_RECORD, BillPeriod
from pipeline.ingest import localised, read_file
from tests.chain.cases import NOTHING_EARLIER, inputs
from tests.factories import site

FAULTS = Path(__file__).resolve().parents[1] / "data" / "faults" / "quality"
NAMES = {"meter_id": "main"}
EMPTY = {
    "meter": pl.DataFrame(schema=dict(METER_RECORD)),
    "charger": pl.DataFrame(schema=dict(CHARGER_RECORD)),
}


def read_all(folder: Path, root: Path, zone: str) -> tuple[dict[str, pl.DataFrame], int]:
    """Every file of a case through the real readers, by the case's own profile where it has one."""
    landing = root / "landing" / "site"
    landing.mkdir(parents=True)
    if (folder / "profile.toml").exists():
        (root / "profiles").mkdir()
        shutil.copy(folder / "profile.toml", root / "profiles")
    parts: dict[str, list[pl.DataFrame]] = {kind: [frame] for kind, frame in EMPTY.items()}
    rejected = 0
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.log")]):
        read = read_file(Path(shutil.copy(path, landing)), ("site", path.stem))
        found = [(dict(read.frames), read.rejects), *(localised(local, zone, NAMES)[:2] for local in read.local)]
        for frames, rejects in found:
            rejected += rejects.height
            for kind, frame in frames.items():
                parts[kind].append(frame)
    return {kind: pl.concat(frames) for kind, frames in parts.items()}, rejected


def prepared(expected: dict[str, Any], frames: dict[str, pl.DataFrame]) -> Prepared:
    begin, end = date.fromisoformat(expected["from"]), date.fromisoformat(expected["to"])
    chargers = expected.get("chargers", {})
    earlier = NOTHING_EARLIER
    if "before" in expected:
        days = {"from": expected["before"], "to": expected["from"]}
        bill_before = prepared({key: expected[key] for key in ("zone", "window_min")} | days, frames)
        earlier = replace(earlier, windows=bill_before.windows.select(EARLIER_WINDOW.keys()))
    return prepare(
        inputs(
            site=site(
                timezone=expected["zone"],
                demand_window_min=expected["window_min"],
                meters=[{"meter_id": name} for name in expected.get("meters", ["main"])],
                chargers=[{"charger_id": name, "rated_charge_kw": kw} for name, kw in chargers.items()],
                vehicles=[],
            ),
            period=BillPeriod("2013-07", begin, end),
            programme_start=begin,
            meter=frames["meter"],
            readings=frames["charger"],
            earlier=earlier,
        )
    )


@pytest.mark.parametrize("folder", sorted(FAULTS.iterdir()), ids=lambda folder: folder.name)
def test_a_planted_fault_gives_the_findings_beside_it(folder: Path, tmp_path: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    frames, rejected = read_all(folder, tmp_path, expected["zone"])
    bill = prepared(expected, frames)
    own = bill.findings.filter(~pl.col("name").is_in(expected.get("beside", [])))
    found = own.select("name", "source", "span_from", "span_to", "value", "unit").rows()
    told = [(name, source, str(begin), str(end), unit) for name, source, begin, end, _, unit in found]
    wanted = expected["findings"]
    assert sorted(told) == sorted((name, source, begin, end, unit) for name, source, begin, end, _, unit in wanted)
    values = {(row[0], row[2]): row[4] for row in wanted if row[4] is not None}
    for name, _, begin, _, value, _ in found:
        if (name, begin_text := str(begin)) in values:
            assert value == pytest.approx(values[name, begin_text], rel=0.05)
    assert bill.inputs.estimated_intervals == expected.get("estimated", 0)
    assert rejected == expected.get("rejected", 0)
    assert all(bill.findings["sentence"].str.ends_with(".") | bill.findings["sentence"].str.contains("local time"))
