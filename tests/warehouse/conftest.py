"""An open warehouse in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path) as opened:
        yield opened
