"""Readings written as short tables."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.domain import CHARGER_RECORD

MIDNIGHT = datetime(2013, 7, 10, tzinfo=UTC)
Readings = Callable[..., pl.DataFrame]


def moment(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


@pytest.fixture
def readings() -> Readings:
    def build(rows: Iterable[tuple[Any, ...]], **same: Any) -> pl.DataFrame:
        """Rows are (minute, import Wh, export Wh, then any of CHARGER_RECORD by name in a dict)."""
        table = [
            {
                "charger_id": "CP1",
                "measured_at": moment(row[0]),
                "energy_import_wh": row[1],
                "energy_export_wh": row[2],
                "context": "sample",
                **same,
                **(row[3] if len(row) > 3 else {}),
            }
            for row in rows
        ]
        return pl.DataFrame(table, schema=dict(CHARGER_RECORD))

    return build
