"""One simulated site, run from its first to its last day: three worlds on the same arrivals and the same driving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipeline.calendars import month_of
from pipeline.domain import ConfigError
from pipeline.simulate.building import building_wh, hourly_weather
from pipeline.simulate.controller import Day, Limits, Profile, charged_now, limits_of, run_armed_day, unmanaged
from pipeline.simulate.draws import Draws
from pipeline.simulate.fleet import GAIN_WH, Stay, draw_stays
from pipeline.simulate.recipe import Control, Recipe, minutes
from pipeline.simulate.timeline import Timeline


@dataclass(frozen=True)
class RealInputs:
    """A real building's energy by window [Wh] and real stays, in place of drawn ones."""

    building_wh: Sequence[int]
    stays: Sequence[Stay]


@dataclass
class SimulatedSite:
    """The exact truth of a site: energies by window [Wh], every stay in two worlds, the days V2B was armed."""

    recipe: Recipe
    timeline: Timeline
    weather: list[int]
    building_wh: Sequence[int]
    armed: dict[date, bool]
    actual: list[Profile] = field(default_factory=list)
    unmanaged: list[Profile] = field(default_factory=list)
    charge_wh: list[int] = field(default_factory=list)
    discharge_wh: list[int] = field(default_factory=list)
    unmanaged_wh: list[int] = field(default_factory=list)
    served_wh: list[int] = field(default_factory=list)  # given while the grid was dead, in no other column

    @property
    def dead_windows(self) -> list[range]:
        """The windows of each outage, in which nothing passes the meter in any world."""
        return [_windows(self.timeline, dead.day, dead.start, dead.end) for dead in self.recipe.outages]

    @property
    def limits(self) -> Limits:
        """The limits of the site's cars."""
        fleet = self.recipe.fleet
        return limits_of(fleet.power_w, fleet.usable_wh, fleet.min_soc_pct)

    def world_wh(self, world: str, window: int) -> int:
        """Return the net energy of a world in a window [Wh]; below zero where it is exported."""
        cars = {
            "no_ev": 0,
            "actual": self.charge_wh[window] - self.discharge_wh[window],
            "unmanaged": self.unmanaged_wh[window],
        }
        return self.building_wh[window] + cars[world]


