"""The saved questions of `sql/queries/`: each says in its first comment line what it answers, then what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.warehouse.layout import sql_folder


@dataclass(frozen=True)
class Question:
    """One saved question: its sentence, what it takes (name and meaning), and the statement that answers it."""

    name: str
    sentence: str
    parameters: Mapping[str, str]
    sql: str


def _parsed(name: str, sql: str) -> Question:
    sentence, *rest = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("--")]
    named = (line.partition(": ") for line in rest)
    return Question(name, sentence, {key.removeprefix("$"): meaning for key, _, meaning in named}, sql)


def saved_questions() -> dict[str, Question]:
    """Return every saved question by its name, in name order."""
    files = sorted((sql_folder() / "queries").glob("*.sql"))
    return {path.stem: _parsed(path.stem, path.read_text(encoding="utf-8")) for path in files}
