"""Many OCPP lines at once: lines of one shape differ in their tokens only, so that one of them is read for all.

A token is a JSON string of printable ASCII with a digit in it (a time, an id, a value), or a JSON number; the rest of a
line is its shape. One line of each shape goes through `Log` with marks in place of its tokens: where a mark comes out,
the tokens of all lines of that shape go, taken from them by one pattern (ocpp_page). A token that decides how a line is
read (a phase, the kind of frame, a name) is no mark but part of a finer shape. A line of a rare shape, with an escape
or with anything else unusual is left to be read by itself, and so is a shape whose marks do not come out as they went
in.

Why that is exact: the pattern admits nothing but whole tokens where the marks stood, so that the JSON of all lines
of a shape has one structure, and what `Log` does depends on structure and on telling tokens only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl

from pipeline.ingest.ocpp_columns import EVENT, READING, RESULT, Log
from pipeline.ingest.ocpp_log import JSON, Message, Owner, message_of
from pipeline.ingest.ocpp_page import Pattern, pattern

_MOST_TOKENS: Final = 400

_INSIDE: Final = r"[ !#-\[\]-~]"
_FIRST: Final = r"[!#-+\-./0-9;-\[^-|~]"  # what may follow the end of a string is not taken for the begin of one
_STRING: Final = rf'"(?:{_FIRST}{_INSIDE}*)?[0-9]{_INSIDE}*"'
_FRACTION: Final = r"(?:\.[0-9]{1,18})?"
_NUMBER: Final = rf"-(?:[1-9][0-9]{{0,17}}{_FRACTION}|0\.[0-9]{{1,18}})|[1-9][0-9]{{0,17}}{_FRACTION}|0{_FRACTION}"
_CONNECTOR: Final = "[1-9][0-9]{0,4}"
_STRING_MARK: Final = "\x01"
_NUMBER_MARK: Final = "\x02"
_MARK: Final = re.compile(f"[{_STRING_MARK}{_NUMBER_MARK}]")
UNUSUAL: Final = f"[{_STRING_MARK}{_NUMBER_MARK}\\\\]"
"""What no line with a shape holds: an escape, or what stands for a token."""
_TOUCHING: Final = re.compile(
    f"{_NUMBER_MARK}[0-9.eE+\\-{_STRING_MARK}{_NUMBER_MARK}]|[0-9.eE+\\-{_STRING_MARK}]{_NUMBER_MARK}"
)

OWNER, HEARD = -2, -1  # slots of what a line says outside its frame
_FIRST_MARK: Final = 100_002
_UNTIL_MARK: Final = 1_000_000  # any whole number below a million passes for a connector, an id, a value or a time
_SIX_DIGITS: Final = re.compile("(?=([0-9]{6}))")
_SCALED_MARK: Final = re.compile(r"([0-9]{6})(e-?[0-9]+)")
_TELLING: Final = frozenset({"multiplier", "measurand", "unit", "context", "phase", "location", "format", "eventType"})
"""Names whose values decide how a message is read; beside them, names themselves and the numbers in a list."""
_CONNECTORS: Final = frozenset({("", "connectorId"), ("", "evseId"), ("evse", "id")})
"""Places of connectors, which all are read alike from 1 on ('' is anywhere)."""


class Known(NamedTuple):
    """What is known of a line outside its frame: it stands behind a prefix, its charge point, when it was heard."""

    behind: bool
    named: bool
    timed: bool


@dataclass(frozen=True)
class Cell:
    """A value of a shape's row: the same for all lines, or that of a token (`slot`), perhaps with a power of ten."""

    literal: str | int | None = None
    slot: int | None = None
    suffix: str = ""


Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Shape:
    """What each line of a shape becomes: rows of cells, and what it counts as."""

    readings: tuple[Row, ...] = ()
    samples: tuple[tuple[int, tuple[Any, ...], Cell], ...] = ()  # part, attributes, value
    results: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
    named_by_event: bool = False
    understood: bool = True
    whole_station: int = 0
    unused: tuple[str, ...] = ()

    def slots(self) -> set[int]:
        """Return the slots of the tokens that are used."""
        rows = (cell for row in (*self.readings, *self.results, *self.events) for cell in row.values())
        cells = (*rows, *(cell for _, _, cell in self.samples))
        return {cell.slot for cell in cells if cell.slot is not None and cell.slot >= 0}


@dataclass(eq=False)
class Matcher:
    """A shape, the pattern of its lines, and how many lines it had lately."""

    shape: Shape
    pattern: Pattern
    lines: int = 0


