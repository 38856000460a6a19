"""The baselines of a bill's V2B days and reference days, by every rule, beside what was metered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from pipeline.baselines.day_grid import Flags, Floats, Whole
from pipeline.baselines.day_matching import Events, adjusted, match_days
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


_THURSDAY: Final = 3  # 1970-01-01, counted from Monday


@dataclass(frozen=True)
class SiteDays:
    """One site's days in order, one row each: net load without cars and as metered [kW], and what kind of day each is.

    `day` [days since 1970]; `sunday_like` are weekends and holidays, `like_day` the days that may serve in a baseline,
    `events[day]` the slots of the event window (None where a day has none), `temperature_f` [degF] None where no
    weather is supplied.
    """

    day: Whole
    slot_min: int
    no_ev_kw: Floats
    actual_kw: Floats
    sunday_like: Flags
    like_day: Flags
    events: tuple[tuple[int, int] | None, ...]
    temperature_f: Floats | None = None

    @cached_property
    def weekday(self) -> Whole:
        """ISO weekday of every day, a holiday counted as Sunday."""
        iso = (self.day + _THURSDAY) % 7 + 1
        return np.where(self.sunday_like & (iso < 6), 7, iso)


def baselines_of(site: SiteDays, wanted: Mapping[int, str]) -> pl.DataFrame:
    """Return the baseline of every wanted day by every rule (BASELINE_DAY), by day and name of the rule.

    `wanted` maps days [days since 1970] to their class; a day without an event window, or beyond the last one with any
    data, is left out. Regressions are fitted on the like days before the first wanted day, so that every figure is out
    of sample.
    """
    held = np.flatnonzero(np.isin(site.day, list(wanted))).tolist()
    slots_of = {row: slots for row in held if (slots := site.events[row]) is not None}
    if not slots_of:
        return pl.DataFrame(schema=pl.Schema(BASELINE_DAY))
    stated, fits = np.array(list(slots_of)), fits_before(site, held[0])
    figures = np.full((len(_FIGURES), len(stated), len(_RULES)), np.nan)
    for slots in dict.fromkeys(slots_of.values()):
        mine = [number for number, window in enumerate(slots_of.values()) if window == slots]
        events = Events(stated[mine], *slots)
        figures[:, mine] = _figures(site, events, rules_on(site, events, fits))
    days = site.day[stated]
    columns = (
        pl.Series("local_day", days.repeat(len(_RULES)).astype("datetime64[D]"), dtype=pl.Date),
        pl.Series("day_class", [wanted[day] for day in days.tolist() for _ in _RULES], dtype=pl.String),
        pl.Series("method", _RULES * len(stated), dtype=pl.String),
    )
    stated_kw = (pl.Series(name, kw.ravel(), nan_to_null=True) for name, kw in zip(_FIGURES, figures, strict=True))
    return pl.DataFrame([*columns, *stated_kw])


_RULES: Final = sorted({**DAY_MATCHING, **REGRESSIONS})
_FIGURES: Final = tuple(BASELINE_DAY)[3:]
OfRule = tuple[Floats, Floats]
"""The baseline [kW] of each event day and slot, and how far back in the mean the days lie that it rests on [days]."""


def _figures(site: SiteDays, events: Events, by_rule: Mapping[str, OfRule]) -> Floats:
    """`_FIGURES` of each event day by each rule, NaN where not known."""
    slots = slice(events.start, events.stop)
    actual_kw, no_ev_kw = site.actual_kw[events.days, slots], site.no_ev_kw[events.days, slots]
    kw = np.stack([by_rule[name][0] for name in _RULES], axis=1)
    age_days = np.stack([by_rule[name][1] for name in _RULES], axis=1)
    mean, actual = kw.mean(axis=2), actual_kw.mean(axis=1)[:, None]
    of_day = (actual, actual_kw.max(axis=1)[:, None], (no_ev_kw - actual_kw).mean(axis=1)[:, None])
    actual_mean, actual_peak, cut = (np.broadcast_to(each, mean.shape) for each in of_day)
    found = np.stack([mean, kw.max(axis=2), actual_mean, actual_peak, mean - actual, cut, age_days])
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A regression on the days before a row, and how far before it they lie in the mean, as they weigh [days]."""

    towt: Towt
    before: int
    age_days: float


def fits_before(site: SiteDays, row: int) -> Mapping[str, Fitted | None]:
    """Return every regression fitted on the like days before a row; None where they are too few. Equals share a fit."""
    fits = {rule.training: _fit(site, row, rule) for rule in {r.training: r for r in REGRESSIONS.values()}.values()}
    return {name: fits[rule.training] for name, rule in REGRESSIONS.items()}


def _fit(site: SiteDays, before: int, rule: Regression) -> Fitted | None:
    served = np.flatnonzero(site.like_day[:before])
    served = served[served >= before - rule.look_back_days]
    if served.size < rule.least_days:
        return None
    warmth = None if site.temperature_f is None else site.temperature_f[served]
    age = (before - served).astype(np.float64)
    weight = np.ones(age.size) if rule.timescale_days is None else rule.timescale_days / (rule.timescale_days + age)
    towt = fit_towt(site.no_ev_kw[served], site.weekday[served], warmth, weight=weight)
    return None if towt is None else Fitted(towt, before, float((age * weight).sum() / weight.sum()))


def rules_on(site: SiteDays, events: Events, fits: Mapping[str, Fitted | None]) -> dict[str, OfRule]:
    """Return what every rule says of some days with one event window; `fits` of `fits_before`."""
    load, like = site.no_ev_kw[None], site.like_day[None]
    found: dict[str, OfRule] = {}
    for name, rule in DAY_MATCHING.items():
        matched = match_days(load, site.sunday_like, like, events, rule, slot_min=site.slot_min)
        found[name] = matched.kw[0], matched.age_days[0]
    for name, regression in REGRESSIONS.items():
        found[name] = _regressed(site, events, regression, fits[name])
    return found


def _regressed(site: SiteDays, events: Events, rule: Regression, fitted: Fitted | None) -> OfRule:
    morning, days = rule.window(events.start, site.slot_min), events.days
    nothing = np.full((days.size, events.stop - events.start), np.nan)
    if fitted is None:
        return nothing, np.full(days.size, np.nan)
    age_days = np.asarray(fitted.age_days + days - fitted.before, dtype=np.float64)
    if morning.start < 0:
        return nothing, age_days
    table = fitted.towt.predict(site.weekday[days], None if site.temperature_f is None else site.temperature_f[days])
    kw = table[:, events.start : events.stop]
    if rule.adjustment is None:
        return kw, age_days
    observed = site.no_ev_kw[days, morning].mean(axis=1)
    return adjusted(kw, table[:, morning].mean(axis=1), observed, rule), age_days
