"""Compares V2B days with other days: day classes, baselines by every rule, and the verdict on the mean cut.

The look-back takes the loads of earlier bills as they were stored, the placebo days their stored baselines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.baselines import (
    BASELINE_DAY,
    DAY_CLASS,
    DAY_MATCHING,
    REGRESSIONS,
    Check,
    DayErrors,
    SiteDays,
    aligned,
    baselines_of,
    classify_days,
    day_grid,
    hourly_grid,
    independent_check,
    student_quantile,
)
from pipeline.calendars import holiday_dates, with_local_time
from pipeline.chain.event_window import in_event_window
from pipeline.chain.inputs import EARLIER_WINDOW, Prepared
from pipeline.chain.non_routine import without_unlike

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
_OLDER: Final = "the baselines of the V2B days rest on days further back than those of the reference days"
_MONTHS: Final = 7.5
_AMONG: Final = 0.25
"""Placebo days show the season where they are spread over so many months, or stand so thick among the V2B days."""
_SEASON: Final = (
    "too few reference days among the V2B days, and those before them lie in too few months to know the season's error"
)
_NO_WINDOW: Final = Check("no_check", "the site has no peak window and its tariff no dearest hours", 0, 0)
_MINUTES_OF_DAY: Final = 1440
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Checked:
    """The days of one bill (DAY_CLASS, CHECKED_DAY), the verdict and the baseline rule it rests on."""

    day_class: pl.DataFrame
    baseline_day: pl.DataFrame
    check: Check
    method: str | None

    @property
    def section(self) -> dict[str, Any]:
        """The `check` section of the result contract."""
        found = self.check
        return {
            "verdict": found.verdict,
            "reason": found.reason,
            "method": self.method,
            "v2b_days": found.v2b_days,
            "reference_days": found.reference_days,
            "metered_kw": _to_watts(found.metered_kw),
            "estimated_kw": _to_watts(found.estimated_kw),
            "low": _to_watts(found.low),
            "high": _to_watts(found.high),
            "smallest_detectable_kw": _to_watts(found.smallest_detectable_kw),
        }


def _to_watts(kw: float | None) -> float | None:
    """Return a power [kW] without digits below a watt, which differ between machines."""
    return None if kw is None else round(kw, 3)


def check_days(prepared: Prepared) -> Checked:
    """Return what other days say about the cut of this bill's V2B days."""
    inputs = prepared.inputs
    windows = _all_windows(prepared)
    inside = in_event_window(inputs, windows, any_month=True)
    if inside is None or inside.is_empty():
        return Checked(pl.DataFrame(schema=DAY_CLASS), pl.DataFrame(schema=CHECKED_DAY), _NO_WINDOW, None)
    classes = _classes(prepared, windows, inside)
    site = _site_days(prepared, windows, inside, classes)
    mine = pl.col("local_day").is_between(inputs.period.read_from, inputs.period.read_to, closed="left")
    own = classes.filter(mine)
    asked = own.filter(pl.col("day_class") != "excluded").select("local_day", "day_class")
    found = baselines_of(site, dict(asked.iter_rows()))
    known = pl.concat([inputs.earlier.baseline_days.select(BASELINE_DAY.keys()), found])
    check, method = _verdict(known, found, armed=inputs.armed is not None)
    return Checked(own, _with_intervals(found, known), check, method)


def _all_windows(prepared: Prepared) -> pl.DataFrame:
    """This bill's windows after those of earlier bills, with the local calendar; energy null where not metered."""
    earlier = prepared.inputs.earlier.windows.select(EARLIER_WINDOW.keys())
    mine = prepared.windows.select(EARLIER_WINDOW.keys())
    net = {
        f"{world}_wh": pl.when("metered").then(pl.col(f"{world}_import_wh") - pl.col(f"{world}_export_wh"))
        for world in ("no_ev", "actual")
    }
    whole = pl.concat([earlier, mine]).with_columns(**net)
    return with_local_time(whole, prepared.inputs.site.timezone)


