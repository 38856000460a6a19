"""What a reader hands back: records by kind, what was refused, and what a user should know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.domain import RECORDS, REJECT, UTC
from pipeline.ingest import cells


@dataclass(frozen=True)
class LocalRecords:
    """Records of one kind whose stamps lack a zone or whose names are absent; `local_time` gives them both.

    `frame`: line, raw, the ids (null where the file names none), naive stamps and exact values. `clock` is 'site' (the
    site's clock with its changes), 'standard' (the same without summer time) or an IANA zone; `stamp` says which end
    of its interval a meter's stamp is; `repeated_hour` what one row stands for where clocks go back (rows, averaged,
    summed). `hints` are those the file was read with; `place` stands before the positions of its lines (in an archive).
    """

    kind: str
    frame: pl.DataFrame
    hints: tuple[str, ...] = ()
    place: str = ""
    clock: str = "site"
    stamp: str = "start"
    repeated_hour: str = "rows"


@dataclass(frozen=True)
class Records:
    """One file's content.

    `frames` maps a kind (meter, reactive, charger, session, weather) to its records in the schemas of `domain.RECORDS`,
    ids as written in the file; a readable file without a single reading has an empty frame and a note, a refused file
    has no frames at all. Hence: frames and no rejects is loaded, frames and rejects is partial, no frames is rejected.
    `last_line` holds the records of an unterminated last line, which may have been cut inside a number. `local` holds
    what only a site can place in time: no frames yet, but not refused. `share` is the part of its file a piece is [1].
    """

    format: str
    kind: str
    frames: Mapping[str, pl.DataFrame]
    rejects: pl.DataFrame
    notes: tuple[str, ...] = ()
    unterminated: bool = False
    last_line: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    local: tuple[LocalRecords, ...] = ()
    share: float = 1.0


def empty_rejects() -> pl.DataFrame:
    """Return a reject table without rows."""
    return pl.DataFrame(schema=dict(REJECT))


def refusal(position: str, field: str, value: str, allowed: str, raw: str = "") -> pl.DataFrame:
    """Return a reject table of one row."""
    row = {"position": position, "field": field, "value": value, "allowed": allowed, "raw": raw}
    return pl.DataFrame([row], schema=dict(REJECT))


def refused(format_name: str, rejects: pl.DataFrame, kind: str = "", notes: tuple[str, ...] = ()) -> Records:
    """Return the outcome of a file that gave no record."""
    return Records(format_name, kind, {}, rejects, notes)


def in_schema(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the columns of a kind, typed as in `domain.RECORDS`, in that order."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in RECORDS[kind].items())


def with_doubtful_end(records: Records) -> Records:
    """Count a meter's last line without a line end as estimated, for it may be cut in a number; then forget it.

    Measured beats estimated, so any other source of that interval wins.
    """
    doubtful = {kind: records.last_line[kind] for kind in ("meter", "reactive") if kind in records.last_line}
    frames = {kind: _doubted(records.frames[kind], last) for kind, last in doubtful.items() if kind in records.frames}
    return replace(records, frames={**records.frames, **frames}, last_line={}) if frames else records


def _doubted(frame: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    doubtful = last.select("meter_id", "interval_start", cut=pl.lit(value=True))
    marked = frame.join(doubtful, on=["meter_id", "interval_start"], how="left", maintain_order="left")
    quality = pl.when(pl.col("cut").fill_null(value=False)).then(pl.lit("estimated")).otherwise("quality")
    return marked.with_columns(quality=quality).drop("cut")


def part_touching_sessions(readings: pl.DataFrame, every: pl.DataFrame | None = None) -> pl.DataFrame:
    """Stamp the last reading of a session one microsecond earlier where the next one begins in the same instant.

    Where `readings` are some of them only, `every` reading tells when a session began.

    A charger has one reading a moment, and spans are half-open: the session that began first ends just before the
    other begins. Without this, one of the two would lose its boundary reading.
    """
    moment = ["charger_id", "measured_at"]
    named = readings.filter(pl.col("session_id").is_not_null())
    shared = (
        named.group_by(moment).agg(pl.col("session_id").n_unique().alias("sessions")).filter(pl.col("sessions") > 1)
    )
    if shared.is_empty():
        return readings
    touching = named.join(shared, on=moment, how="semi").get_column("session_id").unique()
    known = (readings if every is None else every).filter(pl.col("session_id").is_in(touching.implode()))
    began = known.group_by("charger_id", "session_id").agg(pl.col("measured_at").min().alias("began"))
    order = (
        named.join(shared, on=moment)
        .join(began, on=["charger_id", "session_id"])
        .unique([*moment, "session_id"])
        .sort(*moment, "began", "session_id")
        .with_columns(later=pl.col("sessions").cast(pl.Int64) - 1 - pl.int_range(pl.len()).over(moment))
    )
    return (
        readings.join(order.select(*moment, "session_id", "later"), on=[*moment, "session_id"], how="left")
        .with_columns((pl.col("measured_at") - pl.duration(microseconds=pl.col("later").fill_null(0))).cast(UTC))
        .drop("later")
    )


def ascends(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Tell whether rows are in strict order of their key, so that no two share it; files mostly are.

    A text that all rows share tells nothing; to see that costs less than to compare each row with the next.
    """
    texts = (name for name in key if frame.schema[name] == pl.String)
    shared = {name for name in texts if len(cells.different(frame.get_column(name))) == 1}
    later, same = pl.lit(value=False), pl.lit(value=True)
    for column in (pl.col(name) for name in key if name not in shared):
        later |= same & (column > column.shift(1))
        same &= column == column.shift(1)
    return bool(frame.select(later.all()).item())


def joined_rejects(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return reject tables that carry a `line` column as one, in the order of the file."""
    tables = [part.select("line", *REJECT) for part in parts if part.height]
    if not tables:
        return empty_rejects()
    return pl.concat(tables).sort("line", maintain_order=True).drop("line")
