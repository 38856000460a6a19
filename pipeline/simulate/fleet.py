"""Who parks when: the stays of the cars at their chargers, on 5-minute marks, with the driving before each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipeline.simulate.draws import Draws
from pipeline.simulate.recipe import Recipe, minutes
from pipeline.simulate.timeline import Timeline

# A car gains 23 Wh for each 25 Wh the charger takes, and loses 25 Wh for each 23 Wh it gives: 0.92 each way,
# 0.8464 for the round trip. Energies on these steps stay whole numbers, so that the truth has no rounding.
GAIN_WH, TAKEN_WH = 23, 25


@dataclass(frozen=True)
class Stay:
    """A car at its charger from step `first` until before step `end`; `driven_wh` is what it used since it left."""

    vehicle: int
    first: int
    end: int
    driven_wh: int


def whole_wh(wh: int) -> int:
    """Return an energy of a battery rounded down to what a charger can fill exactly [Wh]."""
    return wh // GAIN_WH * GAIN_WH


def draw_stays(recipe: Recipe, timeline: Timeline) -> list[Stay]:
    """Return the stays of every car that begin on a working day it comes, in the order of days, then cars.

    A stay that would outlast the site's last day is left out.
    """
    fleet, stays = recipe.fleet, []
    draws = Draws(recipe.seed, recipe.site_id, "fleet")
    for day in timeline.days:
        for vehicle in range(fleet.cars):
            comes = draws.hits(fleet.attendance_pct)
            arrival = _between_clocks(draws, fleet.arrival)
            departure = _between_clocks(draws, fleet.departure)
            driven = whole_wh(draws.between(*fleet.driving_wh))
            leaves = day if departure > arrival else day + timedelta(days=1)
            if comes and day not in timeline.rest_days and leaves < timeline.last:
                stays.append(Stay(vehicle, timeline.step_at(day, arrival), timeline.step_at(leaves, departure), driven))
    return stays


def _between_clocks(draws: Draws, span: tuple[str, str]) -> int:
    first, last = (minutes(clock) // 5 for clock in span)
    return 5 * ((draws.between(first, last) + draws.between(first, last)) // 2)
