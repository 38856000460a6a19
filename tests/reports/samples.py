"""Report inputs made by hand: a plausible July 2013 in Atsugi and the months that test a report's wording and layout.

The building's load is a fixed half-hourly profile scaled by day; the cars give back 13:00-16:00 and recharge
16:30-18:30; prices are 1,632 yen a kW, one energy price and 5 % tax. Every figure of the summary follows from those
by the plain arithmetic here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from reports.inputs import CHARGE, STAYS, AlsoCurrency, PeakHours, ReportInput, ReportSite

PROFILE_KW = (
    [520] * 12
    + [540, 560, 590, 640, 760, 832, 858, 878, 884, 900, 921, 940]
    + [960, 985, 1002, 1014, 1019, 1020, 1000, 975, 958, 930]
    + [885, 838, 792, 728, 668, 640, 610, 590, 570, 560, 545, 540, 530, 525]
)
DISCHARGE_KW = {26: 18.0, 27: 24.0, 28: 25.0, 29: 25.6, 30: 20.0, 31: 15.0}
RECHARGE_KW = {33: 36.0, 34: 37.6, 35: 37.6, 36: 36.0}
PEAK_DAY = date(2013, 7, 10)
LONG_DAY = date(2025, 11, 2)  # 25 hours in California, made the peak day of its bill
HISTORY = {  # earlier bills of the site: month, own peak without and with V2B [kW]
    "2012-08": 986.0, "2012-09": 962.4, "2012-10": 868.0, "2012-11": 792.0, "2012-12": 841.0, "2013-01": 872.0,
    "2013-02": 884.2, "2013-03": 818.6, "2013-04": 771.2, "2013-05": 806.4, "2013-06": 921.8,
}  # fmt: skip

ATSUGI = ReportSite(
    site_id="atsugi",
    name="Advanced Technology Center, Atsugi",
    timezone="Asia/Tokyo",
    language="en",
    currency="JPY",
    vehicles=6,
    demand_window_min=30,
    peak_window=PeakHours("13:00", "16:00", (7, 8, 9), (1, 2, 3, 4, 5)),
    notes="Building load and cars are simulated; the size of the effect follows the published field test.",
    tariff_name="High voltage, seasonal time of use",
    tariff_notes="Basic charge on the highest of this and the previous eleven months. Energy prices are assumed.",
    also=AlsoCurrency("USD", Decimal("0.00973"), date(2013, 11, 29), "published with the test"),
)


def day_factor(day: date) -> float:
    """How high a day runs against the peak day: weekends low, working days by a fixed pattern."""
    if (day.isoweekday() > 5 or day == date(2013, 7, 15)) and day != LONG_DAY:
        return 0.62
    return 1.0 if day in (PEAK_DAY, LONG_DAY) else 0.985 - ((day.day * 7) % 12) / 100


def windows(
    first: date, days: int, *, zone: str, minutes: int = 30, gives: float = 1.0, takes: float = 1.0
) -> pl.DataFrame:
    """The load frame of a bill; `gives` and `takes` scale discharge and recharge."""
    rows = []
    at = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    last = first + timedelta(days=days)
    end = datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    while at < end:
        rows.append(_window(at, zone, minutes, gives, takes))
        at += timedelta(minutes=minutes)
    stamps = {"interval_start": pl.Datetime("us", "UTC"), "local_start": pl.Datetime("us"), "local_day": pl.Date}
    return pl.DataFrame(rows, schema_overrides=stamps)


def _window(at: datetime, zone: str, minutes: int, gives: float, takes: float) -> dict[str, Any]:
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    slot, day = (local.hour * 60 + local.minute) // 30, local.date()
    factor = day_factor(day)
    working = factor > 0.7 and day.day not in (3, 17, 23, 31)
    base_kw = (1024.0 if slot == 29 else PROFILE_KW[slot]) * factor
    discharge = DISCHARGE_KW.get(slot, 0.0) * gives if working else 0.0
    charge = RECHARGE_KW.get(slot, 0.0) * takes if working else 0.0

    def wh(kw: float) -> int:
        return round(kw * 1000 * minutes / 60)

    return {
        "interval_start": at,
        "local_start": local,
        "local_day": day,
        "duration_s": minutes * 60,
        "actual_import_wh": wh(base_kw) - wh(discharge) + wh(charge),
        "no_ev_import_wh": wh(base_kw),
        "unmanaged_import_wh": wh(base_kw),
        "charge_wh": wh(charge),
        "discharge_wh": wh(discharge),
    }


def peaks(load: pl.DataFrame, zone: str) -> dict[str, tuple[float, str]]:
    """Own peak [kW] and when its window began, per world."""
    found = {}
    for world in ("no_ev", "unmanaged", "actual"):
        best = max(
            load.iter_rows(named=True), key=lambda row: (row[f"{world}_import_wh"], -row["interval_start"].timestamp())
        )
        kw = best[f"{world}_import_wh"] * 3.6 / best["duration_s"]
        found[world] = (round(kw, 3), best["interval_start"].astimezone(ZoneInfo(zone)).isoformat())
    return found


def _yen(amount: Decimal, digits: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def lines(
    demand: tuple[float, float], energy: tuple[float, float], prices: tuple[str, str, str], digits: int
) -> list[dict[str, Any]]:
    """Bill lines of both worlds: fixed, demand, energy, tax; each amount rounded once."""
    fixed, kw_price, kwh_price = (Decimal(price) for price in prices)
    rows = [
        ("standing", "all", "fixed", "Standing charge", "month", (1.0, 1.0), fixed),
        ("basic", "all", "demand", "Demand charge", "kW", demand, kw_price),
        ("energy", "all", "energy", "Energy", "kWh", energy, kwh_price),
    ]
    made = []
    for charge_id, band, kind, description, unit, quantity, price in rows:
        amounts = [_yen(Decimal(str(q)) * price, digits) for q in quantity]
        made.append(_line(charge_id, band, kind, description, unit, quantity, amounts))
    bases = [sum((Decimal(row[key]) for row in made), Decimal(0)) for key in ("amount_baseline", "amount_actual")]
    taxes = [_yen(base * Decimal("0.05"), digits) for base in bases]
    made.append(_line("tax", "all", "tax", "Consumption tax, 5 %", "money", tuple(float(b) for b in bases), taxes))
    return made


def _line(
    charge_id: str,
    band: str,
    kind: str,
    description: str,
    unit: str,
    quantity: tuple[float, float],
    amounts: list[Decimal],
) -> dict[str, Any]:
    return {
        "charge_id": charge_id,
        "band": band,
        "kind": kind,
        "description": description,
        "unit": unit,
        "quantity_baseline": quantity[0],
        "quantity_actual": quantity[1],
        "amount_baseline": str(amounts[0]),
        "amount_actual": str(amounts[1]),
        "saved": str(amounts[0] - amounts[1]),
    }


def parts(rows: list[dict[str, Any]], *, carried: bool = False) -> dict[str, str]:
    """What the saving came from: a line of the bill each, for nothing is shifted here; demand perhaps `carried`."""
    by_kind = {row["kind"]: row["saved"] for row in rows}
    demand = "demand_carried" if carried else "demand_own"
    found = {"energy_volume": by_kind["energy"], demand: by_kind["demand"], "tax": by_kind["tax"]}
    names = (
        "energy_volume", "energy_shift", "demand_own", "demand_carried", "export", "riders", "tax", "other",
    )  # fmt: skip
    return {name: found.get(name, "0") for name in names}


def summary(
    site: ReportSite,
    load: pl.DataFrame,
    *,
    month: str,
    bill: tuple[str, str],
    prices: tuple[str, str, str] = ("12000", "1632", "15.40"),
    carried: tuple[tuple[float, str] | None, tuple[float, str] | None] = (None, None),
    annual: tuple[str | None, int, int] | None = None,
) -> dict[str, Any]:
    """A `summary.json` whose figures follow from the load; `carried` gives billed demand and its month per world."""
    peak = peaks(load, site.timezone)
    kwh = {w: int(load[f"{w}_import_wh"].sum()) / 1000 for w in ("no_ev", "unmanaged", "actual")}
    billed = [carried[0][0] if carried[0] else peak["unmanaged"][0], carried[1][0] if carried[1] else peak["actual"][0]]
    digits = 0 if site.currency == "JPY" else 2
    rows = lines((billed[0], billed[1]), (kwh["unmanaged"], kwh["actual"]), prices, digits)
    totals = [sum((Decimal(r[k]) for r in rows), Decimal(0)) for k in ("amount_baseline", "amount_actual", "saved")]
    cut = round(peak["unmanaged"][0] - peak["actual"][0], 3)
    into, out = int(load["charge_wh"].sum()) / 1000, int(load["discharge_wh"].sum()) / 1000
    realised, bills, provable_bills = annual or (str(totals[2]), 1, 1)
    return {
        "site_id": site.site_id,
        "month": month,
        "bill_from": bill[0],
        "bill_to": bill[1],
        "currency": site.currency,
        "headline": "unmanaged",
        "state": "ok",
        "provable": True,
        "grade": "B",
        "reasons": ["clock_bounded", "wiring_not_compared", "range_not_computed", "wear_not_configured"],
        "peak_kw": {
            "demand_line": "basic/all",
            **{world: peak[world][0] for world in peak},
            "reduction": cut,
            "low": None,
            "high": None,
            "baseline_set_at": peak["unmanaged"][1],
            "actual_set_at": peak["actual"][1],
        },
        "billing_demand_kw": {
            "no_ev": billed[0],
            "unmanaged": billed[0],
            "actual": billed[1],
            "reduction": round(billed[0] - billed[1], 3),
            "baseline_carried_from": carried[0][1] if carried[0] else None,
            "actual_carried_from": carried[1][1] if carried[1] else None,
        },
        "percent_saved": {
            "peak": 100 * cut / peak["unmanaged"][0],
            "moved_out_of_window": 2.1,
            "bill": float(100 * totals[2] / totals[0]),
        },
        "energy_kwh": kwh,
        "money": {
            "bill_no_ev": str(totals[0]),
            "bill_unmanaged": str(totals[0]),
            "bill_actual": str(totals[1]),
            "saved": str(totals[2]),
            "low": None,
            "high": None,
            "partial": False,
            "wear_low": None,
            "wear_high": None,
        },
        "annual": {
            "realised": realised,
            "bills": bills,
            "provable_bills": provable_bills,
            "locked": None,
            "run_rate": None,
            "run_rate_low": None,
            "run_rate_high": None,
            "first_paying_month": (carried[0][1] if carried[0] else month) if billed[1] < billed[0] else None,
            "next_roll_off": None,
        },
        "levers": {"hosting": "0", "managed_charging": "0", "discharge": str(totals[2])},
        "decomposition": parts(rows, carried=carried[0] is not None),
        "lines": rows,
        "reconciliation": {"verdict": "not_supplied", "figures": []},
        "fleet": {
            "departures": 108,
            "ready": 108,
            "short": 0,
            "unknown": 0,
            "ready_pct": 100.0,
            "charged_kwh": into,
            "discharged_kwh": out,
            "round_trip_efficiency": 0.866,
            "equivalent_full_cycles": 11.4,
            "availability_pct": None,
        },
        "capture": {"best_possible_peak_kw": None, "capture_kw_pct": None, "capture_money_pct": None, "missed": []},
        "check": {"verdict": "no_check", "method": None, "v2b_days": None, "reference_days": None},
        "data": {
            "meter_coverage_pct": 100.0,
            "charger_coverage_pct": 100.0,
            "clock_offset_s": None,
            "beta": None,
            "estimated_intervals": 0,
            "findings": [],
        },
        "version": {
            "report": 1,
            "input_hash": "7f3a21c90b5de14488a1c2f0e6d3b7a9415566778899aabbccddeeff00112233",
            "code": "0.1.0",
            "generated_at": "2013-08-03T06:00:00+00:00",
            "restates": None,
        },
    }


def bills(rows: list[tuple[str, float, float, float, float, str]]) -> pl.DataFrame:
    """The months frame from (month, own peaks, billed demands [kW], saved); realised is their running sum."""
    running = Decimal(0)
    made = []
    for month, base, actual, billed_base, billed_actual, saved in rows:
        running += Decimal(saved)
        made.append(
            {
                "month": month,
                "state": "ok" if Decimal(saved) else "seed",
                "provable": True,
                "peak_baseline_kw": base,
                "peak_actual_kw": actual,
                "billing_baseline_kw": billed_base,
                "billing_actual_kw": billed_actual,
                "saved": saved,
                "realised": str(running),
                "ready_pct": 100.0,
            }
        )
    return pl.DataFrame(made)


def cars(count: int, day: date, zone: str, *, short: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stays and states of charge of a day: full from 9:00, given from 13:00, full again at 18:30 but for `short`."""
    stays, charge = [], []

    def at(hour: float) -> datetime:
        wall = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(hours=hour)
        return wall.astimezone(UTC)

    for number in range(1, count + 1):
        low, last = 50.0 + number % 7, 88.0 if number <= short else 100.0
        left = 18.75 + (number * 7 % 12) / 15
        stays.append((f"s{number}", f"LEAF{number}", at(8 + number % 5 / 6), at(left), last, 100.0))
        points = (
            (8 + number % 5 / 6, 92.0),
            (9, 100.0),
            (13, 100.0),
            (14.5, 75.0),
            (16, low),
            (16.5, low),
            (18.4, last),
        )
        charge += [(f"s{number}", at(hour), pct) for hour, pct in (*points, (left, last))]
    return (
        pl.DataFrame(stays, schema=STAYS, orient="row"),
        pl.DataFrame(charge, schema=CHARGE, orient="row"),
    )


