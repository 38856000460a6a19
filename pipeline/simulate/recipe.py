"""What a simulated site is made of. A recipe is data: an example ships it as TOML, `site.py` draws one from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pipeline.domain import ConfigError
from pipeline.portfolio.models import minute_of_day

Recharge = Literal["spread", "careless"]
Part = TypeVar("Part")


@dataclass(frozen=True)
class Climate:
    """Outdoor temperature: monthly means [degC], half the daily swing [degC], day-to-day spread [degC]."""

    station_id: str
    month_mean_c: tuple[int, ...]
    swing_c: int
    spread_c: int


@dataclass(frozen=True)
class PinnedDay:
    """A day whose load is given, window by window [W], from a local time on; `warmer_c` moves its temperature."""

    day: date
    start: str
    watts: tuple[int, ...]
    warmer_c: int = 0


@dataclass(frozen=True)
class Building:
    """Load without cars: base and swing [W], hourly occupancy [%], heating and cooling [W per degC], noise [W].

    `peaks_kw` scales what is above the base so that a month's highest window is exactly that many kW; a pinned day is
    set afterwards.
    """

    base_w: int
    swing_w: int
    workday_pct: tuple[int, ...]
    restday_pct: tuple[int, ...]
    cooling_above_c: int
    cooling_w_per_c: int
    heating_below_c: int
    heating_w_per_c: int
    noise_w: int
    peaks_kw: Mapping[str, int]
    pinned: tuple[PinnedDay, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """Cars, one charger each: power [W], capacity [Wh], local times of arrival and departure, driving [Wh a day].

    A departure before the arrival is one of the next morning. `power_w` is a multiple of 1,500 W, so that 25 Wh into a
    car take whole seconds.
    """

    cars: int
    power_w: int
    usable_wh: int
    min_soc_pct: int
    vehicle_prefix: str
    arrival: tuple[str, str] = ("00:00", "00:00")
    departure: tuple[str, str] = ("00:00", "00:00")
    driving_wh: tuple[int, int] = (0, 0)
    attendance_pct: int = 100


@dataclass(frozen=True)
class Control:
    """The V2B controller: the local hours it works in, how deep it cuts [W], by month where that differs.

    `recharge` is 'spread' (under the day's target) or 'careless' (at full power as soon as the window ends, or from the
    local time `recharge_from` on, and never before the window then). With `follow_load` the cars give no more than the
    building draws, so that nothing is fed into the grid. One in
    `holdout_one_in` working days is held out by lot, among those whose peak stays below `holdout_below_pct` of the
    month's; 0 holds out none.
    """

    start: str
    end: str
    cut_w: int
    cut_by_month_w: Mapping[str, int]
    recharge: Recharge
    holdout_one_in: int
    holdout_below_pct: int
    recharge_from: str | None = None
    follow_load: bool = False


@dataclass(frozen=True)
class DeadGrid:
    """Windows of one day in which the grid is dead, from a local time until before another; the cars carry the load."""

    day: date
    start: str
    end: str


@dataclass(frozen=True)
class Recipe:
    """A whole simulated site: local days `first`..`last` (excluded), demand window [min], programme start."""

    site_id: str
    seed: int
    timezone: str
    holidays: str | None
    first: date
    last: date
    window_min: int
    programme_start: date
    currency: str
    currency_digits: int
    tariff: str
    fleet: Fleet
    control: Control
    climate: Climate | None = None
    building: Building | None = None
    sample_s: int | None = None
    placed_weeks_later: tuple[int, ...] = ()
    outages: tuple[DeadGrid, ...] = ()


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(entry) for entry in value)
    return int(value) if isinstance(value, Decimal) else value


def _part(file: str, place: str, kind: type[Part], values: Mapping[str, Any]) -> Part:
    try:
        return kind(**{key: _frozen(value) for key, value in values.items()})
    except TypeError as error:
        known = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type]
        raise ConfigError(file, place, str(error), f"exactly the keys {known}") from None


def read_recipe(file: str, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe from the tables of a TOML file; raises ConfigError for a missing or unknown key."""
    rest = dict(values)
    building = dict(rest.pop("building", {}))
    pinned = tuple(_part(file, "building.pinned", PinnedDay, day) for day in building.pop("pinned", []))
    parts: dict[str, Any] = {
        "fleet": _part(file, "fleet", Fleet, rest.pop("fleet", {})),
        "control": _part(file, "control", Control, rest.pop("control", {})),
    }
    if "outages" in rest:
        parts["outages"] = tuple(_part(file, "outages", DeadGrid, entry) for entry in rest.pop("outages"))
    if "climate" in rest:
        parts["climate"] = _part(file, "climate", Climate, rest.pop("climate"))
    if building:
        parts["building"] = _part(file, "building", Building, {**building, "pinned": pinned})
    return _part(file, "file", Recipe, {**rest, **parts})


def minutes(clock: str) -> int:
    """Return the minutes since midnight of a wall-clock time HH:MM."""
    return minute_of_day(clock)
