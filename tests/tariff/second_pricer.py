"""NREL's PySAM (Utilityrate5) as a second pricer: its inputs, written by hand from a tariff's charges, and its bills.

PySAM is a test dependency only: https://github.com/NREL/pysam, BSD 3-Clause.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from random import Random
from typing import Any, Final

import polars as pl
import pytest

from pipeline.domain import LOAD
from pipeline.tariff import Charge, Tariff, Tier, TouPeriod

Utilityrate5 = pytest.importorskip("PySAM.Utilityrate5", reason="nrel-pysam is not installed")

YEAR: Final = 2018  # begins on a Monday and has 365 days, as every year of PySAM
HOURS: Final = 8760
ENDLESS: Final = 1e38
EVERY_HOUR: Final = [[1] * 24] * 12
TIER_UNIT: Final = {"bill": 0, "kW": 1, "day": 2}
DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NO_METER: Final[Mapping[str, Any]] = {
    "en_electricity_rates": 1,
    "ur_metering_option": 0,
    "ur_monthly_fixed_charge": 0,
    "ur_monthly_min_charge": 0,
    "ur_annual_min_charge": 0,
    "ur_en_ts_sell_rate": 0,
    "ur_en_ts_buy_rate": 0,
    "ur_nm_yearend_sell_rate": 0,
    "ur_nm_credit_month": 0,
    "ur_nm_credit_rollover": 0,
    "ur_sell_eq_buy": 0,
    "ur_enable_billing_demand": 0,
    "TOU_demand_single_peak": 0,
    "rate_escalation": [0],
    "ur_dc_enable": 1,
    "ur_ec_sched_weekday": EVERY_HOUR,
    "ur_ec_sched_weekend": EVERY_HOUR,
    "ur_ec_tou_mat": [[1, 1, ENDLESS, 0, 0, 0]],
    "ur_dc_sched_weekday": EVERY_HOUR,
    "ur_dc_sched_weekend": EVERY_HOUR,
    "ur_dc_tou_mat": [[1, 1, ENDLESS, 0]],
    "ur_dc_flat_mat": [[month, 1, ENDLESS, 0] for month in range(12)],
}
"""A rate that charges nothing."""
GROUPS: Final = {
    "fixed": "charge_wo_sys_fixed_ym",
    "minimum": "charge_wo_sys_minimum_ym",
    "energy": "charge_wo_sys_ec_ym",
    "flat demand": "charge_wo_sys_dc_fixed_ym",
    "demand by time of use": "charge_wo_sys_dc_tou_ym",
    "total": "utility_bill_wo_sys_ym",
}


@cache
def loads() -> Mapping[str, tuple[int, ...]]:
    """Five loads of a year [Wh of each hour]."""
    draw = Random(7)

    def office(hour: int) -> int:
        working = hour // 24 % 7 < 5 and 8 <= hour % 24 < 18
        return 60_000 + 180_000 * working + draw.randrange(20_000)

    return {
        "flat": (100_000,) * HOURS,
        "office": tuple(office(hour) for hour in range(HOURS)),
        "spiky": tuple(5_000 + (draw.random() < 0.01) * draw.randrange(400_000) for _ in range(HOURS)),
        "small": tuple(1_500 + draw.randrange(3_000) for _ in range(HOURS)),
        "large": tuple(2_000_000 + draw.randrange(3_000_000) for _ in range(HOURS)),
    }


def load_frame(import_wh: Mapping[str, Sequence[int]], year: int = YEAR) -> pl.DataFrame:
    """Return loads as one frame, each a world, in hours of UTC from the first of January."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    frames = [
        pl.DataFrame(
            {
                "scenario": name,
                "interval_start": [start + timedelta(hours=hour) for hour in range(len(values))],
                "duration_s": 3600,
                "import_wh": values,
                "export_wh": 0,
            },
            schema=dict(LOAD),
        )
        for name, values in import_wh.items()
    ]
    return pl.concat(frames)


