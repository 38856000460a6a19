"""Wrong files, wrong tariffs, wrong sites: each ends with its reason, and everything else still comes out."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.domain import SCENARIOS
from pipeline.simulate import SimulationOptions, write_portfolio
from pipeline.steps.months import stored_summaries
from pipeline.warehouse import Warehouse
from tests.e2e.conftest import computed, content
from tests.e2e.conftest import v2b_here as v2b

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "portfolio"
    # a seed by which all three bill the same month: a run materializes the months between, too
    write_portfolio(folder, sites=3, months=1, seed=62, options=SimulationOptions())
    return folder


@pytest.fixture
def portfolio(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "portfolio")


def only_sites(folder: Path, *site_ids: str) -> None:
    for path in (folder / "sites").glob("*.toml"):
        if path.stem not in site_ids:
            path.unlink()
            shutil.rmtree(folder / "landing" / path.stem)
    arming = folder / "arming.csv"
    header, *rows = arming.read_text().splitlines(keepends=True)
    arming.write_text("".join([header, *(row for row in rows if row.partition(",")[0] in site_ids)]))


def site_ids(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "sites").glob("*.toml"))


def test_wrong_files_are_rejected_and_the_rest_runs(portfolio: Path) -> None:
    site_id = site_ids(portfolio)[0]
    only_sites(portfolio, site_id)
    landing = portfolio / "landing" / site_id
    meter = next(path for path in sorted(landing.rglob("*.csv")) if path.read_text().startswith("meter_id,"))
    lines = meter.read_text().splitlines(keepends=True)
    (landing / "picture.csv").write_bytes(PNG)
    (landing / "empty.csv").touch()
    (landing / "x.csv").mkdir()
    (landing / "half.csv").write_text("".join(lines[:50])[:-30])
    bad = [*lines[:6], lines[6].replace(lines[6].split(",")[1], "2025-13-45T00:00:00+09:00"), *lines[7:10]]
    (landing / "bad-date.csv").write_text("".join(bad))

    first = v2b("ingest", "--portfolio", str(portfolio), "--json")
    outcomes = {Path(file["path"]).name: file for file in json.loads(first.stdout)}
    assert first.returncode == 1
    assert "Traceback" not in first.stderr
    for name in ("picture.csv", "empty.csv", "x.csv"):
        assert outcomes[name]["outcome"] == "rejected"
        assert outcomes[name]["reasons"][0]["allowed"]
    assert outcomes["half.csv"]["outcome"] == "partial"
    assert outcomes["bad-date.csv"]["outcome"] == "partial"
    (reason,) = outcomes["bad-date.csv"]["reasons"]
    assert (reason["position"], reason["field"]) == ("line 7", "interval_start")
    assert reason["value"] == "2025-13-45T00:00:00+09:00"
    assert outcomes[meter.name]["outcome"] in ("loaded", "unchanged")

    run = v2b("run", "--portfolio", str(portfolio), "--json")
    assert run.returncode == 0, run.stderr  # refused in an earlier run: a result, not a failure
    assert {month["state"] for month in json.loads(run.stdout)} <= {"ok", "seed"}
    assert all(month["provable"] for month in json.loads(run.stdout) if month["state"] == "ok")
    assert v2b("run", "--portfolio", str(portfolio)).returncode == 0


def test_a_broken_tariff_stops_its_own_site_only(portfolio: Path) -> None:
    broken, *others = site_ids(portfolio)[:2]
    only_sites(portfolio, broken, *others)
    site_file = portfolio / "sites" / f"{broken}.toml"
    name = next(line.split('"')[1] for line in site_file.read_text().splitlines() if line.startswith("tariff ="))
    (portfolio / "tariffs" / "broken.toml").write_text('name = "Broken"\ncurrency = "EUR"\nsurprise = 1\n')
    site_file.write_text(site_file.read_text().replace(f'tariff = "{name}"', 'tariff = "broken"'))

    run = v2b("run", "--portfolio", str(portfolio), "--json")
    months = json.loads(run.stdout)
    assert run.returncode == 1
    assert "surprise" in run.stderr
    assert "Traceback" not in run.stderr
    assert {month["state"] for month in months if month["site_id"] == broken} == {"failed"}
    assert {month["state"] for month in months if month["site_id"] in others} <= {"ok", "seed"}
    for other in others:
        stated = [month["month"] for month in months if month["site_id"] == other and month["state"] == "ok"]
        assert stated
        assert all((portfolio / "out" / other / month / "report.html").is_file() for month in stated)

    again = v2b("run", "--portfolio", str(portfolio), "--json")
    assert again.returncode == 1  # a site that stays broken never looks green
    assert {(month["site_id"], month["state"]) for month in json.loads(again.stdout)} == {(broken, "failed")}

    screen = v2b("status", "--portfolio", str(portfolio)).stdout
    head = screen[: screen.index("site ")]
    assert "not computed" in head.partition("Wrong")[2]
    assert f"({broken} " in head.partition("To do")[2]
    assert "proved" in head.partition("Wrong")[0]

    site_file.write_text(site_file.read_text().replace('tariff = "broken"', f'tariff = "{name}"'))
    mended = v2b("run", "--portfolio", str(portfolio), "--json")
    assert mended.returncode == 0, mended.stderr
    assert {month["site_id"] for month in json.loads(mended.stdout)} == {broken}


def test_a_refused_site_file_stops_its_own_site_only(portfolio: Path) -> None:
    refused, *others = site_ids(portfolio)[:2]
    only_sites(portfolio, refused, *others)
    path = portfolio / "sites" / f"{refused}.toml"
    path.write_text(path.read_text().replace("timezone =", "time_zone ="))
    run = v2b("run", "--portfolio", str(portfolio), "--json")
    assert run.returncode == 1
    assert f"{refused}.toml: time_zone" in run.stderr
    assert {month["site_id"] for month in json.loads(run.stdout)} == set(others)


def test_a_wrong_portfolio_file_is_one_sentence(portfolio: Path) -> None:
    (portfolio / "v2b.toml").write_text('currency = "yen"\n')
    run = v2b("run", "--portfolio", str(portfolio))
    assert run.returncode == 1
    assert run.stderr.strip() == (
        "error: v2b.toml: currency: 'yen' is not allowed; allowed: an ISO 4217 code of three capital letters"
    )
    assert v2b("run", "--portfolio", str(portfolio / "nowhere")).returncode == 1
    assert v2b("run", "--no-such-option").returncode == 2


def test_what_made_things_worse_is_negative_everywhere(made: Path, tmp_path: Path) -> None:
    # every third simulated site recharges carelessly and makes a new peak
    folder = shutil.copytree(made, tmp_path / "portfolio")
    careless = site_ids(folder)[2]
    only_sites(folder, careless)
    run = v2b("run", "--portfolio", str(folder), "--json")
    assert run.returncode == 0, run.stderr
    worse = [month for month in json.loads(run.stdout) if month["state"] == "ok" and month["money"]["saved"][0] == "-"]
    assert worse
    for month in worse:
        saved = Decimal(month["money"]["saved"])
        headline = Decimal(month["money"][f"bill_{month['headline']}"])
        assert saved == headline - Decimal(month["money"]["bill_actual"]) < 0
        assert saved == sum(Decimal(line["saved"]) for line in month["lines"])
        assert month["percent_saved"]["bill"] < 0
        assert month["peak_kw"]["reduction"] < 0
        text = (folder / "out" / careless / month["month"] / "email.eml").read_text()
        assert "raised" in text or "cost" in text


def test_worlds_without_cars_are_identical_to_the_last_digit(portfolio: Path) -> None:
    site_id = site_ids(portfolio)[0]
    only_sites(portfolio, site_id)
    path = portfolio / "sites" / f"{site_id}.toml"
    kept, inside = [], False
    for line in path.read_text().splitlines():
        inside = line.startswith(("[[chargers]]", "[[vehicles]]")) or (inside and not line.startswith("["))
        kept += [] if inside else [line]
    path.write_text("\n".join(kept) + "\n")
    for log in (portfolio / "landing" / site_id).rglob("*.jsonl"):
        log.unlink()
    computed(portfolio)
    with Warehouse(portfolio) as warehouse:
        months = [month for month in stored_summaries(warehouse) if month["state"] == "ok"]
        lines = warehouse.query("select * exclude (scenario) from bill_line order by all")
    assert months
    assert lines.unique().height * len(SCENARIOS) == lines.height
    for month in months:
        bills = {month["money"][f"bill_{world}"] for world in ("no_ev", "unmanaged", "actual")}
        assert len(bills) == 1
        assert (Decimal(month["money"]["saved"]), month["peak_kw"]["reduction"]) == (0, 0)
        assert month["provable"] is True


def test_a_later_file_restates_only_what_it_changes(portfolio: Path) -> None:
    site_id = site_ids(portfolio)[0]
    only_sites(portfolio, site_id)
    assert v2b("run", "--portfolio", str(portfolio)).returncode == 0
    reports = content(portfolio, ["out"])
    meter = next(
        path for path in sorted((portfolio / "landing").rglob("*.csv")) if path.read_text().startswith("meter_id,")
    )
    lines = meter.read_text().splitlines()
    cells = lines[-1].split(",")
    cells[3] = str(Decimal(cells[3]) + 1)
    (portfolio / "landing" / site_id / "corrected.csv").write_text(f"{lines[0]}\n{','.join(cells)}\n")
    run = v2b("run", "--portfolio", str(portfolio), "--json")
    assert run.returncode == 0, run.stderr
    (restated,) = json.loads(run.stdout)
    assert restated["version"]["report"] == 2
    assert restated["version"]["restates"] == 1
    (why,) = restated["version"]["changes"]["why"]
    assert why.startswith("Of the meter intervals, 1 replaced since the report before, in ")
    after = content(portfolio, ["out"])
    changed = {name for name in reports if after[name] != reports[name]}
    assert changed
    assert all(f"/{restated['month']}/" in name for name in changed - {"out/index.html"})
    with Warehouse(portfolio) as warehouse:
        kept = warehouse.query("select import_wh from meter_interval_history")
    assert kept.height == 1
