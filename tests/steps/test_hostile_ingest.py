"""Hostile files through `v2b ingest`: no traceback, no hang, bounded memory, and each ends as one of the four.

Either in this process, where Hypothesis shrinks what it finds, or through the command in a process of its own, whose
time the system limits and whose memory it counts.
"""

import faulthandler
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ingest import localised, read_file
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio, load_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import FLAT_TARIFF, IN_MEMORY, lay_out_warehouse, meter_csv
from tests.ingest.bombs import LARGE_LINE, SMALL_LINE, bombs, heads, long_lines
from tests.ingest.mutations import CHOICES, MUTATIONS, SEEDS, mutated

NOW = datetime(2013, 8, 3, tzinfo=UTC)
OUTCOMES = {"loaded", "unchanged", "partial", "rejected"}
MOST_MEMORY = 1 << 30
HANGS_AFTER_S = 120
RECORD_TABLES = ("meter_interval", "meter_reactive", "charger_reading", "session_record", "weather_hour")
HISTORIES = ("meter_interval_history", "meter_reactive_history", "charger_reading_history")
IDS = {"meter": "meter_id", "charger": "charger_id", "session": "charger_id"}


@pytest.fixture(scope="module")
def corpus_site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A site file that knows every meter and charger of the corpus, so that what survives a mutation is loaded."""
    path = tmp_path_factory.mktemp("seeds") / "CP1_2013-07.any"
    names: dict[str, set[str]] = defaultdict(set)
    for content in SEEDS.values():
        path.write_bytes(content)
        records = read_file(path, ("site", path.stem))
        parts = [*records.frames.items()]
        for local in records.local:
            default = {"meter": "M1", "session": "CP1", "weather": "atsugi"}[local.kind]
            column = "station_id" if local.kind == "weather" else IDS[local.kind]
            parts += localised(local, "America/New_York", {column: default})[0].items()
        for kind, frame in parts:
            if kind in IDS:
                names[IDS[kind]].update(frame.get_column(IDS[kind]).to_list())
    assert len(names["meter_id"]) > 100
    return site_text(sorted(names["meter_id"]), sorted(names["charger_id"]))


def site_text(meters: list[str], chargers: list[str]) -> str:
    head = 'site_id = "site"\nname = "Site"\ntimezone = "America/New_York"\ncurrency = "USD"\ntariff = "flat"\n'
    text = head + 'demand_window_min = 30\nweather_station = "atsugi"\n'
    for number, name in enumerate(meters):
        text += f'[[meters]]\nmeter_id = "meter-{number}"\naliases = [{json.dumps(name)}]\n'
    for number, name in enumerate(chargers):
        text += (
            f'[[chargers]]\ncharger_id = "charger-{number}"\nrated_charge_kw = 6.0\naliases = [{json.dumps(name)}]\n'
        )
    return text


def portfolio_of(root: Path, site: str) -> Path:
    for name in ("sites", "tariffs", "landing"):
        (root / name).mkdir(parents=True)
    (root / "v2b.toml").write_text('currency = "USD"\n', encoding="utf-8")
    (root / "tariffs" / "flat.toml").write_text(FLAT_TARIFF, encoding="utf-8")
    (root / "sites" / "site.toml").write_text(site, encoding="utf-8")
    lay_out_warehouse(root)
    return root


# --- in this process


class Target(NamedTuple):
    portfolio: Portfolio
    warehouse: Warehouse


@pytest.fixture(scope="module")
def target(corpus_site: str) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        root = portfolio_of(Path(folder) / "p", corpus_site)
        with Warehouse(root) as warehouse:
            warehouse.connection.execute("set threads = 1")
            yield Target(load_portfolio(root), warehouse)


def attack(target: Target, contents: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Load files into an empty warehouse; a hang ends the process with a stack of every thread."""
    root = target.portfolio.root
    (root / "journal.sqlite").unlink(missing_ok=True)
    for name, content in contents.items():
        (root / "landing" / name).parent.mkdir(exist_ok=True)
        (root / "landing" / name).write_bytes(content)
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    try:
        told = [file.as_json() for file in ingest(target.portfolio, target.warehouse, Journal(root), now=NOW)]
        check_told(target.warehouse, told)
    finally:
        faulthandler.cancel_dump_traceback_later()
        for name in contents:
            (root / "landing" / name).unlink()
        with target.warehouse.transaction() as connection:
            for table in ("source_file", "rejected_record", *RECORD_TABLES, *HISTORIES):
                connection.execute(f"delete from {table}")
    assert sorted(file["path"] for file in told) == sorted(contents)
    return told


def check_told(warehouse: Warehouse, told: list[dict[str, Any]]) -> None:
    """What is said of the files is what stands in the warehouse."""
    assert {file["outcome"] for file in told} <= OUTCOMES
    for file in told:
        assert (file["outcome"] in {"partial", "rejected"}) == (file["rejected"] > 0), file
        assert (file["outcome"] == "rejected") <= (file["loaded"] == 0), file
        assert len(file["reasons"]) == min(file["rejected"], 1000)
        assert all(reason["position"] and reason["allowed"] for reason in file["reasons"])
    stored, earlier = (
        sum(warehouse.query(f"select count(*) from {table}").item() for table in tables)
        for tables in (RECORD_TABLES, HISTORIES)
    )
    loaded, superseded = (sum(file[name] for file in told) for name in ("loaded", "superseded"))
    assert loaded - superseded - earlier <= stored <= loaded
    assert warehouse.query("select count(*) from rejected_record").item() == sum(file["rejected"] for file in told)


