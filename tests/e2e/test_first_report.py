"""A newcomer's path: own files, `init --from`, `run`, a report."""

import json
from html import unescape
from pathlib import Path

from pipeline.domain import REASONS
from pipeline.simulate import SimulationOptions, write_portfolio
from tests.e2e.conftest import v2b_here as v2b


def test_from_own_files_to_a_first_report(tmp_path: Path) -> None:
    write_portfolio(tmp_path / "source", sites=1, months=1, seed=3, options=SimulationOptions())
    files = [str(path) for path in sorted((tmp_path / "source" / "landing").rglob("*")) if path.is_file()]
    folder = tmp_path / "mine"
    made = v2b("init", str(folder), "--from", *files)
    assert made.returncode == 0, made.stderr
    assert "DECIDE" in made.stderr
    ran = v2b("run", "--portfolio", str(folder), "--json")
    assert ran.returncode == 0, ran.stderr
    months = json.loads(ran.stdout)
    assert [month["state"] for month in months] == ["ok"]
    assert months[0]["provable"], months[0]["reasons"]
    assert months[0]["money"]["partial"]  # at the template's prices no sum is money yet
    capacity, prices = months[0]["data"]["findings"]
    assert "capacity is not as configured" in capacity  # the template guesses it, and the logs tell
    assert "placeholder" in prices
    assert "placeholder_prices" in months[0]["reasons"]
    page = (folder / "out" / "my-building" / months[0]["month"] / "report.html").read_text(encoding="utf-8")
    assert REASONS["placeholder_prices"].sentence in unescape(page)
    status = v2b("status", "--portfolio", str(folder))
    assert "1 bill partial" in status.stdout
    assert "placeholder = true" in status.stdout
    index = (folder / "out" / "index.html").read_text(encoding="utf-8")
    assert '"state":["partial"]' in index
    assert (folder / "out" / "my-building" / months[0]["month"] / "report.html").is_file()
    a_change_of_plan_is_printed_as_it_is_reported(folder)


def a_change_of_plan_is_printed_as_it_is_reported(folder: Path) -> None:
    assert v2b("plan", "my-building", "--portfolio", str(folder)).returncode == 0
    site = folder / "sites" / "my-building.toml"
    site.write_text('headline = "no_ev"\n' + site.read_text(encoding="utf-8"), encoding="utf-8")
    ran = v2b("run", "--portfolio", str(folder), "--json")
    (printed,) = json.loads(ran.stdout)
    stored = folder / "out" / "my-building" / printed["month"] / "summary.json"
    assert printed == json.loads(stored.read_text(encoding="utf-8"))
    assert sum("Change of plan: headline" in finding for finding in printed["data"]["findings"]) == 1


def test_wrong_uses_are_refused_in_a_sentence(tmp_path: Path) -> None:
    absent = v2b("init", str(tmp_path / "a"), "--from", str(tmp_path / "absent.csv"))
    assert absent.returncode != 0
    assert "Traceback" not in absent.stderr
    stray = v2b("init", str(tmp_path / "b"), "meter.csv")
    assert stray.returncode == 2
    assert "--from" in stray.stderr
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
