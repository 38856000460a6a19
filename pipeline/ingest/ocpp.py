"""OCPP 1.6J, 2.0.1 and 2.1 logs to charger readings (docs/formats.md).

A log is decoded block by block into columns and from there to quantities, exact scaling included; transactions, which
may span the whole log, are joined at the end.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import polars as pl

from pipeline.domain import REJECT, UTC
from pipeline.ingest import cells, ocpp_log, plain_times
from pipeline.ingest.ocpp_alike import Shapes, decode
from pipeline.ingest.ocpp_blocks import Block, blocks
from pipeline.ingest.ocpp_columns import REFUSED_COLUMNS, Decoded
from pipeline.ingest.ocpp_counts import Counts
from pipeline.ingest.ocpp_frames import framed
from pipeline.ingest.ocpp_sessions import NAMING, name_sessions
from pipeline.ingest.ocpp_values import Ignored, measured
from pipeline.ingest.records import Records, in_schema, part_touching_sessions, refusal, refused

FORMAT: Final = "ocpp"
DESCRIPTION: Final = "OCPP messages, one JSON value a line or one JSON array"

_ZONE_STEP_S: Final = 1800
_ZONE_NEAR_S: Final = 180
_ZONE_FEWEST: Final = 3
_NEAR_US: Final = 1000
_LONGEST_RAW: Final = 100_000

_WORKERS: Final = min(4, os.cpu_count() or 1)
_AHEAD: Final = 2  # blocks wait beside those that are worked on

Item = TypeVar("Item")
Made = TypeVar("Made")


def sniff(head: bytes) -> bool:
    """Tell whether some line of a file's beginning is an OCPP frame."""
    return ocpp_log.sniff(head)


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read an OCPP log of any version; a bad line or value is refused by its number and the rest loads.

    Bare frames take their charge point from `hints`.
    """
    counts, ignored = Counts(), Ignored()
    readings, results, rejects = _columns(path, ocpp_log.charge_point_of(hints), counts, ignored)
    rejects = _without_plain(rejects, counts)
    named, shifted = _named(readings, results)
    notes = (*counts.notes(), *shifted, *ignored.notes())
    if not counts.understood:
        return refused(FORMAT, rejects if rejects.height else _nothing(), "charger", notes)
    frame = _merged(_without_placeholders(_broken_open(named, counts.broken_frame())))
    if frame.is_empty() and rejects.height:
        return refused(FORMAT, rejects, "charger", notes)
    if frame.is_empty():
        notes = (*notes, "no charger readings in this log")
    return Records(FORMAT, "charger", {"charger": in_schema(frame, "charger")}, rejects, notes)


def _columns(
    path: Path, charge_point: str, counts: Counts, ignored: Ignored
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return (readings with their quantities, answers, rejects) of a log, held block by block."""
    shapes = Shapes()
    readings, results, rejects = [], [], []

    def decoded(block: Block) -> tuple[Block, Decoded]:
        page = framed(block, charge_point)
        return block, decode(page, shapes.alike(page), charge_point)

    with ThreadPoolExecutor(_WORKERS) as pool:
        known = ((block, counts.once(found)) for block, found in _side_by_side(pool, decoded, blocks(path)))
        for found, answers, bad, passed in _side_by_side(pool, _read_block, known):
            readings.append(found)
            results.append(answers)
            rejects.append(bad)
            ignored.add(passed)
    numbered = pl.concat(readings).with_columns(reading=pl.int_range(pl.len(), dtype=pl.Int64))
    return numbered, pl.concat(results), pl.concat(rejects)


