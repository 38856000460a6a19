"""The answer to the saved question `rank_tariffs`: stored worlds priced under every tariff of the portfolio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl
from babel.numbers import get_currency_precision

from pipeline.calendars import holiday_dates
from pipeline.domain import BillPeriod, InputError, V2BError
from pipeline.portfolio import Portfolio, Site
from pipeline.pricing import METERED, BillLoad, Ranked, Terms, rank_tariffs
from pipeline.scenarios import is_reactive_metered
from pipeline.tariff import Tariff, load_tariff

_BASELINE: Final = "baseline"
_MONEY: Final = pl.Decimal(38, 12)
_RANKING: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "rank": pl.Int64,
    "tariff": pl.String,
    "current": pl.Boolean,
    "bills": pl.Int64,
    "currency": pl.String,
    "cost_baseline": _MONEY,
    "cost_actual": _MONEY,
    "saved": _MONEY,
    "partial": pl.Boolean,
    "not_priced": pl.String,
}


def ranked_tariffs(portfolio: Portfolio, worlds: pl.DataFrame, site_id: str) -> pl.DataFrame:
    """Return one row per tariff of the portfolio, cheapest first, for the rows of `sql/queries/rank_tariffs.sql`.

    Partial tariffs stand below the ranked ones without a rank; so do those that cannot price these bills at all.
    Raises InputError for a site that is not configured or has no proved bill.
    """
    site = portfolio.sites.get(site_id)
    if site is None:
        raise InputError("rank_tariffs", "site", site_id, f"one of {', '.join(sorted(portfolio.sites)) or 'no sites'}")
    counted = worlds.filter("counted").get_column("month").unique().to_list()
    if not counted:
        raise InputError("rank_tariffs", "site", site_id, "a site with a proved bill; see `v2b status`")
    loads = list(_loads(worlds))
    readable, broken = _tariffs(portfolio, site)
    found = rank_tariffs(readable, loads, _terms(site, loads), baseline=_BASELINE, counted=counted)
    now = site.tariff_name_on(loads[-1].period.read_from)
    rows = [_row(entry, site.currency, now) for entry in [*found, *broken]]
    return pl.DataFrame(rows, schema=dict(_RANKING), orient="row")


def _row(entry: Ranked, currency: str, now: str | None) -> tuple[object, ...]:
    costs = (entry.cost_baseline, entry.cost_actual, entry.saved)
    return (
        entry.rank,
        entry.tariff,
        entry.tariff == now,
        entry.bills,
        currency,
        *costs,
        entry.partial,
        entry.not_priced,
    )


def _loads(worlds: pl.DataFrame) -> Iterator[BillLoad]:
    """One load per stored bill; windows whose worlds are not known are missing in both."""
    for part in worlds.partition_by("month", maintain_order=True):
        first = part.row(0, named=True)
        period = BillPeriod(first["month"], first["bill_from"], first["bill_to"])
        known = part.filter("known")
        load = pl.concat(
            known.select(
                pl.lit(scenario).alias("scenario"),
                "interval_start",
                "duration_s",
                pl.col(f"{world}_import_wh").alias("import_wh"),
                pl.col(f"{world}_export_wh").alias("export_wh"),
                *(["reactive_varh"] if is_reactive_metered(known) else []),
            )
            for scenario, world in ((METERED, "actual"), (_BASELINE, "baseline"))
        )
        yield BillLoad(period, load, part.filter(~pl.col("known")).get_column("interval_start"))


def _terms(site: Site, loads: list[BillLoad]) -> Terms:
    years = range(loads[0].period.read_from.year, loads[-1].period.read_to.year + 1)
    own = site.tariff_holidays
    holidays: frozenset[date] = holiday_dates(own, years) if isinstance(own, str) else frozenset(own)
    return Terms(site.timezone, holidays, site.ratchet_seed, get_currency_precision(site.currency))


def _tariffs(portfolio: Portfolio, site: Site) -> tuple[dict[str, Tariff], list[Ranked]]:
    """The tariffs of the folder by name, and those that cannot be compared, with the reason."""
    readable: dict[str, Tariff] = {}
    broken = []
    for path in _tariff_files(portfolio.root / "tariffs"):
        try:
            tariff = load_tariff(path, portfolio.series)
            if tariff.currency not in (None, site.currency):
                raise InputError(path.name, "currency", tariff.currency, f"{site.currency}, as the site")
        except V2BError as error:
            broken.append(Ranked(None, path.stem, 0, None, None, partial=False, not_priced=str(error)))
            continue
        readable[path.stem] = replace(tariff, demand_window_min=site.demand_window_min or tariff.demand_window_min)
    return readable, broken


def _tariff_files(folder: Path) -> list[Path]:
    """Every tariff file, the native one where a name has two, as a site would take it."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".toml")]
    tariffs = [path for path in files if not path.name.endswith(".answers.toml")]
    return list({path.stem: path for path in sorted(tariffs, key=lambda path: path.suffix)}.values())
