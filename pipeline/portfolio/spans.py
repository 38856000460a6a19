"""Spans of time in which a site is not like itself: `events.csv` (non-routine events) and `outages.csv` (no grid)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.domain import ConfigError
from pipeline.portfolio.tables import NOT_OF_THE_LOAD, read_table


@dataclass(frozen=True)
class Span:
    """From `begin` until before `end`, both with their offset."""

    begin: datetime
    end: datetime

    def touches(self, begin: datetime, end: datetime) -> bool:
        """Whether it shares any time with the span from `begin` until before `end`."""
        return self.begin < end and begin < self.end

    def days(self, zone: str) -> list[date]:
        """Return the local days it touches, in order."""
        last = (self.end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
        first = self.begin.astimezone(ZoneInfo(zone)).date()
        return [first + timedelta(days=count) for count in range((last - first).days + 1)]


@dataclass(frozen=True)
class Outage(Span):
    """The grid was dead: no energy can have passed the meter."""


@dataclass(frozen=True)
class Event(Span):
    """A non-routine event, of a kind of `tables.EVENT_KINDS`.

    `kw`: by how much it raised the site's load (below 0: lowered it), None where that is not known [kW].
    """

    kind: str
    kw: Decimal | None
    note: str

    @property
    def load_w(self) -> int | None:
        """By how much it raised the load [W]; None where that is not known, or the event was none of the load."""
        return None if self.kw is None or self.kind in NOT_OF_THE_LOAD else round(self.kw * 1000)


def read_outages(folder: Path, known_sites: Collection[str]) -> dict[str, tuple[Outage, ...]]:
    """Return the outages of each site of `outages.csv` in order of time; {} where there is no file.

    Raises ConfigError with line, column, value and what is allowed: for an unknown site, an end that is not after its
    beginning, and outages of one site that overlap.
    """
    file = "outages.csv"
    lines: dict[str, list[tuple[Outage, int]]] = {}
    for row in read_table(folder, "outages"):
        _check(row, known_sites, file)
        lines.setdefault(row["site_id"], []).append((Outage(row["from"], row["to"]), row["line"]))
    found = {}
    for site_id, spans in lines.items():
        ordered = sorted(spans, key=lambda entry: entry[0].begin)
        for (before, line), (after, next_line) in itertools.pairwise(ordered):
            if after.begin < before.end:
                place = f"lines {line} and {next_line}, from"
                raise ConfigError(file, place, after.begin.isoformat(), "outages of a site that do not overlap")
        found[site_id] = tuple(outage for outage, _ in ordered)
    return found


def read_events(folder: Path, known_sites: Collection[str]) -> dict[str, tuple[Event, ...]]:
    """Return the events of each site of `events.csv` in order of time; {} where there is no file.

    Raises ConfigError with line, column, value and what is allowed: for an unknown site and an end that is not after
    its beginning. Events may overlap.
    """
    found: dict[str, list[Event]] = {}
    for row in read_table(folder, "events"):
        _check(row, known_sites, "events.csv")
        event = Event(row["from"], row["to"], row["kind"], row["kw"], row["note"] or "")
        found.setdefault(row["site_id"], []).append(event)
    return {site_id: tuple(sorted(events, key=lambda event: event.begin)) for site_id, events in found.items()}


def _check(row: Mapping[str, Any], known_sites: Collection[str], file: str) -> None:
    place = f"line {row['line']}"
    if row["site_id"] not in known_sites:
        sites = ", ".join(sorted(known_sites)) or "none is configured"
        raise ConfigError(file, f"{place}, site_id", row["site_id"], f"a site of sites/: {sites}")
    if row["to"] <= row["from"]:
        raise ConfigError(file, f"{place}, to", row["to"].isoformat(), "a time after from")
