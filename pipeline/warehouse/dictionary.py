"""The data dictionary: the database's own comments as a Markdown page.

`python -m pipeline.warehouse.dictionary > docs/data-dictionary.md` writes it anew after a change in `sql/`.
"""

from __future__ import annotations

import re
import sys
from typing import Final

import polars as pl

from pipeline.warehouse import documented_schema

_HEAD: Final = """# Data dictionary

Every table and view of `warehouse.duckdb`; analysts read them in `analytics.duckdb`. Generated from the comments in
`sql/` by `python -m pipeline.warehouse.dictionary`; change it there. Units stand in [brackets]; money is in the
currency of its row; times are UTC unless they say otherwise, and intervals begin at their stamp.
"""


def dictionary_markdown(schema: pl.DataFrame) -> str:
    """Return the page for a frame of `documented_schema`: views first, then tables, columns in their order."""
    objects = schema.filter(pl.col("column_name") == "").sort(pl.col("data_type") == "table", "table_name")
    parts = [_HEAD]
    for kind, title in (("view", "Views for analysts"), ("table", "Tables")):
        parts.append(f"## {title}\n")
        parts.extend(
            _section(name, comment, schema.filter((pl.col("table_name") == name) & (pl.col("column_name") != "")))
            for name, _, data_type, comment in objects.iter_rows()
            if data_type == kind
        )
    return "\n".join(parts)


def _section(name: str, comment: str, columns: pl.DataFrame) -> str:
    rows = [
        f"| `{column}` | {_type(data_type)} | {_cell(meaning)} |"
        for column, data_type, meaning in columns.select("column_name", "data_type", "comment").iter_rows()
    ]
    lines = [f"### {name}", "", comment, "", "| column | type | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _type(data_type: str) -> str:
    """A column's type; of one that lists many texts, the first and the last of them."""
    return re.sub(r"^(enum\('[^']*').{200,}('[^']*'\))$", r"\1 ... \2", data_type.lower())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(dictionary_markdown(documented_schema()))
