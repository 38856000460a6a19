"""The keys of every kind of charge in a native tariff file; `docs/tariffs.md` explains them with an example each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from pipeline.portfolio.models import Config, DemandWindow, Identifier, OneLine
from pipeline.tariff.model import Prorate, RoundingMode, Statistic, TopOf
from pipeline.tariff.price_shapes import (
    RATE_WAYS,
    LineRounding,
    Months,
    NotNegative,
    Number,
    PeriodShape,
    PositiveNumber,
    Text,
    TierShape,
    WhenShape,
    one_way,
    tiers_rise,
)

Percent = Annotated[Number, Field(gt=0, le=100)]
Periods = Annotated[list[PeriodShape], Field(min_length=1)]


class StepShape(Config):
    """Whole steps a quantity is billed in."""

    step: PositiveNumber
    mode: RoundingMode = "half_up"


class PowerFactorShape(Config):
    """How the power factor of some hours changes a billed demand."""

    reference_pct: Percent
    rule: Literal["points", "ratio"] = "points"
    percent_per_point: Number = Decimal(1)
    best_pct: Percent = Decimal(100)
    rounding: StepShape | None = None
    when: Annotated[list[WhenShape], Field(min_length=1)] | None = None


class ContractShape(Config):
    """Contract kW from a day on, in the named worlds or in all of them."""

    from_: date = Field(alias="from")
    kw: PositiveNumber
    worlds: Annotated[list[OneLine], Field(min_length=1)] | None = None


class EventsShape(Config):
    """Coincident peaks and the bills they are charged in; without `bill_from` each in the bill it lies in."""

    starts: Annotated[list[datetime], Field(min_length=1)]
    bill_from: date | None = None
    bill_to: date | None = None

    @model_validator(mode="after")
    def _local_and_rising(self) -> EventsShape:
        if any(start.tzinfo for start in self.starts):
            raise ValueError("local starts without an offset, such as 2013-07-18T15:00:00")
        if self.bill_to and (self.bill_from is None or self.bill_to <= self.bill_from):
            raise ValueError("bill_to after a bill_from")
        return self


class RatchetShape(Config):
    """A share of earlier peaks below which the billed demand does not fall."""

    percent: Percent
    look_back_months: Annotated[int, Field(ge=1, le=60)]
    months: Months | None = None
    include_current: bool = False
    of: Identifier | None = None


class ChargeShape(Config):
    """What every charge says."""

    id: Identifier
    kind: str
    description: OneLine = ""
    assumed: Text = ""
    rounding: LineRounding | None = None


class FixedShape(ChargeShape):
    """Money per bill or per day."""

    rate: Number | None = None
    series: Identifier | None = None
    per: Literal["month", "day"] = "month"
    prorate: Prorate = "first_day"

    @model_validator(mode="after")
    def _priced(self) -> FixedShape:
        one_way(self, ("rate", "series"))
        return self


class PricedShape(ChargeShape):
    """A price by one rate, a series, tiers or periods of hours."""

    rate: Number | None = None
    series: Identifier | None = None
    tiers: list[TierShape] | None = None
    all_units: bool = False
    periods: Periods | None = None

    @model_validator(mode="after")
    def _priced(self) -> PricedShape:
        one_way(self, RATE_WAYS)
        tiers_rise(self.tiers)
        return self


class EnergyShape(PricedShape):
    """Money per kWh imported, or paid for each kWh exported."""

    tier_scope: Literal["period", "pooled"] = "period"
    tier_per: Literal["bill", "day", "kW"] = "bill"
    tier_demand: Identifier | None = None
    window_min: DemandWindow | None = None

    @model_validator(mode="after")
    def _tiers_agree(self) -> EnergyShape:
        if self.tier_per != "kW" and (self.tier_demand or self.window_min):
            raise ValueError('tier_demand and window_min only with tier_per = "kW"')
        ends = {tuple(tier.up_to for tier in period.tiers or []) for period in self.periods or []}
        if self.tier_scope == "pooled" and len(ends) > 1:
            raise ValueError("pooled tiers with the same up_to in every period")
        return self


class PeakShape(PricedShape):
    """Money per kW, kVA or kVAr; the window it is measured in."""

    window_min: DemandWindow | None = None
    sliding: bool = False
    prorate: Prorate = "first_day"


class DemandShape(PeakShape):
    """Money per kW of the highest window mean and bill."""

    unit: Literal["kW", "kVA"] = "kW"
    statistic: Statistic = "max"
    top: Annotated[int, Field(ge=1, le=1000)] | None = None
    top_of: TopOf | None = None
    floor_kw: NotNegative = Decimal(0)
    step: StepShape | None = None
    power_factor: PowerFactorShape | None = None
    ratchets: list[RatchetShape] = Field(default_factory=list)

    @model_validator(mode="after")
    def _top_of_a_mean(self) -> DemandShape:
        given = [key is not None for key in (self.top, self.top_of)]
        if given != [self.statistic == "mean"] * 2:
            raise ValueError('top and top_of with statistic = "mean", and only with it')
        return self


class ContractDemandShape(PeakShape):
    """Money per kW agreed with the utility, and a multiple of it for each kW above."""

    unit: Literal["kW", "kVA"] = "kW"
    contract: Annotated[list[ContractShape], Field(min_length=1)]
    over_contract_factor: PositiveNumber | None = None
    step: StepShape | None = None
    power_factor: PowerFactorShape | None = None


class CoincidentShape(PeakShape):
    """Money per kW of the load at peaks that are named after the fact."""

    statistic: Literal["max", "mean"] = "mean"
    floor_kw: NotNegative = Decimal(0)
    step: StepShape | None = None
    events: list[EventsShape] = Field(default_factory=list)
    events_series: Identifier | None = None
    tag_from_month: Annotated[int, Field(ge=1, le=12)] | None = None
    events_known_until: date | None = None

    @model_validator(mode="after")
    def _named(self) -> CoincidentShape:
        if bool(self.events) == (self.events_series is not None):
            raise ValueError("exactly one of events, events_series")
        if self.tag_from_month and not self.events_series:
            raise ValueError("tag_from_month only with events_series")
        return self


class ReactiveShape(PeakShape):
    """Money per kVArh, or per kVAr of the highest window, above a share that is free."""

    unit: Literal["kVArh", "kVAr"] = "kVArh"
    free_pct: NotNegative = Decimal(0)


class PercentShape(ChargeShape):
    """Percent of other charges' amounts."""

    percent: Number | None = None
    series: Identifier | None = None
    applies_to: list[Identifier] | Literal["all"] = "all"
    prorate: Prorate = "first_day"

    @model_validator(mode="after")
    def _priced(self) -> PercentShape:
        one_way(self, ("percent", "series"))
        return self


class MinimumShape(FixedShape):
    """The least sum of some charges."""

    applies_to: list[Identifier] | Literal["all"] = "all"


class CreditShape(ChargeShape):
    """Money taken off: a bill, a day, a kWh imported, or a kW billed by another charge."""

    rate: Number | None = None
    series: Identifier | None = None
    per: Literal["month", "day", "kWh", "kW"] = "month"
    of: Identifier | None = None
    prorate: Prorate = "first_day"

    @model_validator(mode="after")
    def _priced(self) -> CreditShape:
        one_way(self, ("rate", "series"))
        if (self.per == "kW") != (self.of is not None):
            raise ValueError('of with per = "kW", and only with it')
        return self


CHARGE_SHAPES: Final[Mapping[str, type[ChargeShape]]] = {
    "fixed": FixedShape,
    "energy": EnergyShape,
    "demand": DemandShape,
    "coincident": CoincidentShape,
    "contract_demand": ContractDemandShape,
    "reactive": ReactiveShape,
    "minimum": MinimumShape,
    "per_kwh_rider": EnergyShape,
    "percent_rider": PercentShape,
    "export": EnergyShape,
    "tax": PercentShape,
    "credit": CreditShape,
}
