"""Many lines at once by their bytes: where in a block the literals of a pattern stand, and what stands between them.

A pattern is the bytes that all its lines share, with holes: strings between their quotes, and numbers. Quotes and bytes
beyond printable ASCII (escapes among them) are found once for the whole block; a line has a pattern where the literals
stand in their order, from its begin to its end, and it holds no more of either than they do. So a string in a hole ends
at the next quote, and nothing in it needs to be looked at but its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Span = tuple[Places, Places]

QUOTE, BLANK, _BACKSLASH = b'" \\'
_LAST_ASCII: Final = ord("~")
_LONGEST_NUMBER: Final = 40
_CACHED: Final = 1 << 18  # bytes that stay at hand from one step to the next
_INLINE: Final = 12  # bytes of a short text, which Arrow keeps in its view
_KEPT: Final = np.where(np.arange(_INLINE) < np.arange(_INLINE + 1)[:, None], 255, 0).astype(np.uint8)


def bytes_of(some: bytes) -> Flags:
    """Return a flag for each of the 256 bytes: whether it is one of some."""
    return np.isin(np.arange(256), list(some))


_NUMERIC: Final = bytes_of(b"0123456789.-")


class Hole(NamedTuple):
    """What may stand after some bytes: a number as an expression has it, or else a string without blanks around it.

    `quotes` counts those in the literals before the hole.
    """

    after: bytes
    quotes: int
    slot: int
    number: str | None


@dataclass(frozen=True)
class Pattern:
    """Holes, and the bytes after the last; `quotes` and `odd` count such bytes in all that is no hole."""

    holes: tuple[Hole, ...]
    tail: bytes
    quotes: int
    odd: int


def pattern(holes: Sequence[tuple[bytes, int, str | None]], tail: bytes) -> Pattern:
    """Return the pattern of (literal, slot, number) and the literal at its end."""
    literals = [literal for literal, _, _ in holes]
    before = list(accumulate(literal.count(QUOTE) for literal in literals))
    everything = Page(b"".join((*literals, tail)))
    made = (Hole(literal, quotes, slot, number) for (literal, slot, number), quotes in zip(holes, before, strict=True))
    return Pattern(tuple(made), tail, len(everything.quotes), len(everything.odd))


@dataclass(frozen=True)
class Lines:
    """Lines of a page: which (`line`), whose (`owner`), where, which quote is the first, how many quotes and odd."""

    line: Places
    owner: Places
    start: Places
    end: Places
    quote: Places
    quotes: Places
    odd: Places

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.line)

    def at(self, which: Places | Flags | slice) -> Lines:
        """Return some of the lines."""
        return Lines(*(values[which] for values in vars(self).values()))

    @staticmethod
    def joined(*parts: Lines) -> Lines:
        """Return the lines of all parts."""
        return Lines(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def _odd(letters: NDArray[np.uint8], first: int) -> Places:
    """Return where from `first` on odd bytes are; below the blank a byte without sign wraps around to above."""
    some = letters[first : first + _CACHED]
    return np.flatnonzero((some - BLANK > _LAST_ASCII - BLANK) | (some == _BACKSLASH)) + first


class Page:
    """The bytes of a block, and where in them quotes, odd bytes and those of no ASCII character are."""

    def __init__(self, data: bytes) -> None:
        """Look through the bytes once."""
        self.data = data
        self.bytes = np.frombuffer(data, dtype=np.uint8)
        self.quotes = np.flatnonzero(self.bytes == QUOTE)
        parts = range(0, len(data), _CACHED)
        self.odd = np.concatenate([np.empty(0, dtype=np.int64), *(_odd(self.bytes, first) for first in parts)])
        self.foreign = self.odd[self.bytes[self.odd] > _LAST_ASCII + 1]

    def lines(self, starts: Places, ends: Places) -> Lines:
        """Return pieces that follow each other as lines, all of owner 0."""
        numbers = np.arange(len(starts))
        first = np.searchsorted(self.quotes, np.append(starts, ends[-1:]))
        odd = self.count(self.odd, starts, ends)
        return Lines(numbers, np.zeros_like(numbers), starts, ends, first[:-1], np.diff(first), odd)

    def behind(self, lines: Lines, begin: Places, quotes: Places) -> Lines:
        """Return lines without what stands before `begin`, so many quotes among it; each has its owner, from 1 on."""
        return replace(
            lines,
            owner=1 + np.arange(len(lines)),
            start=begin,
            quote=lines.quote + quotes,
            quotes=lines.quotes - quotes,
            odd=self.count(self.odd, begin, lines.end),
        )

    @staticmethod
    def count(among: Places, starts: Places, ends: Places) -> Places:
        """Return how many of some places lie between each start and its end."""
        return np.searchsorted(among, ends) - np.searchsorted(among, starts)

    def has(self, at: Places, literal: bytes) -> Flags:
        """Tell for each place whether the literal stands there."""
        last = len(self.data) - len(literal)
        if last < 0 or not literal:
            return np.full(len(at), not literal)
        found: Flags = self._wide(np.minimum(at, last), len(literal)) == np.void(literal)
        return found & (at <= last)

    def number_end(self, at: Places) -> Places:
        """Return where the digits, dots and signs end that begin at each place, after _LONGEST_NUMBER at the latest."""
        return np.minimum(self.past(at, _NUMERIC, _LONGEST_NUMBER), len(self.data))

    def past(self, at: Places, passed: Flags, most: int, step: int = 1) -> Places:
        """Return the next place whose byte is none to be passed, after `most` such bytes at the latest."""
        end = at.copy()
        for _ in range(most):
            more = passed[self.byte(end)]
            if not more.any():
                break
            end += step * more
        return end

    def byte(self, at: Places) -> NDArray[np.uint8]:
        """Return the byte at each place, the nearest one for a place outside the page."""
        return self.bytes.take(at, mode="clip")

    def texts(self, starts: Places, ends: Places) -> pl.Series:
        """Return the text in spans; there must be ASCII only."""
        lengths = ends - starts
        longest = int(lengths.max(initial=0))
        if longest <= min(_INLINE, len(self.data) - _INLINE):
            return self._short_texts(starts, lengths)
        bounds = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        if (lengths == longest).all():
            content: NDArray[Any] = self._wide(starts, longest)
        else:
            content = self.bytes[np.repeat(starts - bounds[:-1], lengths) + np.arange(bounds[-1])]
        return _series(pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(bounds), pa.py_buffer(content)))

    def _short_texts(self, starts: Places, lengths: Places) -> pl.Series:
        """Return texts that Arrow's views hold themselves: their length in four bytes, then their letters."""
        views = np.empty((len(starts), 4 + _INLINE), dtype=np.uint8)
        views.view(np.uint32)[:, 0] = lengths
        last = len(self.data) - _INLINE
        letters = self._wide(np.minimum(starts, last), _INLINE).view(np.uint8).reshape(-1, _INLINE)
        for row in np.flatnonzero(starts > last):
            letters[row, : lengths[row]] = self.bytes[starts[row] : starts[row] + lengths[row]]
        np.bitwise_and(letters, _KEPT[lengths], out=views[:, 4:])
        return _series(pa.Array.from_buffers(pa.string_view(), len(starts), [None, pa.py_buffer(views)]))

    def _wide(self, at: Places, width: int) -> NDArray[np.void]:
        """Return `width` bytes from each place on; all lie inside the page."""
        count = len(self.data) - width + 1
        windows: NDArray[np.void] = np.ndarray((count,), dtype=f"V{width}", buffer=self.data, strides=(1,))
        return windows[at]


