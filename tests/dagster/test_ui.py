"""The real Dagster UI in a real browser: the graph is there, and a month launched by clicking succeeds.

Every wait is bounded and generous, and ends as soon as what it waits for is there.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterRun, DagsterRunStatus
from playwright.sync_api import Locator, Page, expect, sync_playwright

from pipeline.cli.runs import LOCATION
from pipeline.definitions import build_definitions
from pipeline.warehouse import Warehouse
from tests.dagster.conftest import materialized, run, runs_of
from tests.e2e.conftest import COMMAND

pytestmark = pytest.mark.browser

BOUND_S = 420.0
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


def wait_for_run(folder: Path, before: set[str]) -> str:
    """The id of the run of the months that the click has made; the sensors' runs begin by themselves."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        fresh = [found for found in runs_of(folder, "months") if found.run_id not in before]
        if clicked := [found.run_id for found in fresh if "dagster/sensor_name" not in found.tags]:
            return clicked[0]
        time.sleep(0.2)
    pytest.fail("the click made no run")


@contextmanager
def ui_of(folder: Path) -> Iterator[Served]:
    """`v2b ui` on a portfolio, up and answering; whatever happens, nothing of it stays."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("V2B_", "DAGSTER_"))}
    with (folder / "ui.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "ui", "--portfolio", str(folder), "--port", str(port)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, text=True,
        )  # fmt: skip
    served = Served(folder, f"http://127.0.0.1:{port}", process)
    left: set[int] = set()
    try:
        wait_for_answer(served)
        left = descendants(process.pid)
        yield served
    finally:
        left |= {process.pid, *descendants(process.pid)}
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(BOUND_S)
        for pid in filter(alive, left):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def ended(served: Served, number: signal.Signals) -> None:
    """End `v2b ui` and see that everything below it ends, too."""
    left = descendants(served.process.pid)
    assert len(left) >= 4  # dagster, its code server, web server and daemon
    served.process.send_signal(number)
    served.process.wait(BOUND_S)
    deadline = time.monotonic() + BOUND_S
    while any(map(alive, left)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in left if alive(pid)]


def stated(folder: Path) -> dict[str, dict[str, Any]]:
    """The summaries of all reports, by month."""
    found = {path.parent.name: path.read_text(encoding="utf-8") for path in folder.glob("out/*/*/summary.json")}
    return {month: json.loads(text) for month, text in sorted(found.items())}


def wait_for_reports(folder: Path, wanted: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
    """The reports, once they are as wanted and the run that made them has ended."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        found = stated(folder)
        if wanted(found) and all(run.is_finished for run in runs_of(folder)):
            return found
        time.sleep(0.5)
    pytest.fail(f"the reports did not come: {sorted(stated(folder))}")


def drop_correction(folder: Path, month: str) -> None:
    """A late file: one night hour of the meter in an old month drew 1 kWh more than was said."""
    meter = next((folder / "landing").rglob("meter.csv"))
    header, *lines = meter.read_text(encoding="utf-8").splitlines()
    cells = next(line for line in lines if f"{month}-20T02:00" in line).split(",")
    cells[3] = str(Decimal(cells[3]) + 1)
    (meter.parent / "corrected.csv").write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")


def numbers(summary: dict[str, Any]) -> str:
    """What a restatement is about: bill lines, peaks, cars, the check, and whether the saving is proved."""
    return json.dumps([summary[part] for part in ("lines", "peak_kw", "fleet", "check", "provable")])


def test_the_ui_from_its_start_to_its_end(blank: Path, tmp_path: Path) -> None:
    """Files become reports without further action, a late one restates its month, a month is launched by clicking.

    The command line works beside it, and in the end all processes end.
    """
    folder = shutil.copytree(blank, tmp_path / "portfolio")
    with ui_of(folder) as served:
        before = wait_for_reports(folder, lambda found: len(found) == 2)
        [run_of_months] = runs_of(folder, "months")
        assert run_of_months.status.value == "SUCCESS"
        month = min(before)
        drop_correction(folder, month)
        clicked_through(served, max(before))
        a_range_is_one_run(served, sorted(before))
        after = wait_for_reports(folder, lambda found: found[month]["version"]["report"] == 2)
        for name, summary in after.items():
            restated = numbers(summary) != numbers(before[name])
            assert summary["version"]["report"] == (2 if restated else 1), name
        assert numbers(after[month]) != numbers(before[month])
        with Warehouse(folder, wait_s=BOUND_S) as warehouse:
            assert warehouse.query("select count(*) from meter_interval_history").item() == 1
        assert run(folder).errors == []
        ended(served, signal.SIGTERM)
        assert served.process.returncode == 0


def open_groups(page: Page, nodes: Locator) -> None:
    """Press the key that opens every group; a page that was not listening yet is asked again."""
    for _ in range(int(BOUND_S / 15)):
        page.keyboard.press("Alt+e")
        with suppress(AssertionError):
            expect(nodes.filter(has_text="run_outcome")).to_be_visible(timeout=15_000)
            return
    pytest.fail("the groups of the asset graph did not open")


