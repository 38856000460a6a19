"""Renders the reports whose numbers, version or files changed: report.html, report.pdf, summary.json, email.eml."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from pipeline import __version__
from pipeline.calendars import local_midnight_utc
from pipeline.delivery import build_message, stated_figures
from pipeline.domain import PARTIAL, V2BError
from pipeline.journal import IssuedReport, Journal
from pipeline.portfolio import Portfolio, Site
from pipeline.steps.planning import with_plan_changes
from pipeline.steps.restating import Restatement, columns_before, restatement
from pipeline.steps.scope import Scope
from pipeline.tariff import load_tariff
from pipeline.warehouse import Warehouse
from reports.bulk import Renderers, processes_for
from reports.facts import Facts, reason_sentence
from reports.inputs import AlsoCurrency, PeakHours, RenderedReport, ReportInput, ReportSite
from reports.peak_day import peak_date
from reports.portfolio_page import PortfolioRow, portfolio_page

LOG: Final = logging.getLogger(__name__)
Made = TypeVar("Made")
_CHART_BILLS: Final = 13
_ROW_TYPES: Final = {
    "restates": pl.Int64(),
    **dict.fromkeys(("generated_at", "generated_before"), pl.Datetime("us", "UTC")),
    "saved_before": pl.Decimal(38, 12),
    "peak_reduction_before_kw": pl.Float64(),
    "grade_before": pl.String(),
}
_FALLBACK_SENDER: Final = "v2b-savings@localhost.invalid"


@dataclass(frozen=True)
class ReportOutcome:
    """What became of one report in this run."""

    site_id: str
    month: str
    version: int | None
    rendered: bool
    path: Path | None
    reason: str | None = None


@dataclass(frozen=True)
class _Due:
    """One report to look at: its stored result and the row of the report that was rendered last."""

    site: Site
    summary: Mapping[str, Any]
    hashes: tuple[str, str]
    rendered: Mapping[str, Any] | None

    @property
    def month(self) -> str:
        return str(self.summary["month"])


def render_reports(
    portfolio: Portfolio,
    open_warehouse: Callable[[], Warehouse],
    journal: Journal,
    scope: Scope,
    *,
    again: bool = False,
    on_report: Callable[[ReportOutcome, int, int], None] | None = None,
) -> list[ReportOutcome]:
    """Render what is due (everything named, with `again`); the warehouse is never open while rendering."""
    with open_warehouse() as warehouse:
        due = [entry for entry in _due(portfolio, warehouse, scope) if again or not _stands(portfolio, entry)]
    outcomes: list[ReportOutcome] = []
    for outcome in _rendered(portfolio, open_warehouse, journal, due, scope.now):
        outcomes.append(outcome)
        if on_report:
            on_report(outcome, len(outcomes), len(due))
    write_portfolio_page(portfolio, open_warehouse)
    return outcomes


def _rendered(
    portfolio: Portfolio,
    open_warehouse: Callable[[], Warehouse],
    journal: Journal,
    due: list[_Due],
    now: datetime,
) -> Iterator[ReportOutcome]:
    """Yield what became of each report in order; few at a time are in memory, however many are due."""
    begun: deque[tuple[_Due, _Begun | ReportOutcome]] = deque()
    with Renderers(processes_for(len(due))) as renderers:
        for entry in due:
            begin = partial(_begin, portfolio, open_warehouse, journal, entry, now, renderers)
            begun.append((entry, _told(entry, begin)))
            while len(begun) > renderers.ahead:
                yield _ended(portfolio, open_warehouse, *begun.popleft())
        while begun:
            yield _ended(portfolio, open_warehouse, *begun.popleft())


def _ended(
    portfolio: Portfolio, open_warehouse: Callable[[], Warehouse], entry: _Due, begun: _Begun | ReportOutcome
) -> ReportOutcome:
    if isinstance(begun, ReportOutcome):
        return begun
    return _told(entry, partial(_finish, portfolio, open_warehouse, begun))


def _told(entry: _Due, work: Callable[[], Made]) -> Made | ReportOutcome:
    """Return what `work` returns; one bad report never stops the others: it is told and ends the run red."""
    try:
        return work()
    except V2BError as error:
        return _not_rendered(entry, str(error))
    except Exception as error:  # told with its trace in the log
        place = {"site": entry.site.site_id, "month": entry.month}
        LOG.exception("report of %s, %s", entry.site.site_id, entry.month, extra=place)
        return _not_rendered(entry, f"internal error: {type(error).__name__}: {error}")


def write_portfolio_page(portfolio: Portfolio, open_warehouse: Callable[[], Warehouse]) -> None:
    """Write `out/index.html`: every stored bill of the sites there are, with links to the reports beside it."""
    with open_warehouse() as warehouse:
        rows = warehouse.query(
            "select s.site_id, s.month, s.state, s.provable, s.grade, s.currency, "
            "summary->>'$.money.saved' as saved, s.peak_reduction_kw, s.ready_pct, s.reasons, r.version "
            "from savings_month as s left join report as r using (site_id, month)"
        )
    listed = [_portfolio_row(portfolio, row) for row in rows.iter_rows(named=True) if row["site_id"] in portfolio.sites]
    page = portfolio_page(listed, portfolio.settings.language)
    _write_files(portfolio.root / "out", {"index.html": page.encode()})


def _portfolio_row(portfolio: Portfolio, row: Mapping[str, Any]) -> PortfolioRow:
    provable = row["state"] == "ok" and row["provable"]
    partial = next((code for code in PARTIAL if provable and code in row["reasons"]), None)
    return PortfolioRow(
        site_id=row["site_id"],
        name=portfolio.sites[row["site_id"]].name,
        month=row["month"],
        state="partial" if partial else "not_provable" if row["state"] == "ok" and not provable else row["state"],
        grade=row["grade"] if row["state"] == "ok" else None,
        currency=row["currency"],
        saved=row["saved"] if provable else None,
        peak_cut_kw=row["peak_reduction_kw"] if provable else None,
        ready_pct=row["ready_pct"],
        version=row["version"],
        why=reason_sentence(partial or row["reasons"][0]) if row["reasons"] and (partial or not provable) else "",
    )


def _not_rendered(entry: _Due, reason: str) -> ReportOutcome:
    return ReportOutcome(entry.site.site_id, entry.month, None, rendered=False, path=None, reason=reason)


def unrendered_months(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[tuple[str, str]]:
    """Return the (site, month) pairs inside `scope` whose report files are absent, harmed or of other numbers."""
    due = _due(portfolio, warehouse, scope)
    return [(entry.site.site_id, entry.month) for entry in due if not _stands(portfolio, entry)]


def _due(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[_Due]:
    rows = warehouse.query(
        "select s.site_id, s.month, s.summary, s.input_hash, s.result_hash, r.version, r.input_hash as rendered_hash, "
        "r.html_sha256 from savings_month as s left join report as r using (site_id, month) "
        "where s.state = 'ok' order by s.site_id, s.month"
    )
    return [
        _Due(portfolio.sites[row["site_id"]], json.loads(row["summary"]), (row["input_hash"], row["result_hash"]), row)
        for row in rows.iter_rows(named=True)
        if row["site_id"] in portfolio.sites and scope.holds(row["site_id"], row["month"])
    ]


def report_folder(portfolio: Portfolio, site_id: str, month: str) -> Path:
    """Return the folder of one report; both names are checked identifiers and cannot leave the portfolio."""
    return portfolio.root / "out" / site_id / month


def _stands(portfolio: Portfolio, entry: _Due) -> bool:
    """Whether the files of this report are there, unharmed, and state the stored numbers."""
    row, folder = entry.rendered, report_folder(portfolio, entry.site.site_id, entry.month)
    if row is None or row["rendered_hash"] != entry.hashes[0]:
        return False
    html = folder / "report.html"
    whole = all((folder / name).is_file() for name in ("summary.json", "report.pdf", "email.eml"))
    return whole and html.is_file() and sha256(html.read_bytes()).hexdigest() == row["html_sha256"]


@dataclass(frozen=True)
class _Begun:
    """A report that is being rendered, with what is written beside it."""

    entry: _Due
    issued: IssuedReport
    restated: Restatement | None
    summary: Mapping[str, Any]
    rendered: Future[RenderedReport]


def _begin(
    portfolio: Portfolio,
    open_warehouse: Callable[[], Warehouse],
    journal: Journal,
    entry: _Due,
    now: datetime,
    renderers: Renderers,
) -> _Begun:
    site, month = entry.site, entry.month
    stated = stated_figures(entry.summary)
    issued = journal.issue_report(site.site_id, month, entry.hashes, at=now, code=__version__, stated=stated)
    with open_warehouse() as warehouse:
        restated = restatement(journal, warehouse, issued)
        changes = restated.section if restated else None
        version = {**_version(issued, entry.hashes[0]), "changes": changes}
        summary = {**with_plan_changes(portfolio, journal, site, entry.summary), "version": version}
        data = _input(portfolio, warehouse, site, summary)
    return _Begun(entry, issued, restated, summary, renderers.submit(data))


def _finish(portfolio: Portfolio, open_warehouse: Callable[[], Warehouse], begun: _Begun) -> ReportOutcome:
    site, month, issued = begun.entry.site, begun.entry.month, begun.issued
    rendered = begun.rendered.result()
    folder = report_folder(portfolio, site.site_id, month)
    _write(folder, begun.summary, rendered, _message(portfolio, site, rendered, issued))
    with open_warehouse() as warehouse:
        row = _report_row(issued, begun.entry, rendered, begun.restated)
        warehouse.replace_rows("report", site.site_id, month, row)
    return ReportOutcome(site.site_id, month, issued.version, rendered=True, path=folder / "report.html")


def _input(portfolio: Portfolio, warehouse: Warehouse, site: Site, summary: Mapping[str, Any]) -> ReportInput:
    month = str(summary["month"])
    load, months = _load(warehouse, site, month), _months(warehouse, site, month)
    data = ReportInput(summary, _report_site(portfolio, site, load), load, months)
    day = peak_date(Facts(data))
    if day is None:
        return data
    begin, end = (local_midnight_utc(local, site.timezone) for local in (day, day + timedelta(days=1)))
    return replace(data, stays=_stays(warehouse, site, (begin, end)), charge=_charge(warehouse, site, day))


def _stays(warehouse: Warehouse, site: Site, span: tuple[datetime, datetime]) -> pl.DataFrame:
    """Return who was plugged in during a span; a car's configured target stands where its session has none."""
    rows = warehouse.query(
        "select session_id, coalesce(vehicle_id, charger_id) as name, plugged_in_at, "
        "case when complete then plugged_out_at end as plugged_out_at, soc_out_pct, target_soc_pct "
        "from charging_session where site_id = ? and plugged_in_at < ? and (not complete or plugged_out_at > ?)",
        [site.site_id, span[1], span[0]],
    )
    targets = {vehicle.vehicle_id: float(vehicle.target_soc_pct) for vehicle in site.vehicles}
    wanted = pl.col("name").replace_strict(targets, default=100.0, return_dtype=pl.Float64)
    return rows.with_columns(target_soc_pct=pl.coalesce("target_soc_pct", wanted))


