"""Green Button readings alike, taken from the bytes before the XML parser sees them.

A utility writes thousands of readings of one shape: the same elements in the same order, only the digits differ. The
first of such a run goes to the parser, marked, and the parser vouches for its place, names and nesting. What follows it
and equals it byte for byte but for digits needs no second look: only its line ends go to the parser.

Anything else is left as it is: attributes, comments, other text, other encodings, and all from the first CDATA section
or DOCTYPE on, where what looks like a reading may be none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

MARK: Final = "v2b-alike"
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")
_LIKE_ASCII = re.compile(rb"(?i:utf-?8|us-ascii|iso-8859-\d+|windows-125\d)")
_MISLEADING = (b"<![", b"<!D", MARK.encode())
_OVERLAP = len(MARK) - 1
_NAME = rb"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
_MOST_TAGS = 64
_READING = re.compile(
    rb"<((?:[A-Za-z_][\w.-]*:)?IntervalReading)>[ \t\r\n]*"
    rb"(?:</?%b>(?:[ \t\r\n]+|[-0-9.]*)){0,%d}?</\1>(?=([ \t\r\n]*))" % (_NAME, _MOST_TAGS)
)
_DIGITS = re.compile(rb"(?<=>)[-0-9.]+(?=<)")
_OPENED = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)>")
_MOST_BYTES = 4096  # of a reading; a regular expression is made of it
_MOST_SHAPES = 64


@dataclass(frozen=True)
class Run:
    """Readings that follow one and are like it. `texts`: a tuple a reading, in the order of `columns`.

    `line_ends`: lines from one reading to the next.
    """

    columns: Sequence[str]
    texts: Sequence[tuple[bytes, ...]]
    line_ends: int


@dataclass(frozen=True)
class _Shape:
    columns: Sequence[str]
    one: re.Pattern[bytes]
    many: re.Pattern[bytes]
    line_ends: int


class Alike:
    """Takes the runs out of a file's pieces and hands them out by the mark their first reading bears."""

    def __init__(self, head: bytes, columns: Collection[str], telling: Collection[str]) -> None:
        """Take the file's first bytes, the elements whose texts count, and `telling`: elements no run may hold."""
        encoding = _ENCODING.match(head)
        self._safe = encoding is None or _LIKE_ASCII.fullmatch(encoding[1]) is not None
        self._columns, self._telling = columns, telling
        self._tail = b""
        self._shapes: dict[bytes, _Shape | None] = {}
        self._runs: dict[str, Run] = {}
        self._number = 0

    def thinned(self, piece: bytes) -> bytes:
        """Return the next piece of the file without the readings that are like the one before them."""
        window = self._tail + piece
        self._tail = window[-_OVERLAP:]
        self._safe = self._safe and len(self._shapes) <= _MOST_SHAPES
        self._safe = self._safe and not any(text in window for text in _MISLEADING)
        if not self._safe:
            return piece
        kept, at, first = [], 0, _READING.search(piece)
        while first is not None:
            shape = self._shape(first[0], first[2])
            run = shape.many.match(piece, first.end()) if shape else None
            if shape and run:
                name_end = first.end(1)
                kept += [piece[at:name_end], self._marked(shape, run[0]), piece[name_end : first.end()]]
                kept.append(b"\n" * run[0].count(b"\n"))
                at = run.end()
            first = _READING.search(piece, run.end() if run else first.end())
        return b"".join([*kept, piece[at:]])

    def behind(self, mark: str | None) -> Run | None:
        """Return, once, the readings taken out behind the one that bears a mark."""
        return self._runs.pop(mark, None) if mark is not None else None

    def _marked(self, shape: _Shape, run: bytes) -> bytes:
        self._number += 1
        self._runs[str(self._number)] = Run(shape.columns, shape.one.findall(run), shape.line_ends)
        return f' {MARK}="{self._number}"'.encode()

    def _shape(self, reading: bytes, gap: bytes) -> _Shape | None:
        if len(reading) + len(gap) > _MOST_BYTES:
            return None
        key = _DIGITS.sub(b"0", reading) + gap
        if key not in self._shapes:
            self._shapes[key] = _shape_of(reading, gap, self._columns, self._telling)
        return self._shapes[key]


def _shape_of(reading: bytes, gap: bytes, columns: Collection[str], telling: Collection[str]) -> _Shape | None:
    """Return how the readings behind this one look; None where a text that counts is no number or is there twice."""
    opened = [name.decode() for name in _OPENED.findall(reading)]
    inside = [name for name in opened if name in columns]
    literals = _DIGITS.split(reading)
    numbered = [_opened_last(literal) for literal in literals[:-1]]
    captured = [name for name in numbered if name in columns]
    if inside != captured or len(set(captured)) != len(captured) or len(captured) < 2:
        return None
    if any(name in telling for name in opened[1:]):
        return None
    one, many = (
        b"".join(re.escape(literal) + digits for literal, digits in zip(literals, [*texts, b""], strict=True))
        for texts in (
            [b"([-0-9.]+)" if name in columns else b"[-0-9.]+" for name in numbered],
            [b"[-0-9.]+"] * len(numbered),
        )
    )
    between = re.escape(gap)
    line_ends = (gap + reading).count(b"\n")
    return _Shape(captured, re.compile(between + one), re.compile(b"(?:%b%b)+" % (between, many)), line_ends)


def _opened_last(literal: bytes) -> str:
    """Return the local name of the tag that ends a text; nothing where it is an end tag."""
    tag = literal.rpartition(b"<")[2].removesuffix(b">")
    return "" if tag.startswith(b"/") else tag.rpartition(b":")[2].decode()
