"""The journal: order for ever, no second version of the same results."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.domain import V2BError
from pipeline.journal import Journal

NOON = datetime(2013, 8, 3, 12, tzinfo=UTC)
LATER = datetime(2013, 8, 4, 12, tzinfo=UTC)


def issue(journal: Journal, results: str, *, inputs: str = "i", month: str = "2013-07", at: datetime = NOON) -> int:
    return journal.issue_report("atsugi", month, (inputs, results), at=at, code="0.1").version


def test_files_keep_the_order_in_which_they_were_first_seen(tmp_path: Path) -> None:
    Journal(tmp_path).note_files([("bb", "b.csv"), ("aa", "a.csv")], NOON)
    Journal(tmp_path).note_files([("aa", "a.csv"), ("cc", "c.csv"), ("bb", "b.csv")], LATER)
    files = Journal(tmp_path).files()
    assert [(file.sha256, file.path) for file in files] == [("bb", "b.csv"), ("aa", "a.csv"), ("cc", "c.csv")]
    assert [file.seq for file in files] == sorted(file.seq for file in files)
    assert [file.first_seen for file in files] == [NOON, NOON, LATER]


def test_a_copy_under_another_name_and_new_content_under_the_same_are_files_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note_files([("aa", "a.csv"), ("aa", "copy.csv"), ("bb", "a.csv")], NOON)
    assert len(journal.files()) == 3


def test_the_first_report_restates_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.latest_report("atsugi", "2013-07") is None
    report = journal.issue_report("atsugi", "2013-07", ("i", "r"), at=NOON, code="0.1")
    assert (report.version, report.restates, report.generated_at, report.code) == (1, None, NOON, "0.1")
    assert Journal(tmp_path).latest_report("atsugi", "2013-07") == report


def test_the_same_results_never_get_a_second_version(tmp_path: Path) -> None:
    """A rebuilt warehouse, or inputs that change no figure, restate nothing and keep the first stamp."""
    journal = Journal(tmp_path)
    issue(journal, "r")
    again = journal.issue_report("atsugi", "2013-07", ("other inputs", "r"), at=LATER, code="0.2")
    assert (again.version, again.generated_at, again.code) == (1, NOON, "0.1")


def test_changed_results_are_the_next_version_and_restate_the_one_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    issue(journal, "r")
    second = journal.issue_report("atsugi", "2013-07", ("i2", "r2"), at=LATER, code="0.1")
    assert (second.version, second.restates) == (2, 1)
    third = journal.issue_report("atsugi", "2013-07", ("i", "r"), at=LATER, code="0.1")  # back to the first figures
    assert (third.version, third.restates) == (3, 2)


def test_months_have_versions_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    issue(journal, "r")
    issue(journal, "r2")
    assert issue(journal, "r", month="2013-08") == 1


def test_the_outbox_knows_the_latest_state_of_each_mail(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for recipient, state in (("a@x", "due"), ("b@x", "due"), ("a@x", "sent")):
        journal.note_outbox(("atsugi", "2013-07", 1), recipient, state, NOON)
    assert journal.outbox_states() == {
        ("atsugi", "2013-07", 1, "a@x"): "sent",
        ("atsugi", "2013-07", 1, "b@x"): "due",
    }


def test_a_journal_that_is_broken_is_refused_with_a_sentence_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(V2BError, match=r"journal\.sqlite cannot be read .*restore it from a backup"):
        Journal(tmp_path)
    assert path.read_bytes() == b"this is no database" * 100
