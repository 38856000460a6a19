"""OCPP 1.6J, 2.0.1 and 2.1 logs to charger readings (docs/formats.md).

Python decodes the lines into columns; everything after that, exact scaling included, works on whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import REJECT, UTC
from pipeline.ingest import cells, ocpp_log
from pipeline.ingest.ocpp_columns import REFUSED_COLUMNS, Log
from pipeline.ingest.ocpp_names import MEASURANDS, PLACEHOLDER, RANGES
from pipeline.ingest.ocpp_sessions import name_sessions
from pipeline.ingest.records import (
    Records,
    in_schema,
    joined_rejects,
    part_touching_sessions,
    refusal,
    refused,
)

FORMAT: Final = "ocpp"
DESCRIPTION: Final = "OCPP messages, one JSON value a line or one JSON array"

_ZONE_STEP_S: Final = 1800
_ZONE_NEAR_S: Final = 180
_ZONE_FEWEST: Final = 3


def sniff(head: bytes) -> bool:
    """Tell whether some line of a file's beginning is an OCPP frame."""
    return ocpp_log.sniff(head)


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read an OCPP log of any version; a bad line or value is refused by its number and the rest loads.

    Bare frames take their charge point from `hints`.
    """
    source = ocpp_log.source_of(path.read_bytes())
    log = Log()
    for message in ocpp_log.messages(source, ocpp_log.charge_point_of(hints)):
        log.add(message)
    readings, shifted = _in_right_zone(log.reading_frame().with_columns(at=cells.utc(pl.col("stamp"))))
    dated = readings.filter(pl.col("at").is_not_null())
    samples = log.sample_frame().join(dated.select("reading", "line"), on="reading", maintain_order="left")
    values, bad_values, ignored = _values(samples)
    rejects = _rejects([_bad_stamps(readings), bad_values, log.refused_frame()], source)
    notes = (*log.notes(), *shifted, *ignored)
    if not log.understood:
        return refused(FORMAT, rejects if rejects.height else _nothing(), "charger", notes)
    named = name_sessions(_measured(dated, values), log.result_frame())
    frame = _merged(_without_placeholders(_broken_open(named, log.broken_frame())))
    if frame.is_empty() and rejects.height:
        return refused(FORMAT, rejects, "charger", notes)
    if frame.is_empty():
        notes = (*notes, "no charger readings in this log")
    return Records(FORMAT, "charger", {"charger": in_schema(frame, "charger")}, rejects, notes)


def _in_right_zone(readings: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Move the stamps of a charger that writes its local clock with a wrong offset; says which and by how much.

    Such stamps are all the same half hours away from when the messages were heard; an offline queue is late by ever
    other times, and never early.
    """
    late_s = (pl.col("heard_at") - pl.col("at")).dt.total_seconds()
    heard = readings.with_columns(heard_at=cells.utc(pl.col("heard"))).with_columns(
        steps=(late_s / _ZONE_STEP_S).round().cast(pl.Int64)
    )
    near = (late_s - pl.col("steps") * _ZONE_STEP_S).abs() <= _ZONE_NEAR_S
    shifts = (
        heard.drop_nulls("steps")
        .with_columns(steps=pl.when(near).then("steps"))
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


def _values(samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return one row per understood value (reading, column, number, rank), rejects, and notes on what was ignored."""
    default_units = MEASURANDS.unique("measurand", keep="first").select("measurand", default_unit="unit")
    impossible = samples.filter(
        (pl.col("measurand") == PLACEHOLDER["measurand"])
        & (pl.col("value").cast(pl.Float64, strict=False) > PLACEHOLDER["above"])
    ).get_column("reading")
    known = _with_phase_sums(samples.join(default_units, on="measurand", maintain_order="left"))
    special = (pl.col("phase") != "") | (pl.col("format") == "SignedData")
    notes = _ignored(samples, known.filter(special))
    units = MEASURANDS.with_columns(unit_key=pl.col("unit").str.to_lowercase()).drop("unit")
    scaled = (
        known.filter(~special)
        .with_columns(
            pl.col("unit").fill_null(pl.col("default_unit")), impossible=pl.col("reading").is_in(impossible.implode())
        )
        .with_columns(unit_key=pl.col("unit").str.to_lowercase())
        .join(units, on=["measurand", "unit_key"], how="left", maintain_order="left")
        .with_columns(number=_in_range(cells.exact(pl.col("value")) * pl.col("factor")))
    )
    bad_unit = pl.col("factor").is_null()
    units = MEASURANDS.group_by("measurand").agg(pl.col("unit").sort().str.join(" or ").alias("allowed"))
    unit_rejects = scaled.filter(bad_unit).join(units, on="measurand").with_columns(pl.col("unit").alias("value"))
    allowed = {column: text for column, (_, _, text) in RANGES.items()}
    value_rejects = scaled.filter(~bad_unit & pl.col("number").is_null()).with_columns(
        allowed=pl.col("column").replace_strict(allowed, return_dtype=pl.String)
    )
    columns = [pl.col("line"), pl.col("measurand").alias("field"), pl.col("value"), pl.col("allowed")]
    rejects = pl.concat([unit_rejects.select(columns), value_rejects.select(columns)])
    return scaled.filter(pl.col("number").is_not_null()), rejects, notes


def _with_phase_sums(known: pl.DataFrame) -> pl.DataFrame:
    """Add the sum of L1, L2 and L3 where a reading has a quantity by phase only."""
    key = ["reading", "measurand", "location", "context"]
    lines = known.filter(pl.col("phase").str.contains("^L[123](-N)?$") & (pl.col("measurand") != "SoC"))
    if lines.is_empty():
        return known
    totals = known.filter(pl.col("phase") == "").select("reading", "measurand")
    sums = (
        lines.join(totals, on=["reading", "measurand"], how="anti")
        .with_columns(number=cells.exact(pl.col("value")))
        .filter(pl.col("number").is_not_null().all().over(key) & (pl.col("unit").n_unique().over(key) == 1))
        .unique([*key, "phase"], keep="first", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(pl.exclude("value", "phase", "number").first(), pl.col("number").sum().cast(pl.String).alias("value"))
        .with_columns(phase=pl.lit(""))
    )
    summed = sums.select(key).with_columns(summed=pl.lit(value=True))
    rest = known.join(summed, on=key, how="left", nulls_equal=True, maintain_order="left")
    kept = rest.filter(pl.col("summed").is_null() | (pl.col("phase") == "")).drop("summed")
    return pl.concat([kept, sums.select(kept.columns)])


def _in_range(number: pl.Expr) -> pl.Expr:
    within = pl.any_horizontal(
        (pl.col("column") == column) & number.is_between(low, high) for column, (low, high, _) in RANGES.items()
    )
    return pl.when(within).then(number)


def _ignored(samples: pl.DataFrame, special: pl.DataFrame) -> tuple[str, ...]:
    notes = []
    others = samples.join(MEASURANDS, on="measurand", how="anti")
    if others.height:
        names = ", ".join(name[:60] for name in sorted(others["measurand"].unique())[:10])
        notes.append(f"{others.height} values of other measurands ignored: {names}")
    if special.height:
        notes.append(f"{special.height} values of single phases or signed data ignored")
    return tuple(notes)


def _measured(readings: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Return the readings with a column per quantity; the outlet's value goes before those of other locations."""
    outlet_first = ~pl.col("location").is_in(["", "Outlet"])
    ordered = values.sort("reading", outlet_first, maintain_order=True)

    def first(column: str) -> pl.Expr:
        return pl.col("number").filter(pl.col("column") == column).first()

    wide = ordered.group_by("reading").agg(
        cells.rounded(first("energy_import_wh")).alias("energy_import_wh"),
        cells.rounded(first("energy_export_wh")).alias("energy_export_wh"),
        first("power_in_w").alias("power_in_w"),
        first("power_out_w").alias("power_out_w"),
        # The text, not the decimal: a float of the same digits.
        pl.col("value").filter(pl.col("column") == "soc_pct").first().cast(pl.Float64).alias("soc_pct"),
        pl.col("impossible").any(),
        pl.col("context").is_in(["Transaction.Begin"]).any().alias("begins"),
        pl.col("context").is_in(["Transaction.End"]).any().alias("ends"),
    )
    power = pl.col("power_in_w").fill_null(0) - pl.col("power_out_w").fill_null(0)
    measured = pl.any_horizontal(pl.col("power_in_w", "power_out_w").is_not_null())
    begins = (pl.col("kind") == "start") | pl.col("begins").fill_null(value=False)
    ends = (pl.col("kind") == "stop") | pl.col("ends").fill_null(value=False)
    context = pl.when(ends).then(pl.lit("end")).when(begins).then(pl.lit("begin")).otherwise(pl.lit("sample"))
    joined = readings.join(wide, on="reading", how="left", maintain_order="left")
    return joined.with_columns(power_w=cells.rounded(pl.when(measured).then(power)), context=context)


def _merged(readings: pl.DataFrame) -> pl.DataFrame:
    """Return one row a charger and moment: the first value of each column, session boundaries before samples."""
    content = ["energy_import_wh", "energy_export_wh", "power_w", "soc_pct"]
    telling = pl.any_horizontal(pl.col(*content).is_not_null()) | pl.col("kind").is_in(["start", "stop"])
    key = ["charger_id", "measured_at"]
    told = _begins_before_ends(readings.filter(telling).rename({"at": "measured_at"}))
    ordered = part_touching_sessions(told).sort(
        *key, pl.col("context") == "sample", pl.col("context") == "begin", "line", maintain_order=True
    )
    first = [pl.col(name).drop_nulls().first() for name in (*content, "session_id", "vehicle_id", "context")]
    return ordered.group_by(key, maintain_order=True).agg(first)


def _begins_before_ends(readings: pl.DataFrame) -> pl.DataFrame:
    """Stamp the begin of a session one microsecond earlier where its end has the same time, so that both stay."""
    key = ["charger_id", "measured_at", "session_id"]
    ends = pl.col("session_id").is_not_null() & (pl.col("context") == "end").any().over(key)
    earlier = pl.col("measured_at") - pl.duration(microseconds=1)
    moved = pl.when(ends & (pl.col("context") == "begin")).then(earlier).otherwise("measured_at")
    return readings.with_columns(measured_at=moved.cast(UTC))


def _bad_stamps(readings: pl.DataFrame) -> pl.DataFrame:
    bad = readings.filter(pl.col("at").is_null())
    return bad.select("line", pl.lit("timestamp").alias("field"), pl.col("stamp").alias("value")).with_columns(
        allowed=pl.lit(cells.TIME_ALLOWED)
    )


def _rejects(parts: Sequence[pl.DataFrame], source: ocpp_log.Source) -> pl.DataFrame:
    found = pl.concat([part.select(REFUSED_COLUMNS) for part in parts])
    raw = {number: source.pieces[number - 1].decode("utf-8", "replace").strip() for number in found["line"].unique()}
    text = pl.Series("raw", [raw[number] for number in found["line"]], dtype=pl.String)
    return joined_rejects(
        [found.with_columns(text, position=pl.format(f"{source.word} {{}}", "line")).select("line", *REJECT)]
    )


def _nothing() -> pl.DataFrame:
    return refusal("file", "content", "", ocpp_log.FRAME_ALLOWED)
