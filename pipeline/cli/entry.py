"""The program's entry: every failure it can explain is one sentence and exit code 1."""

from __future__ import annotations

import sys

from pipeline.cli import exporting, making, planning, pricing, sending, working
from pipeline.cli.output import say
from pipeline.cli.root import app
from pipeline.domain import V2BError

COMMANDS = (making, pricing, working, planning, exporting, sending)
"""The modules whose commands register themselves on `app`."""


def main() -> None:
    """Run the command."""
    try:
        app()
    except V2BError as error:
        say(f"error: {error}")
        sys.exit(1)
