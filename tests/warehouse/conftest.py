"""An open warehouse in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.warehouse import Warehouse
from tests.factories import lay_out_warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    lay_out_warehouse(tmp_path)
    with Warehouse(tmp_path) as opened:
        yield opened
