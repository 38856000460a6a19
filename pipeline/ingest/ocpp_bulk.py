"""Lines alike to columns: the tokens of all shapes of a block are taken at once, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_columns import EVENT, READING, RESULT, SAMPLE, Columns, Schema
from pipeline.ingest.ocpp_frames import Framed
from pipeline.ingest.ocpp_page import Lines, Places, Span
from pipeline.ingest.ocpp_shapes import HEARD, OWNER, Cell, Row, Shape

_TYPES: Final = {**READING, **RESULT, **EVENT, **SAMPLE}
_OWNED: Final = {OWNER: "charge_point", HEARD: "heard"}


class Alike(NamedTuple):
    """The lines of a block that have one shape, and where what stands in each slot begins and ends."""

    shape: Shape
    behind: bool
    lines: Lines
    spans: Mapping[int, Span]


class _Part(NamedTuple):
    """One row of a shape for all its lines, and which of a column's cells it fills; `ints` are ready columns."""

    group: Alike
    cells: Row
    ints: Mapping[str, Places]


def columns(framed: Framed, groups: Sequence[Alike], attributes: MutableMapping[tuple[Any, ...], int]) -> Columns:
    """Return the rows of lines alike, readings numbered from 0; combinations of attributes new to them are added."""
    readings, samples, results, events = [], [], [], []
    first = 0
    for group in groups:
        shape, order = group.shape, np.arange(len(group.lines))
        line = {"line": group.lines.line + framed.block.first}
        number = [first + part * len(order) + order for part in range(len(shape.readings))]
        first += len(shape.readings) * len(order)
        readings += [_Part(group, row, line | {"reading": number[part]}) for part, row in enumerate(shape.readings)]
        for part, combination, cell in shape.samples:
            kind = np.full(len(order), attributes.setdefault(combination, len(attributes)))
            samples.append(_Part(group, {"value": cell}, {"reading": number[part], "attributes": kind}))
        results += [_Part(group, row, line) for row in shape.results]
        events += [_Part(group, row, line) for row in shape.events]
    return Columns(
        _frame(framed, readings, READING),
        _frame(framed, samples, SAMPLE),
        _frame(framed, results, RESULT),
        _frame(framed, events, EVENT).drop_nulls("sequence"),
    )


def _frame(framed: Framed, parts: Sequence[_Part], schema: Schema) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema=schema)
    return pl.DataFrame(
        [
            pl.Series(name, np.concatenate([part.ints[name] for part in parts]))
            if name in parts[0].ints
            else _column(framed, name, parts).alias(name)
            for name in schema
        ]
    )


def _column(framed: Framed, name: str, parts: Sequence[_Part]) -> pl.Series:
    """Return a column of rows; the tokens of neighbouring parts are taken together."""

    def source(part: _Part) -> Callable[[Framed, str, list[_Part]], pl.Series]:
        slot = part.cells[name].slot
        return _literals if slot is None else _owned if slot in _OWNED else _tokens

    return pl.concat([read(framed, name, list(some)) for read, some in groupby(parts, source)])


def _literals(framed: Framed, name: str, parts: list[_Part]) -> pl.Series:
    del framed
    return pl.concat(
        [
            pl.Series([part.cells[name].literal], dtype=_TYPES[name]).new_from_index(0, len(part.group.lines))
            for part in parts
        ]
    )


def _owned(framed: Framed, name: str, parts: list[_Part]) -> pl.Series:
    texts = [
        framed.owners.get_column(_OWNED[part.cells[name].slot or 0]).gather(part.group.lines.owner) for part in parts
    ]
    return _as_log(name, pl.concat(texts), parts)


def _tokens(framed: Framed, name: str, parts: list[_Part]) -> pl.Series:
    spans = [part.group.spans[part.cells[name].slot or 0] for part in parts]
    starts, ends = (np.concatenate(bounds) for bounds in zip(*spans, strict=True))
    return _as_log(name, framed.page.texts(starts, ends), parts)


def _as_log(name: str, texts: pl.Series, parts: list[_Part]) -> pl.Series:
    """Return the text of a column's tokens, treated as `Log` treats a value of that name."""
    match name:
        case "transaction":
            kept = texts.str.contains("^[0-9]*[1-9][0-9]*$") | _of_lines(parts, lambda shape, _: shape.named_by_event)
            return texts.set(~kept, None)
        case "sequence":
            return texts.set(~texts.str.contains("^-?[0-9]{1,6}$"), None).cast(pl.Int64)
        case "connector":
            return texts.cast(pl.Int64)
        case "value" if any(part.cells[name].suffix for part in parts):
            return texts + _of_lines(parts, lambda _, cell: cell.suffix, name)
    return texts


def _of_lines(parts: list[_Part], told: Callable[[Shape, Cell], Any], name: str = "transaction") -> pl.Series:
    """Return for every line what is told of its shape, or of its cell in a column."""
    each = [told(part.group.shape, part.cells[name]) for part in parts]
    return pl.Series(each).gather(np.repeat(np.arange(len(parts)), [len(part.group.lines) for part in parts]))
