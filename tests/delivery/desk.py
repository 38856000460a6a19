"""A portfolio as the mail room finds it: bills in the warehouse, versions in the journal, rendered mails under out/."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.delivery import PASSWORD_VARIABLE, USER_VARIABLE, Letter, compose, stated_figures
from pipeline.journal import IssuedReport, Journal, MailKey
from pipeline.portfolio import load_portfolio
from pipeline.steps.scope import Scope
from pipeline.steps.sending import Mail, Mailer, due_mails, send_due
from pipeline.warehouse import Warehouse
from tests.delivery.servers import PASSWORD, USER

SENDER = "v2b@example.com"
READER = "energy@example.com"
SITE = """\
site_id = "{site}"
name = "{name}"
timezone = "{zone}"
currency = "{currency}"
tariff = "flat"
[[meters]]
meter_id = "main"
[report]
recipients = {recipients}
"""


def at(day: str, hour: int = 12) -> datetime:
    """An hour of a day, UTC."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=hour)


@dataclass
class Desk:
    """One portfolio folder; `today` is noon UTC of the day that is asked about."""

    root: Path
    settings: str = ""
    smtp: str = ""
    today: str = "2026-09-04"
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self) -> None:
        """Write v2b.toml and the site files."""
        (self.root / "sites").mkdir(parents=True, exist_ok=True)
        smtp = self.smtp or f'[smtp]\nhost = "localhost"\nport = 1\nsecurity = "none"\nfrom = "{SENDER}"\n'
        (self.root / "v2b.toml").write_text(smtp + self.settings)
        for site, values in self.sites.items():
            (self.root / "sites" / f"{site}.toml").write_text(SITE.format(site=site, **values))

    def site(self, site: str = "depot", **values: Any) -> None:
        """Add a site; without words about it, one in UTC with one reader."""
        recipients = json.dumps(values.pop("recipients", [READER]))
        defaults = {"name": site.capitalize(), "zone": "UTC", "currency": "EUR", "recipients": recipients}
        self.sites[site] = defaults | values
        self.write()

    @property
    def journal(self) -> Journal:
        """The portfolio's journal."""
        return Journal(self.root)

    def opening(self) -> Warehouse:
        """The portfolio's warehouse, to be opened."""
        return Warehouse(self.root)

    def served_by(self, port: int, security: str = "none") -> Mailer:
        """Name a server in v2b.toml; return a mailer to it that tries again at once."""
        self.smtp = f'[smtp]\nhost = "localhost"\nport = {port}\nsecurity = "{security}"\nfrom = "{SENDER}"\n'
        self.write()
        environment = {} if security == "none" else {USER_VARIABLE: USER, PASSWORD_VARIABLE: PASSWORD}
        return replace(Mailer.of(load_portfolio(self.root).settings, environment), sleep=lambda _: None)

    def send(self, mailer: Mailer) -> list[tuple[str, str]]:
        """Send what is due today: each mail's state and the words about it."""
        found = send_due(load_portfolio(self.root), self.opening, self.journal, self.scope(), mailer)
        return [(outcome.state, outcome.detail) for outcome in found]

    def scope(self, **narrowed: Any) -> Scope:
        """Everything, as it is due today."""
        return Scope(at(self.today), **narrowed)

    def bill(
        self,
        month: str = "2026-08",
        site: str = "depot",
        *,
        saved: str | None = "412.00",
        reasons: tuple[str, ...] = (),
        meter_pct: float = 100.0,
        state: str = "ok",
        issued_at: datetime | None = None,
        rendered: bool = True,
        read: tuple[str, str] | None = None,
    ) -> None:
        """Store a bill (a month's, unless its dates are given); a bill that is `ok` is issued and rendered."""
        summary = _summary(site, month, self.sites[site]["currency"], saved, reasons, meter_pct, state)
        results = sha256(json.dumps(summary).encode()).hexdigest()
        first = date.fromisoformat(f"{month}-01")
        after = (first + timedelta(days=31)).replace(day=1)
        row = {
            "site_id": site,
            "month": month,
            "bill_from": read[0] if read else first,
            "bill_to": read[1] if read else after,
            **{key: summary[key] for key in ("currency", "headline", "state", "provable", "grade")},
            "reasons": list(reasons),
            "partial": False,
            "meter_coverage_pct": meter_pct,
            "charger_coverage_pct": 100.0,
            "input_hash": results,
            "result_hash": results,
            "summary": json.dumps(summary),
        }
        reported = None
        if state == "ok" and rendered:
            reported = self._issued(site, month, summary, results, issued_at)
        elif state == "ok":
            self.issue(site, month, summary, results, issued_at)
        with self.opening() as warehouse:
            for table in ("savings_month", "report"):
                warehouse.connection.execute(f"delete from {table} where site_id = ? and month = ?", [site, month])
            warehouse.insert_row("savings_month", row)
            if reported:
                warehouse.insert_row("report", reported)

    def _issued(
        self, site: str, month: str, summary: dict[str, Any], results: str, when: datetime | None
    ) -> dict[str, Any]:
        """Issue a version and write its mail; the row of the report."""
        issued = self.issue(site, month, summary, results, when)
        seed, name = f"{site}/{month}/{issued.version}", self.sites[site]["name"]
        letter = Letter(f"V2B {month} | {name}: version {issued.version}", "Text.\n", "<p>Text.</p>")
        message = compose(letter, sender=SENDER, recipients=[READER], message_id_seed=seed, date=issued.generated_at)
        folder = self.root / "out" / site / month
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "email.eml").write_bytes(message)
        row = {"site_id": site, "month": month, "version": issued.version, "input_hash": results, "subject": ""}
        return row | {"generated_at": issued.generated_at, "code": "0", "html_sha256": ""}

    def issue(
        self, site: str, month: str, summary: dict[str, Any], results: str, when: datetime | None
    ) -> IssuedReport:
        """Let the journal know of a version."""
        return self.journal.issue_report(
            site, month, (results, results), at=when or at(self.today), code="0", stated=stated_figures(summary)
        )

    def due(self, today: str | None = None, **narrowed: Any) -> list[Mail]:
        """The mails that are due on a day."""
        self.today = today or self.today
        with self.opening() as warehouse:
            return due_mails(load_portfolio(self.root), warehouse, self.journal, self.scope(**narrowed))

    def keys(self, today: str | None = None, **narrowed: Any) -> list[tuple[str, str, str, int, str]]:
        """What is due on a day, in short."""
        return [
            (k.kind, k.site_id, k.month, k.version, k.recipient)
            for k in (mail.key for mail in self.due(today, **narrowed))
        ]

    def note(self, mail: Mail | MailKey, state: Any, when: datetime | None = None) -> None:
        """Write a transition of a mail into the outbox."""
        self.journal.note_mail(mail if isinstance(mail, MailKey) else mail.key, state, when or at(self.today))


def _summary(
    site: str, month: str, currency: str, saved: str | None, reasons: tuple[str, ...], meter_pct: float, state: str
) -> dict[str, Any]:
    return {
        "site_id": site,
        "month": month,
        "currency": currency,
        "headline": "unmanaged",
        "state": state,
        "provable": saved is not None,
        "grade": "F" if saved is None else "B",
        "reasons": list(reasons),
        "peak_kw": {"reduction": None if saved is None else 25.6},
        "billing_demand_kw": {"reduction": None if saved is None else 25.6, "baseline_carried_from": None},
        "money": {"saved": saved},
        "fleet": {"departures": 20, "ready": 20},
        "data": {"meter_coverage_pct": meter_pct, "charger_coverage_pct": 100.0, "findings": ["A gap from 3 August."]},
    }