def tokens(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the `text` of each `body` with marks for its tokens, and the `tokens` as they are written."""
    without_strings = pl.col("body").str.replace_all(_STRING, _STRING_MARK)
    return lines.select(
        text=without_strings.str.replace_all(_NUMBER, _NUMBER_MARK),
        tokens=pl.col("body").str.extract_all(f"{_STRING}|{_NUMBER}"),
    )


def special_slots(text: str, known: Known) -> tuple[tuple[int, ...], set[int]] | None:
    """Return (slots of tokens that decide how a line is read, slots of connectors) of a text; None for no JSON."""
    try:
        content = _decoded(_marked(text, {}), behind=known.behind)
    except _UnlikeError:
        return None
    telling: set[int] = set()
    connectors: set[int] = set()
    waiting = [("", "", content)]
    while waiting:
        above, name, value = waiting.pop()
        if isinstance(value, dict):
            telling.update(slot for key in value for slot in _slots_in(key))
            waiting += [(name, key, inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(name, "", inner) for inner in value]
        elif name in _TELLING or (name == "" and type(value) is int):
            telling.update(_slots_in(str(value)))
        elif {("", name), (above, name)} & _CONNECTORS:
            connectors.update(_slots_in(str(value)))
    return tuple(sorted(telling)), connectors


def matcher(text: str, known: Known, told: Mapping[int, str], connectors: set[int]) -> Matcher | None:
    """Return what reads the lines of a text whose telling tokens are `told`; None where they cannot be read alike."""
    try:
        shape = _learnt(text, known, told)
    except _UnlikeError:
        return None
    literals, kinds = _MARK.split(text), _MARK.findall(text)
    holes, literal = [], literals[0]
    for slot, (kind, following) in enumerate(zip(kinds, literals[1:], strict=True)):
        quote = '"' if kind == _STRING_MARK else ""
        if slot in told:
            literal += quote + told[slot] + quote + following
            continue
        number = _CONNECTOR if slot in connectors else _NUMBER
        holes.append((f"{literal}{quote}".encode(), slot, None if quote else f"^(?:{number})$"))
        literal = quote + following
    return Matcher(shape, pattern(holes, literal.encode()))


class _UnlikeError(Exception):
    """A text whose lines cannot be read alike."""


def _marked(text: str, told: Mapping[int, str]) -> str:
    """Return a line of a shape: marks for its tokens but for those that are told."""
    if _TOUCHING.search(text):
        raise _UnlikeError
    literals, kinds = _MARK.split(text), _MARK.findall(text)
    if len(kinds) > _MOST_TOKENS or any(map(_slots_in, [*literals, *told.values()])):
        raise _UnlikeError
    parts = [literals[0]]
    for slot, (kind, literal) in enumerate(zip(kinds, literals[1:], strict=True)):
        token = told.get(slot, str(_FIRST_MARK + slot))
        parts += [f'"{token}"' if kind == _STRING_MARK else token, literal]
    return "".join(parts)


def _slots_in(text: str) -> list[int]:
    """Return the slots whose marks occur in a text, also where digits stand before or after them."""
    numbers = map(int, _SIX_DIGITS.findall(text))
    return [number - _FIRST_MARK for number in numbers if _FIRST_MARK + OWNER <= number < _UNTIL_MARK]


def _decoded(text: str, *, behind: bool) -> Any:
    try:
        return JSON.raw_decode(text)[0] if behind else JSON.decode(text)
    except (ValueError, RecursionError):
        raise _UnlikeError from None


def _learnt(text: str, known: Known, told: Mapping[int, str]) -> Shape:
    """Read one line with marks for tokens; raises _UnlikeError where that does not tell how all such lines are read."""
    owner = Owner(_owner_mark(OWNER, given=known.named), _owner_mark(HEARD, given=known.timed), known.behind)
    message = message_of(0, _decoded(_marked(text, told), behind=known.behind), owner)
    if message is None:
        return Shape(understood=False)
    if not isinstance(message, Message) or message.action == "DataTransfer" or (known.timed and not message.heard):
        raise _UnlikeError
    log = Log()
    log.add(message)
    attributes = list(log.attributes)
    fixed = [str(value) for combination in attributes for value in combination] + list(log.unused)
    if log.refused or any(map(_slots_in, fixed)):
        raise _UnlikeError
    numbers = {slot for slot, kind in enumerate(_MARK.findall(text)) if kind == _NUMBER_MARK}
    return Shape(
        _rows(log.readings, READING, numbers),
        tuple((part, attributes[number], _cell(value, numbers)) for part, number, value in log.samples),
        _rows(log.results, RESULT, numbers),
        _rows(log.events, EVENT, numbers),
        named_by_event=message.action != "" and isinstance(message.payload.get("transactionInfo"), dict),
        whole_station=log.whole_station,
        unused=tuple(log.unused),
    )


def _owner_mark(slot: int, *, given: bool) -> str:
    return str(_FIRST_MARK + slot) if given else ""


def _rows(rows: Sequence[tuple[Any, ...]], schema: Iterable[str], numbers: set[int]) -> tuple[Row, ...]:
    names = list(schema)
    return tuple({name: _cell(value, numbers) for name, value in zip(names, row, strict=True)} for row in rows)


def _cell(value: Any, numbers: set[int]) -> Cell:
    slots = _slots_in(str(value))
    if not slots:
        return Cell(value)
    text, slot = str(value), slots[0]
    if text == str(_FIRST_MARK + slot):
        return Cell(slot=slot)
    scaled = _SCALED_MARK.fullmatch(text)
    if scaled and len(slots) == 1 and slot in numbers:  # text in place of a number may have a power of its own
        return Cell(slot=slot, suffix=scaled.group(2))
    raise _UnlikeError
