"""Two bills -> peak, percent, money and annual figures, in the shape of `summary.json`.

A figure that cannot be stated is None with its reason among the codes of `domain.REASONS`, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.calendars import add_months
from pipeline.domain import SCENARIOS, STATED_SCENARIOS, BillPeriod, Scenario
from pipeline.portfolio import Site
from pipeline.savings.decompose import PARTS
from pipeline.savings.facts import (
    Ends,
    Energy,
    Facts,
    PriorBill,
    RollOff,
    billing_reduction_kw,
    difference,
    line_of,
    money_text,
    with_reasons,
)

ANNUAL_MONTHS: Final = 12
RANGE_PARTS: Final = ("measurement", "modelling")
CO2: Final = ("change_kg", "hours_without_factor")
OUTSIDE: Final = ("kwh", "value")
OUTAGES: Final = ("hours", "ridden_through_hours", "served_kwh")


def summarise(facts: Facts) -> dict[str, Any]:
    """Return the result contract of one bill, without its version block."""
    headline = facts.bills.get(facts.site.headline)
    actual = facts.bills.get("actual")
    saved = headline.total - actual.total if headline and actual and facts.provable else None
    return {
        "site_id": facts.site.site_id,
        "month": facts.period.month,
        "bill_from": facts.period.read_from.isoformat(),
        "bill_to": facts.period.read_to.isoformat(),
        "currency": facts.site.currency,
        "headline": facts.site.headline,
        "state": facts.state,
        "provable": facts.provable,
        "grade": _grade(facts),
        "reasons": list(facts.reasons),
        "peak_kw": _peaks(facts),
        "billing_demand_kw": _billing_demands(facts),
        "percent_saved": _percents(facts, saved),
        "energy_kwh": {world: _kwh(facts, world) for world in ("no_ev", "unmanaged", "actual")},
        "money": _money(facts, saved),
        "annual": _annual(facts, saved),
        "uncertainty": _uncertainty(facts),
        "assumptions": [asdict(one) for one in facts.assumptions],
        "levers": _levers(facts),
        "decomposition": _decomposition(facts),
        "lines": _lines(facts),
        "reconciliation": _reconciliation(facts),
        "fleet": dict(facts.fleet),
        "capture": _no_capture() if facts.capture is None else dict(facts.capture),
        "check": _no_check() if facts.check is None else dict(facts.check),
        "outside": dict(facts.outside) if facts.outside else dict.fromkeys(OUTSIDE),
        "co2": _co2(facts),
        "outages": dict(facts.outages) if facts.outages else dict.fromkeys(OUTAGES),
        "data": {
            "meter_coverage_pct": facts.meter_coverage_pct,
            "charger_coverage_pct": facts.charger_coverage_pct,
            "clock_offset_s": facts.clock_offset_s,
            "beta": facts.beta,
            "estimated_intervals": facts.estimated_intervals,
            "findings": list(facts.findings),
        },
    }


def unstated(
    site: Site, period: BillPeriod, state: str, reason: tuple[str, str], fleet: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the result of a bill without any figure (state failed or no_bill); `reason` is its code and sentence."""
    code, sentence = reason
    facts = Facts(
        site=site,
        period=period,
        state=state,
        bills={},
        demand_line=None,
        energy=Energy(dict.fromkeys(SCENARIOS, 0), 0, 0, None),
        fleet=fleet,
        meter_coverage_pct=0.0,
        charger_coverage_pct=0.0,
        reasons=(),
        findings=(sentence,),
        provable=False,
        prior=(),
    )
    summary = summarise(with_reasons(facts, [code]))
    for section, kept in (("annual", ()), ("data", ("findings",)), ("money", ("partial",))):
        summary[section] = {name: value if name in kept else None for name, value in summary[section].items()}
    return summary


