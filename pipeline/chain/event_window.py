"""The hours V2B works in: the site's peak window, else the tariff's dearest hours."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipeline.chain.inputs import Inputs
from pipeline.portfolio import minute_of_day
from pipeline.tariff import dearest_window, masks_expr, with_billed_time
from pipeline.tariff.model import ALL_MONTHS


def in_event_window(inputs: Inputs, windows: pl.DataFrame, *, any_month: bool = False) -> pl.DataFrame | None:
    """Return the windows inside the event hours; None where there are neither a peak window nor dearest hours.

    `windows` carry the local calendar of `window_grid`. `any_month` takes the hours of this bill on days of every
    month, which is how days outside the season are compared with it.
    """
    peak = inputs.site.peak_window
    if peak is None:
        dearest = dearest_window(inputs.tariff)
        if not dearest:
            return None
        masks = tuple(replace(mask, months=ALL_MONTHS) for mask in dearest) if any_month else dearest
        return with_billed_time(windows, inputs.site.timezone, inputs.tariff, inputs.tariff_holidays).filter(
            masks_expr(masks)
        )
    hours = (pl.col("local_minute") >= minute_of_day(peak.start)) & (pl.col("local_minute") < minute_of_day(peak.end))
    months = pl.lit(value=True) if any_month else pl.col("local_month").is_in(peak.months)
    return windows.filter(months & pl.col("local_weekday").is_in(peak.weekdays) & hours)
