"""The shapes of `v2b.toml` and `sites/<site_id>.toml`; every key is documented by `v2b init`."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import holidays as holiday_calendars
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pipeline.domain import Headline


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("an IANA time zone such as 'Asia/Tokyo'") from None
    return value


def _holiday_code(value: str) -> str:
    country, _, subdivision = value.partition("-")
    known = holiday_calendars.list_supported_countries(include_aliases=True)
    if country not in known or (subdivision and subdivision not in known[country]):
        raise ValueError("a code of the `holidays` library such as 'JP' or 'US-CA'")
    return value


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", value):
        raise ValueError("a local time HH:MM between 00:00 and 24:00")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("an ISO 4217 code of three capital letters")
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value) or ".." in value:
        raise ValueError("1 to 64 letters, digits, '_', '-' or '.', starting with a letter or digit, without '..'")
    return value


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("text without line breaks or control characters")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", value):
        raise ValueError("one e-mail address such as 'energy@example.com'")
    return value


def _month(value: str) -> str:
    if not re.fullmatch(r"(19|2[0-2])\d\d-(0[1-9]|1[0-2])", value):  # the years that `bill_month` in sql/ lists
        raise ValueError("a month YYYY-MM")
    return value


def _decimal(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


Zone = Annotated[str, AfterValidator(_zone)]
HolidayCode = Annotated[str, AfterValidator(_holiday_code)]
Clock = Annotated[str, AfterValidator(_clock)]
Currency = Annotated[str, AfterValidator(_currency)]
Identifier = Annotated[str, AfterValidator(_identifier)]
OneLine = Annotated[str, AfterValidator(_one_line)]
Address = Annotated[str, AfterValidator(_address)]
Month = Annotated[str, AfterValidator(_month)]
ExactDecimal = Annotated[Decimal, BeforeValidator(_decimal)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100)]
DemandWindow = Literal[5, 10, 15, 20, 30, 60]


def minute_of_day(clock: str) -> int:
    """Return the minutes since midnight of a wall-clock time HH:MM; 24:00 is 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


