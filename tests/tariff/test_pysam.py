"""Real and made-up rate records priced here and by PySAM: every month, every group of lines, to less than a cent."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.tariff import Bill, Tariff, load_tariff, measure, price, resolve
from tests.tariff.second_pricer import GROUPS, YEAR, bills, load_frame, loads
from tests.tariff.test_urdb_records import RECORDS, answered

# Records that PySAM can price too: one has no rates, one has a schedule without its rates.
COMPARED = sorted(set(RECORDS) - {"dixie-net-metering", "seward-d28"})
# Answered, where the answer is one that PySAM takes as well.
ANSWERED = {"custom-aae3210c8b", "entergy-louisiana-lips-l", "south-central-lp1"}
GROUP_OF = {
    "fixed": "fixed",
    "minimum": "minimum",
    "energy": "energy",
    "flat_demand": "flat demand",
    "demand": "demand by time of use",
}
CENT = Decimal("0.01")


def tariff_of(name: str, folder: Path) -> Tariff:
    """The tariff without what PySAM does not know: a demand window, a charge on reactive demand."""
    tariff = answered(name, folder) if name in ANSWERED else load_tariff(RECORDS[name], lambda _: [])
    version = tariff.versions[0]
    known = tuple(charge for charge in version.charges if charge.charge_id in GROUP_OF)
    return replace(tariff, demand_window_min=None, versions=(replace(version, charges=known),))


def by_month(tariff: Tariff, frame: pl.DataFrame) -> dict[str, list[Bill]]:
    """Our bills of each load, from January to December."""
    found: dict[str, list[Bill]] = {name: [] for name in loads()}
    for month in range(1, 13):
        period = calendar_month(f"{YEAR}-{month:02d}")
        resolved = resolve(tariff, period)
        rows = frame.filter(pl.col("interval_start").dt.month() == month)
        priced = price(resolved, period, measure(resolved, period, rows, zone="UTC", holidays=frozenset()), {})
        for name, months in found.items():
            months.append(priced[name])
    return found


def grouped(ours: Bill) -> Mapping[str, Decimal]:
    sums = dict.fromkeys(GROUPS, Decimal(0))
    for line in ours.lines:
        sums[GROUP_OF[line.charge_id]] += line.amount
    return {**sums, "total": ours.total}


@pytest.fixture(scope="module")
def year() -> pl.DataFrame:
    return load_frame(loads())


def test_ten_tariffs_and_more_five_loads_and_every_group_are_compared(tmp_path: Path) -> None:
    assert len(COMPARED) >= 10
    assert len(loads()) >= 5
    charges = [charge for name in COMPARED for charge in tariff_of(name, tmp_path).versions[0].charges]
    assert {charge.charge_id for charge in charges} == set(GROUP_OF)
    assert {charge.tiers.per for charge in charges} == {"bill", "kW"}
    assert {charge.tiers.scope for charge in charges} == {"period", "pooled"}


@pytest.mark.parametrize("name", COMPARED)
def test_every_month_and_group_agrees_with_pysam(name: str, year: pl.DataFrame, tmp_path: Path) -> None:
    tariff = tariff_of(name, tmp_path)
    ours = by_month(tariff, year)
    apart = [
        (world, month, group, amount, theirs[group])
        for world, load_wh in loads().items()
        for month, (bill, theirs) in enumerate(zip(ours[world], bills(tariff, load_wh), strict=True), start=1)
        for group, amount in grouped(bill).items()
        if abs(amount - Decimal(theirs[group])) >= CENT
    ]
    assert apart == []
