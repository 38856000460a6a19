"""The e-mail: a short version of the report as HTML that every client can show, and as text complete in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import css_inline

from reports.facts import Facts
from reports.inputs import CHART_CID
from reports.language import Language
from reports.templating import fill, stylesheet
from reports.view import BillRow

IN_MAIL = (
    "Range and check",
    "Clocks and wiring",
    "Losses",
    "The year ahead",
    "Advice",
    "Not counted",
    "This site",
    "Second currency",
)


def email_html(facts: Facts, words: Language, said: Mapping[str, Any]) -> str:
    """Return the HTML body: tables for layout, every rule inlined, the chart by Content-ID."""
    values = {**_values(facts, words, said), "css": stylesheet("email.css"), "cid": CHART_CID}
    page = fill("email.html.j2", words, values)
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True).inline(page)


def email_text(facts: Facts, words: Language, said: Mapping[str, Any]) -> str:
    """Return the plain text body; it needs neither the HTML nor the picture."""
    return fill("email.txt.j2", words, {**_values(facts, words, said), "headline": said["headline_text"]})


def _values(facts: Facts, words: Language, said: Mapping[str, Any]) -> dict[str, Any]:
    terms = {words.say(term) for term in IN_MAIL}
    figure = said["mail_figure"]
    return {
        **said,
        "figure": figure.caption if figure else None,
        "rows": _changed(facts, said["rows"]),
        "rows_title": _rows_title(facts, words),
        "notes": [note for note in said["all_notes"] if note.term in terms],
    }


def _rows_title(facts: Facts, words: Language) -> str:
    went = facts.saved is not None and facts.saved < 0
    message = "Where the money went, {currency}" if went else "Where the money came from, {currency}"
    return words.say(message, currency=facts.currency)


def _changed(facts: Facts, rows: Sequence[BillRow]) -> list[BillRow]:
    """Return the lines V2B changed; none where the saving is not stated."""
    return [row for row in rows if facts.provable and row.tone != "plain"]
