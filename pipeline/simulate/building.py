"""Weather and the building's own load, drawn with integers; a real building's readings take the same place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pipeline.domain import ConfigError
from pipeline.simulate.draws import Draws
from pipeline.simulate.recipe import Building, Climate, Recipe, minutes
from pipeline.simulate.timeline import Timeline

# Deviation from the day's mean by local hour, in percent of half the daily swing: coldest at 5, hottest at 14.
_DAY_SHAPE = (
    -62,
    -72,
    -82,
    -90,
    -97,
    -100,
    -92,
    -70,
    -40,
    -8,
    26,
    56,
    80,
    95,
    100,
    96,
    82,
    60,
    34,
    10,
    -10,
    -26,
    -40,
    -52,
)


def _day_means(climate: Climate, days: Sequence[date], draws: Draws) -> list[int]:
    """Daily mean temperatures [0.1 degC]: monthly means joined by straight lines, and weather that lasts some days."""
    means, deviation = [], 0
    for day in days:
        before, after = day.month - 1, day.month % 12
        share = day.day - 15
        if share < 0:
            before, after, share = (day.month - 2) % 12, day.month - 1, share + 30
        low, high = climate.month_mean_c[before] * 10, climate.month_mean_c[after] * 10
        deviation = (6 * deviation + 8 * draws.bell(climate.spread_c * 10)) // 10
        means.append(low + (high - low) * share // 30 + deviation)
    return means


def hourly_weather(recipe: Recipe, timeline: Timeline) -> list[int]:
    """Return the temperature of every hour of the site's span [0.1 degC]; [] without a climate."""
    climate = recipe.climate
    if climate is None:
        return []
    means = _day_means(climate, timeline.days, Draws(recipe.seed, recipe.site_id, "weather"))
    warmer = {pinned.day: pinned.warmer_c * 10 for pinned in (recipe.building.pinned if recipe.building else ())}
    hours = []
    per_hour = 60 // timeline.window_min
    for day, windows, mean in zip(timeline.days, timeline.day_windows, means, strict=True):
        for window in windows[::per_hour]:
            shape = _DAY_SHAPE[timeline.local[window].hour]
            hours.append(mean + warmer.get(day, 0) + climate.swing_c * shape // 10)
    return hours


def _between_hours(table: Sequence[int], minute: int) -> int:
    """A table of 24 hourly values [%] read at a minute of the day, straight lines between [0.1 %]."""
    hour, past = divmod(minute, 60)
    return (table[hour] * (60 - past) + table[(hour + 1) % 24] * past) // 6


def _weather_w(building: Building, temperature: int, occupancy: int) -> int:
    cooling = max(0, temperature - building.cooling_above_c * 10) * building.cooling_w_per_c
    heating = max(0, building.heating_below_c * 10 - temperature) * building.heating_w_per_c
    return (cooling + heating) * (250 + occupancy) // 12500


def _raw_w(recipe: Recipe, building: Building, timeline: Timeline, weather: Sequence[int]) -> list[int]:
    draws = Draws(recipe.seed, recipe.site_id, "building")
    per_hour = 60 // timeline.window_min
    load = []
    for day, windows in zip(timeline.days, timeline.day_windows, strict=True):
        table = building.restday_pct if day in timeline.rest_days else building.workday_pct
        mood, drift = draws.bell(70), 0  # how busy the day is [0.1 %], and slow changes within it [W]
        for window in windows:
            local = timeline.local[window]
            occupancy = _between_hours(table, local.hour * 60 + local.minute)
            drift = (drift * 7 + draws.bell(building.noise_w) * 5) // 10
            swing = building.swing_w * occupancy // 1000 * (1000 + mood) // 1000
            weather_w = _weather_w(building, weather[window // per_hour], occupancy)
            load.append(max(building.base_w // 3, building.base_w + swing + weather_w + drift))
    return load


def _scaled_wh(building: Building, timeline: Timeline, raw_w: Sequence[int]) -> list[int]:
    energy = [watt * timeline.window_min // 60 for watt in raw_w]
    base = building.base_w * timeline.window_min // 60
    for month, windows in timeline.months:
        if month in building.peaks_kw:
            wanted = building.peaks_kw[month] * 1000 * timeline.window_min // 60 - base
            highest = max(energy[window] for window in windows) - base
            for window in windows:
                energy[window] = base + (energy[window] - base) * wanted // highest
    return energy


def building_wh(recipe: Recipe, timeline: Timeline, weather: Sequence[int]) -> list[int]:
    """Return the energy of the building without cars in every window [Wh]; raises ConfigError without a building."""
    building = recipe.building
    if building is None:
        raise ConfigError(recipe.site_id, "building", None, "a [building] table, or readings of a real one")
    energy = _scaled_wh(building, timeline, _raw_w(recipe, building, timeline, weather))
    for pinned in building.pinned:
        if timeline.first <= pinned.day < timeline.last:
            first = timeline.step_at(pinned.day, minutes(pinned.start)) // timeline.steps_per_window
            for count, watt in enumerate(pinned.watts):
                energy[first + count] = watt * timeline.window_min // 60
    return energy


def hour_stamps(timeline: Timeline) -> list[int]:
    """Return the instants of `hourly_weather` [s since 1970]."""
    hours = timedelta(seconds=timeline.windows * timeline.window_min * 60) // timedelta(hours=1)
    return [timeline.start_s + 3600 * count for count in range(hours)]
