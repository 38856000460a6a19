"""`python -m tests.bench.baselines`: how near each baseline comes on real buildings, and what it costs.

V2B_BENCH_BUILDINGS names the folder of the buildings (`tests.bench.buildings`). Beside ours opendsm's hourly model on
the same rows, where it is installed (requirements-bench.lock); what is missing is skipped by name. Then the honesty of
the check on each building, nothing being done on days drawn by lot. V2B_BENCH_MONTHS limits the months.
"""

import importlib.util
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np

from pipeline.baselines import DAY_MATCHING, Events, SiteDays, fit_towt, goodness_of_fit, match_days
from pipeline.baselines.events import fits_before, rules_on
from tests.baselines.placebo import checks
from tests.bench.buildings import Building, found

FOLDER: Final = os.environ.get("V2B_BENCH_BUILDINGS", "")
MONTHS: Final = int(os.environ.get("V2B_BENCH_MONTHS", "24"))
HOURS: Final = (13, 18)
OPENDSM: Final = "opendsm hourly"
METERS: Final = 1000
OPENDSM_DAYS: Final = 365  # with less its fit fails on two of these buildings
RUNS: Final = 5
PLACEBO_SEEDS: Final = 10


@dataclass
class Forecasts:
    """Measured and forecast hours [kW] of the same rows by rule, and the processor time of each fit [s]."""

    measured: list[np.ndarray]
    by_rule: dict[str, list[np.ndarray]]
    fit_s: dict[str, list[float]]


def _months(site: SiteDays) -> list[str]:
    return site.day.astype("datetime64[D]").astype("datetime64[M]").astype(str).tolist()


def forecast_months(site: SiteDays, months: list[str], opendsm: Callable[..., Any] | None) -> Forecasts:
    """Each month is forecast from the year before it or less: every figure is out of sample."""
    made = Forecasts([], {}, {"towt": [], OPENDSM: []})
    for month in months:
        asked = [n for n, name in enumerate(_months(site)) if name == month and not site.sunday_like[n]]
        begin = process_time()
        fits = fits_before(site, asked[0])
        made.fit_s["towt"].append(process_time() - begin)  # one fit for both rules
        other = None
        if opendsm is not None and asked[0] >= OPENDSM_DAYS:
            begin = process_time()
            other = opendsm(site, slice(max(0, asked[0] - 365), asked[0]), slice(asked[0], asked[-1] + 1))
            made.fit_s[OPENDSM].append(process_time() - begin)
        by_rule = {name: kw for name, (kw, _) in rules_on(site, Events(np.array(asked), *HOURS), fits).items()}
        if other is not None:
            by_rule[OPENDSM] = other[np.array(asked) - asked[0], slice(*HOURS)]
        made.measured.append(site.no_ev_kw[asked, slice(*HOURS)].ravel())
        for name, kw in by_rule.items():
            made.by_rule.setdefault(name, []).append(kw.ravel())
    return made


def opendsm_hourly() -> Callable[..., np.ndarray]:
    """Fit on some days and forecast others with opendsm's hourly model; days x 24 [kW]."""
    import pandas as pd  # noqa: PLC0415 - installed for this comparison only
    from opendsm.eemeter import HourlyBaselineData, HourlyModel, HourlyReportingData  # noqa: PLC0415

    def frame(site: SiteDays, rows: slice) -> Any:
        assert site.temperature_f is not None
        days = site.day[rows].astype("datetime64[D]")
        index = pd.date_range(days[0], periods=24 * len(days), freq="h", tz="UTC")
        columns = {"temperature": site.temperature_f[rows].ravel(), "observed": site.no_ev_kw[rows].ravel()}
        return pd.DataFrame(columns, index=index)

    def forecast(site: SiteDays, train: slice, test: slice) -> np.ndarray:
        baseline = HourlyBaselineData(frame(site, train), is_electricity_data=True)
        model = HourlyModel().fit(baseline, ignore_disqualification=True)
        asked = HourlyReportingData(frame(site, test).drop(columns="observed"), is_electricity_data=True)
        predicted = model.predict(asked, ignore_disqualification=True)["predicted"].to_numpy()
        return predicted.reshape(-1, 24)

    return forecast


