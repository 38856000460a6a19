"""DuckDB: the one room that imports duckdb. Open with `Warehouse`, load records, replace bills, query, publish."""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.warehouse.layout import BILL_TABLES, schema_sql, sql_folder, view_files
from pipeline.warehouse.migrate import opened_today
from pipeline.warehouse.store import Warehouse, documented_schema, exclusive_lock, read_copy
from pipeline.warehouse.checks import Check, all_checks
from pipeline.warehouse.questions import Question, saved_questions
from pipeline.warehouse.overlaps import retire_overlapped
from pipeline.warehouse.records import FileLoad, LoadResult
from pipeline.warehouse.publish import PUBLISHED_NAME, publish

__all__ = [
    "BILL_TABLES",
    "PUBLISHED_NAME",
    "Check",
    "FileLoad",
    "LoadResult",
    "Question",
    "Warehouse",
    "all_checks",
    "documented_schema",
    "exclusive_lock",
    "opened_today",
    "publish",
    "read_copy",
    "retire_overlapped",
    "saved_questions",
    "schema_sql",
    "sql_folder",
    "view_files",
]
