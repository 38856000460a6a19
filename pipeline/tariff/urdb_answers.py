"""What a record of the Utility Rate Database leaves open, and the file that answers it: asked about, never guessed.

`<name>.answers.toml` beside `<name>.json` holds one table for each question, named after the field it is about:

    [lookbackmonths]
    answer = "peaks-of"
    look_back_months = 12
    because = "Schedule 7, sheet 2: the highest demand of the last June to September"

Every answer is quoted in the verdict on its field and with the bill. A question without an answer stays unpriced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pipeline.domain import TariffError
from pipeline.tariff.model import Answer, VerdictWord
from pipeline.tariff.native import read_tariff_toml
from pipeline.tariff.urdb_fields import COMMENTS, FREE_TEXT


class NotPricedError(Exception):
    """A field that is not priced, why, whether it could be read two ways, and what may be answered."""

    def __init__(self, reason: str, verdict: VerdictWord = "refused", remedy: str = "") -> None:
        self.reason, self.verdict, self.remedy = reason, verdict, remedy
        super().__init__(reason)


@dataclass(frozen=True)
class Word:
    """One answer: what it means, and the further keys it needs."""

    meaning: str
    needs: tuple[str, ...] = ()


Words = Mapping[str, Word]
_ABOUT_TEXT: Final[Words] = {
    "does-not-apply": Word("it changes no bill of this site"),
    "in-the-fields": Word("other fields of the record say it already"),
    "as-fields": Word("it is said as fields of the record in `fields`", ("fields",)),
}
_ABOUT_STRUCTURES: Final[Mapping[str, Words]] = {
    f"{structure}.{part}": words
    for structure in ("energyratestructure", "demandratestructure", "flatdemandstructure", "coincidentratestructure")
    for part, words in {
        "no_rate": {"zero": Word("a tier without a rate costs nothing")},
        "above": {"last-rate": Word("the last tier's rate holds above its end")},
    }.items()
}
_ABOUT_UNITS: Final[Mapping[str, Words]] = {
    f"{column}{part}": words
    for column in ("demandrateunit", "flatdemandunit", "coincidentrateunit")
    for part, words in {
        "": {"kW": Word("rates are per kW"), "kVA": Word("rates are per kVA")},
        ".daily": {"sum-of-days": Word("every day's highest demand is billed, added up")},
        ".hp": {"measured": Word("one horsepower is 746 W of measured demand")},
    }.items()
}
_PERCENT: Final[Words] = {
    "percent": Word("80 is 80 %"),
    "fraction": Word("1.1 is 110 %"),
}
QUESTIONS: Final[Mapping[str, Words]] = {
    **dict.fromkeys((*FREE_TEXT, *COMMENTS), _ABOUT_TEXT),
    **_ABOUT_STRUCTURES,
    **_ABOUT_UNITS,
    "energyratestructure.tier_scope": {
        "period": Word("each period fills tiers of its own"),
        "pooled": Word("all periods fill one set of tiers, shared by their kWh"),
    },
    "energyratestructure.hours_use": {
        "billed": Word("tiers in kWh/kW count the billed demand, ratchets included"),
        "measured": Word("tiers in kWh/kW count the bill's own highest demand"),
    },
    "fixedchargefirstmeter": {
        "fixedchargefirstmeter": Word("that field is billed, fixedmonthlycharge is not"),
        "fixedmonthlycharge": Word("that field is billed, fixedchargefirstmeter is not"),
    },
    "fixedchargeunits": {unit: Word("its unit") for unit in ("$/day", "$/month", "$/year")},
    "fixedchargeunits.year": {"twelfth": Word("every bill has one twelfth")},
    "fixedchargeeaaddl": {"meters": Word("so many meters beyond the first", ("meters",))},
    "minchargeunits": {unit: Word("its unit") for unit in ("$/day", "$/month", "$/year")},
    "mincharge": {
        "mincharge": Word("that field is the minimum, minmonthlycharge is not"),
        "minmonthlycharge": Word("that field is the minimum, mincharge is not"),
    },
    "lookback": {
        "range": Word("the last lookbackRange months, lookbackMonths is ignored"),
        "months": Word("the months of lookbackMonths in the last `look_back_months`", ("look_back_months",)),
        "both": Word("the months of lookbackMonths in the last lookbackRange months"),
    },
    "lookbackmonths": {
        "peaks-of": Word("peaks of these months in the last `look_back_months`", ("look_back_months",)),
    },
    "lookbackpercent": _PERCENT,
    "demandratchetpercentage": {
        "last-months": Word("of the highest peak of the last `look_back_months`", ("look_back_months",)),
    },
    "demandratchetpercentage.percent": _PERCENT,
    "ratchet_on": {
        "flat_demand": Word("on demand at all hours only"),
        "each-period": Word("on every time-of-use period's own earlier peaks only"),
        "both": Word("on demand at all hours, and on every period's own earlier peaks"),
    },
    "demandreactivepowercharge": {
        "highest-kvar": Word("per kVAr of the bill's highest, above `free_pct` % of the kW", ("free_pct",)),
    },
    "coincidentratestructure": {
        "own-peak": Word("the site's own highest demand in the scheduled hours"),
        "events": Word(
            "demand at the local starts `events`, complete for bills to `known_until`", ("events", "known_until")
        ),
    },
    "dgrules": {
        "as-metered": Word("export is credited at the record's sell rates as the meter registers it"),
        "not-paid": Word("export earns nothing"),
    },
}
"""Every question, by its key in the answers file. A field this program does not know may be answered too."""
UNKNOWN_FIELD: Final[Words] = {"does-not-apply": _ABOUT_TEXT["does-not-apply"]}
_COMMON: Final = frozenset({"answer", "because"})


def _whole(first: int, last: int) -> tuple[str, Callable[[Any], Any]]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not first <= value <= last:
            raise ValueError
        return value

    return f"a whole number from {first} to {last}", read


def _percentage(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 100:
        raise ValueError
    return Decimal(value)


def _moments(value: Any) -> tuple[datetime, ...]:
    moments = value if isinstance(value, list) else [None]
    if not moments or not all(isinstance(entry, datetime) and entry.tzinfo is None for entry in moments):
        raise ValueError
    return tuple(sorted(moments))


def _day(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError  # noqa: TRY004 - every unusable answer is told alike
    return value


def _fields(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError
    return {str(name).lower(): entry for name, entry in value.items()}


_FURTHER_KEYS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "look_back_months": _whole(1, 36),
    "meters": _whole(0, 1000),
    "free_pct": ("a percentage from 0 to 100", _percentage),
    "events": ("local moments such as 2018-07-12T16:00:00", _moments),
    "known_until": ("a date such as 2019-06-01", _day),
    "fields": ("a table of fields, such as { mincharge = 1000 }", _fields),
}


@dataclass(frozen=True)
class Given:
    """One answer as the file gives it."""

    answer: str
    because: str
    further: Mapping[str, Any]


class Answers:
    """The answers beside one record: asked for by key, each noted when it is taken."""

    def __init__(self, file: str, given: Mapping[str, Given]) -> None:
        self.file = file
        self.given = given
        self.asked: dict[str, bool] = {}  # question -> whether it has its answer

    def ask(self, key: str, why: str, words: Words | None = None, verdict: VerdictWord = "ambiguous") -> Given:
        """Return the answer to a question; raises NotPricedError, naming what may be answered, where there is none.

        Raises TariffError where the file answers something else.
        """
        allowed = QUESTIONS[key] if words is None else words
        found = self.given.get(key)
        self.asked[key] = found is not None
        if found is None:
            choices = "; ".join(f'"{word}" ({entry.meaning})' for word, entry in allowed.items())
            raise NotPricedError(why, verdict, f"[{key}] in {self.file} may answer {choices}")
        if found.answer not in allowed:
            raise TariffError(self.file, f"{key}.answer", found.answer, ", ".join(allowed))
        missing = [name for name in allowed[found.answer].needs if name not in found.further]
        surplus = [name for name in found.further if name not in allowed[found.answer].needs]
        for name in (*missing, *surplus):
            takes = ", ".join(("answer", *allowed[found.answer].needs, "because"))
            raise TariffError(self.file, f"{key}.{name}", found.further.get(name), f"just the keys {takes}")
        return found

    def taken(self, keys: Iterable[str]) -> str:
        """Return the answers to these questions in words, for a verdict."""
        return "; ".join(f'answered {key} = "{self.given[key].answer}": {self.given[key].because}' for key in keys)

    def quoted(self) -> tuple[Answer, ...]:
        """Return every answer that was taken, as the bill quotes it."""
        return tuple(
            Answer(key, self.given[key].answer, self.given[key].because) for key, has in self.asked.items() if has
        )

    def refuse_unasked(self) -> None:
        """Raise TariffError for an answer to nothing; where questions are open, a later one may still want it."""
        unasked = [key for key in self.given if key not in self.asked]
        if unasked and all(self.asked.values()):
            asks = ", ".join(self.asked) or "nothing"
            raise TariffError(self.file, unasked[0], self.given[unasked[0]].answer, f"what this record asks: {asks}")


def _leaves(table: Mapping[str, Any], prefix: str, file: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for name, entry in table.items():
        key = f"{prefix}{name}".lower()
        if not isinstance(entry, dict):
            raise TariffError(file, key, entry, "a table with answer and because")
        if "answer" in entry or "because" in entry:
            own = {part: value for part, value in entry.items() if not _is_question(value)}
            found[key] = own
            entry = {part: value for part, value in entry.items() if part not in own}  # noqa: PLW2901 - the rest of it
        found |= _leaves(entry, f"{key}.", file)
    return found


def _is_question(value: Any) -> bool:
    return isinstance(value, dict) and "answer" in value


def _given(file: str, key: str, leaf: Mapping[str, Any]) -> Given:
    for name in sorted(_COMMON):
        if not isinstance(leaf.get(name), str) or not leaf[name].strip():
            raise TariffError(file, f"{key}.{name}", leaf.get(name), "a text that is not empty")
    further = {}
    for name, value in leaf.items():
        if name in _COMMON:
            continue
        if name not in _FURTHER_KEYS:
            raise TariffError(file, f"{key}.{name}", value, ", ".join((*sorted(_COMMON), *_FURTHER_KEYS)))
        allowed, read = _FURTHER_KEYS[name]
        try:
            further[name] = read(value)
        except ValueError:
            raise TariffError(file, f"{key}.{name}", value, allowed) from None
    return Given(leaf["answer"], " ".join(leaf["because"].split()), further)


def read_answers(path: Path, known: Iterable[str]) -> Answers:
    """Return the answers beside the record at `path`; none where there is no file.

    `known` are the record's own fields: questions about fields unknown to this program are named after them.
    Raises TariffError with file, key, value and what is allowed.
    """
    file = path.with_name(f"{path.stem}.answers.toml")
    if not file.exists():
        return Answers(file.name, {})
    leaves = _leaves(read_tariff_toml(file), "", file.name)
    questions = {*QUESTIONS, *known}
    for key in leaves:
        if key not in questions:
            raise TariffError(file.name, key, "an answer", f"one of {', '.join(QUESTIONS)}")
    return Answers(file.name, {key: _given(file.name, key, leaf) for key, leaf in leaves.items()})