def _charge(warehouse: Warehouse, site: Site, day: date) -> pl.DataFrame:
    return warehouse.query(
        "select session_id, measured_at, soc_pct from charger_reading "
        "where site_id = ? and local_day = ? and soc_pct is not null and session_id is not null order by measured_at",
        [site.site_id, day],
    )


def _version(issued: IssuedReport, input_hash: str) -> dict[str, Any]:
    return {
        "report": issued.version,
        "input_hash": input_hash,
        "code": issued.code,
        "generated_at": issued.generated_at.astimezone(UTC).isoformat(),
        "restates": issued.restates,
    }


def _load(warehouse: Warehouse, site: Site, month: str) -> pl.DataFrame:
    return warehouse.query(
        "select interval_start, local_start, local_day, duration_s, "
        "if(metered, actual_import_wh, null) as actual_import_wh, "
        "if(metered and covered, no_ev_import_wh, null) as no_ev_import_wh, "
        "if(metered and covered, unmanaged_import_wh, null) as unmanaged_import_wh, "
        "if(covered, charge_wh, null) as charge_wh, if(covered, discharge_wh, null) as discharge_wh "
        "from load_interval where site_id = ? and month = ? order by interval_start",
        [site.site_id, month],
    )


def _months(warehouse: Warehouse, site: Site, month: str) -> pl.DataFrame:
    baseline = {"no_ev": "no_ev", "unmanaged": "unmanaged"}[site.headline]
    rows = warehouse.query(
        f"select month, state, provable, peak_{baseline}_kw as peak_baseline_kw, peak_actual_kw, "  # noqa: S608
        f"billing_{baseline}_kw as billing_baseline_kw, billing_actual_kw, "
        "summary->>'$.money.saved' as saved, summary->>'$.annual.realised' as realised, ready_pct "
        "from savings_month where site_id = ? and month <= ? order by month desc limit ?",
        [site.site_id, month, _CHART_BILLS],
    )
    return rows.sort("month")