def _classes(prepared: Prepared, windows: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    inputs = prepared.inputs
    begun = pl.lit(value=False) if inputs.programme_start is None else pl.col("local_day") >= inputs.programme_start
    whole = windows.group_by("local_day").agg(complete=(pl.col("metered") & (pl.col("covered") | ~begun)).all())
    event = inside.group_by("local_day").agg(
        window_h=pl.col("duration_s").sum() / 3600,
        charge_wh=pl.col("charge_wh").sum(),
        discharge_wh=pl.col("discharge_wh").sum(),
    )
    days = whole.join(event, on="local_day", how="left").with_columns(
        pl.col("window_h").fill_null(0.0), pl.col("charge_wh", "discharge_wh").fill_null(0)
    )
    rated_kw = sum(float(charger.rated_discharge_kw) for charger in inputs.site.chargers)
    working = _working(prepared, days.get_column("local_day").to_list())
    return without_unlike(classify_days(days, rated_kw, inputs.armed, working), inputs)


def _working(prepared: Prepared, days: list[date]) -> dict[date, bool]:
    free = holiday_dates(prepared.inputs.site.holidays, sorted({day.year for day in days}))
    return {day: day.isoweekday() < 6 and day not in free for day in days}


def _site_days(prepared: Prepared, windows: pl.DataFrame, inside: pl.DataFrame, classes: pl.DataFrame) -> SiteDays:
    slot_min = prepared.window_min
    no_ev = day_grid(windows.with_columns(energy_wh=pl.col("no_ev_wh")), slot_min)
    actual = day_grid(windows.with_columns(energy_wh=pl.col("actual_wh")), slot_min)
    minute = pl.col("local_minute")
    spans = inside.group_by("local_day").agg(minute.min().alias("first"), minute.max().alias("last"))
    events = {day: (first // slot_min, last // slot_min + 1) for day, first, last in spans.iter_rows()}
    like = dict(classes.select("local_day", "like_day").iter_rows())
    working = _working(prepared, list(no_ev.days))
    return SiteDays(
        days=no_ev.days,
        slot_min=slot_min,
        no_ev_kw=no_ev.kw,
        actual_kw=aligned(actual, no_ev.days),
        sunday_like=np.array([not working[day] for day in no_ev.days], dtype=np.bool_),
        like_day=np.array([bool(like.get(day)) for day in no_ev.days], dtype=np.bool_),
        events=tuple(events.get(day) for day in no_ev.days),
        temperature_f=_temperatures(prepared, no_ev.days),
    )


def _temperatures(prepared: Prepared, days: tuple[date, ...]) -> Reals | None:
    """Hourly means on the slots of the load [degF]; None where the site has no weather."""
    weather = prepared.inputs.weather
    if weather.is_empty():
        return None
    local = with_local_time(weather.rename({"observed_at": "interval_start"}), prepared.inputs.site.timezone)
    hourly = aligned(hourly_grid(local, "temperature_c"), days) * 1.8 + 32
    slots = np.arange(_MINUTES_OF_DAY // prepared.window_min) * prepared.window_min // 60
    return np.asarray(hourly[:, slots])


@dataclass(frozen=True)
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
    def month(self) -> np.ndarray[Any, np.dtype[np.datetime64]]:
        """The month of every day."""
        return self.day.astype("datetime64[D]").astype("datetime64[M]")

    def where(self, chosen: Flags) -> _Days:
        """Return some of the days."""
        return _Days(*(getattr(self, one.name)[chosen] for one in fields(self)))


_READ: Final = {
    "v2b": pl.col("day_class") == "v2b",
    "reference": pl.col("day_class") == "reference",
    "day": pl.col("local_day").to_physical().cast(pl.Int64),
    "estimated_kw": pl.col("difference_kw").fill_null(float("nan")),
    "logged_kw": pl.col("logged_cut_kw").fill_null(float("nan")),
    "age_days": pl.col("age_days").fill_null(float("nan")),
}
_ByRule = Mapping[str, _Days]


def _all_days(days: pl.DataFrame) -> _Days:
    """Read BASELINE_DAY."""
    return _Days(*(column.to_numpy() for column in days.select(**_READ).get_columns()))


_NO_DAYS: Final = _all_days(pl.DataFrame(schema=pl.Schema(BASELINE_DAY)))


def _by_rule(days: pl.DataFrame) -> _ByRule:
    every, methods = _all_days(days), np.array(days.get_column("method").to_list(), dtype=np.str_)
    return {str(name): every.where(methods == name) for name in np.unique(methods)}


def _vouched(known: _Days, days: _Days, further: float) -> tuple[_Days, _Days]:
    """The V2B days of `days` and the placebo days whose baselines are about equally old.

    V2B days are at most `further` times as old as most placebo days; placebo days are not far fresher than the V2B
    days, since the fresh baselines of a time before V2B tell nothing of what a season does to old ones.
    """
    references = known.where(known.reference & np.isfinite(known.placebo_kw))
    ages = np.sort(references.age_days[np.isfinite(references.age_days)])
    oldest_days = ages[int((ages.size - 1) * _OLDEST)] if ages.size else 0.0
    v2b = days.where(days.v2b & (days.age_days <= further * oldest_days))
    age_days = v2b.age_days.mean() if v2b.day.size else 0.0
    return v2b, references.where(references.age_days * _FRESHER >= age_days)


def _over(known: _ByRule, days: _ByRule, method: str, further: float, *, armed: bool) -> Check:
    """The verdict of one rule on the V2B days of `days`."""
    v2b, references = _vouched(known.get(method, _NO_DAYS), days.get(method, _NO_DAYS), further)
    logged, estimated = (DayErrors(v2b.day, kw) for kw in (v2b.logged_kw, v2b.estimated_kw))
    placebo = DayErrors(references.day, references.placebo_kw)
    check = independent_check(logged, estimated, placebo, armed=armed, shared=_shared_error(method))
    if check.verdict == "no_check" or _show_season(v2b, references):
        return check
    return replace(check, verdict="no_check", reason=_SEASON)


def _show_season(v2b: _Days, references: _Days) -> bool:
    """Whether placebo days lie thick enough among the V2B days, or are spread over enough months.

    Months count by Kish's effective number, (sum of days)^2 / sum of squares: one day of a month shows little of it.
    """
    here = np.isin(references.month, v2b.month).sum()
    days = np.unique(references.month, return_counts=True)[1]
    return bool(here >= _AMONG * v2b.day.size or days.sum() ** 2 >= _MONTHS * (days**2).sum())


def _method(known: _ByRule, found: _ByRule) -> str | None:
    """The rule that would tell the smallest cut by its placebo days, whatever it says of the V2B days."""
    ranked = []
    for method in found:
        check = _over(known, found, method, _FURTHER, armed=False)
        least_kw, possible = check.smallest_detectable_kw or 0.0, check.verdict != "no_check"
        ranked.append((possible, -least_kw, check.v2b_days, check.reference_days, method))
    return max(ranked)[-1] if ranked else None


def _verdict(known: pl.DataFrame, found: pl.DataFrame, *, armed: bool) -> tuple[Check, str | None]:
    """This month's verdict and its rule; a contradiction over all known V2B days counts: a month may be too short.

    Placebo days vouch for baselines up to twice as old as theirs, and only days no older can contradict: what a season
    does to older baselines no placebo day shows.
    """
    every, these = _by_rule(known), _by_rule(found)
    method = _method(every, these)
    rule = method or ""
    month = _over(every, these, rule, _FURTHER, armed=armed)
    if not month.v2b_days:
        return replace(month, reason=_why_no_day(found, method)), method
    if month.verdict == "contradicts" and _over(every, these, rule, 1.0, armed=armed).verdict != "contradicts":
        return replace(month, verdict="no_check", reason=_OLDER), method
    year = _over(every, _last_year(known, every), rule, 1.0, armed=armed)
    if month.verdict in ("confirms", "consistent") and year.verdict == "contradicts":
        return replace(month, verdict="contradicts", reason=f"over twelve months, {year.reason}"), method
    return month, method


def _shared_error(method: str | None) -> float:
    rule = DAY_MATCHING.get(method or "") or REGRESSIONS.get(method or "")
    return 0.0 if rule is None else rule.shared_error


def _why_no_day(found: pl.DataFrame, method: str | None) -> str:
    stated = found.filter((pl.col("day_class") == "v2b") & (pl.col("method") == (method or "")))
    if stated.get_column("difference_kw").count():
        return _OLDER
    days = found.filter(pl.col("day_class") == "v2b").get_column("local_day").n_unique()
    if not days:
        return "this bill has no V2B day"
    least = min(rule.like_days for rule in DAY_MATCHING.values())
    return f"none of the {days} V2B days has the {least} days like it before it that a baseline takes at least"


def _last_year(known: pl.DataFrame, every: _ByRule) -> _ByRule:
    """The days of twelve months up to the last one known."""
    before = known.select(pl.col("local_day").max().dt.offset_by("-12mo").to_physical()).item()
    return {name: days.where(days.day > before) for name, days in every.items()}


_ESTIMATED: Final = pl.col("difference_kw")
_PLACEBO: Final = _ESTIMATED - pl.col("logged_cut_kw")


def _with_intervals(found: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Add the 90 % interval of each V2B day's difference: the next error of a rule that errs as on its placebo days."""
    placebo = known.filter((pl.col("day_class") == "reference") & _PLACEBO.is_not_null())
    rules = placebo.group_by("method").agg(centre=_PLACEBO.mean(), spread=_PLACEBO.std(), count=pl.len())
    factors = pl.Series(
        [student_quantile(0.95, n - 1) * (1 + 1 / n) ** 0.5 if n > 1 else None for n in rules.get_column("count")],
        dtype=pl.Float64,
    )
    half = rules.select("method", "centre", half=pl.col("spread") * factors)
    is_v2b = pl.col("day_class") == "v2b"
    return (
        found.join(half, on="method", how="left")
        .with_columns(
            low_kw=pl.when(is_v2b).then(_ESTIMATED - pl.col("centre") - pl.col("half")),
            high_kw=pl.when(is_v2b).then(_ESTIMATED - pl.col("centre") + pl.col("half")),
        )
        .select(CHECKED_DAY.keys())
        .with_columns(pl.col(pl.Float64).round(3))
        .sort("local_day", "method")
    )
