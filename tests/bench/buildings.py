"""Real buildings of a folder named by V2B_BENCH_BUILDINGS, hourly: none of their weather may be shipped with the code.

A row a building: its folder, its files of load and temperature, and what one has to know to read them.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.baselines import SiteDays
from pipeline.calendars import holiday_dates


@dataclass(frozen=True)
class Source:
    """Files of a building: time, then kW (or kWh an hour), and time, then temperature in degC or degF."""

    folder: str
    about: str
    loads: str
    warmth: str
    celsius: bool
    holidays: str
    first_fit_days: int  # how many days come before the first month that is forecast


SOURCES: Final = (
    Source("cambridge_b35", "university building, Cambridge, three years (EECi/Cambridge-Estates-Building-Energy-"
           "Archive, MIT; weather on Met Office terms)", "b35_*.csv", "weather_bedford_*.csv", True, "GB-ENG", 365),
    Source("nmecr_school", "school, one year (kW-Labs/nmecr, MIT)", "*eload*.csv", "*temp*.csv", False, "US", 59),
    Source("lbnl_loadshape", "small shop, eight weeks (LBNL-ETA/loadshape, BSD)", "*test_kw.csv", "*test_temp.csv",
           False, "US", 31),
)  # fmt: skip


@dataclass(frozen=True)
class Building:
    """Hourly load [kW] and, where known, temperature [degF], each days x 24; holidays by their calendar's code."""

    days: tuple[date, ...]
    kw: np.ndarray
    holidays: str | None = None
    temperature_f: np.ndarray | None = None

    @cached_property
    def sunday_like(self) -> np.ndarray:
        free = holiday_dates(self.holidays, sorted({day.year for day in self.days}))
        return np.array([day.isoweekday() > 5 or day in free for day in self.days])

    def site(self, hours: tuple[int, int]) -> SiteDays:
        """The building with an event in the same hours of every day and no car."""
        return SiteDays(
            day=np.array(self.days, dtype="datetime64[D]").astype(np.int64),
            slot_min=60,
            no_ev_kw=self.kw,
            actual_kw=self.kw,
            sunday_like=self.sunday_like,
            like_day=np.ones(len(self.days), dtype=bool),
            events=(hours,) * len(self.days),
            temperature_f=self.temperature_f,
        )


def found(folder: Path) -> Iterator[tuple[Source, Building]]:
    """Every building of `SOURCES` that the folder holds."""
    for source in SOURCES:
        here = folder / source.folder
        if here.is_dir():
            load, warmth = (hourly(here, pattern) for pattern in (source.loads, source.warmth))
            days = tuple(sorted({at.date() for at in load}))
            degrees = table(days, warmth)
            degrees = degrees * 1.8 + 32 if source.celsius else degrees
            yield source, Building(days, table(days, load), source.holidays, degrees)


def hourly(folder: Path, pattern: str) -> dict[datetime, float]:
    """Mean of each hour of the first two columns of some files; an hour in which a value is missing is left out."""
    values: dict[datetime, list[float]] = {}
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8", newline="") as stream:
            for stamp, value, *_ in csv.reader(stream):
                if stamp[:1].isdigit():
                    at = datetime.fromisoformat(stamp)
                    values.setdefault(at.replace(minute=0), []).append(float(value or "nan"))
    return {at: sum(found) / len(found) for at, found in values.items() if not any(map(math.isnan, found))}


def table(days: tuple[date, ...], values: dict[datetime, float]) -> np.ndarray:
    """Hours as days x 24; NaN where there is none."""
    return np.array([[values.get(datetime(d.year, d.month, d.day, h), np.nan) for h in range(24)] for d in days])