def clicked_through(served: Served, month: str) -> None:
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 2200, "height": 1300})
        page.set_default_timeout(BOUND_MS)
        expect.set_options(timeout=BOUND_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))

        page.goto(f"{served.url}/asset-groups")
        nodes = page.locator("svg foreignObject")
        expect(nodes.filter(has_text="ingest")).not_to_have_count(0, timeout=BOUND_MS)
        open_groups(page, nodes)
        for asset in ("meter_interval", "load_interval", "bill_line", "savings_month", "report", "run_outcome"):
            expect(nodes.filter(has_text=re.compile(asset)).first).to_be_visible(timeout=BOUND_MS)

        before = {found.run_id for found in runs_of(served.folder, "months")}
        page.goto(f"{served.url}/locations/v2b/jobs/months")
        page.get_by_role("button", name="Materialize all").click()
        partitions = page.get_by_placeholder(re.compile("^ex: 2000-01"))
        partitions.fill(month)
        partitions.press("Enter")
        page.get_by_role("button", name="Launch 1 run").click()

        launched = wait_for_run(served.folder, before)
        page.goto(f"{served.url}/runs/{launched}")
        expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=BOUND_MS)
        seen_by_a_person(page, served.url, month)
        browser.close()
    assert errors == []
    assert {found.run_id: found.status.value for found in runs_of(served.folder, "months")}[launched] == "SUCCESS"


BACKFILL = """
mutation ($asked: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $asked) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""


def asked(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    """What the UI's own interface answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{served.url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=BOUND_S) as answer:
        found: dict[str, Any] = json.load(answer)
    assert "errors" not in found, found
    return dict(found["data"])


def a_range_is_one_run(served: Served, months: list[str]) -> None:
    """A backfill over months, as the UI asks for it at the job's *Launch backfill*, makes one run of them all."""
    graph = build_definitions(served.folder).resolve_asset_graph()
    monthly = [key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def]
    repository = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
    wanted = {
        "selector": {"partitionSetName": "months_partition_set", "repositorySelector": repository},
        "assetSelection": [{"path": list(key.path)} for key in monthly],
        "partitionNames": months,
    }
    made = asked(served, BACKFILL, asked=wanted)["launchPartitionBackfill"]
    assert made["__typename"] == "LaunchBackfillSuccess", made
    deadline = time.monotonic() + BOUND_S
    runs: list[DagsterRun] = []
    while time.monotonic() < deadline and not (runs and all(run.is_finished for run in runs)):
        runs = [run for run in runs_of(served.folder) if run.tags.get("dagster/backfill") == made["backfillId"]]
        time.sleep(0.5)
    [only] = runs
    assert only.status == DagsterRunStatus.SUCCESS
    assert only.tags["dagster/asset_partition_range_start"] == months[0]
    assert only.tags["dagster/asset_partition_range_end"] == months[-1]
    for asset in ("savings_month", "report", "run_outcome"):
        assert {materialized(served.folder, asset)[month].partition for month in months} == set(months)


def seen_by_a_person(page: Page, url: str, month: str) -> None:
    """Column descriptions, plots, checks with their severity, and the chart of the peak day."""
    page.goto(f"{url}/assets/savings_month?view=overview")
    expect(page.get_by_text("Own peak as metered [kW]").first).to_be_visible()
    expect(page.get_by_text("data-engineering").first).to_be_visible()
    page.get_by_role("button", name="Plots").click()
    expect(page.locator("canvas").first).to_be_visible()
    page.goto(f"{url}/assets/savings_month?view=checks")
    for check in ("lines_sum_to_bill", "meter_is_complete"):
        expect(page.get_by_text(check).first).to_be_visible()
    page.get_by_text("lines_sum_to_bill").first.click()
    expect(page.get_by_text("ERROR: the lines of every world's bill", exact=False).first).to_be_visible()
    page.goto(f"{url}/assets/report?view=partitions&partition={month}")
    expect(page.get_by_text(f"/{month}/report.html").first).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    chart = page.locator('img[src^="data:image/svg+xml"]').first
    expect(chart).to_be_visible()
    assert chart.evaluate("image => image.naturalWidth") > 300


def test_killing_the_ui_ends_all_its_processes(blank: Path, tmp_path: Path) -> None:
    """kill -9 leaves no time to say goodbye: the kernel tells the services."""
    folder = tmp_path / "portfolio"
    shutil.copytree(blank, folder)
    with ui_of(folder) as served:
        ended(served, signal.SIGKILL)
        assert served.process.returncode == -signal.SIGKILL


def program(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


@pytest.mark.soak
@pytest.mark.parametrize("name", ["dagster._daemon", "dagster_webserver"])
def test_killing_one_of_the_services_ends_the_others_with_a_sentence(blank: Path, tmp_path: Path, name: str) -> None:
    """Nothing seems to go on that does not; the next start finds all that was finished."""
    folder = shutil.copytree(blank, tmp_path / "portfolio")
    with ui_of(folder) as served:
        left = descendants(served.process.pid)
        victims = [pid for pid in left if name in program(pid)]
        assert victims, [program(pid) for pid in left]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        assert served.process.wait(BOUND_S) != 0
        assert not [pid for pid in left if alive(pid)]
    assert "ended; what was finished stands: start `v2b ui` again" in (folder / "ui.log").read_text(encoding="utf-8")
    assert run(folder).errors == []
    assert len(stated(folder)) == 2
