"""The analysts' views as files: a workbook, or one CSV or Parquet file a view with a page on their columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal

import polars as pl

from pipeline.domain import InputError
from pipeline.steps.workbook import Exported, write_workbook
from pipeline.warehouse import documented_schema, read_copy

ExportFormat = Literal["xlsx", "csv", "parquet"]
WORKBOOK: Final = "v2b.xlsx"
COLUMNS_NAME: Final = "README.csv"
_NAMED: Final = (
    "where (len($months::varchar[]) = 0 or list_contains($months::varchar[], month)) "
    "and (len($sites::varchar[]) = 0 or list_contains($sites::varchar[], site_id)) order by all"
)


def exported_views(copy: Path, months: Collection[str], sites: Collection[str]) -> list[Exported]:
    """Read every view of the analysts' copy; of all months or sites where none are named.

    Raises WarehouseError where there is no copy yet.
    """
    schema = documented_schema()
    comments = schema.filter(pl.col("column_name") != "")
    given = {"months": list(months), "sites": list(sites)}
    found = []
    listed = schema.filter(pl.col("data_type") == "view").sort("table_name")
    for name, grain in listed.select("table_name", "comment").iter_rows():
        rows = read_copy(copy, f"select * from {name} {_NAMED}", given)  # noqa: S608 - names of our own views
        own = comments.filter(pl.col("table_name") == name).select("column_name", "comment")
        found.append(Exported(name, grain, dict(own.iter_rows()), rows))
    return found


def export(
    copy: Path, target: Path, style: ExportFormat, months: Collection[str] = (), sites: Collection[str] = ()
) -> list[Path]:
    """Write the views of an analysts' copy into a folder; returns the files.

    Each file is written aside and moved in place. Raises InputError where nothing was computed for what is named, and
    where a sheet cannot hold a view's rows.
    """
    views = exported_views(copy, months, sites)
    if all(view.rows.is_empty() for view in views):
        named = ", ".join([*months, *sites]) or "the portfolio"
        raise InputError("v2b export", "--month, --site", named, "months and sites with a computed bill")
    target.mkdir(parents=True, exist_ok=True)
    if style == "xlsx":
        return [_placed(target / WORKBOOK, lambda path: write_workbook(path, views))]
    write = _WRITERS[style]
    files = [_placed(target / f"{view.name}.{style}", partial(write, view.rows)) for view in views]
    return [*files, _placed(target / COLUMNS_NAME, _columns_page(views).write_csv)]


def _columns_page(views: Collection[Exported]) -> pl.DataFrame:
    """One row per view and column with its meaning, which ends in its unit."""
    rows = [(view.name, column, view.comments[column]) for view in views for column in view.rows.columns]
    return pl.DataFrame(rows, schema=["view", "column", "meaning"], orient="row")


def _write_csv(rows: pl.DataFrame, path: Path) -> None:
    lists = [name for name, kind in rows.schema.items() if isinstance(kind, pl.List)]
    rows.with_columns(pl.col(name).list.join(" ") for name in lists).write_csv(path)


def _write_parquet(rows: pl.DataFrame, path: Path) -> None:
    rows.write_parquet(path)


_WRITERS: Final[Mapping[str, Callable[[pl.DataFrame, Path], None]]] = {"csv": _write_csv, "parquet": _write_parquet}


def _placed(path: Path, write: Callable[[Path], object]) -> Path:
    fresh = path.with_name(f".{path.name}.new")
    write(fresh)
    fresh.replace(path)
    return path