def _windows(timeline: Timeline, day: date, start: str, end: str) -> range:
    first, last = (timeline.step_at(day, minutes(clock)) // timeline.steps_per_window for clock in (start, end))
    return range(first, last)


def _recharge_step(control: Control, timeline: Timeline, day: date) -> int | None:
    """The step charging waits for: of the same evening, or of the next morning where its clock time is earlier."""
    if control.recharge_from is None:
        return None
    late = minutes(control.recharge_from) >= minutes(control.end)
    return timeline.step_at(day if late else day + timedelta(days=1), minutes(control.recharge_from))


def _armed_days(recipe: Recipe, timeline: Timeline, load: Sequence[int]) -> dict[date, bool]:
    """Every working day of the programme, True unless held out by lot; a month's high days are never held out."""
    control, armed = recipe.control, dict[date, bool]()
    by_day = zip(timeline.days, timeline.day_windows, strict=True)
    peaks = {day: max(load[window] for window in windows) for day, windows in by_day}
    for month, windows in timeline.months:
        month_peak = max(load[window] for window in windows)
        days = [day for day in timeline.days if month_of(day) == month and day >= recipe.programme_start]
        working = [day for day in days if day not in timeline.rest_days]
        low = [day for day in working if peaks[day] * 100 < month_peak * control.holdout_below_pct]
        count = (len(working) + control.holdout_one_in // 2) // control.holdout_one_in if control.holdout_one_in else 0
        held_out = Draws(recipe.seed, recipe.site_id, "holdout", month).sample(low, count)
        armed.update({day: day not in held_out for day in working})
    return armed


def _stays_by_day(recipe: Recipe, timeline: Timeline, stays: Sequence[Stay]) -> dict[int, list[Stay]]:
    """Stays by the number of the local day they begin on.

    Raises ConfigError unless each car comes at most once a day, after it has left, and leaves by the end of the next.
    """
    day_of = [number for number, windows in enumerate(timeline.day_windows) for _ in windows]
    per_window, by_day, left = timeline.steps_per_window, dict[int, list[Stay]](), dict[int, int]()
    for stay in stays:
        number = day_of[stay.first // per_window]
        there = [other.vehicle for other in by_day.setdefault(number, [])]
        longest = timeline.day_windows[min(number + 1, len(timeline.days) - 1)].stop * per_window
        if stay.vehicle in there or not left.get(stay.vehicle, 0) <= stay.first < stay.end <= longest:
            allowed = "one stay a car and local day, begun after the one before it and over by the end of the next day"
            raise ConfigError(recipe.site_id, "stays", stay, allowed)
        left[stay.vehicle] = stay.end
        by_day[number].append(stay)
    return dict(sorted(by_day.items()))


def run_site(recipe: Recipe, real: RealInputs | None = None) -> SimulatedSite:
    """Return a site's exact truth; raises ConfigError for a recipe that contradicts itself."""
    timeline = Timeline(recipe.timezone, recipe.first, recipe.last, recipe.window_min, recipe.holidays)
    weather = hourly_weather(recipe, timeline)
    load = list(real.building_wh) if real else building_wh(recipe, timeline, weather)
    stays = real.stays if real else draw_stays(recipe, timeline)
    site = SimulatedSite(recipe, timeline, weather, load, _armed_days(recipe, timeline, load))
    for window in (window for dead in site.dead_windows for window in dead):
        load[window] = load[window] // GAIN_WH * GAIN_WH  # what cars can give exactly
    _run_days(site, stays)
    _add_up(site)
    _cut_off(site, load)
    return site


def _cut_off(site: SimulatedSite, load: list[int]) -> None:
    """Take the dead windows off the grid; raises ConfigError where the cars did not carry the whole load in one."""
    site.served_wh = [0] * site.timeline.windows
    for window in (window for dead in site.dead_windows for window in dead):
        charged = site.charge_wh[window] or site.unmanaged_wh[window]
        if charged or site.discharge_wh[window] != load[window]:
            allowed = "windows in which the cars give what the building draws, and are charged in no world"
            raise ConfigError(site.recipe.site_id, "outages", site.timeline.local[window].isoformat(), allowed)
        site.served_wh[window], site.discharge_wh[window], load[window] = load[window], 0, 0


def _run_days(site: SimulatedSite, stays: Sequence[Stay]) -> None:
    limits = site.limits
    actual = [limits.target_wh] * site.recipe.fleet.cars
    without = list(actual)
    for number, arrived in _stays_by_day(site.recipe, site.timeline, stays).items():
        for profile in _run_day(site, number, arrived, actual):
            vehicle = profile.stay.vehicle
            without[vehicle] -= profile.stay.driven_wh
            other = unmanaged(limits, profile.stay, without[vehicle], profile.energy_out)
            without[vehicle] = other.energy_out
            site.actual.append(profile)
            site.unmanaged.append(other)


def _run_day(site: SimulatedSite, number: int, stays: Sequence[Stay], energy: list[int]) -> list[Profile]:
    for stay in stays:
        energy[stay.vehicle] -= stay.driven_wh
    arrivals = [energy[stay.vehicle] for stay in stays]
    if site.armed.get(site.timeline.days[number], False):
        profiles = run_armed_day(site.limits, _armed_day(site, number, stays), stays, arrivals)
    else:
        profiles = [charged_now(site.limits, stay, arrival) for stay, arrival in zip(stays, arrivals, strict=True)]
    for profile in profiles:
        energy[profile.stay.vehicle] = profile.energy_out
    return profiles


def _armed_day(site: SimulatedSite, number: int, stays: Sequence[Stay]) -> Day:
    control, timeline = site.recipe.control, site.timeline
    day = timeline.days[number]
    cut_w = control.cut_by_month_w.get(month_of(day), control.cut_w)
    own = timeline.day_windows[number]
    until = max(own.stop, *(-(-stay.end // timeline.steps_per_window) for stay in stays))
    return Day(
        load_wh={window: site.building_wh[window] for window in range(own.start, until)},
        peak_windows=_windows(timeline, day, control.start, control.end),
        steps_per_window=timeline.steps_per_window,
        cut_wh=cut_w * timeline.window_min // 60,
        careless=control.recharge == "careless",
        recharge_step=_recharge_step(control, timeline, day),
        follow_load=control.follow_load,
    )


def _add_up(site: SimulatedSite) -> None:
    per_window = site.timeline.steps_per_window
    site.charge_wh, site.discharge_wh, site.unmanaged_wh = ([0] * site.timeline.windows for _ in range(3))
    for profiles, charge in ((site.actual, site.charge_wh), (site.unmanaged, site.unmanaged_wh)):
        for profile in profiles:
            for step, taken in enumerate(profile.charge, start=profile.stay.first):
                charge[step // per_window] += taken
    for profile in site.actual:
        for step, given in enumerate(profile.discharge, start=profile.stay.first):
            site.discharge_wh[step // per_window] += given
