"""Failed runs, told to the operator in the operator's words: what failed and why, no figures, no addresses."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.delivery.mime import Letter
from pipeline.delivery.notice import Notice, Row, Section, letter_of
from reports.language import language

_MOST = 50


def alert(what: str, sentences: Sequence[str], *, link: str | None = None) -> Letter:
    """Return the letter about a failure: what failed, one sentence for each reason, and where to look."""
    words = language("en")
    shown = tuple(Row("", sentence) for sentence in sentences[:_MOST])
    more = len(sentences) - len(shown)
    notice = Notice(
        words.say("V2B failed: {what}", what=what),
        about=words.say("V2B Savings"),
        headline=words.say("{what} failed.", what=what),
        sections=(Section("", shown),) if shown else (),
        foot=tuple(
            text
            for text in (
                words.say("And {count} more.", count=words.number(more)) if more else "",
                words.say("Look at {link}.", link=link) if link else "",
                words.say("`v2b status` shows what to do next."),
            )
            if text
        ),
    )
    return letter_of(notice, words)
