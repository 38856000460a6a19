"""A desk with one site, and what a test needs to look at it."""

import shutil
from pathlib import Path

import pytest

from pipeline.warehouse import Warehouse
from tests.delivery.desk import Desk
from tests.delivery.servers import Certificates, certificates


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with nothing in it: making its tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    with Warehouse(folder):
        return folder / "warehouse.duckdb"


@pytest.fixture
def desk(tmp_path: Path, empty_warehouse: Path) -> Desk:
    """A portfolio with one site and nothing in it."""
    made = Desk(tmp_path)
    made.site()
    shutil.copy(empty_warehouse, tmp_path)
    return made


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(certified: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.authority))
    return certified
