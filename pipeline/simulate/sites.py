"""Drawn sites: recipes, site files and tariffs of several kinds, in three zones, from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from pipeline.calendars import add_months, first_day
from pipeline.simulate.draws import Draws
from pipeline.simulate.recipe import Building, Climate, Control, Fleet, Recipe


@dataclass(frozen=True)
class Place:
    """Where a drawn site stands, and its money."""

    timezone: str
    holidays: str
    currency: str
    currency_digits: int
    windows_min: tuple[int, ...]
    money: Decimal  # what a rate of 1 in the table below is in this currency


PLACES: Final = (
    Place("Asia/Tokyo", "JP", "JPY", 0, (30,), Decimal(100)),
    Place("Europe/Berlin", "DE", "EUR", 2, (15, 60), Decimal(1)),
    Place("America/Los_Angeles", "US", "USD", 2, (15, 30, 60), Decimal(1)),
)
_MONTH_MEAN_C: Final = (4, 5, 9, 13, 18, 22, 26, 26, 21, 15, 10, 6)
# occupancy by hour [%]: an office that peaks in the afternoon, and a hotel that stays high into the evening
_OFFICE: Final = (4, 3, 3, 3, 4, 6, 12, 28, 55, 72, 78, 82, 82, 92, 100, 94, 82, 70, 52, 36, 24, 15, 9, 6)
_HOTEL: Final = (30, 26, 24, 24, 26, 34, 48, 60, 68, 74, 80, 86, 90, 94, 98, 98, 99, 100, 98, 92, 80, 64, 48, 38)
_REST: Final = (4, 3, 3, 3, 3, 4, 6, 9, 13, 16, 18, 19, 19, 20, 20, 19, 18, 16, 13, 11, 9, 7, 5, 4)
TARIFFS: Final = ("flat-demand", "ratchet", "riders")
_RATCHETS: Final[Mapping[str, str]] = {
    "flat-demand": "",
    "ratchet": "  [[charges.ratchets]]\n  percent = 100\n  look_back_months = 11\n",
    "riders": "  [[charges.ratchets]]\n  percent = 80\n  look_back_months = 5\n",
}
_RIDERS: Final = """
[[charges]]
id = "fuel"
kind = "per_kwh_rider"
description = "Fuel adjustment"
series = "{fuel}"

[[charges]]
id = "discount"
kind = "percent_rider"
description = "Power factor discount"
percent = "-10"
applies_to = ["demand"]
"""
_TARIFF: Final = """# A made-up tariff for a simulated site; no utility charges these rates.
name = "Simulated, {kind}, {currency}"
currency = "{currency}"
source = "Made up by the simulator."
demand_window_min = {window_min}

[rounding]
at = "line"
digits = {digits}
mode = "{mode}"

[[charges]]
id = "service"
kind = "fixed"
description = "Service charge"
rate = "{service}"

