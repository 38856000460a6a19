"""A block of an OCPP log to columns: the lines of each common shape at once, the rest one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_blocks import Block
from pipeline.ingest.ocpp_columns import EVENT, READING, RESULT, SAMPLE, Columns, Decoded, Log
from pipeline.ingest.ocpp_frames import Framed
from pipeline.ingest.ocpp_log import messages
from pipeline.ingest.ocpp_page import Lines, Page, Span, matched
from pipeline.ingest.ocpp_shapes import (
    HEARD,
    OWNER,
    UNUSUAL,
    Cell,
    Known,
    Matcher,
    Shape,
    matcher,
    special_slots,
    tokens,
)

FEWEST_LINES: Final = 64  # below that, reading each line is faster than learning their shape
_SAMPLED_LINES: Final = 4096
_MOST_SHAPES: Final = 48
_MOST_MET: Final = 5_000
_KINDS: Final = tuple(map(Known._make, product((False, True), repeat=3)))
_TYPES: Final = {**READING, **RESULT, **EVENT, **SAMPLE}


class Alike(NamedTuple):
    """The lines of a block that have one shape, with their tokens; `line` is their place in the block."""

    shape: Shape
    behind: bool
    lines: pl.DataFrame


@dataclass
class Shapes:
    """The shapes met so far in a log."""

    _matchers: dict[Known, list[Matcher]] = field(default_factory=dict)
    _met: set[tuple[Known, str, tuple[str, ...]]] = field(default_factory=set)

    def alike(self, framed: Framed) -> list[Alike]:
        """Return the lines of each common shape in the next block."""
        owners, owner = framed.owners, framed.lines.owner
        named, timed = ((owners.get_column(name) != "").to_numpy()[owner] for name in owners.columns)
        kind = 4 * (owner > 0) + 2 * named + timed
        return [
            Alike(one.shape, known.behind, _with_tokens(one.shape, framed, lines, spans))
            for number, known in enumerate(_KINDS)
            for one, lines, spans in self._alike(known, framed.page, framed.lines.at(kind == number))
        ]

    def _alike(self, known: Known, page: Page, lines: Lines) -> Iterator[tuple[Matcher, Lines, Mapping[int, Span]]]:
        """Yield the lines of each common shape: of those that are known, then of those that the rest shows."""
        matchers = self._matchers.setdefault(known, [])
        for learn in (False, True):
            if len(lines) < FEWEST_LINES:
                break
            new = list(self._learnt(known, page, lines)) if learn else matchers[:]
            for one in new:
                which, spans = matched(page, lines, one.pattern)
                one.lines = len(which)
                if one.lines:
                    yield one, lines.at(which), spans
                    lines = lines.at(np.delete(np.arange(len(lines)), which))
            matchers[:] = new if not learn else matchers + new
        matchers.sort(key=lambda one: -one.lines)
        del matchers[_MOST_SHAPES:]

    def _learnt(self, known: Known, page: Page, lines: Lines) -> Iterator[Matcher]:
        """Yield the shapes that are frequent in a sample of lines and were not met before."""
        if len(self._met) > _MOST_MET:
            self._met.clear()
        step = max(1, len(lines) // _SAMPLED_LINES)
        frequent = pl.len().over("text") >= max(1, FEWEST_LINES // step)
        sampled = tokens(_bodies(page, lines.at(slice(None, None, step)))).filter(frequent)
        for (text,), group in sampled.partition_by(["text"], as_dict=True, maintain_order=True).items():
            if (slots := special_slots(text, known)) is None:
                continue
            telling, connectors = slots
            values = group.select(
                pl.col("tokens").list.get(slot).str.strip_chars('"').alias(f"{slot}") for slot in telling
            )
            for told in dict.fromkeys(values.iter_rows()) if telling else [()]:
                new = (known, text, told) not in self._met
                self._met.add((known, text, told))
                if new and (found := matcher(text, known, dict(zip(telling, told, strict=True)), connectors)):
                    yield found


def _bodies(page: Page, lines: Lines) -> pl.DataFrame:
    """Return the text of usual lines, as `body`."""
    bodies = (_text(page.data[start:end]) for start, end in zip(lines.start, lines.end, strict=True))
    frame = pl.DataFrame({"body": list(bodies)}, schema={"body": pl.String})
    return frame.filter(~pl.col("body").str.contains(UNUSUAL))


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def _with_tokens(shape: Shape, framed: Framed, lines: Lines, spans: Mapping[int, Span]) -> pl.DataFrame:
    """Return lines with their owners and the text of the tokens that are used."""
    texts = framed.page.texts({f"token_{slot}": spans[slot] for slot in sorted(shape.slots())})
    return pl.concat([pl.DataFrame({"line": lines.line}), framed.owners[lines.owner], texts], how="horizontal")


def decode(block: Block, groups: list[Alike], log: Log, default_charge_point: str) -> Decoded:
    """Return the columns of a block: those of lines alike at once, the rest one by one; `log` keeps the count."""
    parts, left = [], np.ones(len(block), dtype=np.bool_)
    for shape, behind, lines in groups:
        left[lines.get_column("line").to_numpy()] = False
        parts.append(_columns(shape, lines.with_columns(pl.col("line") + block.first), log.attributes))
        log.understood += lines.height * shape.understood
        log.behind |= behind and shape.understood
        log.whole_station += lines.height * shape.whole_station
        log.unused.update(dict.fromkeys(shape.unused, lines.height))
    rest = ((block.first + at, block.piece(at)) for at in np.flatnonzero(left).tolist())
    for message in messages(rest, default_charge_point):
        log.add(message)
    for part in parts:
        log.add_columns(part)
    return log.block()


def _token(slot: int) -> pl.Expr:
    return pl.col({OWNER: "charge_point", HEARD: "heard"}.get(slot, f"token_{slot}"))


def _columns(shape: Shape, lines: pl.DataFrame, attributes: dict[tuple[Any, ...], int]) -> Columns:
    """Return the rows of all lines of a shape."""
    order = pl.int_range(pl.len(), dtype=pl.Int64)
    readings = [
        lines.select(
            *(
                (order + part * lines.height).alias(name) if name == "reading" else _value(name, cell, shape)
                for name, cell in row.items()
            )
        )
        for part, row in enumerate(shape.readings)
    ]
    samples = [
        lines.select(
            reading=order + part * lines.height,
            attributes=pl.lit(attributes.setdefault(combination, len(attributes)), dtype=pl.Int64),
            value=_value("value", cell, shape),
        )
        for part, combination, cell in shape.samples
    ]
    results = [lines.select(_value(name, cell, shape) for name, cell in row.items()) for row in shape.results]
    events = [lines.select(_value(name, cell, shape) for name, cell in row.items()) for row in shape.events]
    return Columns(
        pl.concat([pl.DataFrame(schema=READING), *readings]),
        pl.concat([pl.DataFrame(schema=SAMPLE), *samples]),
        pl.concat([pl.DataFrame(schema=RESULT), *results]),
        pl.concat([pl.DataFrame(schema=EVENT), *events]).drop_nulls("sequence"),
    )


def _value(name: str, cell: Cell, shape: Shape) -> pl.Expr:
    """Return a column of a shape's row, treated as `Log` treats a value of that name."""
    if name == "line":
        return pl.col("line")
    if cell.slot is None:
        return pl.lit(cell.literal, dtype=_TYPES[name]).alias(name)
    text = found = _token(cell.slot)
    match name:
        case "transaction" if not shape.named_by_event:
            found = pl.when(text.str.contains("^[0-9]*[1-9][0-9]*$")).then(text)
        case "sequence":
            found = pl.when(text.str.contains("^-?[0-9]{1,6}$")).then(text).cast(pl.Int64)
        case "connector":
            found = text.cast(pl.Int64)
        case "value":
            found = text + cell.suffix if cell.suffix else text
    return found.alias(name)
