"""Meter intervals of another length or another start: of two that share a moment, the higher rank stands."""

# ruff: noqa: S608 - the pieces put into the statements are constants

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import polars as pl

from pipeline.warehouse.store import Warehouse

_SHARE_A_MOMENT: Final = """
    c.site_id = k.site_id and c.meter_id = k.meter_id and c.load_id <> k.load_id
    and c.interval_start < k.interval_start + to_seconds(k.duration_s)
    and k.interval_start < c.interval_start + to_seconds(c.duration_s)
"""
_BELOW: Final = "(c.quality <> 'estimated', c.load_id) < (k.quality <> 'estimated', k.load_id)"
_IS_THERE: Final = "t.site_id = o.site_id and t.meter_id = o.meter_id and t.interval_start = o.interval_start"
_NEIGHBOURS: Final = """
    span as (
        select site_id, meter_id, min(interval_start) - interval 1 day as low,
               max(interval_start) + interval 1 day as high,
               bool_or(quality = 'estimated') as some_estimated
        from given group by site_id, meter_id
    ),
    neighbours as (
        select c.site_id, c.meter_id, c.interval_start, c.duration_s, c.quality, c.load_id, true as is_current
        from meter_interval as c
        inner join span on c.site_id = span.site_id and c.meter_id = span.meter_id
            and c.interval_start between span.low and span.high
        where c.interval_start between $low and $high
        union all
        select c.site_id, c.meter_id, c.interval_start, c.duration_s, c.quality, c.load_id, false as is_current
        from meter_interval_history as c
        inner join span on c.site_id = span.site_id and c.meter_id = span.meter_id
            and c.interval_start between span.low and span.high
            and (c.load_id > $load_id or (span.some_estimated and c.quality <> 'estimated'))
        where c.interval_start between $low and $high
    )
"""
"""The intervals a given record may meet; the outer bounds say what the spans say, in a form DuckDB skips blocks by."""


def retire_overlapped(warehouse: Warehouse, compared: pl.DataFrame, load_id: int) -> int:
    """Move to history every current interval that one of higher rank overlaps; returns how many earlier ones.

    Looks at the intervals of `compared`, the marked records of load `load_id` just loaded. Without this, 15-minute rows
    under a 30-minute row would count their energy twice. An interval that was itself retired still stands above lower
    ones, so that the outcome does not depend on the order in which files arrive.
    """
    starts, margin = compared.get_column("interval_start"), timedelta(days=1)
    bounds = {"load_id": load_id, "low": starts.min() - margin, "high": starts.max() + margin}  # type: ignore[operator]
    return _retire(warehouse, compared, bounds) if _any_overlap(warehouse, compared, bounds) else 0


def _any_overlap(warehouse: Warehouse, compared: pl.DataFrame, bounds: Mapping[str, Any]) -> bool:
    """Whether any two distinct intervals overlap: one pass, where a join would cost much more."""
    found = warehouse.execute_on(
        compared,
        f"""
        with {_NEIGHBOURS},
        spans as (
            select distinct site_id, meter_id, interval_start, duration_s from neighbours
            union
            select distinct site_id, meter_id, interval_start, duration_s from given
        ),
        ordered as (
            select
                interval_start + to_seconds(duration_s) as interval_end,
                lead(interval_start) over (
                    partition by site_id, meter_id order by interval_start, duration_s
                ) as next_start
            from spans
        )
        select 1 from ordered where next_start < interval_end limit 1
        """,
        bounds,
    ).fetchone()
    return found is not None


def _retire(warehouse: Warehouse, compared: pl.DataFrame, bounds: Mapping[str, Any]) -> int:
    overruled = warehouse.execute_on(
        compared,
        f"""
        with {_NEIGHBOURS},
        pairs as (
            select c.site_id, c.meter_id, c.interval_start, k.load_id as overruled_by, false as is_incoming
            from neighbours as c inner join given as k on {_SHARE_A_MOMENT}
            where c.is_current and k.mark <> 'same' and {_BELOW}
            union all
            select c.site_id, c.meter_id, c.interval_start, k.load_id as overruled_by, true as is_incoming
            from given as c inner join neighbours as k on {_SHARE_A_MOMENT}
            where c.mark in ('new', 'changed') and {_BELOW}
        )
        select site_id, meter_id, interval_start, max(overruled_by) as overruled_by, bool_or(is_incoming) as is_incoming
        from pairs group by all
        """,
        bounds,
    ).pl()
    warehouse.execute_on(
        overruled,
        f"""
        insert into meter_interval_history by name
        select t.*, o.overruled_by as superseded_by
        from meter_interval as t inner join given as o on {_IS_THERE}
        """,
    )
    warehouse.execute_on(
        overruled, f"delete from meter_interval as t where exists (select 1 from given as o where {_IS_THERE})"
    )
    return overruled.height - int(overruled.get_column("is_incoming").sum())
