"""Files that are still being written are left alone, whatever their dates say."""

import os
from pathlib import Path

import pytest

from pipeline.steps.settling import fingerprint, settled


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "landing" / "site").mkdir(parents=True)
    (tmp_path / "landing" / "site" / "meter.csv").write_text("1\n", encoding="utf-8")
    return tmp_path


def changed(root: Path) -> float:
    return (root / "landing" / "site" / "meter.csv").stat().st_ctime


@pytest.mark.parametrize(("after", "found"), [(0, False), (9.9, False), (10, True), (3600, True), (-3600, True)])
def test_a_file_stands_still_for_ten_seconds(root: Path, after: float, found: bool) -> None:
    """An hour before its last change is a clock that was put back: the file is not written then."""
    names = settled(root, now_s=changed(root) + after, settle_s=10)
    assert names == (["site/meter.csv"] if found else [])


def test_an_old_date_does_not_make_a_new_file_settled(root: Path) -> None:
    path = root / "landing" / "site" / "copied.csv"
    path.write_text("half", encoding="utf-8")
    os.utime(path, (0, 0))
    assert "site/copied.csv" not in settled(root, now_s=path.stat().st_ctime + 5, settle_s=10)


def test_hidden_files_never_count(root: Path) -> None:
    (root / "landing" / ".meter.csv.part").write_text("half", encoding="utf-8")
    assert settled(root, now_s=changed(root) + 60, settle_s=10) == ["site/meter.csv"]


def test_the_fingerprint_is_that_of_settled_files_and_configuration(root: Path) -> None:
    later = changed(root) + 60
    first = fingerprint(root, now_s=later, settle_s=10)
    assert fingerprint(root, now_s=later + 1000, settle_s=10) == first
    (root / "arming.csv").write_text("site_id,date,armed\n", encoding="utf-8")
    second = fingerprint(root, now_s=later, settle_s=10)
    assert second != first
    (root / "landing" / "b.csv").write_text("2\n", encoding="utf-8")
    assert fingerprint(root, now_s=(root / "landing" / "b.csv").stat().st_ctime, settle_s=0.5) != first
    assert fingerprint(root, now_s=later, settle_s=10) not in {first, second}
