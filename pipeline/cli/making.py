"""Commands that make things: portfolios, simulations; the tariff check and the UI."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.output import fail, print_json, print_table, say
from pipeline.cli.root import DEFAULT, JsonOption, PortfolioOption, app, opened_portfolio, tariff_app
from pipeline.cli.serving import serve_ui
from pipeline.portfolio import read_series
from pipeline.simulate import EXAMPLES, SimulationOptions, write_example, write_portfolio
from pipeline.steps.first_site import SITE_ID, make_first_site
from pipeline.tariff import load_tariff

FileFormat = Literal["ocpp", "csv", "both"]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files for --from.")] = None,
    *,
    example: Annotated[str | None, typer.Option(help="Make a complete example with data.")] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--from", metavar="FILE", help="Write the site file from your own files.")
    ] = None,
) -> None:
    """Make a portfolio folder with commented config, one from your own files, or a complete example."""
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        fail(f"{folder} is not empty; allowed: a new or empty folder")
    if more and not files:
        fail(f"{more[0]}: files belong behind --from", 2)
    if files and example:
        fail("--from and --example: allowed is one of them", 2)
    if files:
        _init_from(folder, [*files, *(more or [])])
        return
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


def _init_from(folder: Path, paths: list[Path]) -> None:
    """Make the folder, and say what was found and what is left to decide."""
    found = make_first_site(folder, paths)
    for path, told in found.files:
        say(f"{path}: {told}")
    say(f"{folder}/sites/{SITE_ID}.toml is written; look up what stands behind DECIDE in it:")
    for decision in found.decisions:
        say(f"  {decision}")
    say(f"then `v2b run --portfolio {folder}`")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    sites: Annotated[int, typer.Option(min=1, help="How many sites.")] = 1,
    months: Annotated[int, typer.Option(min=1, help="How many months each.")] = 3,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    sample_s: Annotated[int, typer.Option(min=10, help="Seconds between charger samples.")] = 300,
    jitter_s: Annotated[int, typer.Option(min=0, help="Seconds a sample may stray from its moment.")] = 0,
    loss_pct: Annotated[int, typer.Option(min=0, max=100, help="Messages lost [%].")] = 0,
    clock_offset_s: Annotated[int, typer.Option(help="Seconds that charger clocks are ahead.")] = 0,
    register_step_wh: Annotated[int, typer.Option(min=1, help="Smallest step of the registers [Wh].")] = 1,
    gap_hours: Annotated[int, typer.Option(min=0, help="Hours without any charger message.")] = 0,
    file_format: Annotated[FileFormat, typer.Option("--format", help="Of charger logs: ocpp, csv or both.")] = "ocpp",
) -> None:
    """Write a portfolio of simulated sites with known truth (truth.json)."""
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        fail(f"{folder} is not empty; allowed: a new or empty folder")
    options = SimulationOptions(
        sample_s=sample_s,
        jitter_s=jitter_s,
        loss_pct=loss_pct,
        clock_offset_s=clock_offset_s,
        register_step_wh=register_step_wh,
        gap_hours=gap_hours,
        file_format=file_format,
    )
    write_portfolio(folder, sites=sites, months=months, seed=seed, options=options)
    say(f"{folder} holds {sites} simulated sites; now `v2b run --portfolio {folder}`")


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
    open_first = sorted(tariff.verdicts, key=lambda verdict: verdict.verdict == "used")
    print_table(columns, ([v.verdict, v.field, v.reason] for v in open_first), wrap=True)
    if tariff.refused:
        say(f"not priced: {', '.join(refusal.field for refusal in tariff.refused)}; bills it concerns are partial")


@app.command()
def ui(
    portfolio: PortfolioOption = DEFAULT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Start the Dagster UI on the portfolio."""
    raise typer.Exit(serve_ui(opened_portfolio(portfolio).root, host, port))
