"""The commands of `v2b`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline import __version__
from pipeline.cli.output import (
    Bars,
    Format,
    fail,
    print_frame,
    print_json,
    print_months,
    print_table,
    say,
)
from pipeline.cli.runs import dagster_home, run_everything
from pipeline.domain import V2BError
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio, load_portfolio, read_series
from pipeline.simulate import EXAMPLES, SimulationOptions, write_example, write_portfolio
from pipeline.steps.loading import FileOutcome, copy_to_landing, ingest
from pipeline.steps.months import stored_summaries
from pipeline.steps.progress import listening
from pipeline.steps.reports import render_reports
from pipeline.steps.scope import Scope
from pipeline.steps.sending import due_messages
from pipeline.steps.status import status_rows
from pipeline.tariff import load_tariff
from pipeline.warehouse import PUBLISHED_NAME, Warehouse, read_copy, sql_folder

app = typer.Typer(
    name="v2b",
    help="What vehicle-to-building was really worth: peak kW reduction, percentage saved, annual money saved.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
tariff_app = typer.Typer(help="Tariff files.", no_args_is_help=True)
app.add_typer(tariff_app, name="tariff")

PortfolioOption = Annotated[
    Path, typer.Option("--portfolio", envvar="V2B_PORTFOLIO", help="The portfolio folder.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the machine contract.")]
SitesOption = Annotated[list[str], typer.Option("--site", help="Only this site; may be given more than once.")]
MonthsOption = Annotated[
    list[str], typer.Option("--month", help="Only this month YYYY-MM; may be given more than once.")
]
DEFAULT: Final = Path("portfolio")
_TABLE_MONTHS: Final = 36


def _version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False
) -> None:
    _version(wanted=version)


def _opened(folder: Path) -> Portfolio:
    """Read the portfolio; refused site files are said, the others go on."""
    portfolio = load_portfolio(folder.resolve())
    for error in portfolio.refused.values():
        say(f"error: {error}")
    return portfolio


def _checked(portfolio: Portfolio, sites: Sequence[str], months: Sequence[str]) -> None:
    for site_id in sites:
        if site_id not in portfolio.sites and site_id not in portfolio.refused:
            fail(f"--site {site_id}: not a site; the sites are {', '.join(sorted(portfolio.sites)) or 'none'}", 2)
    for month in months:
        try:
            datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a month has no zone
        except ValueError:
            fail(f"--month {month}: allowed is a month YYYY-MM", 2)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    example: Annotated[str | None, typer.Option(help="Make a complete example with data.")] = None,
) -> None:
    """Make a portfolio folder with commented config, or a complete example."""
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        fail(f"{folder} is not empty; allowed: a new or empty folder")
    if example is None:
        template = resources.files("pipeline") / "examples" / "template"
        with resources.as_file(template) as source:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / "landing").mkdir(exist_ok=True)
        say(
            f"{folder} is ready: edit sites/my-building.toml, put meter and charger files into landing/, then `v2b run`"
        )
        return
    if example not in EXAMPLES:
        fail(f"--example {example}: allowed is one of {', '.join(sorted(EXAMPLES))}", 2)
    write_example(folder, example)
    say(f"{folder} holds the example {example}; now `v2b run --portfolio {folder}`")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    sites: Annotated[int, typer.Option(min=1, help="How many sites.")] = 1,
    months: Annotated[int, typer.Option(min=1, help="How many months each.")] = 3,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    sample_s: Annotated[int, typer.Option(min=10, help="Seconds between charger samples.")] = 300,
    jitter_s: Annotated[int, typer.Option(min=0, help="How far a sample may stray from its moment [s].")] = 0,
    loss_pct: Annotated[int, typer.Option(min=0, max=100, help="Messages lost [%].")] = 0,
    clock_offset_s: Annotated[int, typer.Option(help="How far charger clocks are ahead [s].")] = 0,
    register_step_wh: Annotated[int, typer.Option(min=1, help="Smallest step of the registers [Wh].")] = 1,
    gap_hours: Annotated[int, typer.Option(min=0, help="Hours without any charger message.")] = 0,
    charger_format: Annotated[str, typer.Option("--format", help="ocpp, csv or both.")] = "ocpp",
) -> None:
    """Write a portfolio of simulated sites with known truth (truth.json)."""
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        fail(f"{folder} is not empty; allowed: a new or empty folder")
    if charger_format not in ("ocpp", "csv", "both"):
        fail(f"--format {charger_format}: allowed is ocpp, csv or both", 2)
    options = SimulationOptions(
        sample_s=sample_s,
        jitter_s=jitter_s,
        loss_pct=loss_pct,
        clock_offset_s=clock_offset_s,
        register_step_wh=register_step_wh,
        gap_hours=gap_hours,
        charger_format=charger_format,
    )
    write_portfolio(folder, sites=sites, months=months, seed=seed, options=options)
    say(f"{folder} holds {sites} simulated sites; now `v2b run --portfolio {folder}`")


@app.command("ingest")
def ingest_command(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Files; default: all of landing/.")] = None,
    portfolio: PortfolioOption = DEFAULT,
    *,
    as_json: JsonOption = False,
) -> None:
    """Load files: one line each, with counts and reasons."""
    opened = _opened(portfolio)
    only = copy_to_landing(opened, paths) if paths else None
    bars = Bars()
    with Warehouse(opened.root, note="v2b ingest") as warehouse, bars.shown():
        outcomes = ingest(
            opened,
            warehouse,
            Journal(opened.root),
            now=datetime.now(UTC),
            only=only,
            on_file=lambda outcome, done, total: bars("ingest", done, total, outcome.path),
        )
    if as_json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        _print_files([outcome.as_json() for outcome in outcomes])
    _notes(outcomes)
    if opened.refused or any(outcome.is_new and outcome.outcome == "rejected" for outcome in outcomes):
        raise typer.Exit(1)


def _print_files(files: Sequence[Mapping[str, Any]]) -> None:
    columns = [
        ("outcome", False),
        ("file", False),
        ("format", False),
        ("new", True),
        ("known", True),
        ("refused", True),
    ]
    rows = (
        [f["outcome"], f["path"], f["format"] or "-", str(f["loaded"]), str(f["unchanged"]), str(f["rejected"])]
        for f in files
    )
    print_table(columns, rows)
    for file in files:
        _say_refused(file)


def _say_refused(file: Mapping[str, Any]) -> None:
    for reason in file["reasons"][:5]:
        say(
            f"{file['outcome']}: {file['path']}: {reason['position']}, {reason['field']}: "
            f"{reason['value']!r} is not allowed; allowed: {reason['allowed']}"
        )
    if len(file["reasons"]) > 5:
        say(f"{file['outcome']}: {file['path']}: and {len(file['reasons']) - 5} more, in rejected_record")


def _notes(outcomes: Sequence[FileOutcome]) -> None:
    for outcome in outcomes:
        for note in outcome.notes if outcome.is_new else ():
            say(f"note: {outcome.path}: {note}")


@app.command()
def run(
    month: MonthsOption = [],  # noqa: B006 - Typer copies it
    site: SitesOption = [],  # noqa: B006
    portfolio: PortfolioOption = DEFAULT,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another run.")] = 600,
    *,
    as_json: JsonOption = False,
) -> None:
    """Ingest what is new and materialize every asset for the stale (or named) months."""
    opened = _opened(portfolio)
    _checked(opened, site, month)
    bars = Bars()
    with bars.shown(), listening(bars):
        report = run_everything(opened.root, months=month, sites=site, wait_s=wait)
    for file in report.files:
        _say_refused(file)
    with Warehouse(opened.root, wait_s=wait, note="v2b run") as warehouse:
        summaries = stored_summaries(warehouse)
    _print_run(opened, summaries, set(report.computed), month, site, as_json=as_json)
    for error in report.errors:
        say(f"error: {error}")
    rejected = any(file["outcome"] == "rejected" for file in report.files)
    if report.errors or rejected or opened.refused:
        raise typer.Exit(1)


def _print_run(
    opened: Portfolio,
    summaries: Sequence[Mapping[str, Any]],
    computed: set[tuple[str, str]],
    months: Sequence[str],
    sites: Sequence[str],
    *,
    as_json: bool,
) -> None:
    def chosen(summary: Mapping[str, Any]) -> bool:
        named = summary["month"] in months and (not sites or summary["site_id"] in sites)
        return (summary["site_id"], summary["month"]) in computed or named

    shown = [summary for summary in summaries if chosen(summary)]
    if as_json:
        print_json([_versioned(opened, summary) for summary in shown])
        return
    if not shown:
        say("Nothing was stale: every bill and report stands.")
        shown = [s for s in summaries if not sites or s["site_id"] in sites]
    stated = [summary for summary in shown if summary["state"] != "seed"][-_TABLE_MONTHS:]
    print_months(stated)
    folders = {summary["site_id"] for summary in stated}
    for site_id in sorted(folders)[:5]:
        latest = max(s["month"] for s in stated if s["site_id"] == site_id)
        say(f"report: {opened.root / 'out' / site_id / latest / 'report.html'}")


def _versioned(opened: Portfolio, summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stored result, with the version block of its report where it has one."""
    path = opened.root / "out" / summary["site_id"] / summary["month"] / "summary.json"
    version = json.loads(path.read_text(encoding="utf-8"))["version"] if path.is_file() else None
    return {**summary, "version": version}


