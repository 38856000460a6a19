"""Help texts reach the reader whole, nothing in them being taken for markup, and soon."""

import subprocess
import sys

import typer.main
from rich.text import Text

from pipeline.cli.root import app
from tests.test_docs import COMMANDS, commands


def test_no_word_of_a_help_text_is_taken_for_markup() -> None:
    found = dict(commands(typer.main.get_command(app)))
    texts = [command.help or "" for command in found.values()]
    texts += [getattr(option, "help", None) or "" for command in found.values() for option in command.params]
    assert COMMANDS  # imported, so that every command stands on the app
    assert len(texts) > len(found) > 10
    assert [text for text in texts if Text.from_markup(text).plain != text] == []


def test_the_command_is_ready_before_the_slow_libraries_are() -> None:
    slow = ("altair", "dagster", "scipy.optimize", "scipy.sparse", "scipy.special")
    program = f"import pipeline.cli.entry, sys; print([name for name in {slow} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
