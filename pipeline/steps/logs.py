"""The log: lines of JSON in the portfolio's `.dagster/log/`, a file a month; warnings as sentences on stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

KEPT_MONTHS: Final = 24
SECRETS: Final = ("V2B_SMTP_USER", "V2B_SMTP_PASSWORD", "V2B_HISTORY_PASSWORD")
"""Variables whose values never reach a log."""
_ROOM: Final = "pipeline"


def configure(folder: Path | None, *, run_id: str | None = None, verbose: bool | None = None) -> None:
    """Log what this program does to a portfolio's folder, and to stderr: warnings alone, or with `verbose` every line.

    Called again, it replaces what it set up before, so that a process that works on run after run names each; without
    `verbose` stderr stays as it was.
    """
    logger = logging.getLogger(_ROOM)
    logger.setLevel(logging.INFO)
    mine = [handler for handler in logger.handlers if isinstance(handler, _Console | _MonthlyFile)]
    if verbose is None:
        verbose = any(isinstance(handler, _Console) and handler.verbose for handler in mine)
    for handler in mine:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(_Console(run_id, verbose=verbose))
    if folder is not None:
        logger.addHandler(_MonthlyFile(folder / ".dagster" / "log", run_id))


def line_of(record: logging.LogRecord, run_id: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return a record as one line of JSON: when, what, of which run, site and month; secrets blotted out."""
    facts: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "message": record.getMessage(),
        "run_id": run_id,
        "site": getattr(record, "site", None),
        "month": getattr(record, "month", None),
        "logger": record.name,
        "process": record.process,
    }
    if record.exc_info:
        facts["traceback"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps({name: _blotted(value, environment) for name, value in facts.items()}, ensure_ascii=False)


def _blotted(value: Any, environment: Mapping[str, str]) -> Any:
    for name in SECRETS if isinstance(value, str) else ():
        if secret := environment.get(name):
            value = value.replace(secret, "***")
    return value


class _Console(logging.Handler):
    """Sentences of warnings on stderr, never a traceback; or every line of the log."""

    def __init__(self, run_id: str | None, *, verbose: bool) -> None:
        super().__init__(logging.INFO if verbose else logging.WARNING)
        self._run_id, self.verbose = run_id, verbose

    def emit(self, record: logging.LogRecord) -> None:
        told = line_of(record, self._run_id) if self.verbose else _blotted(record.getMessage(), os.environ)
        print(told, file=sys.stderr)


class _MonthlyFile(logging.Handler):
    """Appends whole lines, so that processes may write side by side; says once on stderr that it cannot."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        super().__init__(logging.INFO)
        self._folder, self._run_id, self._broken = folder, run_id, False

    def emit(self, record: logging.LogRecord) -> None:
        month = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m")
        try:
            path = self._folder / f"v2b-{month}.jsonl"
            if not path.exists():
                self._begin(path)
            with path.open("ab", buffering=0) as stream:
                stream.write(f"{line_of(record, self._run_id)}\n".encode())
        except OSError as error:
            if not self._broken:
                print(f"the log in {self._folder} cannot be written: {error.strerror}", file=sys.stderr)
            self._broken = True

    def _begin(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        for old in sorted(path.parent.glob("v2b-*.jsonl"))[:-KEPT_MONTHS]:
            old.unlink(missing_ok=True)
