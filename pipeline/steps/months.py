"""Computes the stale bills of every site, in month order; a site that fails never stops the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

import polars as pl

from pipeline import __version__
from pipeline.calendars import holiday_dates, months_between, period_utc
from pipeline.chain import Inputs, Result, compute, input_hash, outages_of, prepare, source_hash
from pipeline.domain import CHARGING_SESSION, REASONS, BillPeriod, ConfigError, InputError, V2BError
from pipeline.fleet import unstated_fleet
from pipeline.portfolio import Co2Factor, Outage, Portfolio, Site, Span
from pipeline.savings import coming_tariffs, unstated
from pipeline.steps.columns import savings_row
from pipeline.steps.history import SiteHistory, stored_history
from pipeline.steps.scope import Scope
from pipeline.tariff import Tariff, demand_charges, load_tariff, resolve
from pipeline.warehouse import Warehouse

AnySpan = TypeVar("AnySpan", bound=Span)
LOG: Final = logging.getLogger(__name__)
_MARGIN: Final = timedelta(days=7)  # readings beyond a bill's ends that complete sessions across them
_YEAR: Final = timedelta(days=366)  # the longest look-back of a baseline
_NO_SESSIONS: Final = pl.DataFrame(schema=dict(CHARGING_SESSION))


@dataclass(frozen=True)
class MonthOutcome:
    """What became of one site-month in this run."""

    site_id: str
    month: str
    state: str
    written: bool
    stage: str | None = None
    reason: str | None = None


@dataclass
class _SiteRun:
    """One site while its months are walked through."""

    portfolio: Portfolio
    warehouse: Warehouse
    site: Site
    history: SiteHistory
    summaries: dict[str, dict[str, Any]]
    hashes: dict[str, str]
    sources: dict[str, str]
    programme_start: date | None
    outages: Sequence[Outage]
    tariffs: dict[str, Tariff] = field(default_factory=dict)


def compute_months(
    portfolio: Portfolio,
    warehouse: Warehouse,
    scope: Scope,
    on_month: Callable[[MonthOutcome], None] | None = None,
) -> list[MonthOutcome]:
    """Compute every closed bill whose inputs changed since it was stored (inside `scope`).

    Months are walked in order, so that a bill sees what its predecessors have just become; where their determinants
    come out unchanged, the walk finds nothing more to do. Returns one outcome per bill looked at.
    """
    outcomes = []
    for site_id, site in portfolio.sites.items():
        if not scope.holds(site_id):
            continue
        for outcome in _walk(portfolio, warehouse, site, scope):
            outcomes.append(outcome)
            if on_month:
                on_month(outcome)
    return outcomes


def closed_periods(portfolio: Portfolio, warehouse: Warehouse, site: Site, now: datetime) -> list[BillPeriod]:
    """Return the bills that have ended by `now` and lie within the span of the site's meter data."""
    first, last = warehouse.connection.execute(
        "select min(local_day), max(local_day) from meter_interval where site_id = ? and list_contains(?, meter_id)",
        [site.site_id, site.billing_meter_ids],
    ).fetchone() or (None, None)
    if first is None or last is None:
        return []
    periods = portfolio.periods(site.site_id, first, last)
    return [period for period in periods if period_utc(period, site.timezone)[1] <= now]


def _walk(portfolio: Portfolio, warehouse: Warehouse, site: Site, scope: Scope) -> list[MonthOutcome]:
    run, periods = _opened(portfolio, warehouse, site, scope.now)
    outcomes = [_one(run, period) for period in periods if scope.holds(site.site_id, period.month)]
    return outcomes + _without_bill(run, periods, scope)


def _opened(portfolio: Portfolio, warehouse: Warehouse, site: Site, now: datetime) -> tuple[_SiteRun, list[BillPeriod]]:
    periods = closed_periods(portfolio, warehouse, site, now)
    stored = warehouse.query("select month, input_hash, summary from savings_month where site_id = ?", [site.site_id])
    summaries = {month: json.loads(text) for month, _, text in stored.iter_rows()}
    hashes = {month: found for month, found, _ in stored.iter_rows()}
    read = warehouse.query("select month, source_hash from bill_source where site_id = ?", [site.site_id])
    history = stored_history(warehouse, site, summaries)
    start = _programme_start(warehouse, site, periods)
    outages = _outages(portfolio, warehouse, site)
    run = _SiteRun(portfolio, warehouse, site, history, summaries, hashes, dict(read.iter_rows()), start, outages)
    return run, periods


