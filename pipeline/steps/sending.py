"""Sends the mails that are due, each once: claimed in the journal, given to the server, its answer written down.

The states of a mail: `pending` (to be sent), `sending` (claimed, nothing given away yet), `unknown` (DATA has begun and
no answer is known: written before DATA, so that it also stands when the process dies there), `sent` and `failed` (the
server's answer). Only new and pending mails are sent by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from pipeline.delivery import (
    Handed,
    MailServer,
    Postbox,
    compose,
    header,
    mail_server,
    message_id,
    readdressed,
)
from pipeline.domain import ConfigError, V2BError
from pipeline.journal import Journal, MailKey, OutboxState
from pipeline.portfolio import Portfolio, PortfolioSettings
from pipeline.steps.digests import wanted_digests
from pipeline.steps.due import SETTLED, Mail, Post, opened_post, wanted_reminders, wanted_reports
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse

PAUSES_S: Final = (2.0, 10.0, 30.0)
"""Back-off between the rounds in which what could not be sent is tried again [s]; then the next run does."""
_LOCK_WAIT_S: Final = 600.0
_FALLBACK_SENDER: Final = "v2b-savings@localhost.invalid"
_AFTER: Final[Mapping[str, OutboxState]] = {
    "sent": "sent",
    "failed": "failed",
    "unknown": "unknown",
    "later": "pending",
    "unreachable": "pending",
    "misconfigured": "pending",
}
Decision = Literal["sent", "again", "leave"]


@dataclass(frozen=True)
class MailOutcome:
    """What became of one mail in this run; `detail` has the server's words, or why it was not tried."""

    key: MailKey
    state: OutboxState
    detail: str
    again: bool = False  # whether it may go well a moment later

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        where = f"{self.key.site_id} {self.key.month}".strip()
        return f"{self.key.kind} of {where} to {self.key.recipient}: {self.state}: {self.detail}"


@dataclass(frozen=True)
class Mailer:
    """A mail server and how patiently it is asked; `sleep` waits for a number of seconds."""

    server: MailServer
    pauses_s: Sequence[float] = PAUSES_S
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    @classmethod
    def of(cls, settings: PortfolioSettings, environment: Mapping[str, str]) -> Mailer:
        """Return the mailer that `[smtp]` and the environment describe; raises ConfigError where there is none."""
        smtp = settings.smtp
        if smtp is None:
            raise ConfigError("v2b.toml", "smtp", None, "a table [smtp] with host, port, security and from")
        return cls(mail_server(smtp.host, smtp.port, smtp.security, smtp.from_, environment))


def due_mails(portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope) -> list[Mail]:
    """Return the mails inside `scope` that are due and not settled: reports, then reminders, then digests."""
    post = opened_post(portfolio, warehouse, journal, scope)
    return [mail for mail in _wanted(post, warehouse) if post.state(mail.key) not in SETTLED]


def _wanted(post: Post, warehouse: Warehouse) -> list[Mail]:
    return [*wanted_reports(post), *wanted_reminders(post, warehouse), *wanted_digests(post, warehouse)]


def unresolved_mails(
    portfolio: Portfolio, warehouse: Warehouse, journal: Journal, scope: Scope
) -> list[tuple[MailKey, OutboxState, str]]:
    """Return the mails inside `scope` only a person can decide on: key, state and words.

    These are the unknown ones, and the failed ones that are still wanted.
    """
    post = opened_post(portfolio, warehouse, journal, scope)
    wanted = {mail.key for mail in _wanted(post, warehouse)}
    return [
        (key, found.state, found.detail)
        for key, found in sorted(post.mails.items())
        if (found.state == "failed" and key in wanted)
        or (found.state == "unknown" and (key in wanted or _told_site(post, key)))
    ]


def _told_site(post: Post, key: MailKey) -> bool:
    """Whether a report of an older version went to somebody who still gets the site's mail."""
    site = post.portfolio.sites.get(key.site_id)
    asked = key.kind == "report" and post.scope.holds(key.site_id, key.month)
    return asked and site is not None and key.recipient in site.report.recipients


def resolve(journal: Journal, key: MailKey, decision: Decision, at: datetime) -> None:
    """Write down what a person says of a mail: it arrived, it is to be sent again, or nothing."""
    if decision == "sent":
        journal.note_mail(key, "sent", at, "the operator says that it arrived")
    elif decision == "again":
        journal.note_mail(key, "pending", at, "the operator wants it sent again")


