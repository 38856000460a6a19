"""E-mail: what is due, what it says, how it is made, and how it is given to a server (the only room with smtplib).

mime      letters as RFC 5322 messages, deterministic
smtp      one connection to a mail server, and what became of a message
due       which bill's mail is due: dates and figures in, a decision out
notice    a letter of a few sentences and a table
correction  the old figure and the new
reminder  what is missing of a bill
digest    all sites of a month in one letter
alert     failed runs
"""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.delivery.mime import Letter, build_message, compose, header, message_id, readdressed
from pipeline.delivery.smtp import (
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    Handed,
    MailServer,
    Postbox,
    mail_server,
)
from pipeline.delivery.due import (
    REMIND_EVERY_DAYS,
    Stated,
    Step,
    bill_step,
    moved,
    reminder_number,
    stated_figures,
)
from pipeline.delivery.notice import Notice, letter_of
from pipeline.delivery.correction import correction_subject
from pipeline.delivery.reminder import Missing, reminder
from pipeline.delivery.digest import Answer, Correction, digest
from pipeline.delivery.alert import alert

__all__ = [
    "PASSWORD_VARIABLE",
    "REMIND_EVERY_DAYS",
    "USER_VARIABLE",
    "Answer",
    "Correction",
    "Handed",
    "Letter",
    "MailServer",
    "Missing",
    "Notice",
    "Postbox",
    "Stated",
    "Step",
    "alert",
    "bill_step",
    "build_message",
    "compose",
    "correction_subject",
    "digest",
    "header",
    "letter_of",
    "mail_server",
    "message_id",
    "moved",
    "readdressed",
    "reminder",
    "reminder_number",
    "stated_figures",
]
