"""What the best possible use of the same cars would have reached, in kW and in money, and what of it was missed.

The demand line of the headline is looked at over its own hours; the bill as a whole, with the wear of the batteries. A
car that was plugged in before the bill began, or left after it ended, keeps what it did: its energy at the edge of the
bill is not known. Worlds are nested, each with one more thing put right, so that what was missed sums to the whole gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
from babel.numbers import get_currency_precision

from pipeline import fleet, savings
from pipeline.calendars import period_utc
from pipeline.chain.inputs import Prepared
from pipeline.domain import LOAD
from pipeline.fleet import Losses, PeakLoad, Stay
from pipeline.portfolio import Charger, Vehicle
from pipeline.tariff import Rows, masks_expr, measure, measured_rows, price_measured, slot_expr, with_billed_time

CAUSES: Final = ("control", "faults", "arrived_not_full")
"""What was missed, in the order of the nested worlds: steering, chargers that never answered, charge not brought."""
_IDLE_H: Final = 1.0
_WANTS_WH: Final = 1000.0
"""A car that stands there longer, wants more and gets nothing stands at a charger that does not work."""
_LEAST_OF_BILL: Final = Decimal("0.001")  # below it a share of the possible saving says nothing

T = TypeVar("T")
_Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Reached:
    """Own peak of the demand line [kW] and bill with wear [money]; None where not known."""

    peak_kw: float | None
    cost: Decimal | None


@dataclass(frozen=True)
class Capture:
    """The compared world, and the nested ones: as metered, as plugged in, no fault, every car arriving full."""

    currency: str
    baseline: Reached
    actual: Reached
    best: Reached
    no_fault: Reached
    arriving_full: Reached

    @property
    def section(self) -> dict[str, Any]:
        """The `capture` section of the result contract; the missed causes sum to the whole gap, in kW and money."""
        return {
            "best_possible_peak_kw": _to_watts(self.best.peak_kw),
            "capture_kw_pct": self._kw_pct(),
            "capture_money_pct": self._money_pct(),
            "missed": [
                {"cause": cause, "kw": _less_kw(before, after), "money": self._less_money(before, after)}
                for cause, (before, after) in zip(CAUSES, pairwise(self._worlds()), strict=True)
            ],
        }

    def _worlds(self) -> tuple[Reached, ...]:
        return self.actual, self.best, self.no_fault, self.arriving_full

    def _kw_pct(self) -> float | None:
        peaks = (self.baseline.peak_kw, self.actual.peak_kw, self.best.peak_kw)
        known = [peak for peak in peaks if peak is not None]
        share = fleet.capture_pct(*known) if len(known) == len(peaks) else None
        return None if share is None else round(share, 2)

    def _money_pct(self) -> float | None:
        before, actual, best = self.baseline.cost, self.actual.cost, self.best.cost
        if before is None or actual is None or best is None or before - best < abs(before) * _LEAST_OF_BILL:
            return None
        return None if before == best else round(float(100 * (before - actual) / (before - best)), 2)

    def _less_money(self, before: Reached, after: Reached) -> str | None:
        if before.cost is None or after.cost is None:
            return None
        return savings.money_text(before.cost - after.cost, self.currency)


def _to_watts(kw: float | None) -> float | None:
    return None if kw is None else round(kw, 3)


def _less_kw(before: Reached, after: Reached) -> float | None:
    if before.peak_kw is None or after.peak_kw is None:
        return None
    return round(round(before.peak_kw, 3) - round(after.peak_kw, 3), 3)


def capture_of(prepared: Prepared, line: savings.LineKey | None, baseline_kw: float | None) -> Capture | None:
    """Return what was possible in a bill, the baseline peak of one demand line being known [kW].

    None where a load is not known all month or the grid was dead for a part of it, and where a car's state of charge,
    capacity or charger is not. Peaks are None where the line bills anything but the highest clock-aligned window, costs
    where `fleet.marginal_prices` finds no prices.
    """
    windows = prepared.windows
    known = bool((windows.get_column("metered") & windows.get_column("covered")).all())
    if not known or bool((windows.get_column("dead_s") > 0).any()):
        return None
    sessions = prepared.known_sessions
    begin, end = period_utc(prepared.inputs.period, prepared.inputs.site.timezone)
    whole = (
        pl.col("plugged_out_at").is_not_null() & (pl.col("plugged_in_at") >= begin) & (pl.col("plugged_out_at") <= end)
    )
    touching = sessions.filter(pl.col("plugged_out_at").is_null() | (pl.col("plugged_out_at") > begin))
    stays = _stays(prepared, touching.filter(whole))
    if not stays:
        return None
    fixed = _fixed_wh(prepared, touching.filter(~whole))
    nested = ([_as_plugged(stay) for stay in stays], [one.stay for one in stays], [_full(one.stay) for one in stays])
    billed = None if line is None or baseline_kw is None else _billed(prepared, line)
    peaks = _peaks(prepared, billed, fixed, nested)
    costs = _costs(prepared, fixed, nested)
    reached = [Reached(peak, cost) for peak, cost in zip(peaks, costs[1:], strict=True)]
    return Capture(prepared.inputs.site.currency, Reached(baseline_kw, costs[0]), *reached)


def _losses(prepared: Prepared) -> Losses:
    trip = prepared.round_trip
    return Losses(trip.charge_wh_per_battery_wh, trip.battery_wh_per_discharge_wh)


def _peaks(
    prepared: Prepared, billed: _Flags | None, fixed: pl.DataFrame, nested: Sequence[Sequence[Stay]]
) -> list[float | None]:
    """Peaks of the demand line as metered and of each nested world, none above the one before."""
    if billed is None:
        return [None] * (1 + len(nested))
    load = _load(prepared, billed, fixed)
    losses = _losses(prepared)
    found = _each_once(nested, lambda stays: fleet.best_possible_peak_kw(load, stays, losses))
    metered = load.peak_kw(load.actual_wh, load.billed)
    return [metered, *(min(metered, *found[: number + 1]) for number in range(len(found)))]


def _each_once(nested: Sequence[Sequence[Stay]], solve: Callable[[Sequence[Stay]], T]) -> list[T]:
    """Solve every nested world; one that does not differ from the world before has its answer."""
    found: list[T] = []
    for number, stays in enumerate(nested):
        found.append(found[-1] if number and stays == nested[number - 1] else solve(stays))
    return found


def _costs(prepared: Prepared, fixed: pl.DataFrame, nested: Sequence[Sequence[Stay]]) -> list[Decimal | None]:
    """Bill and wear of the unmanaged world, as metered, and of each nested world, all at the metered world's floors."""
    nothing: list[Decimal | None] = [None] * (2 + len(nested))
    inputs = prepared.inputs
    metered = {world: prepared.windows.select(*_SPAN, net_wh=_net(world)) for world in ("unmanaged", "actual")}
    rows = _measured(prepared, metered)
    prices = fleet.marginal_prices(inputs.tariff, rows["actual"], inputs.earlier.own_peaks, prepared.window_min)
    if prices is None:
        return nothing
    plans = _plans(prepared, fixed, nested, _by_window(prepared, prices))
    if plans is None:
        return nothing
    loads = {
        str(number): _span(prepared).with_columns(net_wh=pl.Series(np.rint(plan.net_wh)).cast(pl.Int64))
        for number, plan in enumerate(plans)
    }
    rows |= _measured(prepared, loads)
    kept_wh = float(fixed.get_column("fixed_discharge_wh").sum())
    given = {"unmanaged": 0.0, "actual": float(prepared.windows.get_column("discharge_wh").sum())}
    given |= {name: kept_wh + plan.discharge_wh for name, plan in zip(loads, plans, strict=True)}
    cost = {name: _bill(prepared, rows[name]) + _wear(prepared, wh) for name, wh in given.items()}
    # the metered load is one of the plans: where logs contradict limits, nothing dearer is called the best
    nested_costs = accumulate((cost["actual"], *(cost[name] for name in loads)), min)
    return [None if prepared.outside_sessions else cost["unmanaged"], *nested_costs]