@app.command()
def report(
    site: Annotated[str, typer.Option(help="The site.")],
    month: Annotated[str, typer.Option(help="The month YYYY-MM.")],
    portfolio: PortfolioOption = DEFAULT,
) -> None:
    """Render a report again from what is stored."""
    opened = _opened(portfolio)
    _checked(opened, [site], [month])
    scope = Scope(datetime.now(UTC), {month}, {site})
    outcomes = render_reports(
        opened, lambda: Warehouse(opened.root, note="v2b report"), Journal(opened.root), scope, again=True
    )
    if not outcomes:
        fail(f"site {site} has no stored bill with a saving for {month}; `v2b status` shows what there is")
    for outcome in outcomes:
        if outcome.reason:
            fail(outcome.reason)
        print(outcome.path)


@app.command()
def send(
    month: MonthsOption = [],  # noqa: B006
    site: SitesOption = [],  # noqa: B006
    portfolio: PortfolioOption = DEFAULT,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name the .eml files that are due.")] = False,
) -> None:
    """Name the e-mails that are due and not yet sent, each with its .eml file."""
    if not dry_run:
        fail("this version sends nothing: give --dry-run to see the .eml files that are due", 2)
    opened = _opened(portfolio)
    _checked(opened, site, month)
    scope = Scope(datetime.now(UTC), frozenset(month) or None, frozenset(site) or None)
    with Warehouse(opened.root, note="v2b send") as warehouse:
        due = due_messages(opened, warehouse, Journal(opened.root), scope)
    print_table(
        [("site", False), ("month", False), ("version", True), ("to", False), ("file", False)],
        ([m.site_id, m.month, str(m.version), m.recipient, str(m.path)] for m in due),
    )