def _grade(facts: Facts) -> str:
    """Return A to F: A is proved, reconciled and commissioned; C holds at least the lower end of its range."""
    if not facts.provable:
        return "C" if facts.ranges.money is not None and facts.ranges.money.excludes_zero else "F"
    if facts.site.other_peak_control:
        return "C"
    reconciled = bool(facts.reconciled) and not any(entry.cause for entry in facts.reconciled)
    return "A" if reconciled and facts.commissioned else "B"


def _ends(found: Ends | None, form: Callable[[Decimal | None], Any]) -> dict[str, Any]:
    """Return the ends of a range, each in its form; nothing known is two nulls."""
    return {"low": form(found.low if found else None), "high": form(found.high if found else None)}


def _uncertainty(facts: Facts) -> dict[str, Any]:
    """Tell what share of the ranges measurement and model have on their own."""
    forms: dict[str, Callable[[Decimal | None], Any]] = {
        "peak_kw": _number,
        "money": lambda amount: money_text(amount, facts.site.currency),
    }
    return {
        figure: {part: _ends(facts.ranges.parts.get(figure, {}).get(part), form) for part in RANGE_PARTS}
        for figure, form in forms.items()
    }


def _co2(facts: Facts) -> dict[str, Any]:
    """CO2 is stated only beside a proved saving, since it rests on the same rebuilt world."""
    if facts.co2 is None:
        return dict.fromkeys(CO2)
    return dict(facts.co2) if facts.provable else {**facts.co2, "change_kg": None}


def _known(facts: Facts, world: str) -> bool:
    return world in facts.bills


def _kwh(facts: Facts, world: Scenario) -> float | None:
    return facts.energy.import_wh[world] / 1000 if _known(facts, world) else None


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _to_watts(kw: float | None) -> float | None:
    return None if kw is None else round(kw, 3)


def _local_text(at: datetime | None, zone: str) -> str | None:
    return None if at is None else at.astimezone(ZoneInfo(zone)).isoformat()


def _peaks(facts: Facts) -> dict[str, Any]:
    lines = {world: line_of(facts.bills.get(world), facts.demand_line) for world in STATED_SCENARIOS}
    own = {world: line.own_peak_kw if line else None for world, line in lines.items()}
    headline, actual = lines[facts.site.headline], lines["actual"]
    zone = facts.site.timezone
    return {
        "demand_line": "/".join(facts.demand_line) if facts.demand_line else None,
        "no_ev": _number(own["no_ev"]),
        "unmanaged": _number(own["unmanaged"]),
        "actual": _number(own["actual"]),
        "reduction": _number(difference(own[facts.site.headline], own["actual"])) if facts.provable else None,
        **_ends(facts.ranges.peak_kw, _number),
        "reduction_at_baseline_peak": _to_watts(facts.at_baseline_peak_kw) if facts.provable else None,
        "baseline_set_at": _local_text(headline.set_at if headline else None, zone),
        "actual_set_at": _local_text(actual.set_at if actual else None, zone),
    }


def _billing_demands(facts: Facts) -> dict[str, Any]:
    lines = {world: line_of(facts.bills.get(world), facts.demand_line) for world in STATED_SCENARIOS}
    billed = {world: line.billing_demand_kw if line else None for world, line in lines.items()}
    headline, actual = lines[facts.site.headline], lines["actual"]
    return {
        "no_ev": _number(billed["no_ev"]),
        "unmanaged": _number(billed["unmanaged"]),
        "actual": _number(billed["actual"]),
        "reduction": _number(billing_reduction_kw(facts)),
        "baseline_carried_from": headline.carried_from if headline else None,
        "actual_carried_from": actual.carried_from if actual else None,
    }


def _percents(facts: Facts, saved: Decimal | None) -> dict[str, Any]:
    actual, metered = line_of(facts.bills.get("actual"), facts.demand_line), facts.bills.get("actual")
    return {
        **_stated_percents(facts, saved),
        **_share_ends("peak", facts.ranges.peak_kw, actual.own_peak_kw if actual else None),
        **_share_ends("bill", facts.ranges.money, metered.total if metered else None),
    }


