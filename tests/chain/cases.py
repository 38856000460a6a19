"""One bill of two days with one meter, one charger and one car, to change in one place at a time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.calendars import window_grid
from pipeline.chain import Earlier, Inputs, Prepared, Result, compute, prepare
from pipeline.domain import CHARGING_SESSION, SESSION_RECORD, BillPeriod
from pipeline.tariff import ResolvedTariff, resolve
from tests.factories import charger_records, instant, meter_records, site
from tests.tariff.bench import native

PERIOD = BillPeriod("2013-07", date(2013, 7, 1), date(2013, 7, 3))
ENERGY = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = "0.10"\n'
DEMAND = ENERGY + '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n'
RATCHET = DEMAND + "[[charges.ratchets]]\npercent = 80\nlook_back_months = 3\n"
NO_SESSIONS = pl.DataFrame(schema=dict(SESSION_RECORD))
NOTHING_STORED = pl.DataFrame(schema=dict(CHARGING_SESSION))
NOTHING_EARLIER = Earlier({}, frozenset(), {}, [])

# The car arrives at 08:00 with 90 %, gives 2 kWh from 13:00, takes 2.5 kWh from 15:00, leaves with 90 % at 18:00.
V2B_DAY: list[tuple[Any, ...]] = [
    ("06-30 20:00", 0, 0),
    ("07-01 08:00", 0, 0, {"session_id": "a", "vehicle_id": "LEAF1", "context": "begin", "soc_pct": 90.0}),
    ("07-01 13:00", 0, 0, {"session_id": "a"}),
    ("07-01 13:30", 0, 2000, {"session_id": "a"}),
    ("07-01 15:00", 0, 2000, {"session_id": "a"}),
    ("07-01 15:30", 2500, 2000, {"session_id": "a"}),
    ("07-01 18:00", 2500, 2000, {"session_id": "a", "context": "end", "soc_pct": 90.0}),
    ("07-03 08:00", 2500, 2000),
]


def tariff(text: str = ENERGY) -> ResolvedTariff:
    return resolve(native(text, head='name = "test"\ncurrency = "USD"\n'), PERIOD)


def meter(changes: Mapping[str, int] | None = None, *, leave_out: Sequence[str] = ()) -> pl.DataFrame:
    """10 kWh in every half hour, but for `changes` [Wh] by start."""
    special = {instant(at): wh for at, wh in (changes or {}).items()}
    starts: list[datetime] = window_grid(PERIOD, "UTC", 30).get_column("interval_start").to_list()
    missing = {instant(at) for at in leave_out}
    return meter_records([(at, special.get(at, 10_000)) for at in starts if at not in missing])


def inputs(**changes: Any) -> Inputs:
    base: dict[str, Any] = {
        "site": site(),
        "period": PERIOD,
        "tariff": tariff(),
        "tariff_holidays": frozenset(),
        "programme_start": date(2013, 7, 1),
        "meter": meter({"07-01 13:00": 8_000, "07-01 15:00": 12_500}),
        "readings": charger_records(V2B_DAY),
        "session_records": NO_SESSIONS,
        "sessions": NOTHING_STORED,
        "earlier": NOTHING_EARLIER,
    }
    return Inputs(**{**base, **changes})


def prepared(**changes: Any) -> Prepared:
    return prepare(inputs(**changes))


def result(**changes: Any) -> Result:
    return compute(prepared(**changes))


def summary(**changes: Any) -> dict[str, Any]:
    return result(**changes).summary


def peaks(**by_month: str) -> dict[str, Decimal]:
    """`peaks(m2013_06="30")`: own peaks [kW] by month."""
    return {month.removeprefix("m").replace("_", "-"): Decimal(kw) for month, kw in by_month.items()}
