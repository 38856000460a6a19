"""The examples in deploy/ name programs, files and settings there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from pipeline.cli.runs import _DAGSTER_YAML

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ROOT / "deploy" / "compose"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_dagster_program_on_the_workspace(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))
    assert re.search(r"/bin/dagster-(daemon run|webserver) -w /srv/v2b/workspace.yaml", values["ExecStart"])
    assert (values["Restart"], values["User"]) == ("always", "v2b")
    assert values["ReadWritePaths"] == "/srv/v2b/portfolio"
    assert "Environment=DAGSTER_HOME=/srv/v2b/portfolio/.dagster" in lines
    assert not any("PASSWORD=" in line for line in lines if not line.startswith("#"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_understands_a_unit(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` tells of unknown keys and missing programs, and ends with 0 all the same."""
    programs = tmp_path / "srv" / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("dagster-daemon", "dagster-webserver"):
        (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text(encoding="utf-8").replace("/srv/v2b", str(tmp_path / "srv")), encoding="utf-8")
    told = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert [line for line in told.stderr.splitlines() if unit.name in line] == []


def test_compose_runs_the_same_programs_and_keeps_no_secret() -> None:
    text = (COMPOSE / "docker-compose.yml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"history", "daemon", "webserver"}
    assert services["daemon"]["command"] == "dagster-daemon run -w /srv/v2b/workspace.yaml"
    assert services["webserver"]["command"].startswith("dagster-webserver -w /srv/v2b/workspace.yaml")
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert len({services[name]["hostname"] for name in ("daemon", "webserver")}) == 2
    for line in text.splitlines():
        if "PASSWORD" in line and not line.startswith("#"):
            assert "${" in line, line


def test_the_history_in_postgres_has_the_settings_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = yaml.safe_load((COMPOSE / "dagster.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load(_DAGSTER_YAML)
    assert {name: value for name, value in settings.items() if name in own and name != "run_monitoring"} == {
        name: value for name, value in own.items() if name != "run_monitoring"
    }
    assert settings["run_monitoring"] | own["run_monitoring"] == settings["run_monitoring"]
    assert settings["storage"]["postgres"]["postgres_db"]["password"] == {"env": "V2B_HISTORY_PASSWORD"}


def test_what_a_folder_gets_is_understood_by_dagster(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(_DAGSTER_YAML, encoding="utf-8")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["run_monitoring"]["max_runtime_seconds"] > 3600
