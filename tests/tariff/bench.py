"""Small loads and tariffs to price, shared by the tests of this folder."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from pipeline.calendars import calendar_month, window_grid
from pipeline.domain import BillPeriod
from pipeline.tariff import Bill, Tariff, load_tariff, measure, price, resolve

DATA = Path(__file__).resolve().parent.parent / "data" / "tariffs"
ZONE = "Asia/Tokyo"
JULY = calendar_month("2013-07")  # begins on a Monday
HEAD = 'name = "test"\ncurrency = "JPY"\n'

Series = Mapping[str, list[tuple[date, Decimal]]]


def day(text: str) -> date:
    return date.fromisoformat(text)


def native(text: str, series: Series | None = None, *, head: str = HEAD) -> Tariff:
    """Return the tariff a TOML text says."""
    known = series or {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.toml"
        path.write_text(head + text, encoding="utf-8")
        return load_tariff(path, lambda name: known[name])


def load(
    period: BillPeriod,
    import_wh: Callable[[int], int],
    *,
    zone: str = ZONE,
    window_min: int = 30,
    scenario: str = "actual",
    export_wh: int = 0,
) -> pl.DataFrame:
    """Return a load whose n-th window of the bill imports `import_wh(n)`."""
    grid = window_grid(period, zone, window_min)
    return grid.select(
        pl.lit(scenario).alias("scenario"),
        "interval_start",
        "duration_s",
        pl.Series("import_wh", [import_wh(n) for n in range(grid.height)], dtype=pl.Int64),
        pl.lit(export_wh, dtype=pl.Int64).alias("export_wh"),
    )


def bill(
    tariff: Tariff,
    frame: pl.DataFrame,
    period: BillPeriod = JULY,
    *,
    zone: str = ZONE,
    history: Mapping[tuple[str, str], Mapping[str, Decimal]] | None = None,
    holidays: frozenset[date] = frozenset(),
    currency_digits: int | None = None,
) -> Bill:
    """Return the bill of the only scenario of a load."""
    resolved = resolve(tariff, period)
    determinants = measure(resolved, period, frame, zone=zone, holidays=holidays)
    (only,) = price(resolved, period, determinants, history or {}, currency_digits=currency_digits).values()
    return only


def amounts(priced: Bill) -> dict[tuple[str, str], Decimal]:
    """Return the amounts of a bill by (charge_id, band)."""
    return {(line.charge_id, line.band): line.amount for line in priced.lines}
