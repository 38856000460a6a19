"""What the UI shows of a result: row counts and figures that plot over the months, tables, the peak-day chart."""

# ruff: noqa: S608 - names of tables and figures come from constants, values only as parameters

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
from dagster import MetadataValue

from pipeline.portfolio import Portfolio
from pipeline.steps.reports import report_folder
from pipeline.warehouse import Warehouse

Shown = dict[str, Any]
"""Metadata of one asset, or of one asset in one month."""

_MOST_ROWS: Final = 100
_FIGURES: Final[Mapping[str, Mapping[str, str]]] = {
    "charging_session": {"sessions_complete": "count(*) filter (complete)"},
    "charger_interval": {"intervals_without_data": "count(*) filter (not covered)"},
    "load_interval": {
        "imported_kwh": "sum(actual_import_wh) / 1000",
        "charged_kwh": "sum(charge_wh) / 1000",
        "discharged_kwh": "sum(discharge_wh) / 1000",
    },
    "savings_month": {
        "sites_provable": "count(*) filter (provable)",
        "peak_reduction_kw": "sum(peak_reduction_kw)",
        "cars_ready_pct": "100 * sum(ready) / nullif(sum(departures), 0)",
    },
    "site_month": {"sites_failed": "count(*) filter (state = 'failed')"},
}
_RESULTS: Final = """
select
    month,
    site_id as site,
    state,
    grade,
    if(headline = 'no_ev', peak_no_ev_kw, peak_unmanaged_kw) as "peak without [kW]",
    peak_actual_kw as "peak with [kW]",
    peak_reduction_kw as "cut [kW]",
    peak_saved_pct as "cut [%]",
    saved,
    currency
from savings_month
where list_contains(?, month)
order by month, peak_reduction_kw desc nulls last, site_id
"""
_REPORTS: Final = """
select month, site_id as site, version, subject
from report inner join savings_month using (site_id, month)
where list_contains(?, month)
order by month, peak_reduction_kw desc nulls last, site_id
"""
# the first picture of a report is its peak day; a phone's version of the same follows
_PICTURE: Final = re.compile(r'<svg [^>]*role="img".*?</svg>', re.DOTALL)


def counted(warehouse: Warehouse, table: str) -> Shown:
    """Return the row count of a table."""
    rows = warehouse.query(f"select count(*) from {table}").item()
    return {"dagster/row_count": MetadataValue.int(rows)}


def counted_by_month(warehouse: Warehouse, table: str, months: Sequence[str]) -> dict[str, Shown]:
    """Return the row count of a table and its figures for each of the months; a figure that is null is left out."""
    figures = "".join(f", ({sql})::double as {name}" for name, sql in _FIGURES.get(table, {}).items())
    rows = warehouse.query(
        f'select month, count(*) as "dagster/row_count"{figures} from {table} '
        "where list_contains(?, month) group by month",
        [list(months)],
    )
    shown: dict[str, Shown] = {month: {"dagster/row_count": 0} for month in months}
    for row in rows.iter_rows(named=True):
        shown[row["month"]] = {name: value for name, value in row.items() if name != "month" and value is not None}
    return shown


def results_by_month(warehouse: Warehouse, months: Sequence[str]) -> dict[str, Shown]:
    """Return the table of the sites' results for each month that has one, and what was saved in each currency."""
    rows = warehouse.query(_RESULTS, [list(months)])
    return {
        str(month): {"results": markdown_table(part.drop("month")), **_saved(part)}
        for (month,), part in rows.group_by("month")
    }


def _saved(results: pl.DataFrame) -> Shown:
    """The proved savings as numbers that plot, never summed across currencies."""
    proved = results.drop_nulls("saved").group_by("currency").agg(pl.col("saved").sum()).sort("currency")
    return {f"saved_{currency}": float(saved) for currency, saved in proved.iter_rows()}


def reports_by_month(portfolio: Portfolio, warehouse: Warehouse, months: Sequence[str]) -> dict[str, Shown]:
    """Return, for each month with reports, their table and the peak-day chart of the site that cut its peak most."""
    shown = {}
    for (month,), part in warehouse.query(_REPORTS, [list(months)]).group_by("month", maintain_order=True):
        path = report_folder(portfolio, part.item(0, "site"), str(month)) / "report.html"
        shown[str(month)] = {
            "reports": markdown_table(part.drop("month")),
            "report_path": MetadataValue.path(str(path)),
            "report_link": MetadataValue.url(_link(portfolio, path)),
            "peak_day": _peak_day(path, part.item(0, "subject")),
        }
    return shown


def _link(portfolio: Portfolio, path: Path) -> str:
    """Where the report can be opened: below `base_url`, where v2b.toml names one, else in its folder."""
    base, out = portfolio.settings.report.base_url, portfolio.root / "out"
    return f"{base.rstrip('/')}/{path.relative_to(out)}" if base else path.as_uri()


def _peak_day(path: Path, subject: str) -> MetadataValue[Any]:
    """The chart as it stands in a report, drawn now or in an earlier run."""
    found = _PICTURE.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if found is None:
        return MetadataValue.md("This report has no picture of a peak day.")
    picture = b64encode(found.group().encode()).decode()
    return MetadataValue.md(f"{_escaped(subject)}\n\n![Peak day](data:image/svg+xml;base64,{picture})")


def markdown_table(frame: pl.DataFrame) -> MetadataValue[Any]:
    """Return a frame as a Markdown table, numbers aligned right; beyond a hundred rows it says how many there are."""
    right = [dtype.is_numeric() for dtype in frame.dtypes]
    lines = [frame.columns, ["--:" if number else "---" for number in right]]
    lines += [[_cell(value) for value in row] for row in frame.head(_MOST_ROWS).iter_rows()]
    more = frame.height - _MOST_ROWS
    note = f"\n\nand {more} more" if more > 0 else ""
    return MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines) + note)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, float):
        return f"{value:.1f}"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    """Text as it is, never as markup: file contents reach these tables."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
