"""Each line of the log is JSON with its run and site; warnings are sentences; secrets and tracebacks stay hidden."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.steps import logs

LOG = logging.getLogger("pipeline.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    logger = logging.getLogger("pipeline")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = handlers, level


def lines(folder: Path) -> list[dict[str, object]]:
    (path,) = (folder / ".dagster" / "log").glob("v2b-*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_names_run_site_and_month(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(tmp_path, run_id="1f2e")
    LOG.info("computed: %s", "ok", extra={"site": "atsugi", "month": "2013-07"})
    logs.configure(tmp_path, run_id="next")
    LOG.info("a second line\nin two")
    first, second = lines(tmp_path)
    assert (first["run_id"], first["site"], first["month"]) == ("1f2e", "atsugi", "2013-07")
    assert (first["level"], first["message"]) == ("info", "computed: ok")
    assert str(first["at"]).endswith("+00:00")
    assert (second["run_id"], second["site"], second["message"]) == ("next", None, "a second line\nin two")
    assert capsys.readouterr().err == ""


def test_stderr_gets_sentences_and_the_file_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(tmp_path)
    try:
        int("no number")
    except ValueError:
        LOG.exception("the report of %s failed", "atsugi")
    assert capsys.readouterr().err == "the report of atsugi failed\n"
    assert "ValueError: invalid" in str(lines(tmp_path)[0]["traceback"])


def test_verbose_prints_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(tmp_path, verbose=True)
    LOG.info("done")
    assert json.loads(capsys.readouterr().err)["message"] == "done"


def test_secrets_are_blotted_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("V2B_SMTP_PASSWORD", "correct horse")
    logs.configure(tmp_path)
    LOG.warning("535 for 'correct horse'")
    assert capsys.readouterr().err == "535 for '***'\n"
    assert "correct horse" not in json.dumps(lines(tmp_path))


def test_a_log_that_cannot_be_written_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".dagster").write_text("a file stands here", encoding="utf-8")
    logs.configure(tmp_path)
    for _ in range(3):
        LOG.info("done")
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_old_months_go(tmp_path: Path) -> None:
    folder = tmp_path / ".dagster" / "log"
    folder.mkdir(parents=True)
    for year in range(1990, 1990 + logs.KEPT_MONTHS):
        (folder / f"v2b-{year}-01.jsonl").touch()
    logs.configure(tmp_path)
    LOG.info("a new month")
    found = sorted(path.name for path in folder.iterdir())
    assert len(found) == logs.KEPT_MONTHS
    assert "v2b-1990-01.jsonl" not in found