def _plans(
    prepared: Prepared, fixed: pl.DataFrame, nested: Sequence[Sequence[Stay]], prices: fleet.Prices
) -> list[fleet.Plan] | None:
    """The cheapest plan of each nested world; None where the solver finds one of them impossible."""
    load, losses = _load(prepared, np.ones(prepared.windows.height, dtype=np.bool_), fixed), _losses(prepared)
    plans = _each_once(nested, lambda stays: fleet.cheapest_plan(load.edges_s, load.no_ev_wh, stays, prices, losses))
    known = [plan for plan in plans if plan is not None]
    return known if len(known) == len(plans) else None


_SPAN: Final = ("interval_start", "duration_s")


def _net(world: str) -> pl.Expr:
    return pl.col(f"{world}_import_wh") - pl.col(f"{world}_export_wh")


def _span(prepared: Prepared) -> pl.DataFrame:
    return prepared.windows.sort("interval_start").select(_SPAN)


def _measured(prepared: Prepared, loads: Mapping[str, pl.DataFrame]) -> dict[str, Rows]:
    """Determinants of some loads: interval_start, duration_s, net_wh [Wh], below 0 where fed in."""
    long = pl.concat(
        load.select(
            *_SPAN,
            scenario=pl.lit(name),
            import_wh=pl.col("net_wh").clip(lower_bound=0),
            export_wh=(-pl.col("net_wh")).clip(lower_bound=0),
        )
        for name, load in loads.items()
    )
    inputs = prepared.inputs
    zone, holidays = inputs.site.timezone, inputs.tariff_holidays
    return dict(
        measured_rows(measure(inputs.tariff, inputs.period, long.select(LOAD.keys()), zone=zone, holidays=holidays))
    )


