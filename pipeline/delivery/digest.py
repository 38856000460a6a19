"""All sites of a month in one letter, for those who own many: each site's answer, never one sum of two currencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.delivery.correction import answer
from pipeline.delivery.due import Stated
from pipeline.delivery.mime import Letter
from pipeline.delivery.notice import Notice, Row, Section, letter_of
from reports.language import Language

MOST_ROWS = 100
"""More sites than this are counted and not listed: a mail of 100 KB is cut off by its readers' programs."""


@dataclass(frozen=True)
class Answer:
    """One site's bill as the digest tells it; `stated` is None where there is no report to speak of."""

    site: str
    text: str
    stated: Stated | None
    link: str | None = None

    @property
    def proved(self) -> bool:
        """Whether a saving is stated."""
        return self.stated is not None and self.stated.saved is not None

    @property
    def good(self) -> bool:
        """Whether there is nothing here that a manager has to look at first."""
        return self.stated is not None and self.stated.saved is not None and self.stated.saved >= 0


@dataclass(frozen=True)
class Correction:
    """An earlier bill whose figure is another one than the last digest told."""

    site: str
    month: str
    before: Stated | None
    now: Stated
    link: str | None = None


def digest(month: str, answers: Sequence[Answer], corrections: Sequence[Correction], words: Language) -> Letter:
    """Return the letter of a month 'YYYY-MM': what needs looking at first, then the other sites by name."""
    listed = sorted(answers, key=lambda entry: (entry.good, entry.site))
    rows = tuple(Row(entry.site, entry.text, entry.link) for entry in listed[:MOST_ROWS])
    sections = [Section(words.say("Sites"), rows)]
    if corrections:
        corrected = tuple(_corrected(entry, words) for entry in corrections[:MOST_ROWS])
        sections.append(Section(words.say("Corrected since the last digest"), corrected))
    left_out = max(len(answers) - MOST_ROWS, 0), max(len(corrections) - MOST_ROWS, 0)
    notice = Notice(
        words.say("V2B {month} | {result}", month=words.month_year_short(month), result=_result(answers, words)),
        about=words.say("V2B savings of {month}", month=words.month_year(month)),
        headline=words.say("{sentence}.", sentence=_result(answers, words)),
        sentences=_proofs(answers, words),
        sections=tuple(sections),
        foot=_foot(left_out, words),
    )
    return letter_of(notice, words)


def _result(answers: Sequence[Answer], words: Language) -> str:
    """'3 sites: saved JPY 120,000; saved USD 500; 1 not proved'."""
    sums: dict[str, Decimal] = {}
    for stated in (entry.stated for entry in answers):
        if stated is not None and stated.saved is not None:
            sums[stated.currency] = sums.get(stated.currency, Decimal(0)) + stated.saved
    parts = [answer(Stated(provable=True, currency=code, saved=total), words) for code, total in sorted(sums.items())]
    unproved = sum(not entry.proved for entry in answers)
    if unproved:
        parts.append(words.say("{count} not proved", count=words.number(unproved)))
    count, joined = words.number(len(answers)), "; ".join(parts)
    return words.say(
        "{count} site: {parts}" if len(answers) == 1 else "{count} sites: {parts}", count=count, parts=joined
    )


def _proofs(answers: Sequence[Answer], words: Language) -> tuple[str, ...]:
    unproved = sum(not entry.proved for entry in answers)
    currencies = {entry.stated.currency for entry in answers if entry.stated is not None and entry.proved}
    said = []
    if unproved and currencies:
        said.append(words.say("Sums are of the sites whose saving is proved."))
    if len(currencies) > 1:
        said.append(words.say("Currencies are never added up."))
    return (" ".join(said),) if said else ()


def _corrected(entry: Correction, words: Language) -> Row:
    name = f"{entry.site}, {words.month_year(entry.month)}"
    text = words.say("{now} (before: {before})", now=answer(entry.now, words), before=answer(entry.before, words))
    return Row(name, text, entry.link)


def _foot(left_out: tuple[int, int], words: Language) -> tuple[str, ...]:
    sites, corrections = left_out
    said = (
        words.say("{count} more sites are on the portfolio page.", count=words.number(sites)) if sites else "",
        words.say("{count} more corrections are in the reports.", count=words.number(corrections))
        if corrections
        else "",
        words.say("One digest a month; each site's own report has the evidence."),
    )
    return tuple(sentence for sentence in said if sentence)
