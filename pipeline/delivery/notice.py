"""A letter of a few sentences and lists: all mails that are not a report are laid out here."""

from __future__ import annotations

from dataclasses import dataclass

import css_inline

from pipeline.delivery.mime import Letter
from reports.language import Language
from reports.templating import fill, stylesheet


@dataclass(frozen=True)
class Row:
    """One line of a list; its name, where it has one, is linked where there is something to open."""

    name: str
    text: str
    link: str | None = None


@dataclass(frozen=True)
class Section:
    """A list under a title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Notice:
    """What a letter says: subject, what it is about, its point, then sentences, lists and small print."""

    subject: str
    about: str
    headline: str
    sentences: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    foot: tuple[str, ...] = ()


def letter_of(notice: Notice, words: Language) -> Letter:
    """Return a notice as a letter: HTML with every rule inlined and everything escaped, and text that needs no HTML."""
    values = {"notice": notice, "lang": words.locale.language, "css": stylesheet("email.css")}
    html = css_inline.CSSInliner(load_remote_stylesheets=False).inline(fill("notice.html.j2", words, values))
    return Letter(one_line(notice.subject), fill("notice.txt.j2", words, values), html)


def one_line(text: str) -> str:
    """Return a text with single plain spaces only: mail software folds subjects at white space of any kind."""
    return " ".join(text.split())