@app.command()
def status(portfolio: PortfolioOption = DEFAULT, *, as_json: JsonOption = False) -> None:
    """Show sites x months: state, grade, findings, report version, e-mail state, next action."""
    opened = _opened(portfolio)
    with Warehouse(opened.root, note="v2b status") as warehouse:
        rows = status_rows(opened, warehouse, Journal(opened.root), Scope(datetime.now(UTC)))
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    columns = [(name, False) for name in ("site", "month", "state", "grade", "report", "e-mail", "findings", "next")]
    print_table(columns, (row.cells() for row in rows))


@app.command("sql")
def sql_command(
    statement: Annotated[str, typer.Argument(help="A read-only statement.")],
    portfolio: PortfolioOption = DEFAULT,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Query the analysts' copy, read-only."""
    print_frame(read_copy(portfolio.resolve() / PUBLISHED_NAME, statement), style)


@app.command()
def query(
    name: Annotated[str | None, typer.Argument(help="A saved question; none lists them.")] = None,
    values: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Its parameters.")] = None,
    portfolio: PortfolioOption = DEFAULT,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Answer a saved question from sql/queries/."""
    questions = {path.stem: path.read_text(encoding="utf-8") for path in (sql_folder() / "queries").glob("*.sql")}
    if name is None:
        rows = ([key, text.splitlines()[0].removeprefix("-- ")] for key, text in sorted(questions.items()))
        print_table([("name", False), ("question", False)], rows)
        return
    if name not in questions:
        fail(f"{name} is no saved question; there are {', '.join(sorted(questions))}", 2)
    parameters = dict(value.split("=", 1) for value in values or [] if "=" in value)
    wanted = {
        word.strip("-$:, ") for line in questions[name].splitlines() for word in line.split()[1:2] if "-- $" in line
    }
    if wanted != set(parameters) or len(parameters) != len(values or []):
        fail(f"{name} takes {' '.join(f'{key}=...' for key in sorted(wanted)) or 'no parameters'}", 2)
    print_frame(read_copy(portfolio.resolve() / PUBLISHED_NAME, questions[name], parameters), style)


@tariff_app.command("check")
def tariff_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A native or URDB tariff.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Read a tariff; per field: used, refused, ambiguous."""
    tariff = load_tariff(file, lambda name: read_series(file.parent.parent / "series" / f"{name}.csv"))
    if as_json:
        print_json([{"field": v.field, "verdict": v.verdict, "reason": v.reason} for v in tariff.verdicts])
        return
    columns = [("verdict", False), ("field", False), ("reason", False)]
    print_table(columns, ([v.verdict, v.field, v.reason] for v in tariff.verdicts))


@app.command()
def ui(
    portfolio: PortfolioOption = DEFAULT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Start the Dagster UI on the portfolio."""
    root = _opened(portfolio).root
    home = dagster_home(root)
    os.environ["V2B_PORTFOLIO"] = str(root)
    workspace = Path("workspace.yaml")
    if not workspace.is_file():
        workspace = home / "workspace.yaml"
        text = "load_from:\n  - python_module:\n      module_name: pipeline.definitions\n      location_name: v2b\n"
        workspace.write_text(text, encoding="utf-8")
    program = Path(sys.executable).with_name("dagster")
    os.execv(program, [str(program), "dev", "-w", str(workspace), "-h", host, "-p", str(port)])  # noqa: S606


def main() -> None:
    """Run the command; every failure this program can explain is one sentence and exit code 1."""
    try:
        app()
    except V2BError as error:
        say(f"error: {error}")
        sys.exit(1)
