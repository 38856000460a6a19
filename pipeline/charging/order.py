"""Readings charger by charger in order of time, which is how all of this room walks through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Flags, Integers

_TELL: Final = (
    pl.col("context").eq_missing("begin").alias("begin"),
    pl.col("context").eq_missing("end").alias("end"),
    pl.col("vehicle_id").is_not_null().alias("names_car"),
    pl.col("soc_pct").is_not_null().alias("states_soc"),
    pl.col("session_id").is_null().alias("idle"),
    pl.col("session_id").ne_missing(pl.col("session_id").shift()).alias("new_session"),
    pl.col("vehicle_id").ne_missing(pl.col("vehicle_id").shift()).alias("new_car"),
)


class Marks(NamedTuple):
    """What readings say: that a session begins or ends, its car, a state of charge, or no session.

    `new_session`, `new_car`: of another one than the reading before, or of another charger.
    """

    begin: Flags
    end: Flags
    names_car: Flags
    states_soc: Flags
    idle: Flags
    new_session: Flags
    new_car: Flags


class Visits(NamedTuple):
    """Readings in a row of one charger, session and car: where they begin, whose they are, and the session's car.

    That is the first car of the session: one that names its car in one reading means it in all.
    """

    begins: Integers
    charger_ids: list[str]
    cars: list[str | None]


@dataclass(frozen=True)
class Log:
    """Readings by charger_id and measured_at, and where each charger's begin; `bounds` end with how many there are."""

    readings: pl.DataFrame
    charger_ids: tuple[str, ...]
    bounds: Integers
    at_us: Integers

    @classmethod
    def of(cls, readings: Readings) -> Log:
        """Put readings in order; those that are so already stay as they came, which costs far less."""
        if isinstance(readings, Log):
            return readings
        found = cls._as_it_lies(readings)
        falls = np.flatnonzero(found.at_us[1:] < found.at_us[:-1]) + 1
        rising = all(one < other for one, other in pairwise(found.charger_ids))
        if rising and set(falls.tolist()) <= set(found.bounds.tolist()):
            return found
        return cls._as_it_lies(readings.sort("charger_id", "measured_at", maintain_order=True))

    @classmethod
    def _as_it_lies(cls, readings: pl.DataFrame) -> Log:
        ids, at_us = readings.get_column("charger_id"), instants_us(readings.get_column("measured_at"))
        begins = np.flatnonzero((ids[1:] != ids[:-1]).to_numpy()) + 1
        bounds = np.concatenate(([0], begins, [len(ids)])) if len(ids) else np.zeros(1, dtype=np.int64)
        return cls(readings, tuple(ids[bounds[:-1]].to_list()), bounds, at_us)

    def with_readings(self, readings: pl.DataFrame) -> Log:
        """Return the same log with other registers in its readings."""
        return self if readings is self.readings else replace(self, readings=readings)

    @cached_property
    def marks(self) -> Marks:
        """What every reading says, in one pass: an expression by itself costs as much as all of them."""
        marks = Marks(*(np.array(mark.to_numpy()) for mark in self.readings.select_seq(_TELL)))
        for changes in (marks.new_session, marks.new_car):
            changes[self.bounds[:-1]] = True
        return marks

    @cached_property
    def visits(self) -> Visits:
        """Which car every reading is of."""
        begins = np.flatnonzero(self.marks.new_session | self.marks.new_car)
        charger_ids = [self.charger_ids[number] for number in self.charger_of(begins).tolist()]
        session_ids, named = (self.column(f"{name}_id", begins).to_list() for name in ("session", "vehicle"))
        sessions, first = list(zip(charger_ids, session_ids, strict=True)), dict[tuple[str, str], str]()
        for session, car in zip(sessions, named, strict=True):
            if session[1] is not None and car is not None:
                first.setdefault(session, car)
        cars = [first.get(session) or car for session, car in zip(sessions, named, strict=True)]
        return Visits(begins, charger_ids, cars)

    def span(self, number: int) -> slice:
        """Return where the readings of a charger lie."""
        return slice(int(self.bounds[number]), int(self.bounds[number + 1]))

    def charger_of(self, places: Integers) -> Integers:
        """Return the numbers of the chargers that some readings are of."""
        return np.searchsorted(self.bounds, places, side="right") - 1

    def column(self, name: str, places: Integers) -> pl.Series:
        """Return what some readings state in a column; a place of -1 is no reading."""
        found = self.readings.get_column(name)[np.maximum(places, 0)]
        if places.min(initial=0) >= 0:
            return found
        return found.zip_with(pl.Series(places >= 0), found.clear(1))


Readings: TypeAlias = pl.DataFrame | Log
"""`domain.CHARGER_RECORD` in any order, or put in order already: a bill's log is walked through five times."""


def in_order(readings: pl.DataFrame) -> pl.DataFrame:
    """Return readings by charger_id and measured_at; as they came where they are so already, which costs far less."""
    return Log.of(readings).readings
