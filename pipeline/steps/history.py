"""What the warehouse knows of a site's earlier bills, kept in step while a run walks through the months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import polars as pl

from pipeline.baselines import BASELINE_DAY
from pipeline.calendars import add_months
from pipeline.chain import EARLIER_WINDOW, ROUTINE, BillMeasured, Earlier
from pipeline.domain import SCENARIOS
from pipeline.portfolio import Site
from pipeline.savings import LineKey, PriorBill
from pipeline.tariff import DETERMINANT
from pipeline.uncertainty import DrawnBill, DrawnSaving
from pipeline.warehouse import Warehouse

_YEAR: Final = 11  # earlier bills that share a year with this one
_LOOK_BACK: Final = 13  # months that hold the days a baseline may look back to
_TABLES: Final = ("billing_determinant", "bill_line", "charging_session", "load_interval", "baseline_day")
_DRAWN: Final = ("determinant_draw", "saving_draw")
_CLOCKS_TOLD: Final = {"clock_measured": True, "clock_contradicted": False, "clock_slipped": False}
"""What the reasons of a bill say of its clocks, where the meter told them."""
_MEASURED: Final = {**DETERMINANT, **ROUTINE}
_TWO_YEARS: Final = 24  # months whose determinants a look ahead may take: last year's, and a seed of the year before


@dataclass
class SiteHistory:
    """Own peaks, demand amounts, results and sessions of one site, by month."""

    site: Site
    peaks: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    demand: dict[str, dict[LineKey, Decimal]] = field(default_factory=dict)
    prior: dict[str, PriorBill] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    sessions: dict[str, pl.DataFrame] = field(default_factory=dict)
    measured: dict[str, BillMeasured] = field(default_factory=dict)
    seeds: set[str] = field(default_factory=set)
    windows: dict[str, pl.DataFrame] = field(default_factory=dict)
    baseline_days: dict[str, pl.DataFrame] = field(default_factory=dict)
    drawn: dict[str, DrawnBill] = field(default_factory=dict)
    drawn_savings: dict[str, DrawnSaving] = field(default_factory=dict)
    commissioned: set[str] = field(default_factory=set)
    clocks_right: dict[str, bool] = field(default_factory=dict)

    def before(self, month: str, no_sessions: pl.DataFrame) -> tuple[Earlier, pl.DataFrame]:
        """Return what the bill of `month` takes from earlier bills, and the sessions they stored."""
        own = {key: {m: kw for m, kw in months.items() if m < month} for key, months in self.peaks.items()}
        for scenario in SCENARIOS:
            for charge_id in {charge for _, charge in self.peaks} | set(self._charge_ids):
                seeds = {m: kw for m, kw in self.site.ratchet_seed.items() if m < month}
                known = own.setdefault((scenario, charge_id), {})
                own[scenario, charge_id] = {**seeds, **known}
        recent = sorted(m for m in self.demand if m < month)[-_YEAR:]
        amounts: dict[LineKey, Decimal] = {}
        for earlier in recent:
            for key, amount in self.demand[earlier].items():
                amounts[key] = amounts.get(key, Decimal(0)) + amount
        prior = [bill for m, bill in sorted(self.prior.items()) if m < month]
        stored = [frame for m, frame in sorted(self.sessions.items()) if m < month]
        earlier_months = frozenset(m for m in self.incomplete if m < month)
        first = add_months(month, -_TWO_YEARS)
        measured = {m: bill for m, bill in self.measured.items() if first <= m < month}
        seed_months = frozenset(m for m in self.seeds if m < month)
        found = Earlier(
            own,
            earlier_months,
            amounts,
            prior,
            measured,
            seed_months,
            windows=_since(self.windows, add_months(month, -_LOOK_BACK), month, EARLIER_WINDOW),
            baseline_days=_since(self.baseline_days, first, month, BASELINE_DAY),
            drawn={m: bill for m, bill in self.drawn.items() if first <= m < month},
            drawn_savings={m: saving for m, saving in self.drawn_savings.items() if first <= m < month},
            commissioned=frozenset(m for m in self.commissioned if m < month),
            clocks_right={m: right for m, right in self.clocks_right.items() if m < month},
        )
        return found, pl.concat([no_sessions, *stored])

    _charge_ids: tuple[str, ...] = ()

    def expect(self, charge_ids: tuple[str, ...]) -> None:
        """Name the demand charges of the bill to come, so that configured seeds stand for them too."""
        self._charge_ids = charge_ids

    def learn(self, month: str, summary: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> None:
        """Take in the result of a bill, just computed or read back; a failed one has no frames."""
        self.forget(month)
        if "billing_determinant" in frames:
            self._learn_peaks(month, frames["billing_determinant"])
            stored = frames["billing_determinant"]
            self.measured[month] = BillMeasured(
                stored.select(pl.col(name).cast(kind) for name, kind in _MEASURED.items())
            )
        if "bill_line" in frames:
            self._learn_demand(month, frames["bill_line"])
        if "charging_session" in frames:
            self.sessions[month] = frames["charging_session"]
        if "load_interval" in frames:
            self.windows[month] = frames["load_interval"].select(EARLIER_WINDOW.keys())
        if "baseline_day" in frames:
            self.baseline_days[month] = frames["baseline_day"].select(BASELINE_DAY.keys())
        if "determinant_draw" in frames:
            self.drawn[month] = DrawnBill(frames["determinant_draw"])
        if "saving_draw" in frames:
            self.drawn_savings[month] = DrawnSaving.of(frames["saving_draw"])
        self._learn_summary(month, summary)

    def forget(self, month: str) -> None:
        """Drop what is known of one bill, because it failed or is computed anew."""
        for months in self.peaks.values():
            months.pop(month, None)
        tables = (self.demand, self.prior, self.sessions, self.measured, self.windows, self.baseline_days)
        for table in (*tables, self.drawn, self.drawn_savings, self.clocks_right):
            table.pop(month, None)
        for marked in (self.incomplete, self.seeds, self.commissioned):
            marked.discard(month)

    def fail(self, month: str) -> None:
        """Remember that the peaks of one bill are not known."""
        self.forget(month)
        self.incomplete.add(month)

    def _learn_peaks(self, month: str, determinants: pl.DataFrame) -> None:
        highest = (
            determinants.drop_nulls("own_peak_w").group_by("scenario", "charge_id").agg(pl.col("own_peak_w").max())
        )
        for scenario, charge_id, watts in highest.iter_rows():
            self.peaks.setdefault((scenario, charge_id), {})[month] = Decimal(watts) / 1000

    def _learn_demand(self, month: str, lines: pl.DataFrame) -> None:
        own = lines.filter((pl.col("kind") == "demand") & (pl.col("scenario") == self.site.headline))
        self.demand[month] = {
            (charge, band): amount for charge, band, amount in own.select("charge_id", "band", "amount").iter_rows()
        }

    def _learn_summary(self, month: str, summary: Mapping[str, Any]) -> None:
        data, is_seed = summary["data"], summary["state"] == "seed"
        metered = data["meter_coverage_pct"] == 100 or "meter_gap_bounded" in summary["reasons"]
        complete = metered and (is_seed or data["charger_coverage_pct"] == 100)
        complete = complete or summary["provable"]  # a silence that no peak can lie in leaves the peaks known
        if not complete or summary["state"] == "failed":
            self.incomplete.add(month)
        if is_seed:
            self.seeds.add(month)
        told = [right for code, right in _CLOCKS_TOLD.items() if code in summary["reasons"]]
        if told:
            self.clocks_right[month] = all(told)
        if data["beta"] is not None and told and all(told):
            self.commissioned.add(month)
        if summary["state"] == "ok":
            money = summary["money"]
            saved, low, reduction = (
                None if figure is None else Decimal(str(figure))
                for figure in (money["saved"], money["low"], summary["billing_demand_kw"]["reduction"])
            )
            self.prior[month] = PriorBill(month, saved, summary["provable"], reduction, low)


def _since(
    frames: Mapping[str, pl.DataFrame], first: str, before: str, schema: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """Put the frames of some months under each other, in month order."""
    found = (frame for month, frame in sorted(frames.items()) if first <= month < before)
    return pl.concat([pl.DataFrame(schema=pl.Schema(schema)), *found])


def stored_history(warehouse: Warehouse, site: Site, summaries: Mapping[str, Mapping[str, Any]]) -> SiteHistory:
    """Read a site's history back; `summaries` are its stored results by month."""
    history = SiteHistory(site)
    by_month: dict[str, dict[str, pl.DataFrame]] = {}
    for table in (*_TABLES, *_DRAWN):
        rows = warehouse.query(
            f"select * exclude (site_id) from {table} where site_id = ? order by all",  # noqa: S608
            [site.site_id],
        )
        for part in rows.partition_by("month"):
            by_month.setdefault(str(part.item(0, "month")), {})[table] = part.drop("month")
    for month, summary in summaries.items():
        history.learn(month, summary, by_month.get(month, {}))
    return history
