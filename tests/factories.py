"""Builders of small sites, meters, chargers and portfolios, written as short tables."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.calendars import month_of
from pipeline.domain import CHARGER_RECORD, CHARGING_SESSION, METER_RECORD, SESSION_RECORD
from pipeline.portfolio.models import Site
from pipeline.warehouse import Warehouse

SITE: dict[str, Any] = {
    "site_id": "atsugi",
    "name": "Test centre",
    "timezone": "UTC",
    "currency": "USD",
    "tariff": "flat",
    "demand_window_min": 30,
    "programme_start": date(2013, 7, 1),
    "meters": [{"meter_id": "main"}],
    "chargers": [{"charger_id": "CP1", "rated_charge_kw": 6.0, "rated_discharge_kw": 6.0}],
    "vehicles": [{"vehicle_id": "LEAF1", "usable_kwh": 20.0}],
}

_RAM_DISK = "/dev/shm"
_ROOM = 1 << 28
IN_MEMORY = (
    _RAM_DISK if os.access(_RAM_DISK, os.W_OK) and shutil.disk_usage(_RAM_DISK).free >= _ROOM else tempfile.gettempdir()
)
"""Where many small portfolios are made: on a real disk the journal's waiting for it takes most of a test's time."""


@cache
def _new_warehouse() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with Warehouse(Path(folder)) as warehouse:
            path = warehouse.path
        return path.read_bytes()


def lay_out_warehouse(folder: Path) -> None:
    """Put an empty warehouse into a folder: the layout is made once for all tests, for it takes most of their time."""
    (folder / "warehouse.duckdb").write_bytes(_new_warehouse())


METER_HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"


def instant(text: str) -> datetime:
    """'07-01 08:30' of 2013, or a whole date and time, UTC."""
    return datetime.fromisoformat(text if text[:4].isdigit() else f"2013-{text}").replace(tzinfo=UTC)


def site(**changes: Any) -> Site:
    return Site.model_validate({**SITE, **changes})


def meter_records(rows: Iterable[tuple[Any, ...]], *, duration_s: int = 1800, **same: Any) -> pl.DataFrame:
    """Rows are (start, import Wh), then any of METER_RECORD by name in a dict."""
    table = [
        {
            "meter_id": "main",
            "interval_start": instant(row[0]) if isinstance(row[0], str) else row[0],
            "duration_s": duration_s,
            "import_wh": row[1],
            "export_wh": 0,
            "quality": "measured",
            **same,
            **(row[2] if len(row) > 2 else {}),
        }
        for row in rows
    ]
    return pl.DataFrame(table, schema=dict(METER_RECORD))


def stored(frame: pl.DataFrame, site_id: str = "atsugi") -> pl.DataFrame:
    """Records as the loader hands them to the warehouse: with their site, local day and bill."""
    stamp = "interval_start" if "interval_start" in frame.columns else "measured_at"
    days = [at.date() for at in frame.get_column(stamp)]
    return frame.with_columns(
        site_id=pl.lit(site_id),
        local_day=pl.Series(days, dtype=pl.Date),
        bill_month=pl.Series([month_of(day) for day in days], dtype=pl.String),
    )


def charger_records(rows: Iterable[tuple[Any, ...]], **same: Any) -> pl.DataFrame:
    """Rows are (moment, import register Wh, export register Wh), then any of CHARGER_RECORD by name in a dict."""
    table = [
        {
            "charger_id": "CP1",
            "measured_at": instant(row[0]) if isinstance(row[0], str) else row[0],
            "energy_import_wh": row[1],
            "energy_export_wh": row[2],
            "context": "sample",
            **same,
            **(row[3] if len(row) > 3 else {}),
        }
        for row in rows
    ]
    return pl.DataFrame(table, schema=dict(CHARGER_RECORD))


def session_records(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([_with_instants(row) for row in rows], schema=dict(SESSION_RECORD))


def charging_sessions(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Sessions with `account`, as the unmanaged world takes them; unnamed columns are null, energies 0."""
    base = {
        "session_id": "s",
        "charger_id": "CP1",
        "vehicle_id": "LEAF1",
        "charge_wh": 0,
        "discharge_wh": 0,
        "complete": True,
    }
    table = [{**base, "session_id": f"s{number}", **_with_instants(row)} for number, row in enumerate(rows)]
    frame = pl.DataFrame(table, schema=dict(CHARGING_SESSION))
    return frame.with_columns(account=pl.coalesce("vehicle_id", "charger_id"))


def _with_instants(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: instant(value) if name.endswith("_at") and isinstance(value, str) else value
        for name, value in row.items()
    }


FLAT_TARIFF = 'name = "flat"\ncurrency = "USD"\n[[charges]]\nid = "energy"\nkind = "energy"\nrate = "0.10"\n'

SITE_TOML = """
site_id = "{site_id}"
name = "Test centre"
timezone = "{timezone}"
currency = "USD"
tariff = "flat"
demand_window_min = 30
[[meters]]
meter_id = "{meter_id}"
[[chargers]]
charger_id = "CP1"
rated_charge_kw = 6.0
[[vehicles]]
vehicle_id = "LEAF1"
usable_kwh = 20.0
"""


def portfolio_folder(
    root: Path, sites: Sequence[str] = ("atsugi",), *, meter_id: str = "main", timezone: str = "UTC"
) -> Path:
    """Write a small portfolio; every site has the meter `meter_id`."""
    for name in ("sites", "tariffs", "landing", "series"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "v2b.toml").write_text('currency = "USD"\n', encoding="utf-8")
    (root / "tariffs" / "flat.toml").write_text(FLAT_TARIFF, encoding="utf-8")
    for site_id in sites:
        text = SITE_TOML.format(site_id=site_id, meter_id=meter_id, timezone=timezone)
        (root / "sites" / f"{site_id}.toml").write_text(text, encoding="utf-8")
    return root


def meter_csv(rows: Iterable[tuple[str, float]], *, meter_id: str = "main", duration_s: int = 1800) -> str:
    """Text of a canonical meter CSV; rows are (start, import kWh)."""
    lines = (f"{meter_id},{instant(at).isoformat()},{duration_s},{kwh},0\n" for at, kwh in rows)
    return METER_HEADER + "".join(lines)


def half_hours(start: str, count: int, import_kwh: float = 10.0) -> list[tuple[str, float]]:
    first = instant(start)
    return [((first + timedelta(minutes=30 * n)).strftime("%Y-%m-%d %H:%M"), import_kwh) for n in range(count)]
