"""`python -m tests.bench.baselines`: how near each baseline comes on a real building, and what it costs.

Hourly loads and weather of a building whose weather may not be shipped: V2B_BENCH_BUILDINGS names the folder that holds
`cambridge_b35` (loads EECi/Cambridge-Estates-Building-Energy-Archive, MIT; weather on Met Office terms). Beside them
opendsm's hourly model on the same rows, where it is installed (requirements-bench.lock). What is missing is skipped by
name. V2B_BENCH_MONTHS limits the months.
"""

import csv
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np

from pipeline.baselines import DAY_MATCHING, Event, SiteDays, fit_towt, goodness_of_fit, match_days
from pipeline.baselines.events import _by_rule, _fits
from pipeline.calendars import holiday_dates

FOLDER: Final = os.environ.get("V2B_BENCH_BUILDINGS", "")
MONTHS: Final = int(os.environ.get("V2B_BENCH_MONTHS", "24"))
YEARS: Final = (2017, 2018, 2019)
HOURS: Final = (13, 18)
OPENDSM: Final = "opendsm hourly"
METERS: Final = 1000
RUNS: Final = 5


def cambridge(folder: Path) -> SiteDays:
    """Three years of hourly kWh and degF, days as the file has them: 24 rows each."""
    load, warmth = dict[datetime, float](), dict[datetime, float]()
    for year in YEARS:
        load |= dict(column(folder / f"b35_{year}.csv", "equipment load [kWh]"))
        warmth |= dict(column(folder / f"weather_bedford_{year}.csv", "air_temperature [degC]"))
    days = tuple(sorted({at.date() for at in load}))
    free = holiday_dates("GB-ENG", YEARS)
    sunday_like = np.array([day.isoweekday() > 5 or day in free for day in days])
    kw, celsius = table(days, load), table(days, warmth)
    return SiteDays(
        days=days,
        slot_min=60,
        no_ev_kw=kw,
        actual_kw=kw,
        sunday_like=sunday_like,
        like_day=np.ones(len(days), dtype=bool),
        events=(HOURS,) * len(days),
        temperature_f=celsius * 1.8 + 32,
    )


def column(path: Path, name: str) -> Iterator[tuple[datetime, float]]:
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row[name]:
                yield datetime.fromisoformat(row["datetime"]), float(row[name])


def table(days: tuple[date, ...], values: Mapping[datetime, float]) -> np.ndarray:
    hours = [[values.get(datetime(day.year, day.month, day.day, hour), np.nan) for hour in range(24)] for day in days]
    return np.array(hours)


@dataclass
class Forecasts:
    """Measured and forecast hours [kW] of the same rows by rule, and the processor time of each fit [s]."""

    measured: list[np.ndarray]
    by_rule: dict[str, list[np.ndarray]]
    fit_s: dict[str, list[float]]


def forecasts(site: SiteDays, months: list[str], opendsm: Callable[..., Any] | None) -> Forecasts:
    """Each month is forecast from the year before it or less: every figure is out of sample."""
    found = Forecasts([], {}, {"towt": [], OPENDSM: []})
    for month in months:
        asked = [n for n, day in enumerate(site.days) if f"{day:%Y-%m}" == month and not site.sunday_like[n]]
        begin = process_time()
        fits = _fits(site, site.days[asked[0]])
        found.fit_s["towt"].append((process_time() - begin) / 2)  # two rules, the same fit each
        other = None
        if opendsm is not None:
            begin = process_time()
            other = opendsm(site, slice(max(0, asked[0] - 365), asked[0]), slice(asked[0], asked[-1] + 1))
            found.fit_s[OPENDSM].append(process_time() - begin)
        for row in asked:
            hours = dict(_by_rule(site, Event(row, *HOURS), fits))
            if other is not None:
                hours[OPENDSM] = other[row - asked[0], slice(*HOURS)]
            found.measured.append(site.no_ev_kw[row, slice(*HOURS)])
            for name, kw in hours.items():
                found.by_rule.setdefault(name, []).append(kw)
    return found


