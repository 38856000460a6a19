"""A desk with one site, and what a test needs to look at it."""

from pathlib import Path

import pytest

from tests.delivery.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A portfolio with one site and nothing in it."""
    made = Desk(tmp_path)
    made.site()
    return made
