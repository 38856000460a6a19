"""Commands that work on a portfolio: ingest, run, report, status, sql, query."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import typer

from pipeline.cli.output import Bars, Format, fail, print_frame, print_json, print_months, print_table, say
from pipeline.cli.root import (
    DEFAULT,
    JsonOption,
    MonthsOption,
    PortfolioOption,
    SitesOption,
    app,
    check_names,
    opened_portfolio,
)
from pipeline.cli.runs import run_everything
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio
from pipeline.steps.loading import FileOutcome, copy_to_landing, ingest
from pipeline.steps.months import stored_summaries
from pipeline.steps.planning import with_plan_changes
from pipeline.steps.progress import listening
from pipeline.steps.ranking import ranked_tariffs
from pipeline.steps.reports import render_reports
from pipeline.steps.scope import Scope
from pipeline.steps.status import status_of
from pipeline.warehouse import PUBLISHED_NAME, Warehouse, read_copy, saved_questions

_TABLE_MONTHS: Final = 36
_FURTHER: Final[Mapping[str, Callable[[Portfolio, pl.DataFrame, Mapping[str, str]], pl.DataFrame]]] = {
    "rank_tariffs": lambda opened, worlds, values: ranked_tariffs(opened, worlds, values["site"]),
}
"""Saved questions that SQL alone cannot answer: what is made of its rows."""


@app.command("ingest")
def ingest_command(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Files; default: all of landing/.")] = None,
    portfolio: PortfolioOption = DEFAULT,
    *,
    as_json: JsonOption = False,
) -> None:
    """Load files: one line each, with counts and reasons."""
    opened = opened_portfolio(portfolio)
    only = copy_to_landing(opened, paths) if paths else None
    bars = Bars()
    with Warehouse(opened.root, note="v2b ingest") as warehouse, bars.shown(), listening(bars):
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
    opened = opened_portfolio(portfolio)
    check_names(opened, site, month)
    bars = Bars()
    with bars.shown(), listening(bars):
        report = run_everything(opened.root, months=month, sites=site, wait_s=wait)
    for file in report.files:
        _say_refused(file)
    with Warehouse(opened.root, wait_s=wait, note="v2b run") as warehouse:
        summaries = stored_summaries(warehouse)
    _print_run(opened, summaries, set(report.computed), month, site, as_json=as_json, failed=bool(report.errors))
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
    failed: bool,
) -> None:
    def chosen(summary: Mapping[str, Any]) -> bool:
        named = summary["month"] in months and (not sites or summary["site_id"] in sites)
        return (summary["site_id"], summary["month"]) in computed or named

    shown = [summary for summary in summaries if chosen(summary)]
    if as_json:
        print_json([_versioned(opened, summary) for summary in shown])
        return
    if not shown:
        say("Nothing new was computed." if failed else "Nothing was stale: every bill and report stands.")
        shown = [s for s in summaries if not sites or s["site_id"] in sites]
    stated = [summary for summary in shown if summary["state"] != "seed"][-_TABLE_MONTHS:]
    print_months(stated)
    folders = {summary["site_id"] for summary in stated}
    for site_id in sorted(folders)[:5]:
        latest = max(s["month"] for s in stated if s["site_id"] == site_id)
        say(f"report: {opened.root / 'out' / site_id / latest / 'report.html'}")


def _versioned(opened: Portfolio, summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stored result as its report has it: changes of plan among its findings, and its version where it has one."""
    site = opened.sites.get(summary["site_id"])
    summary = summary if site is None else with_plan_changes(opened, Journal(opened.root), site, summary)
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
    opened = opened_portfolio(portfolio)
    check_names(opened, [site], [month])
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
def status(portfolio: PortfolioOption = DEFAULT, *, as_json: JsonOption = False) -> None:
    """Show what is right, what is wrong and what to do next, then every site and month."""
    opened = opened_portfolio(portfolio)
    with Warehouse(opened.root, note="v2b status") as warehouse:
        found = status_of(opened, warehouse, Journal(opened.root), Scope(datetime.now(UTC)))
    if as_json:
        print_json([row.as_json() for row in found.rows])
        return
    for heading, lines in (("Right", found.right), ("Wrong", found.wrong), ("To do", found.todo)):
        print("\n".join([heading, *(f"  {line}" for line in lines or ["nothing"]), ""]))
    columns = [(name, False) for name in ("site", "month", "state", "grade", "report", "e-mail", "findings", "next")]
    print_table(columns, (row.cells() for row in found.rows))


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
    questions = saved_questions()
    if name is None:
        rows = ([key, found.sentence, " ".join(found.parameters)] for key, found in questions.items())
        print_table([("name", False), ("question", False), ("takes", False)], rows)
        return
    if name not in questions:
        fail(f"{name} is no saved question; there are {', '.join(sorted(questions))}", 2)
    parameters = dict(value.split("=", 1) for value in values or [] if "=" in value)
    wanted = questions[name].parameters.keys()
    if wanted != parameters.keys() or len(parameters) != len(values or []):
        fail(f"{name} takes {' '.join(f'{key}=...' for key in sorted(wanted)) or 'no parameters'}", 2)
    found = read_copy(portfolio.resolve() / PUBLISHED_NAME, questions[name].sql, parameters)
    if name in _FURTHER:
        found = _FURTHER[name](opened_portfolio(portfolio), found, parameters)
    print_frame(found, style)
