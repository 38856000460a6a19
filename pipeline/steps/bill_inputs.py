"""The files that `v2b bill` reads: any load the ingest knows, and the tariff's dated series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.domain import METER_RECORD, REACTIVE_RECORD, ConfigError, InputError
from pipeline.ingest import Records, localised, read_file
from pipeline.portfolio import read_series

_NAMELESS = "main"  # the meter of a file that names none


@dataclass(frozen=True)
class MeterFile:
    """Meter readings in the shape of `domain.METER_RECORD`, by meter and time, and what a user should know.

    `reactive`: their reactive energy, in the shape of `domain.REACTIVE_RECORD`; without rows where none is metered.
    """

    meter: pl.DataFrame
    reactive: pl.DataFrame
    notes: tuple[str, ...]


def read_load(path: Path, zone: str) -> MeterFile:
    """Return the meter readings of a file of any format (docs/formats.md); `zone` places stamps that have none.

    Rows that cannot be read are noted and count as missing. Raises InputError with file, place, value and what is
    allowed for a file without readings, and for two readings of one meter at one time.
    """
    records = read_file(path, [path.stem])
    frames, rejects, notes = (
        [records.frames[kind] for kind in ("meter",) if kind in records.frames],
        [records.rejects],
        [],
    )
    for local in records.local:
        if local.kind == "meter":
            found, refused, said = localised(local, zone, {"meter_id": _NAMELESS})
            frames += found.values()
            rejects.append(refused)
            notes += said
    meter = pl.concat([pl.DataFrame(schema=dict(METER_RECORD)), *frames]).sort("meter_id", "interval_start")
    refused = pl.concat(rejects)
    if meter.is_empty():
        raise _no_readings(path, records, refused)
    _refuse_overlaps(path, meter, zone)
    notes += [*records.notes, *_told(records, meter, refused)]
    reactive = records.frames.get("reactive", pl.DataFrame(schema=dict(REACTIVE_RECORD)))
    return MeterFile(meter, reactive, tuple(notes))


def _no_readings(path: Path, records: Records, refused: pl.DataFrame) -> InputError:
    if refused.height:
        first = refused.row(0, named=True)
        return InputError(path.name, f"{first['position']}, {first['field']}", first["value"], first["allowed"])
    return InputError(path.name, "file", records.kind or records.format, "a file with meter readings (docs/formats.md)")


def _refuse_overlaps(path: Path, meter: pl.DataFrame, zone: str) -> None:
    before = pl.col("meter_id") == pl.col("meter_id").shift(1)
    end = pl.col("interval_start").shift(1) + pl.duration(seconds=pl.col("duration_s").shift(1))
    twice = meter.filter(before & (pl.col("interval_start") < end))
    if twice.height:
        row = twice.row(0, named=True)
        at = row["interval_start"].astimezone(ZoneInfo(zone)).isoformat()
        raise InputError(
            path.name, f"meter {row['meter_id']}, interval_start", at, "one reading for any moment of a meter"
        )


def _told(records: Records, meter: pl.DataFrame, refused: pl.DataFrame) -> list[str]:
    notes = []
    if refused.height:
        first = refused.row(0, named=True)
        notes.append(
            f"{refused.height} rows were refused and count as missing; the first: {first['position']}, "
            f"{first['field']}: {first['value']!r} is not allowed; allowed: {first['allowed']}"
        )
    if records.unterminated:
        notes.append("the last line has no line end; it is taken as it stands, though it may have been cut")
    names = meter.get_column("meter_id").unique().sort().to_list()
    if len(names) > 1:
        notes.append(f"{len(names)} meters are added up: {', '.join(names)}")
    estimated = meter.filter(pl.col("quality") == "estimated").height
    if estimated:
        notes.append(f"{estimated} of {meter.height} intervals are marked as estimated and billed as they stand")
    return notes


def series_beside(tariff: Path) -> Callable[[str], list[tuple[date, Decimal]]]:
    """Return the reader of a tariff's dated series: `series/<name>.csv` beside the tariff file, or beside its folder.

    The reader raises ConfigError where there is no such file.
    """

    def read(name: str) -> list[tuple[date, Decimal]]:
        folders = (tariff.resolve().parent, tariff.resolve().parent.parent)
        path = next((p for p in (folder / "series" / f"{name}.csv" for folder in folders) if p.is_file()), None)
        if path is None:
            allowed = f"a file series/{name}.csv with the header date,value beside the tariff or its folder"
            raise ConfigError(tariff.name, f"series {name!r}", None, allowed)
        return read_series(path)

    return read
