"""The e-mail: a short version of the report as HTML that every client can show, and as text complete in itself."""

from __future__ import annotations

from typing import Any

import css_inline

from reports.captions import Caption
from reports.facts import Facts
from reports.inputs import CHART_CID
from reports.language import Language
from reports.notes import Note
from reports.templating import fill, stylesheet
from reports.view import BillRow, bill_rows, bill_total
from reports.wording import Voice, headline, subject

IN_MAIL = (
    "Range and check",
    "Clocks and wiring",
    "Losses",
    "The year ahead",
    "Not counted",
    "This site",
    "Second currency",
)


def email_html(facts: Facts, words: Language, common: dict[str, Any], figure: Caption | None) -> str:
    """Return the HTML body: tables for layout, every rule inlined, the chart by Content-ID."""
    values = _values(facts, words, common, figure)
    values["headline"] = headline(facts, Voice(words, html=True))
    page = fill("email.html.j2", words, values | {"css": stylesheet("email.css"), "cid": CHART_CID})
    return css_inline.CSSInliner(load_remote_stylesheets=False).inline(page)


def email_text(facts: Facts, words: Language, common: dict[str, Any], figure: Caption | None) -> str:
    """Return the plain text body; it needs neither the HTML nor the picture."""
    values = _values(facts, words, common, figure)
    return fill("email.txt.j2", words, values | {"headline": headline(facts, Voice(words))})


def _values(facts: Facts, words: Language, common: dict[str, Any], figure: Caption | None) -> dict[str, Any]:
    notes: tuple[Note, ...] = common["notes"]
    terms = {words.say(term) for term in IN_MAIL}
    return common | {
        "subject": subject(facts, words),
        "figure": figure,
        "rows": _changed(facts, words),
        "rows_title": _rows_title(facts, words),
        "total": bill_total(facts, words),
        "notes": [note for note in notes if note.term in terms],
    }


def _rows_title(facts: Facts, words: Language) -> str:
    went = facts.saved is not None and facts.saved < 0
    message = "Where the money went, {currency}" if went else "Where the money came from, {currency}"
    return words.say(message, currency=facts.currency)


def _changed(facts: Facts, words: Language) -> list[BillRow]:
    """Return the lines V2B changed; none where the saving is not stated."""
    return [row for row in bill_rows(facts, words) if facts.provable and row.tone != "plain"]
