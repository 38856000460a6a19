"""The days V2B was scheduled, whether or not it discharged: `arming.csv`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Final

from pipeline.domain import ConfigError
from pipeline.portfolio.tables import read_table

_FILE: Final = "arming.csv"


def read_arming(folder: Path, known_sites: Collection[str]) -> dict[str, dict[date, bool]]:
    """Return for each site of the arming log its days, armed or not; {} where there is no file.

    Raises ConfigError with line, column, value and what is allowed: for an unknown site, and a day stated twice.
    """
    found: dict[str, dict[date, bool]] = {}
    for row in read_table(folder, _FILE.removesuffix(".csv")):
        site_id, day = row["site_id"], row["date"]
        if site_id not in known_sites:
            sites = ", ".join(sorted(known_sites)) or "none is configured"
            raise ConfigError(_FILE, f"line {row['line']}, site_id", site_id, f"a site of sites/: {sites}")
        days = found.setdefault(site_id, {})
        if day in days:
            raise ConfigError(_FILE, f"line {row['line']}, date", day, "each day of a site once")
        days[day] = row["armed"]
    return found
