"""The repository as a stranger gets it: no trace of a builder's machine, a lock that fits, a set-up that resumes."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("demo", "test", "soak", "check", "ui", "bench", "gallery", "lock")

# Put together from parts, so that this file does not hold what it looks for.
HOSTS = ("py" + "pi.org", "python" + "hosted", "npm" + "js", "debian" + ".org", "ubuntu" + ".com")
FOLDERS = ("work", "root", "tmp", r"home/[a-z]\w*", r"Users/\w+")
FOREIGN = re.compile("|".join([*(re.escape(host) for host in HOSTS), *(rf"(?<![\w./-])/{name}/" for name in FOLDERS)]))

PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def foreign_words(text: str) -> list[str]:
    return [
        f"line {number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if FOREIGN.search(line)
    ]


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked() -> list[tuple[str, Version, list[str]]]:
    """Name, version and hash lines of every pin in requirements.lock."""
    pins: list[tuple[str, Version, list[str]]] = []
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            pins.append((canonicalize_name(pin["name"]), Version(pin["version"]), []))
        elif line.lstrip().startswith("--hash"):
            pins[-1][2].append(line)
        else:
            assert line.lstrip().startswith("#"), f"neither pin, hash nor comment: {line}"
    return pins


def test_tracked_files_name_no_registry_and_no_builder_machine() -> None:
    found = [f"{path.relative_to(ROOT)} {hit}" for path in tracked_files() for hit in foreign_words(text_of(path))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /" + "root/x", True),
        ("path='/" + "work/main'", True),
        ("/" + "home/ann/data", True),
        ("https://files." + HOSTS[1] + ".org", True),
        ("portfolio/work/x and example.com/work/x", False),
        ("apt-get install python3-venv", False),
    ],
)
def test_foreign_words_are_told_from_harmless_ones(line: str, found: bool) -> None:
    assert bool(foreign_words(line)) is found


def test_every_pin_has_hashes_and_no_address() -> None:
    pins = locked()
    assert len(pins) > 50
    for name, _, hashes in pins:
        assert hashes, name
        assert all(HASH.match(line) for line in hashes), name
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_satisfies_every_bound() -> None:
    settings = project()
    wanted = [*settings["dependencies"], *settings["optional-dependencies"]["dev"]]
    versions: dict[str, list[Version]] = {}
    for name, version, _ in locked():
        versions.setdefault(name, []).append(version)
    for requirement in map(Requirement, wanted):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement} is not locked"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: {found}"


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project()["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text.splitlines()) > 190


def test_workspace_and_dg_name_one_location() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    [location] = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    assert location["python_module"] == {
        "module_name": settings["code_location_target_module"],
        "location_name": settings["code_location_name"],
    }


@pytest.mark.parametrize("script", [".ci/run", ".ci/install-system-packages"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


# The Makefile, with a stand-in for python3 that notes what it is asked to do.

STAND_IN = r"""#!/bin/sh
case "$*" in
  -V) echo "Python 3.9.2" ;;
  *version_info*) {version} ;;
  *ensurepip*) {ensurepip} ;;
  "-m venv "*) echo venv >> calls; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  *"-m pip install"*) echo pip >> calls; {pip} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def make(folder: Path, target: str = ".venv/.ready", **answers: str) -> subprocess.CompletedProcess[str]:
    python = folder / "python-stand-in"
    python.write_text(STAND_IN.format(**{"version": "true", "ensurepip": "true", "pip": "true"} | answers))
    python.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", target, f"PYTHON={python}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().split() if (folder / "calls").exists() else []


def test_make_lists_every_target(checkout: Path) -> None:
    listed = make(checkout, "help").stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(TARGETS)
    assert calls(checkout) == []


def test_setting_up_twice_does_nothing_twice(checkout: Path) -> None:
    assert make(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "pip"]
    assert make(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "pip"]


def test_a_new_lock_updates_the_environment_in_place(checkout: Path) -> None:
    make(checkout)
    later = (checkout / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(checkout / "requirements.lock", (later, later))
    make(checkout)
    assert calls(checkout) == ["venv", "pip", "pip", "pip", "pip"]


def test_a_killed_set_up_is_started_over(checkout: Path) -> None:
    killed = make(checkout, pip="kill -9 $PPID")
    assert killed.returncode != 0
    assert (checkout / ".venv" / ".setting-up").exists()
    (checkout / ".venv" / "half-written").touch()
    assert make(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "venv", "pip", "pip"]
    assert not (checkout / ".venv" / "half-written").exists()


def test_an_environment_without_python_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    assert make(checkout).returncode == 0
    assert calls(checkout) == ["venv", "pip", "pip"]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"version": "exit 1"}, "Python 3.11 or newer is needed"),
        ({"ensurepip": "exit 1"}, "apt-get install python3-venv"),
    ],
)
def test_a_missing_tool_gets_one_sentence(checkout: Path, answers: dict[str, str], sentence: str) -> None:
    result = make(checkout, **answers)
    assert result.returncode != 0
    told = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(told) == 1
    assert sentence in told[0]
    assert not (checkout / ".venv").exists()


def test_a_missing_python_gets_one_sentence(checkout: Path) -> None:
    command = ["make", "check", "PYTHON=no-such-python"]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    [told] = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert "'no-such-python' is not here" in told


# `make demo`, with a stand-in for v2b.

DEMO = r"""#!/bin/sh
echo "$1" >> calls
if [ "$1" = init ]; then mkdir "$2"; {after_folder}; touch "$2/v2b.toml"; fi
"""


def demo(folder: Path, after_folder: str = "true") -> int:
    make(folder)
    command = folder / ".venv" / "bin" / "v2b"
    command.write_text(DEMO.format(after_folder=after_folder))
    command.chmod(0o755)
    (folder / "calls").write_text("")
    return make(folder, "demo").returncode


def test_the_demo_is_built_once_and_run_each_time(checkout: Path) -> None:
    assert demo(checkout) == 0
    assert calls(checkout) == ["init", "run"]
    assert demo(checkout) == 0
    assert calls(checkout) == ["run"]


def test_a_killed_demo_is_built_anew(checkout: Path) -> None:
    assert demo(checkout, after_folder="kill -9 $$") != 0
    assert not (checkout / "portfolio").exists()
    assert demo(checkout) == 0
    assert calls(checkout) == ["init", "run"]
    assert (checkout / "portfolio" / "v2b.toml").exists()
