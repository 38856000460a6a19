"""The command, run in this process."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from pipeline.cli.entry import main

Ran: TypeAlias = tuple[int, str, str]


@pytest.fixture
def v2b(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `v2b` with arguments: exit code, stdout, stderr."""

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["v2b", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return run