def write_due(
    portfolio: Portfolio, open_warehouse: Callable[[], Warehouse], journal: Journal, scope: Scope
) -> list[Mail]:
    """Write the `.eml` file of every mail that is due, send nothing, and return them."""
    with open_warehouse() as warehouse:
        due = due_mails(portfolio, warehouse, journal, scope)
    smtp = portfolio.settings.smtp
    sender = smtp.from_ if smtp else _FALLBACK_SENDER
    for mail in due:
        if mail.letter is not None:
            mail.path.parent.mkdir(parents=True, exist_ok=True)
            mail.path.write_bytes(message_of(mail, sender))
    return due


def message_of(mail: Mail, sender: str) -> bytes:
    """Return a mail's message as it is sent, its Message-ID that of its outbox row.

    Raises ConfigError where the report's file is not there or states another version, InputError for a wrong address.
    """
    seed = "/".join((mail.key.kind, mail.key.site_id, mail.key.month, str(mail.key.version), mail.key.recipient))
    if mail.letter is not None and mail.date is not None:
        return compose(
            mail.letter, sender=sender, recipients=[mail.key.recipient], message_id_seed=seed, date=mail.date
        )
    rendered = mail.path.read_bytes() if mail.path.is_file() else b""
    stated = f"{mail.key.site_id}/{mail.key.month}/{mail.key.version}"
    found = header(rendered, "Message-ID") if rendered else None
    if found != message_id(stated, sender):
        allowed = f"the rendered mail of {stated} from {sender}; `v2b report` renders it"
        raise ConfigError(str(mail.path), "Message-ID", found, allowed)
    identity = message_id(seed, sender)
    return readdressed(rendered, recipient=mail.key.recipient, identity=identity, subject=mail.subject)


def send_due(
    portfolio: Portfolio,
    open_warehouse: Callable[[], Warehouse],
    journal: Journal,
    scope: Scope,
    mailer: Mailer,
    *,
    on_mail: Callable[[MailOutcome], None] | None = None,
) -> list[MailOutcome]:
    """Send every mail that is due inside `scope`; return the last outcome of each.

    The warehouse is not open while anything is sent. What the server puts off is tried again after `mailer.pauses_s`;
    what is not sent by then stays pending for the next run. Raises LockedError while another process sends.
    """
    with journal.mailing(_LOCK_WAIT_S, scope.now):
        with open_warehouse() as warehouse:
            due = due_mails(portfolio, warehouse, journal, scope)
        outcomes: dict[MailKey, MailOutcome] = {}
        for pause in (0.0, *mailer.pauses_s):
            waiting = [mail for mail in due if mail.key not in outcomes or outcomes[mail.key].again]
            if not waiting:
                break
            mailer.sleep(pause)
            for outcome in _round(waiting, journal, mailer):
                outcomes[outcome.key] = outcome
                if on_mail:
                    on_mail(outcome)
    return [outcomes[mail.key] for mail in due]


def _round(waiting: Sequence[Mail], journal: Journal, mailer: Mailer) -> Iterator[MailOutcome]:
    """Try each mail once; where the server cannot be used at all, the rest are left as they are."""
    useless: Handed | None = None
    with Postbox(mailer.server) as postbox:
        for mail in waiting:
            if useless is not None:
                yield MailOutcome(mail.key, "pending", f"not tried: {useless.words}", again=_passing(useless))
                continue
            try:
                message = message_of(mail, mailer.server.sender)
            except V2BError as error:
                yield MailOutcome(mail.key, "pending", str(error))
                continue
            handed = _try(mail.key, message, postbox, journal, mailer.clock)
            if handed is None:
                yield MailOutcome(mail.key, "pending", "another run has it in hand")
                continue
            if handed.what in ("unreachable", "misconfigured"):
                useless = handed
            yield MailOutcome(mail.key, _AFTER[handed.what], handed.words, again=_passing(handed))


def _try(
    key: MailKey, message: bytes, postbox: Postbox, journal: Journal, clock: Callable[[], datetime]
) -> Handed | None:
    """Claim a mail, give it to the server and write down its answer; None where it could not be claimed."""
    if not journal.claim_mail(key, clock()):
        return None

    def begin_data() -> None:
        journal.note_mail(key, "unknown", clock(), "DATA has begun")

    handed = postbox.hand_over(key.recipient, message, begin_data)
    journal.note_mail(key, _AFTER[handed.what], clock(), handed.words)
    return handed


def _passing(handed: Handed) -> bool:
    """Whether the same may go well a moment later."""
    return handed.what in ("later", "unreachable")
