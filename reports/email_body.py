"""The e-mail: a short version of the report as HTML that every client can show, and as text complete in itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import css_inline

from reports.captions import Caption
from reports.facts import Facts
from reports.language import Language
from reports.notes import Note
from reports.templating import fill, stylesheet
from reports.view import BillRow, bill_rows, bill_total
from reports.wording import Voice, headline, subject

CHART_CID = "peak-day@v2b-savings"
IN_MAIL = ("Range and check", "Clocks and wiring", "Losses", "Not counted", "This site", "Second currency")


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
        "rows_title": words.say("Where the money came from, {currency}", currency=facts.currency),
        "total": bill_total(facts, words),
        "notes": [replace(note) for note in notes if note.term in terms],
    }


def _changed(facts: Facts, words: Language) -> list[BillRow]:
    """Return the lines V2B changed; none where the saving is not stated."""
    return [row for row in bill_rows(facts, words) if facts.provable and row.tone != "plain"]
