"""How results are printed: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

import polars as pl
import typer
from babel.numbers import format_currency
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

Format = Literal["table", "csv", "json"]


def say(sentence: str) -> None:
    """Print one line that is not a result."""
    print(sentence, file=sys.stderr)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say why, and end with an exit code."""
    say(f"error: {sentence}")
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """Print a machine contract."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], *, wrap: bool = False) -> None:
    """Print a table; columns are (heading, numbers aligned right), and with `wrap` the last one flows over lines.

    Text is shown as it is, never as markup. Where the line is too short, columns of sentences are cut, no others.
    """
    cells = [[heading for heading, _ in columns], *map(list, rows)]
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, highlight=False)
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    most = _width_of_sentences(widths, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, (heading, right) in enumerate(columns, start=1):
        whole = not (wrap and number == len(columns))
        cut = most if whole and widths[number - 1] > _WORDS else None
        table.add_column(Text(heading), justify="right" if right else "left", no_wrap=whole, max_width=cut)
    for row in cells[1:]:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


_WORDS: Final = 24  # cells longer than this are sentences
_GAP: Final = 2


def _width_of_sentences(widths: Sequence[int], line: int) -> int:
    """Return how wide columns of sentences may be, that all others fit whole beside them."""
    sentences = [width for width in widths if width > _WORDS]
    rest = line - _GAP * len(widths) - sum(width for width in widths if width <= _WORDS)
    return max(_WORDS, rest // max(1, len(sentences)))


def frame_text(value: Any) -> str:
    """Return a cell of a table: exact numbers without trailing zeros, a dash for null."""
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e-3 else f"{value:,.3f}".rstrip("0").rstrip(".")
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def print_frame(frame: pl.DataFrame, style: Format) -> None:
    """Print the rows of a query."""
    if style == "csv":
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
        joined = frame.with_columns(pl.col(name).list.join(" ") for name in nested)
        print(joined.write_csv(), end="")
    elif style == "json":
        print_json([{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)])
    else:
        numeric = {name for name, dtype in frame.schema.items() if dtype.is_numeric()}
        print_table(
            [(name, name in numeric) for name in frame.columns],
            ([frame_text(value) for value in row] for row in frame.iter_rows()),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | date | datetime):
        return frame_text(value)
    return value


def listed_money(amount: str | None, currency: str) -> str:
    """Return money as people write it; a dash where none is stated."""
    return "-" if amount is None else format_currency(Decimal(amount), currency, locale="en")


def print_months(summaries: Sequence[Mapping[str, Any]]) -> None:
    """Print the short table of months: peaks, cut, percent, money, cars."""
    columns = [
        ("site", False),
        ("month", False),
        ("peak without", True),
        ("peak with", True),
        ("cut", True),
        ("%", True),
        ("saved", True),
        ("realised so far", True),
        ("cars ready", True),
        ("grade", False),
    ]
    print_table(columns, (_month_row(summary) for summary in summaries))


def _month_row(summary: Mapping[str, Any]) -> list[str]:
    peak, fleet = summary["peak_kw"], summary["fleet"]
    ready = "-" if fleet["departures"] is None else f"{fleet['ready']} of {fleet['departures']}"
    state = summary["state"]
    return [
        summary["site_id"],
        summary["month"],
        _kw(peak[summary["headline"]]),
        _kw(peak["actual"]),
        _kw(peak["reduction"]),
        "-" if summary["percent_saved"]["peak"] is None else f"{summary['percent_saved']['peak']:.1f}",
        _saved(summary),
        listed_money(summary["annual"]["realised"], summary["currency"]),
        ready,
        summary["grade"] if state == "ok" else state,
    ]


def _saved(summary: Mapping[str, Any]) -> str:
    """A saving of bills that leave charges unpriced is marked: it is not the money."""
    money = summary["money"]
    shown = listed_money(money["saved"], summary["currency"])
    return f"{shown} (partial)" if money["partial"] and money["saved"] is not None else shown


def _kw(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} kW"


class Bars:
    """A progress listener that draws one bar per step on a terminal and nothing anywhere else."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
        )
        self._tasks: dict[str, Any] = {}

    def shown(self) -> AbstractContextManager[Any]:
        """The bars' lifetime; on something that is not a terminal, nothing."""
        return self._progress if sys.stderr.isatty() else nullcontext()

    def __call__(self, step: str, done: int, total: int | None, what: str) -> None:
        """Move a step's bar."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
        task = self._tasks[step]
        if total is None:
            self._progress.advance(task)
        else:
            self._progress.update(task, completed=done, total=total)
        self._progress.update(task, description=f"{step:8} {what[:40]:40}")
