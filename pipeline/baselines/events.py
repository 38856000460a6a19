"""The baselines of a bill's V2B days and reference days, by every rule, beside what was metered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.baselines.day_grid import Flags, Floats
from pipeline.baselines.day_matching import Event, adjusted, match_days
from pipeline.baselines.methods import DAY_MATCHING, REGRESSIONS, Regression
from pipeline.baselines.towt import Towt, fit_towt

BASELINE_DAY: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "local_day": pl.Date,
    "day_class": pl.String,  # v2b | reference
    "method": pl.String,
    "baseline_mean_kw": pl.Float64,  # over the event window; null where the rule found too few days
    "baseline_peak_kw": pl.Float64,
    "actual_mean_kw": pl.Float64,
    "actual_peak_kw": pl.Float64,
    "difference_kw": pl.Float64,  # baseline - actual, means
    "logged_cut_kw": pl.Float64,  # mean of discharge - charge by the charger logs
    "age_days": pl.Float64,  # how far back the days lie, in the mean, that the baseline rests on
}


@dataclass(frozen=True)
class SiteDays:
    """One site's days, one row each: net load without cars and as metered [kW], and what kind of day each is.

    `sunday_like` are weekends and holidays, `like_day` the days that may serve in a baseline, `events[day]` the slots
    of the event window (None where a day has none), `temperature_f` [degF] None where no weather is supplied.
    """

    days: tuple[date, ...]
    slot_min: int
    no_ev_kw: Floats
    actual_kw: Floats
    sunday_like: Flags
    like_day: Flags
    events: tuple[tuple[int, int] | None, ...]
    temperature_f: Floats | None = None

    @cached_property
    def weekday(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """ISO weekday of every day, a holiday counted as Sunday."""
        iso = np.array([day.isoweekday() for day in self.days], dtype=np.int64)
        return np.where(self.sunday_like & (iso < 6), 7, iso)

    @cached_property
    def row_of(self) -> Mapping[date, int]:
        """The row of every day."""
        return {day: row for row, day in enumerate(self.days)}


def baselines_of(site: SiteDays, wanted: Mapping[date, str]) -> pl.DataFrame:
    """Return the baseline of every wanted day by every rule (BASELINE_DAY).

    `wanted` maps days to their class; a day without an event window, or beyond the last one with any data, is left
    out. Regressions are fitted on the like days before the first wanted day, so that every figure is out of sample.
    """
    held = sorted(day for day in wanted if day in site.row_of)
    fits = _fits(site, held[0]) if held else {}
    rows = [row for day in held for row in _rows(site, day, wanted[day], fits)]
    return pl.DataFrame(rows, schema=pl.Schema(BASELINE_DAY), orient="row")


@dataclass(frozen=True)
class _Fitted:
    """A regression on the days before a row, and how far before it they lie in the mean, as they weigh [days]."""

    fit: Towt
    before: int
    age_days: float


def _fits(site: SiteDays, first: date) -> dict[str, _Fitted | None]:
    return {name: _fit(site, site.row_of[first], rule) for name, rule in REGRESSIONS.items()}


def _fit(site: SiteDays, before: int, rule: Regression) -> _Fitted | None:
    rows = slice(max(0, before - rule.look_back_days), before)
    served = site.like_day[rows]
    if served.sum() < rule.least_days:
        return None
    kw = np.where(served[:, None], site.no_ev_kw[rows], np.nan)
    warmth = None if site.temperature_f is None else site.temperature_f[rows]
    age = np.arange(kw.shape[0], 0, -1, dtype=np.float64)
    weight = None if rule.timescale_days is None else np.asarray(rule.timescale_days / (rule.timescale_days + age))
    fit = fit_towt(kw, site.weekday[rows], warmth, weight=weight)
    weighs = served if weight is None else served * weight
    return None if fit is None else _Fitted(fit, before, float((age * weighs).sum() / weighs.sum()))


def _rows(site: SiteDays, day: date, day_class: str, fits: Mapping[str, _Fitted | None]) -> Iterator[tuple[Any, ...]]:
    row = site.row_of[day]
    slots = site.events[row]
    if slots is None:
        return
    event = Event(row, *slots)
    actual = site.actual_kw[row, event.start : event.stop]
    cut = site.no_ev_kw[row, event.start : event.stop] - actual
    for name, kw, age_days in _by_rule(site, event, fits):
        yield (
            day,
            day_class,
            name,
            *_mean_and_peak(kw),
            *_mean_and_peak(actual),
            _number(kw.mean() - actual.mean()),
            _number(cut.mean()),
            _number(age_days),
        )


def _by_rule(site: SiteDays, event: Event, fits: Mapping[str, _Fitted | None]) -> Iterator[tuple[str, Floats, float]]:
    load, like = site.no_ev_kw[None], site.like_day[None]
    for name, rule in DAY_MATCHING.items():
        found = match_days(load, site.sunday_like, like, event, rule, slot_min=site.slot_min)
        yield name, found.kw[0], float(found.age_days[0])
    for name, regression in REGRESSIONS.items():
        fitted = fits[name]
        age_days = np.nan if fitted is None else fitted.age_days + event.day - fitted.before
        yield name, _regressed(site, event, regression, fitted), age_days


def _regressed(site: SiteDays, event: Event, rule: Regression, fitted: _Fitted | None) -> Floats:
    morning = rule.window(event.start, site.slot_min)
    if fitted is None or morning.start < 0:
        return np.full(event.stop - event.start, np.nan)
    row = slice(event.day, event.day + 1)
    day = fitted.fit.predict(site.weekday[row], None if site.temperature_f is None else site.temperature_f[row])
    kw = day[:, event.start : event.stop]
    if rule.adjustment is None:
        return np.asarray(kw[0])
    return np.asarray(adjusted(kw, day[:, morning].mean(axis=1), site.no_ev_kw[row, morning].mean(axis=1), rule)[0])


def _mean_and_peak(kw: Floats) -> tuple[float | None, float | None]:
    return _number(kw.mean()), _number(kw.max())


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