def test_the_corpus_itself_loads(target):
    told = attack(target, {"CP1_2013-07.any": SEEDS["ocpp.jsonl"], "meter.parquet": SEEDS["meter.parquet"]})
    assert [(file["outcome"], file["loaded"]) for file in told] == [("loaded", 3), ("loaded", 24)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(choice=CHOICES)
def test_mutated_files_end_as_one_of_the_four(target, choice):
    attack(target, {"CP1_2013-07.any": mutated(*choice)})


@pytest.mark.soak
@settings(max_examples=4_000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(choices=st.lists(CHOICES, min_size=5, max_size=5))
def test_20_000_mutated_files_end_as_one_of_the_four(target, choices):
    """Five at once: they meet each other's records, and share what a run costs beside its files."""
    attack(target, {f"{number}/CP1_2013-07.any": mutated(*choice) for number, choice in enumerate(choices)})


# --- through the command

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, ({cpu_s}, {cpu_s}))
import atexit, pathlib
def tell_peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    pathlib.Path({peak!r}).write_text(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
atexit.register(tell_peak)
from pipeline.cli import main
main()
"""


def told_by_command(root: Path, cpu_s: int) -> list[dict[str, Any]]:
    """What `v2b ingest --json` says of landing/, within limits of time and memory and without a traceback."""
    peak = root.parent / "peak.txt"  # its own: what wait4 tells begins with the memory of this process
    command = [sys.executable, "-c", LIMITED.format(cpu_s=cpu_s, peak=str(peak)), "ingest", "--json"]
    output, errors = root.parent / "out.json", root.parent / "errors.txt"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [*command, "--portfolio", str(root)], stdout=out, stderr=err, stdin=subprocess.DEVNULL
        )
        _, status = os.waitpid(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = errors.read_text(encoding="utf-8")
    assert "Traceback" not in said, said[-3000:]
    assert process.returncode in {0, 1}, said[-3000:]
    assert int(peak.read_text()) * 1024 < MOST_MEMORY
    return json.loads(output.read_text(encoding="utf-8"))


def landed(tmp_path: Path, site: str, files: Mapping[str, bytes]) -> Path:
    root = portfolio_of(tmp_path / "p", site)
    for name, content in files.items():
        (root / "landing" / name).write_bytes(content)
    return root


@pytest.fixture
def plain_site() -> str:
    return site_text(["M1"], ["CP1"])


def test_lines_of_5_megabytes(tmp_path, plain_site):
    root = landed(tmp_path, plain_site, long_lines(SMALL_LINE))
    told = told_by_command(root, 120)
    assert len(told) == len(list((root / "landing").iterdir()))
    assert all(file["loaded"] or file["rejected"] for file in told)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(heads()))
def test_lines_of_100_megabytes(tmp_path, plain_site, name):
    told = told_by_command(landed(tmp_path, plain_site, long_lines(LARGE_LINE, name)), 300)
    assert told
    assert all(file["loaded"] or file["rejected"] for file in told)


def test_bombs_of_zip_gzip_and_xml(tmp_path, plain_site):
    told = told_by_command(landed(tmp_path, plain_site, bombs()), 60)
    assert {file["path"]: (file["outcome"], file["loaded"]) for file in told} == dict.fromkeys(bombs(), ("rejected", 0))


def test_odd_entries_of_landing_harm_nobody(tmp_path, plain_site):
    """A good file beside a pipe nobody writes to, a file that cannot be read, loops, and zips that point outside."""
    good = meter_csv([("07-01 00:00", 1.5)], meter_id="M1").encode()
    root = landed(tmp_path, plain_site, {"good.csv": good, "n" * 250: b"x", "tab\tand\nline.csv": b"x"})
    landing = root / "landing"
    os.mkfifo(landing / "pipe.csv")
    (landing / "unreadable.csv").symlink_to("/proc/self/mem")
    (landing / "loop.csv").symlink_to("loop.csv")
    (landing / "above").symlink_to("..")
    tricks = ["../out.csv", "/outside/out.csv", "a/../../out.csv", "C:\\out.csv"]
    for number, name in enumerate(tricks):
        with zipfile.ZipFile(landing / f"{number}.zip", "w") as bundle:
            bundle.writestr(name, meter_csv([("07-02 00:00", 9.9)], meter_id="M1"))
    told = {file["path"]: file for file in told_by_command(root, 60)}
    assert (told["good.csv"]["outcome"], told["good.csv"]["loaded"]) == ("loaded", 1)
    assert told["unreadable.csv"]["outcome"] == "rejected"
    assert told["unreadable.csv"]["reasons"][0]["allowed"] == "a file that can be read"
    assert [told[f"{number}.zip"]["outcome"] for number in range(len(tricks))] == ["rejected"] * len(tricks)
    assert not list(tmp_path.rglob("out.csv"))


@pytest.mark.soak
def test_the_whole_corpus_mutated_at_once(tmp_path, corpus_site):
    first = int(os.environ.get("V2B_SOAK_SEED", "1"))
    for seed in range(first, first + 5):
        check_corpus(tmp_path / str(seed), corpus_site, seed)


def check_corpus(folder: Path, site: str, seed: int) -> None:
    draw = random.Random(seed)
    files = {
        f"{number}.any": mutated(name, draw.choices(MUTATIONS, k=draw.randint(1, 3)), draw.randrange(2**32))
        for number, name in enumerate(sorted(SEEDS))
    }
    root = landed(folder, site, files)
    told = told_by_command(root, 300)
    assert {file["path"] for file in told} == set(files)
    assert {"loaded", "partial", "rejected"} <= {file["outcome"] for file in told} <= OUTCOMES
    again = told_by_command(root, 300)
    assert [file["sha256"] for file in again] == [file["sha256"] for file in told]
    assert all(file["loaded"] == 0 for file in again)
