"""What the log says of the cars, read as the energies of the bill are: joined with sessions files, and repaired."""

from typing import Any

import pytest

from tests.chain.cases import summary
from tests.factories import charger_records, session_records

FILE = session_records(
    [
        {
            "session_id": "a",
            "charger_id": "CP1",
            "vehicle_id": "LEAF1",
            "plugged_in_at": "07-01 08:00",
            "plugged_out_at": "07-01 18:00",
        }
    ]
)
BELOW: list[tuple[Any, ...]] = [
    ("06-30 20:00", 0, 5000),
    ("07-01 08:00", 0, 5000, {"soc_pct": 9.0}),
    ("07-01 13:00", 0, 5000, {"soc_pct": 9.0}),
    ("07-01 13:30", 0, 5000, {"soc_pct": 9.0}),
    ("07-01 18:00", 0, 5000, {"soc_pct": 9.0}),
    ("07-03 08:00", 0, 5000),
]


def violations(rows: list[tuple[Any, ...]], **changes: Any) -> int | None:
    found = summary(readings=charger_records(rows), **changes)["fleet"]["reserve_violations"]
    assert found is None or isinstance(found, int)
    return found


def given_at(row: int, wh: int) -> list[tuple[Any, ...]]:
    """Register of energy given, as read in one row, or from it on where it rises."""
    return [
        (at, into, wh if number == row or (number > row and wh > out_of) else out_of, *more)
        for number, (at, into, out_of, *more) in enumerate(BELOW)
    ]


@pytest.mark.parametrize(("rows", "wanted"), [(BELOW, 0), (given_at(3, 7000), 1)])
def test_a_reserve_is_watched_in_sessions_that_only_a_file_names(rows: list[tuple[Any, ...]], wanted: int) -> None:
    assert violations(rows) is None
    assert violations(rows, session_records=FILE) == wanted


def test_a_register_that_was_read_wrong_once_has_given_nothing() -> None:
    """From 0 back to 5 kWh nothing left the car, though the log as it came rises by that."""
    assert violations(given_at(2, 0), session_records=FILE) == 0
