"""Two hashes: of all a bill's numbers depend on, and of what makes its report a new version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import polars as pl
import polars.selectors as cs

from pipeline.calendars import period_utc
from pipeline.chain.inputs import Prepared

_STORED: Final = (pl.Boolean, pl.String)
_PROSE: Final = {"name", "notes", "report", "weather_station", "tariff", "tariffs", "programme_start"}
_RESULT: Final = ("state", "provable", "grade", "peak_kw", "billing_demand_kw", "money", "lines", "fleet", "check")


def input_hash(prepared: Prepared) -> str:
    """Return the SHA-256 of everything this bill's numbers depend on; equal hashes mean equal numbers."""
    digest = sha256()
    stamps = pl.col("interval_start").dt.epoch("us")
    numbers = prepared.windows.sort("interval_start").select(stamps, cs.integer() | cs.boolean())
    for column in numbers.get_columns():
        digest.update(column.name.encode() + column.cast(pl.Int64).to_numpy().tobytes())
    digest.update(_sessions_of_bill(prepared).write_json().encode())
    digest.update(json.dumps(_other_inputs(prepared), sort_keys=True, default=str).encode())
    digest.update(prepared.inputs.tariff.canonical().encode())
    _add(digest, prepared.charger_windows)
    for month, bill in sorted(prepared.inputs.earlier.drawn.items()):
        if month in prepared.inputs.reach:
            digest.update(bill.frame.write_json().encode())
    for frame in (prepared.inputs.earlier.windows, prepared.inputs.earlier.baseline_days, prepared.inputs.weather):
        _add(digest, frame)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, frame: pl.DataFrame) -> None:
    """Take in a frame by its bytes: names, then each column's values and which of them are missing."""
    for column in frame.get_columns():
        digest.update(column.name.encode() + str(column.dtype).encode())
        if column.dtype == pl.String:
            digest.update(texts(column))
        else:
            plain = physical(column)
            whole = plain.null_count() == 0 and plain.dtype != pl.Boolean  # flags are taken in as numbers
            digest.update((plain if whole else plain.fill_null(0)).to_numpy().tobytes())
        digest.update(missing(column))


def missing(column: pl.Series) -> bytes:
    """Return a byte a value that tells whether it is missing."""
    return column.is_null().to_numpy().tobytes() if column.null_count() else bytes(len(column))


def physical(column: pl.Series) -> pl.Series:
    """Return the numbers or texts a column is stored as, which is dear to ask of one that is stored as it is."""
    kind = column.dtype
    return column if kind.is_integer() or kind.is_float() or kind in _STORED else column.to_physical()


def texts(column: pl.Series) -> bytes:
    """Return the texts of a column one after the other, missing ones as empty."""
    joined = column.fill_null("").str.join("\0").item()
    return str(joined).encode()


def _sessions_of_bill(prepared: Prepared) -> pl.DataFrame:
    begin, end = period_utc(prepared.inputs.period, prepared.inputs.site.timezone)
    ended = (pl.col("plugged_out_at") >= begin) & (pl.col("plugged_out_at") < end)
    started = (pl.col("plugged_in_at") >= begin) & (pl.col("plugged_in_at") < end)
    return prepared.known_sessions.filter(ended | started)


def _other_inputs(prepared: Prepared) -> dict[str, Any]:
    inputs = prepared.inputs
    return {
        "site": inputs.site.model_dump(mode="json", exclude=_PROSE),
        "period": [inputs.period.month, inputs.period.read_from, inputs.period.read_to],
        "window_min": prepared.window_min,
        "estimated_intervals": inputs.estimated_intervals,
        "seed": inputs.is_seed,
        "holidays": sorted(inputs.tariff_holidays),
        "own_peaks": [
            [*key, month, str(kw.normalize())]
            for key, months in sorted(inputs.earlier.own_peaks.items())
            for month, kw in sorted(months.items())
            if month in inputs.reach
        ],
        "incomplete": sorted(inputs.earlier.incomplete & inputs.reach),
        "demand_amounts": sorted((*k, str(v.normalize())) for k, v in inputs.earlier.demand_amounts.items()),
        "clock_bound_s": inputs.clock_bound_s,
        "non_routine": [str(span) for span in (*inputs.events, *inputs.outages)],
        "armed": sorted(inputs.armed.items()) if inputs.armed is not None else None,
        "beta": prepared.wiring.beta,
        "clock": [prepared.clock.state, prepared.clock.offset_s],
        "findings": prepared.findings.get_column("sentence").to_list(),
        "utility": [[str(bill) for bill in inputs.utility_bills], inputs.reconcile_pct],
        **({} if inputs.marginal_co2 is None else {"co2": [str(factor) for factor in inputs.marginal_co2]}),
        "efficiency": [prepared.round_trip.source, round(prepared.round_trip.efficiency, 9)],
    }


def result_hash(summary: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what makes a report a new version: lines, peaks, fleet, check, provability, stated CO2.

    Annual figures are as known when generated and restate nothing.
    """
    stated = {name: summary[name] for name in _RESULT}
    if summary["co2"]["change_kg"] is not None:
        stated["co2"] = summary["co2"]
    return sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()
