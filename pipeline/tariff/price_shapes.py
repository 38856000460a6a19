"""The values and prices of a native tariff file: numbers, hours, tiers and priced periods; see `docs/tariffs.md`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.portfolio.models import Config, Identifier, OneLine
from pipeline.tariff.model import RoundingMode, RoundingPlace


def exact(value: Any) -> Any:
    """Return a number or decimal string as an exact Decimal; raises ValueError for what no rate can be."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError('a number such as "17.05"')  # noqa: TRY004 - pydantic reports ValueError only
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError('a number such as "17.05"') from None
    if not number.is_finite() or abs(number) >= 10**12 or number != round(number, 12):
        raise ValueError("a number below 10^12 with at most 12 decimals")
    return number


def _hours(value: str) -> str:
    start, _, end = value.partition("-")
    if not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", clock) for clock in (start, end)):
        raise ValueError("hours such as '13:00-16:00'; '22:00-08:00' passes midnight")
    if start in (end, "24:00"):
        raise ValueError("hours that end after they start; '00:00-24:00' is the whole day")
    return value


def _once(value: list[Any]) -> list[Any]:
    if not value or len(set(value)) != len(value):
        raise ValueError("at least one entry, each once")
    return value


def _period_name(value: str) -> str:
    if value.startswith("("):
        raise ValueError("a name that does not begin with a bracket")
    return value


def _flat_text(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


Number = Annotated[Decimal, BeforeValidator(exact)]
NotNegative = Annotated[Number, Field(ge=0)]
PositiveNumber = Annotated[Number, Field(gt=0)]
MonthNumber = Annotated[int, Field(ge=1, le=12)]
Months = Annotated[list[MonthNumber], AfterValidator(_once)]
Weekdays = Annotated[list[Annotated[int, Field(ge=1, le=7)]], AfterValidator(_once)]
Hours = Annotated[list[Annotated[str, AfterValidator(_hours)]], AfterValidator(_once)]
Text = Annotated[OneLine, BeforeValidator(_flat_text)]
RATE_WAYS: Final = ("rate", "series", "tiers", "periods")


class LineRounding(Config):
    """Rounding of one charge's lines."""

    digits: Annotated[int, Field(ge=0, le=6)]
    mode: RoundingMode


class TariffRounding(LineRounding):
    """Rounding of the whole bill: each line, or the total only."""

    at: RoundingPlace = "line"


class TierShape(Config):
    """A slice of a quantity: up to a cumulative kWh (energy) or kW (demand) of the bill, at a rate."""

    up_to: PositiveNumber | None = None
    rate: Number


def one_way(shape: Any, ways: tuple[str, ...]) -> None:
    """Raise ValueError unless exactly one of some keys is given."""
    given = [way for way in ways if getattr(shape, way, None) is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of {', '.join(ways)}, not {' and '.join(given) or 'none'}")


def tiers_rise(tiers: list[TierShape] | None) -> None:
    """Raise ValueError for tiers that do not rise to an open end."""
    if tiers is None:
        return
    ends = [tier.up_to for tier in tiers]
    stated = [end for end in ends if end is not None]
    if not ends or ends[-1] is not None or len(stated) != len(ends) - 1 or stated != sorted(set(stated)):
        raise ValueError("tiers with rising up_to, and none on the last")


class WhenShape(Config):
    """One set of hours: a season, weekdays and hours; what is left out means all."""

    season: OneLine | None = None
    weekdays: Weekdays | None = None
    hours: Hours | None = None


class PeriodShape(WhenShape):
    """A priced set of hours; `when` lists several sets, `otherwise` takes every hour left over (of its season)."""

    name: Annotated[OneLine, AfterValidator(_period_name)]
    when: Annotated[list[WhenShape], Field(min_length=1)] | None = None
    otherwise: bool = False
    rate: Number | None = None
    series: Identifier | None = None
    tiers: list[TierShape] | None = None

    @model_validator(mode="after")
    def _one_price_one_when(self) -> PeriodShape:
        one_way(self, ("rate", "series", "tiers"))
        tiers_rise(self.tiers)
        if self.when and (self.season or self.weekdays or self.hours or self.otherwise):
            raise ValueError("either when, or season, weekdays and hours beside the name")
        if self.otherwise and (self.weekdays or self.hours):
            raise ValueError("otherwise with a season at most: it takes the hours left over")
        return self
