"""Writes a file and reads it back."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline.ingest import Records, read_file

Reader = Callable[..., Records]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def write_and_read(content: str | bytes, hints: Sequence[str] = ("site", "file")) -> Records:
        path = tmp_path / "file.any"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_file(path, hints)

    return write_and_read