class Config(BaseModel):
    """Base of every configuration table: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PeakWindow(Config):
    """The hours V2B works in."""

    months: list[Annotated[int, Field(ge=1, le=12)]] = Field(default_factory=lambda: list(range(1, 13)))
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=lambda: [1, 2, 3, 4, 5])
    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _ordered(self) -> PeakWindow:
        if minute_of_day(self.start) >= minute_of_day(self.end):
            raise ValueError("a start before its end")
        return self


class Meter(Config):
    """A utility meter."""

    meter_id: Identifier
    role: Literal["billing", "sub", "generation"] = "billing"
    accuracy_pct: Percent = 0.5
    accuracy_class: OneLine | None = None  # as on its plate, for the measurement plan
    ct_ratio: OneLine | None = None  # of its current transformers, such as "200/5", likewise
    aliases: list[OneLine] = []


class Charger(Config):
    """A bidirectional (or plain) charger and how it is wired."""

    charger_id: Identifier
    rated_charge_kw: Positive
    rated_discharge_kw: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    accuracy_pct: Percent = 1.0
    meter_id: Identifier | None = None
    register_side: Literal["ac", "dc"] = "ac"
    conversion_efficiency: Annotated[float, Field(gt=0, le=1)] | None = None
    aux_w: Annotated[int, Field(ge=0)] = 0
    sign: Literal["import-positive", "export-positive"] = "import-positive"
    aliases: list[OneLine] = []

    @model_validator(mode="after")
    def _dc_needs_efficiency(self) -> Charger:
        if self.register_side == "dc" and self.conversion_efficiency is None:
            raise ValueError("conversion_efficiency beside register_side = 'dc'")
        return self


class Vehicle(Config):
    """A car, known in charger logs by its id or an alias (the id tag of its driver's card)."""

    vehicle_id: Identifier
    usable_kwh: Positive
    target_soc_pct: Percent = 100
    departure: Clock | None = None
    min_soc_pct: Percent = 20
    aliases: list[OneLine] = []


class SiteTariff(Config):
    """The tariff of a site from a date on."""

    name: Identifier
    from_: date = Field(alias="from")


class Wear(Config):
    """Battery wear as money per kWh discharged, a range."""

    low: Annotated[ExactDecimal, Field(ge=0)]
    high: Annotated[ExactDecimal, Field(ge=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Wear:
        if self.low > self.high:
            raise ValueError("low not above high")
        return self


class SiteReport(Config):
    """Who gets a site's report, in which language."""

    recipients: list[Address] = []
    language: Literal["en", "ja"] | None = None
    also_currency: Currency | None = None
    rate: Annotated[ExactDecimal, Field(gt=0)] | None = None
    rate_date: date | None = None
    rate_source: OneLine | None = None

    @model_validator(mode="after")
    def _rate_is_sourced(self) -> SiteReport:
        if self.also_currency and (self.rate is None or self.rate_date is None or not self.rate_source):
            raise ValueError("rate, rate_date and rate_source beside also_currency")
        return self


class Site(Config):
    """One building, one file."""

    site_id: Identifier
    name: OneLine
    notes: OneLine = ""  # printed in the report: what of the data is simulated or injected
    timezone: Zone
    currency: Currency
    holidays: HolidayCode | None = None
    tariff: Identifier | None = None
    tariffs: list[SiteTariff] = []
    tariff_holidays: HolidayCode | list[date] = []
    demand_window_min: DemandWindow | None = None
    programme_start: date | None = None
    headline: Headline = "unmanaged"
    other_peak_control: bool = False
    weather_station: Identifier | None = None
    co2_region: Identifier | None = None  # of marginal_co2.csv
    ratchet_seed: dict[Month, Annotated[ExactDecimal, Field(ge=0)]] = {}
    peak_window: PeakWindow | None = None
    meters: Annotated[list[Meter], Field(min_length=1)]
    chargers: list[Charger] = []
    vehicles: list[Vehicle] = []
    wear: Wear | None = None
    report: SiteReport = SiteReport()

    @field_validator("tariffs")
    @classmethod
    def _dated_once(cls, value: list[SiteTariff]) -> list[SiteTariff]:
        dates = [entry.from_ for entry in value]
        if dates != sorted(set(dates)):
            raise ValueError("each 'from' later than the one before")
        return value

    @model_validator(mode="after")
    def _one_way_to_name_the_tariff(self) -> Site:
        if bool(self.tariff) == bool(self.tariffs):
            raise ValueError("either tariff or [[tariffs]], not both and not neither")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Site:
        for kind, names in (
            ("meter", [name for m in self.meters for name in (m.meter_id, *m.aliases)]),
            ("charger", [name for c in self.chargers for name in (c.charger_id, *c.aliases)]),
            ("vehicle", [name for v in self.vehicles for name in (v.vehicle_id, *v.aliases)]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"each {kind} id and alias once, unlike {twice[0]!r}")
        return self

    @model_validator(mode="after")
    def _wiring_exists(self) -> Site:
        known = {meter.meter_id for meter in self.meters}
        if not any(meter.role == "billing" for meter in self.meters):
            raise ValueError("at least one meter with role = 'billing'")
        for charger in self.chargers:
            if charger.meter_id is not None and charger.meter_id not in known:
                raise ValueError(f"charger {charger.charger_id} behind one of the meters {sorted(known)}")
        return self

    @property
    def billing_meter_ids(self) -> list[str]:
        """Ids of the meters whose sum the utility bills."""
        return [meter.meter_id for meter in self.meters if meter.role == "billing"]

    def tariff_name_on(self, day: date) -> str | None:
        """Return the name of the tariff in force on a local day; None before the first dated one."""
        if self.tariff:
            return self.tariff
        names = [entry.name for entry in self.tariffs if entry.from_ <= day]
        return names[-1] if names else None


class Smtp(Config):
    """The mail server; user and password only by V2B_SMTP_USER and V2B_SMTP_PASSWORD."""

    host: OneLine
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    from_: Address = Field(alias="from")


class Thresholds(Config):
    """When something is worth a correction, a finding or a doubt."""

    restate_pct: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    reconcile_pct: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    clock_bound_s: Annotated[int, Field(ge=0)] = 60


class Schedule(Config):
    """When a closed month is reported."""

    days_after_close: Annotated[int, Field(ge=0)] = 3
    grace_days: Annotated[int, Field(ge=0)] = 14
    first_month: Month | None = None  # earlier bills are computed and rendered, and nobody gets mail about them


class Alerts(Config):
    """Who hears of failed runs."""

    recipients: list[Address] = []


class PortfolioReport(Config):
    """Who gets the digest, and where reports can be opened."""

    portfolio_recipients: list[Address] = []
    base_url: OneLine | None = None


class PortfolioSettings(Config):
    """The whole of `v2b.toml`."""

    currency: Currency = "EUR"
    language: Literal["en", "ja"] = "en"
    smtp: Smtp | None = None
    thresholds: Thresholds = Thresholds()
    schedule: Schedule = Schedule()
    alerts: Alerts = Alerts()
    report: PortfolioReport = PortfolioReport()