def _bill(prepared: Prepared, rows: Rows) -> Decimal:
    """The bill of a load that carries what the metered world carries."""
    inputs = prepared.inputs
    digits = get_currency_precision(inputs.site.currency)
    history = inputs.earlier.own_peaks
    return price_measured(inputs.tariff, {"actual": rows}, history, currency_digits=digits)["actual"].total


def _wear_per_kwh(prepared: Prepared) -> float:
    wear = prepared.inputs.site.wear
    return 0.0 if wear is None else float(wear.low + wear.high) / 2


def _wear(prepared: Prepared, discharge_wh: float) -> Decimal:
    amount = Decimal(_wear_per_kwh(prepared) * discharge_wh / 1000)
    return round(amount, get_currency_precision(prepared.inputs.site.currency))


def _by_window(prepared: Prepared, found: Sequence[fleet.SlotPrice]) -> fleet.Prices:
    """Prices of slots laid over the windows of the bill."""
    inputs = prepared.inputs
    timed = with_billed_time(_span(prepared), inputs.site.timezone, inputs.tariff, inputs.tariff_holidays)
    bought, sold, demands = np.zeros(timed.height), np.zeros(timed.height), []
    for price in found:
        hours = np.asarray(timed.select(slot_expr(price.slot)).to_series().to_numpy())
        bought += price.per_import_kwh * hours
        sold -= price.per_export_kwh * hours
        if price.per_kw:
            demands.append(fleet.DemandPrice(hours, price.per_kw, price.floor_kw))
    return fleet.Prices(bought, sold, tuple(demands), _wear_per_kwh(prepared))


def _billed(prepared: Prepared, line: savings.LineKey) -> _Flags | None:
    tariff = prepared.inputs.tariff
    charge = next((charge for charge in tariff.charges if charge.charge_id == line[0]), None)
    if charge is None or charge.kind != "demand":
        return None
    quantity = charge.quantity
    plain = quantity.statistic == "max" and quantity.unit == "kW" and not quantity.sliding
    if not plain or (quantity.window_min or prepared.window_min) != prepared.window_min:
        return None
    bands = [band for span in charge.spans for band in span.bands if line[1] in (band.band, *band.lines)]
    masks = [mask for band in bands for mask in band.when]
    if not masks:
        return None
    windows = prepared.windows.sort("interval_start")
    timed = with_billed_time(windows, prepared.inputs.site.timezone, tariff, prepared.inputs.tariff_holidays)
    return np.asarray(timed.select(masks_expr(masks)).to_series().to_numpy())


@dataclass(frozen=True)
class _Logged:
    """A whole session as a stay, and whether its charger never answered."""

    stay: Stay
    faulty: bool


