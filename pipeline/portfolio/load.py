"""Reads a portfolio folder; a wrong file is refused as a whole, with file, key, value and what is allowed."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, ValidationError

from pipeline.calendars import add_months, calendar_month, month_of, months_between
from pipeline.domain import BillPeriod, ConfigError
from pipeline.portfolio.arming import read_arming
from pipeline.portfolio.emissions import Co2Factor, read_marginal_co2
from pipeline.portfolio.models import Config, ExactDecimal, Month, PortfolioSettings, Site
from pipeline.portfolio.spans import Event, Outage, read_events, read_outages
from pipeline.portfolio.tables import read_cycle_rows, read_seed_rows, read_series, read_table
from pipeline.portfolio.utility_bills import UtilityBill, read_utility_bills

AnyConfig = TypeVar("AnyConfig", bound=Config)

_ALLOWED = {
    "extra_forbidden": "one of the keys: {keys}",
    "missing": "a value; the key is required",
}


def _place(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def _known_keys(model: type[Config], location: tuple[int | str, ...]) -> str:
    current: Any = model
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part) if hasattr(current, "model_fields") else None
        if field is None:
            return "see the documentation"
        candidates = [field.annotation, *get_args(field.annotation)]
        current = next((c for c in candidates if isinstance(c, type) and issubclass(c, Config)), None)
        if current is None:
            return "see the documentation"
    return ", ".join(field.alias or name for name, field in current.model_fields.items())


def _refuse(file: str, model: type[Config], error: ValidationError) -> ConfigError:
    first = min(error.errors(include_url=False), key=lambda entry: entry["type"] != "extra_forbidden")
    location, kind = first["loc"], first["type"]
    if kind == "extra_forbidden":
        allowed = _ALLOWED[kind].format(keys=_known_keys(model, location))
    elif kind == "missing":
        return ConfigError(file, _place(location), None, _ALLOWED[kind])
    else:
        allowed = first["msg"].removeprefix("Value error, ")
    value = first.get("input")
    return ConfigError(file, _place(location), "a table" if isinstance(value, dict | list) else value, allowed)


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as plain data with exact decimals; raises ConfigError where it is not TOML in UTF-8."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise ConfigError(path.name, "file", None, "an existing file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path.name, "file", str(error), "TOML in UTF-8") from None


def _floats(value: Any) -> Any:
    """Plain numbers stay plain for strict models; `ExactDecimal` fields turn them back by their text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_floats(entry) for entry in value]
    return value


def _validated(path: Path, model: type[AnyConfig]) -> AnyConfig:
    try:
        return model.model_validate(_floats(read_toml(path)))
    except ValidationError as error:
        raise _refuse(path.name, model, error) from None


def load_site(path: Path) -> Site:
    """Read one site file; raises ConfigError, also when the file's name is not its site_id."""
    site = _validated(path, Site)
    if site.site_id != path.stem:
        raise ConfigError(path.name, "site_id", site.site_id, f"the file's name, {path.stem!r}")
    return site


@dataclass(frozen=True)
class Portfolio:
    """A portfolio folder, read and checked; `refused` holds the site files that could not be used."""

    root: Path
    settings: PortfolioSettings
    sites: Mapping[str, Site]
    refused: Mapping[str, ConfigError]
    cycles: Mapping[str, tuple[BillPeriod, ...]]
    utility_bills: Mapping[str, tuple[UtilityBill, ...]] = field(default_factory=dict)
    armed: Mapping[str, Mapping[date, bool]] = field(default_factory=dict)  # sites without an arming log are absent
    events: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    outages: Mapping[str, tuple[Outage, ...]] = field(default_factory=dict)
    marginal_co2: Mapping[str, tuple[Co2Factor, ...]] = field(default_factory=dict)  # by region

    def tariff_path(self, name: str) -> Path | None:
        """Return the file of a tariff, native TOML before URDB JSON; None where there is none."""
        for suffix in (".toml", ".json"):
            path = self.root / "tariffs" / f"{name}{suffix}"
            if path.is_file():
                return path
        return None

    def series(self, name: str) -> list[tuple[date, Decimal]]:
        """Return the dated series `series/<name>.csv`; raises ConfigError where it is absent or wrong."""
        path = self.root / "series" / f"{name}.csv"
        if not path.is_file():
            raise ConfigError(path.name, "file", None, f"a file series/{name}.csv with the header date,value")
        return read_series(path)

    def periods(self, site_id: str, first: date, last: date) -> list[BillPeriod]:
        """Return a site's bills that touch the local days first..last: its read dates, calendar months otherwise."""
        listed = self.cycles.get(site_id)
        if listed:
            return [period for period in listed if period.read_from <= last and period.read_to > first]
        return [calendar_month(month) for month in months_between(month_of(first), month_of(last))]