def _share_ends(name: str, found: Ends | None, kept: Decimal | None) -> dict[str, float | None]:
    """Return the range of what was saved as a share of the compared world, which is that and what was kept [%].

    The metered side is never drawn, so that the ends of the share are those of the saving.
    """
    ends = [] if found is None or kept is None else [(end, kept + end) for end in (found.low, found.high)]
    shares = sorted(float(100 * end / whole) for end, whole in ends if whole > 0)
    low, high = shares if len(shares) == 2 else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _stated_percents(facts: Facts, saved: Decimal | None) -> dict[str, float | None]:
    if not facts.provable:
        return {"peak": None, "moved_out_of_window": None, "bill": None}
    baseline = line_of(facts.bills.get(facts.site.headline), facts.demand_line)
    actual = line_of(facts.bills.get("actual"), facts.demand_line)
    peak = _share(
        difference(baseline.own_peak_kw if baseline else None, actual.own_peak_kw if actual else None),
        baseline.own_peak_kw if baseline else None,
    )
    inside = facts.energy.window_import_wh
    moved = (
        _share(
            Decimal(inside[facts.site.headline] - inside["actual"]),
            Decimal(inside[facts.site.headline]),
        )
        if inside
        else None
    )
    return {
        "peak": peak,
        "moved_out_of_window": moved,
        "bill": _share(saved, facts.bills[facts.site.headline].total),
    }


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    return None if part is None or not whole else float(100 * part / whole)


def _money(facts: Facts, saved: Decimal | None) -> dict[str, Any]:
    currency, wear = facts.site.currency, facts.site.wear
    discharged_kwh = Decimal(facts.energy.discharge_wh) / 1000
    worn = facts.charger_coverage_pct == 100 and wear is not None
    return {
        **{
            f"bill_{world}": money_text(facts.bills[world].total, currency) if _known(facts, world) else None
            for world in ("no_ev", "unmanaged", "managed", "actual")
        },
        "saved": money_text(saved, currency),
        **_ends(facts.ranges.money, lambda amount: money_text(amount, currency)),
        "partial": any(bill.refused for bill in facts.bills.values()),
        "wear_low": money_text(wear.low * discharged_kwh, currency) if wear and worn else None,
        "wear_high": money_text(wear.high * discharged_kwh, currency) if wear and worn else None,
    }


def last_bills(facts: Facts, saved: Decimal | None = None) -> list[PriorBill]:
    """Return the bills of the last twelve months, this one, which `saved` so much, as the last of them."""
    low = facts.ranges.money.low if facts.ranges.money else None
    this = PriorBill(facts.period.month, saved, facts.provable, billing_reduction_kw(facts), low)
    year_ago = add_months(facts.period.month, -ANNUAL_MONTHS)
    return [*(bill for bill in facts.prior if bill.month > year_ago), this]


def _annual(facts: Facts, saved: Decimal | None) -> dict[str, Any]:
    """Realised over the last twelve bills since the first V2B bill, and what lies ahead (methods.md section 2).

    A bill that could not be computed leaves the sum short of one: never does a bill of more than a year ago fill in.
    """
    currency, ahead = facts.site.currency, facts.outlook
    if facts.state == "seed":
        names = ("realised", "bills", "provable_bills", "locked", "run_rate", "run_rate_low", "run_rate_high")
        return dict.fromkeys((*names, "realised_low", "realised_high", "first_paying_month", "next_roll_off"))
    last = last_bills(facts, saved)
    counted = [bill.counted for bill in last if bill.counted is not None]
    paying = (bill.month for bill in (*facts.prior, last[-1]) if (bill.billing_reduction_kw or 0) > 0)
    return {
        "realised": money_text(sum(counted, Decimal(0)), currency) if counted else None,
        "bills": len(last),
        "provable_bills": sum(bill.provable for bill in last),
        "locked": money_text(ahead.locked, currency),
        "run_rate": money_text(ahead.run_rate, currency),
        **{
            f"{figure}_{end}": money_text(amount, currency)
            for figure, found in (("run_rate", facts.ranges.run_rate), ("realised", facts.ranges.realised))
            for end, amount in _ends(found, lambda amount: amount).items()
        },
        "first_paying_month": next(paying, None),
        "next_roll_off": _roll_off(ahead.next_roll_off, currency),
    }


