"""Loads records into 'current' tables; a value that a later load changes moves to the table's history."""

# ruff: noqa: S608 - names of tables and columns come from constants

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

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

    @property
    def stamp(self) -> str | None:
        """The time in the key, if it holds one."""
        return next((column for column in self.key if column.endswith(("_at", "_start"))), None)

    @property
    def is_interval(self) -> bool:
        """Whether a record covers a span of time, not a moment."""
        return "duration_s" in self.values


TARGETS: Final[Mapping[str, _Target]] = {
    "meter": _Target(
        "meter_interval",
        ("site_id", "meter_id", "interval_start"),
        ("duration_s", "import_wh", "export_wh", "quality"),
        history="meter_interval_history",
    ),
    "reactive": _Target(
        "meter_reactive",
        ("site_id", "meter_id", "interval_start"),
        ("duration_s", "reactive_varh", "quality"),
        history="meter_reactive_history",
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


class FileLoad:
    """One file on its way into the current tables: all its pieces in one transaction; use as a context manager.

    The later load wins and measured beats estimated; a record of an *earlier* load that arrives late goes straight to
    history. Reading the same file again changes nothing.
    """

    def __init__(self, warehouse: Warehouse, load_id: int) -> None:
        self._warehouse, self._load_id = warehouse, load_id
        self._stack = contextlib.ExitStack()
        self._hulls: dict[tuple[str, ...], tuple[datetime, datetime]] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as entered:
            self._committed = entered.enter_context(self._warehouse.as_committed())
            entered.enter_context(self._warehouse.transaction())
            self._stack = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, kind: str, frame: pl.DataFrame) -> LoadResult:
        """Load some records of the file into the current table of their kind.

        `frame` holds the columns of the table, one row per key, except load_id.
        """
        target = TARGETS[kind]
        if frame.is_empty():
            return LoadResult()
        alike = _alike(frame)
        if target.history is not None and self._nothing_near(target, _spans(target, frame, alike)):
            self._append(target.table, frame, alike)
            loaded, unchanged, superseded = frame.height, 0, 0
        else:
            incoming = frame.with_columns(load_id=pl.lit(self._load_id, dtype=pl.Int64))
            loaded, unchanged, superseded = _merge(self._warehouse, target, incoming, self._load_id)
        first, last = _extent(frame, target.stamp or "plugged_in_at")
        return LoadResult(loaded, unchanged, superseded, first, last)

    def _append(self, table: str, frame: pl.DataFrame, alike: Mapping[str, str]) -> None:
        """Insert rows that are new; a text they all share goes to DuckDB once, which is dear to do for every row."""
        columns = [column for column in self._warehouse.columns(table) if column not in {*alike, "load_id"}]
        shared = [f"?::varchar as {column}" for column in alike]
        self._warehouse.execute_on(
            frame.select(columns),
            f"insert into {table} by name select {', '.join((*columns, *shared))}, ?::bigint as load_id from given",
            [*alike.values(), self._load_id],
        )

    def _nothing_near(self, target: _Target, spans: pl.DataFrame) -> bool:
        """Whether no record stands, now or in history, where an incoming one could meet it: then all are simply new.

        Rows of this very load may stand beside the incoming ones, for they never overrule each other, but not among
        them. They are remembered here; to look for them among all rows loaded so far would cost more with every piece.
        """
        among = False
        for of, owner, low, high, _ in spans.iter_rows():
            before = self._hulls.get((target.table, of, owner))
            among |= before is not None and low <= before[1] and before[0] <= high
            self._hulls[target.table, of, owner] = (
                (low, high) if before is None else (min(low, before[0]), max(high, before[1]))
            )
        return not among and not self._is_met(target, spans)

    def _is_met(self, target: _Target, spans: pl.DataFrame) -> bool:
        """Whether a record of another load shares a moment with a span; the bounds let DuckDB pass over the rest."""
        site, device, stamp = target.key
        meets = f"c.{stamp} between k.low and k.high"
        if target.is_interval:
            meets = f"c.{stamp} < k.until and c.{stamp} + to_seconds(c.duration_s) > k.low"
        columns = f"{site}, {device}, {stamp}" + (", duration_s" if target.is_interval else "")
        tables = (target.table,) if target.fills_gaps else (target.table, str(target.history))
        stored = " union all ".join(
            f"select {columns} from {table} where {stamp} between $first - interval 1 day and $last + interval 1 day"
            for table in tables
        )
        found = self._committed.execute(
            f"""
            with span as (
                select unnest($sites) as site, unnest($devices) as device,
                       unnest($lows) as low, unnest($highs) as high, unnest($untils) as until
            )
            select 1 from ({stored}) as c
            inner join span as k on c.{site} = k.site and c.{device} = k.device where {meets} limit 1
            """,
            {
                "sites": spans.get_column(site).to_list(),
                "devices": spans.get_column(device).to_list(),
                "lows": spans.get_column("low").to_list(),
                "highs": spans.get_column("high").to_list(),
                "untils": spans.get_column("until").to_list(),
                "first": spans.get_column("low").min(),
                "last": spans.get_column("high").max(),
            },
        ).fetchone()
        return found is not None


def _alike(frame: pl.DataFrame) -> dict[str, str]:
    """The texts that are one and the same in all rows, by column; mostly site, device and quality."""
    texts = [column for column, kind in frame.schema.items() if kind == pl.String]
    same = frame.select((pl.col(column) == pl.col(column).first()).all(ignore_nulls=False) for column in texts)
    return {column: frame.item(0, column) for column in texts if same.item(0, column)}


def _spans(target: _Target, frame: pl.DataFrame, alike: Mapping[str, str]) -> pl.DataFrame:
    """Of each device its first and last stamp and where its last record ends: site, device, low, high, until."""
    site, device, stamp = target.key
    length = pl.duration(seconds="duration_s") if target.is_interval else pl.duration(seconds=0)
    ends = {"low": pl.col(stamp).min(), "high": pl.col(stamp).max(), "until": (pl.col(stamp) + length).max()}
    differing = [column for column in (site, device) if column not in alike]
    spans = frame.group_by(differing).agg(**ends) if differing else frame.select(**ends)
    shared = {column: pl.lit(text) for column, text in alike.items() if column in (site, device)}
    return spans.with_columns(**shared).select(site, device, *ends)


def _extent(frame: pl.DataFrame, stamp: str) -> tuple[datetime | None, datetime | None]:
    at = frame.get_column(stamp)
    first, last = at.min(), at.max()
    return first if isinstance(first, datetime) else None, last if isinstance(last, datetime) else None


def _merge(warehouse: Warehouse, target: _Target, incoming: pl.DataFrame, load_id: int) -> tuple[int, int, int]:
    """Compare each incoming record with what stands and let the higher rank win; returns what became of them."""
    bounds = _extent(incoming, target.stamp) if target.stamp else ()
    compared = warehouse.execute_on(incoming, _compared(target), bounds).pl()
    counts = dict(compared.get_column("mark").value_counts().iter_rows())
    written = sum(counts.get(mark, 0) for mark in ("new", "changed", "outranked"))
    superseded = _apply(warehouse, target, compared, load_id) if written else 0
    return written, counts.get("same", 0), superseded


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
    return f"({one}.quality <> 'estimated', {one}.load_id) > ({other}.quality <> 'estimated', {other}.load_id)"


def _compared(target: _Target) -> str:
    """SQL that marks each given record as new, same, changed or outranked against the current row of its key.

    Where the key holds a time, its parameters are the first and the last of the given records: so DuckDB passes over
    what lies elsewhere.
    """
    wins = f"(c.load_id is null or not ({_outranks(target, 'c', 'i')}))"
    join = " and ".join(f"i.{column} = c.{column}" for column in target.key)
    merged = ", ".join(f"{_merged(target, column)} as merged_{column}" for column in target.values)
    differs = " or ".join(f"merged_{column} is distinct from now_{column}" for column in target.values)
    now = ", ".join(f"c.{column} as now_{column}" for column in target.values)
    current = f"(select * from {target.table} where {target.stamp} between ? and ?)" if target.stamp else target.table
    return f"""
        with ranked as (
            select i.*, {now}, c.load_id as now_load_id, {wins} as wins, {_retired_before(target)} as retired_before,
                   {merged}
            from given as i left join {current} as c on {join}
        )
        select *, case
            when retired_before then 'same'
            when now_load_id is null then 'new'
            when not ({differs}) then 'same'
            when wins or {str(target.fills_gaps).lower()} then 'changed'
            else 'outranked' end as mark
        from ranked
    """


def _retired_before(target: _Target) -> str:
    """SQL that tells whether an earlier reading of the same file brought this record and it stands in history."""
    if target.history is None or target.fills_gaps:
        return "false"
    is_there = " and ".join(f"i.{column} = h.{column}" for column in (*target.key, "load_id"))
    return f"exists (select 1 from {target.history} as h where {is_there})"


def _apply(warehouse: Warehouse, target: _Target, compared: pl.DataFrame, load_id: int) -> int:
    table, history = target.table, target.history
    columns = warehouse.columns(table)
    changed = compared.filter(pl.col("mark") == "changed").select(target.key)
    join = " and ".join(f"t.{column} = k.{column}" for column in target.key)
    is_changed = f"exists (select 1 from given as k where {join})"
    if history and changed.height:
        warehouse.execute_on(
            changed,
            f"insert into {history} by name select t.*, ?::bigint as superseded_by from {table} as t "
            f"where {is_changed}",
            [load_id],
        )
    if history:
        outranked = compared.filter(pl.col("mark") == "outranked")
        warehouse.insert(history, outranked.select(*columns, superseded_by="now_load_id"))
    if changed.height:
        warehouse.execute_on(changed, f"delete from {table} as t where {is_changed}")
    warehouse.execute_on(
        compared.filter(pl.col("mark").is_in(["new", "changed"])),
        f"insert into {table} by name select {', '.join(_written(target, column) for column in columns)} "
        "from given as k",
    )
    return changed.height + (retire_overlapped(warehouse, compared, load_id) if table == "meter_interval" else 0)


def _written(target: _Target, column: str) -> str:
    if column in target.values:
        return f"k.merged_{column} as {column}"
    if column == "load_id" and target.fills_gaps:  # an earlier file that fills a gap does not lower the row's rank
        return "greatest(k.load_id, k.now_load_id) as load_id"
    return f"k.{column}"