def opendsm_hourly() -> Callable[..., np.ndarray]:
    """Fit on some days and forecast others with opendsm's hourly model; days x 24 [kW]."""
    import pandas as pd  # noqa: PLC0415 - installed for this comparison only
    from opendsm.eemeter import HourlyBaselineData, HourlyModel, HourlyReportingData  # noqa: PLC0415

    def frame(site: SiteDays, rows: slice) -> Any:
        assert site.temperature_f is not None
        index = pd.date_range(site.days[rows][0], periods=24 * len(site.days[rows]), freq="h", tz="UTC")
        columns = {"temperature": site.temperature_f[rows].ravel(), "observed": site.no_ev_kw[rows].ravel()}
        return pd.DataFrame(columns, index=index)

    def forecast(site: SiteDays, train: slice, test: slice) -> np.ndarray:
        baseline = HourlyBaselineData(frame(site, train), is_electricity_data=True)
        model = HourlyModel().fit(baseline, ignore_disqualification=True)
        asked = HourlyReportingData(frame(site, test).drop(columns="observed"), is_electricity_data=True)
        predicted = model.predict(asked, ignore_disqualification=True)["predicted"].to_numpy()
        return predicted.reshape(-1, 24)

    return forecast


def print_accuracy(found: Forecasts) -> None:
    measured = np.concatenate(found.measured)
    forecast = {name: np.concatenate(hours) for name, hours in found.by_rule.items()}
    same = np.isfinite(measured) & np.all([np.isfinite(kw) for kw in forecast.values()], axis=0)
    print(f"out of sample, working days {HOURS[0]} to {HOURS[1]} h, {same.sum()} rows that every rule states")
    for name, kw in sorted(forecast.items()):
        fit = goodness_of_fit(measured[same], kw[same], 0)
        assert fit is not None
        print(f"  {name:22} CV(RMSE) {100 * fit.cv_rmse:5.2f} %   NMBE {100 * fit.nmbe:6.2f} %")


def fastest(work: Callable[[], object]) -> float:
    """Processor seconds of the least disturbed of some runs."""
    times = []
    for _ in range(RUNS):
        begin = process_time()
        work()
        times.append(process_time() - begin)
    return min(times)


def print_speed(site: SiteDays, found: Forecasts) -> None:
    days = slice(0, 365)
    fit_s = fastest(lambda: fit_towt(site.no_ev_kw[days], site.weekday[days], site.temperature_f[days]))
    print(f"time-of-week and temperature regression, a year of hours: {1000 * fit_s:.2f} ms a meter")
    others = found.fit_s[OPENDSM]
    if others:
        least = min(others)
        print(f"  opendsm hourly, fit and forecast: {least:.2f} s a meter at least, {least / fit_s:,.0f} times as long")


def print_day_matching() -> None:
    """A thousand meters with a year of hours, one event: what each rule takes for a meter and event."""
    random = np.random.default_rng(1)
    kw = 100 + random.normal(0, 5, (METERS, 365, 24))
    weekend = np.arange(365) % 7 > 4
    eligible = random.random((METERS, 365)) < 0.9
    for name, rule in DAY_MATCHING.items():
        one = fastest(lambda rule=rule: match_days(kw, weekend, eligible, Event(360, *HOURS), rule, slot_min=60))
        print(f"  {name:22} {1e6 * one / METERS:6.2f} us a meter and event, {METERS} meters at once")


def main() -> None:
    print("baselines, one process, processor time")
    print_day_matching()
    folder = Path(FOLDER) / "cambridge_b35"
    if not FOLDER or not folder.is_dir():
        print("accuracy: skipped: no data (V2B_BENCH_BUILDINGS names no folder with cambridge_b35)")
        return
    site = cambridge(folder)
    installed = importlib.util.find_spec("opendsm") is not None
    if not installed:
        print("opendsm: skipped: not installed (requirements-bench.lock)")
    months = sorted({f"{day:%Y-%m}" for day in site.days if day.year > YEARS[0]})[:MONTHS]
    found = forecasts(site, months, opendsm_hourly() if installed else None)
    print_accuracy(found)
    print_speed(site, found)


if __name__ == "__main__":
    main()
