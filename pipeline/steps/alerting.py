"""Tells `[alerts] recipients` of a failed run at once. Not in the outbox: an alert of yesterday is of no use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.delivery import Handed, Postbox, alert, compose
from pipeline.portfolio import Portfolio
from pipeline.steps.sending import Mailer


def send_alert(
    portfolio: Portfolio, mailer: Mailer, what: str, sentences: Sequence[str], *, at: datetime, link: str | None = None
) -> list[str]:
    """Send an alert to each of `[alerts] recipients`; return a sentence for each it could not be given to.

    `what` names what failed in a few words ('run 1f2e of 2026-09-04'), `sentences` say why.
    """
    letter, lost = alert(what, sentences, link=link), []
    for recipient in dict.fromkeys(portfolio.settings.alerts.recipients):
        seed = f"alert/{what}/{at.isoformat()}/{recipient}"
        sender = mailer.server.sender
        message = compose(letter, sender=sender, recipients=[recipient], message_id_seed=seed, date=at)
        handed = _patiently(mailer, recipient, message)
        if handed.what != "sent":
            lost.append(f"alert to {recipient}: {handed.words}")
    return lost


def _patiently(mailer: Mailer, recipient: str, message: bytes) -> Handed:
    handed = Handed("unreachable", "not tried")
    for pause in (0.0, *mailer.pauses_s):
        mailer.sleep(pause)
        with Postbox(mailer.server) as postbox:
            handed = postbox.hand_over(recipient, message, lambda: None)
        if handed.what not in ("later", "unreachable"):
            break
    return handed
