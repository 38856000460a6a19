"""OCPP 1.6J logs: MeterValues, StartTransaction and StopTransaction to charger readings (docs/formats.md).

Python decodes the lines into columns; everything after that, exact scaling included, works on whole columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest import cells, ocpp_log
from pipeline.ingest.ocpp_columns import IMPORT_REGISTER, REFUSED_COLUMNS, Log
from pipeline.ingest.ocpp_sessions import name_sessions
from pipeline.ingest.records import (
    Records,
    in_schema,
    joined_rejects,
    part_touching_sessions,
    refusal,
    refused,
)

FORMAT: Final = "ocpp16_jsonl"
DESCRIPTION: Final = "OCPP 1.6J messages, one JSON value a line"

MEASURANDS: Final = pl.DataFrame(
    [
        (IMPORT_REGISTER, "Wh", "energy_import_wh", 1),
        (IMPORT_REGISTER, "kWh", "energy_import_wh", 1000),
        ("Energy.Active.Export.Register", "Wh", "energy_export_wh", 1),
        ("Energy.Active.Export.Register", "kWh", "energy_export_wh", 1000),
        ("Power.Active.Import", "W", "power_in_w", 1),
        ("Power.Active.Import", "kW", "power_in_w", 1000),
        ("Power.Active.Export", "W", "power_out_w", 1),
        ("Power.Active.Export", "kW", "power_out_w", 1000),
        ("SoC", "Percent", "soc_pct", 1),
    ],
    schema={"measurand": pl.String, "unit": pl.String, "column": pl.String, "factor": pl.Int64},
    orient="row",
)
"""What is read, in which units (OCPP 1.6, section 7.31 and 7.45), and the column it becomes; the first unit is the
one meant where a value names none."""

_VALUE_RANGES: Final[Mapping[str, tuple[int, int, str]]] = {
    "energy_import_wh": (0, 10**12, "a number of Wh or kWh, 0 or more"),
    "energy_export_wh": (0, 10**12, "a number of Wh or kWh, 0 or more"),
    "power_in_w": (-(10**9), 10**9, "a number of W or kW"),
    "power_out_w": (-(10**9), 10**9, "a number of W or kW"),
    "soc_pct": (0, 100, "a number from 0 to 100"),
}


def sniff(head: bytes) -> bool:
    """Tell whether some line of a file's beginning is an OCPP frame."""
    return ocpp_log.sniff(head)


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read an OCPP 1.6J log; a bad line or value is refused by its line number and the rest loads.

    Bare frames take their charge point from `hints`.
    """
    lines = path.read_bytes().split(b"\n")
    log = Log()
    for message in ocpp_log.messages(lines, ocpp_log.charge_point_of(hints)):
        log.add(message)
    readings = log.reading_frame().with_columns(at=cells.utc(pl.col("stamp")))
    dated = readings.filter(pl.col("at").is_not_null())
    samples = log.sample_frame().join(dated.select("reading", "line"), on="reading", maintain_order="left")
    values, bad_values, ignored = _values(samples)
    rejects = _rejects([_bad_stamps(readings), bad_values, log.refused_frame()], lines)
    notes = (*log.notes(), *ignored)
    if not log.understood:
        return refused(FORMAT, rejects if rejects.height else _nothing(), "charger", notes)
    frame = _merged(name_sessions(_measured(dated, values), log.result_frame()))
    if frame.is_empty() and rejects.height:
        return refused(FORMAT, rejects, "charger", notes)
    if frame.is_empty():
        notes = (*notes, "no charger readings in this log")
    return Records(FORMAT, "charger", {"charger": in_schema(frame, "charger")}, rejects, notes)


def _values(samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Return one row per understood value (reading, column, number, rank), rejects, and notes on what was ignored."""
    default_units = MEASURANDS.unique("measurand", keep="first").select("measurand", default_unit="unit")
    known = samples.join(default_units, on="measurand", maintain_order="left")
    single_phase = (pl.col("phase") != "") | (pl.col("format") == "SignedData")
    notes = _ignored(samples, known, known.filter(single_phase))
    scaled = (
        known.filter(~single_phase)
        .with_columns(pl.col("unit").fill_null(pl.col("default_unit")))
        .join(MEASURANDS, on=["measurand", "unit"], how="left", maintain_order="left")
        .with_columns(number=_in_range(cells.exact(pl.col("value")) * pl.col("factor")))
    )
    bad_unit = pl.col("factor").is_null()
    units = MEASURANDS.group_by("measurand").agg(pl.col("unit").sort().str.join(" or ").alias("allowed"))
    unit_rejects = scaled.filter(bad_unit).join(units, on="measurand").with_columns(pl.col("unit").alias("value"))
    allowed = {column: text for column, (_, _, text) in _VALUE_RANGES.items()}
    value_rejects = scaled.filter(~bad_unit & pl.col("number").is_null()).with_columns(
        allowed=pl.col("column").replace_strict(allowed, return_dtype=pl.String)
    )
    columns = [pl.col("line"), pl.col("measurand").alias("field"), pl.col("value"), pl.col("allowed")]
    rejects = pl.concat([unit_rejects.select(columns), value_rejects.select(columns)])
    return scaled.filter(pl.col("number").is_not_null()), rejects, notes


def _in_range(number: pl.Expr) -> pl.Expr:
    within = pl.any_horizontal(
        (pl.col("column") == column) & number.is_between(low, high) for column, (low, high, _) in _VALUE_RANGES.items()
    )
    return pl.when(within).then(number)


def _ignored(samples: pl.DataFrame, known: pl.DataFrame, special: pl.DataFrame) -> tuple[str, ...]:
    notes = []
    if known.height < samples.height:
        others = samples.join(MEASURANDS, on="measurand", how="anti")
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
    ordered = part_touching_sessions(readings.filter(telling).rename({"at": "measured_at"})).sort(
        *key, pl.col("context") == "sample", pl.col("context") == "begin", "line", maintain_order=True
    )
    first = [pl.col(name).drop_nulls().first() for name in (*content, "session_id", "vehicle_id", "context")]
    return ordered.group_by(key, maintain_order=True).agg(first)


def _bad_stamps(readings: pl.DataFrame) -> pl.DataFrame:
    bad = readings.filter(pl.col("at").is_null())
    return bad.select("line", pl.lit("timestamp").alias("field"), pl.col("stamp").alias("value")).with_columns(
        allowed=pl.lit(cells.TIME_ALLOWED)
    )


def _rejects(parts: Sequence[pl.DataFrame], lines: Sequence[bytes]) -> pl.DataFrame:
    found = pl.concat([part.select(REFUSED_COLUMNS) for part in parts])
    raw = {number: lines[number - 1].decode("utf-8", "replace").strip() for number in found["line"].unique()}
    text = pl.Series("raw", [raw[number] for number in found["line"]], dtype=pl.String)
    return joined_rejects([found.with_columns(text, position=pl.format("line {}", "line")).select("line", *REJECT)])


def _nothing() -> pl.DataFrame:
    return refusal("file", "content", "", ocpp_log.FRAME_ALLOWED)
