"""Columns of frames as arrays and back, which costs far less than an expression on so few rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl

Integers = np.ndarray[Any, np.dtype[np.int64]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Name = TypeVar("Name", bound=Hashable)


class Register(NamedTuple):
    """What readings state of one register [Wh]: a number each, and whether it was stated."""

    wh: Integers
    told: Flags

    @classmethod
    def of(cls, column: pl.Series) -> Register:
        """Return a column of readings."""
        nulls = column.null_count()
        if not nulls:
            return cls(column.to_numpy(), np.ones(len(column), dtype=np.bool_))
        if nulls == len(column):
            return cls(np.zeros(nulls, dtype=np.int64), np.zeros(nulls, dtype=np.bool_))
        return cls(column.fill_null(0).to_numpy(), column.is_not_null().to_numpy())

    def column(self, name: str) -> pl.Series:
        """Return it as a column of readings."""
        stated = pl.Series(name, self.wh)
        return stated if self.told.all() else stated.set(pl.Series(~self.told), None)


def numbered(names: Sequence[Name]) -> tuple[list[Name], Integers]:
    """Return names in the order of their first appearance, and the number of each entry's."""
    seen = list(dict.fromkeys(names))
    number_of = dict(zip(seen, range(len(seen)), strict=True))
    return seen, np.fromiter(map(number_of.__getitem__, names), np.int64, len(names))


def framed(columns: Mapping[str, Any], schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Return a frame of a schema; `columns` by its names are arrays, lists or series, instants as us since 1970."""
    return pl.DataFrame([pl.Series(name, columns[name], dtype=dtype) for name, dtype in schema.items()])
