"""What a corrected saving is called: the answer of a version in a few words, and the subject that names both."""

from __future__ import annotations

from pipeline.delivery.due import Stated
from pipeline.delivery.notice import one_line
from reports.language import Language


def answer(stated: Stated | None, words: Language) -> str:
    """Return what a version said of the bill: 'saved JPY 41,015', 'cost JPY 300 more' or 'not provable'."""
    if stated is None:
        return words.say("another figure")
    if stated.saved is None:
        return words.say("not provable")
    amount = words.money(abs(stated.saved), stated.currency)
    return words.say("saved {amount}" if stated.saved >= 0 else "cost {amount} more", amount=amount)


def correction_subject(site: str, month: str, before: Stated | None, now: Stated | None, words: Language) -> str:
    """Return the subject of a report that corrects one its reader has: it names the old figure and the new."""
    return one_line(
        words.say(
            "V2B {month} | {site}: correction, {now} (before: {before})",
            month=words.month_year_short(month),
            site=site,
            now=answer(now, words),
            before=answer(before, words),
        )
    )
