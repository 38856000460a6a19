"""The analysts' views as files for spreadsheets and BI tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.root import DEFAULT, MonthsOption, PortfolioOption, SitesOption, app, check_names, opened_portfolio
from pipeline.steps.exporting import export
from pipeline.warehouse import PUBLISHED_NAME


@app.command("export")
def export_command(
    month: MonthsOption = [],  # noqa: B006 - Typer copies it
    site: SitesOption = [],  # noqa: B006
    portfolio: PortfolioOption = DEFAULT,
    style: Annotated[
        Literal["xlsx", "csv", "parquet"], typer.Option("--format", help="xlsx, csv or parquet.")
    ] = "xlsx",
    to: Annotated[Path, typer.Option(help="The folder to write into.", show_default=True)] = Path("v2b-export"),
) -> None:
    """Write the analysts' views as files: a workbook with a sheet a month, CSV or Parquet."""
    opened = opened_portfolio(portfolio)
    check_names(opened, site, month)
    for path in export(opened.root / PUBLISHED_NAME, to, style, month, site):
        print(path)
