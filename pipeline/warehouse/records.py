"""Loads records into 'current' tables; a value that a later load changes moves to the table's history."""

# ruff: noqa: S608 - names of tables and columns come from constants

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from pipeline.warehouse.overlaps import retire_overlapped
from pipeline.warehouse.store import Warehouse


@dataclass(frozen=True)
class _Target:
    """How the records of one kind become rows: table, identity, values that may change, and where history goes."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    history: str | None = None
    fills_gaps: bool = False  # a null in the later record keeps the earlier value


TARGETS: Final[Mapping[str, _Target]] = {
    "meter": _Target(
        "meter_interval",
        ("site_id", "meter_id", "interval_start"),
        ("duration_s", "import_wh", "export_wh", "quality"),
        history="meter_interval_history",
    ),
    "charger": _Target(
        "charger_reading",
        ("site_id", "charger_id", "measured_at"),
        ("energy_import_wh", "energy_export_wh", "power_w", "soc_pct", "session_id", "vehicle_id", "context"),
        history="charger_reading_history",
        fills_gaps=True,
    ),
    "session": _Target(
        "session_record",
        ("site_id", "charger_id", "session_id"),
        (
            "vehicle_id",
            "plugged_in_at",
            "plugged_out_at",
            "soc_in_pct",
            "soc_out_pct",
            "target_soc_pct",
            "departure_at",
        ),
        fills_gaps=True,
    ),
    "weather": _Target("weather_hour", ("station_id", "observed_at"), ("temperature_c",)),
}


@dataclass(frozen=True)
class LoadResult:
    """What became of the records of one file [count]."""

    loaded: int = 0
    unchanged: int = 0
    superseded: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def __add__(self, other: LoadResult) -> LoadResult:
        firsts = [at for at in (self.first_at, other.first_at) if at is not None]
        lasts = [at for at in (self.last_at, other.last_at) if at is not None]
        return LoadResult(
            self.loaded + other.loaded,
            self.unchanged + other.unchanged,
            self.superseded + other.superseded,
            min(firsts, default=None),
            max(lasts, default=None),
        )


def _time_column(target: _Target) -> str:
    return next((column for column in target.key if column.endswith(("_at", "_start"))), "plugged_in_at")


def load_records(warehouse: Warehouse, kind: str, frame: pl.DataFrame, load_id: int) -> LoadResult:
    """Load the records of one file into the current table of their kind. Call inside a transaction.

    The later load wins and measured beats estimated; a record of an *earlier* load that arrives late goes straight to
    history. Reading the same file again changes nothing. `frame` holds the columns of the table, one row per key,
    except load_id.
    """
    target = TARGETS[kind]
    if frame.is_empty():
        return LoadResult()
    incoming = frame.with_columns(load_id=pl.lit(load_id, dtype=pl.Int64))
    with warehouse.registered("incoming_record", incoming):
        if _nothing_near(warehouse, target, load_id):
            columns = ", ".join(_columns(warehouse, target.table))
            warehouse.connection.execute(f"insert into {target.table} by name select {columns} from incoming_record")
            loaded, unchanged, superseded = frame.height, 0, 0
        else:
            loaded, unchanged, superseded = _merge(warehouse, target, load_id)
    at = frame.get_column(_time_column(target))
    first, last = at.min(), at.max()
    return LoadResult(
        loaded,
        unchanged,
        superseded,
        first if isinstance(first, datetime) else None,
        last if isinstance(last, datetime) else None,
    )


def _nothing_near(warehouse: Warehouse, target: _Target, load_id: int) -> bool:
    """Whether no record stands, now or in history, where an incoming one could meet it: then all are simply new.

    Rows of this very load may stand beside the incoming ones, for they never overrule each other, but not among them.
    """
    if target.history is None:
        return False
    site, device, stamp = target.key
    tables = (target.table,) if target.fills_gaps else (target.table, target.history)
    near = " or ".join(
        f"exists (select 1 from {table} as c inner join span as k on c.{site} = k.{site} and c.{device} = k.{device} "
        f"where c.{stamp} between k.low - interval 1 day and k.high + interval 1 day "
        f"and (c.load_id <> $load_id or c.{stamp} between k.low and k.high))"
        for table in tables
    )
    found = warehouse.connection.execute(
        f"with span as materialized (select {site}, {device}, min({stamp}) as low, max({stamp}) as high "
        f"from incoming_record group by all) select {near}",
        {"load_id": load_id},
    ).fetchone()
    return found == (False,)


def _merge(warehouse: Warehouse, target: _Target, load_id: int) -> tuple[int, int, int]:
    """Compare each incoming record with what stands and let the higher rank win; returns what became of them."""
    marks_sql, counts_sql = _compared(target)
    warehouse.connection.execute(f"create or replace temp table compared as {marks_sql}")
    loaded, unchanged, outranked = warehouse.connection.execute(counts_sql).fetchone() or (0, 0, 0)
    superseded = _apply(warehouse, target, load_id)
    warehouse.connection.execute("drop table compared")
    return loaded + outranked, unchanged, superseded


def _merged(target: _Target, column: str) -> str:
    """The value that would stand after the load; where gaps are filled, the higher rank fills from the lower."""
    if not target.fills_gaps:
        return f"i.{column}"
    if column == "context":  # begin and end say more than sample
        return (
            "case when wins and i.context <> 'sample' or c.context is null or c.context = 'sample' "
            "then i.context else c.context end"
        )
    return f"case when wins then coalesce(i.{column}, c.{column}) else coalesce(c.{column}, i.{column}) end"


def _outranks(target: _Target, one: str, other: str) -> str:
    """SQL that tells whether row `one` stands above row `other`: measured over estimated, then the later load."""
    if "quality" not in target.values:
        return f"{one}.load_id > {other}.load_id"
    return f"({one}.quality = 'measured', {one}.load_id) > ({other}.quality = 'measured', {other}.load_id)"


def _compared(target: _Target) -> tuple[str, str]:
    """SQL that marks each incoming record as new, same, winner or outranked against the current row of its key."""
    wins = f"(c.load_id is null or not ({_outranks(target, 'c', 'i')}))"
    join = " and ".join(f"i.{column} = c.{column}" for column in target.key)
    merged = ", ".join(f"{_merged(target, column)} as merged_{column}" for column in target.values)
    differs = " or ".join(f"merged_{column} is distinct from now_{column}" for column in target.values)
    now = ", ".join(f"c.{column} as now_{column}" for column in target.values)
    marks = f"""
        with ranked as (
            select i.*, {now}, c.load_id as now_load_id, {wins} as wins, {_retired_before(target)} as retired_before,
                   {merged}
            from incoming_record as i left join {target.table} as c on {join}
        )
        select *, case
            when retired_before then 'same'
            when now_load_id is null then 'new'
            when not ({differs}) then 'same'
            when wins or {str(target.fills_gaps).lower()} then 'changed'
            else 'outranked' end as mark
        from ranked
    """
    count = """
        select count(*) filter (mark in ('new', 'changed')), count(*) filter (mark = 'same'),
               count(*) filter (mark = 'outranked')
        from compared
    """
    return marks, count


def _retired_before(target: _Target) -> str:
    """SQL that tells whether an earlier reading of the same file brought this record and it stands in history."""
    if target.history is None or target.fills_gaps:
        return "false"
    is_there = " and ".join(f"i.{column} = h.{column}" for column in (*target.key, "load_id"))
    return f"exists (select 1 from {target.history} as h where {is_there})"


def _apply(warehouse: Warehouse, target: _Target, load_id: int) -> int:
    connection, table, history = warehouse.connection, target.table, target.history
    join = " and ".join(f"t.{column} = k.{column}" for column in target.key)
    changed = f"exists (select 1 from compared as k where k.mark = 'changed' and {join})"
    columns = _columns(warehouse, table)
    superseded = _count(warehouse, "select count(*) from compared where mark = 'changed'")
    if history:
        connection.execute(
            f"insert into {history} by name select t.*, ?::bigint as superseded_by from {table} as t where {changed}",
            [load_id],
        )
        kept = ", ".join(f"k.{column}" for column in columns)
        connection.execute(
            f"insert into {history} by name select {kept}, k.now_load_id as superseded_by "
            "from compared as k where k.mark = 'outranked'"
        )
    if superseded:
        connection.execute(f"delete from {table} as t where {changed}")
    connection.execute(
        f"insert into {table} by name select {', '.join(_written(target, column) for column in columns)} "
        "from compared as k where k.mark in ('new', 'changed')"
    )
    return superseded + (retire_overlapped(warehouse, load_id) if target.table == "meter_interval" else 0)


def _written(target: _Target, column: str) -> str:
    if column in target.values:
        return f"k.merged_{column} as {column}"
    if column == "load_id" and target.fills_gaps:  # an earlier file that fills a gap does not lower the row's rank
        return "greatest(k.load_id, k.now_load_id) as load_id"
    return f"k.{column}"


def _count(warehouse: Warehouse, sql: str) -> int:
    row = warehouse.connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _columns(warehouse: Warehouse, table: str) -> list[str]:
    rows = warehouse.connection.execute(
        "select column_name from duckdb_columns() where table_name = ? and not internal order by column_index", [table]
    ).fetchall()
    return [name for (name,) in rows]
