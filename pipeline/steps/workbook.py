"""A workbook of the analysts' views: a page that explains every column, a sheet per view, a sheet per month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final

import polars as pl
import xlsxwriter
from babel.numbers import get_currency_precision

from pipeline.domain import InputError

_MOST_ROWS: Final = 1_048_575
_MONTH_SHEETS: Final = 36
_LONGEST: Final = 60
_SITE_COLUMNS: Final = (
    "site_id",
    "state",
    "grade",
    "provable",
    "currency",
    "saved",
    "bill_saved_pct",
    "peak_reduction_kw",
    "peak_saved_pct",
    "moved_out_of_window_pct",
    "bill_unmanaged",
    "bill_actual",
    "realised",
    "departures",
    "ready",
)
_FORMATS: Final[Mapping[str, str]] = {
    "[kW]": "#,##0.0",
    "[kWh]": "#,##0.0",
    "[Wh]": "#,##0",
    "[%]": "0.0",
    "[count]": "#,##0",
    "[h]": "0.00",
}


@dataclass(frozen=True)
class Exported:
    """One view: its rows, its grain in words, and the comment of each column, which ends in its unit."""

    name: str
    grain: str
    comments: Mapping[str, str]
    rows: pl.DataFrame


def write_workbook(path: Path, views: Sequence[Exported]) -> None:
    """Write views as one workbook, the same bytes for the same rows; raises InputError for more rows than a sheet has.

    Texts are never taken for formulas. Times are UTC, which a spreadsheet does not tell.
    """
    for view in views:
        if view.rows.height > _MOST_ROWS:
            raise InputError(path.name, view.name, view.rows.height, f"{_MOST_ROWS:,} rows a sheet; use --month or CSV")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": "V2B Savings", "created": _dated(views)})
        _explain(book, views)
        for view in views:
            _sheet(book, view)
        by_name = {view.name: view for view in views}
        savings, lines = by_name["monthly_savings"], by_name["bill_comparison"]
        for month in savings.rows.get_column("month").unique().sort()[-_MONTH_SHEETS:]:
            _month_sheet(book, month, savings, lines)


def _dated(views: Sequence[Exported]) -> datetime:
    """The last day of the newest bill: a workbook is dated from what it holds."""
    days = [view.rows.get_column("bill_to").max() for view in views if "bill_to" in view.rows.columns]
    last: Any = max((day for day in days if day is not None), default=datetime(2000, 1, 1, tzinfo=UTC).date())
    return datetime.combine(last, time())


def _explain(book: Any, views: Sequence[Exported]) -> None:
    """The first page: what each sheet and column holds, with its unit."""
    sheet, bold, wrapped = (
        book.add_worksheet("README"),
        book.add_format({"bold": True}),
        book.add_format({"text_wrap": True}),
    )
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 28)
    sheet.set_column(2, 2, 90)
    lines: list[tuple[str, str, str]] = [
        ("", "", "V2B Savings: the analysts' views. Units stand in [brackets]; money is in the currency of its row."),
        ("", "", "Times are UTC; months are bills, YYYY-MM. A cell is empty where a figure cannot be stated, never 0."),
        ("", "", "The sheets named by a month hold one row per site, and below them every bill line of that month."),
        ("sheet", "column", "meaning"),
    ]
    for view in views:
        lines.append((view.name, "", view.grain))
        lines += [(view.name, column, view.comments[column]) for column in view.rows.columns]
    for row, cells in enumerate(lines):
        style = bold if row == 3 or not cells[1] else wrapped
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, style)
    sheet.freeze_panes(4, 0)


def _sheet(book: Any, view: Exported) -> None:
    sheet = book.add_worksheet(view.name)
    _table(book, sheet, view, view.rows, 0)
    sheet.freeze_panes(1, 2)


def _month_sheet(book: Any, month: str, savings: Exported, lines: Exported) -> None:
    sheet = book.add_worksheet(month)
    own = savings.rows.filter(pl.col("month") == month).select(_SITE_COLUMNS).sort("site_id")
    after = _table(book, sheet, savings, own, 0)
    of_month = lines.rows.filter(pl.col("month") == month).drop("month").sort("site_id", "position")
    _table(book, sheet, lines, of_month, after + 2)
    sheet.freeze_panes(1, 1)


def _table(book: Any, sheet: Any, view: Exported, rows: pl.DataFrame, top: int) -> int:
    """Write a table with its heading, formats by unit and the comment of each column; returns the row after it."""
    plain = _plain(rows)
    formats = {name: book.add_format({"num_format": text}) for name, text in _number_formats(view, rows).items()}
    data = [list(row) for row in plain.iter_rows()]
    columns = [{"header": name, "format": formats.get(name)} for name in plain.columns]
    end = top + max(1, len(data))
    sheet.add_table(top, 0, end, len(columns) - 1, {"data": data, "columns": columns, "style": "Table Style Light 1"})
    for number, name in enumerate(plain.columns):
        sheet.write_comment(top, number, view.comments[name])
        if top == 0:
            sheet.set_column(number, number, _width(plain.get_column(name)))
    return end


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """What a cell can hold: lists joined, times without a zone, decimals as numbers."""
    columns = []
    for name, kind in rows.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.List):
            column = column.list.join(" ")
        elif isinstance(kind, pl.Datetime) and kind.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        elif kind.is_decimal():
            column = column.cast(pl.Float64)
        columns.append(column)
    return rows.select(columns)


def _number_formats(view: Exported, rows: pl.DataFrame) -> dict[str, str]:
    digits = 2
    if "currency" in rows.columns:
        currencies = rows.get_column("currency").drop_nulls().unique()
        digits = max((get_currency_precision(code) for code in currencies), default=2)
    money = "#,##0" + ("." + "0" * digits if digits else "")
    found = {}
    for name, kind in rows.schema.items():
        unit = view.comments[name].rpartition(" ")[2]
        if kind.is_numeric():
            found[name] = money if unit == "[money]" else _FORMATS.get(unit, "General")
        elif isinstance(kind, pl.Datetime):
            found[name] = "yyyy-mm-dd hh:mm"
        elif kind == pl.Date:
            found[name] = "yyyy-mm-dd"
    return found


def _width(column: pl.Series) -> int:
    widest = column.head(1000).cast(pl.String).str.len_chars().max() if not column.dtype.is_temporal() else 16
    return min(_LONGEST, max(len(column.name) + 4, int(str(widest or 0)) + 1))
