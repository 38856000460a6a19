"""Readings charger by charger in order of time, which is how all of this room walks through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging.columns import Flags, Integers


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
    def new_session(self) -> Flags:
        """Which readings are of another session than the one before, or of another charger."""
        return self._changes("session_id")

    @cached_property
    def new_car(self) -> Flags:
        """Which readings are of another car than the one before, or of another charger."""
        return self._changes("vehicle_id")

    def _changes(self, name: str) -> Flags:
        column = self.readings.get_column(name)
        changes = np.zeros(len(column), dtype=np.bool_)
        changes[1:] = column[1:].ne_missing(column[:-1]).to_numpy()
        changes[self.bounds[:-1]] = True
        return changes

    def span(self, number: int) -> slice:
        """Return where the readings of a charger lie."""
        return slice(int(self.bounds[number]), int(self.bounds[number + 1]))

    def charger_of(self, places: Integers) -> Integers:
        """Return the numbers of the chargers that some readings are of."""
        return np.searchsorted(self.bounds, places, side="right") - 1

    def values(self, name: str, places: Integers) -> list[Any]:
        """Return what some readings state in a column; a place of -1 is no reading."""
        found = self.readings.get_column(name)[np.maximum(places, 0)].to_list()
        return [value if place >= 0 else None for value, place in zip(found, places.tolist(), strict=True)]


Readings: TypeAlias = pl.DataFrame | Log
"""`domain.CHARGER_RECORD` in any order, or put in order already: a bill's log is walked through five times."""


def in_order(readings: pl.DataFrame) -> pl.DataFrame:
    """Return readings by charger_id and measured_at; as they came where they are so already, which costs far less."""
    return Log.of(readings).readings
