"""What a bill is computed from, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import polars as pl

from pipeline import quality, savings, scenarios, uncertainty
from pipeline.baselines import BASELINE_DAY
from pipeline.calendars import period_utc
from pipeline.chain.measured import BillMeasured
from pipeline.chain.plug_in import PlugIn
from pipeline.charging import Log, Registers, RoundTrip
from pipeline.domain import REACTIVE_RECORD, UTC, BillPeriod
from pipeline.portfolio import Co2Factor, Event, Outage, Site, UtilityBill
from pipeline.tariff import ResolvedTariff, history_months

_WORLDS_COMPARED: Final = ("no_ev", "actual")
EARLIER_WINDOW: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "interval_start": UTC,
    "duration_s": pl.Int64,
    "metered": pl.Boolean,
    "covered": pl.Boolean,
    "charge_wh": pl.Int64,
    "discharge_wh": pl.Int64,
    **{f"{world}_{side}_wh": pl.Int64 for world in _WORLDS_COMPARED for side in ("import", "export")},
}
WEATHER: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {"observed_at": UTC, "temperature_c": pl.Float64}

OwnPeaks = Mapping[tuple[str, str], Mapping[str, Decimal]]
"""(scenario, charge_id) -> month -> own peak [kW]."""


@dataclass(frozen=True)
class Earlier:
    """What a bill takes from the bills before it."""

    own_peaks: OwnPeaks
    incomplete: frozenset[str]  # months whose own peaks are not fully known
    demand_amounts: Mapping[savings.LineKey, Decimal]  # of the last eleven bills, headline world
    prior: Sequence[savings.PriorBill]
    # of the last two years' bills; frames have no single truth value to compare by
    measured: Mapping[str, BillMeasured] = field(default_factory=dict, compare=False)
    seeds: frozenset[str] = frozenset()  # months before V2B began
    # loads (EARLIER_WINDOW) and baselines (BASELINE_DAY) by which V2B days are compared with other days
    windows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_WINDOW), compare=False)
    baseline_days: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BASELINE_DAY), compare=False)
    # what the draws of earlier bills measured, by month: frames of `uncertainty.DETERMINANT_DRAW`
    drawn: Mapping[str, uncertainty.DrawnBill] = field(default_factory=dict, compare=False)
    drawn_savings: Mapping[str, uncertainty.DrawnSaving] = field(default_factory=dict, compare=False)
    commissioned: frozenset[str] = frozenset()  # months in which the meter told clocks and wiring
    clocks_right: Mapping[str, bool] = field(default_factory=dict)  # of the months in which the meter told clocks


@dataclass(frozen=True)
class Inputs:
    """One bill's frames.

    `meter` and `readings` as in the warehouse, readings with some days (and one reading of every charger) beyond both
    ends; `session_records` of sessions files; `sessions` as stored by earlier bills; `programme_start` None while V2B
    has not begun.
    """

    site: Site
    period: BillPeriod
    tariff: ResolvedTariff
    tariff_holidays: frozenset[date]
    programme_start: date | None
    meter: pl.DataFrame
    readings: pl.DataFrame
    session_records: pl.DataFrame
    sessions: pl.DataFrame
    earlier: Earlier
    clock_bound_s: int = 60  # how far a charger's clock may be off where nothing tells [s]
    coming: Mapping[str, ResolvedTariff] = field(default_factory=dict)  # of `savings.coming_tariffs`
    utility_bills: Sequence[UtilityBill] = ()  # that concern this bill
    reconcile_pct: float = 0.5  # how far apart our bill and the utility's may be [%]
    armed: Mapping[date, bool] | None = None  # the days of the arming log; None where there is none
    weather: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WEATHER))  # of a year and this bill
    events: Sequence[Event] = ()  # non-routine ones, of this bill and of the days and months it is compared with
    reactive: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(REACTIVE_RECORD)))
    outages: Sequence[Outage] = ()  # likewise
    marginal_co2: Sequence[Co2Factor] | None = None  # of this bill; None where the site names no region

    @property
    def is_seed(self) -> bool:
        """Whether the bill ends before V2B began: it feeds ratchets and baselines, and has no saving."""
        return self.programme_start is None or self.period.read_to <= self.programme_start

    @cached_property
    def estimated_intervals(self) -> int:
        """Meter intervals of this bill that were estimated, by the utility or as a torn last line, not measured."""
        is_estimated = self.meter.get_column("quality") == "estimated"
        if not is_estimated.any():
            return 0
        estimated = self.meter.filter(is_estimated)
        begin, end = period_utc(self.period, self.site.timezone)
        starts, meters = estimated.get_column("interval_start"), estimated.get_column("meter_id")
        return int(((starts >= begin) & (starts < end) & meters.is_in(self.site.billing_meter_ids)).sum())

    @property
    def reach(self) -> frozenset[str]:
        """The earlier months the tariff's ratchets and coincident peaks look back to."""
        return history_months(self.tariff)


@dataclass(frozen=True)
class Prepared:
    """The loads of all worlds and what was found on the way; `known_sessions` are all since the first data."""

    inputs: Inputs
    window_min: int
    windows: pl.DataFrame
    charger_windows: pl.DataFrame
    known_sessions: pl.DataFrame
    round_trip: RoundTrip
    outside_sessions: bool
    findings: pl.DataFrame
    clock: quality.Clock
    wiring: quality.Wiring
    log: Log  # readings in order, with rebuilt registers, on the meter's clock as far as the meter tells it
    registers: Registers  # what they count
    fits: Sequence[quality.Fit]  # of the chargers as they came
    plug_in: PlugIn | None  # None before the programme
    # windows without meter data that are estimated, since no peak can lie there
    bridged: uncertainty.Flags | None = None
    # by how much less and more they leave open of peak_kw [kW] and money
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def meter_measured(self) -> pl.Series:
        """Which windows every billing meter measured, the estimated ones not among them."""
        metered = self.windows.get_column("metered")
        return metered if self.bridged is None else metered & ~pl.Series(self.bridged)

    @property
    def billed_windows(self) -> pl.DataFrame:
        """The windows the bills are priced on: before the programme, as metered in every world."""
        return scenarios.as_metered(self.windows) if self.inputs.is_seed else self.windows


@dataclass(frozen=True)
class Result:
    """One bill's result: the summary, and the frames of the warehouse's bill tables."""

    summary: dict[str, Any]
    frames: dict[str, pl.DataFrame]
    result_hash: str
