"""What a bill's days say about the cut in the charger logs: by which baseline rule, and which days it vouches for."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.baselines import (
    BASELINE_DAY,
    DAY_MATCHING,
    REGRESSIONS,
    Check,
    DayErrors,
    independent_check,
    student_quantile,
)
from pipeline.domain import NO_CHECK
from pipeline.tariff.clock import day_number

CHECKED_DAY: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    **BASELINE_DAY,
    "low_kw": pl.Float64,  # 90 % interval of the day's difference, by the placebo days
    "high_kw": pl.Float64,
}
_OLDEST: Final = 0.95
_FURTHER: Final = 2.0
"""A V2B day counts whose baseline is at most so many times as old as that share of the placebo days' are."""
_FRESHER: Final = 4.0
"""A placebo day counts whose baseline is at most so many times as fresh as the V2B days' are in the mean."""
_MONTHS: Final = 7.5
_AMONG: Final = 0.25
"""Placebo days show the season where they are spread over so many months, or stand so thick among the V2B days."""
_LEVEL: Final = 0.95  # one side of a 90 % interval
_READ: Final = ("method", "day_class", "local_day", "difference_kw", "logged_cut_kw", "age_days")
_NEVER: Final = 2**31
_EPOCH: Final = date(1970, 1, 1).toordinal()
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class _Days:
    """Days by one rule: which are V2B days and which reference days, and when they were [days since 1970].

    What the baseline is above the metered load, the cut by the logs [kW], and the baseline's age [days]; NaN where one
    is not known.
    """

    v2b: Flags
    reference: Flags
    day: Whole
    estimated_kw: Reals
    logged_kw: Reals
    age_days: Reals

    @property
    def placebo_kw(self) -> Reals:
        """Baseline - load without cars: the baseline's own error [kW]."""
        return self.estimated_kw - self.logged_kw

    @property
    def month(self) -> Whole:
        """The month of every day [months since 1970]."""
        return self.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

    def where(self, chosen: Flags | Whole | slice) -> _Days:
        """Return some of the days."""
        return _Days(
            self.v2b[chosen],
            self.reference[chosen],
            self.day[chosen],
            self.estimated_kw[chosen],
            self.logged_kw[chosen],
            self.age_days[chosen],
        )

    @property
    def placebos(self) -> _Days:
        """The reference days whose baseline's error is known."""
        return self.where(self.reference & np.isfinite(self.placebo_kw))


@dataclass(frozen=True, eq=False)
class _Rule:
    """One rule's days: those of the bill, at `rows` of its frame, and all known ones, the placebo days among them."""

    name: str
    armed: bool
    rows: Whole
    these: _Days
    every: _Days
    placebos: _Days

    def over(self, days: _Days, further: float = 1.0) -> Check:
        """Return the verdict on the V2B days of `days`."""
        v2b, references = _vouched(self.placebos, days, further)
        rule = DAY_MATCHING.get(self.name) or REGRESSIONS.get(self.name)
        check = independent_check(
            DayErrors(v2b.day, v2b.logged_kw),
            DayErrors(v2b.day, v2b.estimated_kw),
            DayErrors(references.day, references.placebo_kw),
            armed=self.armed,
            shared=rule.shared_error if rule else 0.0,
        )
        if check.verdict == "no_check" or _show_season(v2b, references):
            return check
        return replace(check, verdict="no_check", reason=NO_CHECK["few_seasons"])

    def over_year(self) -> Check:
        """Return the verdict on the V2B days of twelve months up to the last one known."""
        last = date.fromordinal(_EPOCH + int(self.every.day.max()))
        day = min(last.day, monthrange(last.year - 1, last.month)[1])
        return self.over(self.every.where(self.every.day > day_number(last.replace(last.year - 1, day=day))))

    def interval_kw(self) -> tuple[Reals, Reals]:
        """Return the 90 % interval of each V2B day's difference, NaN for the bill's other days.

        It is that of the next error of a rule that errs as on its placebo days.
        """
        errors = self.placebos.placebo_kw
        if errors.size < 2:
            nothing = np.full(self.rows.size, np.nan)
            return nothing, nothing
        half = errors.std(ddof=1) * (student_quantile(_LEVEL, errors.size - 1) * (1 + 1 / errors.size) ** 0.5)
        centred = np.where(self.these.v2b, self.these.estimated_kw - errors.mean(), np.nan)
        return centred - half, centred + half


def _vouched(placebos: _Days, days: _Days, further: float) -> tuple[_Days, _Days]:
    """The V2B days of `days` and the placebo days whose baselines are about equally old.

    V2B days are at most `further` times as old as most placebo days; placebo days are not far fresher than the V2B
    days, since the fresh baselines of a time before V2B tell nothing of what a season does to old ones.
    """
    ages = np.sort(placebos.age_days[np.isfinite(placebos.age_days)])
    oldest_days = ages[int((ages.size - 1) * _OLDEST)] if ages.size else 0.0
    v2b = days.where(days.v2b & (days.age_days <= further * oldest_days))
    age_days = v2b.age_days.mean() if v2b.day.size else 0.0
    return v2b, placebos.where(placebos.age_days * _FRESHER >= age_days)


