"""A block of an OCPP log to columns: the lines of each common shape at once, the rest one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_blocks import Block
from pipeline.ingest.ocpp_columns import EVENT, READING, RESULT, SAMPLE, Columns, Decoded, Log
from pipeline.ingest.ocpp_log import LONGEST_MESSAGE_BYTES, last_word, messages, named_in
from pipeline.ingest.ocpp_names import STAMP
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
_WHOLE: Final = r'^[ \t\r]*(?:\{|\[[ \t]*[2-6][ \t]*,[ \t]*")'
_BEHIND: Final = (
    r'^([ \t]*(?:[!-Z\\-z|}~]|\[[\t !#-Z\\^-z|~]*\])[ -~\t]*?)((?:\[[ \t]*[2-6][ \t]*,[ \t]*"|\{[ \t]*").*)$'
)
_LAST_WORDS: Final = r"((?:[^ \t]+[ \t]+){0,2}[^ \t]*)$"
_TYPES: Final = {**READING, **RESULT, **EVENT, **SAMPLE}
_KNOWN: Final = Known._fields


class Alike(NamedTuple):
    """The lines of a block that have one shape, with their tokens; `line` is their place in the block."""

    shape: Shape
    behind: bool
    lines: pl.DataFrame


@dataclass
class Shapes:
    """The shapes met so far in a log."""

    default_charge_point: str
    _matchers: dict[Known, list[Matcher]] = field(default_factory=dict)
    _met: set[tuple[Known, str, tuple[str, ...]]] = field(default_factory=set)

    def alike(self, pieces: list[bytes]) -> list[Alike]:
        """Return the lines of each common shape in the next block."""
        groups = _candidates(pieces, self.default_charge_point).partition_by(list(_KNOWN), as_dict=True)
        return [
            Alike(shape, bool(flags[0]), lines)
            for flags, group in groups.items()
            for shape, lines in self._alike(Known(*flags), group)
        ]

    def _alike(self, known: Known, lines: pl.DataFrame) -> Iterator[tuple[Shape, pl.DataFrame]]:
        """Yield the lines of each common shape: of those that are known, then of those that the rest shows."""
        matchers = self._matchers.setdefault(known, [])
        for learn in (False, True):
            if lines.height < FEWEST_LINES:
                break
            new = list(self._learnt(known, lines)) if learn else matchers[:]
            for known_shape in new:
                alike, lines = _split(lines, known_shape)
                if alike.height:
                    yield known_shape.shape, alike
            matchers[:] = new if not learn else matchers + new
        matchers.sort(key=lambda one: -one.lines)
        del matchers[_MOST_SHAPES:]

    def _learnt(self, known: Known, lines: pl.DataFrame) -> Iterator[Matcher]:
        """Yield the shapes that are frequent in a sample of lines and were not met before."""
        if len(self._met) > _MOST_MET:
            self._met.clear()
        step = max(1, lines.height // _SAMPLED_LINES)
        frequent = pl.len().over("text") >= max(1, FEWEST_LINES // step)
        sampled = tokens(lines.gather_every(step)).filter(frequent)
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


def _split(lines: pl.DataFrame, by: Matcher) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (lines of a shape with its tokens, the others)."""
    slots = sorted(by.shape.slots())
    body = pl.col("body").str
    if not slots:
        told = lines.with_columns(is_alike=body.contains(by.expression))
    else:
        told = lines.with_columns(body.extract_groups(by.expression).alias("found")).unnest("found")
        told = told.with_columns(is_alike=pl.col(f"token_{slots[0]}").is_not_null())
    alike = told.filter("is_alike")
    by.lines = alike.height
    return alike, (told.filter(~pl.col("is_alike")).select(lines.columns) if alike.height else lines)


def decode(block: Block, groups: list[Alike], log: Log, default_charge_point: str) -> Decoded:
    """Return the columns of a block: those of lines alike at once, the rest one by one; `log` keeps the count."""
    parts, left = [], np.ones(len(block.pieces), dtype=np.bool_)
    for shape, behind, lines in groups:
        left[lines.get_column("line").to_numpy()] = False
        parts.append(_columns(shape, lines.with_columns(pl.col("line") + block.first), log.attributes))
        log.understood += lines.height * shape.understood
        log.behind |= behind and shape.understood
        log.whole_station += lines.height * shape.whole_station
        log.unused.update(dict.fromkeys(shape.unused, lines.height))
    rest = ((block.first + at, block.pieces[at]) for at in np.flatnonzero(left).tolist())
    for message in messages(rest, default_charge_point):
        log.add(message)
    for part in parts:
        log.add_columns(part)
    return log.block()


def _candidates(pieces: list[bytes], default_charge_point: str) -> pl.DataFrame:
    """Return the lines that may have a shape: place, text of the frame, charge point and time heard."""
    lines = _texts(pieces).to_frame("body").select(pl.int_range(pl.len(), dtype=pl.Int64).alias("line"), "body")
    usual = ~pl.col("body").str.contains(UNUSUAL) & (pl.col("body").str.len_bytes() <= LONGEST_MESSAGE_BYTES)
    told = lines.filter(usual).with_columns(whole=pl.col("body").str.contains(_WHOLE))
    whole = told.filter("whole").select(
        "line", "body", behind=False, charge_point=pl.lit(default_charge_point), heard=pl.lit("")
    )
    behind = _behind(told.filter(~pl.col("whole")), default_charge_point)
    return pl.concat([whole, behind]).with_columns(named=pl.col("charge_point") != "", timed=pl.col("heard") != "")


def _texts(pieces: list[bytes]) -> pl.Series:
    """Return pieces as text, null where they are not UTF-8."""
    try:
        return pl.Series(pieces, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series([_text(piece) for piece in pieces], dtype=pl.String)


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def _behind(lines: pl.DataFrame, default_charge_point: str) -> pl.DataFrame:
    """Return the frames that stand behind a prefix, with the charge point and the time that it names."""
    parts = pl.col("body").str.extract_groups(_BEHIND).struct
    split = lines.select("line", body=parts.field("2"), prefix=parts.field("1")).drop_nulls("body")
    split = split.with_columns(tail=pl.col("prefix").str.extract(_LAST_WORDS))
    tails = split.get_column("tail").unique()
    decided = {tail: named_in(tail) for tail in tails if last_word(tail) is not None}
    rest = split.filter(~pl.col("tail").is_in(list(decided))).get_column("prefix").unique()
    by_prefix = {prefix: named_in(prefix) for prefix in rest}
    named = pl.coalesce(_looked_up("tail", decided), _looked_up("prefix", by_prefix))
    return split.select(
        "line",
        "body",
        behind=True,
        charge_point=pl.when(named == "").then(pl.lit(default_charge_point)).otherwise(named),
        heard=pl.col("prefix").str.extract(STAMP).fill_null(""),
    )


def _looked_up(column: str, names: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(list(names), list(names.values()), default=None, return_dtype=pl.String)


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
    text = _token(cell.slot)
    bare = text.str.strip_chars()
    match name:
        case "stamp" | "message_id" | "heard":
            found = text
        case "transaction" if not shape.named_by_event:
            found = pl.when(bare.str.contains("^[0-9]+$") & bare.str.contains("[1-9]")).then(bare)
        case "sequence":
            found = pl.when(text.str.contains("^-?[0-9]{1,6}$")).then(text).cast(pl.Int64)
        case "connector":
            found = text.cast(pl.Int64)
        case "value":
            found = bare + cell.suffix
        case _:
            found = bare
    return found.alias(name)
