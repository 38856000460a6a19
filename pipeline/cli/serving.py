"""Serves the Dagster UI of a portfolio, and leaves no process behind when it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from pipeline.cli.output import fail, say
from pipeline.cli.runs import LOCATION, dagster_home, fail_killed_runs, opened_instance

_WORKSPACE: Final = f"""\
load_from:
  - python_module:
      module_name: pipeline.definitions
      location_name: {LOCATION}
"""
_PR_SET_PDEATHSIG: Final = 1
_WIND_DOWN_S: Final = 20.0
_LOOK_S: Final = "600"  # seconds a sensor may look: Dagster's minute is short for thousands of sites


def workspace_file(folder: Path) -> Path:
    """Write the file that names the code location to Dagster, in a portfolio's DAGSTER_HOME."""
    path = dagster_home(folder) / "workspace.yaml"
    path.write_text(_WORKSPACE, encoding="utf-8")
    return path


def serve_ui(folder: Path, host: str, port: int) -> int:
    """Run web server and daemon until they end, or this process is told to; returns the exit code."""
    _check_free(host, port)
    workspace = workspace_file(folder)
    with opened_instance(folder) as instance:
        fail_killed_runs(instance)
    environment = {"DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": _LOOK_S, **os.environ, "V2B_PORTFOLIO": str(folder)}
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port)]
    # a session of its own, so that Ctrl-C reaches it once and all of it can be ended together
    services = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=_end_with_parent)  # noqa: PLW1509, S603 - one thread so far
    asked: list[int] = []

    def end(number: int, _frame: object) -> None:
        asked.append(number)
        services.terminate()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        code = services.wait()
    finally:
        _end_group(services.pid)
    if asked:
        return 0
    say("error: the web server or the daemon ended; what was finished stands: start `v2b ui` again")
    return code or 1


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(f"the UI cannot listen on {host}, port {port}: {error.strerror}; name another with --port")


def _end_with_parent() -> None:
    """Ask the kernel to end the services when this process is killed; elsewhere than on Linux there is no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_group(group: int) -> None:
    """Give code servers time to wind down, then end what is left of the services."""
    deadline = time.monotonic() + _WIND_DOWN_S
    try:
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.2)
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
