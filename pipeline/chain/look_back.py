"""The windows of a bill and of the bills before it by local day: what V2B days are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from pipeline.baselines import DayClasses, DaySlots, EventDays, SiteDays, classify_days
from pipeline.baselines.day_grid import Floats
from pipeline.calendars import holiday_dates
from pipeline.chain.event_window import in_event_hours
from pipeline.chain.inputs import EARLIER_WINDOW, Inputs, Prepared
from pipeline.chain.non_routine import unlike_days
from pipeline.tariff.clock import Flags, Hours, Ints, day_number, hours_of

_MINUTES_OF_DAY: Final = 1440
_KW_S: Final = 3.6  # of a watt-hour


@dataclass(frozen=True, eq=False)
class LookBack:
    """This bill's windows after those of earlier bills, one entry each.

    `hours` on the local clock, `inside` the event window; `metered`, and `known`: the meter and, since V2B began, the
    chargers were known; net load without cars and as metered [Wh].
    """

    inputs: Inputs
    slot_min: int
    hours: Hours
    inside: Flags
    metered: Flags
    known: Flags
    duration_s: Ints
    charge_wh: Ints
    discharge_wh: Ints
    no_ev_wh: Ints
    actual_wh: Ints

    def classes(self) -> DayClasses:
        """Return the class of every day from the first window to the last."""
        inputs, first = self.inputs, int(self.hours.day.min())
        row, event = self.hours.day - first, np.flatnonzero(self.inside)
        day = np.arange(first, int(self.hours.day.max()) + 1)
        complete = np.bincount(row, minlength=day.size) > 0
        complete[row[~self.known]] = False

        def in_event(values: Ints) -> Ints:
            sums = np.zeros(day.size, dtype=np.int64)
            np.add.at(sums, row[event], values[event])
            return sums

        armed = None
        if inputs.armed is not None:
            armed = np.isin(day, [day_number(one) for one, is_on in inputs.armed.items() if is_on])
        days = EventDays(
            day=day,
            window_h=in_event(self.duration_s) / 3600,
            charge_wh=in_event(self.charge_wh),
            discharge_wh=in_event(self.discharge_wh),
            complete=complete,
            working=_working(inputs, day),
            armed=armed,
        )
        rated_kw = sum(float(charger.rated_discharge_kw) for charger in inputs.site.chargers)
        return classify_days(days, rated_kw, {day_number(one): why for one, why in unlike_days(inputs).items()})

    def site_days(self, classes: DayClasses) -> SiteDays:
        """Return the days from the first to the last of which anything was measured, as baselines look at them."""
        measured = slice(None) if self.metered.all() else np.flatnonzero(self.metered)
        day, minute, duration_s = self.hours.day[measured], self.hours.minute[measured], self.duration_s[measured]
        slots = DaySlots.of(day, minute, duration_s, self.slot_min)
        skipped = slots.first - int(classes.days.day[0])
        rows = slice(skipped, skipped + slots.days)
        no_ev_kw, actual_kw = (
            slots.mean(np.asarray(wh[measured] * _KW_S, dtype=np.float64)).table
            for wh in (self.no_ev_wh, self.actual_wh)
        )
        return SiteDays(
            day=np.arange(slots.first, slots.first + slots.days),
            slot_min=self.slot_min,
            no_ev_kw=no_ev_kw,
            actual_kw=actual_kw,
            sunday_like=~classes.days.working[rows],
            like_day=classes.like_day[rows],
            events=tuple(self._events(classes)[rows]),
            temperature_f=_temperatures(self.inputs, self.slot_min, slots),
        )

    def _events(self, classes: DayClasses) -> list[tuple[int, int] | None]:
        """The slots of every day from the first one inside the event window to after the last."""
        day = self.hours.day[self.inside] - classes.days.day[0]
        slot = self.hours.minute[self.inside] // self.slot_min
        first, last = np.full(classes.days.day.size, _MINUTES_OF_DAY), np.full(classes.days.day.size, -1)
        np.minimum.at(first, day, slot)
        np.maximum.at(last, day, slot)
        return [(one, two + 1) if two >= 0 else None for one, two in zip(first.tolist(), last.tolist(), strict=True)]


def look_back(prepared: Prepared) -> LookBack | None:
    """Return the windows that the days of a bill are compared by; None where no window lies in event hours."""
    inputs = prepared.inputs
    frames = inputs.earlier.windows, prepared.windows
    columns = {name: np.concatenate([one.get_column(name).to_numpy() for one in frames]) for name in EARLIER_WINDOW}
    hours = hours_of(columns["interval_start"].view(np.int64), inputs.site.timezone, "prevailing")
    inside = in_event_hours(inputs, hours, any_month=True)
    if inside is None or not inside.any():
        return None
    metered, begun = columns["metered"], day_number(inputs.programme_start or date.max)
    no_ev_wh, actual_wh = (
        columns[f"{world}_import_wh"] - columns[f"{world}_export_wh"] for world in ("no_ev", "actual")
    )
    return LookBack(
        inputs=inputs,
        slot_min=prepared.window_min,
        hours=hours,
        inside=inside,
        metered=metered,
        known=metered & (columns["covered"] | (hours.day < begun)),
        duration_s=columns["duration_s"],
        charge_wh=columns["charge_wh"],
        discharge_wh=columns["discharge_wh"],
        no_ev_wh=no_ev_wh,
        actual_wh=actual_wh,
    )


def _working(inputs: Inputs, day: Ints) -> Flags:
    """Which days [days since 1970] are neither at a weekend nor holidays."""
    first, last = day[[0, -1]].astype("datetime64[D]").tolist()
    free = holiday_dates(inputs.site.holidays, range(first.year, last.year + 1))
    return np.asarray(((day + 3) % 7 < 5) & ~np.isin(day, [day_number(one) for one in free]))


def _temperatures(inputs: Inputs, slot_min: int, site: DaySlots) -> Floats | None:
    """Hourly means on the slots of the load [degF]; None where the site has no weather."""
    if inputs.weather.is_empty():
        return None
    observed = inputs.weather.drop_nulls("temperature_c")
    hours = hours_of(observed.get_column("observed_at").to_numpy().astype(np.int64), inputs.site.timezone, "prevailing")
    once = np.ones(observed.height, dtype=np.int64)
    hourly = DaySlots.of(hours.day, hours.minute, once, 60).mean(observed.get_column("temperature_c").to_numpy())
    slots = np.arange(_MINUTES_OF_DAY // slot_min) * slot_min // 60
    return np.asarray((hourly.over(site.first, site.days) * 1.8 + 32)[:, slots])
