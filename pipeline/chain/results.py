"""Prices the worlds of a bill, decides what is provable, and sums up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import polars as pl
from babel.numbers import get_currency_precision

from pipeline import fleet, quality, savings
from pipeline.calendars import period_utc
from pipeline.chain.assumptions import assumptions_of
from pipeline.chain.capturing import capture_of
from pipeline.chain.checking import Checked, check_days
from pipeline.chain.event_window import hours_of_bill, in_event_hours
from pipeline.chain.fleet_facts import cut_at_baseline_peak_kw, fleet_of, peak_span
from pipeline.chain.hashing import result_hash
from pipeline.chain.inputs import Prepared, Result
from pipeline.chain.measured import BillMeasured
from pipeline.chain.meter_gaps import bridged
from pipeline.chain.non_routine import with_routine
from pipeline.chain.outages import served
from pipeline.chain.outside import outside_of
from pipeline.chain.proving import contradictions_of, doubts_of, is_commissioned, known_worlds
from pipeline.chain.ranging import Drawn, draw_savings, ranges_of
from pipeline.chain.yearly import with_worth
from pipeline.domain import CHARGING_SESSION, SCENARIOS
from pipeline.tariff import PLACEHOLDER, Bill, ResolvedTariff, Rows, measure, measured_rows, price_measured

Told = dict[str, str | float | None]
"""A row of `quality.FINDING`; what it does not name is not known."""


def compute(measured: Prepared) -> Result:
    """Price every world whose load is known, or known well enough that no peak lies in a gap, and sum up."""
    prepared = bridged(measured, bills_of)
    inputs, determinants = prepared.inputs, _determinants(prepared)
    bill = BillMeasured(with_routine(determinants, prepared.billed_windows, inputs))
    priced = _priced(prepared, bill.rows)
    drawn = draw_savings(prepared, priced, _demand_line(prepared, priced))
    known = known_worlds(prepared, drawn)
    bills: dict[str, Bill] = {world: priced[world] for world in known if world in priced}
    energy = _energy(prepared)
    compared = _reconciled(prepared, bills, energy)
    told = (*_refusals(bills), *_answered(inputs.tariff), *_differences(compared))
    findings = quality.joined([prepared.findings, *([pl.DataFrame(told, schema=_FINDING)] if told else [])])
    checked = check_days(measured)
    facts = _facts(prepared, bills, energy, findings, compared, checked, drawn)
    facts = with_worth(prepared, bill, facts, drawn)
    if "unmanaged" in bills:
        facts = replace(facts, outside=outside_of(prepared, bill.rows["actual"]))
    summary = savings.summarise(_with_notes(facts, prepared, drawn))
    frames = {
        "charger_interval": prepared.charger_windows,
        "charging_session": _sessions_begun(prepared),
        "load_interval": measured.windows[list(_LOAD_COLUMNS)],
        "billing_determinant": bill.frame,
        "bill_line": _line_frame(bills),
        "quality_finding": findings,
        "utility_bill": _utility_frame(compared),
        "day_class": checked.day_class,
        "baseline_day": checked.baseline_day,
        **(drawn.frames if drawn else {}),
    }
    return Result(summary, frames, result_hash(summary))


def bills_of(prepared: Prepared) -> Mapping[str, Bill]:
    """Return the bill of every world, over the windows that count as metered."""
    return _priced(prepared, measured_rows(_determinants(prepared)))


def _determinants(prepared: Prepared) -> pl.DataFrame:
    inputs, windows = prepared.inputs, prepared.billed_windows
    return measure(
        inputs.tariff,
        inputs.period,
        windows if windows.get_column("metered").all() else windows.filter("metered"),
        zone=inputs.site.timezone,
        holidays=inputs.tariff_holidays,
        worlds=SCENARIOS,
    )


def _priced(prepared: Prepared, worlds: Mapping[str, Rows]) -> Mapping[str, Bill]:
    inputs, digits = prepared.inputs, get_currency_precision(prepared.inputs.site.currency)
    return price_measured(inputs.tariff, worlds, inputs.earlier.own_peaks, currency_digits=digits)


_FINDING: Final = pl.Schema(quality.FINDING)


def _refusals(bills: Mapping[str, Bill]) -> Iterator[Told]:
    """One finding per part of the tariff that was not priced: it makes every world's bill partial."""
    for field, reason in dict.fromkeys((r.field, r.reason) for bill in bills.values() for r in bill.refused):
        sentence = f"The tariff's {field} is not priced: {reason}."
        yield {"name": "tariff.refused", "source": field, "sentence": sentence}