def _cycle(row: Mapping[str, Any], file: str) -> BillPeriod:
    if row["read_to"] <= row["read_from"]:
        raise ConfigError(file, f"line {row['line']}, read_to", row["read_to"], "a day after read_from")
    month = row["month"] or month_of(row["read_to"] - timedelta(days=1))
    return BillPeriod(month, row["read_from"], row["read_to"])


def _cycles(folder: Path, known_sites: Collection[str]) -> dict[str, tuple[BillPeriod, ...]]:
    file = "bill_cycles.csv"
    rows = read_table(folder, "bill_cycles")
    for row in rows:
        if row["site_id"] not in known_sites:  # its bills would silently become calendar months
            sites = ", ".join(sorted(known_sites)) or "none is configured"
            raise ConfigError(file, f"line {row['line']}, site_id", row["site_id"], f"a site of sites/: {sites}")
    return {site_id: _in_order(rows, site_id, file) for site_id in dict.fromkeys(row["site_id"] for row in rows)}


def _in_order(rows: Iterable[Mapping[str, Any]], site_id: str | None, file: str) -> tuple[BillPeriod, ...]:
    """The bills of one site, by date; two that overlap or share a month are refused, naming both rows."""
    known: dict[str, tuple[int, BillPeriod]] = {}
    for row in rows:
        if row["site_id"] != site_id:
            continue
        period, line = _cycle(row, file), row["line"]
        if period.month in known:
            place = f"lines {known[period.month][0]} and {line}, month"
            raise ConfigError(file, place, period.month, "one bill a month; name another in column month")
        known[period.month] = (line, period)
    ordered = sorted(known.values(), key=lambda entry: entry[1].read_from)
    for (line, before), (next_line, after) in itertools.pairwise(ordered):
        if after.read_from < before.read_to:
            place = f"lines {line} and {next_line}, read_from"
            raise ConfigError(file, place, after.read_from, "bills that do not overlap")
        if after.month <= before.month:
            place = f"lines {line} and {next_line}, month"
            raise ConfigError(file, place, after.month, f"a month after {before.month}")
    return tuple(period for _, period in ordered)


def read_cycles(path: Path) -> tuple[BillPeriod, ...]:
    """Return the bills of a CSV as `bill_cycles.csv`, the column site_id left out or of one site only.

    Raises ConfigError with file, line, value and what is allowed.
    """
    rows = read_cycle_rows(path)
    sites = list(dict.fromkeys(row["site_id"] for row in rows))
    if len(sites) > 1:
        line = next(row["line"] for row in rows if row["site_id"] == sites[1])
        raise ConfigError(path.name, f"line {line}, site_id", sites[1], f"bills of one site, {sites[0]!r}")
    if not rows:
        raise ConfigError(path.name, "file", "no rows", "at least one bill: read_from,read_to[,month]")
    return _in_order(rows, sites[0], path.name)


class _Seeds(Config):
    ratchet_seed: dict[Month, Annotated[ExactDecimal, Field(ge=0)]]


def read_seeds(path: Path) -> Mapping[str, Decimal]:
    """Return own peaks [kW] by month 'YYYY-MM' from a file: CSV `month,kw`, or TOML as `[ratchet_seed]` of a site.

    Raises ConfigError with file, place, value and what is allowed.
    """
    if path.suffix != ".toml":
        return read_seed_rows(path)
    table = read_toml(path)
    try:
        seeds = _Seeds.model_validate(_floats(table if "ratchet_seed" in table else {"ratchet_seed": table}))
    except ValidationError as error:
        raise _refuse(path.name, _Seeds, error) from None
    return seeds.ratchet_seed


def load_portfolio(root: Path) -> Portfolio:
    """Read a portfolio folder.

    A wrong site file lands in `refused` and the others stand; raises ConfigError for a missing folder, a wrong
    `v2b.toml` or a wrong table, since those rule every site.
    """
    settings_path = root / "v2b.toml"
    if not settings_path.is_file():
        raise ConfigError(str(root), "folder", None, "a portfolio folder with v2b.toml; make one with `v2b init DIR`")
    settings = _validated(settings_path, PortfolioSettings)
    sites: dict[str, Site] = {}
    refused: dict[str, ConfigError] = {}
    for path in sorted((root / "sites").glob("*.toml")):
        try:
            sites[path.stem] = load_site(path)
        except ConfigError as error:
            refused[path.stem] = error
    known = {*sites, *refused}
    return Portfolio(
        root,
        settings,
        sites,
        refused,
        cycles=_cycles(root, known),
        utility_bills=read_utility_bills(root, known),
        armed=read_arming(root, known),
        events=read_events(root, known),
        outages=read_outages(root, known),
        marginal_co2=read_marginal_co2(root),
    )


__all__ = ["Portfolio", "add_months", "load_portfolio", "load_site", "read_toml"]
