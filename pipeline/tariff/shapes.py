"""The keys of a native tariff file outside its charges; `docs/tariffs.md` explains every key."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.portfolio.models import Config, Currency, DemandWindow, HolidayCode, OneLine
from pipeline.tariff.model import Clock
from pipeline.tariff.price_shapes import Months, PositiveNumber, TariffRounding, Text, one_way


class HolidaysShape(Config):
    """The days the tariff bills like another weekday."""

    base: HolidayCode | None = None
    add: list[date] = Field(default_factory=list)
    remove: list[date] = Field(default_factory=list)
    billed_as: Annotated[int, Field(ge=1, le=7)] = 7


class CycleShape(Config):
    """How long a month is for bills of another length."""

    month_days: PositiveNumber
    normal_days: Annotated[list[Annotated[int, Field(ge=1, le=400)]], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _from_to(self) -> CycleShape:
        if self.normal_days and self.normal_days[0] > self.normal_days[1]:
            raise ValueError("normal_days as [fewest, most]")
        return self


class VersionShape(Config):
    """The charges of one span of days; the charges are validated one by one by their kind."""

    valid_from: date | None = None
    valid_to: date | None = None
    charges: Annotated[list[dict[str, Any]], Field(min_length=1)]


class TariffShape(Config):
    """The whole of `tariffs/<name>.toml`."""

    name: OneLine
    currency: Currency
    source: Text = ""
    notes: Text = ""
    placeholder: bool = False
    demand_window_min: DemandWindow | None = None
    clock: Clock = "prevailing"
    valid_from: date | None = None
    valid_to: date | None = None
    holidays: HolidaysShape = HolidaysShape()
    rounding: TariffRounding | None = None
    cycle: CycleShape | None = None
    seasons: dict[OneLine, Months] = Field(default_factory=dict)
    charges: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    versions: Annotated[list[VersionShape], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_or_many_versions(self) -> TariffShape:
        one_way(self, ("charges", "versions"))
        if self.versions and (self.valid_from or self.valid_to):
            raise ValueError("valid_from and valid_to inside [[versions]]")
        return self
