"""The one screen that says what is right, what is wrong and what to do next."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline.domain import PARTIAL, REASONS
from pipeline.journal import Journal
from pipeline.portfolio import Portfolio
from pipeline.steps.planning import plan_changes
from pipeline.steps.scope import Scope
from pipeline.steps.sending import due_mails
from pipeline.steps.stale import stale_pairs
from pipeline.warehouse import PUBLISHED_NAME, Warehouse, all_checks

REMEDIES: Final[Mapping[str, str]] = {
    "meter_gap": "ask the utility for the missing readings and drop the file into landing/",
    "meter_zero_run": "ask the utility for the readings behind the zeros and drop the file into landing/",
    "charger_gap": "fetch the chargers' missing log and drop it into landing/",
    "charger_log_empty": "fetch the chargers' log of this month and drop it into landing/",
    "sessions_unknown": "fetch the session records of the chargers and drop them into landing/",
    "ratchet_history_incomplete": "drop the earlier month's missing data into landing/, or state its peak in "
    "[ratchet_seed]",
    "placeholder_prices": "put your contract's prices into the tariff file and take out its line placeholder = true",
    "bill_partial": "`v2b tariff check` names what was refused: resolve it in the tariff or its answers file",
    "demand_not_reconciled": "compare the utility's bill in utility_bills.csv with the tariff and the meters",
    "clock_contradicted": "set the charger's clock, and ask its vendor for a log with right times",
    "clock_doubted": "set the chargers' clocks by a time server, and let starts move by some minutes from day to day: "
    "the meter can then tell that they are right",
    "clock_slipped": "find out whether the meter stamps its windows at their start or end, and export it anew",
    "wiring_contradicted": "check sign, register_side, phases and meter_id of the charger the finding names",
    "check_contradicts": "look at the days the check compares; a non-routine event belongs into events.csv",
    "clock_unresolved": "set the chargers' clocks by a time server and state `clock_bound_s` more narrowly, or let "
    "starts move by some minutes from day to day, so that the meter tells the clocks",
    "range_too_wide": "state the meters' and chargers' accuracy_pct more narrowly, if their papers allow it",
}
"""What a person can do about a bill that is not provable, by the code of its reason."""
_RUN: Final = "v2b run"
_SEND: Final = "v2b send"
_RESOLVE: Final = "v2b send --resolve"


@dataclass(frozen=True)
class StatusRow:
    """One site and month; a site whose file is refused has one row without a month."""

    site_id: str
    month: str | None
    state: str
    grade: str | None
    provable: bool | None
    report_version: int | None
    email_state: str | None
    next_action: str | None
    findings: tuple[str, ...] = ()
    partial: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the machine contract of `v2b status --json`."""
        return {name: value for name, value in asdict(self).items() if name not in ("findings", "partial")}

    def cells(self) -> list[str]:
        """Return the row as text."""
        report = f"version {self.report_version}" if self.report_version else "-"
        found = f"{len(self.findings)}: {self.findings[0]}" if self.findings else "-"
        cells = (self.site_id, self.month, self.state, self.grade, report, self.email_state, found, self.next_action)
        return [cell or "-" for cell in cells]


@dataclass(frozen=True)
class Status:
    """The whole screen: what is right, what is wrong, what to do next, most pressing first; then every site-month."""

    right: Sequence[str]
    wrong: Sequence[str]
    todo: Sequence[str]
    rows: Sequence[StatusRow]


@dataclass(frozen=True)
class _Known:
    """What is asked once for all rows."""

    stale: frozenset[tuple[str, str]]
    sent: Mapping[tuple[str, str, int, str], str]
    due: frozenset[tuple[str, str]]


