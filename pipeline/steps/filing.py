"""Local day and bill month of each record, once, at loading: a time-zone conversion per query costs 2.5x."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from pipeline.domain import V2BError
from pipeline.portfolio import Portfolio

_STAMP: Final = {"meter": "interval_start", "charger": "measured_at"}


def filed(portfolio: Portfolio, frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Add local_day and bill_month where a kind has them; records stay in their order within a site.

    The months are Categorical, being few: as a text of its own in every row they cost more to join and to hand on.
    Raises V2BError for records without a time.
    """
    stamp = _STAMP.get(kind)
    if stamp is None:
        return frame
    if frame.is_empty():
        return frame.with_columns(local_day=pl.lit(None, dtype=pl.Date), bill_month=pl.lit(None, dtype=pl.Categorical))
    sites = frame.get_column("site_id").unique(maintain_order=True)
    parts = [frame] if len(sites) == 1 else [frame.filter(pl.col("site_id") == site) for site in sites]
    return pl.concat(
        _with_bill_month(portfolio, str(site), part, stamp) for site, part in zip(sites, parts, strict=True)
    )


def _with_bill_month(portfolio: Portfolio, site_id: str, frame: pl.DataFrame, stamp: str) -> pl.DataFrame:
    zone = portfolio.sites[site_id].timezone
    local_day = pl.col(stamp).dt.convert_time_zone(zone).dt.date()
    dated = frame.with_columns(local_day=local_day)
    days = dated.get_column("local_day")
    if days.null_count():
        raise V2BError(f"site {site_id}: records without a time cannot be filed under a bill")
    months = _months(portfolio, site_id, days.unique().sort())
    return dated.join(months, on="local_day", how="left", maintain_order="left")


def _months(portfolio: Portfolio, site_id: str, days: pl.Series) -> pl.DataFrame:
    """The bill month of each local day; before and beyond the listed bills its calendar month.

    Bills run from local midnight to local midnight, so that a day belongs to one bill as a whole.
    """
    first, last = date.fromisoformat(str(days[0])), date.fromisoformat(str(days[-1]))
    periods = portfolio.periods(site_id, first, last)
    bills = pl.DataFrame(
        {
            "bill_from": [period.read_from for period in periods],
            "bill_until": [period.read_to for period in periods],
            "month": [period.month for period in periods],
        },
        schema={"bill_from": pl.Date, "bill_until": pl.Date, "month": pl.String},
    ).sort("bill_from")
    joined = days.alias("local_day").to_frame().join_asof(bills, left_on="local_day", right_on="bill_from")
    inside = pl.col("bill_until").is_not_null() & (pl.col("local_day") < pl.col("bill_until"))
    calendar_month = pl.col("local_day").dt.strftime("%Y-%m")
    month = pl.when(inside).then("month").otherwise(calendar_month)
    return joined.select("local_day", bill_month=month.cast(pl.Categorical))
