"""Months of a building with V2B days drawn by lot, checked as a run does: month after month, each on the one before."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.baselines import BASELINE_DAY, Check, SiteDays, baselines_of
from pipeline.chain import ComparedDays
from tests.bench.buildings import Building

OFFICE = Path(__file__).parents[2] / "pipeline" / "examples" / "office" / "building.csv"
EVENT = (13, 16)
V2B_DAYS = 12
"""Of some twenty working days a month: the others are reference days."""


def office() -> Building:
    """The real building of the example `office`, hourly (Cambridge B35, MIT)."""
    with OFFICE.open(encoding="utf-8", newline="") as stream:
        kwh = {
            datetime.fromisoformat(row["datetime"]): float(row["equipment load [kWh]"])
            for row in csv.DictReader(stream)
        }
    days = tuple(sorted({at.date() for at in kwh}))
    return Building(
        days,
        np.array([[kwh[datetime(day.year, day.month, day.day, hour)] for hour in range(24)] for day in days]),
        "GB-ENG",
    )


def simulated(seed: int, months: int = 13) -> Building:
    """An office whose level wanders from day to day, with weather and habits it does not tell."""
    draws = np.random.default_rng(seed)
    days = tuple(np.arange(np.datetime64("2023-01-01"), np.datetime64("2023-01-01") + round(30.4 * months)).tolist())
    hours = np.arange(24)
    works = np.array([day.isoweekday() < 6 for day in days])
    shape = np.where(works[:, None], 1 + 0.6 * np.exp(-(((hours - 14) / 5) ** 2)), 1.0)
    season = 1 + 0.1 * np.sin(np.arange(len(days)) / 58)
    level, rho = np.zeros(len(days)), draws.uniform(0, 0.6)
    for number in range(len(days)):
        level[number] = rho * level[max(number - 1, 0)] + draws.normal(0, 0.03)
    noise = draws.normal(0, 0.01, shape.shape)
    afternoon = draws.normal(0, draws.uniform(0.01, 0.04), len(days))[:, None] * (hours >= 12)
    return Building(days, 300 * (shape * (season + level)[:, None] + noise + afternoon))


def checks(
    building: Building,
    seed: int,
    *,
    cut: float = 0.0,
    claimed: float = 1.0,
    v2b_days: int = V2B_DAYS,
    months_before: int = 3,
) -> Iterator[tuple[str, Check]]:
    """Month and verdict of every month: V2B days cut a share of the load, of which logs claim a multiple."""
    draws = np.random.default_rng(seed)
    working = np.flatnonzero(~building.sunday_like)
    months = sorted({day.isoformat()[:7] for day in building.days})
    mine = {m: [n for n in working if building.days[n].isoformat().startswith(m)] for m in months}
    armed = {n for m in months[months_before:] for n in draws.permutation(mine[m])[:v2b_days].tolist()}
    site = _site(building, armed, cut, claimed)
    known = pl.DataFrame(schema=BASELINE_DAY)
    for month in months[1:]:
        found = baselines_of(site, {site.day[n]: "v2b" if n in armed else "reference" for n in mine[month]})
        if any(n in armed for n in mine[month]):
            yield month, ComparedDays.of(known, found, armed=True).verdict()[0]
        known = pl.concat([known, found])


def _site(building: Building, armed: set[int], cut: float, claimed: float) -> SiteDays:
    given = np.zeros_like(building.kw)
    rows = sorted(armed)
    given[rows, EVENT[0] : EVENT[1]] = cut * building.kw[rows, EVENT[0] : EVENT[1]]
    actual = building.kw - given
    like = np.array([n not in armed for n in range(len(building.days))])
    return replace(building.site(EVENT), no_ev_kw=actual + claimed * given, actual_kw=actual, like_day=like)