def _show_season(v2b: _Days, references: _Days) -> bool:
    """Whether placebo days lie thick enough among the V2B days, or are spread over enough months.

    Months count by Kish's effective number, (sum of days)^2 / sum of squares: one day of a month shows little of it.
    """
    month, of_v2b = references.month, v2b.month
    first = min(month.min(initial=_NEVER), of_v2b.min(initial=_NEVER))
    last = max(month.max(initial=first), of_v2b.max(initial=first))
    days, among = (np.bincount(one - first, minlength=last - first + 1) for one in (month, of_v2b))
    here = days[among > 0].sum()
    return bool(here >= _AMONG * v2b.day.size or days.sum() ** 2 >= _MONTHS * (days**2).sum())


@dataclass(frozen=True, eq=False)
class ComparedDays:
    """The days of a bill (`found`, BASELINE_DAY) beside those of the bills before it, by rule."""

    found: pl.DataFrame
    rules: Sequence[_Rule]

    @classmethod
    def of(cls, earlier: pl.DataFrame, found: pl.DataFrame, *, armed: bool) -> ComparedDays:
        """Read the baselines of earlier bills and of this one (BASELINE_DAY); `armed`: by a log of V2B days."""
        known = {name: pl.concat([earlier.get_column(name), found.get_column(name)]) for name in _READ}
        kind, method = known["day_class"], known["method"]
        days = _Days(
            v2b=(kind == "v2b").to_numpy(),
            reference=(kind == "reference").to_numpy(),
            day=known["local_day"].to_numpy().astype(np.int64),
            estimated_kw=known["difference_kw"].to_numpy(),
            logged_kw=known["logged_cut_kw"].to_numpy(),
            age_days=known["age_days"].to_numpy(),
        )
        rules = []
        for name in sorted(set(found.get_column("method").to_list())):
            rows = np.flatnonzero((method == name).to_numpy())
            every, begun = days.where(rows), np.searchsorted(rows, earlier.height)
            these = every.where(slice(begun, None))
            rules.append(_Rule(name, armed, rows[begun:] - earlier.height, these, every, every.placebos))
        return cls(found, rules)

    def verdict(self) -> tuple[Check, str | None]:
        """Return this month's verdict and the rule it rests on.

        That is the rule which would tell the smallest cut by its placebo days, whatever it says of the V2B days. A
        contradiction over all known V2B days counts: a month may be too short. Placebo days vouch for baselines up to
        twice as old as theirs, and only days no older can contradict: what a season does to older baselines no placebo
        day shows.
        """
        if not self.rules:
            return Check("no_check", NO_CHECK["no_v2b_day"], 0, 0), None
        checks = [(rule, rule.over(rule.these, _FURTHER)) for rule in self.rules]
        rule, month = max(checks, key=lambda one: _rank(one[0].name, one[1]))
        if not month.v2b_days:
            return replace(month, reason=self._why_no_day(rule)), rule.name
        if month.verdict == "contradicts" and rule.over(rule.these).verdict != "contradicts":
            return replace(month, verdict="no_check", reason=NO_CHECK["older"]), rule.name
        if month.verdict in ("confirms", "consistent"):
            year = rule.over_year()
            if year.verdict == "contradicts":
                return replace(month, verdict="contradicts", reason=f"over twelve months, {year.reason}"), rule.name
        return month, rule.name

    def _why_no_day(self, rule: _Rule) -> str:
        if (rule.these.v2b & np.isfinite(rule.these.estimated_kw)).any():
            return NO_CHECK["older"]
        days = np.unique(np.concatenate([one.these.day[one.these.v2b] for one in self.rules])).size
        if not days:
            return NO_CHECK["no_v2b_day"]
        least = min(matching.like_days for matching in DAY_MATCHING.values())
        return NO_CHECK["few_days_before"].format(days=days, least=least)

    def with_intervals(self) -> pl.DataFrame:
        """Return the bill's days with the interval of each V2B day (CHECKED_DAY), rounded, by day and rule."""
        low_kw, high_kw = np.full((2, self.found.height), np.nan)
        for rule in self.rules:
            low_kw[rule.rows], high_kw[rule.rows] = rule.interval_kw()
        ends = (pl.Series(name, kw, nan_to_null=True) for name, kw in (("low_kw", low_kw), ("high_kw", high_kw)))
        return pl.DataFrame([_rounded(one) for one in (*self.found.get_columns(), *ends)])


def _rounded(column: pl.Series) -> pl.Series:
    """A column of real numbers to three digits; any other as it is."""
    if column.dtype != pl.Float64:
        return column
    return pl.Series(column.name, column.to_numpy().round(3), nan_to_null=True)


def _rank(name: str, check: Check) -> tuple[bool, float, int, int, str]:
    least_kw = check.smallest_detectable_kw or 0.0
    return check.verdict != "no_check", -least_kw, check.v2b_days, check.reference_days, name