def _answered(tariff: ResolvedTariff) -> Iterator[Told]:
    """One finding per thing that the tariff's file leaves open and a person decided."""
    for answer in tariff.answers:
        sentence = f"The tariff leaves {answer.question} open; answered {answer.answer!r}: {answer.reason}."
        yield {"name": "tariff.answered", "source": answer.question, "sentence": sentence}


_LOAD_COLUMNS: Final = (
    "interval_start",
    "duration_s",
    "local_start",
    "local_day",
    "metered",
    "covered",
    "charge_wh",
    "discharge_wh",
    "unmanaged_charge_wh",
    "managed_charge_wh",
    "dead_s",
    "served_wh",
    "reactive_varh",
    "standby_wh",
    *[f"{world}_{side}_wh" for world in SCENARIOS for side in ("import", "export")],
)


def _sessions_begun(prepared: Prepared) -> pl.DataFrame:
    begin, end = period_utc(prepared.inputs.period, prepared.inputs.site.timezone)
    sessions = prepared.known_sessions
    at = sessions.get_column("plugged_in_at")
    begun = (at >= begin) & (at < end)
    return pl.DataFrame([sessions.get_column(name).filter(begun) for name in CHARGING_SESSION])


def _facts(
    prepared: Prepared,
    bills: Mapping[str, Bill],
    energy: savings.Energy,
    findings: pl.DataFrame,
    compared: Sequence[savings.Comparison],
    checked: Checked,
    drawn: Drawn | None,
) -> savings.Facts:
    inputs, windows = prepared.inputs, prepared.windows
    known = known_worlds(prepared, drawn)
    doubts = doubts_of(prepared, known, compared, checked, drawn)
    contradicted = contradictions_of(prepared, compared, checked)
    return savings.Facts(
        site=inputs.site,
        period=inputs.period,
        state="seed" if inputs.is_seed else "ok",
        bills=bills,
        demand_line=_demand_line(prepared, bills),
        energy=energy,
        fleet=fleet_of(prepared, energy, peak_span(prepared, bills, "actual")),
        meter_coverage_pct=_coverage_pct(prepared.meter_measured),
        charger_coverage_pct=_coverage_pct(windows.get_column("covered")),
        estimated_intervals=inputs.estimated_intervals,
        clock_offset_s=prepared.clock.offset_s,
        reasons=tuple(doubts),
        findings=tuple(findings.get_column("sentence")),
        provable=not doubts and not inputs.is_seed,
        prior=inputs.earlier.prior,
        reconciled=compared,
        capture=_captured(prepared, bills),
        check=checked.section,
        beta=prepared.wiring.beta,
        ranges=ranges_of(prepared, drawn) if drawn and not contradicted else savings.Ranges(),
        assumptions=assumptions_of(prepared),
        charging_fits=not (prepared.findings.get_column("name") == quality.UNFIT).any(),
        commissioned=is_commissioned(prepared),
        outages=served(windows).section,
        at_baseline_peak_kw=cut_at_baseline_peak_kw(prepared, bills),
        co2=_co2(prepared),
    )


