"""The examples of `v2b init --example NAME`: package data that becomes a complete portfolio folder."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from pipeline.domain import ConfigError
from pipeline.simulate.portfolio_files import refuse_used_folder, write_data
from pipeline.simulate.real_inputs import read_real_inputs
from pipeline.simulate.recipe import Recipe, read_recipe
from pipeline.simulate.registers import SimulationOptions
from pipeline.simulate.world import run_site

EXAMPLES: Final[tuple[str, ...]] = ("atsugi", "home", "office")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _copy_config(source: Path, folder: Path, recipe: Recipe) -> None:
    _copy(source / "v2b.toml", folder / "v2b.toml")
    _copy(source / "README.md", folder / "README.md")
    _copy(source / "site.toml", folder / "sites" / f"{recipe.site_id}.toml")
    for tariff in source.glob(f"{recipe.tariff}.*"):
        _copy(tariff, folder / "tariffs" / tariff.name)
    for series in sorted((source / "series").glob("*.csv")):
        _copy(series, folder / "series" / series.name)
    for licence in sorted(source.glob("LICENSE*")):
        _copy(licence, folder / licence.name)


def write_example(folder: Path, name: str, until: date | None = None) -> None:
    """Write the example `name` of `EXAMPLES` as a complete portfolio, of days before `until` only where that is given.

    Raises ConfigError for another name and for a folder that holds something.
    """
    if name not in EXAMPLES:
        raise ConfigError("v2b init", "--example", name, ", ".join(EXAMPLES))
    refuse_used_folder(folder)
    with as_file(files("pipeline") / "examples" / name) as source:
        recipe_path = source / "recipe.toml"
        recipe = read_recipe(recipe_path.name, tomllib.loads(recipe_path.read_text("utf-8"), parse_float=Decimal))
        recipe = recipe if until is None else replace(recipe, last=min(until, recipe.last))
        real = read_real_inputs(source, recipe) if recipe.building is None else None
        _copy_config(source, folder, recipe)
        write_data(folder, [run_site(recipe, real)], SimulationOptions(sample_s=recipe.sample_s or 300))
