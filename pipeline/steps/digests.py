"""The monthly digests that are due: one for each of `portfolio_recipients`, once every site's answer stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.delivery import Answer, Correction, Stated, digest, moved, stated_figures
from pipeline.journal import MailKey
from pipeline.portfolio import Site
from pipeline.steps.due import GONE, Bill, Mail, Post, midnight, next_bill
from pipeline.warehouse import Warehouse
from reports.facts import Facts
from reports.inputs import ReportInput, ReportSite
from reports.language import Language
from reports.wording import result


def wanted_digests(post: Post, warehouse: Warehouse) -> Iterator[Mail]:
    """Yield the digest of every month whose bills are all reported or past their grace, by month and recipient.

    A digest is about the whole portfolio: where only some sites are asked for, there is none.
    """
    if post.scope.sites is not None:
        return
    recipients = tuple(dict.fromkeys(post.portfolio.settings.report.portfolio_recipients))
    for month in sorted({bill.month for bill in post.bills if bill.state == "ok"}):
        keys = [MailKey("digest", "", month, 1, recipient) for recipient in recipients]
        if not post.concerns("", month) or all(post.state(key) in GONE for key in keys):
            continue
        bills = _settled(post, month)
        if bills is not None:
            yield from _mails(post, keys, bills, _summaries(warehouse, month))


def _settled(post: Post, month: str) -> list[Bill] | None:
    """Every site's bill of a month, those included that never came; None while one of them may still come."""
    found = []
    for site in post.portfolio.sites.values():
        bill = post.bills_by_site.get(site.site_id, {}).get(month) or _absent(post, site, month)
        if bill is None:
            continue
        unrendered = bill.state == "ok" and bill.rendered is None
        if bill.step != "report" or unrendered:
            return None
        found.append(bill)
    return found


def _absent(post: Post, site: Site, month: str) -> Bill | None:
    """The bill whose data stopped at or before this month; None where the site has none in it for another reason."""
    coming = next_bill(post, site)
    return coming if coming is not None and coming.month <= month else None


def _mails(
    post: Post, keys: Sequence[MailKey], bills: Sequence[Bill], summaries: Mapping[str, Mapping[str, Any]]
) -> Iterator[Mail]:
    words, month = post.words(), keys[0].month
    answers = [_answer(post, bill, summaries.get(bill.site.site_id), words) for bill in bills]
    date = max(midnight(bill.read_to) for bill in bills)
    path = post.portfolio.root / "out" / f"digest-{month}.eml"
    for key in keys:
        yield Mail(key, path, digest(month, answers, _corrections(post, key), words), date=date)


def _answer(post: Post, bill: Bill, summary: Mapping[str, Any] | None, words: Language) -> Answer:
    if bill.state != "ok" or summary is None:
        text = words.say("could not be computed") if bill.state == "failed" else words.say("no data has come")
        return Answer(bill.site.name, text, None)
    facts = Facts(ReportInput(summary, _as_named(post, bill.site), pl.DataFrame(), pl.DataFrame()))
    text = words.say("{result}; grade {grade}", result=result(facts, words), grade=str(summary["grade"]))
    return Answer(
        bill.site.name, text, Stated.read(stated_figures(summary)), _link(post, bill.site.site_id, bill.month)
    )


def _as_named(post: Post, site: Site) -> ReportSite:
    """The site as a line of a list needs it: nothing is drawn, so neither windows nor tariff matter."""
    return ReportSite(
        site_id=site.site_id,
        name=site.name,
        timezone=site.timezone,
        language=post.words().locale.language,
        currency=site.currency,
        vehicles=len(site.vehicles) or len(site.chargers),
        demand_window_min=site.demand_window_min or 0,
        peak_window=None,
        notes=site.notes,
        tariff_name="",
        tariff_notes="",
    )


def _link(post: Post, site_id: str, month: str) -> str | None:
    base = post.portfolio.settings.report.base_url
    return f"{base.rstrip('/')}/{site_id}/{month}/report.html" if base else None


def _corrections(post: Post, key: MailKey) -> list[Correction]:
    """Bills that an earlier digest told this recipient of, and whose saving moved since the last one."""
    told = {k.month: m.at for k, m in post.mails.items() if _is_before(k, key) and m.state in GONE}
    if not told:
        return []
    last = max(told.values())
    found = (_correction(post, bill, last) for bill in post.bills if bill.month in told)
    return [correction for correction in found if correction is not None]


def _is_before(earlier: MailKey, key: MailKey) -> bool:
    return (earlier.kind, earlier.recipient) == ("digest", key.recipient) and earlier.month < key.month


def _correction(post: Post, bill: Bill, last: datetime) -> Correction | None:
    versions = post.issued.get((bill.site.site_id, bill.month), ())
    told = [report for report in versions if report.generated_at <= last]
    if not told or bill.rendered is None or told[-1].version == bill.rendered:
        return None
    before, now = Stated.read(told[-1].stated), Stated.read(versions[-1].stated)
    if now is None or not moved(before, now, post.portfolio.settings.thresholds.restate_pct):
        return None
    return Correction(bill.site.name, bill.month, before, now, _link(post, bill.site.site_id, bill.month))


def _summaries(warehouse: Warehouse, month: str) -> dict[str, Mapping[str, Any]]:
    rows = warehouse.query("select site_id, summary from savings_month where month = ?", [month])
    return {site_id: json.loads(text) for site_id, text in rows.iter_rows()}