[[charges]]
id = "demand"
kind = "demand"
description = "Demand charge"
rate = "{demand}"
{ratchet}
[[charges]]
id = "energy"
kind = "energy"
description = "Energy charge"
  [[charges.periods]]
  name = "peak"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["13:00-17:00"]
  rate = "{peak}"
  [[charges.periods]]
  name = "day"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["08:00-13:00", "17:00-22:00"]
  rate = "{day}"
  [[charges.periods]]
  name = "night"
  otherwise = true
  rate = "{night}"
{riders}
[[charges]]
id = "tax"
kind = "tax"
description = "Value added tax"
percent = "{tax}"
"""


def tariff_name(recipe_kind: str, place: Place, window_min: int) -> str:
    """Return the name of a drawn tariff, which is the name of its file."""
    return f"{recipe_kind}-{place.currency.lower()}-{window_min}"


def tariff_text(kind: str, place: Place, window_min: int, fuel_series: str) -> str:
    """Return a native tariff file of one of the kinds of `TARIFFS`."""
    rates = {"service": "120", "demand": "14.50", "peak": "0.2150", "day": "0.1820", "night": "0.1240"}
    priced = {name: f"{Decimal(rate) * place.money:f}" for name, rate in rates.items()}
    return _TARIFF.format(
        kind=kind,
        currency=place.currency,
        window_min=window_min,
        digits=place.currency_digits,
        mode="down" if place.currency == "JPY" else "half_up",
        ratchet=_RATCHETS[kind],
        riders=_RIDERS.format(fuel=fuel_series) if kind == "riders" else "",
        tax={"JPY": "10", "EUR": "19", "USD": "7.25"}[place.currency],
        **priced,
    )


def series_text(place: Place, first: date, months: int, seed: int) -> str:
    """Return a fuel adjustment series with a value for every month."""
    draws = Draws(seed, "series", place.currency)
    month, rows = f"{first:%Y-%m}", ["date,value"]
    for count in range(months):
        value = Decimal(draws.between(-40, 160)).scaleb(-4) * place.money
        rows.append(f"{first_day(add_months(month, count))},{value:f}")
    return "\n".join(rows) + "\n"


def _building(draws: Draws, *, evening: bool) -> Building:
    base = draws.between(60, 200) * 1000
    return Building(
        base_w=base,
        swing_w=base + draws.between(20, 90) * 1000,
        workday_pct=_HOTEL if evening else _OFFICE,
        restday_pct=_HOTEL if evening else _REST,
        cooling_above_c=20,
        cooling_w_per_c=base // 60,
        heating_below_c=8,
        heating_w_per_c=base // 200,
        noise_w=base // 45,
        peaks_kw={},
    )


def _fleet(draws: Draws, window_min: int) -> Fleet:
    return Fleet(
        cars=draws.between(2, 6),
        power_w=(6000, 7500, 9000)[draws.between(0, 2)],
        usable_wh=draws.between(21, 40) * 1000 + 500 * (window_min == 15),
        min_soc_pct=20,
        vehicle_prefix="CAR",
        arrival=("07:30", "09:30"),
        departure=("18:30", "19:30"),
        driving_wh=(2500, 9500),
        attendance_pct=95,
    )


def draw_recipe(number: int, months: int, seed: int) -> tuple[Recipe, Place, str]:
    """Return the recipe of the site `number` (from 0) with its place and the kind of its tariff.

    The first span starts shortly before a change of the clocks. Every third site is a hotel that recharges at full
    power as soon as the peak window ends, which makes its peak higher: a negative saving.
    """
    site_id = f"site-{number + 1:05d}"
    draws = Draws(seed, site_id, "recipe")
    place = PLACES[(number + seed) % len(PLACES)]
    window_min = place.windows_min[draws.between(0, len(place.windows_min) - 1)]
    kind = TARIFFS[(number + draws.between(0, 2)) % len(TARIFFS)]
    first = date(2025, (1, 2, 3, 9, 10)[draws.between(0, 4)], 1)
    start = first_day(add_months(f"{first:%Y-%m}", 0 if months <= 3 else max(1, months // 4)))
    careless = number % 3 == 2
    recipe = Recipe(
        site_id=site_id,
        seed=seed,
        timezone=place.timezone,
        holidays=place.holidays,
        first=first,
        last=first_day(add_months(f"{first:%Y-%m}", months)),
        window_min=window_min,
        programme_start=start,
        currency=place.currency,
        currency_digits=place.currency_digits,
        tariff=tariff_name(kind, place, window_min),
        fleet=_fleet(draws, window_min),
        control=Control(
            "13:00", "16:00", draws.between(6, 30) * 1000, {}, "careless" if careless else "spread", 10, 97
        ),
        climate=Climate(f"{site_id}-weather", _MONTH_MEAN_C, 5, 5),
        building=_building(draws, evening=careless),
    )
    return recipe, place, kind


_SITE: Final = """# A simulated site; truth.json in the portfolio has the exact answers.
site_id = "{r.site_id}"
name = "Simulated site {r.site_id}"
notes = "Simulated: building, cars and controller are drawn from a seed; every figure has a known answer."
timezone = "{r.timezone}"
currency = "{r.currency}"
holidays = "{r.holidays}"                 # for working days; the tariff has no holidays
tariff = "{r.tariff}"
programme_start = {r.programme_start}    # the day V2B began: earlier months only feed the demand ratchet
headline = "unmanaged"
weather_station = "{station}"

[peak_window]                   # the hours V2B works in, on working days
start = "{r.control.start}"
end = "{r.control.end}"

[[meters]]
meter_id = "main"
"""
_CHARGER: Final = """
[[chargers]]
charger_id = "{charger}"
rated_charge_kw = {kw}
rated_discharge_kw = {kw}
"""
_VEHICLE: Final = """
[[vehicles]]
vehicle_id = "{vehicle}"
usable_kwh = {kwh}
target_soc_pct = 100
min_soc_pct = {soc}
"""


def _thousand(value: int) -> str:
    return f"{Decimal(value) / 1000:f}" if value % 1000 else f"{value // 1000}.0"


def site_text(recipe: Recipe) -> str:
    """Return the site file of a drawn recipe."""
    fleet = recipe.fleet
    numbers = range(1, fleet.cars + 1)
    chargers = (_CHARGER.format(charger=f"CP{n}", kw=_thousand(fleet.power_w)) for n in numbers)
    vehicles = (
        _VEHICLE.format(vehicle=f"{fleet.vehicle_prefix}{n}", kwh=_thousand(fleet.usable_wh), soc=fleet.min_soc_pct)
        for n in numbers
    )
    station = recipe.climate.station_id if recipe.climate else ""
    return _SITE.format(r=recipe, station=station) + "".join([*chargers, *vehicles])
