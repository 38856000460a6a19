"""Numbers, money, dates and sentences in the reader's language.

Every sentence of a report passes through `Language.say`, so that a catalogue under `locale/` is all a further
language needs. A number is never printed without its unit; the space before the unit does not break.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_precision
from markupsafe import Markup

MINUS = "\u2212"
NO_BREAK = "\u00a0"
CATALOGUES = Path(__file__).parent / "locale"
SMALL_NUMBERS = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)

Number = float | int | Decimal | str


def exact(value: Number) -> Decimal:
    """Return a number of `summary.json` (money is a string there) as a decimal, digit for digit."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


@dataclass(frozen=True)
class Language:
    """One reader's language: formats by Babel, sentences from its catalogue; English is the language of the source."""

    locale: Locale
    catalogue: Mapping[str, str] = field(repr=False)

    def say(self, message: str, **values: Any) -> str:
        """Return the message translated, its `{names}` filled in."""
        return self._sentence(message).format(**values)

    def say_marked(self, message: str, **values: Any) -> Markup:
        """Return the message as HTML: values that are not markup themselves are escaped."""
        return Markup(self._sentence(message)).format(**values)  # noqa: S704 - the message is ours

    def sentence(self, text: str) -> str:
        """Return a text as a sentence, with a full stop where it does not end in one."""
        return text if text.endswith((".", "!", "?", "\u3002")) else self.say("{sentence}.", sentence=text)

    def joined(self, sentences: Iterable[str]) -> str:
        """Return sentences one after the other, with a space between them where the language has one."""
        return self._folded("{first} {then}", sentences)

    def listed(self, parts: Iterable[str]) -> str:
        """Return the parts of a list with the language's comma between them."""
        return self._folded("{first}, {then}", parts)

    def _folded(self, message: str, parts: Iterable[str]) -> str:
        return (
            reduce(lambda first, then: self.say(message, first=first, then=then), parts)
            if (parts := list(parts))
            else ""
        )

    def number(self, value: Number, digits: int = 0, most: int | None = None) -> str:
        """Return a grouped number with at least `digits` and at most `most` decimals and a true minus sign."""
        pattern = "#,##0" + ("." if (most or digits) else "") + "0" * digits + "#" * ((most or digits) - digits)
        return self._signed(value, lambda size: format_decimal(size, pattern, locale=self.locale))

    def with_unit(self, value: Number, unit: str, digits: int = 0, most: int | None = None) -> str:
        """Return a number and its unit, which stay on one line."""
        return f"{self.number(value, digits, most)}{NO_BREAK}{unit}"

    def kw(self, value: Number) -> str:
        """Return a power [kW], one decimal."""
        return self.with_unit(value, "kW", 1)

    def percent(self, value: Number, digits: int = 1) -> str:
        """Return a percentage [0-100]; a whole hundred or zero has no decimals."""
        return self.with_unit(value, "%", 0 if exact(value) in (0, 100) else digits)

    def money(self, amount: Number, currency: str) -> str:
        """Return an amount with its currency code and that currency's decimals: 'JPY 43,338', 'JPY -500'."""
        return f"{currency}{NO_BREAK}{self.amount(amount, currency)}"

    def amount(self, amount: Number, currency: str) -> str:
        """Return an amount with the currency's decimals but not its code (the column says it)."""
        return self._signed(amount, lambda size: self._currency(size, currency))

    def gain(self, amount: Number, currency: str) -> str:
        """Return a signed amount without its code: '+41,779', '-20,265', '0'."""
        return ("+" if self.rounded(amount, currency) > 0 else "") + self.amount(amount, currency)

    def about(self, amount: Number, currency: str) -> str:
        """Return an amount in a converted currency; from 100 on without decimals, since the rate is not exact."""
        digits = 0 if abs(exact(amount)) >= 100 else get_currency_precision(currency)
        return f"{currency}{NO_BREAK}{self.number(amount, digits)}"

    @staticmethod
    def rounded(amount: Number, currency: str) -> Decimal:
        """Return an amount to the currency's smallest printed unit."""
        return round(exact(amount), get_currency_precision(currency))

    def count(self, value: int) -> str:
        """Return a small count in words ('six'), others in digits."""
        return self.say(SMALL_NUMBERS[value - 1]) if 1 <= value <= len(SMALL_NUMBERS) else self.number(value)

    def month_name(self, month: str) -> str:
        """Return the name of a month 'YYYY-MM': 'July'."""
        return str(self.locale.months["stand-alone"]["wide"][int(month[5:])])

    def month_short(self, month: str) -> str:
        """Return the short name of a month 'YYYY-MM': 'Jul'."""
        return str(self.locale.months["stand-alone"]["abbreviated"][int(month[5:])])

    def month_year(self, month: str) -> str:
        """Return a month 'YYYY-MM' with its year: 'July 2013'."""
        return format_skeleton("yMMMM", _first(month), locale=self.locale)

    def month_year_short(self, month: str) -> str:
        """Return a month 'YYYY-MM' with its year, short: 'Jul 2013'."""
        return format_skeleton("yMMM", _first(month), locale=self.locale)

    def day(self, day: date) -> str:
        """Return a date in full: '10 July 2013' in English."""
        if self.locale.language == "en":
            return f"{day.day} {self.month_year(day.isoformat()[:7])}"
        return str(format_date(day, "long", locale=self.locale))

    def day_short(self, day: date) -> str:
        """Return a day of the year: '10 July'."""
        if self.locale.language == "en":
            return f"{day.day} {self.month_name(day.isoformat()[:7])}"
        return str(format_skeleton("MMMMd", day, locale=self.locale))

    def weekday(self, day: date) -> str:
        """Return the day of the week: 'Wednesday'."""
        return str(format_date(day, "EEEE", locale=self.locale))

    @staticmethod
    def clock(at: datetime) -> str:
        """Return a wall-clock time: '14:30'."""
        return f"{at.hour}:{at.minute:02d}"

    def _sentence(self, message: str) -> str:
        """Return a message translated, its keyboard apostrophes turned into those of print."""
        return self.catalogue.get(message, message).replace("'", "\u2019")

    @staticmethod
    def _signed(value: Number, show: Any) -> str:
        size = exact(value)
        text = str(show(abs(size)))
        nothing = not any(character in "123456789" for character in text)
        return text if size >= 0 or nothing else MINUS + text

    def _currency(self, size: Decimal, currency: str) -> str:
        return str(format_currency(size, currency, format="#,##0.00", locale=self.locale, currency_digits=True))


def _first(month: str) -> date:
    return date(int(month[:4]), int(month[5:]), 1)


@lru_cache(maxsize=8)
def language(code: str) -> Language:
    """Return the language of a code such as 'en' or 'ja'; sentences its catalogue lacks stay English."""
    return Language(Locale.parse(code), catalogue(code))


def catalogue(code: str) -> dict[str, str]:
    """Return the translated sentences of `locale/<code>.po`; none where there is no such file."""
    path = CATALOGUES / f"{code}.po"
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, locale=code) if entry.id and entry.string}
