"""Where in each line of a block its frame begins, and what stands before it: whose message it is, heard when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_blocks import Block
from pipeline.ingest.ocpp_log import LONGEST_MESSAGE_BYTES, last_word, named_in
from pipeline.ingest.ocpp_names import STAMP
from pipeline.ingest.ocpp_page import Lines, Page, Places, bytes_of

_BEHIND: Final = r"^[ \t]*(?:[!-Z\\-z|}~]|\[[\t !#-Z\\^-z|~]*\])[ -~\t]*$"
_LAST_WORDS: Final = r"((?:[^ \t]+[ \t]+){0,2}[^ \t]*)$"
_NONE: Final = -1
_FAR: Final = -2
_MOST_BLANKS: Final = 8
_MOST_QUOTES: Final = 8  # before a frame; a line with more blanks or quotes there is read by itself
_BLANKS, _BLANKS_OR_RETURN, _KINDS = bytes_of(b" \t"), bytes_of(b" \t\r"), bytes_of(b"23456")


class Framed(NamedTuple):
    """A block with the lines that may have a shape, from the begin of their frame on, and their owners by number.

    Owner 0 stands for all lines that say nothing outside their frame.
    """

    block: Block
    page: Page
    lines: Lines
    owners: pl.DataFrame


def framed(block: Block, default_charge_point: str) -> Framed:
    """Find the frames of a block; those of no owner belong to a charge point."""
    page = Page(block.data)
    lines = page.lines(block.starts, block.ends).at(block.ends - block.starts <= LONGEST_MESSAGE_BYTES)
    begin = page.past(lines.start, _BLANKS_OR_RETURN, _MOST_BLANKS)
    first = np.full(len(lines), _NONE)
    quoted = np.flatnonzero(lines.quotes)
    first[quoted] = _opening(page, page.quotes[lines.quote[quoted]])
    whole = (begin < lines.end) & ((page.byte(begin) == ord("{")) | (first == begin))
    behind, owners = _behind(page, lines.at(~whole), default_charge_point.strip())
    nobody = pl.DataFrame({"charge_point": [default_charge_point.strip()], "heard": [""]})
    return Framed(block, page, Lines.joined(lines.at(whole), behind), pl.concat([nobody, owners], rechunk=True))


def _opening(page: Page, quote: Places) -> Places:
    """Return where the frame or object begins whose first quote is given: `[2,"`, `{"`, blanks between.

    _NONE where there is none, _FAR where that needs a look beyond many blanks.
    """

    def before(place: Places) -> Places:
        return page.past(place - 1, _BLANKS, _MOST_BLANKS, step=-1)

    brace = before(quote)
    kind = before(brace)
    bracket = before(kind)
    is_object = page.byte(brace) == ord("{")
    is_frame = (page.byte(brace) == ord(",")) & _KINDS[page.byte(kind)] & (page.byte(bracket) == ord("["))
    far = _BLANKS[page.byte(brace)] | _BLANKS[page.byte(kind)] | _BLANKS[page.byte(bracket)]
    return np.select([is_object, is_frame, far], [brace, bracket, np.full_like(quote, _FAR)], _NONE)


def _behind(page: Page, lines: Lines, default_charge_point: str) -> tuple[Lines, pl.DataFrame]:
    """Return the frames that stand behind a prefix, and the charge point and the time that it names."""
    begin, skipped = np.full(len(lines), _NONE), np.zeros(len(lines), dtype=np.int64)
    for number in range(_MOST_QUOTES):
        rest = np.flatnonzero((begin == _NONE) & (number < lines.quotes))
        found = _opening(page, page.quotes[lines.quote[rest] + number])
        begin[rest] = np.where((found == _FAR) | (found > lines.start[rest]), found, _NONE)
        skipped[rest] = number
    ascii_only = page.count(page.foreign, lines.start, begin) == 0
    kept = np.flatnonzero((begin > lines.start) & ascii_only)
    prefixes = page.texts(lines.start[kept], begin[kept]).alias("prefix")
    is_prefix = prefixes.str.contains(_BEHIND)
    kept = kept[is_prefix.to_numpy()]
    frames = page.behind(lines.at(kept), begin[kept], skipped[kept])
    return frames, _owners(prefixes.filter(is_prefix), default_charge_point)


def _owners(prefixes: pl.Series, default_charge_point: str) -> pl.DataFrame:
    """Return the charge point and the time that each prefix names."""
    split = prefixes.to_frame("prefix").with_columns(tail=pl.col("prefix").str.extract(_LAST_WORDS))
    tails = split.get_column("tail").unique()
    decided = {tail: named_in(tail) for tail in tails if last_word(tail) is not None}
    rest = split.filter(~pl.col("tail").is_in(list(decided))).get_column("prefix").unique()
    by_prefix = {prefix: named_in(prefix) for prefix in rest}
    named = pl.coalesce(_looked_up("tail", decided), _looked_up("prefix", by_prefix))
    return split.select(
        charge_point=pl.when(named == "").then(pl.lit(default_charge_point)).otherwise(named),
        heard=pl.col("prefix").str.extract(STAMP).fill_null(""),
    )


def _looked_up(column: str, names: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(list(names), list(names.values()), default=None, return_dtype=pl.String)
