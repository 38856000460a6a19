"""A block of an OCPP log to columns: the lines of each common shape at once, the rest one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from threading import Lock
from typing import Final

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_bulk import Alike, columns
from pipeline.ingest.ocpp_columns import Decoded, Log
from pipeline.ingest.ocpp_frames import Framed
from pipeline.ingest.ocpp_log import messages
from pipeline.ingest.ocpp_page import Lines, Page, matched
from pipeline.ingest.ocpp_shapes import UNUSUAL, Known, Matcher, matcher, special_slots, tokens

FEWEST_LINES: Final = 64  # below that, reading each line is faster than learning their shape
_SAMPLED_LINES: Final = 4096
_SEED: Final = 1
_MOST_SHAPES: Final = 48
_MOST_MET: Final = 5_000
_KINDS: Final = tuple(map(Known._make, product((False, True), repeat=3)))


@dataclass
class Shapes:
    """The shapes met so far in a log."""

    _matchers: dict[Known, tuple[Matcher, ...]] = field(default_factory=dict)
    _learning: Lock = field(default_factory=Lock)
    _met: set[tuple[Known, str, tuple[str, ...]]] = field(default_factory=set)

    def alike(self, framed: Framed) -> list[Alike]:
        """Return the lines of each common shape in the next block."""
        owners, owner = framed.owners, framed.lines.owner
        named, timed = ((owners.get_column(name) != "").to_numpy()[owner] for name in owners.columns)
        kind = 4 * (owner > 0) + 2 * named + timed
        return [
            group
            for number, known in enumerate(_KINDS)
            for group in self._alike(known, framed.page, framed.lines.at(kind == number))
        ]

    def _alike(self, known: Known, page: Page, lines: Lines) -> list[Alike]:
        """Return the lines of each common shape: of those that are known, then of those that the rest shows."""
        tried = self._matchers.get(known, ())
        found, rest = _taken(known, page, lines, tried)
        if len(rest) >= FEWEST_LINES:
            with self._learning:  # what another block has just shown need not be learnt again
                others = [one for one in self._matchers.get(known, ()) if one not in tried]
                more, rest = _taken(known, page, rest, others)
                new = list(self._learnt(known, page, rest)) if len(rest) >= FEWEST_LINES else []
                found += more + _taken(known, page, rest, new)[0]
                by_lines = sorted((*self._matchers.get(known, ()), *new), key=lambda one: -one.lines)
                self._matchers[known] = tuple(by_lines[:_MOST_SHAPES])
        return found

    def _learnt(self, known: Known, page: Page, lines: Lines) -> Iterator[Matcher]:
        """Yield the shapes that are frequent in a sample of lines and were not met before."""
        if len(self._met) > _MOST_MET:
            self._met.clear()
        # Calls and answers alternate: every so-and-so-many line could be answers only.
        sample = np.sort(np.random.default_rng(_SEED).permutation(len(lines))[:_SAMPLED_LINES])
        frequent = pl.len().over("text") >= max(1, FEWEST_LINES * len(sample) // len(lines))
        sampled = tokens(_bodies(page, lines.at(sample))).filter(frequent)
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


def _taken(known: Known, page: Page, lines: Lines, matchers: Sequence[Matcher]) -> tuple[list[Alike], Lines]:
    """Return the lines that have one of some shapes, by shape, and those that have none."""
    found = []
    for one in matchers:
        if len(lines) < FEWEST_LINES:
            break
        which, spans = matched(page, lines, one.pattern)
        one.lines = len(which)
        if one.lines:
            found.append(Alike(one.shape, known.behind, lines.at(which), spans))
            lines = lines.at(np.delete(np.arange(len(lines)), which))
    return found, lines


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


def decode(framed: Framed, groups: Sequence[Alike], default_charge_point: str) -> Decoded:
    """Return the columns of a block: those of lines alike at once, the rest one by one."""
    log, block = Log(), framed.block
    left = np.ones(len(block), dtype=np.bool_)
    for shape, behind, lines, _ in groups:
        left[lines.line] = False
        log.understood += len(lines) * shape.understood
        log.behind |= behind and shape.understood
        log.whole_station += len(lines) * shape.whole_station
        log.unused.update(dict.fromkeys(shape.unused, len(lines)))
    rest = ((block.first + at, block.piece(at)) for at in np.flatnonzero(left).tolist())
    for message in messages(rest, default_charge_point):
        log.add(message)
    return log.block(columns(framed, groups, log.attributes))
