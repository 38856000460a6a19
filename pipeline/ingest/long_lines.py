"""Lines no meter writes: a file of one endless line is refused before a reader splits it into cells."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from pipeline.ingest.records import refusal

LONGEST_LINE_BYTES: Final = 1 << 20


def overlong_line(path: Path) -> pl.DataFrame | None:
    """Return the refusal of a file that holds a line of far more than LONGEST_LINE_BYTES, else None.

    Such a line fills at least one block of that length: blocks without a line end are looked for, at the speed of
    reading the file.
    """
    with path.open("rb") as stream:
        while block := stream.read(LONGEST_LINE_BYTES):
            if len(block) == LONGEST_LINE_BYTES and b"\n" not in block and b"\r" not in block:
                start = stream.tell() - len(block)
                allowed = f"lines of at most {LONGEST_LINE_BYTES} bytes"
                raw = block[:80].decode("utf-8", "replace")
                place = f"line {_line_at(path, start)}"
                return refusal(place, "length", f"over {LONGEST_LINE_BYTES} bytes", allowed, raw)
    return None


def _line_at(path: Path, offset: int) -> int:
    lines = 1
    with path.open("rb") as stream:
        while stream.tell() < offset:
            lines += stream.read(LONGEST_LINE_BYTES).count(b"\n")
    return lines