def _named(readings: pl.DataFrame, results: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    placed, shifted = _in_right_zone(readings)
    names = name_sessions(placed.select(NAMING), results)
    return pl.concat([placed.drop("id_tag", "message_id", "connector", "late_s"), names], how="horizontal"), shifted


def _side_by_side(pool: ThreadPoolExecutor, work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield what work makes of items, in their order, a few of them being worked on at a time."""
    waiting: deque[Future[Made]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read_block(block: tuple[Block, Decoded]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, Ignored]:
    """Return (dated readings with their quantities, answers, rejects with `line` and `plain`, what was passed over)."""
    text, decoded = block
    at, heard = (plain_times.utc(decoded.columns.readings.get_column(name)) for name in ("stamp", "heard"))
    stamped = decoded.columns.readings.with_columns(at=at, late_s=(heard - at).dt.total_seconds())
    dated = stamped.filter(pl.col("at").is_not_null()).drop("stamp", "heard")
    readings, bad_values, ignored = measured(decoded, dated)
    parts = [_bad_stamps(stamped), bad_values]
    refused = [part.select(*REFUSED_COLUMNS, plain=pl.lit(value=False)) for part in parts]
    found = pl.concat([*refused, decoded.refused.select(*REFUSED_COLUMNS, "plain")]).sort("line", maintain_order=True)
    return readings, decoded.columns.results, _told(found, text), ignored


def _told(refused: pl.DataFrame, block: Block) -> pl.DataFrame:
    """Return rejects with their place in the file and their text, and whether that is `plain`."""
    raw = {
        line: block.piece(line - block.first).decode("utf-8", "replace").strip()[:_LONGEST_RAW]
        for line in refused["line"].unique()
    }
    text = pl.Series("raw", [raw[line] for line in refused["line"]], dtype=pl.String)
    position = pl.format(f"{block.word} {{}}", "line").alias("position")
    return refused.with_columns(text, position).select("plain", *REJECT)


def _without_plain(rejects: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Return the rejects; in a log of prefixed lines, lines of text only are counted instead."""
    if counts.behind:
        counts.plain_lines += rejects.filter("plain").height
        rejects = rejects.filter(~pl.col("plain"))
    return rejects.drop("plain")


def _in_right_zone(readings: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Move the stamps of a charger that writes its local clock with a wrong offset; says which and by how much.

    Such stamps are all the same half hours away from when the messages were heard; an offline queue is late by ever
    other times, and never early.
    """
    steps = (pl.col("late_s") / _ZONE_STEP_S).round().cast(pl.Int64)
    near = (pl.col("late_s") - steps * _ZONE_STEP_S).abs() <= _ZONE_NEAR_S
    shifts = (
        readings.drop_nulls("late_s")
        .select("charge_point", steps=pl.when(near).then(steps))
        .group_by("charge_point")
        .agg(pl.col("steps").n_unique().alias("kinds"), pl.col("steps").first(), pl.len().alias("messages"))
        .filter((pl.col("kinds") == 1) & (pl.col("steps") != 0) & (pl.col("messages") >= _ZONE_FEWEST))
        .sort("charge_point")
    )
    if shifts.is_empty():
        return readings, ()
    moved = readings.join(shifts.select("charge_point", "steps"), on="charge_point", how="left", maintain_order="left")
    by = pl.duration(seconds=pl.col("steps").fill_null(0) * _ZONE_STEP_S)
    notes = (
        f"clock of {name} has a wrong zone offset: its times were moved by {steps * _ZONE_STEP_S / 3600:+g} h"
        for name, steps in shifts.select("charge_point", "steps").iter_rows()
    )
    return moved.with_columns(at=(pl.col("at") + by).cast(UTC)).drop("steps"), tuple(notes)


def _broken_open(readings: pl.DataFrame, broken: pl.DataFrame) -> pl.DataFrame:
    """Call the end of a transaction with missing messages a sample, so that nobody takes its session for complete."""
    if broken.is_empty():
        return readings
    marked = readings.join(
        broken.with_columns(lacks=pl.lit(value=True)),
        on=["charge_point", "transaction"],
        how="left",
        maintain_order="left",
    )
    opened = pl.col("lacks").fill_null(value=False) & (pl.col("context") == "end")
    return marked.with_columns(context=pl.when(opened).then(pl.lit("sample")).otherwise("context")).drop("lacks")


def _without_placeholders(readings: pl.DataFrame) -> pl.DataFrame:
    """Drop a charge of 0 % that stands for none: outside any session, or beside a voltage no charger has."""
    idle = pl.col("session_id").is_null() | pl.col("impossible").fill_null(value=False)
    zero = (pl.col("soc_pct") == 0) & idle
    return readings.with_columns(soc_pct=pl.when(~zero.fill_null(value=False)).then("soc_pct"))


def _merged(readings: pl.DataFrame) -> pl.DataFrame:
    """Return one row a charger and moment: the first value of each column, session boundaries before samples."""
    content = ["energy_import_wh", "energy_export_wh", "power_w", "soc_pct"]
    telling = pl.any_horizontal(pl.col(*content).is_not_null()) | pl.col("kind").is_in(["start", "stop"])
    content += ["session_id", "vehicle_id", "context"]
    key = ["charger_id", "measured_at"]
    told = readings.rename({"at": "measured_at"}).filter(telling).select(*key, *content, "reading", "line")
    told = _in_order(told.cast({"charger_id": pl.Enum(told.get_column("charger_id").unique().sort())}))
    near = _near(told)
    alone, moved = told.filter(~near), _begins_before_ends(told.filter(near))
    if moved.is_empty():
        return alone.select(*key, *content)
    ordered = part_touching_sessions(moved, pl.concat([alone, moved])).sort(
        *key, pl.col("context") == "sample", pl.col("context") == "begin", "line", "reading"
    )
    first = ordered.group_by(key, maintain_order=True).agg(pl.col(name).drop_nulls().first() for name in content)
    return _in_order(pl.concat([alone.select(*key, *content), first]))


def _in_order(readings: pl.DataFrame) -> pl.DataFrame:
    """Return readings in order of charger and time; they mostly come in order of time, which this makes use of."""
    charger, at = (readings.get_column(name).to_physical().to_numpy() for name in ("charger_id", "measured_at"))
    return readings[np.lexsort((at, charger))]


def _near(readings: pl.DataFrame) -> pl.Series:
    """Tell of readings in order of charger and time which have a moment in common, or could where one is moved."""
    charger, at = pl.col("charger_id"), pl.col("measured_at")
    near = (charger == charger.shift(1)) & (at - at.shift(1) <= pl.duration(microseconds=_NEAR_US))
    return readings.select((near | near.shift(-1)).fill_null(value=False)).to_series()


def _begins_before_ends(readings: pl.DataFrame) -> pl.DataFrame:
    """Stamp the begin of a session one microsecond earlier where its end has the same time, so that both stay."""
    key = ["charger_id", "measured_at", "session_id"]
    ends = readings.filter(pl.col("context") == "end")
    begins = readings.filter(pl.col("context") == "begin").join(ends, on=key, how="semi").get_column("reading")
    earlier = pl.col("measured_at") - pl.duration(microseconds=1)
    moved = pl.when(pl.col("reading").is_in(begins.implode())).then(earlier).otherwise("measured_at")
    return readings.with_columns(measured_at=moved.cast(UTC))


def _bad_stamps(readings: pl.DataFrame) -> pl.DataFrame:
    bad = readings.filter(pl.col("at").is_null())
    return bad.select("line", pl.lit("timestamp").alias("field"), pl.col("stamp").alias("value")).with_columns(
        allowed=pl.lit(cells.TIME_ALLOWED)
    )


def _nothing() -> pl.DataFrame:
    return refusal("file", "content", "", ocpp_log.FRAME_ALLOWED)