def _co2(prepared: Prepared) -> dict[str, Any] | None:
    """CO2 beside the headline world; None where the site has no marginal factors or V2B had not begun."""
    factors = prepared.inputs.marginal_co2
    if factors is None or prepared.inputs.is_seed:
        return None
    return fleet.co2_change(prepared.windows, factors, prepared.inputs.site.headline).section


def _captured(prepared: Prepared, bills: Mapping[str, Bill]) -> dict[str, Any] | None:
    line = _demand_line(prepared, bills)
    baseline = savings.line_of(bills.get(prepared.inputs.site.headline), line)
    if prepared.inputs.is_seed or not bills:
        return None
    peak_kw = None if baseline is None or baseline.own_peak_kw is None else float(baseline.own_peak_kw)
    found = capture_of(prepared, line, peak_kw)
    return None if found is None else found.section


def _demand_line(prepared: Prepared, bills: Mapping[str, Bill]) -> savings.LineKey | None:
    headline = bills.get(prepared.inputs.site.headline)
    return savings.main_demand_line(headline, prepared.inputs.earlier.demand_amounts) if headline else None


def _reconciled(
    prepared: Prepared, bills: Mapping[str, Bill], energy: savings.Energy
) -> tuple[savings.Comparison, ...]:
    inputs = prepared.inputs
    if not inputs.utility_bills:
        return ()
    ours = savings.OurBill(
        period=inputs.period,
        bill=bills.get("actual"),
        energy_kwh=Decimal(energy.import_wh["actual"]) / 1000,
        demand_line=_demand_line(prepared, bills),
        meter_coverage_pct=_coverage_pct(prepared.meter_measured),
        estimated_intervals=inputs.estimated_intervals,
    )
    return savings.reconcile(ours, inputs.utility_bills, within_pct=inputs.reconcile_pct)


def _differences(compared: Sequence[savings.Comparison]) -> Iterator[Told]:
    """One finding per figure in which the utility's bill and ours differ by more than is allowed."""
    for entry in compared:
        if entry.cause:
            yield {
                "name": f"utility.{entry.figure}",
                "source": entry.charge_id or "utility bill",
                "value": entry.difference_pct,
                "unit": "%",
                "sentence": _difference_sentence(entry),
            }


def _difference_sentence(entry: savings.Comparison) -> str:
    unit = "" if entry.unit == "money" else f" {entry.unit}"
    stated = f"{entry.utility:f}{unit}"
    what = f"{entry.figure} of charge {entry.charge_id!r}" if entry.charge_id else entry.figure
    ours = "ours is not known" if entry.ours is None else f"we find {entry.ours.normalize():f}{unit}"
    return f"The utility's bill states {stated} ({what}), {ours}: {savings.CAUSES[entry.cause or '']}."


_EXACT: Final = pl.Decimal(38, 12)
_UTILITY: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    **dict.fromkeys(("figure", "unit", "charge_id", "cause"), pl.String),
    **dict.fromkeys(("ours", "utility"), _EXACT),
    "difference_pct": pl.Float64,
}
_NOT_COMPARED: Final = pl.DataFrame(schema=pl.Schema(_UTILITY))


def _utility_frame(compared: Sequence[savings.Comparison]) -> pl.DataFrame:
    if not compared:
        return _NOT_COMPARED
    return pl.DataFrame([{name: getattr(entry, name) for name in _UTILITY} for entry in compared], schema=_UTILITY)


def _coverage_pct(known: pl.Series) -> float:
    covered = int(known.sum())
    return 100.0 if covered == known.len() else min(99.99, round(100 * covered / known.len(), 2))