def _outages(portfolio: Portfolio, warehouse: Warehouse, site: Site) -> tuple[Outage, ...]:
    """The listed outages, and the intervals in which every billing meter says that it had no power."""
    told = warehouse.query(
        "select interval_start, duration_s from meter_interval where site_id = ? and quality = 'outage' "
        "and list_contains(?, meter_id) group by all having count(*) = ? order by all",
        [site.site_id, site.billing_meter_ids, len(site.billing_meter_ids)],
    )
    return outages_of(portfolio.outages.get(site.site_id, ()), told)


def _programme_start(warehouse: Warehouse, site: Site, periods: list[BillPeriod]) -> date | None:
    """The configured day; else the first day a car discharged; a site without chargers has nothing to wait for."""
    if site.programme_start:
        return site.programme_start
    if not site.chargers:
        return periods[0].read_from if periods else None
    row = warehouse.connection.execute(
        "select min(local_day) from (select local_day, energy_export_wh > lag(energy_export_wh) over "
        "(partition by charger_id order by measured_at) as gave from charger_reading "
        "where site_id = ? and energy_export_wh is not null) where gave",
        [site.site_id],
    ).fetchone()
    return row[0] if row else None


def _without_bill(run: _SiteRun, periods: list[BillPeriod], scope: Scope) -> list[MonthOutcome]:
    """Months between bills that no bill ends in (read dates can skip one): their state is no_bill."""
    present = {period.month for period in periods}
    outcomes = []
    for month in months_between(min(present), max(present)) if present else []:
        if month not in present and scope.holds(run.site.site_id, month):
            after = next(period for period in periods if period.month > month)
            gap = BillPeriod(month, after.read_from, after.read_from)
            outcomes.append(_store_unstated(run, gap, _NoFigures("no_bill", None, REASONS["no_bill"].sentence)))
    return outcomes


def _one(run: _SiteRun, period: BillPeriod) -> MonthOutcome:
    stage = "tariff"
    try:
        tariff = _tariff(run, period)
        stage = "load"
        inputs = _inputs(run, period, tariff)
        state = "seed" if inputs.is_seed else "ok"
        unchanged = MonthOutcome(run.site.site_id, period.month, state, written=False)
        source = source_hash(inputs, __version__)
        if run.sources.get(period.month) == source:
            return unchanged
        prepared = prepare(inputs)
        fresh = input_hash(prepared)
        if run.hashes.get(period.month) == fresh:
            _note_source(run, period, source)
            return unchanged
        stage = "bill"
        coming = {} if inputs.is_seed else coming_tariffs(tariff, period)
        result = compute(replace(prepared, inputs=replace(inputs, coming=coming)))
        _store(run, period, result, (source, fresh))
    except V2BError as error:
        return _store_unstated(run, period, _NoFigures("failed", stage, str(error)))
    except Exception as error:
        place = {"site": run.site.site_id, "month": period.month}
        LOG.exception("site %s, month %s, stage %s", run.site.site_id, period.month, stage, extra=place)
        sentence = f"internal error: {type(error).__name__}: {error}"
        return _store_unstated(run, period, _NoFigures("failed", stage, sentence))
    return MonthOutcome(run.site.site_id, period.month, state, written=True)


def _tariff(run: _SiteRun, period: BillPeriod) -> Tariff:
    name = run.site.tariff_name_on(period.read_from)
    if name is None:
        raise ConfigError(f"{run.site.site_id}.toml", "tariffs", None, f"a tariff in force on {period.read_from}")
    if name not in run.tariffs:
        path = run.portfolio.tariff_path(name)
        if path is None:
            raise ConfigError(f"{run.site.site_id}.toml", "tariff", name, f"a file tariffs/{name}.toml or .json")
        run.tariffs[name] = load_tariff(path, run.portfolio.series)
    tariff = run.tariffs[name]
    if tariff.currency is not None and tariff.currency != run.site.currency:
        raise InputError(f"{run.site.site_id}.toml", "currency", run.site.currency, f"{tariff.currency}, as its tariff")
    return tariff


