"""What a bill measured, as stored and as it would have been without events, read into rows once for all its uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

import polars as pl

from pipeline.domain import UTC
from pipeline.tariff import Rows, measured_rows

ROUTINE: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "routine_import_wh": pl.Int64,
    "routine_export_wh": pl.Int64,
    "routine_peak_w": pl.Int64,
    "routine_peak_set_at": UTC,
}
"""What a determinant would have been without the events of the bill; null where none had a load that is known."""

INSTEAD_OF: Final = dict(zip(ROUTINE, ("import_wh", "export_wh", "own_peak_w", "peak_set_at"), strict=True))
"""The columns of `tariff.DETERMINANT` that each of ROUTINE stands for."""


@dataclass(frozen=True, eq=False)
class BillMeasured:
    """The determinants of one bill: a frame of `tariff.DETERMINANT` and ROUTINE."""

    frame: pl.DataFrame

    @cached_property
    def rows(self) -> Mapping[str, Rows]:
        """What was measured, by world."""
        return measured_rows(self.frame)

    @cached_property
    def adjusted(self) -> bool:
        """Whether the load of an event was taken off the bill."""
        return self.frame.get_column("routine_import_wh").count() > 0

    @cached_property
    def routine(self) -> Mapping[str, Rows]:
        """What would have been measured without events whose load is known, by world."""
        if not self.adjusted:
            return self.rows
        columns = (pl.col(name).alias(replaced) for name, replaced in INSTEAD_OF.items())
        return measured_rows(self.frame.with_columns(columns))

    def peaked_within(self, begin: datetime, end: datetime) -> bool:
        """Whether without events any world would still have set a peak in a half-open span."""
        found = (row for rows in self.routine.values() for row in rows.values() if row.own_peak_w is not None)
        return any(row.peak_set_at is not None and begin <= row.peak_set_at < end for row in found)
