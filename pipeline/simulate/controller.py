"""What the chargers do on one day: plain charging, and the V2B controller that cuts the peak and charges again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.simulate.fleet import GAIN_WH, TAKEN_WH, Stay
from pipeline.simulate.planner import Plan, plan_discharge
from pipeline.simulate.timeline import STEP_S


@dataclass
class Profile:
    """One stay in one world: energy at the charger in each 5-minute step [Wh], in the battery at both ends [Wh]."""

    stay: Stay
    energy_in: int
    charge: list[int]
    discharge: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.discharge = self.discharge or [0] * len(self.charge)

    @property
    def energy_out(self) -> int:
        """What the battery holds at departure [Wh]."""
        return self.energy_in + sum(self.charge) * GAIN_WH // TAKEN_WH - sum(self.discharge) * TAKEN_WH // GAIN_WH


@dataclass(frozen=True)
class Limits:
    """The limits of every car: full-power charge a step [Wh], battery target, floor [Wh], discharge units a step."""

    charge_step_wh: int
    target_wh: int
    floor_wh: int
    units_per_step: int

    @property
    def gain_step_wh(self) -> int:
        """What the battery gains in a step at full power [Wh]."""
        return self.charge_step_wh // TAKEN_WH * GAIN_WH


def limits_of(power_w: int, usable_wh: int, min_soc_pct: int) -> Limits:
    """Return the limits of cars of one type at chargers of one power [W]."""
    step_wh = power_w * STEP_S // 3600
    return Limits(step_wh, usable_wh, usable_wh * min_soc_pct // 100, step_wh // GAIN_WH)


def charge_now(limits: Limits, energy: int, goal: int, steps: int) -> list[int]:
    """Return the charge of each step [Wh] at full power from now until the battery holds `goal` [Wh]."""
    charge = []
    for _ in range(steps):
        taken = min(limits.charge_step_wh, max(0, goal - energy) * TAKEN_WH // GAIN_WH)
        charge.append(taken)
        energy += taken * GAIN_WH // TAKEN_WH
    return charge


def charged_now(limits: Limits, stay: Stay, energy: int) -> Profile:
    """Return the stay charged at full power from plug-in until the battery holds its target."""
    return Profile(stay, energy, charge_now(limits, energy, limits.target_wh, stay.end - stay.first))


def unmanaged(limits: Limits, stay: Stay, energy: int, departure_wh: int) -> Profile:
    """Return the stay charged from plug-in until it holds max(actual departure energy, target if reachable)."""
    steps = stay.end - stay.first
    reachable = energy + steps * limits.gain_step_wh >= limits.target_wh
    goal = max(departure_wh, limits.target_wh) if reachable else departure_wh
    return Profile(stay, energy, charge_now(limits, energy, goal, steps))


@dataclass(frozen=True)
class Day:
    """One armed day: the load of the building by window [Wh], the windows V2B works in, the wanted cut [Wh].

    `load_wh` reaches into the next morning where cars stay until then. Charging waits for `recharge_step`, where set,
    even before the peak windows, unless a car would leave short.
    """

    load_wh: Mapping[int, int]
    peak_windows: range
    steps_per_window: int
    cut_wh: int
    careless: bool
    recharge_step: int | None = None
    follow_load: bool = False

    @property
    def end_step(self) -> int:
        """The step the peak window ends at."""
        return self.peak_windows.stop * self.steps_per_window


def _takes_part(limits: Limits, day: Day, stay: Stay, energy: int) -> bool:
    """Whether a car is there long enough after the peak window to be full again even if it waited until then."""
    steps_after = stay.end - day.end_step
    return stay.first < day.end_step and energy + steps_after * limits.gain_step_wh >= limits.target_wh


def _before_peak(limits: Limits, day: Day, stay: Stay, energy: int) -> list[int]:
    steps = max(0, day.peak_windows.start * day.steps_per_window - stay.first)
    if day.recharge_step is not None:
        return [0] * steps
    return charge_now(limits, energy, limits.target_wh, steps)


def run_armed_day(limits: Limits, day: Day, stays: Sequence[Stay], energies: Sequence[int]) -> list[Profile]:
    """Return what the controller makes of an armed day, one profile a stay, in the order of the stays.

    It takes the deepest cut that the recharge does not spoil, in eighths; where none is, the one with the lowest peak,
    or plain charging where that is lower still. A careless controller looks at nothing after the peak window.
    """
    best, lowest = _attempt(limits, day, stays, energies, day.cut_wh)
    for eighths in range(7, -1, -1):
        if day.careless or lowest <= best.target_wh:
            return best.profiles
        attempt, peak = _attempt(limits, day, stays, energies, day.cut_wh * eighths // 8)
        if peak < lowest or peak <= attempt.target_wh:
            best, lowest = attempt, peak
    plain = [charged_now(limits, stay, energy) for stay, energy in zip(stays, energies, strict=True)]
    return plain if _peak(day, plain) < lowest else best.profiles


@dataclass(frozen=True)
class _Attempt:
    """A day run at one depth of cut, and the line it holds in the peak window [Wh a window]."""

    profiles: list[Profile]
    target_wh: int


def _attempt(
    limits: Limits, day: Day, stays: Sequence[Stay], energies: Sequence[int], cut_wh: int
) -> tuple[_Attempt, int]:
    profiles, cars, load = list[Profile](), list[Profile](), dict(day.load_wh)
    for stay, energy in zip(stays, energies, strict=True):
        if _takes_part(limits, day, stay, energy):
            profile = Profile(stay, energy, _before_peak(limits, day, stay, energy))
            cars.append(profile)
        else:
            profile = charged_now(limits, stay, energy)
            _add_load(load, day.steps_per_window, profile)
        profiles.append(profile)
    plan = plan_discharge(
        {window: load[window] for window in day.peak_windows},
        [_budget(limits, day, car) for car in cars],
        [_windows_there(day, car.stay) for car in cars],
        limits.units_per_step * day.steps_per_window,
        cut_wh,
        follow_load=day.follow_load,
    )
    if cars:
        _discharge(day, cars, plan)
        _recharge(limits, day, cars, load, plan.target_wh)
    return _Attempt(profiles, plan.target_wh), _peak(day, profiles)


def _peak(day: Day, profiles: Sequence[Profile]) -> int:
    """The highest metered window from the start of the peak window to the end of the day [Wh]."""
    load = {window: wh for window, wh in day.load_wh.items() if window >= day.peak_windows.start}
    for profile in profiles:
        for step, (charge, discharge) in enumerate(
            zip(profile.charge, profile.discharge, strict=True), profile.stay.first
        ):
            window = step // day.steps_per_window
            if window in load:
                load[window] += charge - discharge
    return max(load.values())


def _add_load(load: dict[int, int], steps_per_window: int, profile: Profile) -> None:
    for step, charge in enumerate(profile.charge, start=profile.stay.first):
        window = step // steps_per_window
        load[window] += charge


def _windows_there(day: Day, stay: Stay) -> range:
    """The windows of the peak hours a car is there for from start to end."""
    return range(max(day.peak_windows.start, -(-stay.first // day.steps_per_window)), day.peak_windows.stop)


def _budget(limits: Limits, day: Day, car: Profile) -> int:
    """How many units of 23 Wh a car can give and still be full at departure: a multiple of 23, so that it can be."""
    refill = (car.stay.end - day.end_step) * limits.gain_step_wh
    lowest = max(limits.floor_wh, limits.target_wh - refill)
    return max(0, car.energy_out - lowest) // (TAKEN_WH * GAIN_WH) * GAIN_WH


def _discharge(day: Day, cars: Sequence[Profile], plan: Plan) -> None:
    for car, units in zip(cars, plan.units, strict=True):
        first = car.stay.first + len(car.charge)
        for step in range(first, day.end_step):
            base, more = divmod(units.get(step // day.steps_per_window, 0), day.steps_per_window)
            car.charge.append(0)
            car.discharge.append(GAIN_WH * (base + (step % day.steps_per_window < more)))


def _recharge(limits: Limits, day: Day, cars: Sequence[Profile], load: dict[int, int], target_wh: int) -> None:
    """Charge again after the peak window, least slack first, under the target unless a car would leave short."""
    missing = [limits.target_wh - car.energy_out for car in cars]
    charging = [False] * len(cars)
    for step in range(day.end_step, max(car.stay.end for car in cars)):
        window = step // day.steps_per_window
        there = [number for number, car in enumerate(cars) if step < car.stay.end]
        slack = {number: _slack(limits, cars[number], step, missing[number]) for number in there}
        for number in sorted(there, key=lambda n: (slack[n] > 0, not charging[n], slack[n], n)):
            taken = min(limits.charge_step_wh, missing[number] * TAKEN_WH // GAIN_WH)
            waits = day.recharge_step is not None and step < day.recharge_step
            fits = not waits and (day.careless or load[window] + taken <= target_wh)
            charging[number] = taken > 0 and (fits or slack[number] <= 0)
            taken = taken if charging[number] else 0
            load[window] += taken
            missing[number] -= taken * GAIN_WH // TAKEN_WH
            cars[number].charge.append(taken)
            cars[number].discharge.append(0)


def _slack(limits: Limits, car: Profile, step: int, missing: int) -> int:
    """Steps a car could still wait."""
    return car.stay.end - step + (-missing // limits.gain_step_wh)
