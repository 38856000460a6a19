"""What is missing of a bill, told to those who can bring it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.delivery.mime import Letter
from pipeline.delivery.notice import Notice, Row, Section, letter_of
from reports.language import Language

_FINDINGS = 20


@dataclass(frozen=True)
class Missing:
    """A closed bill that waits for data: local days (`read_to` exclusive), shares known [%], reasons and findings.

    `reasons` are sentences. Shares are None where nothing is stored of the bill; `report_on` is the local day from
    which the bill is reported as it is.
    """

    site: str
    month: str
    read_from: date
    read_to: date
    meter_pct: float | None
    charger_pct: float | None
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    report_on: date


def reminder(missing: Missing, words: Language) -> Letter:
    """Return the letter that says what is missing of a bill and what happens if it does not come."""
    month, last = words.month_year(missing.month), missing.report_on - timedelta(days=1)
    subject = words.say(
        "V2B {month} | {site}: data is missing, wanted by {day}",
        month=words.month_year_short(missing.month),
        site=missing.site,
        day=words.day_short(last),
    )
    found = tuple(Row("", text) for text in missing.findings[:_FINDINGS])
    notice = Notice(
        subject,
        about=words.say("{site}, bill of {first} to {last}", site=missing.site, **_span(missing, words)),
        headline=words.say("The report of {month} waits for data.", month=month),
        sentences=(*_gaps(missing, words), *_until(missing, words, words.day(last))),
        sections=(Section(words.say("What was found"), found),) if found else (),
        foot=(words.say("Sent because this bill has ended and its data is not complete."),),
    )
    return letter_of(notice, words)


def _span(missing: Missing, words: Language) -> dict[str, str]:
    last = missing.read_to - timedelta(days=1)
    return {"first": words.day(missing.read_from), "last": words.day(last)}


def _gaps(missing: Missing, words: Language) -> tuple[str, ...]:
    if missing.meter_pct is None:
        return (words.say("No meter data has come for this bill."),)
    gaps = []
    if missing.meter_pct < 100:
        gaps.append(words.say("{share} of meter data is missing.", share=_share(missing.meter_pct, words)))
    if missing.charger_pct is not None and missing.charger_pct < 100:
        gaps.append(words.say("{share} of charger data is missing.", share=_share(missing.charger_pct, words)))
    return (*gaps, *(words.say(sentence) for sentence in missing.reasons))


def _share(known_pct: float, words: Language) -> str:
    """What is not known, never so little that it would be printed as nothing."""
    return words.percent(max(100 - known_pct, 0.1))


def _until(missing: Missing, words: Language, until: str) -> tuple[str, ...]:
    come = words.say("Put the files into landing/: they are taken in by the next run.")
    if missing.meter_pct is None:
        return come, words.say("Without any meter data there is no report of this bill.")
    return come, words.say("What has not come by {day} is reported as not provable.", day=until)
