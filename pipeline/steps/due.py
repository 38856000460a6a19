"""Which mails are due: of every stored bill its report, its correction or a reminder, and of every month a digest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.delivery import (
    REMIND_EVERY_DAYS,
    Letter,
    Missing,
    Stated,
    Step,
    bill_step,
    correction_subject,
    moved,
    reminder,
    reminder_number,
)
from pipeline.domain import REASONS
from pipeline.journal import IssuedReport, Journal, MailKey, MailState
from pipeline.portfolio import Portfolio, Site
from pipeline.steps.reports import report_folder
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse
from reports.language import Language, language

GONE: Final = ("sent", "unknown")
"""States of a mail that its reader has, or may have."""
SETTLED: Final = (*GONE, "failed")
"""States in which nothing is sent again unless the operator says so."""
_MISSING: Final = frozenset(
    (
        "meter_gap",
        "meter_zero_run",
        "charger_gap",
        "charger_log_empty",
        "sessions_unknown",
        "ratchet_history_incomplete",
    )
)
"""Reasons that more data would lift; a bill that is not provable for another one need not be waited for."""


@dataclass(frozen=True)
class Bill:
    """One stored bill as its mails need it: `read_to` is the local day after its last."""

    site: Site
    month: str
    read_from: date
    read_to: date
    state: str
    complete: bool
    step: Step
    rendered: int | None  # version of the report whose files state the stored numbers


@dataclass(frozen=True)
class Mail:
    """One mail to be sent: the files of a report under a subject of its own, or a letter written for it."""

    key: MailKey
    path: Path
    letter: Letter | None = None
    subject: str | None = None
    date: datetime | None = None


@dataclass(frozen=True)
class Post:
    """All that decides what is due: the configuration, the bills, what was issued and what was sent."""

    portfolio: Portfolio
    scope: Scope
    bills: Sequence[Bill]
    issued: Mapping[tuple[str, str], Sequence[IssuedReport]]
    mails: Mapping[MailKey, MailState]

    def state(self, key: MailKey) -> str | None:
        """Return the state of a mail; None where it was never begun."""
        found = self.mails.get(key)
        return found.state if found else None

    def stated(self, site_id: str, month: str, version: int) -> Stated | None:
        """Return the first figures of a version; None where none were kept."""
        for report in self.issued.get((site_id, month), ()):
            if report.version == version:
                return Stated.read(report.stated)
        return None

    @cached_property
    def bills_by_site(self) -> Mapping[str, Mapping[str, Bill]]:
        """The stored bills of each site by month, oldest first."""
        found: dict[str, dict[str, Bill]] = {}
        for bill in self.bills:
            found.setdefault(bill.site.site_id, {})[bill.month] = bill
        return found

    def concerns(self, site_id: str, month: str) -> bool:
        """Whether mail about a bill is asked for, and is meant to be sent at all."""
        first = self.portfolio.settings.schedule.first_month
        return (first is None or month >= first) and self.scope.holds(site_id, month)

    def words(self, site: Site | None = None) -> Language:
        """Return the language of a site's readers, or of the portfolio's."""
        return language((site.report.language if site else None) or self.portfolio.settings.language)


def opened_post(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> Post:
    """Read what decides which mails are due."""
    issued: dict[tuple[str, str], list[IssuedReport]] = {}
    for report in journal.reports():
        issued.setdefault((report.site_id, report.month), []).append(report)
    rows = warehouse.query(
        "select s.site_id, s.month, s.bill_from, s.bill_to, s.state, s.provable, s.reasons, s.meter_coverage_pct, "
        "s.charger_coverage_pct, r.version, r.input_hash = s.input_hash as fresh from savings_month as s "
        "left join report as r using (site_id, month) where s.state in ('ok', 'failed') order by s.month, s.site_id"
    )
    bills = [
        _bill(portfolio, row, scope.now) for row in rows.iter_rows(named=True) if row["site_id"] in portfolio.sites
    ]
    latest = {pair: versions[-1].version for pair, versions in issued.items()}
    for place, bill in enumerate(bills):
        if bill.rendered != latest.get((bill.site.site_id, bill.month)):
            bills[place] = replace(bill, rendered=None)
    return Post(portfolio, scope, bills, issued, journal.mails())


def _bill(portfolio: Portfolio, row: Mapping[str, Any], now: datetime) -> Bill:
    site = portfolio.sites[row["site_id"]]
    covered = all(row[share] in (None, 100) for share in ("meter_coverage_pct", "charger_coverage_pct"))
    complete = row["provable"] or (covered and not _MISSING & set(row["reasons"]))
    return Bill(
        site,
        row["month"],
        row["bill_from"],
        row["bill_to"],
        row["state"],
        complete,
        bill_step(row["bill_to"], local_today(site, now), portfolio.settings.schedule, complete=complete),
        row["version"] if row["fresh"] else None,
    )


def local_today(site: Site, now: datetime) -> date:
    """Return the day it is at a site."""
    return now.astimezone(ZoneInfo(site.timezone)).date()


def in_digests_only(portfolio: Portfolio) -> frozenset[str]:
    """Return who gets the digest (in small letters): nobody of them also gets a mail for each site."""
    return frozenset(address.lower() for address in portfolio.settings.report.portfolio_recipients)


def wanted_reports(post: Post) -> Iterator[Mail]:
    """Yield the mail of every report that its readers should have, sent before or not, by month, site and reader."""
    apart = in_digests_only(post.portfolio)
    for bill in post.bills:
        if bill.state != "ok" or bill.step != "report" or bill.rendered is None:
            continue
        if not post.concerns(bill.site.site_id, bill.month):
            continue
        for recipient in dict.fromkeys(bill.site.report.recipients):
            if recipient.lower() not in apart:
                yield from _report_mail(post, bill, bill.rendered, recipient)


def _report_mail(post: Post, bill: Bill, version: int, recipient: str) -> Iterator[Mail]:
    """The newest version, unless the reader has one whose saving it hardly moves."""
    site_id, month = bill.site.site_id, bill.month
    key = MailKey("report", site_id, month, version, recipient)
    path = report_folder(post.portfolio, site_id, month) / "email.eml"
    had = [v for v in range(1, version) if post.state(replace(key, version=v)) in GONE]
    if not had:
        yield Mail(key, path)
        return
    before, now = post.stated(site_id, month, had[-1]), post.stated(site_id, month, version)
    if moved(before, now, post.portfolio.settings.thresholds.restate_pct):
        subject = correction_subject(bill.site.name, month, before, now, post.words(bill.site))
        yield Mail(key, path, subject=subject)


def wanted_reminders(post: Post, warehouse: Warehouse) -> Iterator[Mail]:
    """Yield the reminder of today for every closed bill whose data is not complete."""
    for bill in post.bills:
        if bill.state == "ok" and bill.step == "remind" and post.concerns(bill.site.site_id, bill.month):
            row = warehouse.query(
                "select summary from savings_month where site_id = ? and month = ?", [bill.site.site_id, bill.month]
            )
            yield from _reminders(post, bill.site, _missing(post, bill, json.loads(row.item())))
    for site in post.portfolio.sites.values():
        coming = next_bill(post, site)
        if coming is not None and coming.step == "remind" and post.concerns(site.site_id, coming.month):
            yield from _reminders(post, site, _missing(post, coming, None))


def next_bill(post: Post, site: Site) -> Bill | None:
    """Return the bill that follows the last stored one of a site, of which nothing has come; None for a new site."""
    own = post.bills_by_site.get(site.site_id)
    if not own:
        return None
    last = max(bill.read_to for bill in own.values())
    for period in post.portfolio.periods(site.site_id, last, last):
        if period.month not in own:
            schedule, today = post.portfolio.settings.schedule, local_today(site, post.scope.now)
            step = bill_step(period.read_to, today, schedule, complete=False)
            return Bill(
                site, period.month, period.read_from, period.read_to, "absent", complete=False, step=step, rendered=None
            )
    return None


def _missing(post: Post, bill: Bill, summary: Mapping[str, Any] | None) -> Missing:
    data = summary["data"] if summary else {}
    codes = [code for code in summary["reasons"] if code in _MISSING] if summary else []
    return Missing(
        bill.site.name,
        bill.month,
        bill.read_from,
        bill.read_to,
        data.get("meter_coverage_pct"),
        data.get("charger_coverage_pct"),
        tuple(REASONS[code].sentence for code in codes),
        tuple(data.get("findings") or ()),
        bill.read_to + timedelta(days=post.portfolio.settings.schedule.grace_days),
    )


def _reminders(post: Post, site: Site, missing: Missing) -> Iterator[Mail]:
    schedule = post.portfolio.settings.schedule
    number = reminder_number(missing.read_to, local_today(site, post.scope.now), schedule)
    since = missing.read_to + timedelta(days=schedule.days_after_close + (number - 1) * REMIND_EVERY_DAYS)
    letter = reminder(missing, post.words(site))
    path = report_folder(post.portfolio, site.site_id, missing.month) / "reminder.eml"
    for recipient in dict.fromkeys(site.report.recipients):
        key = MailKey("reminder", site.site_id, missing.month, number, recipient)
        yield Mail(key, path, letter, date=midnight(since))


def midnight(day: date) -> datetime:
    """Return a day as the date of a letter, the same whenever it is written."""
    return datetime.combine(day, time(), UTC)
