"""The `v2b` command: parses, calls, prints. Results go to stdout, everything else to stderr, never a traceback."""

# ruff: noqa: I001 - the order is the reading order: a module imports only those above it

from pipeline.cli.output import fail, frame_text, listed_money, say
from pipeline.cli.runs import RunReport, dagster_home, run_everything
from pipeline.cli.app import app, main

__all__ = ["RunReport", "app", "dagster_home", "fail", "frame_text", "listed_money", "main", "run_everything", "say"]
