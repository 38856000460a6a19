"""What one more kWh of a grid emits at the margin, hour by hour or year by year: `marginal_co2.csv`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from pipeline.domain import ConfigError
from pipeline.portfolio.spans import Span
from pipeline.portfolio.tables import read_table

_FILE: Final = "marginal_co2.csv"


@dataclass(frozen=True)
class Co2Factor(Span):
    """A span of time and what one more kWh emits in it [g/kWh]."""

    g_per_kwh: Decimal


def read_marginal_co2(folder: Path) -> dict[str, tuple[Co2Factor, ...]]:
    """Return the marginal factors of each region of `marginal_co2.csv` in order of time; {} where there is no file.

    Spans may leave time out, which then has no factor. Raises ConfigError with line, column, value and what is allowed:
    for a factor below 0, an end that is not after its beginning, and spans of one region that overlap.
    """
    lines: dict[str, list[tuple[Co2Factor, int]]] = {}
    for row in read_table(folder, _FILE.removesuffix(".csv")):
        if row["to"] <= row["from"]:
            raise ConfigError(_FILE, f"line {row['line']}, to", row["to"].isoformat(), "a time after from")
        factor = Co2Factor(row["from"], row["to"], row["g_per_kwh"])
        lines.setdefault(row["region"], []).append((factor, row["line"]))
    return {region: _in_order(factors) for region, factors in lines.items()}


def _in_order(factors: list[tuple[Co2Factor, int]]) -> tuple[Co2Factor, ...]:
    ordered = sorted(factors, key=lambda entry: entry[0].begin)
    for (before, line), (after, next_line) in itertools.pairwise(ordered):
        if after.begin < before.end:
            place = f"lines {line} and {next_line}, from"
            raise ConfigError(_FILE, place, after.begin.isoformat(), "spans of a region that do not overlap")
    return tuple(factor for factor, _ in ordered)