def _roll_off(found: RollOff | None, currency: str) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "month": found.month,
        "world": found.world,
        "from_kw": float(found.from_kw),
        "to_kw": float(found.to_kw),
        "money": money_text(found.money, currency),
    }


_LEVERS: Final[Mapping[str, tuple[Scenario, Scenario]]] = {
    "hosting": ("no_ev", "unmanaged"),
    "managed_charging": ("unmanaged", "managed"),
    "discharge": ("managed", "actual"),
}
"""Each lever is the bill of one world minus that of the next: in turn they lead from no cars to the metered load."""


def _levers(facts: Facts) -> dict[str, str | None]:
    """Tell what of the saving came from which lever; hosting is 0 where the cars are there in both worlds compared."""
    if not (facts.provable and facts.charging_fits and facts.bills.keys() >= set(SCENARIOS)):
        return dict.fromkeys(_LEVERS)
    worth = {name: facts.bills[one].total - facts.bills[two].total for name, (one, two) in _LEVERS.items()}
    if facts.site.headline != "no_ev":
        worth["hosting"] = Decimal(0)
    return {name: money_text(amount, facts.site.currency) for name, amount in worth.items()}


def _decomposition(facts: Facts) -> dict[str, str | None]:
    if facts.parts is None:
        return dict.fromkeys(PARTS)
    return {name: money_text(facts.parts[name], facts.site.currency) for name in PARTS}


def _reconciliation(facts: Facts) -> dict[str, Any]:
    """Say whether the utility's bill bears out ours: not_supplied, agrees or differs, with both sides' figures."""
    differs = any(entry.cause for entry in facts.reconciled)
    return {
        "verdict": "differs" if differs else "agrees" if facts.reconciled else "not_supplied",
        "figures": [
            {
                "figure": entry.figure,
                "unit": entry.unit,
                "charge_id": entry.charge_id,
                "ours": None if entry.ours is None else f"{entry.ours.normalize():f}",
                "utility": f"{entry.utility:f}",
                "difference_pct": entry.difference_pct,
                "cause": entry.cause,
            }
            for entry in facts.reconciled
        ],
    }


def _lines(facts: Facts) -> list[dict[str, Any]]:
    """Align the two bills by (charge, band); the savings of the lines sum exactly to the difference of the totals."""
    actual, baseline = facts.bills.get("actual"), facts.bills.get(facts.site.headline)
    if actual is None:
        return []
    currency = facts.site.currency
    rows = []
    for line in actual.lines:
        other = line_of(baseline, (line.charge_id, line.band))
        saved = difference(other.amount if other else None, line.amount) if facts.provable else None
        rows.append(
            {
                "charge_id": line.charge_id,
                "band": line.band,
                "kind": line.kind,
                "description": line.description,
                "unit": line.unit,
                "quantity_baseline": _number(other.quantity) if other else None,
                "quantity_actual": _number(line.quantity),
                "amount_baseline": money_text(other.amount, currency) if other else None,
                "amount_actual": money_text(line.amount, currency),
                "saved": money_text(saved, currency),
            }
        )
    return rows


def _no_capture() -> dict[str, Any]:
    return {"best_possible_peak_kw": None, "capture_kw_pct": None, "capture_money_pct": None, "missed": []}


def _no_check() -> dict[str, Any]:
    fields = (
        "reason",
        "method",
        "v2b_days",
        "reference_days",
        "metered_kw",
        "estimated_kw",
        "low",
        "high",
        "smallest_detectable_kw",
    )
    return {"verdict": "no_check", **dict.fromkeys(fields)}