def print_accuracy(made: Forecasts) -> None:
    measured = np.concatenate(made.measured)
    forecast = {name: np.concatenate(hours) for name, hours in made.by_rule.items()}
    same = np.isfinite(measured) & np.all([np.isfinite(kw) for kw in forecast.values()], axis=0)
    print(f"  out of sample, working days {HOURS[0]} to {HOURS[1]} h, {same.sum()} rows that every rule states")
    for name, kw in sorted(forecast.items()):
        fit = goodness_of_fit(measured[same], kw[same], 0)
        assert fit is not None
        print(f"    {name:22} CV(RMSE) {100 * fit.cv_rmse:5.2f} %   NMBE {100 * fit.nmbe:6.2f} %")


def fastest(work: Callable[[], object]) -> float:
    """Processor seconds of the least disturbed of some runs."""
    times = []
    for _ in range(RUNS):
        begin = process_time()
        work()
        times.append(process_time() - begin)
    return min(times)


def print_honesty(building: Building) -> None:
    """Months in which nothing was done, and in how many of them the 90 % interval holds zero."""
    months = [check for seed in range(PLACEBO_SEEDS) for _, check in checks(building, seed)]
    known = [check for check in months if check.verdict != "no_check"]
    if not known:
        print("  V2B days by lot, nothing done: too few days for a check in every month")
        return
    held = sum(check.low <= 0 <= check.high for check in known)
    blamed = Counter(check.verdict for check in known)["contradicts"]
    share = f"{held} of {len(known)} months ({held / len(known):.1%})"
    print(f"  V2B days by lot, nothing done, {PLACEBO_SEEDS} draws: {share} hold zero; {blamed} contradict")


def print_speed(site: SiteDays, made: Forecasts) -> None:
    days = slice(0, 365)
    fit_s = fastest(lambda: fit_towt(site.no_ev_kw[days], site.weekday[days], site.temperature_f[days]))
    print(f"  time-of-week and temperature regression, {site.no_ev_kw[days].size} hours: {1000 * fit_s:.2f} ms a meter")
    others = made.fit_s[OPENDSM]
    if others:
        least = min(others)
        print(
            f"    opendsm hourly, fit and forecast: {least:.2f} s a meter at least, {least / fit_s:,.0f} times as long"
        )


def print_day_matching() -> None:
    """A thousand meters with a year of hours, one event: what each rule takes for a meter and event."""
    random = np.random.default_rng(1)
    kw = 100 + random.normal(0, 5, (METERS, 365, 24))
    weekend = np.arange(365) % 7 > 4
    eligible = random.random((METERS, 365)) < 0.9
    events = Events(np.array([360]), *HOURS)
    for name, rule in DAY_MATCHING.items():
        one = fastest(lambda rule=rule: match_days(kw, weekend, eligible, events, rule, slot_min=60))
        print(f"  {name:22} {1e6 * one / METERS:6.2f} us a meter and event, {METERS} meters at once")


def main() -> None:
    print("baselines, one process, processor time")
    print_day_matching()
    buildings = list(found(Path(FOLDER))) if FOLDER else []
    if not buildings:
        print(
            "accuracy: skipped: no data (V2B_BENCH_BUILDINGS names no folder with a building of tests.bench.buildings)"
        )
        return
    installed = importlib.util.find_spec("opendsm") is not None
    if not installed:
        print("opendsm: skipped: not installed (requirements-bench.lock)")
    for source, building in buildings:
        print(f"{source.folder}: {source.about}")
        site, begin = building.site(HOURS), building.days[0] + timedelta(source.first_fit_days)
        months = sorted({f"{day:%Y-%m}" for day in building.days if day >= begin})[:MONTHS]
        made = forecast_months(site, months, opendsm_hourly() if installed else None)
        if installed and not made.fit_s[OPENDSM]:
            print(f"  opendsm: skipped: it is given {OPENDSM_DAYS} days before a month, and this building has none")
        print_accuracy(made)
        print_speed(site, made)
        print_honesty(building)


if __name__ == "__main__":
    main()
