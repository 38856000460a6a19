"""Whose meter, charger or car a name inside a file is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from pipeline.ingest import refusal
from pipeline.ingest.cells import different
from pipeline.portfolio import Portfolio, Site

_COLUMN = {"meter": "meter_id", "reactive": "meter_id", "charger": "charger_id", "session": "charger_id"}
_NAMED_AS = {"reactive": "meter"}  # a kind whose devices have the names of another's


@dataclass(frozen=True)
class Names:
    """Every configured id and alias: name -> [(site_id, configured id)], per kind."""

    by_kind: Mapping[str, Mapping[str, list[tuple[str, str]]]]
    vehicles: Mapping[str, Mapping[str, str]]  # site_id -> name -> vehicle_id
    stations: frozenset[str]
    calendar: str  # time zones, bill cycles and CSV profiles, which give every record its time, day and bill

    @property
    def fingerprint(self) -> str:
        """Hash of all that places a record: when it changes, every file is loaded anew in journal order."""
        parts = [self.by_kind, self.vehicles, sorted(self.stations), self.calendar]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def names_of(portfolio: Portfolio) -> Names:
    """Collect the names of every site."""
    meters: dict[str, list[tuple[str, str]]] = {}
    chargers: dict[str, list[tuple[str, str]]] = {}
    for site in portfolio.sites.values():
        for meter in site.meters:
            for name in (meter.meter_id, *meter.aliases):
                meters.setdefault(name, []).append((site.site_id, meter.meter_id))
        for charger in site.chargers:
            for name in (charger.charger_id, *charger.aliases):
                chargers.setdefault(name, []).append((site.site_id, charger.charger_id))
    vehicles = {
        site_id: {name: car.vehicle_id for car in site.vehicles for name in (car.vehicle_id, *car.aliases)}
        for site_id, site in portfolio.sites.items()
    }
    stations = frozenset(site.weather_station for site in portfolio.sites.values() if site.weather_station)
    zones = {site_id: site.timezone for site_id, site in portfolio.sites.items()}
    profiles = [(path.name, path.read_bytes()) for path in sorted((portfolio.root / "profiles").glob("*.toml"))]
    calendar = repr((sorted(zones.items()), sorted(portfolio.cycles.items()), profiles))
    return Names({"meter": meters, "charger": chargers, "session": chargers}, vehicles, stations, calendar)


def owner_of(
    names: Names, kind: str, name: str, hints: Sequence[str], sites: Mapping[str, Site]
) -> tuple[str, str] | str:
    """The (site, configured id) a name belongs to, or what would be allowed instead."""
    names_of_kind = names.by_kind[_NAMED_AS.get(kind, kind)]
    owners = names_of_kind.get(name, [])
    folder = next((hint for hint in hints if hint in sites), None)
    if folder is not None:
        owners = [owner for owner in owners if owner[0] == folder]
    if len(owners) == 1:
        return owners[0]
    if owners:
        listed = ", ".join(site_id for site_id, _ in owners)
        return f"a file below landing/<site_id>/, since the sites {listed} all have a {_COLUMN[kind]} {name!r}"
    known = sorted(known for known, of in names_of_kind.items() if folder is None or any(o[0] == folder for o in of))
    where = f"of site {folder}" if folder else "of a configured site"
    return f"a {_COLUMN[kind]} (or alias) {where}: {', '.join(known[:8]) or 'none is configured'}"


def owned(
    frame: pl.DataFrame, kind: str, names: Names, hints: Sequence[str], sites: Mapping[str, Site]
) -> tuple[pl.DataFrame, pl.DataFrame, list[tuple[str, str, str]]]:
    """Replace names by configured ids, add site_id; returns (records, rejects for names nobody owns, owners).

    An owner is (name in the file, site, configured id). Of two records that become one by an alias, the later in the
    file stays.
    """
    if kind == "weather":
        return frame, refusal("file", "", "", "").clear(), []
    column = _COLUMN[kind]
    own = different(frame.get_column(column)).sort()
    found = {name: owner_of(names, kind, name, hints, sites) for name in own}
    rejects = [refusal("file", column, name, owner) for name, owner in found.items() if isinstance(owner, str)]
    owners = [(name, *owner) for name, owner in found.items() if not isinstance(owner, str)]
    kept = _of_one(frame, column, owners[0]) if len(owners) == len(found) == 1 else _of_many(frame, column, owners)
    kept = _configured_vehicles(kept, names)
    return kept, pl.concat(rejects) if rejects else refusal("file", "", "", "").clear(), owners


def _of_one(frame: pl.DataFrame, column: str, owner: tuple[str, str, str]) -> pl.DataFrame:
    """Records that all bear one name, as most pieces of a large file do."""
    _, site, configured = owner
    return frame.with_columns(pl.lit(configured).alias(column), site_id=pl.lit(site))


def _of_many(frame: pl.DataFrame, column: str, owners: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    schema = {column: pl.String, "site_id": pl.String, "configured": pl.String}
    kept = frame.join(
        pl.DataFrame(owners, schema=schema, orient="row"), on=column, how="inner", maintain_order="left"
    ).with_columns(pl.col("configured").alias(column))
    return kept.drop("configured")


def _configured_vehicles(frame: pl.DataFrame, names: Names) -> pl.DataFrame:
    if "vehicle_id" not in frame.columns:
        return frame
    rows = [(site, name, car) for site, cars in names.vehicles.items() for name, car in cars.items()]
    schema = {"site_id": pl.String, "vehicle_id": pl.String, "configured": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return (
        frame.join(table, on=["site_id", "vehicle_id"], how="left", maintain_order="left")
        .with_columns(vehicle_id=pl.coalesce("configured", "vehicle_id"))
        .drop("configured")
    )
