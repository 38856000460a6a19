"""The hours V2B works in: the site's peak window, else the tariff's dearest hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.chain.inputs import Inputs, Prepared
from pipeline.portfolio import minute_of_day
from pipeline.tariff import dearest_window
from pipeline.tariff.clock import Flags, Hours, billed_weekday, grid_hours, hours_of, in_masks
from pipeline.tariff.model import ALL_MONTHS, Clock, Mask


def in_event_window(inputs: Inputs, windows: pl.DataFrame) -> pl.DataFrame | None:
    """Return the windows inside the event hours; None where there are neither a peak window nor dearest hours."""
    starts = windows.get_column("interval_start").to_numpy().astype(np.int64)
    inside = in_event_hours(inputs, hours_of(starts, inputs.site.timezone, "prevailing"))
    return None if inside is None else windows.filter(pl.Series(inside))


def hours_of_bill(prepared: Prepared, clock: Clock) -> Hours:
    """Return the calendar of a bill's windows; mostly they are all windows of its days, whose calendar is known."""
    period, zone = prepared.inputs.period, prepared.inputs.site.timezone
    starts = instants_us(prepared.windows.get_column("interval_start"))
    whole = grid_hours(period.read_from, period.read_to, zone, clock, prepared.window_min * 60)
    return whole if np.array_equal(starts, whole.starts) else hours_of(starts, zone, clock)


def in_event_hours(inputs: Inputs, civil: Hours, *, any_month: bool = False) -> Flags | None:
    """Return which windows on the prevailing clock begin inside the event hours; None as `in_event_window`.

    `any_month` takes the hours of this bill on days of every month, which is how days outside the season are compared
    with it.
    """
    peak, tariff, hours = inputs.site.peak_window, inputs.tariff, civil
    if peak is not None:
        span = minute_of_day(peak.start), minute_of_day(peak.end)
        masks: tuple[Mask, ...] = (Mask(tuple(peak.months), tuple(peak.weekdays), (span,)),)
        weekday = civil.weekday
    else:
        masks = dearest_window(tariff)
        if tariff.clock != "prevailing":
            hours = hours_of(civil.starts, inputs.site.timezone, tariff.clock)
        weekday = billed_weekday(hours, tariff.holidays | inputs.tariff_holidays, tariff.holidays_billed_as)
    if any_month:
        masks = tuple(replace(mask, months=ALL_MONTHS) for mask in masks)
    return in_masks(hours, weekday, masks) if masks else None
