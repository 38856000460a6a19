"""What is common to every simulated portfolio folder: landing files, arming days, and the two files of truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.domain import ConfigError
from pipeline.simulate.price_list import read_price_list
from pipeline.simulate.registers import SimulationOptions
from pipeline.simulate.truth import site_truth
from pipeline.simulate.world import SimulatedSite
from pipeline.simulate.writers import (
    WINDOW_HEADER,
    arming_lines,
    outage_lines,
    window_lines,
    write_landing,
    write_lines,
)

_ABOUT = (
    "Exact answers of the simulation. Before programme_start (state seed) every world is billed as it was metered, so "
    "the saving is 0; truth_windows.csv has the physical energies of the worlds in all windows."
)


def refuse_used_folder(folder: Path) -> None:
    """Raise ConfigError where a folder already holds something: nothing of a portfolio is overwritten."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(str(folder), "folder", "not empty", "a new or empty folder")


def write_text(path: Path, text: str) -> None:
    """Write a text file with the same bytes on every machine."""
    write_lines(path, text, ())


def write_data(folder: Path, sites: Sequence[SimulatedSite], options: SimulationOptions) -> None:
    """Write the data and the truth of sites whose config and tariffs already stand in the folder."""
    truth, windows, arming, outages = {}, list[str](), list[str](), list[str]()
    for site in sites:
        recipe = site.recipe
        write_landing(folder / "landing" / recipe.site_id, site, options)
        prices = read_price_list(folder, recipe.tariff, recipe.currency_digits)
        truth[recipe.site_id] = site_truth(site, prices)
        windows.extend(window_lines(site))
        arming.extend(arming_lines(site))
        outages.extend(outage_lines(site))
    write_lines(folder / "arming.csv", "site_id,date,armed\n", arming)
    if outages:
        write_lines(folder / "outages.csv", "site_id,from,to\n", outages)
    write_lines(folder / "truth_windows.csv", WINDOW_HEADER, windows)
    write_text(folder / "truth.json", json.dumps({"about": _ABOUT, "sites": truth}, indent=1) + "\n")
