"""The wheel works away from its checkout: all data is inside, and the command finds it from any folder."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Folders of the checkout and where their files lie in the wheel.
PLACES = {"pipeline": "pipeline", "reports": "reports", "sql": "pipeline/sql"}
BY_PRODUCTS = {"__pycache__", ".DS_Store"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the backend itself: no download, no isolated environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; its dependencies are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(command: list[str], folder: Path) -> str:
    """Standard output of a command run in a folder that is no checkout, with nothing of this process's paths."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "V2B_PORTFOLIO"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", PLACES)
def test_every_file_of_the_checkout_is_in_the_wheel(wheel: Path, place: str) -> None:
    files = [path for path in (ROOT / place).rglob("*") if path.is_file() and not BY_PRODUCTS & set(path.parts)]
    assert files
    with zipfile.ZipFile(wheel) as archive:
        missing = [
            str(path.relative_to(ROOT))
            for path in files
            if f"{PLACES[place]}/{path.relative_to(ROOT / place)}" not in archive.namelist()
        ]
    assert missing == []


@pytest.mark.parametrize(
    "pattern",
    [
        "pipeline/sql/schema.sql",
        "pipeline/py.typed",
        "pipeline/examples/atsugi/*.toml",
        "pipeline/examples/office/*.toml",
        "reports/templates/*",
        "reports/fonts/*",
        "*.dist-info/licenses/LICENSE",
        "*.dist-info/entry_points.txt",
    ],
)
def test_the_wheel_holds(wheel: Path, pattern: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert any(Path(name).match(pattern) for name in archive.namelist())


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeline", "reports"}


def test_an_installed_wheel_finds_its_sql(installed: Path, tmp_path: Path) -> None:
    code = "from pipeline.warehouse import sql_folder; print(sql_folder())"
    found = Path(run([str(installed / "bin" / "python"), "-c", code], tmp_path).strip())
    assert installed in found.parents
    assert (found / "schema.sql").is_file()


def test_the_command_works_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    command = str(installed / "bin" / "v2b")
    assert "init" in run([command, "--help"], tmp_path)
    run([command, "init", "X", "--example", "atsugi"], tmp_path)
    made = tmp_path / "X"
    assert (made / "v2b.toml").is_file()
    assert list(made.glob("sites/*.toml"))
    assert any(path.is_file() for path in (made / "landing").rglob("*"))
