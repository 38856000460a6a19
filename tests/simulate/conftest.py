import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulate import SimulationOptions, write_example, write_portfolio


def truth_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))["sites"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def portfolio(folder: Path, seed: int = 7, sites: int = 3, months: int = 2, **options: Any) -> Path:
    write_portfolio(folder, sites=sites, months=months, seed=seed, options=SimulationOptions(**options))
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sites over two months, read only."""
    return portfolio(tmp_path_factory.mktemp("simulated") / "drawn")


@pytest.fixture(scope="session")
def atsugi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "atsugi"
    write_example(folder, "atsugi")
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "home"
    write_example(folder, "home")
    return folder


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "office"
    write_example(folder, "office")
    return folder
