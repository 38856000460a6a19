"""`v2b simulate`: a portfolio of drawn sites with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.domain import ConfigError
from pipeline.simulate.portfolio_files import refuse_used_folder, write_data, write_text
from pipeline.simulate.registers import SimulationOptions
from pipeline.simulate.sites import draw_recipe, series_text, site_text, tariff_text
from pipeline.simulate.timeline import STEP_S
from pipeline.simulate.world import run_site

_SETTINGS: Final = '# Settings of a simulated portfolio.\ncurrency = "EUR"\nlanguage = "en"\n'
_LEAST: Final = {
    "sample_s": 1,
    "jitter_s": 0,
    "loss_pct": 0,
    "register_step_wh": 1,
    "gap_hours": 0,
}


def check_options(options: SimulationOptions) -> None:
    """Raise ConfigError for an option that makes no sense."""
    for name, least in _LEAST.items():
        if getattr(options, name) < least:
            raise ConfigError("v2b simulate", name, getattr(options, name), f"{least} or more")
    if options.loss_pct > 100:
        raise ConfigError("v2b simulate", "loss_pct", options.loss_pct, "0 to 100")
    if abs(options.clock_offset_s) >= 6 * 3600:
        raise ConfigError("v2b simulate", "clock_offset_s", options.clock_offset_s, "less than six hours")
    if options.jitter_s * 2 >= max(options.sample_s, STEP_S):
        raise ConfigError("v2b simulate", "jitter_s", options.jitter_s, "less than half the time between samples")
    if options.file_format not in ("ocpp", "csv", "both"):
        raise ConfigError("v2b simulate", "format", options.file_format, "ocpp, csv or both")


def write_portfolio(folder: Path, *, sites: int, months: int, seed: int, options: SimulationOptions) -> None:
    """Write a portfolio of `sites` drawn sites over `months` months, with `truth.json`; same seed, same bytes.

    Raises ConfigError for a folder that holds something and for numbers or options that make no sense.
    """
    for name, value in (("sites", sites), ("months", months)):
        if value < 1:
            raise ConfigError("v2b simulate", name, value, "1 or more")
    check_options(options)
    refuse_used_folder(folder)
    write_text(folder / "v2b.toml", _SETTINGS)
    simulated = []
    for number in range(sites):
        recipe, place, kind = draw_recipe(number, months, seed)
        fuel = f"fuel-{place.currency.lower()}"
        write_text(
            folder / "series" / f"{fuel}.csv", series_text(place, recipe.first.replace(month=1), 24 + months, seed)
        )
        write_text(folder / "tariffs" / f"{recipe.tariff}.toml", tariff_text(kind, place, recipe.window_min, fuel))
        write_text(folder / "sites" / f"{recipe.site_id}.toml", site_text(recipe))
        simulated.append(run_site(recipe))
    write_data(folder, simulated, options)
