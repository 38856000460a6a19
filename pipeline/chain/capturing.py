"""What the best possible use of the same cars would have reached, and what of it was missed.

The demand line of the headline is looked at over its own hours. A car that was plugged in before the bill began, or
left after it ended, keeps what it did: its energy at the edge of the bill is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from pipeline import fleet, savings
from pipeline.calendars import period_utc
from pipeline.chain.inputs import Prepared
from pipeline.portfolio import Charger, Vehicle
from pipeline.tariff import masks_expr, with_billed_time


@dataclass(frozen=True)
class Capture:
    """Peaks of the demand line [kW]: the best possible as plugged in, and had every car arrived full."""

    baseline_kw: float
    actual_kw: float
    best_kw: float
    arriving_full_kw: float

    @property
    def section(self) -> dict[str, Any]:
        """The `capture` section of the result contract; the missed causes sum to the whole gap."""
        missed = {"control": self.actual_kw - self.best_kw, "arrived_not_full": self.best_kw - self.arriving_full_kw}
        share = fleet.capture_pct(self.baseline_kw, self.actual_kw, self.best_kw)
        return {
            "best_possible_peak_kw": round(self.best_kw, 3),
            "capture_kw_pct": None if share is None else round(share, 2),
            "capture_money_pct": None,
            "missed": [{"cause": cause, "kw": round(kw, 3)} for cause, kw in missed.items()],
        }


def capture_of(prepared: Prepared, line: savings.LineKey | None, baseline_kw: float | None) -> Capture | None:
    """Return what was possible for one demand line whose baseline peak is known [kW].

    None where the line bills anything but the highest clock-aligned window, where a load is not known all month, and
    where a car's state of charge, capacity or charger is not.
    """
    windows = prepared.windows
    if line is None or baseline_kw is None or not bool((windows.get_column("metered") & windows["covered"]).all()):
        return None
    billed = _billed(prepared, line)
    sessions = prepared.known_sessions
    begin, end = period_utc(prepared.inputs.period, prepared.inputs.site.timezone)
    whole = (
        pl.col("plugged_out_at").is_not_null() & (pl.col("plugged_in_at") >= begin) & (pl.col("plugged_out_at") <= end)
    )
    touching = sessions.filter(pl.col("plugged_out_at").is_null() | (pl.col("plugged_out_at") > begin))
    stays = _stays(prepared, touching.filter(whole))
    if billed is None or stays is None or not stays:
        return None
    load = _load(prepared, billed, _fixed_wh(prepared, touching.filter(~whole)))
    trip = prepared.round_trip
    per = (trip.charge_wh_per_battery_wh, trip.battery_wh_per_discharge_wh)
    best = fleet.best_possible_peak_kw(load, stays, *per)
    full = [replace(stay, arrival_wh=stay.most_wh) for stay in stays]
    arriving_full = min(best, fleet.best_possible_peak_kw(load, full, *per))
    return Capture(baseline_kw, load.peak_kw(load.actual_wh, load.billed), best, arriving_full)


def _billed(prepared: Prepared, line: savings.LineKey) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
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


def _stays(prepared: Prepared, sessions: pl.DataFrame) -> list[fleet.Stay] | None:
    """Whole sessions as stays; None where one of them lacks what it needs."""
    chargers = {charger.charger_id: charger for charger in prepared.inputs.site.chargers}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in prepared.inputs.site.vehicles}
    stays = []
    for session in sessions.iter_rows(named=True):
        charger, vehicle = chargers.get(session["charger_id"]), vehicles.get(session["account"])
        if charger is None or vehicle is None or session["soc_in_pct"] is None or session["soc_out_pct"] is None:
            return None
        stays.append(_stay(session, charger, vehicle, prepared.round_trip.charge_wh_per_battery_wh))
    return stays


def _stay(session: Mapping[str, Any], charger: Charger, vehicle: Vehicle, per_stored: float) -> fleet.Stay:
    """Leaves with what it left with, or its target where full charging power reaches that."""
    usable = vehicle.usable_kwh * 1000
    begin_s, end_s = session["plugged_in_at"].timestamp(), session["plugged_out_at"].timestamp()
    arrival, left = session["soc_in_pct"] / 100 * usable, session["soc_out_pct"] / 100 * usable
    wanted_pct = vehicle.target_soc_pct if session["target_soc_pct"] is None else session["target_soc_pct"]
    target, charge_w = wanted_pct / 100 * usable, charger.rated_charge_kw * 1000
    reachable = arrival + charge_w * (end_s - begin_s) / 3600 / per_stored
    return fleet.Stay(
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
    return pl.concat([prepared.charger_windows.clear(), *own]).group_by("interval_start").agg(fixed_wh=net.sum())


def _spans(sessions: pl.DataFrame) -> Iterator[tuple[str, datetime, datetime | None]]:
    yield from sessions.select("charger_id", "plugged_in_at", "plugged_out_at").iter_rows()


def _load(prepared: Prepared, billed: np.ndarray[Any, np.dtype[np.bool_]], fixed_wh: pl.DataFrame) -> fleet.PeakLoad:
    windows = prepared.windows.join(fixed_wh, on="interval_start", how="left").sort("interval_start")
    starts = windows.get_column("interval_start").dt.epoch("s").to_numpy()

    def net(world: str) -> pl.Expr:
        return pl.col(f"{world}_import_wh") - pl.col(f"{world}_export_wh")

    return fleet.PeakLoad(
        edges_s=np.append(starts, starts[-1] + windows.item(-1, "duration_s")).astype(np.float64),
        no_ev_wh=windows.select(net("no_ev") + pl.col("fixed_wh").fill_null(0)).to_series().to_numpy().astype(float),
        actual_wh=windows.select(net("actual")).to_series().to_numpy().astype(float),
        billed=billed,
    )
