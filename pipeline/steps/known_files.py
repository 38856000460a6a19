"""The SHA-256 of the files in `landing/`, kept beside what the kernel says of each: only what changed is read again.

The kernel stamps a file's status with its own clock at every write, rename or change of its dates; nobody can set that
stamp (inode(7), ctime). A file is taken for unchanged where size, both times, inode and device are those of the
reading whose hash is kept, and a hash is kept only where they stood still for a minute before the reading and until its
end: a change within the grain of a file system's clock cannot hide there. The list may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

LOG: Final = logging.getLogger(__name__)
NAME: Final = ".v2b.files.json"
_LAYOUT: Final = 1
_STOOD_S: Final = 60.0
Known = dict[str, tuple[list[int], str]]
"""Facts of a file and its SHA-256, by its name below landing/."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, or of a folder's name; raises OSError where it cannot be read."""
    if path.is_dir():
        return sha256(f"directory {path.name}".encode()).hexdigest()
    found = sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def file_digests(root: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each of the portfolio's files by name, read anew where it may have changed.

    A file that has gone meanwhile is left out; one that cannot be read has the hash of its failure.
    """
    before = _remembered(root)
    known = {name: entry for name, entry in before.items() if name in files or (root / "landing" / name).exists()}
    found = {}
    for name, path in files.items():
        try:
            found[name] = _one(known, name, path)
        except FileNotFoundError:
            continue
        except OSError as error:
            found[name] = sha256(f"unreadable: {error.strerror}".encode()).hexdigest()
    if known != before:
        _remember(root, known)
    return found


def _one(known: Known, name: str, path: Path) -> str:
    facts, began = _facts(path), time.time()
    if name in known and known[name][0] == facts:
        return known[name][1]
    known.pop(name, None)
    content = digest(path)
    changed_s = path.stat().st_ctime
    if _facts(path) == facts and changed_s <= began - _STOOD_S:
        known[name] = facts, content
    return content


def _facts(path: Path) -> list[int]:
    """Return size, times, inode and device; a folder's names of files say nothing of their content, so it has -1."""
    of = path.stat()
    return [-1 if path.is_dir() else of.st_size, of.st_mtime_ns, of.st_ctime_ns, of.st_ino, of.st_dev]


def _remembered(root: Path) -> Known:
    """Return the list as it was kept; empty where there is none, or none that can be read: all is hashed then."""
    try:
        kept = json.loads((root / NAME).read_text(encoding="utf-8"))
        if kept["layout"] != _LAYOUT:
            return {}
        return {name: (list(map(int, facts)), str(content)) for name, (facts, content) in kept["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        LOG.info("%s is not used: %s", NAME, error)
        return {}


def _remember(root: Path, known: Known) -> None:
    fresh = root / f"{NAME}.new"
    try:
        fresh.write_text(json.dumps({"layout": _LAYOUT, "files": known}), encoding="utf-8")
        os.replace(fresh, root / NAME)  # noqa: PTH105 - one rename
    except OSError as error:
        LOG.warning("%s cannot be written (%s): every file is read again by the next run", NAME, error.strerror)
