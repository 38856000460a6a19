"""A real building and real stays for the simulator: the readings and sessions an example ships."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pipeline.domain import ConfigError
from pipeline.simulate.fleet import GAIN_WH, TAKEN_WH, Stay
from pipeline.simulate.recipe import Recipe
from pipeline.simulate.timeline import STEP_S, Timeline
from pipeline.simulate.world import RealInputs


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _building_wh(path: Path, timeline: Timeline) -> list[int]:
    """Hourly kWh with naive times, which are taken as the site's own zone: every day of them has 24 hours."""
    kwh = {row["datetime"]: Decimal(row["equipment load [kWh]"]) for row in _rows(path)}
    energy = []
    for local in timeline.local:
        text = f"{local:%Y-%m-%d %H:%M:%S}"
        if text not in kwh:
            raise ConfigError(path.name, "datetime", text, "a reading for every hour of the example")
        energy.append(int(kwh[text] * 1000))
    return energy


def _time(text: str) -> datetime:
    """A time as the source writes it: the year is short of two thousand."""
    return datetime.strptime(text.replace("00", "20", 1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _placed(row: dict[str, str], recipe: Recipe, timeline: Timeline, weeks: int) -> tuple[int, int, int] | None:
    """First step, end step and driven energy [Wh] of a session moved by whole weeks; None outside the span."""
    arrived, left = (_time(row[column]) + timedelta(weeks=weeks) for column in ("created", "ended"))
    if not recipe.first <= arrived.date() < recipe.last:
        return None
    day_minute = [(moment.date(), moment.hour * 60 + moment.minute) for moment in (arrived, left)]
    first, end = (timeline.step_at(day, minute) for day, minute in day_minute)
    # the battery took 23 of every 25 Wh the charger gave; what it took is what it had driven
    driven = int(Decimal(row["kwhTotal"]) * 1000) // TAKEN_WH * GAIN_WH
    return first, end, driven


def _stays(path: Path, recipe: Recipe, timeline: Timeline) -> list[Stay]:
    """The sessions of each day, given to the cars in the order of arrival; placements do not overlap."""
    rows, by_day = _rows(path), dict[int, list[tuple[int, int, int]]]()
    per_day = 86400 // STEP_S
    for weeks in recipe.placed_weeks_later:
        placed = [found for row in rows if (found := _placed(row, recipe, timeline, weeks)) is not None]
        taken = set(by_day)
        for stay in placed:
            if stay[0] // per_day not in taken:
                by_day.setdefault(stay[0] // per_day, []).append(stay)
    return [
        Stay(vehicle, *stay)
        for _, stays in sorted(by_day.items())
        for vehicle, stay in enumerate(sorted(stays)[: recipe.fleet.cars])
    ]


def read_real_inputs(source: Path, recipe: Recipe) -> RealInputs:
    """Return an example's `building.csv` and `sessions.csv`; raises ConfigError where an hour is missing."""
    timeline = Timeline(recipe.timezone, recipe.first, recipe.last, recipe.window_min, recipe.holidays)
    building = _building_wh(source / "building.csv", timeline)
    return RealInputs(building, _stays(source / "sessions.csv", recipe, timeline))
