"""What a report says, in words and formatted figures: the one content that page, paper and mail print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reports.facts import Facts, reason_sentence
from reports.figures import Figure, demand_figures, fleet_figures
from reports.language import Language
from reports.missed import missed_table
from reports.notes import notes
from reports.view import bill_rows, bill_total, rounded_lines, tiles
from reports.wording import Voice, cars, headline, subject
from reports.worth import lever_rows, mostly_modelled, part_rows, utility_table


def content(facts: Facts, words: Language) -> Mapping[str, Any]:
    """Return everything a report prints, by the names its templates use."""
    demand, fleet = demand_figures(facts, words), fleet_figures(facts, words)
    said = notes(facts, words)
    return {
        "lang": facts.site.language,
        "site": facts.site,
        "currency": facts.currency,
        "version": facts.summary["version"],
        "title": subject(facts, words),
        "subject": subject(facts, words),
        "headline": headline(facts, Voice(words, html=True)),
        "headline_text": headline(facts, Voice(words)),
        "masthead": _masthead(facts, words),
        "fleet": _fleet(facts, words),
        "notices": _notices(facts, words),
        "tiles": tiles(facts, words),
        "demand_figures": demand,
        "fleet_figures": fleet,
        "mail_figure": _mail_figure(demand),
        "rows": bill_rows(facts, words),
        "total": bill_total(facts, words),
        "bill_month": words.month_year(facts.month),
        "bill_reading": _bill_reading(facts, words),
        "worth": ((words.say("By cause"), part_rows(facts, words)), (words.say("By lever"), lever_rows(facts, words))),
        "utility": utility_table(facts, words),
        "missed": missed_table(facts, words),
        "ahead": tuple(note for note in said if note.ahead),
        "notes": tuple(note for note in said if not note.ahead),
        "all_notes": said,
        "footer": _footer(facts, words),
    }


def _mail_figure(figures: tuple[Figure, ...]) -> Figure | None:
    return next((figure for figure in figures if figure.name == "peak-day"), None)


def _fleet(facts: Facts, words: Language) -> str:
    return words.say("{cars} on the building", cars=cars(facts, words).lower()) if facts.site.vehicles else ""


def _masthead(facts: Facts, words: Language) -> str:
    parts = [words.say("V2B savings report, {month}", month=words.month_year(facts.month))]
    if facts.figure("grade"):
        parts.append(words.say("grade {grade}", grade=str(facts.figure("grade"))))
    version = facts.figure("version", "report")
    if version is not None:
        parts.append(words.say("version {number}", number=str(version)))
    return words.listed(parts)


def _notices(facts: Facts, words: Language) -> list[str]:
    """Return what a reader must know before the figures."""
    found = []
    if facts.partial:
        found.append(words.say(reason_sentence(facts.partial)))
    if mostly_modelled(facts):
        found.append(words.say("More than half of this saving is when the cars charged, which is modelled."))
    if not facts.provable:
        found += [words.say(reason_sentence(code)) for code in facts.blocking[1:] if facts.state == "ok"]
    return found


def _bill_reading(facts: Facts, words: Language) -> str:
    first = date.fromisoformat(facts.figure("bill_from"))
    last = date.fromisoformat(facts.figure("bill_to")) - timedelta(days=1)
    parts = [
        words.say("{first} to {last}, both included.", first=words.day(first), last=words.day(last)),
        words.say("Saved is without V2B minus with V2B."),
    ]
    if rounded_lines(facts, words):
        parts.append(
            words.say("Lines are exact in summary.json and printed rounded here, so they may differ in the last digit.")
        )
    return words.joined(parts)


def _footer(facts: Facts, words: Language) -> str:
    version = facts.summary["version"]
    parts = [
        words.say("V2B Savings {code}", code=str(version["code"])),
        words.say("report version {number}", number=str(version["report"])),
        words.say("generated {at}", at=_generated(str(version["generated_at"]), words)),
        words.say("inputs {hash}", hash=str(version["input_hash"])),
    ]
    return words.listed(part for part in parts if part)


def _generated(text: str, words: Language) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{words.day(at.date())} {at:%H:%M} UTC"
