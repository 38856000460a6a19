"""Documentation that is made from the program is as new as the program."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.entry import COMMANDS
from pipeline.cli.root import app
from pipeline.warehouse import documented_schema, saved_questions
from pipeline.warehouse.dictionary import dictionary_markdown
from pipeline.warehouse.questions_page import questions_markdown

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "python -m pipeline.warehouse.dictionary > docs/data-dictionary.md"


def test_the_data_dictionary_is_as_new_as_the_database_comments() -> None:
    written = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert written == dictionary_markdown(documented_schema()), f"stale; run: {COMMAND}"


def test_the_list_of_saved_questions_is_as_new_as_their_files() -> None:
    written = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    assert written == questions_markdown(), "stale; run: python -m pipeline.warehouse.questions_page > docs/queries.md"
    assert len(saved_questions()) >= 15
    for name, found in saved_questions().items():
        (row,) = [line for line in written.splitlines() if line.startswith(f"| `{name}` |")]
        assert found.sentence in row
        assert all(f"`{key}`: " in row for key in found.parameters)


def commands(group: Any, before: str = "v2b") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def test_every_command_and_option_is_documented() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert COMMANDS  # imported, so that every command stands on the app
    found = dict(commands(typer.main.get_command(app)))
    assert {"v2b run", "v2b tariff check", "v2b export", "v2b plan"} <= found.keys()
    assert [name for name in found if f"`{name}" not in text and f"{name} " not in text] == []
    options = {opt for command in found.values() for parameter in command.params for opt in parameter.opts}
    assert sorted(option for option in options if option.startswith("--") and option not in text) == []


def test_the_command_that_writes_it_prints_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = COMMAND.split()[2]
    monkeypatch.delitem(sys.modules, module)
    runpy.run_module(module, run_name="__main__")
    assert capsys.readouterr().out == dictionary_markdown(documented_schema())


def test_the_dictionary_holds_every_column() -> None:
    text = dictionary_markdown(documented_schema())
    schema = documented_schema()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == schema.filter(schema["column_name"] != "").height
    assert "\n### savings_month\n" in text
    assert "| `saved` | decimal(38,12) | Headline world's bill minus the metered one [money] |" in rows
