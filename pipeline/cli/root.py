"""The command itself: its options and how a portfolio is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline import __version__
from pipeline.cli.output import fail, say
from pipeline.portfolio import Portfolio, load_portfolio
from pipeline.steps.logs import configure

app = typer.Typer(
    name="v2b",
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


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer hands the option over by position
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print every line of the log to stderr.")] = False,
) -> None:
    """What vehicle-to-building was really worth: peak kW reduction, percentage saved, annual money saved."""
    configure(None, verbose=verbose)


def opened_portfolio(folder: Path) -> Portfolio:
    """Read the portfolio; refused site files are said, the others go on."""
    portfolio = load_portfolio(folder.resolve())
    configure(portfolio.root)
    for error in portfolio.refused.values():
        say(f"error: {error}")
    return portfolio


def check_names(portfolio: Portfolio, sites: Sequence[str], months: Sequence[str]) -> None:
    """End with exit code 2 for a site that is not configured, or a month that is none."""
    for site_id in sites:
        if site_id not in portfolio.sites and site_id not in portfolio.refused:
            fail(f"--site {site_id}: not a site; the sites are {', '.join(sorted(portfolio.sites)) or 'none'}", 2)
    for month in months:
        try:
            datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a month has no zone
        except ValueError:
            fail(f"--month {month}: allowed is a month YYYY-MM", 2)