def _series(texts: pa.Array) -> pl.Series:
    """Return an array of Arrow as a column; alone it would go another way, which loads all of Arrow's functions."""
    return pl.DataFrame(pa.record_batch([texts], names=["text"])).to_series()


_AT, _QUOTE = 1, 2


def matched(page: Page, lines: Lines, pattern: Pattern) -> tuple[Places, dict[int, Span]]:
    """Return (places among the lines of those that have a pattern, begin and end of what stands in each slot)."""
    which = np.flatnonzero((lines.quotes == pattern.quotes) & (lines.odd == pattern.odd))
    found = [which, lines.start[which], lines.quote[which]]
    for hole in pattern.holes:
        found = _kept(found, page.has(found[_AT], hole.after))
        begin = found[_AT] + len(hole.after)
        if hole.number is None:
            end = page.quotes[found[_QUOTE] + hole.quotes]
            good = (end > begin) & (page.byte(begin) != BLANK) & (page.byte(end - 1) != BLANK)
        else:
            end = page.number_end(begin)
            good = page.texts(begin, end).str.contains(hole.number).to_numpy()
        found = _kept([found[0], end, *found[_QUOTE:], begin, end], good)
    at_end = found[_AT] + len(pattern.tail) == lines.end[found[0]]
    which, _, _, *spans = _kept(found, at_end & page.has(found[_AT], pattern.tail))
    slots = [hole.slot for hole in pattern.holes]
    return which, dict(zip(slots, zip(spans[::2], spans[1::2], strict=True), strict=True))


def _kept(columns: list[Places], rows: Flags) -> list[Places]:
    return columns if rows.all() else [column[rows] for column in columns]
