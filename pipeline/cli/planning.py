"""The command that states a site's measurement and verification plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli.output import fail, say
from pipeline.cli.root import DEFAULT, PortfolioOption, app, opened_portfolio
from pipeline.journal import Journal
from pipeline.steps.planning import issue_plan, plan_markdown


@app.command()
def plan(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site's id.")],
    portfolio: PortfolioOption = DEFAULT,
) -> None:
    """Freeze and print the site's measurement and verification plan, as Markdown."""
    opened = opened_portfolio(portfolio)
    if site not in opened.sites:
        fail(f"{site}: not a site; the sites are {', '.join(sorted(opened.sites)) or 'none'}", 2)
    journal, chosen = Journal(opened.root), opened.sites[site]
    known = len(journal.plans(site))
    issued = issue_plan(opened, journal, chosen, datetime.now(UTC))
    print(plan_markdown(opened, chosen, journal.plans(site)), end="")
    if len(journal.plans(site)) > known:
        say(f"version {issued.version} of the plan of {site} is in the journal")
