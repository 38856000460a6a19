"""The baseline rules, read from `methods.toml` beside this file."""

from __future__ import annotations

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

Adjustment = Literal["ratio", "additive"]


@dataclass(frozen=True, kw_only=True)
class SameDay(ABC):
    """How the event day itself corrects a baseline, by the minutes before its event; None leaves it as it is.

    `adjust_cap_pct` [%] limits a ratio.
    """

    name: str
    description: str
    look_back_days: int
    adjustment: Adjustment | None = None
    adjust_from_min: int = 0
    adjust_to_min: int = 0
    adjust_cap_pct: float | None = None

    @property
    @abstractmethod
    def days_averaged(self) -> int:
        """How many earlier days a baseline of a working day rests on."""

    @property
    def shared_error(self) -> float:
        """The part of a day's error [0-1] that days resting on the same n days have in common.

        A day's own error has a variance of 1, the mean of n days one of 1 / n: of 1 + 1 / n, 1 / (n + 1) is shared.
        """
        return 1 / (self.days_averaged + 1)

    def window(self, start: int, slot_min: int) -> slice:
        """Return the slots of the adjustment window of an event that begins in slot `start`; may begin below 0."""
        return slice(start - self.adjust_from_min // slot_min, start - self.adjust_to_min // slot_min)


@dataclass(frozen=True, kw_only=True)
class DayMatching(SameDay):
    """Which like days count, and how many of them are averaged.

    `take_highest` None averages all like days; `drop_below_pct` [% of the like days' mean] passes over days of
    unusually low load. Fewer than `like_days` days in the look-back: unavailable.
    """

    like_days: int
    longest_look_back_days: int | None = None
    weekend_like_days: int | None = None
    take_highest: int | None = None
    weekend_take_highest: int | None = None
    drop_below_pct: float | None = None

    @property
    def days_averaged(self) -> int:
        """The days whose mean the baseline is."""
        return self.wanted(weekend=False)[1]

    def wanted(self, *, weekend: bool) -> tuple[int, int]:
        """Return how many like days are looked for, and how many of them are averaged."""
        days = (self.weekend_like_days if weekend else None) or self.like_days
        highest = (self.weekend_take_highest if weekend else None) or self.take_highest or days
        return days, min(highest, days)

    @property
    def furthest_day(self) -> int:
        """The most days before the event that a like day may lie."""
        return self.longest_look_back_days or self.look_back_days


@dataclass(frozen=True, kw_only=True)
class Regression(SameDay):
    """A time-of-week and temperature regression; unavailable with fewer than `least_days` days before the bill.

    A day `timescale_days` old counts half as much as one of today; None: all days alike.
    """

    least_days: int
    timescale_days: float | None = None

    @property
    def days_averaged(self) -> int:
        """The fewest days it is fitted on: recent ones count most, however many there are."""
        return self.least_days

    @property
    def training(self) -> tuple[object, ...]:
        """What the fit depends on: rules that agree in it share one."""
        return self.look_back_days, self.least_days, self.timescale_days


def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files("pipeline.baselines").joinpath("methods.toml").read_text(encoding="utf-8"))


DAY_MATCHING: Final[Mapping[str, DayMatching]] = {
    name: DayMatching(name=name, **row) for name, row in _tables()["day_matching"].items()
}
REGRESSIONS: Final[Mapping[str, Regression]] = {
    name: Regression(name=name, **row) for name, row in _tables()["regression"].items()
}
