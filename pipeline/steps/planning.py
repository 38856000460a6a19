"""The measurement and verification plan of a site: what is frozen before results are known, dated, hashed, journaled.

Follows the contents of an M&V plan in IPMVP Core Concepts: boundary, option, baseline period, meters, roles, accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template

from pipeline import __version__
from pipeline.journal import IssuedPlan, Journal
from pipeline.portfolio import Portfolio, Site

_FROZEN: Final = (
    "timezone",
    "holidays",
    "tariff",
    "tariffs",
    "demand_window_min",
    "programme_start",
    "headline",
    "other_peak_control",
    "peak_window",
    "meters",
    "chargers",
    "vehicles",
)
_NAMED_BY: Final = {"meters": "meter_id", "chargers": "charger_id", "vehicles": "vehicle_id"}
_ALIASES: Final = "aliases"
_USUAL_WINDOW_MIN: Final = 30  # where the site file leaves it to the tariff
_WORLDS: Final = {
    "unmanaged": "the same cars doing the same driving, charged from plug-in (modelled on the measured load)",
    "no_ev": "the building without any car (measured: charger energies added back at the billing meter)",
}


def frozen_choices(portfolio: Portfolio, site: Site) -> dict[str, Any]:
    """Return what a plan freezes, flat: one entry per setting, `chargers.CP1.rated_charge_kw` for those in a list."""
    plain = site.model_dump(mode="json", by_alias=True, include=set(_FROZEN))
    thresholds = portfolio.settings.thresholds.model_dump(mode="json")
    found = {f"thresholds.{name}": value for name, value in thresholds.items()}
    for name in _FROZEN:
        key = _NAMED_BY.get(name)
        if key is None:
            found[name] = plain[name]
            continue
        for entry in plain[name]:
            values = {field: value for field, value in entry.items() if field not in (key, _ALIASES)}
            found |= {f"{name}.{entry[key]}.{field}": value for field, value in values.items()}
    return found


def issue_plan(portfolio: Portfolio, journal: Journal, site: Site, at: datetime) -> IssuedPlan:
    """Return the plan of a site as it is frozen now; a new version only where a frozen choice changed."""
    frozen = frozen_choices(portfolio, site)
    return journal.issue_plan(site.site_id, _hash(frozen), frozen, at=at, code=__version__)


def _hash(frozen: Mapping[str, Any]) -> str:
    return sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()


def plan_changes(portfolio: Portfolio, journal: Journal, site: Site) -> list[str]:
    """Return one sentence per frozen choice that is no longer as the site's last plan says; [] without a plan."""
    plans = journal.plans(site.site_id)
    if not plans:
        return []
    last = plans[-1]
    return [
        f"Change of plan: {name} was {_text(old)} in version {last.version} of {last.issued_at:%Y-%m-%d} and is now "
        f"{_text(new)}."
        for name, old, new in _differences(last.frozen, frozen_choices(portfolio, site))
    ]


def with_plan_changes(
    portfolio: Portfolio, journal: Journal, site: Site, summary: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a bill's result with the changes of plan among its findings, as it is reported and printed."""
    data = summary["data"]
    findings = [*data["findings"], *plan_changes(portfolio, journal, site)]
    return {**summary, "data": {**data, "findings": findings}}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys([*before, *now])
    return [(name, before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name)]


def _text(value: Any) -> str:
    """A value as it stands in a cell of a table."""
    text = "not set" if value in (None, [], {}) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")


def plan_markdown(portfolio: Portfolio, site: Site, plans: Sequence[IssuedPlan]) -> str:
    """Return the last of a site's plans as a Markdown page, with what changed since the one before."""
    plan, before = plans[-1], plans[-2] if len(plans) > 1 else None
    settings = portfolio.settings
    window_min = site.demand_window_min or _USUAL_WINDOW_MIN
    rated_kw = sum(charger.rated_discharge_kw for charger in site.chargers)
    bound_s = settings.thresholds.clock_bound_s
    changes = _differences(before.frozen, plan.frozen) if before else []
    return _template().render(
        site=site,
        plan=plan,
        before=before,
        world=_WORLDS[site.headline],
        gain_kw=sum(charger.rated_discharge_kw * charger.accuracy_pct / 100 for charger in site.chargers),
        clock_kw=rated_kw * min(1.0, bound_s / (window_min * 60)),
        clock_bound_s=bound_s,
        window_min=window_min,
        recipients=len(site.report.recipients),
        grace_days=settings.schedule.grace_days,
        frozen=[(name, _text(value)) for name, value in plan.frozen.items()],
        changes=[(name, _text(old), _text(new)) for name, old, new in changes],
    )


def _template() -> Template:
    text = resources.files("pipeline.steps").joinpath("plan.md.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - Markdown
    return environment.from_string(text)
