"""What the utility billed: `utility_bills.csv`, one row per bill, or per bill and charge."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pipeline.domain import BillPeriod, ConfigError
from pipeline.portfolio.tables import read_table

_FILE: Final = "utility_bills.csv"
_STATED: Final = ("billed_kw", "energy_kwh", "amount")


@dataclass(frozen=True)
class UtilityBill:
    """One row: demand [kW], energy [kWh] and amount [money] of local days `read_from` until before `read_to`.

    Of one charge of the tariff, or of the whole bill where `charge_id` is None. None where the row says nothing.
    """

    read_from: date
    read_to: date
    charge_id: str | None
    billed_kw: Decimal | None
    energy_kwh: Decimal | None
    amount: Decimal | None

    def concerns(self, period: BillPeriod) -> bool:
        """Whether more than half of its days lie in a bill of ours: read dates may differ by a few days."""
        shared = (min(self.read_to, period.read_to) - max(self.read_from, period.read_from)).days
        return 2 * shared > (self.read_to - self.read_from).days


def read_utility_bills(folder: Path, known_sites: Collection[str]) -> dict[str, tuple[UtilityBill, ...]]:
    """Return the utility's bills by site, in the order of the file; {} where there is no file.

    Raises ConfigError with line, column, value and what is allowed: for an unknown site, dates out of order, a row
    that states nothing, a bill (and charge) stated twice, negative kW or kWh.
    """
    found: dict[str, list[UtilityBill]] = {}
    lines: dict[tuple[Any, ...], int] = {}
    for row in read_table(folder, _FILE.removesuffix(".csv")):
        _check(row, known_sites)
        key = (row["site_id"], row["read_from"], row["read_to"], row["charge_id"])
        if key in lines:
            place = f"lines {lines[key]} and {row['line']}"
            raise ConfigError(_FILE, place, row["read_from"], "one row a bill, or a bill and charge")
        lines[key] = row["line"]
        fields = ("read_from", "read_to", "charge_id", *_STATED)
        found.setdefault(row["site_id"], []).append(UtilityBill(**{name: row[name] for name in fields}))
    return {site_id: tuple(bills) for site_id, bills in found.items()}


def _check(row: Mapping[str, Any], known_sites: Collection[str]) -> None:
    place = f"line {row['line']}"
    if row["site_id"] not in known_sites:
        sites = ", ".join(sorted(known_sites)) or "none is configured"
        raise ConfigError(_FILE, f"{place}, site_id", row["site_id"], f"a site of sites/: {sites}")
    if row["read_to"] <= row["read_from"]:
        raise ConfigError(_FILE, f"{place}, read_to", row["read_to"], "a day after read_from")
    if all(row[name] is None for name in _STATED):
        raise ConfigError(_FILE, place, "", f"at least one of {', '.join(_STATED)}")
    for name in ("billed_kw", "energy_kwh"):
        if row[name] is not None and row[name] < 0:
            raise ConfigError(_FILE, f"{place}, {name}", row[name], "0 or more")
