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


@dataclass(frozen=True, eq=False)
class LookBack:
    """This bill's windows after those of earlier bills, one entry each.

    `hours` on the local clock, `inside` the event window; net load without cars and as metered [Wh], NaN where the
    meter was silent; `known`: the meter and, since V2B began, the chargers were known.
    """

    inputs: Inputs
    slot_min: int
    hours: Hours
    inside: Flags
    known: Flags
    duration_s: Ints
    charge_wh: Ints
    discharge_wh: Ints
    no_ev_wh: Floats
    actual_wh: Floats

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
        slots = DaySlots.of(self.hours.day, self.hours.minute, self.slot_min)
        no_ev = slots.mean_kw(self.no_ev_wh, self.duration_s).known()
        first, days = no_ev.first, len(no_ev.table)
        rows = slice(first - slots.first, first - slots.first + days)
        return SiteDays(
            days=tuple(np.arange(first, first + days).astype("datetime64[D]").tolist()),
            slot_min=self.slot_min,
            no_ev_kw=no_ev.table,
            actual_kw=slots.mean_kw(self.actual_wh, self.duration_s).table[rows],
            sunday_like=~classes.days.working[rows],
            like_day=classes.like_day[rows],
            events=tuple(self._events(slots)[rows]),
            temperature_f=_temperatures(self.inputs, self.slot_min, first, days),
        )

    def _events(self, slots: DaySlots) -> list[tuple[int, int] | None]:
        """The slots of every day from the first one inside the event window to after the last."""
        day, slot = np.divmod(slots.place[self.inside], slots.slots)
        first, last = np.full(slots.days, slots.slots), np.full(slots.days, -1)
        np.minimum.at(first, day, slot)
        np.maximum.at(last, day, slot)
        return [(one, two + 1) if two >= 0 else None for one, two in zip(first.tolist(), last.tolist(), strict=True)]


def look_back(prepared: Prepared) -> LookBack | None:
    """Return the windows that the days of a bill are compared by; None where no window lies in event hours."""
    inputs = prepared.inputs
    frames = inputs.earlier.windows, prepared.windows
    columns = {name: np.concatenate([one.get_column(name).to_numpy() for one in frames]) for name in EARLIER_WINDOW}
    hours = hours_of(columns["interval_start"].astype(np.int64), inputs.site.timezone, "prevailing")
    inside = in_event_hours(inputs, hours, any_month=True)
    if inside is None or not inside.any():
        return None
    metered, begun = columns["metered"], day_number(inputs.programme_start or date.max)
    return LookBack(
        inputs=inputs,
        slot_min=prepared.window_min,
        hours=hours,
        inside=inside,
        known=metered & (columns["covered"] | (hours.day < begun)),
        duration_s=columns["duration_s"],
        charge_wh=columns["charge_wh"],
        discharge_wh=columns["discharge_wh"],
        no_ev_wh=np.where(metered, columns["no_ev_import_wh"] - columns["no_ev_export_wh"], np.nan),
        actual_wh=np.where(metered, columns["actual_import_wh"] - columns["actual_export_wh"], np.nan),
    )


def _working(inputs: Inputs, day: Ints) -> Flags:
    """Which days [days since 1970] are neither at a weekend nor holidays."""
    first, last = day[[0, -1]].astype("datetime64[D]").tolist()
    free = holiday_dates(inputs.site.holidays, range(first.year, last.year + 1))
    return np.asarray(((day + 3) % 7 < 5) & ~np.isin(day, [day_number(one) for one in free]))


def _temperatures(inputs: Inputs, slot_min: int, first: int, days: int) -> Floats | None:
    """Hourly means on the slots of the load [degF]; None where the site has no weather."""
    if inputs.weather.is_empty():
        return None
    observed = inputs.weather.get_column("observed_at").to_numpy()
    hours = hours_of(observed.astype(np.int64), inputs.site.timezone, "prevailing")
    hourly = DaySlots.of(hours.day, hours.minute, 60).mean(inputs.weather.get_column("temperature_c").to_numpy())
    slots = np.arange(_MINUTES_OF_DAY // slot_min) * slot_min // 60
    return np.asarray((hourly.over(first, days) * 1.8 + 32)[:, slots])
