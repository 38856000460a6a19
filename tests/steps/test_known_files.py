"""The kept hashes of landing/: what did not change is not read again, and no change stays unseen."""

import json
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.steps import known_files
from pipeline.steps.known_files import NAME, file_digests
from pipeline.steps.loading import landed

LATER_S = 120.0


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose content was read, on a clock two minutes ahead of the files."""
    names: list[str] = []
    digest, now = known_files.digest, known_files.time.time

    def told(path: Path) -> str:
        names.append(path.name)
        return digest(path)

    monkeypatch.setattr(known_files, "digest", told)
    monkeypatch.setattr(known_files.time, "time", lambda: now() + LATER_S)
    return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "landing" / name).write_text(name)
    return tmp_path


def write(path: Path, text: str) -> None:
    """Write beyond the grain of the file system's clock: the minute that keeps within it is skipped by `read`."""
    time.sleep(0.02)
    path.write_text(text)


def hashed(root: Path) -> dict[str, str]:
    return file_digests(root, landed(root / "landing"))


def of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_a_file_that_stood_still_is_read_once(root: Path, read: list[str]) -> None:
    assert hashed(root) == hashed(root) == {"a.csv": of("a.csv"), "b.csv": of("b.csv")}
    assert read == ["a.csv", "b.csv"]


def test_a_young_file_is_read_every_time(root: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It may change again within the grain of the clock."""
    monkeypatch.setattr(known_files.time, "time", lambda: (root / "landing" / "a.csv").stat().st_ctime + 59)
    hashed(root)
    hashed(root)
    assert read == ["a.csv", "b.csv"] * 2
    assert not (root / NAME).exists()


def test_a_change_of_the_same_size_under_its_old_date_is_seen(root: Path, read: list[str]) -> None:
    path = root / "landing" / "a.csv"
    hashed(root)
    before = path.stat()
    write(path, "A.csv")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert hashed(root)["a.csv"] == of("A.csv")


def test_a_file_moved_over_another_is_seen(root: Path, read: list[str]) -> None:
    landing = root / "landing"
    hashed(root)
    (landing / "b.csv").rename(landing / "a.csv")
    assert hashed(root) == {"a.csv": of("b.csv")}
    assert set(json.loads((root / NAME).read_text())["files"]) == {"a.csv"}


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    root: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = known_files.digest

    def torn(path: Path) -> str:
        found = digest(path)
        write(path, f"{path.read_text()} and more")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(known_files, "digest", torn)
        hashed(root)
    assert hashed(root)["a.csv"] == of("a.csv and more")


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"layout": 9}', '{"layout": 1, "files": {"a.csv": 3}}', "\0"])
def test_a_list_that_cannot_be_read_is_made_anew(root: Path, read: list[str], kept: str) -> None:
    (root / NAME).write_text(kept)
    assert hashed(root)["a.csv"] == of("a.csv")
    hashed(root)
    assert read == ["a.csv", "b.csv"]


def test_a_look_at_some_files_forgets_no_other(root: Path, read: list[str]) -> None:
    hashed(root)
    (root / "landing" / "c.csv").write_text("c")
    file_digests(root, {"c.csv": root / "landing" / "c.csv"})
    hashed(root)
    assert read == ["a.csv", "b.csv", "c.csv"]


def test_a_list_that_cannot_be_written_costs_a_sentence(
    root: Path, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (root / f"{NAME}.new").mkdir()
    assert hashed(root)["a.csv"] == of("a.csv")
    assert "every file is read again by the next run" in caplog.text


CHANGES = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y", "xy", None])), max_size=8)


@given(CHANGES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_renamed_or_deleted_the_hashes_are_those_of_the_content(
    root: Path, read: list[str], changes: list[tuple[str, str | None]]
) -> None:
    for name, text in changes:
        path = root / "landing" / f"{name}.csv"
        if text is None:
            path.unlink(missing_ok=True)
        else:
            write(path, text)
        files = landed(root / "landing")
        assert file_digests(root, files) == {each: of(at.read_text()) for each, at in files.items()}
