"""Times read letter by letter are those an expression reads, whatever stands beside them."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import cells
from pipeline.ingest.plain_times import instants, utc

TIMES = [
    "2024-05-06T08:00:00Z",
    "2024-02-29T23:59:59Z",
    "2024-05-06T08:00:00+09:00",
    "2024-05-06T08:00:00-03:30",
    "2024-05-06T08:00:00.25Z",
    "2024-05-06t08:00Z",
    "2023-02-29T08:00:00Z",
    "2024-05-06T24:00:00Z",
    "2024-05-06T08:00:00",
    "2024-05-06T08:00:00ZZ",
    "2024-05-06T08:00:00Z2",
    "024-05-06T08:00:00Z",
    "2024-05-06T08:00:0Zürich",
    "",
    None,
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(TIMES), max_size=6))
def test_any_times_are_those_of_the_expression(texts):
    column = pl.Series("at", texts, dtype=pl.String)
    assert utc(column).to_list() == column.to_frame().select(cells.utc(pl.col("at"))).to_series().to_list()


def test_offsets_are_taken_off():
    found = instants(pl.Series(["2024-05-06T08:00:00+09:00", "2024-05-06T08:00:00Z"]))
    assert found is not None
    assert found.to_list() == [datetime(2024, 5, 5, 23, tzinfo=UTC), datetime(2024, 5, 6, 8, tzinfo=UTC)]


@pytest.mark.parametrize("wrong", ["2023-02-29T08:00:00Z", "2024-05-06T24:00:00Z", "2024-05-06T08:00:00.5Z"])
def test_one_time_that_is_not_plain_leaves_all_to_the_expression(wrong):
    assert instants(pl.Series(["2024-05-06T08:00:00Z", wrong])) is None


def test_letters_that_slipped_into_the_line_before_are_not_put_right():
    slipped = pl.Series(["2024-05-06T08:00:00Z2", "024-05-06T08:00:00Z"])
    assert instants(slipped) is None
    assert utc(slipped).to_list() == [None, None]