def status_of(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> Status:
    """Return the screen for the site-months inside `scope`."""
    rows = status_rows(portfolio, warehouse, journal, scope)
    wrong = [*_wrong_rows(rows), *_wrong_files(warehouse), *_broken_rules(warehouse)]
    for site_id, site in portfolio.sites.items():
        wrong += [f"{site_id}: {sentence}" for sentence in plan_changes(portfolio, journal, site)]
    if not (portfolio.root / PUBLISHED_NAME).is_file():
        wrong.append(f"{PUBLISHED_NAME}, the analysts' copy, is not there yet")
    return Status(_right(rows), wrong, _todo(rows), rows)


def status_rows(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> list[StatusRow]:
    """Return one row per stored or stale site-month, and one per refused site file."""
    stale = frozenset(stale_pairs(portfolio, warehouse, scope))
    known = _Known(stale, journal.outbox_states(), _due(portfolio, warehouse, journal, scope))
    rows = warehouse.query(
        "select s.site_id, s.month, s.state, s.summary, r.version from savings_month as s "
        "left join report as r using (site_id, month) order by s.site_id, s.month"
    )
    found = [_row(row, known) for row in rows.iter_rows(named=True)]
    listed = {(row.site_id, row.month) for row in found}
    found += [StatusRow(s, m, "stale", None, None, None, None, _RUN) for s, m in stale if (s, m) not in listed]
    refused = [
        StatusRow(site_id, None, "refused", None, None, None, None, f"mend sites/{site_id}.toml", (str(error),))
        for site_id, error in portfolio.refused.items()
    ]
    return refused + sorted(found, key=lambda row: (row.site_id, row.month or ""))


def _due(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> frozenset[tuple[str, str]]:
    """The site-months with a mail that waits to be sent, where there is a server to give it to."""
    if portfolio.settings.smtp is None:
        return frozenset()
    return frozenset((mail.key.site_id, mail.key.month) for mail in due_mails(portfolio, warehouse, journal, scope))


def _row(row: dict[str, Any], known: _Known) -> StatusRow:
    summary, place = json.loads(row["summary"]), (row["site_id"], row["month"])
    states = sorted({state for key, state in known.sent.items() if key[:3] == (*place, row["version"])})
    is_stale = place in known.stale
    return StatusRow(
        *place,
        "stale" if is_stale and row["state"] != "failed" else row["state"],
        summary["grade"] if row["state"] == "ok" else None,
        summary["provable"],
        row["version"],
        ", ".join(states) or None,
        _next_action(summary, states, is_stale=is_stale, is_due=place in known.due),
        tuple(summary["data"]["findings"] or ()),
        row["state"] == "ok" and bool(summary["money"]["partial"]),
    )


def _next_action(summary: dict[str, Any], mails: Sequence[str], *, is_stale: bool, is_due: bool) -> str | None:
    """What a person has to do for this month, most pressing first; None where nothing."""
    if summary["state"] == "failed":
        return f"mend it, then v2b run: {summary['data']['findings'][0]}"
    if is_stale:
        return _RUN
    if {"unknown", "failed"} & set(mails):
        return _RESOLVE
    if summary["state"] == "ok" and not summary["provable"]:
        code = summary["reasons"][0]
        return f"{REASONS[code].sentence} To do: {REMEDIES[code]}" if code in REMEDIES else REASONS[code].sentence
    if is_due:
        return _SEND
    return next((REMEDIES[code] for code in PARTIAL if code in summary["reasons"]), None)


def _right(rows: Sequence[StatusRow]) -> list[str]:
    stated = [row for row in rows if row.state == "ok"]
    proved = [row for row in stated if row.provable]
    lines = [f"{len(proved)} of {_count(len(stated), 'bill')} proved"] if stated else []
    if proved:
        latest = max(row.month or "" for row in proved)
        sites = len({row.site_id for row in proved if row.month == latest})
        lines.append(f"the latest is {latest}, at {_count(sites, 'site')}")
    mails = Counter(row.email_state for row in rows)
    return [*lines, f"{mails['sent']} reports mailed"] if mails["sent"] else lines


def _wrong_rows(rows: Sequence[StatusRow]) -> list[str]:
    counts = Counter(row.state for row in rows)
    unproved = sum(row.state == "ok" and row.provable is False for row in rows)
    mails = sum(bool(row.email_state) and row.next_action == _RESOLVE for row in rows)
    found = (
        (counts["refused"], "site file", "refused"),
        (counts["failed"], "bill", "not computed"),
        (unproved, "bill", "not provable"),
        (sum(row.partial for row in rows), "bill", "partial: charges are not priced"),
        (counts["stale"], "bill", "stale"),
        (mails, "report", "whose mail failed or may have been sent"),
    )
    return [f"{_count(number, what)} {how}" for number, what, how in found if number]


def _wrong_files(warehouse: Warehouse) -> list[str]:
    rows = warehouse.query(
        "select outcome, count(*), min(path) from source_file where outcome in ('rejected', 'partial') "
        "group by outcome order by outcome desc"
    )
    return [
        f"{_count(number, 'file')} {outcome}, such as {path}: `v2b query` and rejected_record say why"
        for outcome, number, path in rows.iter_rows()
    ]


def _broken_rules(warehouse: Warehouse) -> list[str]:
    broken = ((check, warehouse.query(check.sql).height) for check in all_checks() if check.severity == "ERROR")
    return [f"check {check.name}: {_count(rows, 'row')} offend: {check.sentence}" for check, rows in broken if rows]


def _todo(rows: Iterable[StatusRow]) -> list[str]:
    """The actions of all rows, each once with the site-months it is for."""
    places: dict[str, list[str]] = {}
    for row in rows:
        if row.next_action:
            places.setdefault(row.next_action, []).append(f"{row.site_id} {row.month or ''}".strip())
    return [f"{action} ({_named(where)})" for action, where in places.items()]


def _named(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
