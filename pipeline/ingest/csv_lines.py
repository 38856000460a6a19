"""Lines of a foreign CSV to text cells: quotes, preambles, short lines; a bad line costs itself only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest.csv_profile import Header, Profile


@dataclass(frozen=True)
class Table:
    """The lines below a header: `rows` has line, raw and the list of cells; `preamble` is the text above it."""

    header: Header
    rows: pl.DataFrame
    rejects: pl.DataFrame  # with a `line` column
    preamble: str
    torn: bool


def rejected_lines(lines: pl.DataFrame, field: str, value: pl.Expr, allowed: str) -> pl.DataFrame:
    """Return lines (line, raw) as rejects that keep their `line`."""
    return lines.select(
        "line",
        pl.format("line {}", "line").alias("position"),
        pl.lit(field).alias("field"),
        value.fill_null("").cast(pl.String).alias("value"),
        pl.lit(allowed).alias("allowed"),
        pl.col("raw").fill_null(""),
    ).select("line", *REJECT)


def table_of(text: str, profile: Profile, header: Header, needed: Sequence[int]) -> Table:
    """Return the cells below the profile's header.

    A line shorter than the header is refused where it lacks one of the `needed` columns. Lines that repeat the header
    are passed over; a second, different table in the same file is refused line by line.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = pl.Series("raw", text.split("\n"), dtype=pl.String)
    lines = raw.to_frame().with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))
    preamble = "\n".join(lines.filter(pl.col("line") < header.line)["raw"])
    body = lines.filter((pl.col("line") > header.line) & (_without(profile.delimiter) != ""))
    second = rejected_lines(body.clear(), "", pl.col("raw"), "")
    if header.line:
        body, second = _one_table(body, header, lines.item(header.line - 1, "raw"), max(needed))
    rows, wild = _split(body, profile.delimiter)
    rows, misfits = _fitting(rows, len(header.cells), max(needed) + 1)
    return Table(header, rows, pl.concat([second, wild, misfits]), preamble, not text.endswith("\n"))


def _without(delimiter: str) -> pl.Expr:
    return pl.col("raw").str.replace_all(delimiter, "", literal=True).str.strip_chars()


def _one_table(body: pl.DataFrame, header: Header, own: str, column: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out repeated headers; what stands below a different one means something else and is refused.

    A line is a header if it holds the words above the last needed column.
    """
    nothing = rejected_lines(body.clear(), "", pl.col("raw"), "")
    words: str = header.cells[column]
    if not re.search("[^\\W\\d_]{3}", words):
        return body, nothing
    body = body.filter(pl.col("raw") != own)
    headers = body.filter(pl.col("raw").str.contains(words, literal=True)).get_column("line").to_list()
    if not headers:
        return body, nothing
    other = int(headers[0])
    below = body.filter(pl.col("line") >= other)
    rejects = rejected_lines(below, "line", pl.col("raw"), f"one table a file; another begins in line {other}")
    return body.filter(pl.col("line") < other), rejects


def _split(lines: pl.DataFrame, delimiter: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines with their cells, and those whose quotes do not close as rejects."""
    quoted = pl.col("raw").str.contains('"', literal=True)
    mark = re.escape(delimiter)
    plain = lines.filter(~quoted).with_columns(cell=pl.col("raw").str.split(delimiter))
    pieces = (pl.col("raw") + delimiter).str.extract_all(rf'\s*"(?:[^"]|"")*"\s*{mark}|[^"{mark}]*{mark}')
    with_quotes = lines.filter(quoted).with_columns(cell=pieces)
    whole = pl.col("cell").list.join("").str.len_chars() == pl.col("raw").str.len_chars() + 1
    inner = pl.element().str.strip_suffix(delimiter).str.strip_chars().str.replace(r'^"((?s:.*))"$', "$1")
    unquoted = with_quotes.filter(whole).with_columns(
        cell=pl.col("cell").list.eval(inner.str.replace_all('""', '"', literal=True))
    )
    wild = rejected_lines(with_quotes.filter(~whole), "line", pl.col("raw"), "quotes closed on the same line")
    return pl.concat([plain, unquoted]).sort("line"), wild


def _fitting(rows: pl.DataFrame, width: int, needed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    beyond = pl.col("cell").list.slice(width).list.join("").str.strip_chars() != ""
    short = pl.col("cell").list.len() < needed
    undecoded = pl.col("raw").str.contains("\ufffd", literal=True)
    rejects = [
        rejected_lines(rows.filter(undecoded), "line", pl.col("raw"), "text in the profile's encoding"),
        rejected_lines(rows.filter((short | beyond) & ~undecoded), "line", pl.col("raw"), f"{width} cells"),
    ]
    return rows.filter(~(short | beyond | undecoded)), pl.concat(rejects)