def good() -> ReportInput:
    """July 2013: the first month of V2B, eleven earlier bills behind it."""
    load = windows(date(2013, 7, 1), 31, zone="Asia/Tokyo")
    result = summary(ATSUGI, load, month="2013-07", bill=("2013-07-01", "2013-08-01"))
    before = [(month, kw, kw, max(kw, 986.0), max(kw, 986.0), "0") for month, kw in HISTORY.items()]
    this = ("2013-07", 1024.0, 998.4, 1024.0, 998.4, result["money"]["saved"])
    return ReportInput(result, ATSUGI, load, bills([*before, this]), *cars(6, PEAK_DAY, "Asia/Tokyo"))


def with_summary(source: ReportInput, /, **changes: Any) -> ReportInput:
    """The same input with parts of its summary changed; mappings are merged."""
    merged = dict(source.summary)
    for key, value in changes.items():
        merged[key] = {**merged[key], **value} if isinstance(value, Mapping) else value
    return replace(source, summary=merged)


def full_year() -> ReportInput:
    """June 2014: a low month whose saving is carried by July's ratchet, twelve V2B bills."""
    load = windows(date(2014, 6, 1), 30, zone="Asia/Tokyo").with_columns(
        [(pl.col(f"{w}_import_wh") * 9 // 10) for w in ("actual", "no_ev", "unmanaged")]
    )
    annual = ("501372", 12, 12)
    carried = ((1024.0, "2013-07"), (998.4, "2013-07"))
    result = summary(ATSUGI, load, month="2014-06", bill=("2014-06-01", "2014-07-01"), carried=carried, annual=annual)
    cuts = (25.6, 24.0, 24.6, 20.8, 18.4, 21.6, 22.2, 22.8, 20.2, 17.9, 19.6)
    peaks_kw = (1024.0, 1010.2, 960.0, 868.0, 792.0, 841.0, 872.0, 884.2, 818.6, 771.2, 806.4)
    months = [f"2013-{m:02d}" for m in range(7, 13)] + [f"2014-{m:02d}" for m in range(1, 6)]
    rows = [(m, kw, round(kw - c, 1), 1024.0, 998.4, "41779") for m, kw, c in zip(months, peaks_kw, cuts, strict=True)]
    own = result["peak_kw"]
    this = ("2014-06", own["unmanaged"], own["actual"], 1024.0, 998.4, result["money"]["saved"])
    return ReportInput(result, ATSUGI, load, bills([*rows, this]))


def negative() -> ReportInput:
    """A recharge too early and too strong: it makes a new peak."""
    load = windows(date(2013, 7, 1), 31, zone="Asia/Tokyo", gives=0.2, takes=4.0)
    result = summary(ATSUGI, load, month="2013-07", bill=("2013-07-01", "2013-08-01"))
    own = result["peak_kw"]
    before = [(month, kw, kw, max(kw, 986.0), max(kw, 986.0), "0") for month, kw in HISTORY.items()]
    this = ("2013-07", own["unmanaged"], own["actual"], own["unmanaged"], own["actual"], result["money"]["saved"])
    data = ReportInput(result, ATSUGI, load, bills([*before, this]), *cars(6, PEAK_DAY, "Asia/Tokyo", short=2))
    return with_summary(data, fleet={"ready": 101, "short": 4, "unknown": 3, "ready_pct": 93.5})


def not_provable() -> ReportInput:
    """Charger data is missing from 12 July on: the compared world cannot be rebuilt."""
    data = good()
    gap = pl.col("local_day") >= date(2013, 7, 12)
    blank = [
        pl.when(gap).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("no_ev_import_wh", "unmanaged_import_wh", "charge_wh", "discharge_wh")
    ]
    empty = {"quantity_baseline": None, "amount_baseline": None, "saved": None}
    months = data.months.with_columns(
        [
            pl.when(pl.col("month") == "2013-07").then(None).otherwise(pl.col(name)).alias(name)
            for name in ("peak_baseline_kw", "billing_baseline_kw", "saved", "realised", "ready_pct")
        ]
    )
    changed = with_summary(
        data,
        provable=False,
        grade="F",
        reasons=["charger_gap", "clock_bounded", "wiring_not_compared", "range_not_computed"],
        peak_kw={"no_ev": None, "unmanaged": None, "reduction": None, "baseline_set_at": None},
        billing_demand_kw={"no_ev": None, "unmanaged": None, "reduction": None},
        percent_saved={"peak": None, "moved_out_of_window": None, "bill": None},
        energy_kwh={"no_ev": None, "unmanaged": None},
        money={"bill_no_ev": None, "bill_unmanaged": None, "saved": None},
        levers=dict.fromkeys(data.summary["levers"]),
        decomposition=dict.fromkeys(data.summary["decomposition"]),
        annual={"realised": None, "provable_bills": 0, "first_paying_month": None},
        lines=[{**line, **empty} for line in data.summary["lines"]],
        data={"charger_coverage_pct": 35.4, "findings": ["Charger data: 960 windows missing from 12 July 2013."]},
    )
    return replace(changed, load=data.load.with_columns(blank), months=months)


def silent() -> ReportInput:
    """A closed bill of which nothing has come: no meter window, no charger reading, a bill that nobody can price."""
    data = failed()
    unknown = [pl.lit(None, pl.Int64).alias(name) for name in good().load.columns if name.endswith("_wh")]
    return replace(
        with_summary(
            data,
            state="ok",
            grade="F",
            reasons=["meter_gap", "charger_gap", "clock_bounded", "wiring_not_compared", "range_not_computed",
                     "check_not_possible", "no_departures", "unproved_bills_left_out"],
            annual={"bills": 1, "provable_bills": 0},
            fleet={"departures": 0, "ready": 0, "short": 0, "unknown": 0},
            check={"verdict": "no_check", "reason": "this bill has no V2B day"},
            data={"meter_coverage_pct": 0.0, "charger_coverage_pct": 0.0, "findings": [
                "Meter data is missing from 2013-07-01 00:00 local time for 744.0 h.",
                "Charger data is missing from 2013-07-01 00:00 local time for 744.0 h.",
            ]},
        ),
        load=good().load.with_columns(unknown),
    )  # fmt: skip


def failed() -> ReportInput:
    """A month that could not be computed: nothing but its reason."""
    data = with_summary(
        not_provable(),
        state="failed",
        grade=None,
        reasons=["tariff_refused"],
        peak_kw={"actual": None, "actual_set_at": None},
        billing_demand_kw={"actual": None},
        energy_kwh={"actual": None},
        money={"bill_actual": None},
        annual={"bills": None, "provable_bills": None},
        fleet=dict.fromkeys(good().summary["fleet"]),
        data={"meter_coverage_pct": None, "charger_coverage_pct": None, "findings": []},
        lines=[],
    )
    blank = [
        pl.when(pl.col("month") == "2013-07").then(None).otherwise(pl.col(name)).alias(name)
        for name in ("peak_actual_kw", "billing_actual_kw")
    ]
    return replace(data, load=data.load.clear(), months=data.months.with_columns(blank))


def first_month() -> ReportInput:
    """The very first bill, of one car, without second currency or peak window."""
    site = replace(ATSUGI, vehicles=1, also=None, peak_window=None, notes="", name="Depot")
    load = windows(date(2013, 7, 1), 31, zone="Asia/Tokyo", gives=0.2, takes=0.2)
    result = summary(site, load, month="2013-07", bill=("2013-07-01", "2013-08-01"))
    own = result["peak_kw"]
    this = ("2013-07", own["unmanaged"], own["actual"], own["unmanaged"], own["actual"], result["money"]["saved"])
    data = ReportInput(result, site, load, bills([this]))
    return with_summary(data, fleet={"departures": 21, "ready": 21})


def dollars() -> ReportInput:
    """November 2025 in California: cents, hourly windows, and a day of 25 hours sets the peak."""
    site = ReportSite(
        site_id="office",
        name="Office building 35",
        timezone="America/Los_Angeles",
        language="en",
        currency="USD",
        vehicles=6,
        demand_window_min=60,
        peak_window=PeakHours("13:00", "16:00", tuple(range(1, 13)), tuple(range(1, 8))),
        notes="Real building load and workplace sessions; the effect of the cars is injected.",
        tariff_name="General service, time of use",
        tariff_notes="No demand window is stated; the site's is 60 minutes.",
    )
    load = windows(date(2025, 11, 1), 30, zone=site.timezone, minutes=60)
    load = load.with_columns([pl.col(w) // 10 for w in load.columns if w.endswith("_wh")])
    result = summary(site, load, month="2025-11", bill=("2025-11-01", "2025-12-01"), prices=("85.5", "18.27", "0.1127"))
    own = result["peak_kw"]
    this = ("2025-11", own["unmanaged"], own["actual"], own["unmanaged"], own["actual"], result["money"]["saved"])
    before = [(m, 103.0, 100.8, 103.0, 100.8, "40.19") for m in ("2025-08", "2025-09", "2025-10")]
    return ReportInput(result, site, load, bills([*before, this]))


def ranges() -> ReportInput:
    """The good month with all stated that may be: ranges, what was missed, what lies ahead, the utility's bill."""
    figures = [
        {"figure": "demand", "unit": "kW", "charge_id": None, "ours": "998.4", "utility": "998",
         "difference_pct": 0.04, "cause": None},
        {"figure": "amount", "unit": "money", "charge_id": "basic", "ours": "1629389", "utility": "1628736",
         "difference_pct": 0.04, "cause": None},
    ]  # fmt: skip
    return with_summary(
        good(),
        grade="A",
        reasons=["clock_measured"],
        peak_kw={"low": 24.1, "high": 27.0},
        money={"low": "39800", "high": "42100", "wear_low": "5742", "wear_high": "17226"},
        annual={
            "locked": "442260", "run_rate": "503194", "run_rate_low": "480000", "run_rate_high": "520000",
            "next_roll_off": {
                "month": "2014-07", "world": "actual", "from_kw": 998.4, "to_kw": 984.4, "money": "22932",
            },
        },
        capture={
            "best_possible_peak_kw": 988.1, "capture_kw_pct": 71.3, "capture_money_pct": 70.9,
            "missed": [
                {"cause": "control", "kw": 7.4, "money": "12077"}, {"cause": "faults", "kw": 0.0, "money": "0"},
                {"cause": "plugged_in_late", "kw": 2.1, "money": "3427"},
                {"cause": "arrived_not_full", "kw": 0.8, "money": "1306"},
            ],
        },
        fleet={"availability_pct": 97.5},
        check={
            "verdict": "confirms", "method": "adjusted day matching", "v2b_days": 18, "reference_days": 64,
            "metered_kw": 21.3, "estimated_kw": 20.6, "low": 17.9, "high": 23.3, "smallest_detectable_kw": 2.7,
        },
        reconciliation={"verdict": "agrees", "figures": figures},
        data={"clock_offset_s": 12.0, "beta": 0.998},
        assumptions=[
            {"name": "charger_accuracy", "value": 0.0, "low": -1.0, "high": 1.0, "unit": "%", "sentence": "Stated."},
            {"name": "meter_accuracy", "value": 0.0, "low": -0.5, "high": 0.5, "unit": "%", "sentence": "Stated."},
            {"name": "clock_offset", "value": 12.0, "low": -60.0, "high": 60.0, "unit": "s", "sentence": "Measured."},
            {"name": "round_trip_efficiency", "value": 0.866, "low": 0.849, "high": 0.883, "unit": "1",
             "sentence": "Fitted."},
        ],
    )  # fmt: skip


def japanese() -> ReportInput:
    """The month with everything stated, for a Japanese reader."""
    data = ranges()
    names = ("高圧季節別時間帯別電力", "基本料金は当月と前11か月の最大値による。電力量料金は仮定。")
    site = replace(
        data.site, language="ja", name="先進技術センター厚木", notes="建物負荷と車両は模擬。",
        tariff_name=names[0], tariff_notes=names[1],
    )  # fmt: skip
    described = dict(
        zip(("standing", "basic", "energy", "tax"), ("定額", "基本料金", "電力量料金", "消費税 5 %"), strict=True)
    )
    lines = [{**line, "description": described[line["charge_id"]]} for line in data.summary["lines"]]
    return with_summary(replace(data, site=site), lines=lines)


def euros() -> ReportInput:
    """A bill in euro with a forty-car depot, some of them short."""
    site = replace(
        ATSUGI, site_id="lyon", name="Dépôt de Lyon", timezone="Europe/Paris", currency="EUR", vehicles=40, also=None,
        notes="", tariff_name="Tarif vert A5", tariff_notes="",
    )  # fmt: skip
    load = windows(date(2013, 7, 1), 31, zone=site.timezone, gives=6.0, takes=5.4)
    result = summary(
        site, load, month="2013-07", bill=("2013-07-01", "2013-08-01"), prices=("61.2", "11.25", "0.0874")
    )  # fmt: skip
    own = result["peak_kw"]
    this = ("2013-07", own["unmanaged"], own["actual"], own["unmanaged"], own["actual"], result["money"]["saved"])
    before = [(month, kw, kw, max(kw, 986.0), max(kw, 986.0), "0") for month, kw in HISTORY.items()]
    data = ReportInput(result, site, load, bills([*before, this]), *cars(40, PEAK_DAY, site.timezone, short=3))
    return with_summary(data, fleet={"departures": 720, "ready": 688, "short": 29, "unknown": 3, "ready_pct": 95.6})


def _saving(line: dict[str, Any], saved: int) -> dict[str, Any]:
    return {**line, "saved": str(saved), "amount_actual": str(Decimal(line["amount_baseline"]) - saved)}


def home() -> ReportInput:
    """A house with one car and no demand charge: money and energy moved, no peak."""
    site = replace(
        ATSUGI, site_id="home", name="House with a LEAF", vehicles=1, also=None, notes="", tariff_name="Time of use"
    )
    load = windows(date(2013, 7, 1), 31, zone=site.timezone, gives=13.0, takes=12.0)
    load = load.with_columns([pl.col(name) // 100 for name in load.columns if name.endswith("_wh")])
    result = summary(site, load, month="2013-07", bill=("2013-07-01", "2013-08-01"), prices=("1200", "0", "24"))
    saved = {"energy": 3480, "tax": 174}
    rows = [_saving(line, saved.get(line["kind"], 0)) for line in result["lines"] if line["kind"] != "demand"]
    base = sum((Decimal(row["amount_baseline"]) for row in rows), Decimal(0))
    columns = ("peak_baseline_kw", "peak_actual_kw", "billing_baseline_kw", "billing_actual_kw")
    months = bills([("2013-07", 0, 0, 0, 0, "3654")]).with_columns(pl.lit(None, pl.Float64).alias(c) for c in columns)
    data = ReportInput(result, site, load, months, *cars(1, PEAK_DAY, site.timezone))
    return with_summary(
        data,
        reasons=["no_demand_charge", "clock_bounded", "wiring_not_compared", "no_ratchet"],
        peak_kw=dict.fromkeys(result["peak_kw"]),
        billing_demand_kw=dict.fromkeys(result["billing_demand_kw"]),
        percent_saved={"peak": None, "moved_out_of_window": 75.3, "bill": float(365400 / base)},
        money={"bill_no_ev": str(base), "bill_unmanaged": str(base), "bill_actual": str(base - 3654), "saved": "3654"},
        annual={"realised": "3654"},
        levers={"hosting": "0", "managed_charging": "410", "discharge": "3244"},
        decomposition={**dict.fromkeys(result["decomposition"], "0"), "energy_shift": "3480", "tax": "174"},
        lines=rows,
        fleet={"departures": 21, "ready": 21},
    )


SAMPLES = {
    "good": good,
    "full_year": full_year,
    "negative": negative,
    "not_provable": not_provable,
    "failed": failed,
    "silent": silent,
    "first_month": first_month,
    "dollars": dollars,
    "ranges": ranges,
    "japanese": japanese,
    "euros": euros,
    "home": home,
}
