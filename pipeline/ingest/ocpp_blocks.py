"""An OCPP log in blocks that fit into memory: its lines, or the elements of its one JSON array."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ingest.ocpp_log import JSON, LONGEST_MESSAGE_BYTES

BLOCK_BYTES: Final = 16 << 20
_ARRAY_START: Final = re.compile(rb"\s*\[\s*[\[{]")
_BOM: Final = b"\xef\xbb\xbf"
_BETWEEN: Final = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Block:
    """Pieces of one message each, numbered from `first`; `word` says what they are: lines, or messages of an array.

    Piece i is `data[starts[i]:ends[i]]`; what stands behind the last is none. One longer than a message may be is cut
    just beyond that length.
    """

    word: str
    first: int
    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many pieces there are."""
        return len(self.starts)

    def piece(self, at: int) -> bytes:
        """Return one piece by its place in the block."""
        return self.data[self.starts[at] : self.ends[at]]


def blocks(path: Path) -> Iterator[Block]:
    """Yield the pieces of a log in their order, about BLOCK_BYTES at a time."""
    with path.open("rb") as stream:
        head = stream.read(BLOCK_BYTES)
        is_array = _ARRAY_START.match(head.removeprefix(_BOM)) is not None
        word, parts = ("message", _elements(stream, head)) if is_array else ("line", _lines(stream, head))
        first = 1
        for data, ends, gap in parts:
            starts = np.concatenate([np.zeros(1, dtype=np.int64), ends + gap])[: len(ends)]
            yield Block(word, first, data, starts, np.minimum(ends, starts + LONGEST_MESSAGE_BYTES + 1))
            first += len(ends)


Part = tuple[bytes, NDArray[np.int64], int]
"""Pieces one after the other: their bytes, where each ends, and how many bytes there are between two."""


def _lines(stream: IO[bytes], data: bytes) -> Iterator[Part]:
    begun = b""
    while data:
        data = begun + data if begun else data
        if whole := data.rfind(b"\n") + 1:
            begun = b""
            yield data, np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")), 1
            stream.seek(whole - len(data), os.SEEK_CUR)  # to read a begun line again costs less than to carry it along
        else:
            begun = data[: LONGEST_MESSAGE_BYTES + 1]  # of a line that never ends no more is kept than tells its length
        data = stream.read(BLOCK_BYTES)
    if begun:
        yield begun, np.array([len(begun)], dtype=np.int64), 1


def _elements(stream: IO[bytes], data: bytes) -> Iterator[Part]:
    """Cut an array into its elements; nothing after a broken one can be told apart, so that it is the last."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    text = decoder.decode(data).partition("[")[2]
    ended = False
    while not ended:
        data = stream.read(BLOCK_BYTES)
        text += decoder.decode(data, final=not data)
        pieces, text, ended = _whole_elements(text, last=not data)
        if not ended and (not data or len(text) > LONGEST_MESSAGE_BYTES):
            pieces.append(text.strip().encode()[: LONGEST_MESSAGE_BYTES + 1])
            ended = True
        yield b"".join(pieces), np.cumsum(np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))), 0


def _whole_elements(text: str, *, last: bool) -> tuple[list[bytes], str, bool]:
    """Return the elements that lie whole in a text, the rest of it, and whether the array ends there."""
    pieces: list[bytes] = []
    at = 0
    while True:
        found = _BETWEEN.match(text, at)
        at = found.end() if found else at
        if at == len(text) or text[at] == "]":
            return pieces, text[at:], last or at < len(text)
        try:
            _, end = JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            return pieces, text[at:], False
        if end == len(text) and not last:
            return pieces, text[at:], False  # a number, perhaps, of which there is more
        pieces.append(text[at:end].encode())
        at = end