def _tariff_holidays(site: Site, period: BillPeriod) -> frozenset[date]:
    if isinstance(site.tariff_holidays, str):
        return holiday_dates(site.tariff_holidays, range(period.read_from.year, period.read_to.year + 1))
    return frozenset(site.tariff_holidays)


def _inputs(run: _SiteRun, period: BillPeriod, tariff: Tariff) -> Inputs:
    begin, end = period_utc(period, run.site.timezone)
    resolved = resolve(tariff, period)
    run.history.expect(demand_charges(resolved))
    earlier, sessions = run.history.before(period.month, _NO_SESSIONS)
    thresholds = run.portfolio.settings.thresholds
    return Inputs(
        site=run.site,
        period=period,
        tariff=resolved,
        tariff_holidays=_tariff_holidays(run.site, period),
        programme_start=run.programme_start,
        meter=run.warehouse.query(
            "select meter_id, interval_start, duration_s, import_wh, export_wh, quality from meter_interval "
            "where site_id = ? and interval_start >= ? and interval_start < ? order by all",
            [run.site.site_id, begin - timedelta(days=1), end],
        ),
        reactive=run.warehouse.query(
            "select meter_id, interval_start, duration_s, reactive_varh, quality from meter_reactive "
            "where site_id = ? and interval_start >= ? and interval_start < ? order by all",
            [run.site.site_id, begin - timedelta(days=1), end],
        ),
        readings=_readings(run, begin, end),
        session_records=run.warehouse.query(
            "select * exclude (site_id, load_id) from session_record where site_id = ? "
            "and plugged_in_at < ? and coalesce(plugged_out_at, plugged_in_at) >= ? order by plugged_in_at, session_id",
            [run.site.site_id, end + _MARGIN, begin - _MARGIN],
        ),
        sessions=sessions,
        earlier=earlier,
        clock_bound_s=thresholds.clock_bound_s,
        utility_bills=[bill for bill in run.portfolio.utility_bills.get(run.site.site_id, ()) if bill.concerns(period)],
        reconcile_pct=thresholds.reconcile_pct,
        armed=run.portfolio.armed.get(run.site.site_id),
        weather=_weather(run, begin, end),
        events=_near(run.portfolio.events.get(run.site.site_id, ()), begin, end),
        outages=_near(run.outages, begin, end),
        marginal_co2=_marginal_co2(run, begin, end),
    )


def _near(spans: Iterable[AnySpan], begin: datetime, end: datetime) -> tuple[AnySpan, ...]:
    """The spans that touch a bill or the days and months it is compared with."""
    return tuple(span for span in spans if span.touches(begin - 2 * _YEAR, end))


def _marginal_co2(run: _SiteRun, begin: datetime, end: datetime) -> tuple[Co2Factor, ...] | None:
    region = run.site.co2_region
    if region is None:
        return None
    return tuple(factor for factor in run.portfolio.marginal_co2.get(region, ()) if factor.touches(begin, end))


def _weather(run: _SiteRun, begin: datetime, end: datetime) -> pl.DataFrame:
    return run.warehouse.query(
        "select observed_at, temperature_c from weather_hour "
        "where station_id = ? and observed_at >= ? and observed_at < ? order by all",
        [run.site.weather_station, begin - _YEAR, end],
    )


def _readings(run: _SiteRun, begin: datetime, end: datetime) -> pl.DataFrame:
    """Readings of a bill with a week on either side, and each charger's nearest ones beyond: they bracket silence."""
    return run.warehouse.query(
        "with mine as (select * exclude (site_id, load_id, local_day, bill_month) from charger_reading "
        "where site_id = $site), "
        "edges as (select charger_id, max(measured_at) filter (measured_at < $low) as low, "
        "min(measured_at) filter (measured_at >= $high) as high from mine group by charger_id) "
        "select mine.* from mine join edges using (charger_id) "
        "where (measured_at >= $low and measured_at < $high) or measured_at = edges.low or measured_at = edges.high "
        "order by charger_id, measured_at",
        {"site": run.site.site_id, "low": begin - _MARGIN, "high": end + _MARGIN},
    )


