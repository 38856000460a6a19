"""What a profile says about a foreign CSV: columns, units, stamps, clock (docs/formats.md shows how to write one)."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.domain import ConfigError

_HEADER_WITHIN = 200  # lines a preamble may have

Unit = Literal["Wh", "kWh", "MWh", "W", "kW", "C", "F", "%"]
Field_ = Literal["import", "export", "net", "temperature", "soc_in", "soc_out", "target_soc"]

FIELDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "meter": dict.fromkeys(("import", "export", "net"), frozenset({"Wh", "kWh", "MWh", "W", "kW"})),
    "session": {
        **dict.fromkeys(("import", "export", "net"), frozenset({"Wh", "kWh", "MWh"})),
        **dict.fromkeys(("soc_in", "soc_out", "target_soc"), frozenset({"%"})),
    },
    "weather": {"temperature": frozenset({"C", "F"})},
}
"""What a value may be, per kind, with its units."""
IDS: Final[Mapping[str, tuple[str, ...]]] = {
    "meter": ("meter",),
    "session": ("session", "charger", "vehicle"),
    "weather": ("station",),
}
"""The names a record of a kind has."""


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error:
        raise ValueError("a regular expression") from None
    return value


def _clock(value: str) -> str:
    if value not in ("site", "standard") and value not in available_timezones():
        raise ValueError("'site', 'standard' or an IANA zone such as 'UTC'")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stamps(_Strict):
    """How the file says when."""

    columns: Annotated[list[Pattern], Field(min_length=1)]
    end: list[Pattern] = []
    split: str = ""  # text between start and end in one cell
    formats: Annotated[list[str], Field(min_length=1)]
    stamp: Literal["start", "end", "told"] = "start"  # told: as the file's first and last stamp tell
    clock: Annotated[str, AfterValidator(_clock)] = "site"
    repeated_hour: Literal["rows", "averaged", "summed"] = "rows"
    interval_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    labels: Pattern | None = None  # day rows: the columns of the day, their label in the first group
    add_years: Annotated[int, Field(ge=0, le=9999)] = 0


class Value(_Strict):
    """One column (or one kind of row) of readings."""

    column: Pattern = ".*"
    unit: Unit
    as_: Field_ = Field(alias="as")
    where_column: Pattern | None = None
    where: Pattern = ".*"


class Profile(_Strict):
    """One kind of foreign CSV."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    description: str
    kind: Literal["meter", "session", "weather"]
    note: str = ""
    encodings: list[Literal["utf-8", "cp932", "latin-1"]] = ["utf-8"]
    delimiter: Literal[",", ";", "\t"] = ","
    header: list[Pattern] = []
    names: list[str] = []  # a file without header: the names of its columns
    preamble: dict[Literal["meter", "charger", "station"], Pattern] = {}
    ids: dict[Literal["meter", "session", "charger", "vehicle", "station"], Pattern] = {}
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    missing: list[str] = ["", "NA", "N/A", "NaN", "null", "-", "--", "-9999"]
    time: Stamps
    values: list[Value] = []

    @model_validator(mode="after")
    def _consistent(self) -> Profile:
        if bool(self.header) == bool(self.names):
            raise ValueError("either header (patterns) or names (of a file without header)")
        for value in self.values:
            units = FIELDS[self.kind].get(value.as_)
            if units is None:
                raise ValueError(f"for kind {self.kind!r} values as one of {sorted(FIELDS[self.kind])}")
            if value.unit not in units:
                raise ValueError(f"for {value.as_!r} a unit of {sorted(units)}")
        if self.kind != "session" and not self.values:
            raise ValueError("at least one [[values]]")
        if self.time.labels is not None and re.compile(self.time.labels).groups < 1:
            raise ValueError("labels with a group around the label of the interval")
        return self


@dataclass(frozen=True)
class Header:
    """Where a profile's header stands: its 1-based line (0 where the file has none) and its cells."""

    line: int
    cells: tuple[str, ...]


def matches(pattern: str, cell: str) -> bool:
    """Tell whether a whole cell is what a pattern says, in any case of letters."""
    return re.fullmatch(pattern, cell, re.IGNORECASE) is not None


def decoded(content: bytes, profile: Profile, *, cut: bool = False) -> str | None:
    """Return the text in the first of the profile's encodings that reads it; of a `cut` head the last line is lost."""
    if cut:
        content = content.rpartition(b"\n")[0] or content
    for encoding in profile.encodings:
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    return None


def find_header(profile: Profile, text: str) -> Header | None:
    """Return the first line in which every pattern of the profile's header has a cell; None where there is none."""
    head = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", _HEADER_WITHIN)[:_HEADER_WITHIN]
    if profile.names:
        first = next((line for line in head if line.strip()), "")
        return Header(0, tuple(profile.names)) if len(_cells(first, profile)) == len(profile.names) else None
    for number, line in enumerate(head, start=1):
        cells = _cells(line, profile)
        if all(any(matches(pattern, cell) for cell in cells) for pattern in profile.header):
            return Header(number, tuple(cells))
    return None


def _cells(line: str, profile: Profile) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=profile.delimiter), [])]
    except csv.Error:
        return []


@cache
def shipped() -> tuple[Profile, ...]:
    """Return the profiles that come with the program, in the order of their file names."""
    folder = files("pipeline.ingest") / "profiles"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(_validated(entry.name, entry.read_text(encoding="utf-8")) for entry in found)


def profiles_for(path: Path) -> tuple[Profile, ...]:
    """Return a portfolio's own profiles, `profiles/*.toml` beside the `landing` folder that the path lies in.

    Raises ConfigError for a profile that is wrong.
    """
    landing = next((parent for parent in path.absolute().parents if parent.name == "landing"), None)
    own = sorted((landing.parent / "profiles").glob("*.toml")) if landing else []
    return tuple(
        _validated(f"profiles/{file.name}", file.read_text(encoding="utf-8", errors="replace")) for file in own
    )


def chosen(profiles: Iterable[Profile], head: bytes) -> Profile | None:
    """Return the first profile whose header stands in the head of a file."""
    for profile in profiles:
        text = decoded(head, profile, cut=True)
        if text is not None and find_header(profile, text) is not None:
            return profile
    return None


def _validated(name: str, text: str) -> Profile:
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(name, "file", str(error), "TOML in UTF-8") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "profile"
        raise ConfigError(name, place, _shown(first.get("input")), _allowed(first)) from None


def _shown(value: Any) -> Any:
    return "a table" if isinstance(value, dict | list) else value


def _allowed(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "a key that docs/formats.md names"
    return str(error["msg"]).removeprefix("Value error, ")


def columns_of(pattern: str | None, cells: Sequence[str]) -> list[int]:
    """Return the positions of the header cells that a pattern names."""
    return [] if pattern is None else [place for place, cell in enumerate(cells) if matches(pattern, cell)]
