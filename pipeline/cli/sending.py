"""The command that mails: what is due, what became of it, and the questions only a person can answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from pipeline.cli.output import Bars, fail, print_table, say
from pipeline.cli.root import DEFAULT, MonthsOption, PortfolioOption, SitesOption, app, check_names, opened_portfolio
from pipeline.journal import Journal, MailKey, OutboxState
from pipeline.portfolio import Portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.sending import (
    Decision,
    Mailer,
    MailOutcome,
    resolve,
    send_due,
    unresolved_mails,
    write_due,
)
from pipeline.warehouse import Warehouse

_COLUMNS: Final = [("what", False), ("site", False), ("month", False), ("version", True), ("to", False)]
_ASK_WAIT_S: Final = 600.0
_ANSWERS: Final[dict[str, Decision]] = {
    "s": "sent",
    "sent": "sent",
    "a": "again",
    "again": "again",
    "l": "leave",
    "leave": "leave",
    "": "leave",
}


@app.command()
def send(
    month: MonthsOption = [],  # noqa: B006 - Typer copies it
    site: SitesOption = [],  # noqa: B006
    portfolio: PortfolioOption = DEFAULT,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the .eml files that are due; send nothing.")
    ] = False,
    resolving: Annotated[
        bool, typer.Option("--resolve", help="First ask about each mail of which nobody knows whether it arrived.")
    ] = False,
) -> None:
    """E-mail what is due and not yet sent: reports, corrections, reminders and digests."""
    if dry_run and resolving:
        fail("--dry-run sends nothing and --resolve decides what is sent: give one of them", 2)
    opened = opened_portfolio(portfolio)
    check_names(opened, site, month)
    scope = Scope(datetime.now(UTC), frozenset(month) or None, frozenset(site) or None)
    journal = Journal(opened.root)

    def opening() -> Warehouse:
        return Warehouse(opened.root, note="v2b send")

    if dry_run:
        due = write_due(opened, opening, journal, scope)
        print_table([*_COLUMNS, ("file", False)], ([*_cells(mail.key), str(mail.path)] for mail in due))
        return
    if resolving:
        _ask_all(opened, opening, journal, scope)
    _send(opened, opening, journal, scope)


def _send(opened: Portfolio, opening: Callable[[], Warehouse], journal: Journal, scope: Scope) -> None:
    mailer, bars = Mailer.of(opened.settings, os.environ), Bars()
    with bars.shown():
        outcomes = send_due(opened, opening, journal, scope, mailer, on_mail=lambda found: _tell(bars, found))
    if not outcomes:
        say("Nothing is due that was not sent before.")
        return
    print_table([*_COLUMNS, ("state", False)], ([*_cells(found.key), found.state] for found in outcomes))
    unsent = [found for found in outcomes if found.state != "sent"]
    for found in unsent:
        say(f"error: {found.sentence}")
    if any(found.state in ("unknown", "failed") for found in unsent):
        say("`v2b send --resolve` asks what to do with mail that is unknown or failed.")
    if unsent:
        raise typer.Exit(1)


def _tell(bars: Bars, found: MailOutcome) -> None:
    bars("send", 0, None, found.key.recipient)


def _cells(key: MailKey) -> list[str]:
    return [key.kind, key.site_id or "-", key.month, str(key.version), key.recipient]


def _ask_all(opened: Portfolio, opening: Callable[[], Warehouse], journal: Journal, scope: Scope) -> None:
    """Ask about each mail whose fate is unknown, or that failed; answers given before the input ends stand."""
    with journal.mailing(_ASK_WAIT_S, scope.now), opening() as warehouse:
        open_questions = unresolved_mails(opened, warehouse, journal, scope)
    if not open_questions:
        say("Nothing to resolve: no mail is unknown or failed.")
    for key, state, words in open_questions:
        resolve(journal, key, _asked(key, state, words), datetime.now(UTC))


def _asked(key: MailKey, state: OutboxState, words: str) -> Decision:
    about = " ".join(cell for cell in _cells(key) if cell != "-")
    while True:
        say(f"{about}: {state}: {words}")
        print("Did it arrive? [s]ent, send [a]gain or [l]eave: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            fail("--resolve asks a person, and its input has ended: use a terminal, or pipe sent, again or leave")
        answer = _ANSWERS.get(line.strip().lower())
        if answer:
            return answer