def prices(rates: Mapping[str, Any], load_wh: Sequence[int], *, years: int = 1) -> dict[str, list[list[float]]]:
    """Return PySAM's bills of a load by group, year and month."""
    model = Utilityrate5.new()
    model.ElectricityRates.assign({**NO_METER, **rates})
    model.Load.assign({"load": [wh / 1000 for wh in load_wh], "grid_outage": [0] * len(load_wh)})
    model.SystemOutput.assign({"gen": [0] * len(load_wh), "degradation": [0]})
    model.Lifetime.assign({"analysis_period": years, "inflation_rate": 0, "system_use_lifetime_output": 0})
    model.execute(0)
    # the first row is a year zero without any charge
    return {group: [list(row) for row in getattr(model.Outputs, name)[1:]] for group, name in GROUPS.items()}


def _rate(tier: Tier) -> float:
    return float(tier.rate or 0)


def _rows(periods: Sequence[TouPeriod]) -> list[tuple[int, int, float, float]]:
    """Period, tier, end and rate: every period cut at the ends of all, because PySAM wants the same ends in all."""
    ends = sorted({float(tier.up_to) for period in periods for tier in period.tiers if tier.up_to is not None})
    return [
        (number, count, end, _rate(next(t for t in period.tiers if t.up_to is None or end <= float(t.up_to))))
        for number, period in enumerate(periods, start=1)
        for count, end in enumerate((*ends, ENDLESS), start=1)
    ]


def _schedules(periods: Sequence[TouPeriod]) -> tuple[list[list[int]], list[list[int]]]:
    """The period of each month and hour, on weekdays and at weekends; 1 where none has the hour."""
    weekday, weekend = ([[1] * 24 for _ in range(12)] for _ in range(2))
    for number, period in enumerate(periods, start=1):
        for mask in period.when:
            for month, day, (start, end) in product(mask.months, mask.weekdays, mask.minutes):
                for hour in range(start // 60, end // 60):
                    (weekday if day < 6 else weekend)[month - 1][hour] = number
    return weekday, weekend


def _energy(charge: Charge) -> dict[str, Any]:
    weekday, weekend = _schedules(charge.periods)
    unit = TIER_UNIT[charge.tiers.per]
    rows = [[period, tier, end, unit, rate, 0] for period, tier, end, rate in _rows(charge.periods)]
    return {"ur_ec_tou_mat": rows, "ur_ec_sched_weekday": weekday, "ur_ec_sched_weekend": weekend}


def _demand(charge: Charge) -> dict[str, Any]:
    weekday, weekend = _schedules(charge.periods)
    rows = [list(row) for row in _rows(charge.periods)]
    return {"ur_dc_tou_mat": rows, "ur_dc_sched_weekday": weekday, "ur_dc_sched_weekend": weekend}


def _flat_demand(charge: Charge) -> dict[str, Any]:
    by_month = {month: period for period in charge.periods for month in period.when[0].months}
    rows = [
        [month - 1, count, float(tier.up_to) if tier.up_to is not None else ENDLESS, _rate(tier)]
        for month in range(1, 13)
        for count, tier in enumerate(by_month[month].tiers, start=1)
    ]
    return {"ur_dc_flat_mat": rows}


def _fixed(charge: Charge, days: int) -> dict[str, Any]:
    rate = charge.periods[0].tiers[0].rate or Decimal(0)
    return {"ur_monthly_fixed_charge": float(rate * days if charge.per == "day" else rate)}


def inputs(tariff: Tariff, days: int) -> dict[str, Any]:
    """Return a tariff's charges as PySAM's inputs; a charge per day as that of a month of so many days."""
    rates: dict[str, Any] = {}
    for charge in tariff.versions[0].charges:
        match charge.charge_id:
            case "energy":
                rates |= _energy(charge)
            case "demand":
                rates |= _demand(charge)
            case "flat_demand":
                rates |= _flat_demand(charge)
            case "fixed":
                rates |= _fixed(charge, days)
            case "minimum":
                rates["ur_monthly_min_charge"] = _rate(charge.periods[0].tiers[0])
            case other:
                raise ValueError(f"charge {other!r} has no counterpart in PySAM's inputs")
    return rates


def bills(tariff: Tariff, load_wh: Sequence[int]) -> list[dict[str, float]]:
    """Return PySAM's bill of each month by group, each of a run for its days: it knows no charge per day."""
    runs = {days: prices(inputs(tariff, days), load_wh) for days in sorted(set(DAYS))}
    return [{group: runs[DAYS[month]][group][0][month] for group in GROUPS} for month in range(12)]
