"""The grid of a simulated site: demand windows and 5-minute steps, in UTC, with the local calendar of each window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from pipeline.calendars import holiday_dates, local_midnight_utc, month_of

STEP_S = 300


@lru_cache(maxsize=1 << 16)
def stamp(epoch_s: int) -> str:
    """Return an instant [s since 1970] as ISO 8601 in UTC."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Timeline:
    """Local days `first`..`last` (excluded) of a zone, cut into demand windows of `window_min` [min]."""

    zone: str
    first: date
    last: date
    window_min: int
    holidays: str | None

    @cached_property
    def start_s(self) -> int:
        """The first instant [s since 1970]."""
        return int(local_midnight_utc(self.first, self.zone).timestamp())

    @cached_property
    def days(self) -> list[date]:
        """All local days."""
        return [self.first + timedelta(days=count) for count in range((self.last - self.first).days)]

    @cached_property
    def day_windows(self) -> list[range]:
        """The windows of each local day; a DST day has 23 or 25 hours of them."""
        edges = [
            (int(local_midnight_utc(day, self.zone).timestamp()) - self.start_s) // (self.window_min * 60)
            for day in [*self.days, self.last]
        ]
        return [range(edges[number], edges[number + 1]) for number in range(len(self.days))]

    @cached_property
    def windows(self) -> int:
        """How many windows there are."""
        return self.day_windows[-1].stop

    @property
    def steps_per_window(self) -> int:
        """How many 5-minute steps a window has."""
        return self.window_min * 60 // STEP_S

    @cached_property
    def local(self) -> list[datetime]:
        """The local time each window starts at, with its UTC offset."""
        zone = ZoneInfo(self.zone)
        width = self.window_min * 60
        return [datetime.fromtimestamp(self.start_s + width * count, zone) for count in range(self.windows)]

    @cached_property
    def months(self) -> list[tuple[str, range]]:
        """Each local month with its windows, in order."""
        found: dict[str, range] = {}
        for day, windows in zip(self.days, self.day_windows, strict=True):
            month = month_of(day)
            found[month] = range(found[month].start if month in found else windows.start, windows.stop)
        return list(found.items())

    @cached_property
    def rest_days(self) -> frozenset[date]:
        """Saturdays, Sundays and public holidays."""
        public = holiday_dates(self.holidays, range(self.first.year, self.last.year + 1))
        return frozenset(day for day in self.days if day.isoweekday() > 5 or day in public)

    def step_at(self, day: date, minute: int) -> int:
        """Return the step that starts at a local wall-clock minute of a day."""
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(self.zone))
        return (int(local.timestamp()) - self.start_s) // STEP_S

    def step_s(self, step: int) -> int:
        """Return the instant a step starts at [s since 1970]."""
        return self.start_s + step * STEP_S
