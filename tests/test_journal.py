"""The journal: order for ever, no second version of the same results."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.domain import LockedError, V2BError
from pipeline.journal import Journal, MailKey, MailState, OutboxState

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


MAIL = MailKey("report", "atsugi", "2013-07", 1, "a@x")


def test_the_outbox_knows_the_latest_state_of_each_mail(tmp_path: Path) -> None:
    journal, other, digest = (
        Journal(tmp_path),
        replace(MAIL, recipient="b@x"),
        MailKey("digest", "", "2013-07", 1, "c@x"),
    )
    for key, state in ((MAIL, "pending"), (other, "failed"), (MAIL, "sending"), (digest, "unknown"), (MAIL, "sent")):
        journal.note_mail(key, state, NOON, f"{state} it is")
    assert Journal(tmp_path).mails() == {
        MAIL: MailState("sent", NOON, "sent it is"),
        other: MailState("failed", NOON, "failed it is"),
        digest: MailState("unknown", NOON, "unknown it is"),
    }
    assert journal.outbox_states() == {
        ("atsugi", "2013-07", 1, "a@x"): "sent",
        ("atsugi", "2013-07", 1, "b@x"): "failed",
    }


@pytest.mark.parametrize(
    ("state", "free"),
    [(None, True), ("pending", True), *((s, False) for s in ("sending", "sent", "failed", "unknown"))],
)
def test_only_new_and_pending_mails_are_claimed(tmp_path: Path, state: OutboxState | None, *, free: bool) -> None:
    journal = Journal(tmp_path)
    if state:
        journal.note_mail(MAIL, state, NOON)
    assert journal.claim_mail(MAIL, LATER) is free
    assert journal.mails()[MAIL].state == ("sending" if free else state)
    assert not journal.claim_mail(MAIL, LATER)


def test_of_many_that_claim_at_once_one_gets_the_mail(tmp_path: Path) -> None:
    journals = [Journal(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(len(journals)) as pool:
        claimed = list(pool.map(lambda journal: journal.claim_mail(MAIL, NOON), journals))
    assert claimed.count(True) == 1


def test_one_process_mails_at_a_time_and_finds_what_a_dead_one_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.claim_mail(MAIL, NOON)
    with journal.mailing(0, LATER):
        assert journal.mails()[MAIL].state == "pending"
        with pytest.raises(LockedError, match="another process sends the mail"), Journal(tmp_path).mailing(0, LATER):
            pytest.fail("two mail at once")
        journal.claim_mail(MAIL, LATER)
        journal.note_mail(MAIL, "unknown", LATER)
    with journal.mailing(0, LATER):
        assert journal.mails()[MAIL].state == "unknown"


def test_a_journal_of_an_earlier_version_keeps_its_rows_and_learns_the_new_columns(tmp_path: Path) -> None:
    """The tables as version 0.1 made them in its first weeks, with a row each."""
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as old, old:
        old.executescript(
            "create table report_issued (seq integer primary key autoincrement, site_id text not null, month text not "
            "null, version integer not null, restates integer, input_hash text not null, result_hash text not null, "
            "generated_at text not null, code text not null, unique (site_id, month, version));"
            "create table outbox_transition (seq integer primary key autoincrement, site_id text not null, month text "
            "not null, version integer not null, recipient text not null, state text not null, at text not null, "
            "detail text not null default '');"
            "insert into report_issued values "
            "(1, 'atsugi', '2013-07', 1, null, 'i', 'r', '2013-08-03T12:00:00+00:00', '0');"
            "insert into outbox_transition values "
            "(1, 'atsugi', '2013-07', 1, 'a@x', 'sent', '2013-08-03T12:00:00+00:00', '');"
        )
    for _ in range(2):
        journal = Journal(tmp_path)
        assert journal.mails() == {MAIL: MailState("sent", NOON, "")}
        (report,) = journal.reports()
        assert (report.version, report.generated_at, report.stated) == (1, NOON, {})
    assert (
        journal.issue_report("atsugi", "2013-07", ("i", "r2"), at=LATER, code="1", stated={"saved": "1"}).version == 2
    )
    assert journal.reports()[1].stated == {"saved": "1"}


def test_a_journal_that_is_broken_is_refused_with_a_sentence_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(V2BError, match=r"journal\.sqlite cannot be read .*restore it from a backup"):
        Journal(tmp_path)
    assert path.read_bytes() == b"this is no database" * 100
