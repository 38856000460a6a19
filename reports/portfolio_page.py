"""The portfolio page: every site and month in one file that sorts and filters without a network."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from babel.numbers import get_currency_precision
from markupsafe import Markup

from reports.language import Language, exact, language
from reports.templating import fill, stylesheet
from reports.theme import CSS_VARIABLES, font_faces

STATES = {
    "ok": "proved",
    "partial": "proved, bill partial",
    "not_provable": "not provable",
    "seed": "before V2B",
    "no_bill": "no bill",
    "failed": "failed",
    "refused": "site file refused",
}


@dataclass(frozen=True)
class PortfolioRow:
    """One site and month as the page lists it; figures that are not stated are None.

    `state` is a key of `STATES`; `saved` in major units of `currency`, `peak_cut_kw` [kW], `ready_pct` [%]; `version`
    of the report that lies beside, None where there is none; `why` the first reason of a bill without a saving.
    """

    site_id: str
    name: str
    month: str
    state: str
    grade: str | None
    currency: str
    saved: str | None
    peak_cut_kw: float | None
    ready_pct: float | None
    version: int | None
    why: str = ""


def portfolio_page(rows: Iterable[PortfolioRow], code: str) -> str:
    """Return the page of all rows in the language `code`; the same rows give the same bytes."""
    words = language(code)
    script = stylesheet("portfolio.js")
    values = {
        "lang": code,
        "data": Markup(_embedded(_columns(rows, words))),  # noqa: S704 - every '<' is escaped
        "states": {state: words.say(name) for state, name in STATES.items()},
        "fonts": Markup(font_faces()),  # noqa: S704 - our own files
        "css": Markup(stylesheet("portfolio.css")),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "colours": CSS_VARIABLES,
    }
    return fill("portfolio.html.j2", words, values)


def _embedded(data: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _columns(rows: Iterable[PortfolioRow], words: Language) -> dict[str, Any]:
    """Return the rows by column, newest month first; money in the currency's smallest unit, so that sums are exact."""
    ordered = sorted(rows, key=lambda row: (row.name.casefold(), row.site_id))
    ordered.sort(key=lambda row: row.month, reverse=True)
    sites = {row.site_id: row.name for row in ordered}
    places = {site_id: place for place, site_id in enumerate(sites)}
    reasons = {row.why: None for row in ordered}
    reason_places = {why: place for place, why in enumerate(reasons)}
    currencies = sorted({row.currency for row in ordered})
    return {
        "site_ids": list(sites),
        "names": list(sites.values()),
        "site": [places[row.site_id] for row in ordered],
        "month": [row.month for row in ordered],
        "months": {month: words.month_year(month) for month in sorted({row.month for row in ordered}, reverse=True)},
        "state": [row.state for row in ordered],
        "grade": [row.grade or "" for row in ordered],
        "currency": [row.currency for row in ordered],
        "digits": {currency: get_currency_precision(currency) for currency in currencies},
        "saved": [_smallest(row) for row in ordered],
        "cut": [None if row.peak_cut_kw is None else float(round(exact(row.peak_cut_kw), 1)) for row in ordered],
        "ready": [None if row.ready_pct is None else float(round(exact(row.ready_pct), 1)) for row in ordered],
        "version": [row.version for row in ordered],
        "reasons": [words.say(why) if why else "" for why in reasons],
        "why": [reason_places[row.why] for row in ordered],
    }


def _smallest(row: PortfolioRow) -> int | None:
    if row.saved is None:
        return None
    digits = get_currency_precision(row.currency)
    return int(round(Decimal(row.saved), digits).scaleb(digits))
