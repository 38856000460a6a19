"""The real Dagster UI in a real browser: the graph is there, and a month launched by clicking succeeds.

Every wait is bounded and generous, and ends as soon as what it waits for is there.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.stale import stale_range
from pipeline.warehouse import Warehouse
from tests.dagster.conftest import ingested, run, runs_of, simulated
from tests.e2e.conftest import COMMAND

pytestmark = pytest.mark.browser

BOUND_S = 180.0
BOUND_MS = BOUND_S * 1000
# no sandbox inside containers, no graphics card, no calls home
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@dataclass(frozen=True)
class Served:
    """A portfolio whose UI is up."""

    folder: Path
    url: str
    process: subprocess.Popen[str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> set[int]:
    """All processes below one, by the kernel's own lists."""
    found: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listed.read_text(encoding="utf-8").split()):
                found |= {child, *descendants(child)}
    return found


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_for_answer(served: Served) -> None:
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline and served.process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{served.url}/server_info", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"the UI did not come up within {BOUND_S:g} s (exit code {served.process.poll()})")


def wait_for_run(folder: Path) -> str:
    """The id of the first run of the months, once the click has made it."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        if found := runs_of(folder, "months"):
            return found[0].run_id
        time.sleep(0.2)
    pytest.fail("the click made no run")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One site and month, loaded but not computed, and `v2b ui` on it."""
    folder = ingested(simulated(tmp_path_factory.mktemp("ui") / "portfolio"))
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    with (folder / "ui.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "ui", "--portfolio", str(folder), "--port", str(port)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, text=True,
        )  # fmt: skip
    served = Served(folder, f"http://127.0.0.1:{port}", process)
    try:
        wait_for_answer(served)
        yield served
    finally:
        left = {process.pid, *descendants(process.pid)}
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(BOUND_S)
        for pid in filter(alive, left):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def test_the_graph_lists_the_assets_and_a_month_is_launched_by_clicking(served: Served) -> None:
    with Warehouse(served.folder, wait_s=BOUND_S) as warehouse:
        stale = stale_range(load_portfolio(served.folder), warehouse, Scope(datetime.now(UTC)))
    assert stale is not None
    month, errors = stale[0], list[str]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 2200, "height": 1300})
        page.set_default_timeout(BOUND_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))

        page.goto(f"{served.url}/asset-groups")
        nodes = page.locator("svg foreignObject")
        expect(nodes.filter(has_text="ingest")).not_to_have_count(0, timeout=BOUND_MS)
        page.keyboard.press("Alt+e")  # opens every group
        for asset in ("meter_interval", "load_interval", "bill_line", "savings_month", "report", "run_outcome"):
            expect(nodes.filter(has_text=re.compile(asset)).first).to_be_visible(timeout=BOUND_MS)

        page.goto(f"{served.url}/locations/v2b/jobs/months")
        page.get_by_role("button", name="Materialize all").click()
        partitions = page.get_by_placeholder(re.compile("^ex: 2000-01"))
        partitions.fill(month)
        partitions.press("Enter")
        page.get_by_role("button", name="Launch 1 run").click()

        launched = wait_for_run(served.folder)
        page.goto(f"{served.url}/runs/{launched}")
        expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=BOUND_MS)
        browser.close()
    assert errors == []
    assert [found.status.value for found in runs_of(served.folder, "months")] == ["SUCCESS"]
    assert (served.folder / "out" / "site-00001" / month / "report.html").is_file()


def test_the_command_line_works_beside_the_ui(served: Served) -> None:
    report = run(served.folder)
    assert report.errors == []
    assert runs_of(served.folder, "ingest")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ending_the_ui_ends_all_its_processes(blank: Path, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "portfolio"
    shutil.copytree(blank, folder)
    port = free_port()
    with (folder / "ui.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "ui", "--portfolio", str(folder), "--port", str(port)], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True, text=True,
        )  # fmt: skip
    left = {process.pid}
    try:
        wait_for_answer(Served(folder, f"http://127.0.0.1:{port}", process))
        left |= descendants(process.pid)
        assert len(left) > 3  # dagster, its code server, web server and daemon
        process.send_signal(number)
        process.wait(BOUND_S)
        deadline = time.monotonic() + BOUND_S
        while any(map(alive, left)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not [pid for pid in left if alive(pid)]
        assert process.returncode == (0 if number == signal.SIGTERM else -number)
    finally:
        for pid in filter(alive, left):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
