"""Which files of a portfolio nobody is writing any more: what a sensor may ask a run for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pipeline.steps.loading import landed

_CONFIG = ("*.toml", "*.csv", "sites/*", "tariffs/*", "series/*")


def settled(root: Path, *, now_s: float, settle_s: float) -> list[str]:
    """Return the names of the files in landing/ that stood still for `settle_s` [s] at `now_s` [s since 1970].

    A file's status changes whenever it is written, whatever date it is given: one whose last change is nearer to now
    than `settle_s`, before or after it, may still be under way. So a clock that jumps delays nothing for long.
    """
    return [name for name, path in landed(root / "landing").items() if _stands(path, now_s=now_s, settle_s=settle_s)]


def fingerprint(root: Path, *, now_s: float, settle_s: float) -> str:
    """Return a hash of the settled files in landing/ and of the configuration: name, size and time of each."""
    paths = landed(root / "landing")
    names = settled(root, now_s=now_s, settle_s=settle_s)
    listed = [*((name, paths[name]) for name in names), *((path.name, path) for path in _config(root))]
    facts = sorted((name, *_facts(path)) for name, path in listed if path.exists())
    return sha256(repr(facts).encode()).hexdigest()


def _config(root: Path) -> Iterator[Path]:
    for pattern in _CONFIG:
        yield from root.glob(pattern)


def _facts(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _stands(path: Path, *, now_s: float, settle_s: float) -> bool:
    try:
        changed = os.stat(path).st_ctime  # noqa: PTH116 - a name that is no UTF-8 is fine here
    except FileNotFoundError:  # gone since it was listed
        return False
    return abs(now_s - changed) >= settle_s