def _with_notes(facts: savings.Facts, prepared: Prepared, drawn: Drawn | None) -> savings.Facts:
    """Add the codes that explain every figure left null, after those that forbid a proof."""
    inputs = prepared.inputs
    captured = facts.capture or {}
    unproved = [bill for bill in savings.last_bills(facts) if not bill.provable]
    seen = {month for months in inputs.earlier.own_peaks.values() for month in months}
    notes = {
        f"clock_{prepared.clock.state}": bool(inputs.site.chargers) and prepared.clock.resolved,
        "meter_gap_bounded": prepared.bridged is not None,
        "wiring_not_compared": bool(inputs.site.chargers) and prepared.wiring.beta is None,
        "range_not_computed": facts.ranges.money is None,
        "range_biased": drawn is not None and drawn.biased and facts.ranges.money is not None,
        **dict.fromkeys(facts.outlook.gaps, True),
        "charging_does_not_fit": facts.provable and not facts.charging_fits,
        "levers_not_known": facts.provable and not facts.bills.keys() >= set(SCENARIOS),
        "capture_not_known": facts.demand_line is not None and captured.get("best_possible_peak_kw") is None,
        "capture_money_not_known": captured.get("capture_money_pct") is None,
        "availability_not_known": facts.fleet["availability_pct"] is None,
        "reserve_not_known": facts.fleet["reserve_violations"] is None,
        "check_not_possible": facts.check is not None and facts.check["verdict"] == "no_check",
        "co2_factors_missing": facts.provable and bool(facts.co2 and facts.co2["hours_without_factor"]),
        "no_demand_charge": bool(facts.bills) and facts.demand_line is None,
        "no_peak_window": facts.energy.window_import_wh is None,
        "no_departures": facts.fleet["departures"] == 0,
        "no_discharge": facts.energy.discharge_wh == 0,
        "efficiency_assumed": prepared.round_trip.source == "assumed" and facts.energy.discharge_wh > 0,
        "vehicles_unknown": not inputs.site.vehicles,
        "wear_not_configured": inputs.site.wear is None,
        "ratchet_history_short": bool(inputs.reach - seen),
        "placeholder_prices": any(r.field == PLACEHOLDER for bill in facts.bills.values() for r in bill.refused),
        "bill_partial": any(bill.refused for bill in facts.bills.values()),
        "unproved_bills_left_out": any(bill.low is None for bill in unproved),
        "unproved_bills_at_least": any(bill.low is not None for bill in unproved),
    }
    if facts.state == "seed":
        notes = {"programme_not_started": True, "meter_gap_bounded": prepared.bridged is not None}
    return savings.with_reasons(facts, [code for code, holds in notes.items() if holds])


def _energy(prepared: Prepared) -> savings.Energy:
    windows, inputs = prepared.billed_windows, prepared.inputs
    inside = in_event_hours(inputs, hours_of_bill(prepared, "prevailing"))
    imports = {world: windows.get_column(f"{world}_import_wh").to_numpy() for world in SCENARIOS}
    return savings.Energy(
        import_wh={world: int(wh.sum()) for world, wh in imports.items()},
        charge_wh=int(windows.get_column("charge_wh").sum()),
        discharge_wh=int(windows.get_column("discharge_wh").sum()),
        window_import_wh=None
        if inside is None or not inside.any()
        else {world: int(wh[inside].sum()) for world, wh in imports.items()},
    )


def _line_frame(bills: Mapping[str, Bill]) -> pl.DataFrame:
    rows = [
        {
            "scenario": world,
            "position": position,
            "charge_id": line.charge_id,
            "band": line.band,
            "kind": line.kind,
            "description": line.description,
            "unit": line.unit,
            "quantity": line.quantity,
            "rate": line.rate,
            "amount": line.amount,
            "set_at": line.set_at,
            "own_peak_kw": line.own_peak_kw,
            "billing_demand_kw": line.billing_demand_kw,
            "carried_from": line.carried_from,
        }
        for world, bill in bills.items()
        for position, line in enumerate(bill.lines)
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        **dict.fromkeys(("scenario", "charge_id", "band", "kind", "description", "unit", "carried_from"), pl.String),
        "position": pl.Int64,
        **dict.fromkeys(("quantity", "rate", "amount", "own_peak_kw", "billing_demand_kw"), _EXACT),
        "set_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema)