def _report_site(portfolio: Portfolio, site: Site, load: pl.DataFrame) -> ReportSite:
    name = site.tariff_name_on(load.item(0, "local_day")) or ""
    path = portfolio.tariff_path(name)
    tariff = load_tariff(path, portfolio.series) if path else None
    peak, also = site.peak_window, site.report
    return ReportSite(
        site_id=site.site_id,
        name=site.name,
        timezone=site.timezone,
        language=site.report.language or portfolio.settings.language,
        currency=site.currency,
        vehicles=len(site.vehicles) or len(site.chargers),
        demand_window_min=int(load.item(0, "duration_s")) // 60,
        peak_window=PeakHours(peak.start, peak.end, tuple(peak.months), tuple(peak.weekdays)) if peak else None,
        notes=site.notes,
        tariff_name=tariff.name if tariff else name,
        tariff_notes=tariff.notes if tariff else "",
        also=AlsoCurrency(also.also_currency, also.rate, also.rate_date, also.rate_source)
        if also.also_currency and also.rate and also.rate_date and also.rate_source
        else None,
    )


def _message(portfolio: Portfolio, site: Site, rendered: RenderedReport, issued: IssuedReport) -> bytes:
    smtp = portfolio.settings.smtp
    return build_message(
        rendered,
        sender=smtp.from_ if smtp else _FALLBACK_SENDER,
        recipients=site.report.recipients,
        message_id_seed=f"{issued.site_id}/{issued.month}/{issued.version}",
        date=issued.generated_at,
        pdf=rendered.pdf,
    )


def _report_row(
    issued: IssuedReport, entry: _Due, rendered: RenderedReport, restated: Restatement | None
) -> pl.DataFrame:
    row = {
        "version": issued.version,
        "restates": issued.restates,
        "input_hash": entry.hashes[0],
        "generated_at": issued.generated_at,
        "code": issued.code,
        "subject": rendered.subject,
        "html_sha256": sha256(rendered.html.encode()).hexdigest(),
        **columns_before(restated),
    }
    return pl.DataFrame([row], schema_overrides=_ROW_TYPES)


def _write(folder: Path, summary: Mapping[str, Any], rendered: RenderedReport, message: bytes) -> None:
    files = {
        "summary.json": json.dumps(summary, ensure_ascii=False, indent=2).encode() + b"\n",
        "email.eml": message,
        "report.pdf": rendered.pdf,
        "report.html": rendered.html.encode(),
    }
    _write_files(folder, files)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file aside and move it in place, so that nobody ever reads half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / name
        if target.is_file() and target.read_bytes() == content:
            continue
        fresh = folder / f".{name}.new"
        fresh.write_bytes(content)
        fresh.replace(target)
