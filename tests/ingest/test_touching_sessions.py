"""Of two sessions that touch, the one that began first ends a microsecond earlier, wherever its begin is told."""

from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.domain import UTC as UTC_TYPE
from pipeline.ingest.records import part_touching_sessions

TOUCH = datetime(2024, 5, 6, 9, tzinfo=UTC)


def readings(*rows: tuple[str, datetime]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"session_id": pl.String, "measured_at": UTC_TYPE}, orient="row")
    return frame.with_columns(charger_id=pl.lit("CP1"))


def test_the_begin_may_be_among_other_readings():
    touching = readings(("later-name", TOUCH), ("earlier-name", TOUCH))
    every = pl.concat([readings(("later-name", TOUCH - timedelta(hours=1))), touching])
    parted = dict(part_touching_sessions(touching, every).select("session_id", "measured_at").iter_rows())
    assert parted == {"later-name": TOUCH - timedelta(microseconds=1), "earlier-name": TOUCH}
