"""An unchanged source hash means that nothing was read which could change a bill."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.chain import Earlier, source_hash
from pipeline.chain.sources import _frame_parts
from pipeline.uncertainty import DrawnSaving
from tests.chain.cases import RATCHET, V2B_DAY, inputs, meter, peaks, tariff
from tests.factories import charger_records, site

RATCHETED = {"tariff": tariff(RATCHET)}
METERED = {"07-01 13:00": 8_000, "07-01 15:00": 12_500}


def hashed(*, code: str = "1", **changes: Any) -> str:
    return source_hash(inputs(**{**RATCHETED, **changes}), code)


def earlier(months: frozenset[str] = frozenset(), **by_month: str) -> Earlier:
    return Earlier({("actual", "demand"): peaks(**by_month)}, months, {}, [])


CHANGED = {
    "a metered value": {"meter": meter({**METERED, "07-01 13:00": 8_001})},
    "a reading": {"readings": charger_records(V2B_DAY[:-1])},
    "the tariff": {"tariff": tariff()},
    "a key of the site": {"site": site(name="Other")},
    "an earlier peak": {"earlier": earlier(m2013_06="99")},
    "its month": {"earlier": earlier(m2013_05="99")},
    "a month that is not complete": {"earlier": earlier(frozenset({"2013-06"}))},
    "the start of the programme": {"programme_start": date(2013, 6, 30)},
    "an armed day": {"armed": {date(2013, 7, 2): True}},
    "the code": {"code": "2"},
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED.keys())
def test_whatever_is_read_changes_the_hash(change: dict[str, Any]) -> None:
    assert hashed(**change) != hashed()


def test_what_has_no_order_has_none() -> None:
    one, two = (earlier(frozenset(months), m2013_05="1", m2013_06="2") for months in (("a", "b"), ("b", "a")))
    assert hashed(earlier=one) == hashed(earlier=two)
    own = {("actual", "demand"): peaks(m2013_05="1", m2013_06="2")}
    assert hashed(readings=charger_records(V2B_DAY[::-1])) == hashed(readings=charger_records(V2B_DAY))
    turned = {key: dict(reversed(list(months.items()))) for key, months in own.items()}
    assert hashed(earlier=Earlier(own, frozenset(), {}, [])) == hashed(earlier=Earlier(turned, frozenset(), {}, []))


def test_equal_numbers_are_equal_however_written() -> None:
    assert hashed(earlier=earlier(m2013_06="99")) == hashed(earlier=earlier(m2013_06="99.0"))
    assert Decimal("99.0").as_tuple() != Decimal(99).as_tuple()


def test_columns_of_lists_are_read_with_their_lengths() -> None:
    """The draws of an earlier bill are a list in each row: the same numbers in other rows are something else."""

    def parts(*rows: list[int] | None) -> bytes:
        return b"|".join(_frame_parts(pl.DataFrame({"draws": rows}, schema={"draws": pl.List(pl.Int64)})))

    different = {parts([1, 2], [3]), parts([1], [2, 3]), parts([1, 2], [4]), parts([1, 2], None), parts([1, 2], [])}
    assert len(different) == 5
    assert parts([1, 2], [3]) == parts([3], [1, 2])


def test_what_draws_saved_is_read_to_its_last_digit() -> None:
    one, two = (
        Earlier({}, frozenset(), {}, [], drawn_savings={"2013-06": DrawnSaving(np.array([0.1, last]), 0.0)})
        for last in (0.2, np.nextafter(0.2, 1))
    )
    assert hashed(earlier=one) != hashed(earlier=two)