def _note_source(run: _SiteRun, period: BillPeriod, source: str) -> None:
    run.warehouse.replace_rows("bill_source", run.site.site_id, period.month, _source_row(source))


def _source_row(source: str) -> pl.DataFrame:
    return pl.DataFrame({"source_hash": [source]})


def _store(run: _SiteRun, period: BillPeriod, result: Result, hashes: tuple[str, str]) -> None:
    """Store a result with the hashes of what was read for it and of what its numbers depend on."""
    summary, (source, fresh) = result.summary, hashes
    state = pl.DataFrame([{"state": summary["state"], "stage": None, "reason": None}])
    frames = {
        **result.frames,
        "savings_month": savings_row(summary, fresh, result.result_hash),
        "site_month": state.cast({"stage": pl.String, "reason": pl.String}),
        "bill_source": _source_row(source),
    }
    run.warehouse.replace_bill(run.site.site_id, period.month, frames)
    run.history.learn(period.month, summary, result.frames)


@dataclass(frozen=True)
class _NoFigures:
    """Why a site-month states nothing."""

    state: str
    stage: str | None
    sentence: str

    @property
    def code(self) -> str:
        return "no_bill" if self.state == "no_bill" else "computation_failed"


def _store_unstated(run: _SiteRun, period: BillPeriod, why: _NoFigures) -> MonthOutcome:
    """Store a site-month without figures, unless it stands so already; its peaks are not known to later bills."""
    if why.state == "failed":
        run.history.fail(period.month)
    summary = unstated(run.site, period, why.state, (why.code, why.sentence), unstated_fleet())
    outcome = MonthOutcome(
        run.site.site_id, period.month, why.state, written=True, stage=why.stage, reason=why.sentence
    )
    if run.summaries.get(period.month) == summary:
        return replace(outcome, written=False)
    row = pl.DataFrame(
        [{"state": why.state, "stage": why.stage, "reason": why.sentence}], schema_overrides={"stage": pl.String}
    )
    frames = {"site_month": row, "savings_month": savings_row(summary, "", "")}
    run.warehouse.replace_bill(run.site.site_id, period.month, frames)
    return outcome


def stale_months(portfolio: Portfolio, warehouse: Warehouse, scope: Scope) -> list[tuple[str, str]]:
    """Return the (site, month) pairs inside `scope` whose stored result does not answer to their inputs, in order."""
    return [
        (site_id, month)
        for site_id, site in portfolio.sites.items()
        if scope.holds(site_id)
        for month in _stale_of_site(portfolio, warehouse, site, scope)
    ]


def _stale_of_site(portfolio: Portfolio, warehouse: Warehouse, site: Site, scope: Scope) -> list[str]:
    run, periods = _opened(portfolio, warehouse, site, scope.now)
    return [p.month for p in periods if scope.holds(site.site_id, p.month) and _is_stale(run, p)]


def _is_stale(run: _SiteRun, period: BillPeriod) -> bool:
    """Whether the stored result does not answer to the inputs; a bill that fails is tried again by every run."""
    if not run.hashes.get(period.month):
        return True
    try:
        inputs = _inputs(run, period, _tariff(run, period))
        source = source_hash(inputs, __version__)
        if run.sources.get(period.month) == source:
            return False
        stale = input_hash(prepare(inputs)) != run.hashes.get(period.month)
    except V2BError:
        return True
    if not stale:
        _note_source(run, period, source)
    return stale


def stored_summaries(warehouse: Warehouse) -> list[Mapping[str, Any]]:
    """Return every stored result, by site and month."""
    rows = warehouse.query("select summary from savings_month order by site_id, month")
    return [json.loads(text) for (text,) in rows.iter_rows()]