def _as_plugged(logged: _Logged) -> Stay:
    stay = logged.stay
    if not logged.faulty:
        return stay
    return replace(stay, departure_wh=min(stay.departure_wh, stay.arrival_wh), charge_w=0.0, discharge_w=0.0)


def _full(stay: Stay) -> Stay:
    return replace(stay, arrival_wh=stay.most_wh)


def _stays(prepared: Prepared, sessions: pl.DataFrame) -> list[_Logged] | None:
    """Whole sessions as stays; None where one of them lacks what it needs."""
    chargers = {charger.charger_id: charger for charger in prepared.inputs.site.chargers}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in prepared.inputs.site.vehicles}
    stays = []
    for session in sessions.iter_rows(named=True):
        charger, vehicle = chargers.get(session["charger_id"]), vehicles.get(session["account"])
        if charger is None or vehicle is None or session["soc_in_pct"] is None or session["soc_out_pct"] is None:
            return None
        stay = _stay(session, charger, vehicle, prepared.round_trip.charge_wh_per_battery_wh)
        moved = session["charge_wh"] or session["discharge_wh"]
        wanted = stay.departure_wh - stay.arrival_wh > _WANTS_WH
        long = stay.end_s - stay.begin_s >= 3600 * _IDLE_H
        stays.append(_Logged(stay, faulty=not moved and wanted and long))
    return stays


def _stay(session: Mapping[str, Any], charger: Charger, vehicle: Vehicle, per_stored: float) -> Stay:
    """Leaves with what it left with, or its target where full charging power reaches that."""
    usable = vehicle.usable_kwh * 1000
    begin_s, end_s = session["plugged_in_at"].timestamp(), session["plugged_out_at"].timestamp()
    arrival, left = session["soc_in_pct"] / 100 * usable, session["soc_out_pct"] / 100 * usable
    wanted_pct = vehicle.target_soc_pct if session["target_soc_pct"] is None else session["target_soc_pct"]
    target, charge_w = wanted_pct / 100 * usable, charger.rated_charge_kw * 1000
    reachable = arrival + charge_w * (end_s - begin_s) / 3600 / per_stored
    return Stay(
        begin_s=begin_s,
        end_s=end_s,
        arrival_wh=arrival,
        departure_wh=max(left, target if reachable >= target else 0.0),
        least_wh=vehicle.min_soc_pct / 100 * usable,
        most_wh=usable,
        charge_w=charge_w,
        discharge_w=charger.rated_discharge_kw * 1000,
    )


def _fixed_wh(prepared: Prepared, sessions: pl.DataFrame) -> pl.DataFrame:
    """Net energy of the chargers while cars stood there across an edge of the bill, by window [Wh]."""
    ends = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
    spans = list(_spans(sessions))
    own = [
        prepared.charger_windows.filter(
            (pl.col("charger_id") == charger_id)
            & (ends > begin)
            & (pl.lit(value=True) if end is None else pl.col("interval_start") < end)
        )
        for charger_id, begin, end in spans
    ]
    net = pl.col("charge_wh") - pl.col("discharge_wh")
    every = pl.concat([prepared.charger_windows.clear(), *own]).group_by("interval_start")
    return every.agg(fixed_wh=net.sum(), fixed_discharge_wh=pl.col("discharge_wh").sum())


def _spans(sessions: pl.DataFrame) -> Iterator[tuple[str, datetime, datetime | None]]:
    yield from sessions.select("charger_id", "plugged_in_at", "plugged_out_at").iter_rows()


def _load(prepared: Prepared, billed: _Flags, fixed_wh: pl.DataFrame) -> PeakLoad:
    windows = prepared.windows.join(fixed_wh, on="interval_start", how="left").sort("interval_start")
    starts = windows.get_column("interval_start").dt.epoch("s").to_numpy()
    alone = _net("no_ev") + pl.col("standby_wh") + pl.col("fixed_wh").fill_null(0)
    return PeakLoad(
        edges_s=np.append(starts, starts[-1] + windows.item(-1, "duration_s")).astype(np.float64),
        no_ev_wh=windows.select(alone).to_series().to_numpy().astype(float),
        actual_wh=windows.select(_net("actual")).to_series().to_numpy().astype(float),
        billed=billed,
    )
