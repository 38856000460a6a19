"""Local records get their site: the zone of their stamps, and the name of their meter where the file has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from pipeline.ingest import LocalRecords, Records, localised, refusal
from pipeline.portfolio import Portfolio, Site
from pipeline.steps.names import Names, owner_of

_ID = {"meter": "meter_id", "session": "charger_id", "weather": "station_id"}
_NO_SITE = "a file below landing/<site_id>/, or a name that one site has: its local times need the site's zone"


def placed(records: Records, names: Names, portfolio: Portfolio) -> Records:
    """Return records whose local parts are in UTC and named; what no site owns is refused."""
    frames: dict[str, list[pl.DataFrame]] = {kind: [frame] for kind, frame in records.frames.items()}
    rejects, notes = [records.rejects], list(records.notes)
    for local in records.local:
        for zone, default, part in _by_zone(local, names, portfolio):
            if zone is None:
                rejects.append(refusal(f"{local.place}file", "time", "", _NO_SITE))
                continue
            found, refused, said = localised(part, zone, {_ID[local.kind]: default})
            for kind, frame in found.items():
                frames.setdefault(kind, []).append(frame)
            rejects.append(refused)
            notes += [f"{local.place}{sentence}" for sentence in said]
    joined = {kind: pl.concat(parts) for kind, parts in frames.items()}
    return replace(records, frames=joined, rejects=pl.concat(rejects), notes=tuple(notes), local=())


def _by_zone(
    local: LocalRecords, names: Names, portfolio: Portfolio
) -> list[tuple[str | None, str | None, LocalRecords]]:
    """Split by zone: (zone, the name for rows without one, rows); weather of no site has none.

    Meters and chargers of no site are refused later, by name; until then any zone will do.
    """
    column = _ID[local.kind]
    home = _home(local.hints, portfolio)
    default = _default(local, names, portfolio, home)
    zones: dict[str | None, str | None] = {}
    elsewhere = None if local.kind == "weather" and local.clock in ("site", "standard") else "UTC"
    for name in local.frame.get_column(column).unique().sort().to_list():
        site = _site_of(local.kind, name if name is not None else default, local.hints, names, portfolio) or home
        zones[name] = site.timezone if site else elsewhere
    parts = []
    for zone in dict.fromkeys(zones.values()):
        own = [name for name, of in zones.items() if of == zone]
        rows = local.frame.filter(pl.col(column).is_in(own, nulls_equal=True))
        parts.append((zone, default, replace(local, frame=rows)))
    return parts


def _home(hints: Sequence[str], portfolio: Portfolio) -> Site | None:
    """The site of the folder the file lies in, else the only one."""
    folder = next((hint for hint in hints if hint in portfolio.sites), None)
    if folder is not None:
        return portfolio.sites[folder]
    return next(iter(portfolio.sites.values())) if len(portfolio.sites) == 1 else None


def _site_of(kind: str, name: str | None, hints: Sequence[str], names: Names, portfolio: Portfolio) -> Site | None:
    if name is None:
        return None
    if kind == "weather":
        return next((site for site in portfolio.sites.values() if site.weather_station == name), None)
    owner = owner_of(names, kind, name, hints, portfolio.sites)
    return None if isinstance(owner, str) else portfolio.sites[owner[0]]


def _default(local: LocalRecords, names: Names, portfolio: Portfolio, home: Site | None) -> str | None:
    """The innermost folder or file name that is a known name, else the only meter, charger or station of the site."""
    for hint in reversed(local.hints):
        if _site_of(local.kind, hint, local.hints, names, portfolio):
            return hint
    if home is None:
        return None
    if local.kind == "weather":
        return home.weather_station
    billing = [meter.meter_id for meter in home.meters if meter.role == "billing"]
    alone = billing if local.kind == "meter" else [charger.charger_id for charger in home.chargers]
    return alone[0] if len(alone) == 1 else None
